"""Whose capital is where: per strategy, per world, and the account. A fold of ``capital_changes``.

For every pool, after every change, exactly:

    total == available + invested + reserved

and the pools' totals add up to the account, which is counted by itself from what
came in, went out, was won and lost. ``check`` compares with ``==``; there is no
tolerance for a loss to hide in. After a change only the pools it names are looked
at, and that they grew by what the account did: what was so before is so still.
``available`` may be below 0: a loss or a fill larger than what was free is written
down as it was, and nothing can be reserved until it is made good. ``invested`` and
every reservation never are.

The file knows no prices and no orders beyond their ids.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from qts.domain.money import ZERO, exact_arithmetic, plain
from qts.domain.value import maker, value
from qts.risk.capital_changes import (
    ALLOWS,
    HAPPENED,
    Change,
    Deposited,
    Earned,
    Filled,
    PoolKey,
    PoolOpened,
    PoolState,
    Released,
    Reserved,
    Returned,
    StateSet,
    Transfer,
    Withdrawn,
    stricter,
)


@value
class Reservation:
    """What an order in flight holds, quote, above 0."""

    order_id: str
    amount: Decimal


@value(kw_only=True)
class Pool:
    """One pool, in quote. total: all of it, kept beside its parts so that they can be compared."""

    state: PoolState = PoolState.ACTIVE
    total: Decimal = ZERO
    available: Decimal = ZERO
    invested: Decimal = ZERO
    reservations: tuple[Reservation, ...] = ()

    @property
    def reserved(self) -> Decimal:
        """What all orders in flight hold."""
        return sum((each.amount for each in self.reservations), ZERO)

    def held_by(self, order_id: str) -> Decimal:
        return next((each.amount for each in self.reservations if each.order_id == order_id), ZERO)


_pool = maker(Pool)


@value
class Sums:
    """The pools of a world or of the account together, quote."""

    total: Decimal
    available: Decimal
    invested: Decimal
    reserved: Decimal


class CapitalRefusal(StrEnum):
    POOL_UNKNOWN = "pool-unknown"
    POOL_EXISTS = "pool-exists"
    POOL_PAUSED = "pool-paused"
    POOL_LOCKED = "pool-locked"
    ORDER_HOLDS_ALREADY = "order-holds-already"
    AVAILABLE_INSUFFICIENT = "available-insufficient"
    RESERVED_INSUFFICIENT = "reserved-insufficient"
    INVESTED_INSUFFICIENT = "invested-insufficient"


@dataclass(frozen=True, slots=True)
class ChangeRefused:
    """Why a change has no effect; sentence: both numbers, in words."""

    change: Change
    reason: CapitalRefusal
    sentence: str


_No: TypeAlias = tuple[CapitalRefusal, str]


@dataclass(frozen=True, slots=True)
class Capital:
    """The state. account: what the account owns, counted without looking at any pool."""

    pools: Mapping[PoolKey, Pool] = field(default_factory=dict)
    account: Decimal = ZERO

    def state_of(self, key: PoolKey) -> PoolState:
        """The stricter of the pool's own state and its world's."""
        return stricter(self.pools[key].state, self.pools[key.of_world].state)

    def of_world(self, world: str) -> Sums:
        return _sums(pool for key, pool in self.pools.items() if key.world == world)

    def of_account(self) -> Sums:
        return _sums(self.pools.values())

    def check(self) -> None:
        """Raises AssertionError when capital was created or lost; no interpreter flag removes an explicit raise."""
        with exact_arithmetic():
            for key, pool in self.pools.items():
                _check_pool(key, pool)
            total = sum((pool.total for pool in self.pools.values()), ZERO)
            if total != self.account:
                raise AssertionError(f"the pools do not add up to the account: {total} != {self.account}")

    def facts(self) -> tuple[object, ...]:
        """Everything, as plain values in a fixed order, for digests."""
        pools = sorted(self.pools.items(), key=lambda item: (item[0].world, item[0].strategy))
        return (
            plain(self.account),
            tuple(
                (
                    *(key.world, key.strategy, pool.state.value),
                    *(plain(pool.total), plain(pool.available), plain(pool.invested)),
                    tuple((each.order_id, plain(each.amount)) for each in pool.reservations),
                )
                for key, pool in pools
            ),
        )


def changed(capital: Capital, change: Change) -> Capital | ChangeRefused:
    """The capital after a change, or why there is none; the capital handed in stays as it is."""
    with exact_arithmetic():
        no = _objection(capital, change)
        if no is not None:
            return ChangeRefused(change, *no)
        after, touched = _applied(capital, change)
        grown = after.account - capital.account
        for key in touched:
            pool, before = after.pools[key], capital.pools.get(key)
            _check_pool(key, pool)
            grown -= pool.total if before is None else pool.total - before.total
        if grown:
            raise AssertionError(f"the account grew by {grown} more than the pools: {change}")
    return after


def _check_pool(key: PoolKey, pool: Pool) -> None:
    parts = pool.available + pool.invested + pool.reserved
    if pool.total != parts:
        raise AssertionError(f"the capital of {key} does not add up: {pool.total} != {parts}")
    if pool.invested < ZERO or any(not each.amount > ZERO for each in pool.reservations):
        raise AssertionError(f"the capital of {key} is below 0 where it cannot be: {pool}")


def folded(changes: Iterable[Change]) -> Capital:
    """The capital a journal of changes leads to. Raises AssertionError for one that could not have been written."""
    capital = Capital()
    for change in changes:
        match changed(capital, change):
            case ChangeRefused(sentence=sentence):
                raise AssertionError(f"the journal holds a change that is refused ({sentence}): {change}")
            case Capital() as after:
                capital = after
    return capital


def _objection(capital: Capital, change: Change) -> _No | None:
    if isinstance(change, PoolOpened):
        if change.pool in capital.pools:
            return CapitalRefusal.POOL_EXISTS, f"{change.pool} is open already"
        if change.pool.strategy and change.pool.of_world not in capital.pools:
            return CapitalRefusal.POOL_UNKNOWN, f"{change.pool.of_world} has no capital of its own yet"
        return None
    happened = type(change) in HAPPENED
    for key in (change.source, change.target) if isinstance(change, Transfer) else (change.pool,):
        if key not in capital.pools:
            return CapitalRefusal.POOL_UNKNOWN, f"{key} has no pool"
        if happened:
            continue
        state = capital.state_of(key)
        if type(change) not in ALLOWS[state]:
            code = CapitalRefusal.POOL_PAUSED if state is PoolState.PAUSED else CapitalRefusal.POOL_LOCKED
            return code, f"{key} is {state.value}"
    return _shortage(capital, change)


def _shortage(capital: Capital, change: Change) -> _No | None:
    match change:
        case Reserved(pool=key, order_id=order_id) if capital.pools[key].held_by(order_id):
            return CapitalRefusal.ORDER_HOLDS_ALREADY, f"order {order_id!r} holds capital of {key} already"
        case Reserved(pool=key, amount=amount) | Withdrawn(pool=key, amount=amount):
            return _short(CapitalRefusal.AVAILABLE_INSUFFICIENT, "available", key, amount, capital.pools[key].available)
        case Transfer(source=key, amount=amount):
            return _short(CapitalRefusal.AVAILABLE_INSUFFICIENT, "available", key, amount, capital.pools[key].available)
        case (
            Released(pool=key, order_id=order_id, amount=amount) | Filled(pool=key, order_id=order_id, released=amount)
        ):
            held = capital.pools[key].held_by(order_id)
            return _short(CapitalRefusal.RESERVED_INSUFFICIENT, f"reserved by order {order_id!r}", key, amount, held)
        case Returned(pool=key, amount=amount):
            return _short(CapitalRefusal.INVESTED_INSUFFICIENT, "invested", key, amount, capital.pools[key].invested)
        case PoolOpened() | Deposited() | Earned() | StateSet():
            return None


def _short(reason: CapitalRefusal, what: str, key: PoolKey, wanted: Decimal, there: Decimal) -> _No | None:
    if wanted <= there:
        return None
    return reason, f"{plain(wanted)} is wanted, {plain(there)} of {key} is {what}"


def _applied(capital: Capital, change: Change) -> tuple[Capital, Iterable[PoolKey]]:
    """The capital after the change, and the pools it is about."""
    pools, account = capital.pools, capital.account
    after: dict[PoolKey, Pool]
    match change:
        case PoolOpened(pool=key):
            after = {key: Pool()}
        case StateSet(pool=key, state=state):
            after = {key: replace(pools[key], state=state)}
        case Deposited(pool=key, amount=amount) | Earned(pool=key, amount=amount):
            after, account = {key: _grown(pools[key], amount)}, account + amount
        case Withdrawn(pool=key, amount=amount):
            after, account = {key: _grown(pools[key], -amount)}, account - amount
        case Transfer(source=source, target=target, amount=amount):
            after = {source: _grown(pools[source], -amount), target: _grown(pools[target], amount)}
        case Reserved(pool=key, order_id=order_id, amount=amount):
            after = {key: _reserving(pools[key], order_id, amount)}
        case Released(pool=key, order_id=order_id, amount=amount):
            after = {key: _reserving(pools[key], order_id, -amount)}
        case Filled(pool=key, order_id=order_id, released=released, invested=invested):
            after = {key: _investing(_reserving(pools[key], order_id, -released), invested)}
        case Returned(pool=key, amount=amount):
            after = {key: _investing(pools[key], -amount)}
    return Capital({**pools, **after}, account), after


def _grown(pool: Pool, amount: Decimal) -> Pool:
    return _pool(
        state=pool.state,
        total=pool.total + amount,
        available=pool.available + amount,
        invested=pool.invested,
        reservations=pool.reservations,
    )


def _investing(pool: Pool, amount: Decimal) -> Pool:
    return _pool(
        state=pool.state,
        total=pool.total,
        available=pool.available - amount,
        invested=pool.invested + amount,
        reservations=pool.reservations,
    )


def _reserving(pool: Pool, order_id: str, amount: Decimal) -> Pool:
    """The order holds ``amount`` more, or less; an order that holds nothing leaves no trace."""
    if not amount:
        return pool
    held = pool.held_by(order_id) + amount
    others = tuple(each for each in pool.reservations if each.order_id != order_id)
    return _pool(
        state=pool.state,
        total=pool.total,
        available=pool.available - amount,
        invested=pool.invested,
        reservations=(*others, Reservation(order_id, held)) if held else others,
    )


def _sums(pools: Iterable[Pool]) -> Sums:
    with exact_arithmetic():
        listed = list(pools)
        return Sums(
            sum((pool.total for pool in listed), ZERO),
            sum((pool.available for pool in listed), ZERO),
            sum((pool.invested for pool in listed), ZERO),
            sum((pool.reserved for pool in listed), ZERO),
        )
