"""Does a strategy know the future? Blindfold replay: decide once while the future is not there, and compare.

A strategy runs twice. The first time under a blindfold (``market/blindfold.py``):
rows after the present are not there, and each is shown just before the strategy
is asked about it. Then it runs over the data as they are. Whatever it decides
with the future in reach it must have decided without, word for word, on every
bar: orders, refused wishes and changes of protection. Trades are not compared,
only decisions, so sizes, fills and costs cannot raise a false alarm. A strategy
that is not reproducible (hidden state, chance, a clock) fails here too. The blind
run comes first, so that nothing it could have remembered from the other one is
the future. Several on one account: ``account_leakage.py``.

Features come from the trusted registry, whose columns are tested to be causal.
What a strategy brings along is beyond this: signals made elsewhere, a file it reads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import zip_longest
from typing import Final, TypeAlias

from qts.domain.errors import QtsError, StrategyError
from qts.domain.fill import Fill
from qts.domain.instant import Instant, format_instant
from qts.domain.money import plain
from qts.domain.order import Order
from qts.market.blindfold import Blindfold
from qts.market.dataset import Dataset
from qts.market.view import Cursor, View
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.result import ProtectionChange, Refusal, RunResult
from qts.strategy.features.columns import FeatureColumns
from qts.strategy.intent import Answer
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy

NEXT_STEP: Final = "use only what the view gives; it shows the present bar and the past"
"""What whoever wrote a strategy that leaks can do about it."""
Decision: TypeAlias = Order | Refusal | ProtectionChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """The first decision of a strategy that changed when the future was missing."""

    decided_at: Instant
    with_future: str
    without_future: str

    def sentence(self) -> str:
        return (
            f"on the bar closing {format_instant(self.decided_at)} the strategy decided {self.with_future}, "
            f"but {self.without_future} when later bars were hidden: it uses the future, or it is not reproducible"
        )


class LeakCheck(StrEnum):
    """What came of the search for leaks."""

    PASSED = "passed"
    NOT_POSSIBLE = "not-possible"
    NOT_ASKED = "not-asked"
    LEAK = "leak"

    @classmethod
    def of(cls, kind: type[Strategy], leak: Leak | None) -> "LeakCheck":
        """Signals are given as data: however they were made, they are the same with and without the future."""
        if leak is not None:
            return cls.LEAK
        return cls.NOT_POSSIBLE if issubclass(kind, SignalStrategy) else cls.PASSED

    @property
    def sentence(self) -> str:
        match self:
            case LeakCheck.PASSED:
                return "no leak: every decision is the same when later bars are hidden"
            case LeakCheck.NOT_POSSIBLE:
                return "signals were made elsewhere and cannot be checked for leaks"
            case LeakCheck.NOT_ASKED:
                return "it was never asked, so nothing is known of leaks"
            case LeakCheck.LEAK:
                return "a leak: a decision is another one when later bars are hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A run over the data as they are. leak: the first one found."""

    result: RunResult
    leak: Leak | None
    check: LeakCheck


def run_checked(dataset: Dataset, build: Callable[[], Strategy], terms: Terms) -> Checked:
    """Run blindfolded, then in full, and compare. build: makes the strategy anew.

    Raises what ``run_backtest`` raises over the data as they are; an error only without the future is a leak.
    """
    strategy = build()
    blindfolded = _Blindfolded(strategy, dataset)
    failure, blind = None, None
    try:
        blind = run_backtest(dataset, blindfolded, terms)
    except StrategyError as error:
        failure = Leak(
            decided_at=dataset.bars.closed_at(blindfolded.row),
            with_future="without complaint",
            without_future=f"failed ({_cause(error)})",
        )
    full = run_backtest(dataset, build(), terms)
    leak = failure if blind is None else _difference(full, blind)
    return Checked(result=full, leak=leak, check=LeakCheck.of(type(strategy), leak))


def _cause(error: StrategyError) -> str:
    origin = error.__cause__
    return error.cause if origin is None or isinstance(origin, QtsError) else f"{type(origin).__name__}: {origin}"


def _difference(full: RunResult, blind: RunResult) -> Leak | None:
    for seen, hidden in zip_longest(_decisions(full), _decisions(blind)):
        if seen != hidden:
            first = min(_instant(decision) for decision in (seen, hidden) if decision is not None)
            return Leak(decided_at=first, with_future=_told(seen, first), without_future=_told(hidden, first))
    if full.journal_head != blind.journal_head and full.orders:
        at = full.orders[0].created_at
        return Leak(decided_at=at, with_future="to work its orders in one way", without_future="in another")
    return None


class _Blindfolded(Strategy):
    """Asks ``inner`` through a view of its own, whose columns end at the present."""

    def __init__(self, inner: Strategy, dataset: Dataset) -> None:
        self._inner = inner
        self._sight = Blindfold(dataset.bars, FeatureColumns(dataset.bars, float(dataset.instrument.tick)))
        self._cursor = Cursor()
        self._view: View | None = None
        self.row = 0

    def on_start(self) -> None:
        self._inner.on_start()

    def on_bar(self, view: View) -> Answer:
        self.row = self._cursor.row = view.bar_number
        self._sight.show(self.row)
        if self._view is None:
            self._view = View(self._sight.bars, self._sight.features, self._cursor, view.holding)
        self._view.holding = view.holding
        if self.row < self._inner.warmup:
            return None
        return self._inner.on_bar(self._view)

    def on_fill(self, fill: Fill) -> None:
        self._inner.on_fill(fill)


def _decisions(result: RunResult) -> list[Decision]:
    """What was decided, in order; a refusal of an order already sent is the venue's, not a decision."""
    sent = {order.order_id for order in result.orders}
    decisions: list[Decision] = [*result.orders, *result.protections]
    decisions += [refusal for refusal in result.refusals if refusal.order_id not in sent]
    return sorted(decisions, key=lambda decision: (_instant(decision), _order_id(decision)))


def _instant(decision: Decision) -> Instant:
    return decision.created_at if isinstance(decision, Order) else decision.occurred_at


def _order_id(decision: Decision) -> str:
    """A change of protection sends no order: it comes before those of its bar."""
    return "" if isinstance(decision, ProtectionChange) else decision.order_id


def _told(decision: Decision | None, at: Instant) -> str:
    if decision is None or _instant(decision) != at:
        return "nothing"
    match decision:
        case Order():
            prices = _listed({"at": decision.price, "stop": decision.stop_loss, "target": decision.take_profit})
            return f"to {decision.side} {plain(decision.quantity)}{prices and f' ({prices})'}"
        case Refusal():
            return f"on an order that was refused ({decision.codes[0]})"
        case ProtectionChange():
            return f"to protect with {_listed({'stop': decision.stop_loss, 'target': decision.take_profit})}"


def _listed(prices: dict[str, Decimal | None]) -> str:
    return ", ".join(f"{name} {plain(price)}" for name, price in prices.items() if price is not None)
