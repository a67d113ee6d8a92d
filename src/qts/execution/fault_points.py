"""The places where a process can die between a thought and its deed, as one named call each.

Whoever drives the machine calls it; a backtest, which cannot die in between,
does not. In a live process *(not yet)* ``nothing_happens`` stands there. In the
simulation the call may raise, and then the process is gone: what was not stored
is lost, what was stored and not performed has to be found out at the next start.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

from qts.execution.commands import Command
from qts.execution.events import Event


class Moment(StrEnum):
    RECEIVED = "received"  # an event is in memory, nothing was decided
    HANDLED = "handled"  # decided, nothing is durable
    WRITTEN = "written"  # handed to the store, which has not promised anything
    STORED = "stored"  # durable, no command of it was performed
    PERFORMING = "performing"  # this command is next
    PERFORMED = "performed"  # this command left, its answer is open


Reached: TypeAlias = Callable[[Moment, Event, Command | None], None]


def nothing_happens(moment: Moment, event: Event, command: Command | None) -> None:
    """Production."""
