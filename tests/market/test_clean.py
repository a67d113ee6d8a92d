"""Cleaning by named rules: what it touches, what it never touches, and where it stops."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qts.domain.errors import DataError
from qts.domain.instant import HOUR_MS, parse_instant
from qts.market.bars import PRICE_COLUMNS, Bars
from qts.market.clean import RULE_ANSWERS, STANDARD_RULES, CleanResult, Rule, clean_bars
from qts.market.findings import FindingKind
from qts.market.raw import RawBars

START = parse_instant("2024-01-01")
COLUMNS = ("opened_at", *PRICE_COLUMNS, "volume")
WITH_DROP = (Rule.DROP_IMPOSSIBLE, *STANDARD_RULES)


def bars_at(places: list[int]) -> RawBars:
    """A valid bar at START + place hours for each place, with values that tell the place."""
    where = np.array(places, dtype=np.int64)
    price = 100.0 + where
    return RawBars(
        symbol="TESTUSDT",
        interval_ms=HOUR_MS,
        opened_at=START + where * HOUR_MS,
        open=price,
        high=price + 1,
        low=price - 1,
        close=price + 0.5,
        volume=10.0 + where,
    )


def rows_of(bars: Bars | RawBars) -> list[tuple[float, ...]]:
    return list(zip(*(getattr(bars, name).tolist() for name in COLUMNS), strict=True))


def test_short_gaps_carry_the_last_close_and_longer_ones_stay() -> None:
    """Proves: QL-3"""
    result = clean_bars(bars_at([0, 1, 5, 6, 11]))
    assert ((result.bars.opened_at - START) // HOUR_MS).tolist() == [0, 1, 2, 3, 4, 5, 6, 11]
    assert result.filled.tolist() == [False, False, True, True, True, False, False, False]
    for row in (2, 3, 4):
        assert rows_of(result.bars)[row][1:] == (101.5, 101.5, 101.5, 101.5, 0.0)
    assert result.log[-1].rows_touched == 3
    assert result.log[-1].message == "3 missing bars filled; 1 longer gaps left as they are"


def test_every_rule_says_what_it_did_in_order() -> None:
    """Proves: QL-3"""
    raw = bars_at([0, 2, 1, 1, 4])
    result = clean_bars(raw)
    assert [(a.rule, a.rows_before, a.rows_after, a.rows_touched) for a in result.log] == [
        (Rule.SORT_BY_TIME, 5, 5, 3),
        (Rule.DROP_EXACT_DUPLICATES, 5, 4, 1),
        (Rule.FILL_SHORT_GAPS, 4, 5, 1),
    ]


def test_every_rule_answers_a_finding() -> None:
    assert set(RULE_ANSWERS) == set(Rule)
    assert all(isinstance(kind, FindingKind) for kinds in RULE_ANSWERS.values() for kind in kinds)


def test_impossible_prices_stop_the_cleaning_unless_dropping_is_asked_for() -> None:
    raw = bars_at([0, 1, 2, 3])
    low = raw.low.copy()
    low[2] = 0.0
    raw = replace(raw, low=low)
    with pytest.raises(DataError, match=r"low is not above 0: 0\.0 at 2024-01-01T02:00:00Z") as caught:
        clean_bars(raw)
    assert "row 2" in caught.value.place
    assert "--drop-impossible" in caught.value.next_step
    result = clean_bars(raw, rules=WITH_DROP)
    assert result.log[0].rows_touched == 1
    assert result.filled.tolist() == [False, False, True, False]
    assert result.bars.close[2] == result.bars.close[1]


def test_two_truths_for_one_time_are_nobody_s_to_choose() -> None:
    raw = bars_at([0, 1, 1, 2])
    close = raw.close.copy()
    close[2] += 0.1
    with pytest.raises(DataError, match="different close"):
        clean_bars(replace(raw, close=close), rules=WITH_DROP)


def test_an_empty_series_cannot_be_cleaned() -> None:
    with pytest.raises(DataError, match="not one row"):
        clean_bars(bars_at([]))


def test_a_series_without_volume_gets_volume_zero() -> None:
    result = clean_bars(replace(bars_at([0, 1]), volume=None))
    assert result.bars.volume.tolist() == [0.0, 0.0]


def mostly_hourly(places: list[int]) -> bool:
    """Not a series whose usual step is another interval: that one is refused as a whole."""
    return len(set(places)) <= 10 or 2 * int((np.diff(np.unique(places)) == 1).sum()) >= len(set(places)) - 1


PLACES = st.lists(st.integers(0, 60), min_size=1, max_size=30).filter(mostly_hourly)
ORDERED = st.lists(st.integers(0, 60), min_size=1, max_size=30, unique=True).map(sorted).filter(mostly_hourly)


@given(ORDERED)
def test_a_row_no_rule_names_comes_out_to_the_bit(places: list[int]) -> None:
    """Proves: QL-3"""
    raw = bars_at(places)
    result = clean_bars(raw)
    kept = result.bars.rows(0, len(result.bars))
    assert [row for row, filled in zip(rows_of(kept), result.filled, strict=True) if not filled] == rows_of(raw)


@given(start=st.integers(0, 50), length=st.integers(1, 40))
def test_clean_data_stay_as_they_are(start: int, length: int) -> None:
    raw = bars_at(list(range(start, start + length)))
    result = clean_bars(raw)
    assert rows_of(result.bars) == rows_of(raw)
    assert all(applied.rows_touched == 0 for applied in result.log)


@given(PLACES)
def test_cleaning_twice_is_cleaning_once(places: list[int]) -> None:
    once = clean_bars(bars_at(places))
    twice = clean_bars(RawBars.of(once.bars))
    assert rows_of(twice.bars) == rows_of(once.bars)


@given(PLACES, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_duplicates_does_not_matter(places: list[int], dice: Random) -> None:
    shuffled = list(places)
    dice.shuffle(shuffled)
    one, two = clean_bars(bars_at(places)), clean_bars(bars_at(shuffled))
    assert rows_of(one.bars) == rows_of(two.bars)
    assert one.filled.tolist() == two.filled.tolist()


@settings(max_examples=50)
@given(ORDERED, st.data())
def test_no_later_bar_changes_an_earlier_one(places: list[int], data: st.DataObject) -> None:
    """Nothing is fitted on the whole sample: the cleaned past is the same with and without its future. Proves: QL-3"""
    cut = data.draw(st.integers(1, len(places)))
    assume(mostly_hourly(places[:cut]))
    past, whole = clean_bars(bars_at(places[:cut])), clean_bars(bars_at(places))
    assert rows_of(whole.bars)[: len(past.bars)] == rows_of(past.bars)


def test_a_flag_for_every_bar_or_it_is_a_bug() -> None:
    result = clean_bars(bars_at([0, 1]))
    with pytest.raises(ValueError, match="filled has shape"):
        CleanResult(bars=result.bars, filled=np.zeros(1, dtype=np.bool_), log=())
