"""What the limits remember: day, peak, rates, changes of sides; and how a restart has it again."""

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import PolicyError, UsageError
from qts.domain.instant import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from qts.domain.money import exact_arithmetic
from qts.domain.order import Side
from qts.risk.limit_policy import CEILINGS, LimitPolicies, LimitPolicy
from qts.risk.limit_state import (
    BookMemory,
    CapitalMoved,
    EquityMarked,
    LimitEvent,
    LimitState,
    OrderWentOut,
    PeakReset,
    PositionHeld,
    folded,
    remembered,
)

MIDNIGHT = 20_000 * DAY_MS
DAY_BOOK = "trend"


def marks(*found: tuple[int, str]) -> list[LimitEvent]:
    return [EquityMarked(DAY_BOOK, Decimal(equity), at) for at, equity in found]


@pytest.mark.parametrize(
    ("found", "now", "began"),
    [
        ([], MIDNIGHT, None),
        ([(MIDNIGHT + 5, "100")], MIDNIGHT + 9, "100"),
        ([(MIDNIGHT + 5, "100"), (MIDNIGHT + 6, "90")], MIDNIGHT + 9, "100"),
        # What was lost across midnight belongs to the new day: it began where the old one ended.
        ([(MIDNIGHT - 1, "100"), (MIDNIGHT + 6, "90")], MIDNIGHT + 9, "100"),
        ([(MIDNIGHT - 1, "100"), (MIDNIGHT, "95"), (MIDNIGHT + 6, "90")], MIDNIGHT + 9, "95"),
        ([(MIDNIGHT - 1, "100")], MIDNIGHT + 9, "100"),
        ([(MIDNIGHT - 9, "100"), (MIDNIGHT - 1, "80")], MIDNIGHT - 1, "100"),
        ([(MIDNIGHT - 9, "100"), (MIDNIGHT - 1, "80")], MIDNIGHT, "80"),
        ([(MIDNIGHT - 3 * DAY_MS, "70"), (MIDNIGHT + 6, "90")], MIDNIGHT + 9, "70"),
    ],
)
def test_the_day_begins_at_utc_midnight(found: list[tuple[int, str]], now: int, began: str | None) -> None:
    """Proves: P6-8"""
    memory = folded(marks(*found)).of(DAY_BOOK)
    assert memory.day_start_at(now) == (None if began is None else Decimal(began))


def test_the_peak_is_the_highest_mark_and_only_a_named_operator_sets_it_anew() -> None:
    """Proves: P6-8"""
    state = folded(marks((MIDNIGHT, "100"), (MIDNIGHT + 1, "130"), (MIDNIGHT + DAY_MS, "90")))
    assert state.of(DAY_BOOK).peak == 130
    again = remembered(state, PeakReset(DAY_BOOK, "kim", "reviewed", MIDNIGHT + DAY_MS))
    assert again.of(DAY_BOOK).peak == 90
    for by, reason in (("", "reviewed"), ("kim", " ")):
        with pytest.raises(UsageError):
            PeakReset(DAY_BOOK, by, reason, MIDNIGHT)


def test_capital_that_moves_is_no_profit_and_no_loss() -> None:
    """Proves: P6-8"""
    state = folded([*marks((MIDNIGHT, "100"), (MIDNIGHT + 1, "80")), CapitalMoved(DAY_BOOK, Decimal(80), MIDNIGHT + 2)])
    memory = state.of(DAY_BOOK)
    assert (memory.equity, memory.day_start, memory.peak) == (160, 200, 200)
    ruined = folded(
        [*marks((MIDNIGHT, "100"), (MIDNIGHT + 1, "-5")), CapitalMoved(DAY_BOOK, Decimal(50), MIDNIGHT + 2)]
    )
    assert (ruined.of(DAY_BOOK).equity, ruined.of(DAY_BOOK).peak) == (45, 150)


worths = st.integers(1, 10**14).map(lambda grains: Decimal(grains).scaleb(-8))


@given(st.lists(worths, min_size=1, max_size=6), st.lists(worths, max_size=8))
def test_capital_that_moves_leaves_every_share_that_was_lost(marked: list[Decimal], left: list[Decimal]) -> None:
    """marked: what the book was worth before; left: after each move, a grain or a fortune. Never less lost than before.

    Proves: P6-8, P4-3
    """
    events: list[LimitEvent] = [EquityMarked(DAY_BOOK, equity, MIDNIGHT + at) for at, equity in enumerate(marked)]
    state, worth = folded(events), marked[-1]
    for equity in left:
        before = state.of(DAY_BOOK)
        state = remembered(state, CapitalMoved(DAY_BOOK, equity - worth, MIDNIGHT + 100))
        after, worth = state.of(DAY_BOOK), equity
        assert after.equity == equity
        with exact_arithmetic():
            for base in ("day_start", "peak"):
                was, now = getattr(before, base) / before.equity, getattr(after, base) / equity
                assert abs(now / was - 1) < Decimal("1e-45")
        assert Fraction(after.peak) / Fraction(equity) >= Fraction(before.peak) / Fraction(before.equity)


def test_orders_and_changes_of_sides_slide_out_of_their_windows() -> None:
    """Proves: P6-8"""
    sent = [OrderWentOut(DAY_BOOK, "A", MIDNIGHT + at) for at in (0, 500, 1000, 30_000)]
    memory = folded([*sent, OrderWentOut(DAY_BOOK, "B", MIDNIGHT + 30_000)]).of(DAY_BOOK)
    assert memory.orders_within(SECOND_MS, MIDNIGHT + 30_999, "A") == 1
    assert memory.orders_within(SECOND_MS, MIDNIGHT + 31_000, "A") == 0
    assert memory.orders_within(MINUTE_MS, MIDNIGHT + 59_999, "A") == 4
    assert memory.orders_within(MINUTE_MS, MIDNIGHT + 60_000, "A") == 3
    assert [memory.orders_within(MINUTE_MS, MIDNIGHT + 59_999, each) for each in ("B", "C", None)] == [1, 0, 4]
    held = [(0, "1"), (1, "0"), (2, "-2"), (3, "-1"), (4, "3")]
    memory = folded(PositionHeld(DAY_BOOK, "A", Decimal(much), MIDNIGHT + at) for at, much in held).of(DAY_BOOK)
    assert memory.reversals == {"A": (MIDNIGHT + 2, MIDNIGHT + 4)}
    assert [memory.reversals_within_hour(MIDNIGHT + 2 + HOUR_MS, each) for each in ("A", "B", None)] == [1, 0, 1]
    assert memory.would_reverse("A", Side.SELL)
    assert not memory.would_reverse("A", Side.BUY)
    assert not memory.would_reverse("B", Side.SELL)


def test_a_book_remembers_no_more_than_its_windows() -> None:
    """Proves: P6-8"""
    state = LimitState()
    for number in range(500):
        state = remembered(state, OrderWentOut(DAY_BOOK, "A", MIDNIGHT + number * SECOND_MS))
        side = Decimal(1 if number % 2 else -1)
        state = remembered(state, PositionHeld(DAY_BOOK, "A", side, MIDNIGHT + number * MINUTE_MS))
    assert len(state.of(DAY_BOOK).orders["A"]) <= 60
    assert len(state.of(DAY_BOOK).reversals["A"]) <= 60


names = st.sampled_from(["account", "trend", "mean"])
instants = st.integers(MIDNIGHT - DAY_MS, MIDNIGHT + DAY_MS)
amounts = st.integers(-(10**6), 10**6).map(lambda cents: Decimal(cents) / 100)
limit_events: st.SearchStrategy[LimitEvent] = st.one_of(
    st.builds(EquityMarked, names, amounts, instants),
    st.builds(CapitalMoved, names, amounts, instants),
    st.builds(OrderWentOut, names, st.sampled_from("AB"), instants),
    st.builds(PositionHeld, names, st.sampled_from("AB"), st.sampled_from([-1, 0, 2]).map(Decimal), instants),
    st.builds(PeakReset, names, st.just("kim"), st.just("reviewed"), instants),
)


@given(st.lists(st.tuples(st.integers(1, DAY_MS), amounts), min_size=1, max_size=30), st.data())
def test_marks_that_are_caught_up_with_leave_what_marks_one_by_one_leave(
    steps: list[tuple[int, Decimal]], data: st.DataObject
) -> None:
    """Whatever stretches the marks are told in: each by its last, its highest, and what its last day began with.

    Proves: P6-8, P6-9
    """
    at, told = MIDNIGHT - DAY_MS // 2, []
    for step, equity in steps:
        at += max(1, step - step % data.draw(st.sampled_from([1, DAY_MS // 4])))
        told.append((at, equity))
    one_by_one, caught_up = BookMemory(), BookMemory()
    while told:
        stretch, told = told[: (length := data.draw(st.integers(1, len(told))))], told[length:]
        for instant, equity in stretch:
            one_by_one.mark(equity, instant)
        last, equity = stretch[-1]
        before = [each for instant, each in stretch if instant <= last // DAY_MS * DAY_MS]
        began = before[-1] if before else caught_up.equity
        began = stretch[0][1] if began is None else began
        caught_up.mark_stretch(equity, last, max(each for _, each in stretch), began)
        assert caught_up == one_by_one


@given(st.lists(limit_events, max_size=40), st.integers(0, 40))
def test_a_restart_remembers_what_was_known(story: list[LimitEvent], cut: int) -> None:
    """A snapshot through JSON, and the journal from there on, give what the whole journal gives.

    Proves: P6-8
    """
    whole = folded(story)
    snapshot = json.dumps(folded(story[:cut]).facts())
    again = folded(story[cut:], LimitState.from_facts(json.loads(snapshot)))
    assert again == whole
    assert again.facts() == whole.facts()
    assert LimitState.from_facts(whole.facts()) == whole


@given(st.lists(limit_events, max_size=40))
def test_books_do_not_touch_each_other_and_time_does_not_run_backwards(story: list[LimitEvent]) -> None:
    """Proves: P6-8"""
    whole = folded(story)
    for name in whole.books:
        alone = folded(each for each in story if each.whose == name)
        assert alone.of(name) == whole.of(name)
        memory = whole.of(name)
        assert memory.at == max(each.at for each in story if each.whose == name)
        assert all(list(sent) == sorted(sent) for sent in memory.orders.values())
        if memory.peak is not None and memory.equity is not None:
            assert memory.peak >= memory.equity


# -- How much ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: Decimal("3.01")} for name in CEILINGS),
        {"order_size_max": Decimal(0)},
        {"order_notional_max": Decimal(0)},
        {"heat_max": Decimal(1)},
        {"daily_loss_warn": Decimal("0.06")},
        {"drawdown_warn": Decimal("0.3")},
        {"loss_without_stop": Decimal("1.1")},
        {"liquidation_distance_min": Decimal(1)},
        {"stop_buffer": Decimal(1)},
        {"orders_per_second_max": 0},
        {"price_colar": Decimal(1)},
    ],
)
def test_bounds_that_would_loosen_the_house_are_refused(wrong: dict[str, Decimal]) -> None:
    """Proves: P6-8"""
    with pytest.raises(PolicyError):
        LimitPolicy().but(wrong)


def test_a_strategy_says_only_what_it_wants_otherwise() -> None:
    """Proves: P6-8"""
    account = LimitPolicy(heat_max=Decimal("0.05"))
    policies = LimitPolicies(account=account, strategies={"trend": account.but({"open_orders_max": 3})})
    assert policies.of("trend") == replace(account, open_orders_max=3)
    assert policies.of("unheard-of") == account


@given(st.integers(1, 10_000).map(lambda percent: Decimal(percent) / 100))
def test_a_multiplier_scales_sizes_below_their_ceilings_and_nothing_else(multiplier: Decimal) -> None:
    """Proves: P6-8"""
    account = LimitPolicy()
    scaled = account.scaled(multiplier)
    for name, number in account.facts().items():
        if name in CEILINGS:
            assert getattr(scaled, name) == min(getattr(account, name) * multiplier, CEILINGS[name])
            assert getattr(scaled, name) <= 3
        else:
            assert getattr(scaled, name) == number
