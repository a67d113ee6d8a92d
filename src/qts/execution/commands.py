"""What goes out: the commands that follow from an event. Whoever drives the machine performs them, in order."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from qts.domain.value import value
from qts.execution.contracts import ExecutionAlert, SplitOrder


@value
class SendOrder:
    """One wire send. ``order.client_id`` with ``order.attempt`` is sent once, ever."""

    order: SplitOrder


@value
class CancelOrder:
    client_id: str
    symbol: str
    conditional: bool


@dataclass(frozen=True, slots=True)
class ModifyOrder:
    client_id: str
    symbol: str
    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class QueryOrder:
    client_id: str
    symbol: str
    conditional: bool


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Ask the venue for everything about a symbol: position, both order lists, fills since the last one known."""

    symbol: str
    fills_after: str


Command: TypeAlias = SendOrder | CancelOrder | ModifyOrder | QueryOrder | TakeSnapshot | ExecutionAlert
