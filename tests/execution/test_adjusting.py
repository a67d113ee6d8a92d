"""Adjusting through the front door: one round a second, three at most, slippage from the arrival price.

Proves: SX-0, SX-5
"""

from decimal import Decimal

import pytest

from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionSettings
from qts.execution.commands import ModifyOrder
from qts.execution.contracts import EscapeReason, ExecutionState, SplitOrder, Urgency
from qts.execution.events import SendOutcome
from tests.execution.front_desk import BTC, SYMBOL, Desk

S = ExecutionState


def stuck(desk: Desk, bid: str = "100", ask: str = "100.2", **kwargs: object) -> SplitOrder:
    """A limit order at 100 that did not fill for 60 seconds; the desk stands at the instant it is adjusted."""
    desk.quote(bid, ask)
    desk.decide(desk.decision(**{"limit": "100", **kwargs}))
    order = desk.only_sent
    desk.accept(order)
    desk.after(59_999)
    desk.quote(bid, ask)
    desk.after(1)
    return order


# -- a round --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "limit", "bid", "ask", "price"),
    [
        (Side.BUY, "100", "100", "100.2", "100.1"),
        (Side.BUY, "200", "200", "200.4", "200.2"),
        (Side.BUY, "200", "200", "200.1", "200.1"),  # the far touch is nearer than the step
        (Side.SELL, "100", "99.8", "100", "99.9"),
        (Side.SELL, "200", "199.6", "200", "199.8"),
        (Side.SELL, "200", "199.9", "200", "199.9"),
    ],
)
def test_the_price_is_improved_by_a_step_and_never_beyond_the_far_touch(
    side: Side, limit: str, bid: str, ask: str, price: str
) -> None:
    desk = Desk()
    order = stuck(desk, bid, ask, side=side, limit=limit, arrival=limit)
    assert desk.asked_to_cancel == [order.client_id]
    desk.cancelled(order, "0")
    new = desk.only_sent
    assert (new.price, new.quantity, new.type, new.side) == (Decimal(price), 1, OrderType.LIMIT, side)
    assert new.client_id != order.client_id


def test_a_change_is_cancel_then_confirmed_then_new_and_never_two_orders_at_once() -> None:
    desk = Desk()
    order = stuck(desk)
    assert desk.sent == []
    desk.after(5_000)
    assert desk.sent == []
    desk.cancelled(order, "0")
    assert desk.only_sent.quantity == 1
    assert not any(isinstance(command, ModifyOrder) for command in desk.said)


def test_what_filled_while_the_cancellation_was_on_its_way_is_not_bought_again() -> None:
    desk = Desk()
    order = stuck(desk)
    desk.cancelled(order, "0.4")
    assert desk.sent == [], "a trade of the cancelled order is still missing"
    desk.fill(order, "0.4")
    new = desk.only_sent
    assert new.quantity == Decimal("0.6")
    desk.accept(new)
    desk.fill(new, price="100.1")
    result = desk.results[-1]
    assert (result.state, result.filled) == (S.COMPLETE, 1)
    assert result.average_price == Decimal("100.06")


def test_an_order_that_fills_while_it_is_cancelled_completes() -> None:
    desk = Desk()
    order = stuck(desk)
    desk.fill(order)
    assert (desk.ends, desk.sent) == ([S.COMPLETE], [])
    desk.cancelled(order, "1")
    assert desk.sent == []


def test_a_second_apart_and_three_rounds_at_most_then_it_stops_and_completes_with_nothing() -> None:
    """Reaches: FS094"""
    desk = Desk()
    began = desk.now
    order = stuck(desk, "100", "100.3", arrival="100")
    rounds = []
    for _ in range(3):
        assert desk.asked_to_cancel == [order.client_id]
        rounds.append(desk.now - began)
        desk.cancelled(order, "0")
        order = desk.only_sent
        desk.accept(order)
        desk.after(999)
        assert desk.asked_to_cancel == []
        desk.after(1)
    assert rounds == [60_000, 61_000, 62_000]
    assert SafetyCode.FS094 in desk.codes
    assert desk.asked_to_cancel == [order.client_id], "adjusting stopped: the rest is cancelled"
    assert desk.ends == []
    desk.cancelled(order, "0")
    result = desk.results[-1]
    assert (result.state, result.filled, result.average_price) == (S.COMPLETE, 0, None)
    assert [each.price for each in desk.all_sent] == [Decimal(text) for text in ("100", "100.1", "100.2", "100.3")]


def test_an_urgent_order_goes_to_market() -> None:
    desk = Desk()
    order = stuck(desk, urgency=Urgency.URGENT)
    desk.cancelled(order, "0")
    new = desk.only_sent
    assert (new.type, new.price, new.quantity) == (OrderType.MARKET, None, 1)


def test_what_the_balance_no_longer_carries_is_taken_off() -> None:
    desk = Desk()
    desk.quote("100", "100.1")
    desk.decide(desk.decision(limit="100"), available=Decimal(1_000))
    order = desk.only_sent
    desk.accept(order)
    desk.after(59_000)
    desk.money("60", "50")
    desk.after(1_000)
    desk.cancelled(order, "0")
    new = desk.only_sent
    assert (new.quantity, new.price) == (Decimal("0.499"), 100)
    desk.accept(new)
    desk.fill(new)
    result = desk.results[-1]
    assert (result.state, result.filled) == (S.COMPLETE, Decimal("0.499"))


def test_without_a_quote_the_price_stays_and_the_rounds_pass() -> None:
    desk = Desk()
    desk.decide(desk.decision(limit="100"))
    order = desk.only_sent
    desk.accept(order)
    desk.after(62_999)
    assert SafetyCode.FS094 not in desk.codes
    desk.after(1)
    assert SafetyCode.FS094 in desk.codes
    assert len(desk.all_sent) == 1


def test_on_bars_an_order_waits_since_a_bar_has_no_touch() -> None:
    desk = Desk(ExecutionSettings(instruments={SYMBOL: BTC}, on_bars=True))
    stuck(desk)
    assert desk.asked_to_cancel == []
    assert len(desk.all_sent) == 1


# -- slippage -------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "bid", "ask"), [(Side.BUY, "100.3", "100.4"), (Side.SELL, "99.6", "99.7")])
def test_above_three_thousandths_the_price_is_held(side: Side, bid: str, ask: str) -> None:
    """Reaches: GR063"""
    desk = Desk()
    decision_at = desk.now
    stuck(desk, bid, ask, side=side)
    assert SafetyCode.GR063 in desk.codes
    assert desk.asked_to_cancel == []
    assert len(desk.all_sent) == 1
    desk.after(2_999)
    assert SafetyCode.FS094 not in desk.codes
    desk.after(1)
    assert SafetyCode.FS094 in desk.codes
    assert desk.now - decision_at == 63_000
    assert desk.codes.count(SafetyCode.GR063) == 1


def test_exactly_three_thousandths_is_not_above() -> None:
    desk = Desk()
    stuck(desk, "100", "100.3")
    assert SafetyCode.GR063 not in desk.codes


@pytest.mark.parametrize(("side", "bid", "ask"), [(Side.BUY, "100.5", "100.6"), (Side.SELL, "99.4", "99.5")])
def test_above_five_thousandths_adjusting_stops_at_once(side: Side, bid: str, ask: str) -> None:
    desk = Desk()
    order = stuck(desk, bid, ask, side=side)
    assert SafetyCode.FS094 in desk.codes
    assert desk.asked_to_cancel == [order.client_id]
    desk.cancelled(order, "0")
    assert desk.ends == [S.COMPLETE]


def test_slippage_in_our_favour_is_never_held_against_the_order() -> None:
    desk = Desk()
    stuck(desk, "98.9", "99", arrival="100", limit="98")
    assert not {SafetyCode.GR063, SafetyCode.FS094} & set(desk.codes)
    assert len(desk.asked_to_cancel) == 1


def test_slippage_counts_from_the_arrival_price_over_all_rounds() -> None:
    desk = Desk()
    order = stuck(desk, "100.2", "100.3", limit="100", arrival="100")
    for bid, ask in [("100.25", "100.35"), ("100.3", "100.4")]:
        if desk.asked_to_cancel:
            desk.cancelled(order, "0")
            order = desk.only_sent
            desk.accept(order)
        desk.quote(bid, ask)
        desk.after(1_000)
    assert SafetyCode.GR063 in desk.codes
    assert max(each.price for each in desk.all_sent) < Decimal("100.4")


# -- the way out ------------------------------------------------------------------------------


def test_an_adjustment_that_is_not_confirmed_in_thirty_seconds_is_escaped_from() -> None:
    desk = Desk()
    desk.quote("100", "100.2")
    decision = desk.decision(limit="100")
    desk.decide(decision)
    order = desk.only_sent
    desk.accept(order)
    desk.after(60_000)
    assert desk.state(decision) is S.ADJUSTING
    desk.after(29_999)
    assert desk.state(decision) is S.ADJUSTING
    desk.after(1)
    assert desk.state(decision) is S.ESCAPING
    assert desk.asked_to_cancel == [order.client_id]
    desk.cancelled(order, "0")
    assert desk.ends == [S.ESCAPED]
    assert desk.escape_reason() is EscapeReason.TIME_LIMIT
    assert desk.results[-1].escape.canceled == (order.client_id,)


def test_a_cancellation_that_nobody_answers_is_asked_again_while_adjusting() -> None:
    desk = Desk()
    decision = desk.decision(limit="100")
    desk.quote("100", "100.2")
    desk.decide(decision)
    order = desk.only_sent
    desk.accept(order)
    desk.after(60_000)
    assert desk.asked_to_cancel == [order.client_id]
    desk.after(1_999)
    assert desk.asked_to_cancel == []
    desk.after(1)
    assert desk.asked_to_cancel == [order.client_id]
    desk.cancelled(order, "0")
    assert desk.only_sent.client_id != order.client_id
    assert desk.state(decision) is not S.ESCAPING


def test_the_venue_ending_the_order_is_as_good_as_the_confirmation() -> None:
    desk = Desk()
    order = stuck(desk)
    desk.ended(order, OrderState.CANCELED, "0")
    assert desk.only_sent.price == Decimal("100.1")


def test_a_new_order_that_is_rejected_ends_with_what_filled_and_is_not_repeated() -> None:
    desk = Desk()
    order = stuck(desk)
    desk.cancelled(order, "0")
    desk.refuse(desk.only_sent, SendOutcome.REJECTED, -2010)
    assert desk.ends == [S.COMPLETE]
    assert len(desk.all_sent) == 2
