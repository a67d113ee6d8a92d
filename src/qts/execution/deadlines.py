"""When an execution wants to be told of the time. Nothing happens by itself: whoever drives the machine asks."""

from qts.domain.instant import Instant
from qts.domain.order_lifecycle import OrderState
from qts.execution.contracts import ExecutionState, SplitAlgorithm
from qts.execution.executions import Execution
from qts.execution.stages import fill_monitor
from qts.execution.stages.fill_monitor import CANCEL_AGAIN_MS
from qts.execution.state_machine import TIMEOUT_MS

_MONITORING, _ADJUSTING = ExecutionState.MONITORING, ExecutionState.ADJUSTING
_MONITORING_MS = TIMEOUT_MS[_MONITORING]
_UNKNOWN = OrderState.UNKNOWN


def due_at(x: Execution, *, may_send: bool) -> Instant | None:
    """may_send: nothing stands against its next slice but time."""
    if x.state is _ADJUSTING:
        again_at, ends_at = cancel_again_at(x), x.since + TIMEOUT_MS[_ADJUSTING]
        return ends_at if again_at is None else min(again_at, ends_at)
    if x.state is not _MONITORING:
        due = x.since + TIMEOUT_MS[x.state]
    elif x.ending:
        return cancel_again_at(x)
    else:
        due = patience_ends_at(x)
        if not x.delay_told:
            told_at = fill_monitor.delay_is_told_at(x.since, x.last_fill_at)
            due = told_at if told_at < due else due
        if may_send and x.unsent < len(x.slices) and x.algorithm is not SplitAlgorithm.ICEBERG:
            due = min(due, x.slices[x.unsent].send_at)
    return min(due, *(each.send_at for each in x.again)) if x.again and may_send else due


def patience_ends_at(x: Execution) -> Instant:
    """When what has not filled is given up or adjusted; never while an outcome is unknown."""
    if x.decision.order.good_until is not None and fill_monitor.has_own_life(x.decision, x.filled):
        return x.decision.good_until
    if x.next_round_at is not None:
        return x.next_round_at
    ends_at = fill_monitor.patience_ends_at(x.decision, x.last_send_at, _MONITORING_MS)
    if x.algorithm is SplitAlgorithm.ICEBERG and x.last_fill_at is not None:
        ends_at = max(ends_at, x.last_fill_at + _MONITORING_MS)
    for record in x.records:
        if record.state is _UNKNOWN:
            ends_at = max(ends_at, record.updated_at + _MONITORING_MS)
    return ends_at


def cancel_again_at(x: Execution) -> Instant | None:
    """When a cancellation that nobody answered is asked again; None once nothing may be live."""
    live = [each for each in x.records if each.state.may_be_live]
    if not live:
        return None
    return min(x.since if each.cancel_asked_at is None else each.cancel_asked_at for each in live) + CANCEL_AGAIN_MS
