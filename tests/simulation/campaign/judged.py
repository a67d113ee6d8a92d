"""What the judge keeps of an order, what it looks at in the machine, and what it says when something is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order_lifecycle import OrderState
from qts.execution.contracts import SplitOrder
from qts.execution.orders import OrderLedger
from qts.execution.positions import Positions


class Violated(Exception):  # noqa: N818 - a finding
    """The machine broke an invariant."""

    def __init__(self, invariant: str, at: int, text: str) -> None:
        super().__init__(f"{invariant} at {at}: {text}")
        self.invariant = invariant
        self.at = at
        self.text = text


class Looked(Protocol):
    """What of the machine is compared with the truth."""

    @property
    def orders(self) -> OrderLedger: ...

    @property
    def positions(self) -> Positions: ...

    @property
    def escaping(self) -> Mapping[str, Instant]: ...


def is_escaping(machine: Looked | None, symbol: str) -> bool:
    """Whether the machine gives the symbol's position back; it may have sent nothing for that yet."""
    return machine is not None and symbol in machine.escaping


@dataclass(slots=True)
class Heard:
    """What the journal holds about one order of ours."""

    order: SplitOrder
    sent_at: int
    filled: Decimal = ZERO
    state: OrderState = OrderState.SUBMITTED
    lowest: Decimal = ZERO
    definite: bool = False
    not_found_at: tuple[int, ...] = ()
    unknown: bool = False


def apart(instants: tuple[int, ...]) -> int:
    """How many of them are two seconds or more after the one counted before."""
    count, last = 0, None
    for at in instants:
        if last is None or at - last >= 2_000:
            count, last = count + 1, at
    return count
