"""What tests of the execution machine share besides the desk."""

import pytest

from qts.domain.instant import Instant
from qts.execution.contracts import ExecutionState
from qts.execution.executions import Execution

Step = tuple[ExecutionState, ExecutionState]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """Every step between states that executions take, written down as they take it; nothing else is changed."""
    seen: list[Step] = []
    enter = Execution.enter

    def watched(execution: Execution, state: ExecutionState, now: Instant) -> None:
        before = execution.state
        enter(execution, state, now)
        seen.append((before, state))

    monkeypatch.setattr(Execution, "enter", watched)
    return seen
