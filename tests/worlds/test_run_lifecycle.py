"""Every state with every action, against the table written out by hand."""

import pytest

from qts.worlds.run_lifecycle import TRANSITIONS, IllegalTransition, RunAction, RunStatus, after

STORIES = """
submitted         start     backtest_running
submitted         fail      rejected
submitted         expire    expired
backtest_running  measure   evaluating
backtest_running  fail      rejected
backtest_running  expire    expired
evaluating        judge     evaluated
evaluating        fail      rejected
evaluating        expire    expired
evaluated         activate  activated
evaluated         reject    rejected
evaluated         expire    expired
activated         expire    expired
"""

LEGAL = {
    (RunStatus(status), RunAction(action)): RunStatus(following)
    for status, action, following in (line.split() for line in STORIES.strip().splitlines())
}


@pytest.mark.parametrize("action", RunAction)
@pytest.mark.parametrize("status", RunStatus)
def test_every_state_answers_every_action(status: RunStatus, action: RunAction) -> None:
    """Proves: WS-7"""
    if (status, action) in LEGAL:
        assert after(status, action) is LEGAL[status, action]
    else:
        with pytest.raises(IllegalTransition, match=f"a run that is {status} cannot {action}"):
            after(status, action)


def test_rejected_and_expired_are_final() -> None:
    """Proves: WS-7"""
    assert {status for status in RunStatus if status.is_final} == {RunStatus.REJECTED, RunStatus.EXPIRED}
    with pytest.raises(IllegalTransition) as caught:
        after(RunStatus.EXPIRED, RunAction.START)
    assert "it is final" in caught.value.next_step


def test_every_state_can_be_reached_and_left_for_good() -> None:
    reached = {RunStatus.SUBMITTED} | {following for row in TRANSITIONS.values() for following in row.values()}
    assert reached == set(RunStatus)
    for status in RunStatus:
        ends = {status}
        for _ in RunStatus:
            ends |= {following for one in ends for following in TRANSITIONS[one].values()}
        assert any(end.is_final for end in ends)
