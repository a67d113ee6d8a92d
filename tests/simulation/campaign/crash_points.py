"""The named points of reliability.md 2.10 that this machine comes by, told from the moment, the event and the command.

The machine is one step per event: what the list calls "gates passed" and "intent
committed" are one commit here, so K03 is the instant at which that commit is
under way. Points of parts that do not exist yet are not here.
"""

from collections.abc import Callable

from qts.domain.fill import Fill
from qts.execution.commands import CancelOrder, Command, ModifyOrder, SendOrder
from qts.execution.contracts import Role
from qts.execution.events import (
    CancelAck,
    Decided,
    Event,
    OperatorSaid,
    OperatorVerb,
    OrderAck,
    QueryAnswer,
    Restarted,
    SendOutcome,
    Snapshot,
)
from qts.execution.fault_points import Moment

Test = Callable[[Moment, Event, Command | None], bool]


def _sends(command: Command | None, *roles: Role) -> bool:
    return isinstance(command, SendOrder) and (not roles or command.order.role in roles)


def _killed(event: Event) -> bool:
    return isinstance(event, OperatorSaid) and event.verb is OperatorVerb.KILL


CRASH_POINTS: dict[str, Test] = {
    "K01": lambda m, e, c: m is Moment.RECEIVED and isinstance(e, Decided),
    "K02": lambda m, e, c: m is Moment.HANDLED and isinstance(e, Decided),
    "K03": lambda m, e, c: m is Moment.WRITTEN and isinstance(e, Decided),
    "K04": lambda m, e, c: m is Moment.PERFORMING and _sends(c),
    "K06": lambda m, e, c: m is Moment.PERFORMED and _sends(c),
    "K07": lambda m, e, c: m is Moment.RECEIVED and isinstance(e, OrderAck),
    "K08": lambda m, e, c: m is Moment.STORED and isinstance(e, OrderAck) and e.outcome is SendOutcome.ACCEPTED,
    "K09": lambda m, e, c: m is Moment.RECEIVED and isinstance(e, Fill),
    "K10": lambda m, e, c: m is Moment.STORED and isinstance(e, Fill),
    "K11": lambda m, e, c: m is Moment.PERFORMING and _sends(c, Role.STOP_LOSS),
    "K12": lambda m, e, c: m is Moment.PERFORMED and _sends(c, Role.STOP_LOSS),
    "K13": lambda m, e, c: m is Moment.PERFORMING and isinstance(c, CancelOrder) and isinstance(e, OrderAck),
    "K14": lambda m, e, c: m is Moment.PERFORMED and _sends(c, Role.TAKE_PROFIT),
    "K15": lambda m, e, c: m is Moment.PERFORMED and isinstance(c, CancelOrder),
    "K16": lambda m, e, c: m is Moment.PERFORMING and _sends(c) and c.order.sequence > 0,  # type: ignore[union-attr]
    "K17": lambda m, e, c: (
        (m is Moment.PERFORMING and _sends(c) and isinstance(e, CancelAck))
        or (m is Moment.PERFORMED and isinstance(c, ModifyOrder))
    ),
    "K18": lambda m, e, c: m in (Moment.PERFORMING, Moment.PERFORMED) and _sends(c, Role.ESCAPE),
    "K19": lambda m, e, c: m is Moment.RECEIVED and isinstance(e, QueryAnswer),
    "K20": lambda m, e, c: m is Moment.PERFORMING and _sends(c) and c.order.attempt > 1,  # type: ignore[union-attr]
    "K21": lambda m, e, c: m in (Moment.RECEIVED, Moment.HANDLED) and _killed(e),
    "K22": lambda m, e, c: m is Moment.STORED and _killed(e),
    "K25": lambda m, e, c: m is Moment.STORED and isinstance(e, Restarted),
    "K26": lambda m, e, c: m is Moment.STORED and isinstance(e, Snapshot),
}
