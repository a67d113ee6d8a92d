"""What each reason for an escape takes back, and what it leaves.

Proves: SX-6, P4-2
"""

from decimal import Decimal

from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.contracts import EscapeReason, ExecutionState, Role
from qts.execution.events import OperatorVerb, SendOutcome
from qts.risk.safety_state import SafetyState
from tests.execution.front_desk import Desk

S = ExecutionState


def carry_out(desk: Desk, price: str = "100") -> None:
    """Confirm every cancellation and fill every escape until nothing more is asked for."""
    for _ in range(20):
        if desk.asked_to_cancel:
            desk.cancelled(desk.asked_to_cancel[0], None)
        elif desk.sent:
            order = desk.sent[0]
            desk.accept(order)
            desk.fill(order, price=price)
        else:
            return


# -- LOSS_LIMIT -----------------------------------------------------------------------------


def test_a_loss_above_the_limit_gives_back_what_this_execution_filled_and_no_more() -> None:
    desk = Desk()
    desk.hold("3")
    decision = desk.decision(quantity="2", limit="100", loss_limit="15")
    desk.decide(decision)
    order = desk.only_sent
    desk.accept(order)
    desk.fill(order, "1.5", "100")
    desk.quote("90", "90.1", mark="90")
    assert desk.state(decision) is S.MONITORING, "15 is not more than 15"
    desk.quote("89.9", "90", mark="89.9")
    assert desk.state(decision) is S.ESCAPING
    assert desk.asked_to_cancel == [order.client_id]
    desk.cancelled(order, "1.5")
    escape = desk.only_sent
    assert (escape.side, escape.quantity, escape.reduce_only) == (Side.SELL, Decimal("1.5"), True)
    desk.accept(escape)
    desk.fill(escape, price="89.9")
    assert desk.position == 3
    result = desk.results[-1]
    assert (result.state, result.filled, result.escape.reason) == (S.ESCAPED, Decimal("1.5"), EscapeReason.LOSS_LIMIT)
    assert result.escape.success
    assert desk.codes == [SafetyCode.FS092]
    assert desk.machine.account.safety.state is SafetyState.FAIL, "a loss limit is the account's business"


def test_a_fill_that_is_already_a_loss_does_not_wait_for_the_next_quote() -> None:
    desk = Desk()
    decision = desk.decision(quantity="2", limit="100", loss_limit="15")
    desk.quote("80", "80.1", mark="80")
    desk.decide(decision)
    order = desk.only_sent
    desk.accept(order)
    desk.fill(order, "1", "100")
    assert desk.state(decision) is S.ESCAPING


def test_a_fill_that_completes_is_the_end_even_at_a_loss() -> None:
    desk = Desk()
    desk.quote("80", "80.1", mark="80")
    desk.decide(desk.decision(limit="100", loss_limit="15"))
    order = desk.only_sent
    desk.accept(order)
    desk.fill(order, "1", "100")
    assert desk.ends == [S.COMPLETE]


def test_a_loss_of_a_short_is_measured_the_other_way() -> None:
    desk = Desk()
    decision = desk.decision(Side.SELL, quantity="1", limit="100", loss_limit="5", algorithm=None)
    desk.decide(decision)
    order = desk.only_sent
    desk.accept(order)
    desk.fill(order, "0.5", "100")
    desk.quote("80", "80.1", mark="80")
    assert desk.state(decision) is S.MONITORING
    desk.quote("110.1", "110.2", mark="110.2")
    assert desk.state(decision) is S.ESCAPING


# -- TIME_LIMIT -----------------------------------------------------------------------------


def too_late(desk: Desk, **kwargs: object) -> object:
    """An execution whose adjustment was never confirmed."""
    desk.quote("99.9", "100.1")
    desk.decide(desk.decision(limit="100", **kwargs))
    order = desk.only_sent
    desk.accept(order)
    desk.after(60_000)
    assert desk.asked_to_cancel == [order.client_id]
    return order


def test_time_is_up_and_what_filled_late_is_given_back_and_nothing_else() -> None:
    desk = Desk()
    desk.hold("3")
    order = too_late(desk)
    desk.after(29_999)
    desk.fill(order, "0.4")
    desk.after(1)
    desk.cancelled(order, "0.4")
    escape = desk.only_sent
    assert (escape.side, escape.quantity) == (Side.SELL, Decimal("0.4"))
    desk.accept(escape)
    desk.fill(escape)
    assert desk.position == 3
    assert desk.escape_reason() is EscapeReason.TIME_LIMIT
    assert desk.machine.account.safety.state is SafetyState.NORMAL, "an execution's own trouble"
    assert not desk.machine.account.paused


def test_an_exit_that_is_too_late_is_finished_at_market_and_not_taken_back() -> None:
    desk = Desk()
    desk.hold("3")
    order = too_late(desk, side=Side.SELL, quantity="2", reduce=True)
    desk.fill(order, "0.5")
    desk.after(30_000)
    assert set(desk.asked_to_cancel) == {order.client_id}, "again and again, since nobody answers"
    desk.cancelled(order, "0.5")
    escape = desk.only_sent
    assert (escape.side, escape.quantity, escape.reduce_only) == (Side.SELL, Decimal("1.5"), True)
    carry_out(desk)
    assert desk.position == 1
    assert desk.ends[-1] is S.ESCAPED


# -- SAFETY_FAIL ------------------------------------------------------------------------------


def test_a_stop_the_venue_will_not_hold_takes_the_whole_symbol_to_zero_and_pauses() -> None:
    desk = Desk()
    desk.decide(desk.decision(quantity="2", limit="100", stop="95"))
    entry = desk.only_sent
    desk.accept(entry)
    desk.fill(entry, "1.5")
    stop = desk.only_sent
    desk.refuse(stop, SendOutcome.REJECTED, -2021)
    assert entry.client_id in desk.asked_to_cancel
    desk.cancelled(entry, "1.5")
    escape = desk.only_sent
    assert (escape.role, escape.quantity) == (Role.ESCAPE, Decimal("1.5"))
    desk.accept(escape)
    desk.fill(escape)
    assert desk.position == 0
    assert desk.ends == [S.ESCAPED]
    assert desk.escape_reason() is EscapeReason.SAFETY_FAIL
    assert SafetyCode.FS092 in desk.codes
    desk.decide(desk.decision())
    assert desk.sent == [], "new executions are paused"
    desk.operator(OperatorVerb.RESUME)
    desk.decide(desk.decision())
    assert desk.only_sent.role is Role.ENTRY


# -- MANUAL -----------------------------------------------------------------------------------


def test_a_person_takes_the_symbol_to_zero_whatever_each_execution_filled() -> None:
    desk = Desk()
    desk.hold("3")
    desk.decide(desk.decision(quantity="2", limit="90"))
    resting = desk.only_sent
    desk.accept(resting)
    desk.operator(OperatorVerb.ESCAPE)
    desk.cancelled(resting, "0")
    assert desk.only_sent.quantity == 3
    carry_out(desk)
    assert desk.position == 0
    assert desk.escape_reason() is EscapeReason.MANUAL
    assert desk.codes == [SafetyCode.FS092]
    assert desk.machine.account.safety.state is SafetyState.NORMAL
    assert not desk.machine.account.paused


def test_a_person_takes_over_what_is_already_being_left_for_a_smaller_reason() -> None:
    desk = Desk()
    desk.hold("3")
    order = too_late(desk)
    desk.after(30_000)
    desk.operator(OperatorVerb.ESCAPE)
    desk.cancelled(order, "0")
    assert desk.only_sent.quantity == 3
    carry_out(desk)
    assert desk.position == 0
    assert [result.state for result in desk.results] == [S.COMPLETE, S.ESCAPED]


# -- BROKER_UNSTABLE --------------------------------------------------------------------------


def test_a_broker_that_is_not_to_be_trusted_is_only_asked_to_cancel_and_the_stop_stays() -> None:
    """Reaches: FS040, FS092"""
    desk = Desk()
    stop, target = desk.hold("1", stop="80", target="120")
    desk.decide(desk.decision(limit="90"))
    resting = desk.only_sent
    desk.accept(resting)
    desk.decide(desk.decision(limit="89"))
    for _ in range(3):
        desk.refuse(desk.all_sent[-1], SendOutcome.REFUSED)
        if SafetyCode.FS040 not in desk.codes:
            desk.after(1_000)
    assert SafetyCode.FS040 in desk.codes
    assert set(desk.asked_to_cancel) == {target.client_id, resting.client_id}
    desk.cancelled(target, "0")
    desk.cancelled(resting, "0")
    assert desk.escape_reason() is EscapeReason.BROKER_UNSTABLE
    assert S.ESCAPED in desk.ends
    desk.after(60_000)
    assert Role.ESCAPE not in [order.role for order in desk.all_sent]
    assert desk.position == 1
    assert desk.record(stop).state is OrderState.ACCEPTED
    assert desk.record(stop).cancel_asked_at is None
    assert desk.machine.account.paused
    assert desk.machine.account.safety.state is SafetyState.FAIL, "one trouble: its escape is not a second cause"
