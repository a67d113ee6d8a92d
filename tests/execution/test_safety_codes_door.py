"""Every fail-safe, reached by news from market, venue, clock and operator, and what it leads to.

Guardrails and anomalies: test_safety_warnings_door.py.

Proves: P4-4, SX-7
"""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from qts.domain.safety_code import REGISTRY, SafetyCode
from qts.execution.contracts import ExecutionState, SplitAlgorithm
from qts.execution.event_queue import EventQueue, QueueBounds
from qts.execution.events import OperatorVerb, OrderAck, QueueOverflow, SendOutcome
from qts.risk.safety_state import SafetyState
from tests.execution.front_desk import SYMBOL, Desk

S = ExecutionState
CODE = SafetyCode


# -- fail-safes of the account ----------------------------------------------------------------


def refuse_three_times(desk: Desk) -> None:
    desk.decide(desk.decision(limit="99"))
    for _ in range(3):
        desk.refuse(desk.all_sent[-1], SendOutcome.REFUSED, -1008)
        if CODE.FS040 not in desk.codes:
            desk.after(1_000)


def test_three_requests_that_failed_in_a_row_stop_what_increases() -> None:
    """Reaches: FS040"""
    desk = Desk()
    desk.hold()
    refuse_three_times(desk)
    assert CODE.FS040 in desk.codes
    assert desk.safety is SafetyState.FAIL
    assert not desk.opens()
    assert desk.reduces()
    desk.operator(OperatorVerb.RESUME)
    assert desk.safety is SafetyState.NORMAL
    assert desk.opens()


def test_an_answer_in_between_begins_the_row_anew() -> None:
    desk = Desk()
    for _ in range(3):
        for _ in range(2):
            desk.decide(desk.decision(limit="99"))
            desk.refuse(desk.all_sent[-1], SendOutcome.REFUSED, -1008)
            desk.after(1_000)
        desk.refuse(desk.all_sent[-1], SendOutcome.REJECTED, -2010)
        desk.after(20_000)
    assert CODE.FS040 not in desk.codes


def test_a_refusal_that_concerns_the_account_needs_no_second() -> None:
    desk = Desk()
    desk.decide(desk.decision())
    desk.tell(OrderAck(desk.only_sent.client_id, SendOutcome.REFUSED, code=-2015, halts=True))
    assert CODE.FS040 in desk.codes
    assert desk.safety is SafetyState.FAIL


@pytest.mark.parametrize("equity", ["0", "-1"])
def test_no_equity_stops_what_increases_and_is_told_once(equity: str) -> None:
    """Reaches: FS050"""
    desk = Desk()
    desk.hold()
    desk.decide(desk.decision(limit="99"))
    resting = desk.only_sent
    desk.accept(resting)
    desk.money(equity)
    desk.money(equity)
    assert desk.codes == [CODE.FS050]
    assert desk.safety is SafetyState.FAIL
    assert resting.client_id in [each.client_id for each in desk.said if hasattr(each, "conditional")], "given up"
    assert not desk.opens()
    assert desk.reduces()


def test_a_queue_that_ran_over_pauses_until_a_person_resumes_and_drops_nothing() -> None:
    """Reaches: FS095"""
    desk = Desk()
    desk.hold()
    queue = EventQueue(QueueBounds(urgent=4))
    trades = [desk.trade("nobody's", "0.1", trade_id=f"f{number}") for number in range(6)]
    for trade in trades:
        queue.put(trade)
    handled = []
    while (event := queue.take()) is not None:
        handled.append(event)
        desk.tell(event)
    assert [type(event) for event in handled].count(QueueOverflow) == 1
    assert [event for event in handled if not isinstance(event, QueueOverflow)] == trades
    assert desk.position == Decimal("1.6")
    assert desk.codes.count(CODE.FS095) == 1
    assert desk.safety is SafetyState.FAIL
    desk.operator(OperatorVerb.ACKNOWLEDGE)
    assert not desk.opens()
    assert desk.reduces()
    desk.operator(OperatorVerb.RESUME)
    assert desk.opens()


def test_the_kill_switch_leaves_everything_and_locks_down() -> None:
    """Reaches: FS104"""
    desk = Desk()
    desk.hold()
    desk.decide(desk.decision(limit="90"))
    resting = desk.only_sent
    desk.accept(resting)
    desk.operator(OperatorVerb.KILL, "drill")
    assert CODE.FS104 in desk.codes
    assert desk.safety is SafetyState.LOCKDOWN
    assert desk.asked_to_cancel == [resting.client_id]
    desk.cancelled(resting, "0")
    escape = desk.only_sent
    desk.accept(escape)
    desk.fill(escape)
    assert desk.position == 0
    assert S.ESCAPED in desk.ends
    assert not desk.opens()
    desk.operator(OperatorVerb.RESUME)
    assert not desk.opens(), "a lockdown is released only for a reason"
    desk.operator(OperatorVerb.RESUME, "the drill is over")
    assert desk.opens()


# -- fail-safes of a symbol -------------------------------------------------------------------


def test_an_outcome_unknown_for_a_minute_puts_the_symbol_in_quarantine() -> None:
    """Reaches: FS070"""
    desk = Desk()
    desk.hold()
    desk.decide(desk.decision(limit="99"))
    lost = desk.only_sent
    desk.lose(lost)
    desk.after(59_999)
    assert CODE.FS070 not in desk.codes
    desk.after(1)
    assert desk.codes.count(CODE.FS070) == 1
    assert desk.safety is SafetyState.WARNING, "the symbol's business and not the account's"
    desk.accept(lost)
    desk.cancelled(lost, "0")
    assert not desk.opens()
    assert desk.reduces()
    desk.operator(OperatorVerb.ACKNOWLEDGE, symbol=SYMBOL)
    assert desk.opens()


def test_news_that_contradict_the_life_of_an_order_put_the_symbol_in_quarantine() -> None:
    desk = Desk()
    desk.decide(desk.decision(limit="99"))
    order = desk.only_sent
    desk.refuse(order, SendOutcome.REJECTED, -2010)
    desk.fill(order, "0.5", "99")
    assert desk.position == Decimal("0.5")
    assert CODE.FS070 in desk.codes
    assert not desk.opens()


def never_agrees(desk: Desk) -> None:
    desk.hold()
    for _ in range(3):
        assert CODE.FS070 not in desk.codes
        desk.after(3_000)
        desk.snapshot("0.4")


def test_a_position_that_never_agrees_is_corrected_and_the_symbol_put_in_quarantine() -> None:
    desk = Desk()
    desk.quote("100", "100.1")
    never_agrees(desk)
    assert CODE.FS070 in desk.codes
    assert desk.position == Decimal("0.4")
    assert not desk.opens()
    assert desk.reduces()


def test_a_position_that_never_agrees_without_a_price_is_told_too() -> None:
    desk = Desk()
    never_agrees(desk)
    assert CODE.FS070 in desk.codes
    assert not desk.opens()


# -- fail-safes of an execution ---------------------------------------------------------------


def test_when_every_send_was_refused_the_execution_fails() -> None:
    """Reaches: FS090"""
    desk = Desk()
    desk.decide(desk.decision(quantity="5", algorithm=SplitAlgorithm.TWAP))
    for order in desk.sent:
        desk.refuse(order, SendOutcome.REJECTED, -2010)
    assert desk.codes == [CODE.FS090]
    assert desk.ends == [S.FAILED]
    assert desk.safety is SafetyState.NORMAL
    assert desk.opens()


def test_an_unknown_symbol_fails_the_execution() -> None:
    """Reaches: FS091"""
    desk = Desk()
    desk.decide(desk.decision())
    desk.refuse(desk.only_sent, SendOutcome.REJECTED, -1121)
    assert desk.codes == [CODE.FS091]
    assert desk.ends == [S.FAILED]
    assert desk.safety is SafetyState.NORMAL


def test_an_escape_is_told_when_it_was_carried_out() -> None:
    """Reaches: FS092"""
    desk = Desk()
    desk.hold()
    desk.operator(OperatorVerb.ESCAPE)
    assert CODE.FS092 not in desk.codes
    escape = desk.only_sent
    desk.accept(escape)
    desk.fill(escape)
    assert desk.codes == [CODE.FS092]
    assert desk.position == 0
    assert desk.safety is SafetyState.NORMAL


def half_filled(desk: Desk) -> None:
    desk.decide(desk.decision(limit="99.9"))
    order = desk.only_sent
    desk.accept(order)
    desk.fill(order, "0.5")
    desk.after(60_000)
    desk.cancelled(order, "0.5")


def test_part_of_an_order_in_time_is_kept() -> None:
    """Reaches: FS093"""
    desk = Desk()
    half_filled(desk)
    assert CODE.FS093 in desk.codes
    assert (desk.ends, desk.position) == ([S.COMPLETE], Decimal("0.5"))
    assert desk.safety is SafetyState.NORMAL


def test_slippage_above_the_limit_stops_adjusting() -> None:
    """Reaches: FS094"""
    desk = Desk()
    desk.quote("100.6", "100.7")
    desk.decide(desk.decision(limit="100"))
    order = desk.only_sent
    desk.accept(order)
    desk.after(60_000)
    assert CODE.FS094 in desk.codes
    assert desk.asked_to_cancel == [order.client_id]
    desk.cancelled(order, "0")
    assert desk.ends == [S.COMPLETE]


def test_three_fail_safes_of_a_strategys_executions_within_an_hour_halt_it_and_no_other() -> None:
    desk = Desk()
    for _ in range(3):
        assert desk.opens()
        desk.refuse(desk.only_sent, SendOutcome.REJECTED, -2010)
        desk.after(60_000)
    assert not desk.opens()
    assert "halted" in desk.results[-1].reason
    assert desk.opens(strategy="another")


# -- all of them ------------------------------------------------------------------------------


def test_every_code_there_is_is_reached_here_or_among_the_warnings() -> None:
    reached = {
        cited.strip()
        for file in (Path(__file__), Path(__file__).with_name("test_safety_warnings_door.py"))
        for line in re.findall(r'^ +"""Reaches: (.+)"""', file.read_text(encoding="utf-8"), re.MULTILINE)
        for cited in line.split(",")
    }
    assert reached == {code.value for code in REGISTRY}
