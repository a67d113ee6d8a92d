"""The two-percent rule on allocated capital: one stop costs a strategy what was planned, both ways included."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.instrument import Instrument
from qts.domain.money import exact_arithmetic
from qts.market.brackets import BracketHistory
from qts.risk.liquidation import Backing, MarginMode, margin_excess
from qts.risk.liquidation_guard import StopFacts, StopHolds, stop_before_liquidation
from qts.risk.sizing import SizingFacts, cost_to_open, quantity_for_stop
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
def wishes(draw: st.DrawFn) -> tuple[int, Decimal, Decimal, Instrument, SizingFacts]:
    """side, entry, stop on its losing side, instrument, facts."""
    traded, side = draw(instruments()), draw(st.sampled_from([1, -1]))
    ticks = draw(st.integers(10, 1_000_000))
    away = draw(st.integers(1, ticks - 1))
    entry, stop = ticks * traded.tick, (ticks - side * away) * traded.tick
    equity = Decimal(draw(st.integers(-100, 10**7)))
    facts = SizingFacts(
        allocated=Decimal(draw(st.integers(-100, 10**7))) / draw(st.sampled_from([1, 7])),
        equity=equity,
        available=Decimal(draw(st.integers(-100, 10**7))),
        held=draw(st.integers(0, 1000)) * traded.lot,
        elsewhere=Decimal(draw(st.sampled_from([0, 0, 1000, 10**6]))),
        cost_rate=draw(st.sampled_from(["0", "0.0006", "0.01"]).map(Decimal)),
        leverage=draw(st.integers(1, 3)),
        leverage_max=Decimal(3),
        risk_per_trade=draw(st.sampled_from([TWO_PERCENT, Decimal("0.003")])),
    )
    return side, entry, stop, traded, facts


@given(wishes())
def test_the_loss_at_the_stop_is_within_two_percent_of_what_was_allocated_and_within_a_lot_of_it(wish) -> None:
    """Costs and what is held included, exactly; one lot more would break the rule, the leverage or the margin.

    Proves: QL-13
    """
    _, entry, stop, traded, facts = wish
    with exact_arithmetic():
        quantity = quantity_for_stop(entry, stop, traded, facts)
        assert quantity % traded.lot == 0
        loss_per_unit = abs(entry - stop) + (entry + stop) * facts.cost_rate
        own = min(facts.allocated, facts.equity)
        if quantity:
            lost = (facts.held + quantity) * loss_per_unit
            assert lost <= facts.allocated * facts.risk_per_trade <= facts.allocated * TWO_PERCENT
            assert lost <= facts.equity * facts.risk_per_trade
            assert (facts.held + quantity) * entry + facts.elsewhere <= 3 * facts.allocated
            assert cost_to_open(quantity, entry, facts.leverage, facts.cost_rate) <= facts.available
        more, paid = quantity + traded.lot, entry * (1 + facts.cost_rate)
        assert (
            (facts.held + more) * loss_per_unit > own * facts.risk_per_trade
            or more * paid + facts.held * entry + facts.elsewhere > 3 * own
            or cost_to_open(more, entry, facts.leverage, facts.cost_rate) > facts.available
        )


@given(wishes())
def test_a_long_and_its_mirror_image_are_sized_alike(wish) -> None:
    """With nothing to pay on the way, the stop as far on the other side gives the same quantity.

    Proves: QL-13
    """
    _, entry, stop, traded, facts = wish
    free = replace(facts, cost_rate=Decimal(0))
    assert quantity_for_stop(entry, stop, traded, free) == quantity_for_stop(entry, 2 * entry - stop, traded, free)


@given(wishes(), st.integers(0, 10**6))
def test_what_is_only_on_paper_changes_nothing(wish, gain: int) -> None:
    """Proves: QL-13"""
    _, entry, stop, traded, facts = wish
    rich = replace(facts, equity=max(facts.allocated, facts.equity))
    richer = replace(rich, equity=rich.equity + gain)
    assert quantity_for_stop(entry, stop, traded, rich) == quantity_for_stop(entry, stop, traded, richer)


@given(wishes(), st.sampled_from(HISTORIES))
def test_what_is_sized_and_cleared_is_stopped_out_alive(wish, history: BracketHistory) -> None:
    """On brackets of any date: the position still has its maintenance margin when the stop has cost what it may.

    Proves: QL-13, QL-14
    """
    side, entry, stop, traded, facts = wish
    with exact_arithmetic():
        quantity = quantity_for_stop(entry, stop, traded, replace(facts, held=Decimal(0)))
        if not quantity:
            return
        position = side * quantity
        wallet = quantity * entry / facts.leverage
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
            assert wallet > quantity * abs(entry - stop)


@pytest.mark.parametrize(
    ("side", "allocated", "held", "expected"),
    [
        # 2 % of 10,000 is 200; 2 a unit from the stop and 0.198 or 0.202 of costs: 90.991 and 90.826.
        (1, "10000", "0", "90.991"),
        (-1, "10000", "0", "90.826"),
        (1, "10000", "40", "50.991"),
        (1, "100", "0", "0.909"),
        (1, "0.1", "0", "0"),  # 0.0009: less than a lot, never rounded up
        (1, "0", "0", "0"),
        (1, "-5", "0", "0"),
    ],
)
def test_worked_by_hand(side: int, allocated: str, held: str, expected: str) -> None:
    """Proves: QL-13"""
    facts = SizingFacts(
        allocated=Decimal(allocated),
        equity=Decimal(1_000_000),
        available=Decimal(1_000_000),
        held=Decimal(held),
        elsewhere=Decimal(0),
        cost_rate=Decimal("0.001"),
        leverage=1,
        leverage_max=Decimal(3),
        risk_per_trade=TWO_PERCENT,
    )
    stop = Decimal(100) - 2 * side
    assert quantity_for_stop(Decimal(100), stop, instrument(), facts) == Decimal(expected)
