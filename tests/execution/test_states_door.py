"""Every legal step of an execution is taken through the front door, and no other.

Proves: SX-0
"""

from collections.abc import Callable

import pytest

from qts.domain.safety_code import SafetyCode
from qts.execution.contracts import ExecutionState
from qts.execution.events import OperatorVerb, SendOutcome
from qts.execution.state_machine import FINAL, SUCCESSORS
from tests.execution.conftest import Step
from tests.execution.front_desk import Desk

pytestmark = pytest.mark.interpreted

S = ExecutionState

WITHIN_ONE_EVENT = {S.INIT, S.SPLITTING}
"""States no event finds an execution in: what is decided is checked, and what is checked is split, at once.

So from them there is no way out but on: nothing can be refused, and nobody can ask for an escape, in between.
"""


def completes(desk: Desk) -> None:
    desk.hold()


def fails_before_sending(desk: Desk) -> None:
    desk.connection(is_up=False)
    desk.decide(desk.decision())
    desk.after(5_000)


def fails_in_sending(desk: Desk) -> None:
    desk.decide(desk.decision())
    desk.refuse(desk.only_sent, SendOutcome.REJECTED)


def adjusts_and_stops(desk: Desk) -> None:
    desk.quote("100", "100.2")
    desk.decide(desk.decision(limit="100"))
    desk.accept(desk.only_sent)
    for _ in range(5):
        desk.after(60_000 if len(desk.all_sent) == 1 else 1_000)
        if desk.asked_to_cancel:
            desk.cancelled(desk.asked_to_cancel[-1], "0")
        for order in desk.sent:
            desk.accept(order)


def is_left_in(state: ExecutionState) -> Callable[[Desk], None]:
    def story(desk: Desk) -> None:
        if state is S.PRECHECK:
            desk.connection(is_up=False)
        desk.quote("100", "100.2")
        desk.decide(desk.decision(limit="100"))
        if state in (S.MONITORING, S.ADJUSTING):
            desk.accept(desk.only_sent)
        if state is S.ADJUSTING:
            desk.after(60_000)
        desk.operator(OperatorVerb.ESCAPE)
        desk.connection(is_up=True)
        for order in desk.all_sent:
            desk.cancelled(order, "0")

    return story


STORIES = [
    completes,
    fails_before_sending,
    fails_in_sending,
    adjusts_and_stops,
    *(is_left_in(state) for state in (S.PRECHECK, S.SENDING, S.MONITORING, S.ADJUSTING)),
]


def test_every_legal_step_is_taken_and_no_other(steps: list[Step]) -> None:
    for story in STORIES:
        desk = Desk()
        story(desk)
        assert len(desk.results) == 1, story
        assert desk.results[0].state in FINAL
    onward = {S.INIT: {S.PRECHECK}, S.SPLITTING: {S.SENDING}}
    reachable = {
        (state, to)
        for state, successors in SUCCESSORS.items()
        for to in (onward[state] if state in WITHIN_ONE_EVENT else successors)
    }
    assert set(steps) == reachable


def test_an_execution_that_completes_passes_its_states_in_order(steps: list[Step]) -> None:
    completes(Desk())
    assert [to for _, to in steps] == [S.PRECHECK, S.SPLITTING, S.SENDING, S.MONITORING, S.COMPLETE]


def test_a_final_state_is_left_by_nothing(steps: list[Step]) -> None:
    desk = Desk()
    desk.hold()
    order = desk.all_sent[0]
    taken = len(steps)
    desk.refuse(order, SendOutcome.REJECTED)
    desk.lose(order)
    desk.cancelled(order, "1")
    desk.fill(order, "0.1")
    desk.after(600_000)
    mine = [step for step in steps[taken:] if step[0] in FINAL]
    assert mine == []
    assert desk.results[0].state is S.COMPLETE
    assert desk.results[0].filled == 1


def test_an_execution_says_each_code_once(steps: list[Step]) -> None:
    desk = Desk()
    desk.quote("100.3", "100.4")
    desk.decide(desk.decision(limit="100"))
    desk.accept(desk.only_sent)
    desk.after(70_000)
    assert desk.codes.count(SafetyCode.GR063) == 1
    assert [to for _, to in steps].count(S.ADJUSTING) == 4, "three rounds, and the look that finds none left"
