"""Bars, funding, brackets, data sets: what is always true of them, and what is refused."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from qts.domain.errors import DataError
from qts.domain.instant import DAY_MS, HOUR_MS, MINUTE_MS
from qts.market.bars import Bars
from qts.market.brackets import BracketHistory, BracketTable
from qts.market.dataset import Dataset
from qts.market.funding import Funding
from tests.generators import INTERVAL, START, SYMBOL, USUAL_BRACKETS, Knobs, bracket_table, make_bars, market

KNOBS = Knobs(
    seed=1,
    rows=30,
    tick="0.01",
    wildness=0.01,
    gaps=True,
    silent_bars=False,
    funding=True,
    mark="finer",
    brackets="one",
)
MARKET = market(KNOBS)


def bars(**changes: object) -> Bars:
    plain = {name: np.full(4, 100.0) for name in ("open", "high", "low", "close")}
    facts = {"interval_ms": INTERVAL, "opened_at": START + INTERVAL * np.arange(4), "volume": np.ones(4), **plain}
    return Bars(symbol=SYMBOL, **{**facts, **changes})  # type: ignore[arg-type]


def with_value(value: float, row: int = 2) -> np.ndarray:
    column = np.full(4, 100.0)
    column[row] = value
    return column


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"opened_at": START + INTERVAL * np.array([0, 1, 1, 2])}, "time does not increase"),
        ({"opened_at": START + INTERVAL * np.array([0, 2, 1, 3])}, "time does not increase"),
        ({"opened_at": START + INTERVAL * np.arange(4) + 1}, "time is not on the 1h grid"),
        ({"low": with_value(0)}, "low is not a number above 0"),
        ({"low": with_value(np.nan)}, "low is not a number above 0"),
        ({"low": with_value(100.5)}, "low is above open or close"),
        ({"open": with_value(np.nan)}, "low is above open or close"),
        ({"high": with_value(99.5)}, "high is below open or close"),
        ({"high": with_value(np.inf)}, "high is not finite"),
        ({"volume": with_value(-1)}, "volume is negative or not finite"),
        ({"volume": with_value(np.nan)}, "volume is negative or not finite"),
        ({"interval_ms": 0}, "interval must be above 0"),
        ({"volume": np.ones(3)}, "column volume has shape"),
    ],
)
def test_bars_that_break_a_promise_are_no_bars(changes: dict[str, object], said: str) -> None:
    """Proves: QL-2"""
    with pytest.raises(DataError, match=said):
        bars(**changes)


def test_the_first_bad_row_is_named() -> None:
    with pytest.raises(DataError) as caught:
        bars(low=with_value(-5))
    assert caught.value.place == "row 2, 2024-01-01T02:00:00Z"


def test_columns_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        bars().close[0] = 1


def test_windows_hold_whole_bars_only() -> None:
    four = bars()
    assert len(four.between(START, START + 4 * INTERVAL)) == 4
    assert len(four.between(START + 1, START + 4 * INTERVAL)) == 3
    assert len(four.between(START, START + 4 * INTERVAL - 1)) == 3
    assert len(four.between(START + 9 * INTERVAL, START + INTERVAL)) == 0
    assert four.closed_at(0) == START + INTERVAL


def test_gaps_are_counted() -> None:
    assert bars(opened_at=START + INTERVAL * np.array([0, 1, 4, 5])).gaps() == [(2, 2)]


@pytest.mark.parametrize(
    ("instants", "rates", "said"),
    [
        ([0, 0], [0.1, 0.1], "time does not increase"),
        ([0, 1], [0.1, 0.1], "not on a whole minute"),
        ([0], [np.nan], "rate is not a number"),
        ([0], [1.5], "rate is not a number within"),
        ([0, MINUTE_MS], [0.1], "2 instants but 1 rates"),
    ],
)
def test_funding_that_breaks_a_promise_is_refused(instants: list[int], rates: list[float], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Funding(symbol=SYMBOL, occurred_at=np.array(instants) + START, rate=np.array(rates))


def test_published_stamps_go_to_their_nearest_minute() -> None:
    stamps = np.array([START + 7, START + 8 * HOUR_MS - 3, START + 16 * HOUR_MS])
    events = Funding.from_published(SYMBOL, stamps, np.zeros(3))
    assert events.occurred_at.tolist() == [START, START + 8 * HOUR_MS, START + 16 * HOUR_MS]
    assert len(events.between(START, START + 8 * HOUR_MS)) == 1


def test_a_border_belongs_to_the_higher_bracket_and_the_end_to_the_last() -> None:
    """Proves: QL-14"""
    assert USUAL_BRACKETS.of(Decimal("4999.99")).leverage_max == 125
    assert USUAL_BRACKETS.of(Decimal(5000)).leverage_max == 50
    assert USUAL_BRACKETS.of(Decimal(10**15)).leverage_max == 4
    assert USUAL_BRACKETS.of(Decimal(0)).leverage_max == 125


def test_brackets_that_do_not_join_are_refused() -> None:
    """Proves: QL-9"""
    first, second, *_ = USUAL_BRACKETS.brackets
    for wrong in (
        (),
        (second,),
        (first, replace(second, deduction=Decimal(29))),
        (replace(first, maintenance_rate=Decimal(0)),),
        (replace(first, maintenance_rate=Decimal(1)),),
        (replace(first, leverage_max=0),),
        (replace(first, notional_cap=Decimal(4999)), second),
    ):
        with pytest.raises(DataError, match="brackets"):
            BracketTable(symbol=SYMBOL, as_of=START, brackets=wrong)


def test_the_table_of_the_day_rules() -> None:
    """Proves: QL-9"""
    early, late = bracket_table(("0", "0.01", 50), as_of=START), bracket_table(("0", "0.02", 20), as_of=START + DAY_MS)
    history = BracketHistory((early, late))
    assert history.at(START - 1) is early
    assert history.at(START + DAY_MS - 1) is early
    assert history.at(START + DAY_MS) is late
    assert history.covers(START)
    assert not history.covers(START - 1)
    for wrong in ((), (late, early), (early, early)):
        with pytest.raises(DataError, match="oldest first"):
            BracketHistory(wrong)
    with pytest.raises(DataError, match="of one symbol"):
        BracketHistory((early, replace(late, symbol="ETHUSDT")))


def test_parts_of_other_symbols_and_empty_bars_are_refused() -> None:
    other = Funding(symbol="ETHUSDT", occurred_at=np.array([START]), rate=np.zeros(1))
    with pytest.raises(DataError, match="the funding are of ETHUSDT"):
        replace(MARKET, funding=other)
    foreign = BracketHistory((replace(USUAL_BRACKETS, symbol="ETHUSDT"),))
    with pytest.raises(DataError, match="the brackets are of ETHUSDT"):
        replace(MARKET, brackets=foreign)
    with pytest.raises(DataError, match="there are no bars"):
        replace(MARKET, bars=MARKET.bars.rows(0, 0))


def test_a_window_takes_what_belongs_to_its_bars() -> None:
    start, end = MARKET.bars.closed_at(4), MARKET.bars.closed_at(20)
    window = MARKET.between(start, end)
    assert window.start >= start
    assert window.end <= end
    assert window.funding is not None
    assert window.mark is not None
    assert (window.funding.occurred_at >= window.start).all()
    assert (window.funding.occurred_at < window.end).all()
    assert (window.mark.opened_at >= window.start).all()
    with pytest.raises(DataError, match="no bars between"):
        MARKET.between(START - DAY_MS, START)


def nudged(column: np.ndarray, toward: float = np.inf) -> np.ndarray:
    moved = column.copy()
    moved[-1] = np.nextafter(moved[-1], toward)
    return moved


def _with_bars(dataset: Dataset, name: str) -> Dataset:
    facts = {each: getattr(dataset.bars, each) for each in ("open", "high", "low", "close", "volume")}
    facts["high"] = facts["high"] + 1
    same = make_bars(dataset.bars.opened_at, {k: v for k, v in facts.items() if k != "volume"}, facts["volume"])
    base = replace(dataset, bars=same)
    if name == "same":
        return base
    facts[name] = nudged(facts[name], 0.0 if name == "low" else np.inf)
    changed = {k: v for k, v in facts.items() if k != "volume"}
    return replace(dataset, bars=make_bars(dataset.bars.opened_at, changed, facts["volume"]))


def test_a_fingerprint_tells_any_two_values_apart() -> None:
    """The last bit of the last row of any column changes it; so do funding, brackets, mark, instrument, and absence."""
    assert MARKET.funding is not None
    funding = MARKET.funding
    other_rate = Funding(symbol=SYMBOL, occurred_at=funding.occurred_at, rate=nudged(funding.rate))
    empty = Funding(symbol=SYMBOL, occurred_at=funding.occurred_at[:0], rate=funding.rate[:0])
    variants = [
        MARKET,
        *(_with_bars(MARKET, name) for name in ("same", "open", "high", "low", "close", "volume")),
        replace(MARKET, funding=None),
        replace(MARKET, funding=empty),
        replace(MARKET, funding=other_rate),
        replace(MARKET, brackets=None),
        replace(MARKET, brackets=BracketHistory((bracket_table(("0", "0.01", 50)),))),
        replace(MARKET, mark=None),
        replace(MARKET, mark=MARKET.bars, bars=MARKET.bars),
        replace(MARKET, instrument=replace(MARKET.instrument, tick=Decimal("0.1"))),
    ]
    assert len({each.fingerprint for each in variants}) == len(variants)
    assert market(KNOBS).fingerprint == MARKET.fingerprint
