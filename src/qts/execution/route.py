"""The one way from an allowed decision to the pipeline. There is no second, and nothing is added to this one.

Its answer is an event of its own, the result of the execution, which comes when
the execution is over. What is sent, how and how often is not asked here.
"""

from qts.domain.instant import Instant
from qts.execution.contracts import ExecutionResult, ExecutionState, OrderDecision, only_reduces
from qts.execution.pipeline import ExecutionPipeline

_BEFORE_THE_WIRE = (ExecutionState.PRECHECK, ExecutionState.SPLITTING, ExecutionState.SENDING)


class ExecutionRoute:
    def __init__(self, pipeline: ExecutionPipeline) -> None:
        self._pipeline = pipeline

    def execute(self, decision: OrderDecision, now: Instant) -> None:
        self._pipeline.begin(decision, now)

    def is_free(self, decision: OrderDecision) -> bool:
        """Whether the executions before it on the symbol have their orders out, so that it keeps its place.

        What increases also waits for every slice of what reduces: it would net away
        what those are to close. What reduces never waits for what increases.
        """
        if not self._pipeline.executions:
            return True
        increases = not only_reduces(decision.order)
        for each in self._pipeline.active(decision.order.symbol):
            is_before = each.state in _BEFORE_THE_WIRE and (increases or each.reduces)
            if is_before or (increases and each.reduces and each.has_unsent):
                return False
        return True

    def answers(self) -> list[ExecutionResult]:
        """Results since the last time this was asked, in the order they came."""
        finished, self._pipeline.finished = self._pipeline.finished, []
        return finished
