"""What a run has to answer for: whose fault an error is, what was not executed, and what stopped it."""

from collections.abc import Iterator

from qts.domain.errors import QtsError, StrategyError
from qts.domain.instant import format_instant
from qts.domain.refusal import RefusalCode
from qts.domain.safety_code import Severity
from qts.execution.contracts import ExecutionState
from qts.execution.controller import ExecutionController
from qts.simulation.direct_line import DirectLine
from qts.simulation.result import Refusal
from qts.strategy.blame import own_line
from qts.strategy.strategy import Strategy

_FIX = "fix the strategy and run it again"


def blamed(error: BaseException, strategy: Strategy, bar: str) -> StrategyError:
    """The error as the strategy's, with the bar and the line of its file."""
    line = own_line(error, type(strategy).__module__)
    place = f"{line}, {bar}" if line else bar
    if isinstance(error, QtsError):
        return StrategyError(error.cause, place=error.place or place, next_step=error.next_step or _FIX)
    return StrategyError(
        f"{type(strategy).__name__} raised {type(error).__name__}: {error}", place=place, next_step=_FIX
    )


def not_executed(machine: ExecutionController) -> Iterator[Refusal]:
    """Orders the gate allowed and the machine did not let out, with its reason."""
    code = (RefusalCode.NOT_EXECUTED.value,)
    for each in machine.results:
        if each.state is ExecutionState.FAILED:
            order_id = each.decision.order.order_id
            yield Refusal(occurred_at=each.finished_at, order_id=order_id, codes=code, detail=each.reason)


def stopped_by(line: DirectLine) -> str | None:
    """The code that stopped the account or the strategy for the rest of the run, and its bar."""
    safety = line.controller.account.safety
    if safety.state.may_increase and not safety.halted_strategies and not safety.quarantined:
        return None
    fail_safes = [each for each in line.alerts if each[1].code.severity is Severity.FAIL_SAFE]
    at, alert = fail_safes[-1]
    return f"{alert.code.value} at {format_instant(at)}: {alert.message}; nothing was opened after it"
