"""The life of an evaluation run: seven states, one table.

    submitted -> backtest_running -> evaluating -> evaluated -> activated -> expired
    each of the first three can fail (rejected, reason "error") or expire (cancelled, stale);
    evaluated can be rejected or expire; rejected and expired are final.

Everything that decides a run's next state is here. The file knows nothing of
evidence, stores or clocks.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from qts.domain.errors import PolicyError


class RunStatus(StrEnum):
    SUBMITTED = "submitted"
    BACKTEST_RUNNING = "backtest_running"
    EVALUATING = "evaluating"
    EVALUATED = "evaluated"
    ACTIVATED = "activated"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        return not TRANSITIONS[self]

    @property
    def is_unfinished(self) -> bool:
        """Whether a process ought to be working on it."""
        return self in {RunStatus.SUBMITTED, RunStatus.BACKTEST_RUNNING, RunStatus.EVALUATING}


class RunAction(StrEnum):
    """What happens to a run."""

    START = "start"
    MEASURE = "measure"  # the backtest is done, its evidence is being judged
    JUDGE = "judge"  # evidence and rule results freeze
    ACTIVATE = "activate"
    REJECT = "reject"
    FAIL = "fail"  # something went wrong before there was a judgement
    EXPIRE = "expire"


_UNFINISHED: Final = {RunAction.FAIL: RunStatus.REJECTED, RunAction.EXPIRE: RunStatus.EXPIRED}

TRANSITIONS: Final[Mapping[RunStatus, Mapping[RunAction, RunStatus]]] = MappingProxyType(
    {
        RunStatus.SUBMITTED: {RunAction.START: RunStatus.BACKTEST_RUNNING, **_UNFINISHED},
        RunStatus.BACKTEST_RUNNING: {RunAction.MEASURE: RunStatus.EVALUATING, **_UNFINISHED},
        RunStatus.EVALUATING: {RunAction.JUDGE: RunStatus.EVALUATED, **_UNFINISHED},
        RunStatus.EVALUATED: {
            RunAction.ACTIVATE: RunStatus.ACTIVATED,
            RunAction.REJECT: RunStatus.REJECTED,
            RunAction.EXPIRE: RunStatus.EXPIRED,
        },
        RunStatus.ACTIVATED: {RunAction.EXPIRE: RunStatus.EXPIRED},  # a demotion ends the run; nothing un-activates it
        RunStatus.REJECTED: {},
        RunStatus.EXPIRED: {},
    }
)


class IllegalTransition(PolicyError):  # noqa: N818 - named for what happened
    """A run was asked to do what its state does not allow."""


def after(status: RunStatus, action: RunAction) -> RunStatus:
    """The next state. Raises IllegalTransition when there is none."""
    following = TRANSITIONS[status].get(action)
    if following is None:
        allowed = ", ".join(TRANSITIONS[status]) or "nothing: it is final"
        raise IllegalTransition(f"a run that is {status} cannot {action}", next_step=f"from {status} it can: {allowed}")
    return following
