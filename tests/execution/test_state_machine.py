"""The ten states of an execution: every pair of them, and the time each may take.

The expected steps are written out here as the requirements' table has them, not read from the code.

Proves: SX-0
"""

from itertools import product

import pytest

from qts.execution.contracts import ExecutionState
from qts.execution.state_machine import FINAL, SUCCESSORS, TIMEOUT_MS, IllegalStep, advance

TABLE = """
init       -> precheck
precheck   -> splitting failed escaping
splitting  -> sending failed escaping
sending    -> monitoring failed escaping
monitoring -> complete adjusting escaping
adjusting  -> monitoring escaping
escaping   -> escaped
"""
ENDS = {"complete", "escaped", "failed"}


def legal() -> set[tuple[str, str]]:
    pairs = set()
    for line in TABLE.strip().splitlines():
        state, successors = line.split("->")
        pairs |= {(state.strip(), to) for to in successors.split()}
    # "Any non-final state but ESCAPING itself may go to ESCAPING."
    return pairs | {(state.value, "escaping") for state in ExecutionState if state.value not in ENDS | {"escaping"}}


LEGAL = legal()
PAIRS = list(product(ExecutionState, ExecutionState))


def test_there_are_ten_states_and_a_hundred_pairs_of_them():
    assert len(ExecutionState) == 10
    assert len(PAIRS) == 100
    assert len(LEGAL) == 17


@pytest.mark.parametrize(("state", "to"), PAIRS, ids=lambda state: state.value)
def test_every_pair_is_legal_or_illegal_as_the_table_says(state: ExecutionState, to: ExecutionState):
    if (state.value, to.value) in LEGAL:
        assert advance(state, to) is to
        return
    with pytest.raises(IllegalStep, match=f"an execution that is {state} cannot become {to}") as refused:
        advance(state, to)
    assert (refused.value.state, refused.value.to) == (state, to)


def test_final_states_and_only_they_have_no_successor():
    assert {state.value for state in FINAL} == ENDS
    assert {state for state in ExecutionState if not SUCCESSORS[state]} == FINAL


def test_an_escape_does_not_begin_twice():
    with pytest.raises(IllegalStep):
        advance(ExecutionState.ESCAPING, ExecutionState.ESCAPING)


def test_every_state_is_reached_and_every_way_can_still_end():
    def reachable(start: ExecutionState) -> set[ExecutionState]:
        seen, ahead = {start}, [start]
        while ahead:
            fresh = SUCCESSORS[ahead.pop()] - seen
            seen |= fresh
            ahead.extend(fresh)
        return seen

    assert reachable(ExecutionState.INIT) == set(ExecutionState)
    assert all(reachable(state) & FINAL for state in ExecutionState)


def test_timeouts_are_those_of_the_requirements():
    assert dict(TIMEOUT_MS) == {
        ExecutionState.PRECHECK: 5_000,
        ExecutionState.SPLITTING: 1_000,
        ExecutionState.SENDING: 10_000,
        ExecutionState.MONITORING: 60_000,
        ExecutionState.ADJUSTING: 30_000,
        ExecutionState.ESCAPING: 30_000,
    }


def test_every_state_in_which_something_is_waited_for_has_a_timeout():
    assert set(TIMEOUT_MS) == set(ExecutionState) - FINAL - {ExecutionState.INIT}


def test_the_tables_cannot_be_changed():
    with pytest.raises(TypeError):
        TIMEOUT_MS[ExecutionState.INIT] = 1  # type: ignore[index]
    with pytest.raises(TypeError):
        SUCCESSORS[ExecutionState.COMPLETE] = frozenset(ExecutionState)  # type: ignore[index]
