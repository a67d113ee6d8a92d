"""Sending through the front door: what is sent again, what never is, and where an execution goes from there.

Proves: SX-0, SX-3
"""

from decimal import Decimal

import pytest

from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.contracts import ExecutionState, SplitAlgorithm, SplitOrder
from qts.execution.events import OrderAck, SendOutcome
from tests.execution.front_desk import Desk

S = ExecutionState
NOT_PLACED = [SendOutcome.REFUSED, SendOutcome.NOT_SENT]


def decided(desk: Desk, **kwargs: object) -> SplitOrder:
    desk.decide(desk.decision(**kwargs))
    return desk.only_sent


def at_once(desk: Desk, slices: int = 5) -> list[SplitOrder]:
    """Slices of 1, all sent and none answered."""
    desk.decide(desk.decision(quantity=str(slices), algorithm=SplitAlgorithm.TWAP))
    return desk.sent


# -- sent again ---------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", NOT_PLACED)
def test_what_was_definitely_not_placed_is_sent_three_times_with_growing_waits_and_then_given_up(
    outcome: SendOutcome,
) -> None:
    """Reaches: FS090"""
    desk = Desk()
    desk.decide(desk.decision())
    decision = desk.machine.account.orders.find("d1").order
    attempts, waits = [decision], []
    for step in (200, 400):
        desk.refuse(attempts[-1], outcome)
        assert desk.sent == []
        before = desk.now
        wait = desk.machine.due - before
        assert step <= wait < step * 1.5
        desk.after(wait - 1)
        assert desk.sent == []
        desk.after(1)
        attempts.append(desk.only_sent)
        waits.append(wait)
    assert [order.attempt for order in attempts] == [1, 2, 3]
    assert len({order.client_id for order in attempts}) == 3
    assert {(order.quantity, order.sequence, order.side) for order in attempts} == {(1, 0, Side.BUY)}
    desk.refuse(attempts[-1], outcome)
    assert desk.ends == [S.FAILED]
    assert SafetyCode.FS090 in desk.codes
    assert desk.results[-1].filled == 0
    desk.after(600_000)
    assert len(desk.all_sent) == 3


def test_the_ids_of_the_attempts_are_the_same_in_every_process() -> None:
    def ids() -> list[str]:
        desk = Desk()
        order = decided(desk)
        for _ in range(2):
            desk.refuse(order, SendOutcome.REFUSED)
            desk.after(2_000)
            order = desk.all_sent[-1]
        return [each.client_id for each in desk.all_sent]

    assert ids() == ids() == ["d1", "d1.s0a2", "d1.s0a3"]


def test_slices_that_were_refused_together_do_not_come_back_together() -> None:
    desk = Desk()
    orders = at_once(desk)
    assert [order.quantity for order in orders] == [1] * 5
    for order in orders:
        if order.sequence % 2 == 0:
            desk.refuse(order, SendOutcome.NOT_SENT)
        else:
            desk.accept(order)
    came = {}
    for ms in range(1, 400):
        desk.after(1)
        came |= {order.sequence: ms for order in desk.sent}
    assert sorted(came) == [0, 2, 4]
    assert len(set(came.values())) == 3
    assert all(200 <= wait < 300 for wait in came.values())


def test_the_instant_the_venue_named_is_waited_for() -> None:
    desk = Desk()
    order = decided(desk)
    desk.tell(OrderAck(order.client_id, SendOutcome.REFUSED, code=-1003, retry_at=desk.now + 7_000))
    desk.after(6_999)
    assert len(desk.all_sent) == 1
    desk.after(1)
    assert [each.attempt for each in desk.all_sent] == [1, 2]


def test_an_attempt_that_is_accepted_ends_the_tries() -> None:
    desk = Desk()
    order = decided(desk)
    desk.refuse(order, SendOutcome.REFUSED)
    desk.after(300)
    again = desk.all_sent[-1]
    desk.accept(again)
    desk.fill(again)
    assert desk.ends == [S.COMPLETE]
    assert len(desk.all_sent) == 2
    assert desk.codes == []


def test_an_answer_heard_twice_is_one_answer() -> None:
    desk = Desk()
    order = decided(desk)
    desk.refuse(order, SendOutcome.REFUSED)
    desk.refuse(order, SendOutcome.REFUSED)
    desk.after(2_000)
    assert [each.attempt for each in desk.all_sent] == [1, 2]


@pytest.mark.parametrize("outcome", [*NOT_PLACED, SendOutcome.REJECTED])
@pytest.mark.parametrize("filled", [None, "0.4", "1"])
def test_a_refusal_of_an_order_that_lives_sends_nothing(outcome: SendOutcome, filled: str | None) -> None:
    desk = Desk()
    order = decided(desk)
    desk.accept(order)
    if filled is not None:
        desk.fill(order, filled)
    desk.refuse(order, outcome)
    desk.after(5_000)
    assert len(desk.all_sent) == 1


@pytest.mark.parametrize("outcome", [*NOT_PLACED, SendOutcome.REJECTED])
@pytest.mark.parametrize("filled", ["0.4", "1"])
def test_a_fill_of_a_refused_order_is_applied(outcome: SendOutcome, filled: str) -> None:
    desk = Desk()
    order = decided(desk)
    desk.refuse(order, outcome)
    desk.fill(order, filled)
    assert desk.position == Decimal(filled)
    desk.after(5_000)
    bought = sum(each.quantity for each in desk.all_sent[1:] if each.side is Side.BUY)
    assert Decimal(filled) + bought <= 1


# -- never again --------------------------------------------------------------------------


@pytest.mark.parametrize("code", [-2010, -2021, -1111, -4164, -4003, -2022])
def test_a_reject_is_never_sent_again(code: int) -> None:
    desk = Desk()
    order = decided(desk)
    desk.refuse(order, SendOutcome.REJECTED, code)
    desk.after(600_000)
    assert len(desk.all_sent) == 1
    assert desk.ends == [S.FAILED]
    assert SafetyCode.FS090 in desk.codes


def test_an_order_that_exists_already_is_adopted_and_asked_for() -> None:
    desk = Desk()
    order = decided(desk)
    desk.refuse(order, SendOutcome.EXISTS, -4116)
    assert desk.sent == []
    assert desk.queried == [order.client_id]
    assert desk.record(order).state is OrderState.ACCEPTED
    desk.fill(order)
    assert desk.ends == [S.COMPLETE]


def test_a_symbol_the_venue_does_not_know_ends_the_execution_at_once() -> None:
    """Reaches: FS091"""
    desk = Desk()
    orders = at_once(desk)
    for order in orders:
        desk.refuse(order, SendOutcome.REJECTED, -1121)
    assert desk.codes.count(SafetyCode.FS091) == 1
    assert SafetyCode.FS090 not in desk.codes
    assert desk.ends == [S.FAILED]
    assert "does not know the symbol" in desk.results[-1].reason
    desk.after(600_000)
    assert len(desk.all_sent) == 5


@pytest.mark.parametrize("code", [-2018, -2019, -2027])
def test_a_short_balance_at_the_venue_cancels_the_rest_and_keeps_what_filled(code: int) -> None:
    desk = Desk()
    desk.decide(desk.decision(quantity="5", algorithm=SplitAlgorithm.TWAP, horizon_ms=5_000))
    first = desk.only_sent
    desk.accept(first)
    desk.fill(first, "0.25")
    desk.after(1_000)
    desk.refuse(desk.only_sent, SendOutcome.REJECTED, code)
    assert desk.codes == [SafetyCode.GR061]
    assert desk.asked_to_cancel == [first.client_id]
    desk.cancelled(first, "0.25")
    result = desk.results[-1]
    assert (result.state, result.filled, result.reason) == (S.COMPLETE, Decimal("0.25"), "the balance is short")
    desk.after(600_000)
    assert len(desk.all_sent) == 2


def test_a_short_balance_for_the_only_order_fails_without_counting_as_all_refused() -> None:
    desk = Desk()
    order = decided(desk)
    desk.refuse(order, SendOutcome.REJECTED, -2019)
    assert desk.ends == [S.FAILED]
    assert desk.codes == [SafetyCode.GR061]


# -- unknown ------------------------------------------------------------------------------


def test_an_unknown_outcome_goes_to_the_protocol_and_is_not_repeated() -> None:
    """Reaches: AN050"""
    desk = Desk()
    order = decided(desk)
    desk.lose(order)
    assert desk.sent == []
    assert desk.codes == [SafetyCode.AN050]
    assert desk.record(order).state is OrderState.UNKNOWN
    asked_at = []
    for _ in range(20):
        desk.after(500)
        asked_at += [desk.now] * desk.queried.count(order.client_id)
    assert [at - order.send_at for at in asked_at] == [500, 1_000, 2_000, 4_000, 8_000]
    assert len(desk.all_sent) == 1


def test_evidence_of_absence_allows_one_more_attempt_under_a_new_id() -> None:
    desk = Desk()
    order = decided(desk)
    desk.lose(order)
    for _ in range(3):
        desk.after(2_000)
        desk.not_found(order)
    assert len(desk.all_sent) == 1
    desk.snapshot("0")
    assert desk.record(order).state is OrderState.NOT_PLACED
    again = desk.only_sent
    assert (again.attempt, again.quantity) == (2, 1)
    assert again.client_id != order.client_id


def test_not_found_alone_is_no_evidence() -> None:
    desk = Desk()
    order = decided(desk)
    desk.lose(order)
    for _ in range(20):
        desk.after(2_000)
        desk.not_found(order)
    assert desk.record(order).state is OrderState.UNKNOWN
    assert len(desk.all_sent) == 1


def test_a_child_of_unknown_outcome_pauses_the_rest_of_the_split() -> None:
    """SND-15."""
    desk = Desk()
    desk.decide(desk.decision(quantity="5", algorithm=SplitAlgorithm.TWAP, horizon_ms=5_000))
    first = desk.only_sent
    desk.accept(first)
    desk.after(1_000)
    lost = desk.only_sent
    desk.lose(lost)
    desk.after(10_000)
    assert len(desk.all_sent) == 2, "the schedule went on beside an order nobody knows"
    desk.accept(lost)
    assert [order.sequence for order in desk.sent] == [2, 3, 4], "what was due meanwhile goes out"
    desk.after(600)
    assert sum(order.quantity for order in desk.all_sent) == 5


def test_a_fill_of_an_unknown_order_resolves_it_at_once() -> None:
    desk = Desk()
    order = decided(desk)
    desk.lose(order)
    desk.after(600)
    desk.fill(order)
    assert desk.ends == [S.COMPLETE]
    desk.after(60_000)
    assert desk.queried == []
    assert len(desk.all_sent) == 1


# -- where it leads -----------------------------------------------------------------------


def test_sending_that_is_not_answered_for_ten_seconds_is_watched_since_it_may_live() -> None:
    desk = Desk()
    decision = desk.decision()
    desk.decide(decision)
    order = desk.only_sent
    desk.after(9_999)
    assert desk.state(decision) is S.SENDING
    desk.after(1)
    assert desk.state(decision) is S.MONITORING
    desk.fill(order)
    assert desk.ends == [S.COMPLETE]


def test_sending_that_is_unknown_after_ten_seconds_is_watched() -> None:
    desk = Desk()
    decision = desk.decision()
    desk.decide(decision)
    desk.lose(desk.only_sent)
    desk.after(10_000)
    assert desk.state(decision) is S.MONITORING


def test_sending_fails_after_ten_seconds_when_nothing_lives_and_nothing_filled() -> None:
    desk = Desk()
    decision = desk.decision()
    desk.decide(decision)
    order = desk.only_sent
    desk.tell(OrderAck(order.client_id, SendOutcome.REFUSED, code=-1003, retry_at=desk.now + 60_000))
    desk.after(9_999)
    assert desk.state(decision) is S.SENDING
    desk.after(1)
    assert desk.state(decision) is S.FAILED
    assert SafetyCode.FS090 in desk.codes
    desk.after(120_000)
    assert len(desk.all_sent) == 1


def test_one_slice_that_lives_is_enough_to_go_on() -> None:
    desk = Desk()
    desk.decide(desk.decision(quantity="2", algorithm=SplitAlgorithm.ICEBERG, horizon_ms=1_000))
    first = desk.only_sent
    desk.accept(first)
    desk.fill(first)
    second = desk.only_sent
    desk.refuse(second, SendOutcome.REJECTED, -2010)
    assert SafetyCode.FS090 not in desk.codes
    result = [each for each in desk.results if each.state is S.FAILED]
    assert result == []


def test_what_was_filled_while_the_connection_was_down_ends_well() -> None:
    desk = Desk()
    desk.decide(desk.decision(quantity="2", algorithm=SplitAlgorithm.ICEBERG, horizon_ms=1_000))
    first = desk.only_sent
    desk.connection(is_up=False)
    desk.fill(first)
    assert desk.sent == [], "nobody would hear it"
    desk.connection(is_up=True)
    assert desk.sent == [], "nothing is opened before the venue was asked"
    assert (desk.ends, desk.results[-1].filled) == ([S.COMPLETE], Decimal("0.6"))


def test_the_answer_to_an_order_nobody_sent_changes_nothing() -> None:
    desk = Desk()
    before = desk.machine.account.facts()
    for outcome in SendOutcome:
        desk.refuse("nobody's", outcome)
        assert desk.new == ()
    assert desk.machine.account.facts() == before
