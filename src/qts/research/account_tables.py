"""What each strategy, each symbol and the account came to, and whether the parts add up.

Capital, equity, fees, funding and liquidation fees of the strategies add up to
the account's, and those of the symbols do, exactly; anything else is a defect
and is said (``differences``). Fills do not add up: one fill of the venue may be
for several strategies, and what two strategies crossed the venue never saw.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Final

import numpy as np

from qts.domain.money import exact_arithmetic
from qts.domain.virtual_books import QUARANTINE
from qts.market.bars import Floats
from qts.research.drawdown import max_drawdown
from qts.simulation.joint_result import BookSums, JointResult
from qts.simulation.result import RunResult

ACCOUNT_NAME: Final = "account"
SUMMED: Final = ("capital", "equity", "fees", "funding", "liquidation_fees")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """One strategy, one symbol, or the account. Money in quote; fees and funding above 0 were paid.

    total_return: fraction of capital, None without capital. max_drawdown: fraction of the peak, at bar closes, None
    without a line of equity. fills: of the venue; of a strategy, its parts of fills and its crosses.
    """

    name: str
    capital: Decimal
    equity: Decimal
    total_return: float | None
    max_drawdown: float | None
    fees: Decimal
    funding: Decimal
    liquidation_fees: Decimal
    fills: int

    def facts(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTables:
    """strategies, symbols: by name. account: the venue's own books together."""

    strategies: tuple[AccountRow, ...]
    symbols: tuple[AccountRow, ...]
    account: AccountRow

    def sums(self) -> dict[str, dict[str, Decimal]]:
        """What the strategies, the symbols and the account come to, by what is summed."""
        with exact_arithmetic():
            return {
                what: {
                    "strategies": sum((getattr(row, what) for row in self.strategies), start=Decimal(0)),
                    "symbols": sum((getattr(row, what) for row in self.symbols), start=Decimal(0)),
                    "account": getattr(self.account, what),
                }
                for what in SUMMED
            }

    @property
    def differences(self) -> tuple[str, ...]:
        """What does not add up; empty unless something is wrong with QTS."""
        return tuple(what for what, sums in self.sums().items() if len(set(sums.values())) > 1)

    def facts(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "strategies": [row.facts() for row in self.strategies],
            "symbols": [row.facts() for row in self.symbols],
            "account": self.account.facts(),
            "sums": self.sums(),
            "sums_equal": not self.differences,
        }


def account_tables(result: JointResult) -> AccountTables:
    """Every table of the run. Fills that no strategy asked for have a row of their own, where there are any."""
    parts: Mapping[str, int] = _parts_of_fills(result)
    names = sorted(result.by_strategy, key=lambda name: (name == QUARANTINE, name))
    with exact_arithmetic():
        strategies = tuple(
            _row(name, result.of_strategy(name), result.by_strategy[name], parts.get(name, 0)) for name in names
        )
        symbols = tuple(
            _row(name, sums, result.by_symbol[name], result.fills[name]) for name, sums in sorted(result.venue.items())
        )
        account = _row(ACCOUNT_NAME, result.account, result.equity, sum(result.fills.values()))
    return AccountTables(strategies=strategies, symbols=symbols, account=account)


def run_tables(result: RunResult) -> AccountTables:
    """The same of a run of one strategy on one symbol: each of its tables has one row."""
    facts, capital = result.provenance, float(result.capital)
    line = np.concatenate(([capital], result.equity))
    row = AccountRow(
        name=facts.strategy,
        capital=result.capital,
        equity=result.final_equity,
        total_return=float(result.final_equity) / capital - 1,
        max_drawdown=max_drawdown(np.maximum(line, 0.0)),
        fees=result.costs.fees,
        funding=result.costs.funding,
        liquidation_fees=result.costs.liquidation_fees,
        fills=len(result.fills),
    )
    return AccountTables(
        strategies=(row,), symbols=(replace(row, name=facts.symbol),), account=replace(row, name=ACCOUNT_NAME)
    )


def _parts_of_fills(result: JointResult) -> dict[str, int]:
    counts: dict[str, int] = {}
    for postings in result.postings.values():
        for _, posting in postings:
            if posting.quantity:
                counts[posting.strategy_id] = counts.get(posting.strategy_id, 0) + 1
    return counts


def _row(name: str, sums: BookSums, line: Floats | None, fills: int) -> AccountRow:
    capital = float(sums.capital)
    fall = None
    if line is not None and capital > 0:
        # A strategy's own book may end below 0, since the account's other money stood behind it; lost is lost.
        fall = max_drawdown(np.maximum(np.concatenate(([capital], line)), 0.0))
    return AccountRow(
        name=name,
        capital=sums.capital,
        equity=sums.equity,
        total_return=float(sums.equity) / capital - 1 if capital > 0 else None,
        max_drawdown=fall,
        fees=sums.fees,
        funding=sums.funding,
        liquidation_fees=sums.liquidation_fees,
        fills=fills,
    )
