"""The way out through the front door: cancel, collar, market, until it is true that it is done.

Proves: SX-0, SX-6
"""

from decimal import Decimal

import pytest

from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionSettings
from qts.execution.contracts import EscapeReason, ExecutionState, Role, SplitOrder
from qts.execution.events import OperatorVerb, SendOutcome
from tests.execution.front_desk import BTC, SYMBOL, Desk

S = ExecutionState


def leave(desk: Desk) -> None:
    desk.operator(OperatorVerb.ESCAPE, symbol=SYMBOL)


# -- the steps --------------------------------------------------------------------------------


def test_everything_of_ours_but_the_stop_is_cancelled_first_the_reduce_only_orders_before_the_rest() -> None:
    desk = Desk()
    desk.decide(desk.decision(limit="90"))
    resting = desk.only_sent
    desk.accept(resting)
    stop, target = desk.hold(stop="80", target="120")
    leave(desk)
    assert desk.asked_to_cancel == [target.client_id, resting.client_id]
    assert desk.sent == [], "a close would be refused while the target stands"
    desk.cancelled(target, "0")
    assert desk.sent == []
    desk.cancelled(resting, "0")
    assert [(order.role, order.side, order.quantity) for order in desk.sent] == [(Role.ESCAPE, Side.SELL, 1)]
    assert desk.record(stop).state is OrderState.ACCEPTED, "the stop stays until nothing is held"
    desk.fill(desk.only_sent)
    assert stop.client_id in desk.asked_to_cancel


def test_first_in_the_collar_then_at_market() -> None:
    desk = Desk()
    desk.hold()
    desk.quote("100", "100.1", mark="100")
    leave(desk)
    first = desk.only_sent
    assert (first.type, first.price) == (OrderType.LIMIT, Decimal(98))
    assert first.reduce_only
    desk.accept(first)
    desk.fill(first, "0.25", "98.5")
    desk.after(1_999)
    assert desk.asked_to_cancel == []
    desk.after(1)
    assert desk.asked_to_cancel == [first.client_id]
    desk.cancelled(first, "0.25")
    second = desk.only_sent
    assert (second.type, second.price, second.quantity) == (OrderType.MARKET, None, Decimal("0.75"))
    desk.accept(second)
    desk.fill(second)
    assert desk.position == 0


def test_a_short_is_bought_back_inside_the_collar_above_the_mark() -> None:
    desk = Desk()
    desk.decide(desk.decision(Side.SELL))
    order = desk.only_sent
    desk.accept(order)
    desk.fill(order)
    desk.quote("100", "100.1", mark="100")
    leave(desk)
    assert (desk.only_sent.side, desk.only_sent.price) == (Side.BUY, Decimal(102))


def test_without_a_quote_there_is_no_collar_and_it_goes_to_market() -> None:
    desk = Desk()
    desk.hold()
    leave(desk)
    assert desk.only_sent.type is OrderType.MARKET


def test_it_goes_out_in_slices_the_venue_takes_until_nothing_is_held() -> None:
    desk = Desk(ExecutionSettings(instruments={SYMBOL: BTC}, quantity_max={SYMBOL: Decimal("0.4")}))
    for quantity in ("0.4", "0.4", "0.2"):
        desk.hold(quantity)
    leave(desk)
    slices = []
    while desk.position != 0:
        order = desk.only_sent
        slices.append(order.quantity)
        desk.accept(order)
        desk.fill(order)
        if not desk.sent:
            desk.after(2_000)
    assert slices == [Decimal("0.4"), Decimal("0.4"), Decimal("0.2")]


@pytest.mark.parametrize("outcome", [SendOutcome.REFUSED, SendOutcome.NOT_SENT, SendOutcome.REJECTED])
def test_it_never_gives_up_and_raises_the_alarm_every_thirty_seconds(outcome: SendOutcome) -> None:
    """Reaches: FS092"""
    desk = Desk()
    desk.hold()
    leave(desk)
    began, alarms, tries, seen = desk.now, [], 0, len(desk.said)
    for _ in range(300):
        while desk.sent:
            tries += 1
            desk.refuse(desk.only_sent, outcome)
        desk.after(500)
        told = [each for each in desk.said[seen:] if getattr(each, "code", None) is SafetyCode.FS092]
        alarms += [desk.now - began] * len(told)
        seen = len(desk.said)
    assert alarms == [30_000, 60_000, 90_000, 120_000, 150_000]
    assert 50 <= tries <= 80, "about one every two seconds"
    desk.after(2_000)
    last = desk.all_sent[-1]
    desk.accept(last)
    desk.fill(last)
    desk.after(600_000)
    assert desk.position == 0
    assert desk.codes.count(SafetyCode.FS092) == 6, "and once that it is done"


def test_an_escape_of_unknown_outcome_goes_out_again_after_its_death_time_and_never_flips() -> None:
    desk = Desk()
    desk.hold()
    leave(desk)
    first = desk.only_sent
    desk.lose(first)
    desk.after(2_999)
    assert desk.sent == []
    desk.after(1_100)
    second = desk.only_sent
    assert second.client_id != first.client_id
    assert (second.reduce_only, second.quantity) == (True, 1)


def test_a_cancellation_that_is_not_answered_is_asked_again_and_nothing_goes_out_before() -> None:
    desk = Desk()
    _, target = desk.hold(stop="80", target="120")
    leave(desk)
    asked = 1
    for _ in range(10):
        desk.after(1_000)
        asked += desk.asked_to_cancel.count(target.client_id)
        assert desk.sent == []
    assert asked == 6
    desk.cancelled(target, "0")
    assert desk.only_sent.role is Role.ESCAPE


def test_a_target_that_fills_while_it_is_cancelled_leaves_nothing_to_return() -> None:
    desk = Desk()
    _, target = desk.hold(stop="80", target="120")
    leave(desk)
    desk.fill(target, price="120")
    assert desk.position == 0
    assert desk.sent == []
    desk.after(60_000)
    assert [order.role for order in desk.all_sent].count(Role.ESCAPE) == 0


# -- every state may be left --------------------------------------------------------------------


def in_precheck(desk: Desk) -> None:
    desk.connection(is_up=False)
    desk.decide(desk.decision())


def in_sending(desk: Desk) -> None:
    desk.decide(desk.decision())


def in_monitoring(desk: Desk) -> None:
    desk.decide(desk.decision(limit="100"))
    desk.accept(desk.only_sent)


def in_adjusting(desk: Desk) -> None:
    desk.quote("100", "100.2")
    in_monitoring(desk)
    desk.after(60_000)


@pytest.mark.parametrize(
    ("bring", "state"),
    [
        (in_precheck, S.PRECHECK),
        (in_sending, S.SENDING),
        (in_monitoring, S.MONITORING),
        (in_adjusting, S.ADJUSTING),
    ],
)
def test_every_state_that_lasts_can_be_escaped_from(bring: object, state: ExecutionState) -> None:
    desk = Desk()
    bring(desk)
    (active,) = desk.machine._pipeline.active()
    assert active.state is state
    leave(desk)
    assert active.state in (S.ESCAPING, S.ESCAPED)
    desk.connection(is_up=True)
    for order in desk.all_sent:
        desk.cancelled(order, "0")
    assert desk.ends == [S.ESCAPED]
    assert desk.escape_reason() is EscapeReason.MANUAL
    assert desk.position == 0


def test_an_escape_that_has_begun_is_not_begun_again() -> None:
    desk = Desk()
    desk.decide(desk.decision(limit="90"))
    order = desk.only_sent
    desk.accept(order)
    leave(desk)
    leave(desk)
    desk.operator(OperatorVerb.KILL)
    desk.cancelled(order, "0")
    assert desk.ends == [S.ESCAPED]


def test_nothing_is_opened_on_the_symbol_while_it_is_being_left() -> None:
    desk = Desk()
    desk.hold()
    leave(desk)
    escape = desk.only_sent
    desk.decide(desk.decision())
    assert desk.results[-1].state is S.FAILED
    assert desk.sent == []
    desk.accept(escape)
    desk.fill(escape)
    desk.decide(desk.decision())
    assert desk.only_sent.role is Role.ENTRY


def test_it_reports_what_is_true() -> None:
    desk = Desk()
    filled: list[SplitOrder] = []
    desk.decide(desk.decision(quantity="2", limit="100"))
    filled += desk.sent
    desk.accept(filled[0])
    desk.fill(filled[0], "0.75")
    leave(desk)
    desk.fill(filled[0], "0.25")  # crosses the cancellation
    desk.cancelled(filled[0], "1")
    escape = desk.only_sent
    assert escape.quantity == 1
    desk.accept(escape)
    desk.fill(escape, price="99")
    result = desk.results[-1]
    assert (result.state, result.filled) == (S.ESCAPED, 1)
    assert result.escape.success
    assert (result.escape.returned, result.escape.left) == (1, 0)
    assert result.escape.canceled == (filled[0].client_id,)
    assert SafetyCode.FS092 in [alert.code for alert in result.alerts]


def test_an_escape_that_nobody_trades_with_leaves_a_stop_at_the_venue_meanwhile() -> None:
    """Should we be gone, the venue knows an end; what is given back at last takes the stop along."""
    desk = Desk()
    (stop,) = desk.hold("1", stop="90")
    desk.quote("89.9", "90.1", mark="90")
    desk.fill(stop, "0.1")
    desk.ended(stop, OrderState.EXPIRED, "0.1")
    assert desk.only_sent.role is Role.ESCAPE
    started = desk.now
    while desk.now < started + 12_000:
        for each in [one for one in desk.all_sent if one.role is Role.ESCAPE and not desk.record(one).is_final]:
            desk.ended(each, OrderState.EXPIRED)
        desk.after(500)
        for each in [one for one in desk.sent if one.role is Role.STOP_LOSS]:
            desk.accept(each)
    stops = [each for each in desk.all_sent if each.role is Role.STOP_LOSS][1:]
    assert [(each.quantity, each.price, each.side) for each in stops] == [(Decimal("0.9"), Decimal("88.2"), Side.SELL)]
    assert started + 10_000 <= stops[0].send_at <= started + 10_500
    leaving = [each for each in desk.all_sent if each.role is Role.ESCAPE][-1]
    desk.fill(leaving, "0.9")
    assert desk.position == 0
    assert stops[0].client_id in desk.asked_to_cancel
