"""What a book was worth at every close, its highest and its day's start: within bounds at once, exactly when asked.

Between two changes of what is held, equity rises and falls with the mark price: the
highest of such a stretch is at its highest or lowest price, and a day begins with
the last close before it. Each stretch is reckoned in floats, with bounds that
hold whatever the rounding to the tick and the float's own did. Where bounds will
not do, the few closes that may be the highest, the day's first and the last one
are reckoned exactly and told to the book's memory (``write``); nothing else of it is ever asked.
"""

from bisect import bisect_right
from decimal import Decimal
from typing import Final, TypeAlias

import numpy as np

from qts.domain.book import Book, Holding
from qts.domain.instant import DAY_MS, Duration
from qts.domain.instrument import Instrument
from qts.domain.money import exact_arithmetic
from qts.market.bars import elements
from qts.risk.limit_state import BookMemory
from qts.simulation.columns import MarketColumns

_SURE: Final = 1e-9
"""Of what a book is worth or has at stake: more than its float is ever wrong by, which is some 1e-15."""
_KEPT: Final = 64
"""Closes that may be the highest: more are reckoned exactly, and the highest stays."""
_Held: TypeAlias = tuple[Holding, Decimal, Decimal]
"""The holding, and exactly its wallet and its basis."""
_Close: TypeAlias = tuple[int, _Held]
"""A row, and what was held at its close."""


class EquityMarks:
    """Equity of ``book``, quote, at the close of every row before ``next``.

    equity_min: not above the last close's. peak_max, day_start_max: not below the highest there was, nor the day's
    start; infinite where that may be nothing. Each by two ticks of the position at most, and 2e-9 of wallet and basis.
    """

    __slots__ = (
        "_book",
        "_day",
        "_day_start",
        "_held",
        "_highs",
        "_instrument",
        "_interval_ms",
        "_last",
        "_marks",
        "_memory",
        "_opens",
        "_peak_min",
        "_prices",
        "_slack",
        "_tick",
        "_written",
        "day_start_max",
        "equity_min",
        "next",
        "peak_max",
    )

    def __init__(self, book: Book, instrument: Instrument, columns: MarketColumns, memory: BookMemory) -> None:
        self._book = book
        self._instrument = instrument
        self._memory = memory
        self._tick = float(instrument.tick)
        self._marks = columns.mark_close
        self._prices = elements(columns.mark_close)
        self._opens = elements(columns.bars.opened_at)
        self._interval_ms: Duration = columns.bars.interval_ms
        self.next = 0
        self._written = 0
        self._last: _Close | None = None
        self._day = -1
        self._day_start: _Close | None = None
        self._highs: list[tuple[float, _Close]] = []  # what each may be at most; the highest of all is among them
        self._peak_min = -np.inf
        self.equity_min = self.peak_max = self.day_start_max = 0.0
        self.hold(book.holding())

    def hold(self, holding: Holding) -> None:
        """The book is another from row ``next`` on. holding: of the book, as it is now."""
        book = self._book
        self._held = (holding, book.wallet, book.basis)
        self._slack = self._slack_of(holding)

    def reach(self, end: int) -> None:
        """All rows before ``end`` have closed, each with what is held now; some of them have not been marked."""
        first, last, self.next = self.next, end - 1, end
        holding, slack, prices = self._held[0], self._slack, self._prices
        equity = high = holding.marked(prices[last])
        highest, size = last, holding.size
        if size and first < last:
            stretch = self._marks[first:end]
            highest = first + int(stretch.argmax() if size > 0 else stretch.argmin())
            high = holding.marked(prices[highest])
        if high + slack >= self._peak_min:
            self._may_be_peak(high, slack, (highest, self._held))
        day = (self._opens[last] + self._interval_ms) // DAY_MS
        if day != self._day:
            self._begin_day(day, first, end)
        self._last = (last, self._held)
        self.equity_min = equity - slack

    def _may_be_peak(self, high: float, slack: float, close: _Close) -> None:
        self.peak_max = max(self.peak_max, high + slack)
        self._peak_min = max(self._peak_min, high - slack)
        self._highs.append((high + slack, close))
        if len(self._highs) > _KEPT:
            with exact_arithmetic():
                self._highs = [max(self._highs, key=lambda each: self._exactly(each[1]))]

    def _begin_day(self, day: int, first: int, end: int) -> None:
        """With the last close at or before its midnight; where none was ever marked by then, with the first."""
        self._day = day
        row = bisect_right(self._opens, day * DAY_MS - self._interval_ms, first, end) - 1
        before = self._last if row < first else None
        self._day_start = start = (max(row, first), self._held) if before is None else before
        row, (holding, _, _) = start
        slack, equity = self._slack_of(holding), holding.marked(self._prices[row])
        self.day_start_max = equity + slack if equity > slack else np.inf

    def _slack_of(self, holding: Holding) -> float:
        """More than equity in floats, at a price that is not on its tick, may differ from what it is."""
        return _SURE * (abs(holding.wallet) + abs(holding.basis)) + self._tick * abs(holding.size)

    def write(self) -> None:
        """Tell the memory what it was worth at every close so far. Inside ``exact_arithmetic()``."""
        if self._written == self.next or self._last is None or self._day_start is None:
            return
        self._written = self.next
        equity = self._exactly(self._last)
        closes = [close for at_most, close in self._highs if at_most >= self._peak_min]
        highest = max((self._exactly(close) for close in closes), default=equity)
        self._highs.clear()
        at = self._opens[self._last[0]] + self._interval_ms
        self._memory.mark_stretch(equity, at, highest, self._exactly(self._day_start))

    def _exactly(self, close: _Close) -> Decimal:
        row, (holding, wallet, basis) = close
        return wallet + (holding.position * self._instrument.price(self._prices[row]) - basis)
