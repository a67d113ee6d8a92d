"""The view shows the present and the past of every column, and has no way forward."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.book import Book
from qts.domain.errors import StrategyError
from qts.domain.order import Side
from qts.market.view import Cursor, NotWarm, View
from qts.strategy.features import atr, ema, highest, lowest, rsi, sma
from qts.strategy.features.columns import FeatureColumns
from tests.generators import SYMBOL, Knobs, market

BARS = market(
    Knobs(
        seed=2,
        rows=60,
        tick="0.01",
        wildness=0.01,
        gaps=True,
        silent_bars=True,
        funding=False,
        mark="none",
        brackets="none",
    )
).bars


def view_at(row: int, book: Book | None = None) -> View:
    cursor = Cursor()
    cursor.row = row
    account = book if book is not None else Book(Decimal(10_000), 1)
    return View(BARS, FeatureColumns(BARS, 0.01), cursor, account.holding())


@given(st.integers(0, 59), st.integers(1, 60))
def test_columns_end_at_the_present_bar(row: int, count: int) -> None:
    """Proves: P6-1"""
    view = view_at(row)
    assert (view.symbol, view.now, view.bar_number) == (SYMBOL, BARS.closed_at(row), row)
    for name in ("open", "high", "low", "close", "volume"):
        column = getattr(BARS, name)
        assert getattr(view, name) == column[row]
        ask = getattr(view, f"{name}s")
        if count > row + 1:
            with pytest.raises(NotWarm) as early:
                ask(count)
            assert early.value.bars_needed == count
        else:
            shown = ask(count)
            assert shown.tolist() == column[row + 1 - count : row + 1].tolist()
            assert not shown.flags.writeable


@pytest.mark.parametrize("name", ["opens", "highs", "lows", "closes", "volumes"])
def test_no_count_reaches_forward(name: str) -> None:
    """Proves: P6-1"""
    for count in (0, -1, -59):
        with pytest.raises(StrategyError, match="looks beyond the view"):
            getattr(view_at(30), name)(count)


def test_features_agree_with_their_definitions() -> None:
    """Written out from the textbook, bar by bar. Proves: P6-1"""
    view, closes = view_at(50), BARS.close[:51]
    assert sma(view, 7) == pytest.approx(closes[-7:].mean(), abs=1e-9)
    assert sma(view, 7, ago=3) == pytest.approx(closes[-10:-3].mean(), abs=1e-9)
    assert highest(view, 9) == BARS.high[42:51].max()
    assert lowest(view, 9, ago=1) == BARS.low[41:50].min()
    average = closes[:5].mean()
    for close in closes[5:]:
        average += (close - average) * 2 / 6
    assert ema(view, 5) == pytest.approx(average)
    moves = np.diff(closes)
    up, down = np.maximum(moves, 0), np.maximum(-moves, 0)
    gain, loss = up[:6].mean(), down[:6].mean()
    for rise, fall in zip(up[6:], down[6:], strict=True):
        gain, loss = (gain * 5 + rise) / 6, (loss * 5 + fall) / 6
    assert rsi(view, 6) == pytest.approx(100 * gain / (gain + loss))
    high, low, before = BARS.high[1:51], BARS.low[1:51], closes[:-1]
    ranges = np.maximum(high, before) - np.minimum(low, before)
    smooth = ranges[:6].mean()
    for each in ranges[6:]:
        smooth = (smooth * 5 + each) / 6
    assert atr(view, 6) == pytest.approx(smooth)


@pytest.mark.parametrize(("feature", "bars_needed"), [(sma, 20), (ema, 20), (highest, 20), (rsi, 21), (atr, 21)])
def test_too_early_is_told_with_the_bars_it_takes(feature, bars_needed: int) -> None:
    """Proves: P6-1"""
    with pytest.raises(NotWarm) as early:
        feature(view_at(bars_needed - 2), 20)
    assert early.value.bars_needed == bars_needed
    assert feature(view_at(bars_needed - 1), 20) > 0
    with pytest.raises(NotWarm) as early:
        feature(view_at(bars_needed - 1), 20, ago=1)
    assert early.value.bars_needed == bars_needed + 1
    with pytest.raises(NotWarm):
        feature(view_at(3), 20, ago=5)


def test_the_strategys_own_holding() -> None:
    book = Book(Decimal(10_000), 3)
    assert view_at(5, book).is_flat
    assert view_at(5, book).entry_price is None
    book.fill(Side.SELL, Decimal(2), Decimal(100), Decimal(1))
    view = view_at(5, book)
    assert (view.is_short, view.is_long, view.is_flat) == (True, False, False)
    assert (view.position, view.entry_price) == (Decimal(-2), 100.0)
    assert view.equity == pytest.approx(9_999 + 2 * (100 - view.close))
