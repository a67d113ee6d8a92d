"""What a run found, and everything needed to find it again."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from operator import attrgetter

import numpy as np

from qts.domain.fill import Fill, FundingPayment, Trade
from qts.domain.ids import canonical_json, digest
from qts.domain.instant import Instant
from qts.domain.order import Order
from qts.domain.waiver import Waiver
from qts.market.bars import Floats, Instants
from qts.risk.limit_words import GateWord, LimitWord
from qts.risk.limits import Measured

ENGINE = 7
"""Raised whenever the same inputs give another result than before."""
_NOT_OF_A_TRIAL = frozenset({"data_source", "engine"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The facts a result is a function of. Equal provenance means an equal result, to the last bit.

    rows_filled: bars that cleaning made to close short gaps. engine: ``ENGINE`` when it ran.
    """

    strategy: str
    parameters: Mapping[str, object]
    code_digest: str
    data_fingerprint: str
    data_source: str
    symbol: str
    interval_ms: int
    start: Instant
    end: Instant
    capital: Decimal
    frictions: Mapping[str, object]
    risk_limits: Mapping[str, object]
    waivers: tuple[Waiver, ...]
    synthetic: bool
    rows_filled: int = 0
    engine: int = ENGINE

    def facts(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def trial_key(self) -> str:
        """Digest of what makes a trial distinct: family, code, parameters, data, frictions, capital, limits (BX-3).

        What data are called and which engine runs them does not make another trial.
        """
        return digest({name: fact for name, fact in self.facts().items() if name not in _NOT_OF_A_TRIAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSplit:
    """Quote amounts over the whole run; positive is paid. Slippage is already inside the fill prices."""

    fees: Decimal
    slippage: Decimal
    funding: Decimal
    liquidation_fees: Decimal

    @property
    def total(self) -> Decimal:
        return self.fees + self.slippage + self.funding + self.liquidation_fees


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An order that was not sent, and why (all reasons, worst first)."""

    occurred_at: Instant
    order_id: str
    codes: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionChange:
    """What the strategy asked of the protective pair of an open position.

    stop_loss, take_profit: quote per base, on the tick grid; None: left as it was.
    """

    occurred_at: Instant
    stop_loss: Decimal | None
    take_profit: Decimal | None


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResult:
    """One backtest.

    opened_at: int64, shape (n,), open instant of each bar, ms UTC; the data's own column.
    equity: float64, shape (n,), quote; wallet plus open position at the mark price
    of each bar's close, after all costs so far. close: float64, shape (n,), the bar closes.
    size_changes: (row, signed base units held at its close and from then on), rows increasing, the first one 0.
    wallet: realised money at the end, exact; final equity = wallet + unrealised.
    halted: a sentence when nothing is left at the end (final equity 0 or below), else None; the run
    itself always goes on to the last bar, while the gate refuses whatever would open.
    assumptions: every assumption the run made, one sentence each.
    journal_head: digest of the last row of the run's journal, which every event and command of it is chained into.
    orders: every order that was allowed, in the order it was sent.
    protections: every change of a protective pair by protect(), in order; the pair an order brings is in the order.
    gate: what the staged limits did, in order. distances: how far everything was from every limit at the end. Both are
    empty when the gate alone judged.
    """

    provenance: Provenance
    opened_at: Instants
    close: Floats
    equity: Floats
    size_changes: tuple[tuple[int, float], ...]
    fills: tuple[Fill, ...]
    funding_payments: tuple[FundingPayment, ...]
    trades: tuple[Trade, ...]
    refusals: tuple[Refusal, ...]
    wallet: Decimal
    unrealized_pnl: Decimal
    costs: CostSplit
    assumptions: tuple[str, ...]
    halted: str | None
    orders: tuple[Order, ...] = ()
    protections: tuple[ProtectionChange, ...] = ()
    gate: tuple[GateWord, ...] = ()
    distances: tuple[Measured, ...] = ()
    journal_head: str = ""

    @cached_property
    def closed_at(self) -> Instants:
        """int64, shape (n,), close instant of each bar, ms UTC."""
        return self.opened_at + self.provenance.interval_ms

    @cached_property
    def position(self) -> Floats:
        """float64, shape (n,), signed base units held at each close."""
        rows = np.array([row for row, _ in self.size_changes], dtype=np.int64)
        sizes = np.array([size for _, size in self.size_changes], dtype=np.float64)
        return np.repeat(sizes, np.diff(rows, append=len(self.equity)))

    @property
    def capital(self) -> Decimal:
        return self.provenance.capital

    @property
    def final_equity(self) -> Decimal:
        return self.wallet + self.unrealized_pnl

    @property
    def closed_trades(self) -> tuple[Trade, ...]:
        return tuple(trade for trade in self.trades if not trade.is_open)

    @property
    def refusal_counts(self) -> dict[str, int]:
        """How often each code refused an order, most frequent first."""
        return dict(Counter(code for refusal in self.refusals for code in refusal.codes).most_common())

    @cached_property
    def digest(self) -> str:
        """SHA-256 over provenance, the journal's head, and the bytes of the equity curve.

        The journal has every order, acknowledgement and fill. Changes of protection are
        added with their own words, and so are funding payments and refusals, which the
        machine does not hear of, and what the staged limits said.
        """
        sha = sha256(canonical_json(self.provenance.facts()).encode())
        sha.update(self.journal_head.encode())
        events: tuple[ProtectionChange | FundingPayment | Refusal, ...]
        events = (*self.protections, *self.funding_payments, *self.refusals)
        for event in events:
            sha.update(canonical_json(_ROW_OF[type(event)](event)).encode())
        for word in self.gate:
            sha.update(canonical_json([*_WORD(word), [_LIMIT_WORD(each) for each in word.limits]]).encode())
        sha.update(self.equity.astype("<f8", copy=False).data)
        sha.update(canonical_json([self.wallet, self.unrealized_pnl, self.halted]).encode())
        return sha.hexdigest()


_ROW_OF: "dict[type, attrgetter[tuple[object, ...]]]" = {
    kind: attrgetter(*(field.name for field in fields(kind))) for kind in (ProtectionChange, FundingPayment, Refusal)
}
"""An event's fields in order of declaration, as one tuple."""
_WORD: "attrgetter[tuple[object, ...]]" = attrgetter(*(each.name for each in fields(GateWord) if each.name != "limits"))
_LIMIT_WORD: "attrgetter[tuple[object, ...]]" = attrgetter(*(each.name for each in fields(LimitWord)))
