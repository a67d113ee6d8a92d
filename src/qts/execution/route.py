"""The one way from an allowed decision to the pipeline. There is no second, and nothing is added to this one.

Its answer is an event of its own, the result of the execution, which comes when
the execution is over. What is sent, how and how often is not asked here.
"""

from qts.domain.instant import Instant
from qts.execution.contracts import ExecutionResult, ExecutionState, OrderDecision
from qts.execution.pipeline import ExecutionPipeline

_BEFORE_THE_WIRE = (ExecutionState.PRECHECK, ExecutionState.SPLITTING, ExecutionState.SENDING)


class ExecutionRoute:
    def __init__(self, pipeline: ExecutionPipeline) -> None:
        self._pipeline = pipeline

    def execute(self, decision: OrderDecision, now: Instant) -> None:
        self._pipeline.begin(decision, now)

    def is_free(self, symbol: str) -> bool:
        """Whether every execution of the symbol has its orders out, so that the next one keeps its place."""
        return all(each.state not in _BEFORE_THE_WIRE for each in self._pipeline.active(symbol))

    def answers(self) -> list[ExecutionResult]:
        """Results since the last time this was asked, in the order they came."""
        finished, self._pipeline.finished = self._pipeline.finished, []
        return finished
