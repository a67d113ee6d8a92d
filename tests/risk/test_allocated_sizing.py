"""The two-percent rule on allocated capital: one stop costs a strategy what was planned, both ways included."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.instrument import Instrument
from qts.domain.money import exact_arithmetic
from qts.domain.refusal import RefusalCode
from qts.market.brackets import BracketHistory
from qts.risk.allocated_sizing import NotSized, Sized, sized_by_allocation
from qts.risk.liquidation import Backing, MarginMode, margin_excess
from qts.risk.liquidation_guard import StopFacts, StopHolds, stop_before_liquidation
from qts.risk.sizing import SizingFacts
from tests.generators import HARSHER_ROWS, USUAL_BRACKETS, bracket_table, instrument

TWO_PERCENT = Decimal("0.02")
HISTORIES = [BracketHistory((USUAL_BRACKETS,)), BracketHistory((bracket_table(*HARSHER_ROWS),))]


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    tick, lot = draw(
        st.sampled_from([("0.01", "0.001"), ("0.1", "0.001"), ("0.5", "1"), ("0.0001", "0.0001"), ("1", "10")])
    )
    return instrument(tick, lot, draw(st.sampled_from(["0", "5", "100"])))


@st.composite
def wishes(draw: st.DrawFn) -> tuple[int, Decimal, Decimal, Instrument, Decimal, SizingFacts]:
    """side, entry, stop on its losing side, instrument, allocated capital, facts."""
    traded, side = draw(instruments()), draw(st.sampled_from([1, -1]))
    ticks = draw(st.integers(10, 1_000_000))
    away = draw(st.integers(1, ticks - 1))
    entry, stop = ticks * traded.tick, (ticks - side * away) * traded.tick
    equity = Decimal(draw(st.integers(-100, 10**7)))
    allocated = Decimal(draw(st.integers(-100, 10**7))) / draw(st.sampled_from([1, 7]))
    facts = SizingFacts(
        equity=equity,
        available=Decimal(draw(st.integers(-100, 10**7))),
        held=draw(st.integers(0, 1000)) * traded.lot,
        cost_rate=draw(st.sampled_from(["0", "0.0006", "0.01"]).map(Decimal)),
        leverage=draw(st.integers(1, 3)),
        leverage_max=Decimal(3),
        risk_per_trade=draw(st.sampled_from([TWO_PERCENT, Decimal("0.003")])),
    )
    return side, entry, stop, traded, allocated, facts


@given(wishes())
def test_the_loss_at_the_stop_is_within_two_percent_of_what_was_allocated_and_within_a_lot_of_it(wish) -> None:
    """Costs and what is held included, exactly; one lot more would break the rule, the leverage or the margin.

    Proves: QL-13
    """
    _, entry, stop, traded, allocated, facts = wish
    sized = sized_by_allocation(entry, stop, traded, allocated=allocated, facts=facts)
    if isinstance(sized, NotSized):
        assert sized.code in (RefusalCode.QUANTITY_BELOW_LOT, RefusalCode.NOTIONAL_BELOW_MINIMUM)
        return
    with exact_arithmetic():
        costs = (entry + stop) * facts.cost_rate
        lost = (facts.held + sized.quantity) * (abs(entry - stop) + costs)
        assert lost == sized.loss_at_stop
        assert lost <= allocated * facts.risk_per_trade <= allocated * TWO_PERCENT
        assert lost <= facts.equity * facts.risk_per_trade
        assert sized.quantity % traded.lot == 0
        assert sized.quantity * entry >= traded.notional_min
        assert (facts.held + sized.quantity) * entry <= 3 * allocated
        more = sized.quantity + traded.lot
        own, paid = min(allocated, facts.equity), entry * (1 + facts.cost_rate)
        assert (
            (facts.held + more) * (abs(entry - stop) + costs) > own * facts.risk_per_trade
            or more * paid + facts.held * entry > 3 * own
            or more * (paid / facts.leverage + paid * facts.cost_rate) > facts.available
        )


@given(wishes())
def test_a_long_and_its_mirror_image_are_sized_alike(wish) -> None:
    """With nothing to pay on the way, the stop as far on the other side gives the same quantity.

    Proves: QL-13
    """
    _, entry, stop, traded, allocated, facts = wish
    free = replace(facts, cost_rate=Decimal(0))
    there = sized_by_allocation(entry, stop, traded, allocated=allocated, facts=free)
    back = sized_by_allocation(entry, 2 * entry - stop, traded, allocated=allocated, facts=free)
    assert there == back


@given(wishes(), st.integers(0, 10**6))
def test_more_capital_for_another_strategy_changes_nothing_here(wish, growth: int) -> None:
    """Proves: QL-13"""
    _, entry, stop, traded, allocated, facts = wish
    rich = replace(facts, equity=max(allocated, facts.equity))
    richer = replace(rich, equity=rich.equity + growth)
    assert sized_by_allocation(entry, stop, traded, allocated=allocated, facts=rich) == sized_by_allocation(
        entry, stop, traded, allocated=allocated, facts=richer
    )


@given(wishes(), st.sampled_from(HISTORIES))
def test_what_is_sized_and_cleared_is_stopped_out_alive(wish, history: BracketHistory) -> None:
    """On brackets of any date: the position still has its maintenance margin when the stop has cost what it may.

    Proves: QL-13, QL-14
    """
    side, entry, stop, traded, allocated, facts = wish
    facts = replace(facts, held=Decimal(0))
    sized = sized_by_allocation(entry, stop, traded, allocated=allocated, facts=facts)
    if isinstance(sized, NotSized):
        return
    with exact_arithmetic():
        position = side * sized.quantity
        wallet = sized.quantity * entry / facts.leverage
        asked = StopFacts(
            position=position,
            basis=position * entry,
            backing=Backing(mode=MarginMode.ISOLATED, wallet=wallet),
            leverage=facts.leverage,
            stop=stop,
            brackets=history,
            at=0,
        )
        if isinstance(stop_before_liquidation(asked), StopHolds):
            assert margin_excess(position, asked.basis, wallet, stop, history.at(0)) > 0
            assert wallet > sized.quantity * abs(entry - stop)


@pytest.mark.parametrize(
    ("side", "allocated", "held", "expected"),
    [
        # 2 % of 10,000 is 200; 2 a unit from the stop and 0.198 or 0.202 of costs: 90.991 and 90.826.
        (1, "10000", "0", "90.991"),
        (-1, "10000", "0", "90.826"),
        (1, "10000", "40", "50.991"),
        (1, "100", "0", "0.909"),
    ],
)
def test_worked_by_hand(side: int, allocated: str, held: str, expected: str) -> None:
    """Proves: QL-13"""
    facts = SizingFacts(
        equity=Decimal(1_000_000),
        available=Decimal(1_000_000),
        held=Decimal(held),
        cost_rate=Decimal("0.001"),
        leverage=1,
        leverage_max=Decimal(3),
        risk_per_trade=TWO_PERCENT,
    )
    stop = Decimal(100) - 2 * side
    sized = sized_by_allocation(Decimal(100), stop, instrument(), allocated=Decimal(allocated), facts=facts)
    assert isinstance(sized, Sized)
    assert sized.quantity == Decimal(expected)


@pytest.mark.parametrize(
    ("allocated", "code"),
    [("0", RefusalCode.QUANTITY_BELOW_LOT), ("-5", RefusalCode.QUANTITY_BELOW_LOT), ("1", None)],
)
def test_too_little_is_refused_never_rounded_up(allocated: str, code: RefusalCode | None) -> None:
    """1 quote allows 0.005 units, worth 0.5: below the minimum of 5.

    Proves: QL-13
    """
    facts = SizingFacts(
        equity=Decimal(1000),
        available=Decimal(1000),
        held=Decimal(0),
        cost_rate=Decimal(0),
        leverage=1,
        leverage_max=Decimal(3),
        risk_per_trade=TWO_PERCENT,
    )
    no = sized_by_allocation(Decimal(100), Decimal(96), instrument(), allocated=Decimal(allocated), facts=facts)
    assert isinstance(no, NotSized)
    assert no.code is (code or RefusalCode.NOTIONAL_BELOW_MINIMUM)
    assert no.sentence
