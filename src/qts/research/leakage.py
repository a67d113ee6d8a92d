"""Does a strategy know the future? Blindfold replay: decide again while the future is not there, and compare.

The strategy runs a second time over columns in memory of their own, whose rows
after the present hold NaN; each row is written just before the strategy is
asked about it. Whatever it decided with the future in reach it must decide
again, word for word, on every bar. Trades are not compared, only decisions, so
sizes, fills and costs cannot raise a false alarm. A strategy that is not
reproducible (hidden state, chance, a clock) fails here too.

Features come from the trusted registry, whose columns are tested to be causal.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from qts.domain.errors import StrategyError
from qts.domain.fill import Fill
from qts.domain.instant import Instant, format_instant
from qts.domain.money import plain
from qts.domain.order import Order
from qts.market.bars import PRICE_COLUMNS, Bars
from qts.market.dataset import Dataset
from qts.market.view import Cursor, View
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.result import Refusal, RunResult
from qts.strategy.features.columns import FeatureColumns
from qts.strategy.intent import Answer
from qts.strategy.strategy import Strategy

_HIDDEN = (*PRICE_COLUMNS, "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """The first decision that changed when the future was missing."""

    decided_at: Instant
    with_future: str
    without_future: str

    def sentence(self) -> str:
        return (
            f"on the bar closing {format_instant(self.decided_at)} the strategy decided {self.with_future}, "
            f"but {self.without_future} when later bars were hidden: it uses the future, or it is not reproducible"
        )


def find_leak(dataset: Dataset, build: Callable[[], Strategy], terms: Terms, full: RunResult) -> Leak | None:
    """The first leak, or None. build: makes the strategy anew. full: its run over ``dataset`` under ``terms``."""
    blindfolded = _Blindfolded(build(), dataset)
    try:
        blind = run_backtest(dataset, blindfolded, terms)
    except StrategyError as error:
        last = dataset.bars.closed_at(blindfolded.row)
        return Leak(decided_at=last, with_future="without complaint", without_future=f"failed ({error.cause})")
    for seen, hidden in zip_longest(_decisions(full), _decisions(blind)):
        if seen != hidden:
            first = min(_instant(decision) for decision in (seen, hidden) if decision is not None)
            return Leak(decided_at=first, with_future=_told(seen, first), without_future=_told(hidden, first))
    return None


class _Blindfolded(Strategy):
    """Asks ``inner`` through a view of its own, whose columns end at the present."""

    def __init__(self, inner: Strategy, dataset: Dataset) -> None:
        self._inner = inner
        self._true = dataset.bars
        self._columns = {name: getattr(dataset.bars, name).copy() for name in _HIDDEN}
        self._bars: Bars = replace(dataset.bars, **self._columns)
        self._features = FeatureColumns(dataset.bars, float(dataset.instrument.tick))
        self._cursor = Cursor()
        self._view: View | None = None
        self.row = 0

    def on_start(self) -> None:
        for column in self._columns.values():
            column[:] = np.nan
        self._inner.on_start()

    def on_bar(self, view: View) -> Answer:
        row = view.bar_number
        for name, column in self._columns.items():
            column[self.row : row + 1] = getattr(self._true, name)[self.row : row + 1]
        self.row = self._cursor.row = row
        if self._view is None:
            self._view = View(self._bars, self._features, self._cursor, view.holding)
        self._view.holding = view.holding
        if row < self._inner.warmup:
            return None
        return self._inner.on_bar(self._view)

    def on_fill(self, fill: Fill) -> None:
        self._inner.on_fill(fill)


def _decisions(result: RunResult) -> list[Order | Refusal]:
    """What was decided, in order; a refusal of an order already sent is the venue's, not a decision."""
    sent = {order.order_id for order in result.orders}
    decisions: list[Order | Refusal] = list(result.orders)
    decisions += [refusal for refusal in result.refusals if refusal.order_id not in sent]
    return sorted(decisions, key=lambda decision: (_instant(decision), decision.order_id))


def _instant(decision: Order | Refusal) -> Instant:
    return decision.created_at if isinstance(decision, Order) else decision.occurred_at


def _told(decision: Order | Refusal | None, at: Instant) -> str:
    match decision:
        case Order() if decision.created_at == at:
            return f"to {decision.side} {plain(decision.quantity)}"
        case Refusal() if decision.occurred_at == at:
            return f"on an order that was refused ({decision.codes[0]})"
        case _:
            return "nothing"
