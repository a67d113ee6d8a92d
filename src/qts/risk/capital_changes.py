"""What can happen to capital, each change a frozen event, and which of them the state of a pool lets through.

A change is written down before it has effect; the capital is the fold of them
(``capital.py``). Amounts are in quote, on the money grid. Two kinds: what
somebody *wants* (reserve, transfer, deposit, withdraw) can be refused; what has
*happened* (a release, a fill, a closed position, a profit or a loss) is never
refused by a pool's state, since refusing to write a fact down does not undo it.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from qts.domain.errors import UsageError
from qts.domain.money import ZERO, on_money_grid, plain
from qts.domain.plain_enum import plain_members
from qts.domain.value import value


@value
class PoolKey:
    """Whose capital. strategy '': what the world has given to no strategy; the state of that pool binds all of them."""

    world: str
    strategy: str = ""

    @property
    def of_world(self) -> "PoolKey":
        return PoolKey(self.world)

    def __str__(self) -> str:
        return f"{self.world}/{self.strategy}" if self.strategy else self.world


@plain_members
class PoolState(StrEnum):
    """In order of strictness."""

    ACTIVE = "active"
    PAUSED = "paused"  # opens nothing new
    LOCKED = "locked"  # only what has happened is still written down


@value
class PoolOpened:
    """A pool begins, ACTIVE and empty. A world's own comes before those of its strategies."""

    pool: PoolKey


@value
class Deposited:
    """Money from outside. amount: above 0."""

    pool: PoolKey
    amount: Decimal

    def __post_init__(self) -> None:
        _above_zero(self.amount)


@value
class Withdrawn:
    """Money that leaves. amount: above 0."""

    pool: PoolKey
    amount: Decimal

    def __post_init__(self) -> None:
        _above_zero(self.amount)


@value
class Reserved:
    """An order goes out and holds what it may cost. amount: above 0."""

    pool: PoolKey
    order_id: str
    amount: Decimal

    def __post_init__(self) -> None:
        _above_zero(self.amount)


@value
class Released:
    """So much of what an order holds is free again: it ended, or will cost less. amount: above 0."""

    pool: PoolKey
    order_id: str
    amount: Decimal

    def __post_init__(self) -> None:
        _above_zero(self.amount)


@value
class Filled:
    """A fill turned reserved capital into invested.

    released: what the order no longer holds for it, 0 for a fill that came after
    the order's end. invested: what the position took. Where they differ, the
    difference is available again, or is taken from what was: a fill at a worse
    price than planned is a fact. Both 0 or more, not both 0.
    """

    pool: PoolKey
    order_id: str
    released: Decimal
    invested: Decimal

    def __post_init__(self) -> None:
        for amount in (self.released, self.invested):
            if amount != ZERO:
                _above_zero(amount)
        if not self.released and not self.invested:
            raise UsageError(f"a fill of order {self.order_id!r} moves nothing")


@value
class Returned:
    """A position became smaller; what it had taken is available again. amount: above 0."""

    pool: PoolKey
    amount: Decimal

    def __post_init__(self) -> None:
        _above_zero(self.amount)


@value
class Earned:
    """A realised profit (above 0) or a loss, a fee, a funding payment (below 0). Not 0."""

    pool: PoolKey
    amount: Decimal

    def __post_init__(self) -> None:
        _above_zero(self.amount.copy_abs())


@value
class Transfer:
    """From one pool's available capital to another's, both or neither. amount: above 0."""

    source: PoolKey
    target: PoolKey
    amount: Decimal

    def __post_init__(self) -> None:
        _above_zero(self.amount)
        if self.source == self.target:
            raise UsageError(f"a transfer from {self.source} to itself")


@value
class StateSet:
    """Somebody pauses, locks or opens a pool again. by, reason: not empty."""

    pool: PoolKey
    state: PoolState
    by: str
    reason: str

    def __post_init__(self) -> None:
        if not self.by.strip() or not self.reason.strip():
            raise UsageError(f"{self.pool} is made {self.state.value} by somebody, for a reason")


Change: TypeAlias = (
    PoolOpened | Deposited | Withdrawn | Reserved | Released | Filled | Returned | Earned | Transfer | StateSet
)

HAPPENED: Final[frozenset[type]] = frozenset({Released, Filled, Returned, Earned})
"""What no state of a pool refuses to write down."""
_ALWAYS: Final = HAPPENED | {StateSet}

ALLOWS: Final[Mapping[PoolState, frozenset[type]]] = MappingProxyType(
    {
        PoolState.ACTIVE: _ALWAYS | {Deposited, Withdrawn, Reserved, Transfer},
        PoolState.PAUSED: _ALWAYS | {Deposited, Withdrawn, Transfer},
        PoolState.LOCKED: _ALWAYS,
    }
)
"""Which changes a pool lets through. A transfer asks both of its pools."""


_STRICTNESS: Final = {state: rank for rank, state in enumerate(PoolState)}


def stricter(one: PoolState, other: PoolState) -> PoolState:
    return max(one, other, key=_STRICTNESS.__getitem__)


def _above_zero(amount: Decimal) -> None:
    if not amount.is_finite() or not amount > ZERO:
        raise UsageError(f"an amount must be above 0, not {amount}")
    if on_money_grid(amount) != amount:
        raise UsageError(f"{plain(amount)} is finer than the money grid", next_step="put it on the grid first")
