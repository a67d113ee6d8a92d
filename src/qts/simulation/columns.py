"""The market of a run, laid out for the exchange: one row a bar, everything ready to be read by index."""

from bisect import bisect_left
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from qts.domain.money import exact
from qts.domain.waiver import Waiver
from qts.market.bars import Bars, Floats, Instants
from qts.market.brackets import BracketHistory
from qts.market.dataset import Dataset
from qts.simulation.costs import FixedSlippage, Slippage


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingEvent:
    """One funding event placed on a bar. at_open: at the bar's open or in a gap before it; else inside the bar."""

    row: int
    at_open: bool
    occurred_at: int
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketColumns:
    """bars, and the mark price on the same rows (the bars' own columns where a waiver lets last stand for mark).

    funding_rows: int64, sorted, the row of each event in ``funding``.
    bracket_rows: sorted rows whose open is the first under a newer bracket table.
    atr: ATR(14) known at the close of each row, NaN until warm; None when no slippage model reads it.
    """

    bars: Bars
    mark_open: Floats
    mark_high: Floats
    mark_low: Floats
    mark_close: Floats
    funding: tuple[FundingEvent, ...]
    funding_rows: Instants
    brackets: BracketHistory | None
    bracket_rows: tuple[int, ...]
    atr: Floats | None

    def next_bracket_change(self, row: int) -> int:
        """The first row at or after ``row`` where the bracket table is another than on the row before, or the end."""
        place = bisect_left(self.bracket_rows, row)
        return self.bracket_rows[place] if place < len(self.bracket_rows) else len(self.bars)


def market_columns(dataset: Dataset, waivers: tuple[Waiver, ...], slippage: Slippage) -> MarketColumns:
    """Columns of a data set whose inputs were found to be there (``require_inputs``)."""
    bars = dataset.bars
    mark = (
        _mark_by_bar(dataset) if Waiver.MARK_FROM_LAST not in waivers else (bars.open, bars.high, bars.low, bars.close)
    )
    funding = () if dataset.funding is None else _placed_funding(dataset)
    brackets = None if Waiver.NO_BRACKETS in waivers else dataset.brackets
    return MarketColumns(
        bars=bars,
        mark_open=mark[0],
        mark_high=mark[1],
        mark_low=mark[2],
        mark_close=mark[3],
        funding=funding,
        funding_rows=np.array([event.row for event in funding], dtype=np.int64),
        brackets=brackets,
        bracket_rows=_bracket_rows(bars, brackets),
        atr=None if isinstance(slippage, FixedSlippage) else _atr(bars),
    )


def _mark_by_bar(dataset: Dataset) -> tuple[Floats, Floats, Floats, Floats]:
    mark, bars = dataset.mark, dataset.bars
    assert mark is not None
    if mark.interval_ms == bars.interval_ms and len(mark) == len(bars):
        return mark.open, mark.high, mark.low, mark.close
    first = np.searchsorted(mark.opened_at, bars.opened_at, side="left")
    last = np.searchsorted(mark.opened_at, bars.opened_at + bars.interval_ms, side="left") - 1
    edges = np.stack((first, last + 1), axis=1).ravel()
    high = np.maximum.reduceat(np.append(mark.high, -np.inf), edges)[::2]
    low = np.minimum.reduceat(np.append(mark.low, np.inf), edges)[::2]
    return mark.open[first], high, low, mark.close[last]


def _placed_funding(dataset: Dataset) -> tuple[FundingEvent, ...]:
    """Each event on the bar it happens in; one that falls into a gap belongs to the open of the bar after it."""
    assert dataset.funding is not None
    bars, events = dataset.bars, dataset.funding.between(dataset.start, dataset.end)
    rows = np.searchsorted(bars.opened_at, events.occurred_at, side="right") - 1
    in_gap = events.occurred_at >= bars.opened_at[rows] + bars.interval_ms
    at_open = in_gap | (events.occurred_at == bars.opened_at[rows])
    rows = rows + in_gap
    return tuple(
        FundingEvent(row=row, at_open=first, occurred_at=instant, rate=exact(rate))
        for row, first, instant, rate in zip(
            rows.tolist(), at_open.tolist(), events.occurred_at.tolist(), events.rate.tolist(), strict=True
        )
    )


def _bracket_rows(bars: Bars, brackets: BracketHistory | None) -> tuple[int, ...]:
    tables = () if brackets is None else brackets.tables[1:]  # the first one rules from the beginning
    starts = np.array([table.as_of for table in tables], dtype=np.int64)
    rows = np.unique(np.searchsorted(bars.opened_at, starts, side="left"))
    return tuple(row for row in rows.tolist() if 0 < row < len(bars))


def _atr(bars: Bars) -> Floats:
    import talib

    return np.asarray(talib.ATR(bars.high, bars.low, bars.close, 14))
