"""What each strategy, each symbol and the account came to, and whether the parts add up.

Capital, what was transferred, equity, fees, funding and liquidation fees of the
strategies add up to the account's, and those of the symbols do, exactly; anything
else is a defect and is said (``differences``). Of strategies between which capital
was transferred, return and drawdown are those of ``own_return``. Fills do not add up: one fill of the venue may be
for several strategies, and what two strategies crossed the venue never saw.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Final

import numpy as np

from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.virtual_books import QUARANTINE
from qts.market.bars import Floats
from qts.research.drawdown import max_drawdown
from qts.research.own_return import Growth, growth_of
from qts.simulation.joint_result import BookSums, JointResult
from qts.simulation.result import RunResult

ACCOUNT_NAME: Final = "account"
TRANSFERS_TOLD: Final = (
    "Capital is what a strategy began with, and what transfers brought and took. Return and drawdown count a transfer "
    "as neither gain nor loss: growth is measured from one transfer to the next, and the stretches multiplied."
)
"""What is said beside the numbers of a run in which capital was transferred."""
SUMMED: Final = ("capital", "transferred", "equity", "fees", "funding", "liquidation_fees")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """One strategy, one symbol, or the account. Money in quote; fees and funding above 0 were paid.

    capital: what it began with, and what transfers brought and took (transferred, below 0 where they took more).
    total_return: fraction of the capital, None without capital; a transfer is neither a gain nor a loss.
    max_drawdown: fraction of the peak, at bar closes, likewise. fills: of the venue; of a strategy, its parts of fills
    and its crosses.
    """

    name: str
    capital: Decimal
    transferred: Decimal
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
            _row(
                name,
                result.of_strategy(name),
                growth_of(result, name),
                parts.get(name, 0),
                transferred=result.moved(name),
            )
            for name in names
        )
        symbols = tuple(
            _row(name, sums, _grown(sums, result.by_symbol[name]), result.fills[name])
            for name, sums in sorted(result.venue.items())
        )
        whole, fills = result.account, sum(result.fills.values())
        account = _row(ACCOUNT_NAME, whole, _grown(whole, result.equity), fills)
    return AccountTables(strategies=strategies, symbols=symbols, account=account)


def run_tables(result: RunResult) -> AccountTables:
    """The same of a run of one strategy on one symbol: each of its tables has one row."""
    facts, capital = result.provenance, float(result.capital)
    line = np.concatenate(([capital], result.equity))
    row = AccountRow(
        name=facts.strategy,
        capital=result.capital,
        transferred=ZERO,
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


def _grown(sums: BookSums, line: Floats) -> Growth:
    """Where nothing is transferred. line: equity at every close, quote."""
    points = np.concatenate(([float(sums.capital)], line))
    return Growth(began=sums.capital, ended=sums.equity, points=points)


def _row(name: str, sums: BookSums, growth: Growth, fills: int, *, transferred: Decimal = ZERO) -> AccountRow:
    return AccountRow(
        name=name,
        capital=sums.capital,
        transferred=transferred,
        equity=sums.equity,
        total_return=growth.total_return,
        max_drawdown=growth.max_drawdown,
        fees=sums.fees,
        funding=sums.funding,
        liquidation_fees=sums.liquidation_fees,
        fills=fills,
    )
