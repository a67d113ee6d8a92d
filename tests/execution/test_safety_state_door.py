"""What the safety state lets out, through the front door: in which states is opened, and that reducing always passes.

Proves: P4-2, P4-4, SX-1
"""

from collections.abc import Callable
from decimal import Decimal

import pytest

from qts.domain.instant import HOUR_MS, MINUTE_MS
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.contracts import ExecutionState, Role
from qts.execution.events import OperatorVerb, QueueOverflow, Restarted, SendOutcome
from qts.risk.safety_state import SafetyState
from tests.execution.front_desk import SYMBOL, Desk

S = ExecutionState


def normal(desk: Desk) -> None:
    """As it begins."""


def warning(desk: Desk) -> None:
    desk.decide(desk.decision(limit="60"))
    lost = desk.only_sent
    desk.lose(lost)
    desk.cancelled(lost, "0")


def fail(desk: Desk) -> None:
    desk.money("0")


def lockdown(desk: Desk) -> None:
    desk.money("0")
    desk.tell(QueueOverflow(101))


def paused(desk: Desk) -> None:
    desk.operator(OperatorVerb.PAUSE)


def quarantined(desk: Desk) -> None:
    desk.decide(desk.decision(limit="60"))
    order = desk.only_sent
    desk.refuse(order, SendOutcome.REJECTED, -2010)
    desk.ended(order, OrderState.CANCELED)


def foreign(desk: Desk) -> None:
    desk.fill("somebody's", "0.1")


def restarted(desk: Desk) -> None:
    desk.tell(Restarted())


def halted(desk: Desk) -> None:
    for _ in range(3):
        desk.decide(desk.decision(limit="60"))
        desk.refuse(desk.only_sent, SendOutcome.REJECTED, -2010)


OPEN = [normal, warning]
CLOSED = [fail, lockdown, paused, quarantined, foreign, restarted, halted]
STATES = {
    normal: SafetyState.NORMAL,
    warning: SafetyState.WARNING,
    fail: SafetyState.FAIL,
    lockdown: SafetyState.LOCKDOWN,
    paused: SafetyState.NORMAL,
    quarantined: SafetyState.NORMAL,
    foreign: SafetyState.NORMAL,
    halted: SafetyState.NORMAL,
}

Bring = Callable[[Desk], None]


def brought(bring: Bring) -> Desk:
    desk = Desk()
    desk.hold("1", stop="50")
    bring(desk)
    assert desk.safety is STATES.get(bring, desk.safety)
    return desk


@pytest.mark.parametrize("bring", OPEN)
def test_increasing_orders_go_out_in_normal_and_warning(bring: Bring) -> None:
    assert brought(bring).opens()


@pytest.mark.parametrize("bring", CLOSED)
def test_and_nowhere_else(bring: Bring) -> None:
    desk = brought(bring)
    assert not desk.opens()
    assert desk.results[-1].state is S.FAILED
    assert desk.results[-1].reason


@pytest.mark.parametrize("bring", OPEN + CLOSED)
def test_what_reduces_gets_out_in_every_state(bring: Bring) -> None:
    desk = brought(bring)
    held = desk.position
    assert desk.reduces()
    assert desk.position == held - Decimal("0.1")


@pytest.mark.parametrize("answer", [None, SendOutcome.REFUSED, SendOutcome.UNKNOWN])
def test_an_exit_does_not_wait_for_an_entry_that_is_being_sent(answer: SendOutcome | None) -> None:
    desk = Desk()
    desk.hold("1")
    desk.decide(desk.decision(limit="90"))
    if answer is not None:
        desk.refuse(desk.only_sent, answer)
    assert desk.reduces()


@pytest.mark.parametrize("bring", OPEN + CLOSED)
def test_a_person_can_leave_in_every_state(bring: Bring) -> None:
    desk = brought(bring)
    desk.operator(OperatorVerb.ESCAPE, symbol=SYMBOL)
    escape = next(order for order in desk.sent if order.role is Role.ESCAPE)
    desk.accept(escape)
    desk.fill(escape)
    assert desk.position == 0


@pytest.mark.parametrize("bring", CLOSED)
def test_protection_is_kept_up_in_every_state(bring: Bring) -> None:
    desk = brought(bring)
    (stop,) = [order for order in desk.all_sent if order.role is Role.STOP_LOSS and order.quantity == 1]
    if not desk.sent or desk.sent[-1].role is not Role.STOP_LOSS:
        desk.ended(stop, OrderState.CANCELED, "0")
    roles = [order.role for order in desk.sent]
    assert Role.STOP_LOSS in roles or Role.ESCAPE in roles


@pytest.mark.parametrize("bring", [fail, lockdown, paused, foreign, quarantined])
def test_what_is_working_and_would_increase_is_given_up_too(bring: Bring) -> None:
    desk = Desk()
    desk.hold("1")
    desk.decide(desk.decision(limit="90"))
    resting = desk.only_sent
    desk.accept(resting)
    seen = len(desk.said)
    bring(desk)
    cancelled = [each.client_id for each in desk.said[seen:] if hasattr(each, "conditional")]
    assert resting.client_id in cancelled


def test_a_warning_ends_after_fifteen_quiet_minutes() -> None:
    desk = brought(warning)
    desk.now += 15 * MINUTE_MS - 1
    desk.decide(desk.decision(limit="60"))
    desk.accept(desk.only_sent)
    desk.after(0)
    assert desk.safety is SafetyState.WARNING
    desk.after(MINUTE_MS)
    assert desk.safety is SafetyState.NORMAL


@pytest.mark.parametrize(("apart", "state"), [(HOUR_MS, SafetyState.LOCKDOWN), (HOUR_MS + 1, SafetyState.FAIL)])
def test_a_second_cause_within_the_hour_locks_down(apart: int, state: SafetyState) -> None:
    desk = brought(fail)
    desk.after(apart)
    desk.tell(QueueOverflow(101))
    assert desk.safety is state


def test_the_same_cause_again_does_not_lock_down() -> None:
    desk = brought(fail)
    desk.money("10")
    desk.money("-1")
    assert desk.codes.count(SafetyCode.FS050) == 2
    assert desk.safety is SafetyState.FAIL


def test_fail_ends_by_a_persons_word_and_lockdown_only_with_a_reason() -> None:
    desk = brought(fail)
    desk.operator(OperatorVerb.RESUME)
    assert desk.safety is SafetyState.NORMAL
    desk = brought(lockdown)
    desk.operator(OperatorVerb.RESUME)
    assert desk.safety is SafetyState.LOCKDOWN
    desk.operator(OperatorVerb.RESUME, "looked at it")
    assert desk.safety is SafetyState.NORMAL
    desk.money("1000")
    assert desk.opens()


def test_a_word_about_a_symbol_nobody_trades_does_nothing() -> None:
    desk = Desk()
    desk.hold("1")
    for verb in (OperatorVerb.ESCAPE, OperatorVerb.ACKNOWLEDGE):
        assert desk.operator(verb, symbol="XYZ") == ()
    assert desk.position == 1


@pytest.mark.parametrize("bring", OPEN + CLOSED)
def test_a_restart_resumes_the_state_and_does_not_lift_it(bring: Bring) -> None:
    desk = brought(bring)
    again = desk.restarted()
    assert again.machine.digest() == desk.machine.digest()
    assert again.safety is desk.safety
    assert again.tell(Restarted())
    assert not again.opens(), "nothing before the venue agreed"
    again.now += 10
    live = again.machine.account.orders.live(SYMBOL)
    again.snapshot(str(again.position), orders=tuple(again.listed(each.order) for each in live))
    assert again.reduces()
    assert again.opens() is (bring in OPEN or bring is restarted)
