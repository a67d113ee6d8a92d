"""The life of one execution, as data: which state may follow which, and how long each may last.

What is not in ``SUCCESSORS`` cannot happen. The way out is open from everywhere
but from itself: an escape that has begun is not begun again. COMPLETE, ESCAPED
and FAILED are final.

What a timeout leads to depends on what is live and filled, so it is not here
but with the stages.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from qts.domain.instant import Duration
from qts.execution.contracts import ExecutionState

_S = ExecutionState

SUCCESSORS: Final[Mapping[ExecutionState, frozenset[ExecutionState]]] = MappingProxyType(
    {
        _S.INIT: frozenset({_S.PRECHECK, _S.ESCAPING}),
        _S.PRECHECK: frozenset({_S.SPLITTING, _S.FAILED, _S.ESCAPING}),
        _S.SPLITTING: frozenset({_S.SENDING, _S.FAILED, _S.ESCAPING}),
        _S.SENDING: frozenset({_S.MONITORING, _S.FAILED, _S.ESCAPING}),
        _S.MONITORING: frozenset({_S.COMPLETE, _S.ADJUSTING, _S.ESCAPING}),
        _S.ADJUSTING: frozenset({_S.MONITORING, _S.ESCAPING}),
        _S.ESCAPING: frozenset({_S.ESCAPED}),
        _S.COMPLETE: frozenset(),
        _S.ESCAPED: frozenset(),
        _S.FAILED: frozenset(),
    }
)

FINAL: Final = frozenset({_S.COMPLETE, _S.ESCAPED, _S.FAILED})

TIMEOUT_MS: Final[Mapping[ExecutionState, Duration]] = MappingProxyType(
    {
        _S.PRECHECK: 5_000,
        _S.SPLITTING: 1_000,
        _S.SENDING: 10_000,
        _S.MONITORING: 60_000,  # after the later of the last scheduled slice and the order's good_until
        _S.ADJUSTING: 30_000,
        _S.ESCAPING: 30_000,  # then the alarm; the escape itself goes on until it is done
    }
)


class IllegalStep(Exception):  # noqa: N818 - named after what it is, as IllegalTransition is
    """A step the table does not have: a bug of whoever took it."""

    def __init__(self, state: ExecutionState, to: ExecutionState) -> None:
        super().__init__(f"an execution that is {state} cannot become {to}")
        self.state = state
        self.to = to


def advance(state: ExecutionState, to: ExecutionState) -> ExecutionState:
    """``to``, if it may follow. Raises IllegalStep."""
    if to not in SUCCESSORS[state]:
        raise IllegalStep(state, to)
    return to
