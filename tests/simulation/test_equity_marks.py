"""Equity caught up with stretch by stretch is what marking each close exactly would have left; bounds are bounds.

Proves: P6-9
"""

from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.book import Book
from qts.domain.instant import DAY_MS, HOUR_MS
from qts.domain.money import exact_arithmetic
from qts.domain.order import Side
from qts.market.dataset import Dataset
from qts.risk.limit_state import BookMemory
from qts.simulation.columns import market_columns
from qts.simulation.costs import FixedSlippage
from qts.simulation.equity_marks import EquityMarks
from tests.generators import ALL_WAIVERS, START, instrument, make_bars

INTERVAL = 4 * HOUR_MS
CAPITAL = Decimal(10_000)


@st.composite
def closes(draw: st.DrawFn) -> tuple[list[float], list[int]]:
    """Marks, most of them on no tick, few enough that equal ones come; and how many bars are missing before each."""
    several = st.lists(st.sampled_from([100.0, 100.004, 99.996, 101.37, 98.2, 140.123456, 60.000001]), min_size=1)
    found = draw(several)
    return found, draw(st.lists(st.sampled_from([0, 0, 0, 0, 7]), min_size=len(found), max_size=len(found)))


def flat_market(prices: list[float], gaps: list[int]) -> Dataset:
    opened = START + INTERVAL * (np.arange(len(prices), dtype=np.int64) + np.cumsum(gaps))
    close = np.array(prices)
    columns = {"open": close, "high": close, "low": close, "close": close}
    bars = make_bars(opened, columns, np.full(len(prices), 1e9), INTERVAL)
    return Dataset(
        instrument=instrument(), bars=bars, funding=None, brackets=None, mark=None, synthetic=True, source="written"
    )


@settings(deadline=None)
@given(closes(), st.data())
def test_stretches_leave_what_every_close_leaves(market: tuple[list[float], list[int]], data: st.DataObject) -> None:
    """Positions of either side, losses beyond everything, days without a bar, and asking in between or not at all."""
    dataset = flat_market(*market)
    columns = market_columns(dataset, ALL_WAIVERS, FixedSlippage(Decimal(0)))
    book, told, known = Book(CAPITAL, 1), BookMemory(), BookMemory()
    marks = EquityMarks(book, dataset.instrument, columns, told)
    rows = len(dataset.bars)
    with exact_arithmetic():
        for row in range(rows):
            price = dataset.instrument.price(float(columns.mark_close[row]))
            if data.draw(st.booleans()):
                if marks.next < row:
                    marks.reach(row)
                side, size = data.draw(st.sampled_from(Side)), data.draw(st.sampled_from([1, 50, 400]))
                book.fill(side, Decimal(size), price + data.draw(st.sampled_from([0, 1, -3])), Decimal("0.01"))
                marks.hold(book.holding())
            known.mark(book.equity(price), int(dataset.bars.opened_at[row]) + INTERVAL)
            if row == rows - 1 or data.draw(st.sampled_from([False, False, True])):
                if marks.next <= row:
                    marks.reach(row + 1)
                agrees(marks, known)
                if row == rows - 1 or data.draw(st.booleans()):
                    marks.write()
                    assert told == known


def agrees(marks: EquityMarks, known: BookMemory) -> None:
    """The bounds hold, and are near: within two ticks of what 500 units make of them."""
    assert known.equity is not None
    assert known.peak is not None
    assert known.day_start is not None
    near = 2 * (abs(float(known.equity)) + 1e6) * 1e-9 + 2 * 0.01 * 20_000
    assert 0 <= float(known.equity) - marks.equity_min < near
    assert 0 <= marks.peak_max - float(known.peak) < near
    assert marks.day_start_max >= float(known.day_start)
    if known.day_start > near:
        assert marks.day_start_max < float(known.day_start) + near


def test_many_equal_highs_are_one_high_and_few_are_kept() -> None:
    """A book that stands still for long has the same equity at every close; nothing grows of it without bound."""
    dataset = flat_market([100.0] * 5000, [0] * 5000)
    columns = market_columns(dataset, ALL_WAIVERS, FixedSlippage(Decimal(0)))
    book, told = Book(CAPITAL, 1), BookMemory()
    marks = EquityMarks(book, dataset.instrument, columns, told)
    for row in range(5000):
        marks.reach(row + 1)
    assert len(marks._highs) <= 65
    with exact_arithmetic():
        marks.write()
    assert (told.peak, told.equity, told.day) == (CAPITAL, CAPITAL, (START + 5000 * INTERVAL) // DAY_MS)
