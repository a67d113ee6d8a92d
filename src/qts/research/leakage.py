"""Does a strategy know the future? Prefix replay: decide again on data that end early, and compare.

Whatever a strategy decided up to an instant must be decided again, word for
word, when everything after that instant is missing. Trades are never looked at:
only decisions, so sizes, fills and costs cannot raise a false alarm. A strategy
that is not reproducible (hidden state, chance, a clock) fails here too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qts.domain.errors import StrategyError
from qts.domain.instant import Instant, format_instant
from qts.domain.order import Order
from qts.market.bars import PRICE_COLUMNS
from qts.market.dataset import Dataset
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.result import Refusal, RunResult
from qts.strategy.strategy import Strategy

CUTS = (0.35, 0.6, 0.85)
"""Where the data are cut, as shares of their bars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """The first decision that changed when the future went missing."""

    cut: Instant
    decided_at: Instant
    with_future: str
    without_future: str

    def sentence(self) -> str:
        return (
            f"on the bar closing {format_instant(self.decided_at)} the strategy decided {self.with_future} "
            f"with the data after {format_instant(self.cut)}, and {self.without_future} without them: "
            "it uses the future, or it is not reproducible"
        )


def find_leak(
    dataset: Dataset,
    build: Callable[[], Strategy],
    terms: Terms,
    full: RunResult,
    cuts: Sequence[float] = CUTS,
) -> Leak | None:
    """The first leak found, or None. build: makes the strategy anew. full: its run over the whole data set."""
    for share in cuts:
        rows = int(len(dataset.bars) * share)
        if rows < 1:
            continue
        cut = dataset.bars.closed_at(rows - 1)
        try:
            short = run_backtest(_without_future(dataset, cut), build(), terms)
        except StrategyError:
            short = None
        leak = _first_difference(cut, _decisions(full, cut), [] if short is None else _decisions(short, cut))
        if leak is not None:
            return leak
    return None


def _without_future(dataset: Dataset, cut: Instant) -> Dataset:
    """The data up to ``cut`` in memory of their own, so that no array leads back to the rest."""
    window = dataset.between(dataset.start, cut)
    bars = window.bars
    columns = {name: getattr(bars, name).copy() for name in ("opened_at", *PRICE_COLUMNS, "volume")}
    return replace(window, bars=replace(bars, **columns))


def _decisions(result: RunResult, until: Instant) -> list[Order | Refusal]:
    """What was decided at or before ``until``, in order; a refusal of an order already sent is the venue's."""
    sent = {order.order_id for order in result.orders}
    decisions: list[Order | Refusal] = [order for order in result.orders if order.created_at <= until]
    decisions += [
        refusal for refusal in result.refusals if refusal.occurred_at <= until and refusal.order_id not in sent
    ]
    return sorted(decisions, key=lambda decision: (_instant(decision), decision.order_id))


def _first_difference(cut: Instant, full: list[Order | Refusal], short: list[Order | Refusal]) -> Leak | None:
    for row in range(max(len(full), len(short))):
        a = full[row] if row < len(full) else None
        b = short[row] if row < len(short) else None
        if a != b:
            first = min(_instant(decision) for decision in (a, b) if decision is not None)
            return Leak(cut=cut, decided_at=first, with_future=_told(a, first), without_future=_told(b, first))
    return None


def _instant(decision: Order | Refusal) -> Instant:
    return decision.created_at if isinstance(decision, Order) else decision.occurred_at


def _told(decision: Order | Refusal | None, at: Instant) -> str:
    match decision:
        case Order() if decision.created_at == at:
            return f"to {decision.side} {decision.quantity.normalize():f}"
        case Refusal() if decision.occurred_at == at:
            return f"an order that was refused ({decision.codes[0]})"
        case _:
            return "nothing"
