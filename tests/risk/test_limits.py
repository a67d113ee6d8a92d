"""The staged limits: each stops what increases and none what reduces, on both sides, and says how far away it is."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.order import Effect, Side
from qts.risk.limit_facts import BookFacts, PositionFacts
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.risk.limit_state import ACCOUNT, EquityMarked, OrderWentOut, PositionHeld
from qts.risk.limits import LIMITS, LimitName
from qts.risk.stages import StageWord, Warn
from tests.generators import SYMBOL, instrument
from tests.risk.limit_cases import (
    AT_THE_BOUND,
    BUY,
    CASES,
    HEALTHY,
    NOW,
    TREND,
    Case,
    Change,
    Situation,
    account,
    book,
    events,
    held,
    strategy,
)


def test_a_healthy_order_passes_whole() -> None:
    """Proves: P6-8"""
    verdict = HEALTHY.judged()
    assert (verdict.word, verdict.quantity, verdict.stages) == (StageWord.PASS, 10, ())


def test_every_limit_has_a_case_that_stops_and_one_at_its_bound() -> None:
    """Proves: P6-8"""
    assert {case.limit for case in CASES} == set(LimitName) == set(LIMITS)
    assert {name for name, _ in AT_THE_BOUND} == set(LimitName)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_limit_stops_an_order_and_says_both_numbers(case: Case) -> None:
    """Proves: P6-8, P6-7"""
    verdict = case.situation().judged()
    assert (verdict.word, verdict.quantity) == (case.word, Decimal(case.quantity))
    named = [reason for reason in verdict.reasons if reason.startswith(f"{case.limit.value} of {case.whose}")]
    assert named
    assert all("allowed" in each or "stops" in each or "asked for" in each for each in named)
    if case.word is StageWord.BLOCK:
        assert LIMITS[case.limit].code in verdict.codes


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_limit_can_stop_the_way_out(case: Case) -> None:
    """Proves: P6-8, P6-7"""
    situation = case.situation()
    for side in Side:
        way_out = replace(situation, order=replace(situation.order, effect=Effect.REDUCE, side=side))
        verdict = way_out.judged()
        assert verdict.quantity == situation.order.quantity
        assert verdict.word in (StageWord.PASS, StageWord.WARN)
        assert verdict.codes == ()


@pytest.mark.parametrize(("name", "changes"), AT_THE_BOUND)
def test_the_bound_itself_is_allowed(name: LimitName, changes: tuple[Change, ...]) -> None:
    """Of losses, which stop at the bound: a cent before it.

    Proves: P6-8
    """
    verdict = Case(limit=name, whose="", word=StageWord.PASS, quantity="10", changes=changes).situation().judged()
    assert verdict.quantity == verdict.asked
    assert not any(each.is_reached for each in verdict.measured)


@pytest.mark.parametrize(
    ("changes", "whose", "name"),
    [
        ((account(equity=Decimal(9700)),), ACCOUNT, LimitName.DAILY_LOSS),
        ((strategy(equity=Decimal(9700)),), TREND, LimitName.DAILY_LOSS),
        ((events(EquityMarked(ACCOUNT, Decimal("11363.64"), NOW)),), ACCOUNT, LimitName.DRAWDOWN),
    ],
)
def test_losses_warn_before_they_stop(changes: tuple[Change, ...], whose: str, name: LimitName) -> None:
    """3 % of the day, 12 % from the peak.

    Proves: P6-8, P6-7
    """
    verdict = Case(limit=name, whose=whose, word=StageWord.WARN, quantity="10", changes=changes).situation().judged()
    assert (verdict.word, verdict.quantity) == (StageWord.WARN, 10)
    assert any(reason.startswith(f"{name.value} of {whose}") for reason in verdict.reasons)


def test_the_defaults_are_the_documented_ones() -> None:
    """Proves: P6-8"""
    policy = LimitPolicy()
    assert (policy.order_size_max, policy.symbol_exposure_max, policy.gross_exposure_max) == (1, 1, 2)
    assert policy.leverage_max == 3
    assert (policy.daily_loss_warn, policy.daily_loss_block) == (Decimal("0.03"), Decimal("0.05"))
    assert (policy.drawdown_warn, policy.drawdown_block) == (Decimal("0.12"), Decimal("0.20"))
    assert policy.heat_max == Decimal("0.06")


def test_a_strategy_may_be_held_tighter_and_can_never_loosen_the_account() -> None:
    """Proves: P6-8"""
    loose = LimitPolicy().scaled(Decimal(3))
    situation = replace(HEALTHY, order=replace(BUY, quantity=Decimal(150), stop_loss=Decimal("99.9")))
    free = replace(situation, policy=LimitPolicies(strategies={TREND: loose}))
    verdict = free.judged()
    assert verdict.quantity == 100
    assert {each.whose for each in verdict.measured if each.limit.name is LimitName.ORDER_SIZE} == {TREND}
    tight = replace(situation, policy=LimitPolicies(strategies={TREND: LimitPolicy(order_size_max=Decimal("0.2"))}))
    assert tight.judged().quantity == 20


# -- Whatever comes ------------------------------------------------------------------------------------------------

quantities = st.integers(0, 300).map(Decimal)
stops = st.one_of(st.none(), st.integers(1, 60).map(Decimal))
OTHER = "ABCUSDT"


@st.composite
def positions(draw: st.DrawFn, symbol: str) -> PositionFacts:
    amount = draw(quantities) * draw(st.sampled_from([1, -1]))
    away = draw(stops)
    stop = None if away is None else Decimal(100) - away * (1 if amount > 0 else -1)
    return held(
        str(amount),
        symbol=symbol,
        leverage=draw(st.integers(1, 20)),
        pending_buy=draw(st.sampled_from([Decimal(0), Decimal(7)])),
        pending_sell=draw(st.sampled_from([Decimal(0), Decimal(11)])),
        stop=stop,
        open_orders=draw(st.integers(0, 22)),
    )


@st.composite
def books(draw: st.DrawFn, whose: str) -> BookFacts:
    equity = Decimal(draw(st.integers(-100, 40_000)))
    return book(
        whose,
        draw(positions(SYMBOL)),
        draw(positions(OTHER)),
        equity=equity,
        capital=equity if whose == ACCOUNT else Decimal(draw(st.integers(0, 40_000))),
        heat_in_flight=draw(quantities),
    )


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    marked = [EquityMarked(name, Decimal(draw(st.integers(1, 45_000))), NOW - 5) for name in (ACCOUNT, TREND)]
    sent = [OrderWentOut(ACCOUNT, SYMBOL, NOW - 5)] * draw(st.integers(0, 6))
    sides = [PositionHeld(TREND, SYMBOL, Decimal(draw(st.sampled_from([1, -1]))), NOW - 5) for _ in range(9)]
    away = draw(stops)
    side = draw(st.sampled_from(Side))
    wish = replace(
        BUY,
        instrument=draw(
            st.sampled_from([instrument(), instrument("0.01", "10", "5"), instrument("0.01", "0.1", "900")])
        ),
        side=side,
        quantity=Decimal(draw(st.integers(1, 60))) * 10,
        stop_loss=None if away is None else 100 - away * side.sign,
    )
    policy = draw(
        st.builds(
            LimitPolicy,
            order_size_max=st.sampled_from([Decimal("0.5"), Decimal(3)]),
            symbol_exposure_max=st.sampled_from([Decimal("0.5"), Decimal(3)]),
            gross_exposure_max=st.sampled_from([Decimal(1), Decimal(3)]),
            net_exposure_max=st.sampled_from([Decimal("0.7"), Decimal(3)]),
            heat_max=st.sampled_from([Decimal("0.06"), Decimal("0.9")]),
            loss_without_stop=st.sampled_from([Decimal("0.1"), Decimal(1)]),
            liquidation_distance_min=st.sampled_from([Decimal(0), Decimal("0.1")]),
            stop_buffer=st.sampled_from([Decimal(0), Decimal("0.01")]),
            open_orders_max=st.sampled_from([20, 30]),
            drawdown_block=st.sampled_from([Decimal("0.2"), Decimal("0.99")]),
            daily_loss_block=st.sampled_from([Decimal("0.05"), Decimal("0.99")]),
        )
    )
    return Situation(
        order=wish,
        account=draw(books(ACCOUNT)),
        strategy=draw(books(TREND)),
        events=(*marked, *sent, *sides),
        policy=LimitPolicies(account=policy, strategies={TREND: policy} if draw(st.booleans()) else {}),
    )


@given(situations())
def test_nothing_flows_on_that_a_limit_still_stops(situation: Situation) -> None:
    """What is let out is judged as it is let out, blocked orders are let out never, and all of it is on the grid.

    Proves: P6-7, P6-8
    """
    verdict = situation.judged()
    traded = situation.order.instrument
    assert 0 <= verdict.quantity <= verdict.asked
    assert (verdict.quantity == 0) is (verdict.word is StageWord.BLOCK) is bool(verdict.codes)
    if not verdict.quantity:
        return
    assert not any(each.is_reached for each in verdict.measured)
    again = replace(situation, order=replace(situation.order, quantity=verdict.quantity)).judged()
    assert (again.quantity, again.word in (StageWord.PASS, StageWord.WARN)) == (verdict.quantity, True)
    if verdict.word is StageWord.REDUCE:
        assert verdict.quantity < verdict.asked
        assert verdict.quantity % traded.lot == 0
        assert verdict.quantity * 100 >= traded.notional_min


@given(situations(), st.integers(1, 50))
def test_what_was_reduced_was_reduced_no_further_than_it_had_to_be(situation: Situation, lots: int) -> None:
    """Proves: P6-7"""
    verdict = situation.judged()
    if verdict.word is StageWord.REDUCE:
        more = verdict.quantity + lots * situation.order.instrument.lot
        if more < verdict.asked:
            assert replace(situation, order=replace(situation.order, quantity=more)).judged().quantity != more


def mirrored_position(each: PositionFacts) -> PositionFacts:
    return replace(
        each,
        position=-each.position,
        pending_buy=each.pending_sell,
        pending_sell=each.pending_buy,
        stop=None if each.stop is None else 200 - each.stop,
        margin=None,
    )


def mirrored(situation: Situation) -> Situation:
    """The same with long for short, and prices as far on the other side of 100."""
    wish = situation.order
    return replace(
        situation,
        order=replace(
            wish,
            side=wish.side.opposite,
            stop_loss=None if wish.stop_loss is None else 200 - wish.stop_loss,
        ),
        account=replace(situation.account, positions=tuple(map(mirrored_position, situation.account.positions))),
        strategy=replace(situation.strategy, positions=tuple(map(mirrored_position, situation.strategy.positions))),
        events=tuple(
            replace(each, position=-each.position) if isinstance(each, PositionHeld) else each
            for each in situation.events
        ),
    )


@given(situations())
def test_long_and_short_are_treated_alike(situation: Situation) -> None:
    """Liquidation prices are left out: maintenance is on the notional at the price, which is not symmetric.

    Proves: P6-8
    """
    free = {"liquidation_distance_min": Decimal(0), "stop_buffer": Decimal(0)}
    policy = LimitPolicies(
        account=situation.policy.account.but(free),
        strategies={name: each.but(free) for name, each in situation.policy.strategies.items()},
    )
    there = mirrored(replace(situation, policy=policy))
    back = mirrored(there)
    one, other = back.judged(), there.judged()
    assert (one.quantity, one.word, one.codes) == (other.quantity, other.word, other.codes)
    assert one.reasons == other.reasons


@given(situations(), st.sampled_from(Side))
def test_a_reducing_order_passes_whatever_is_reached(situation: Situation, side: Side) -> None:
    """Proves: P6-7, P6-8"""
    wish = replace(situation.order, effect=Effect.REDUCE, side=side)
    verdict = replace(situation, order=wish).judged()
    assert verdict.quantity == wish.quantity
    assert all(isinstance(stage, Warn) for stage in verdict.stages)
