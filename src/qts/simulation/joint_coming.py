"""What strategies' orders may still bring to their books: from the moment one is decided until it has filled or ended.

An order of a strategy is on its way as part of orders of the account, and as
crosses that wait for the next open. It is counted here once, by its own id, so
that whoever sizes the next one sees it whatever became of it in between.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeAlias

import numpy as np

from qts.domain.instant import Duration, Instant
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, OrderType, Side
from qts.market.bars import Bars
from qts.strategy.arbitration import Want

OrderKey: TypeAlias = tuple[str, str]
"""The strategy's id, and its own order's."""

Schedule: TypeAlias = tuple[tuple[Duration, Decimal], ...]
"""Of an order that takes time: how long after its start so many base units are due."""


class Coming:
    """One order of a strategy, from its decision until nothing more comes of it.

    It is ``decided``, is part of orders of the account (``sent_as``) or about to be crossed, and becomes ``less`` as it
    fills. ``give_up``: what is left of it is not wanted any more, and was told so. ``offered``: the account's order for
    it went, and it is a want once more. ``touch``: it waited for a trigger, and waits no more.

    Of an exit that waits for a price, what its position has no room for is asleep: neither on its way nor lost, since
    the position may grow again. So is what is not due yet of an order at market that takes time (is_slow): the machine
    is given what is due of it at each close, by the schedule that it would have had by itself.

    left: base units that may still fill; wanted: with what is asleep. price: what a unit of it is counted at, quote.
    closes: it takes the strategy's own book down. at_market: what is left of it fills next. has_filled: some of it has.
    parents: orders of the account that it is part of. begun_at: when it was decided.
    """

    __slots__ = (
        "_asleep",
        "_given_up",
        "_offered_at",
        "_schedule",
        "_starts_at",
        "_total",
        "_want",
        "at_market",
        "begun_at",
        "closes",
        "has_filled",
        "left",
        "parents",
        "price",
        "side",
        "symbol",
    )

    def __init__(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        self.symbol = order.symbol
        self.side = order.side
        self.left = quantity
        self.price = price
        self.closes = order.effect is Effect.REDUCE
        self.at_market = order.type is OrderType.MARKET
        self.has_filled = False
        self.parents: list[str] = []
        self.begun_at = order.created_at
        self._want: Want | None = None
        self._offered_at: Instant | None = None
        self._given_up = False
        self._asleep = ZERO
        self._total = quantity
        self._schedule: Schedule = ()
        self._starts_at: Instant | None = None

    # -- where it is ----------------------------------------------------------------------

    @property
    def is_given_up(self) -> bool:
        return self._given_up

    @property
    def is_slow(self) -> bool:
        """Whether it fills over bars, at whatever price there is."""
        return bool(self._schedule)

    @property
    def ends_at(self) -> Instant:
        """When the last of a slow one is due, were it to start now where it has not."""
        return (self.begun_at if self._starts_at is None else self._starts_at) + self._schedule[-1][0]

    @property
    def has_started(self) -> bool:
        """Of a slow one, whether its schedule runs."""
        return self._starts_at is not None

    def due(self, now: Instant) -> Decimal:
        """How much of a slow one should have filled by the next open and has not, base units."""
        if self._starts_at is None:
            return ZERO
        after = now - self._starts_at
        planned = sum((quantity for starts, quantity in self._schedule if starts <= after), start=ZERO)
        return min(max(planned - (self._total - self.wanted), ZERO), self.wanted)

    @property
    def is_limit(self) -> bool:
        return self._want is not None and self._want.type is OrderType.LIMIT

    @property
    def trigger(self) -> Decimal | None:
        """The price that has to be touched; None for an order that waits for none."""
        return None if self._want is None or self._want.type is not OrderType.STOP else self._want.price

    @property
    def wanted(self) -> Decimal:
        return self.left + self._asleep

    @property
    def asleep(self) -> Decimal:
        return self._asleep

    @property
    def sleeps(self) -> bool:
        """Whether a part of it is asleep."""
        return self._asleep > ZERO

    def is_over(self, now: Instant) -> bool:
        """Whether its own life has ended."""
        until = None if self._want is None else self._want.good_until
        return until is not None and until <= now

    def was_offered(self, now: Instant) -> bool:
        """Whether it has been offered again at this close."""
        return self._offered_at == now

    # -- what becomes of it -----------------------------------------------------------------

    def decided(self, want: Want, schedule: Schedule = ()) -> None:
        """want: all of it, as arbitration is given it. schedule: of a slow one."""
        self._want = want
        self._schedule = schedule

    def start(self, now: Instant) -> None:
        """The schedule of a slow one runs from now on."""
        self._starts_at = now

    def wake(self, quantity: Decimal) -> None:
        """So much of a slow one is on its way, and the rest asleep."""
        self.left, self._asleep = quantity, self.wanted - quantity

    def sleep_less(self, quantity: Decimal) -> Decimal:
        """At most so much of what is asleep is not wanted any more; how much."""
        quantity = min(quantity, self._asleep)
        self._asleep -= quantity
        self._total -= quantity  # what is left is due as it was: the last of the schedule goes
        return quantity

    def sleep(self, quantity: Decimal) -> None:
        """There is no position for so much of an exit that waits, or there will be none."""
        self.left -= quantity
        self._asleep += quantity

    def postpone(self, quantity: Decimal, now: Instant) -> None:
        """So much of it may not go out at this close, and is asked for again at the next."""
        self.sleep(quantity)
        self._offered_at = now

    def sent_as(self, order_id: str) -> None:
        self.parents.append(order_id)

    def less(self, quantity: Decimal) -> None:
        self.left -= quantity

    def give_up(self) -> None:
        self._given_up = True

    def touch(self) -> None:
        """Its trigger was touched: it is an order at market from now on, and has no life of its own any more."""
        if self._want is not None:
            self._want = replace(self._want, type=OrderType.MARKET, price=None, good_until=None)
            self.at_market = True

    def offered(self, now: Instant, quantity: Decimal) -> Want | None:
        """It, as a want once more; None for one that was never decided.

        quantity: how much of what is wanted there is room for.
        """
        if self._want is None:
            return None
        self._asleep = self.wanted - quantity if self.is_slow or (self.closes and not self.at_market) else ZERO
        self.left = quantity
        self._given_up, self._offered_at = False, now
        return replace(self._want, quantity=quantity)


class OnTheirWay:
    """Every strategy's orders that are on their way."""

    def __init__(self, strategy_ids: Iterable[str]) -> None:
        self._of: dict[str, dict[str, Coming]] = {each: {} for each in strategy_ids}

    def begin(self, key: OrderKey, coming: Coming) -> None:
        self._of[key[0]][key[1]] = coming

    def find(self, key: OrderKey) -> Coming | None:
        return self._of[key[0]].get(key[1])

    def of(self, strategy_id: str, symbol: str) -> Iterator[tuple[OrderKey, Coming]]:
        """A strategy's orders of the symbol."""
        for order_id, each in self._of[strategy_id].items():
            if each.symbol == symbol:
                yield (strategy_id, order_id), each

    @property
    def is_any(self) -> bool:
        """Whether there is any order at all."""
        return any(self._of.values())

    def triggers(self) -> list[tuple[OrderKey, Coming]]:
        """Orders that wait for a trigger."""
        return [(key, each) for key, each in self.everybodys() if each.trigger is not None]

    def everybodys(self) -> Iterator[tuple[OrderKey, Coming]]:
        """All orders of all strategies."""
        for strategy_id, orders in self._of.items():
            for order_id, each in orders.items():
                yield (strategy_id, order_id), each

    def drop(self, key: OrderKey) -> None:
        self._of[key[0]].pop(key[1], None)

    def entering(self, strategy_id: str, symbol: str) -> tuple[Decimal, Decimal]:
        """What may still be opened on the symbol: bought, sold, base units."""
        buy = sell = ZERO
        for each in self._of[strategy_id].values():
            if each.symbol == symbol and not each.closes:
                buy, sell = (buy + each.wanted, sell) if each.side is Side.BUY else (buy, sell + each.wanted)
        return buy, sell

    def leaving(self, strategy_id: str, symbol: str) -> Decimal:
        """How much of what is held on the symbol goes out next, base units; an exit that waits may never fill."""
        mine = (each for each in self._of[strategy_id].values() if each.symbol == symbol)
        return sum((each.left for each in mine if each.closes and each.at_market), start=ZERO)

    def filling_next(self, strategy_id: str, symbol: str) -> Decimal:
        """What orders at market still bring to the symbol's book, signed base units."""
        mine = (each for each in self._of[strategy_id].values() if each.symbol == symbol)
        return sum((each.side.sign * each.wanted for each in mine if each.at_market), start=ZERO)

    def entering_elsewhere(self, strategy_id: str, symbol: str) -> Decimal:
        """The notional that may still be opened on all other symbols, quote."""
        return sum(
            (
                each.wanted * each.price
                for each in self._of[strategy_id].values()
                if not each.closes and each.symbol != symbol
            ),
            start=ZERO,
        )

    def ended(self, living: Collection[str], crossing: Collection[OrderKey]) -> Iterator[OrderKey]:
        """Orders of which nothing comes any more. living: orders of the account; crossing: what waits to be crossed."""
        for strategy_id, orders in self._of.items():
            for order_id, each in tuple(orders.items()):
                key = (strategy_id, order_id)
                if key not in crossing and not any(parent in living for parent in each.parents):
                    yield key


def newest_first(kept: tuple[OrderKey, Coming]) -> tuple[bool, Instant, OrderKey]:
    """In which order exits have the room there is: what takes time has it last."""
    key, coming = kept
    return coming.is_slow, -coming.begun_at, key


def was_over(position: Decimal, traded: Sequence[Decimal]) -> bool:
    """Whether a book was flat or on the other side at some point of what it traded, last of all to ``position``."""
    before = position - sum(traded, start=ZERO)
    for quantity in traded:
        after = before + quantity
        if before and before * after <= ZERO:
            return True
        before = after
    return False


def is_touched(coming: Coming, bars: Bars, row: int) -> bool:
    """Whether a bar up to ``row`` touched its trigger since it was decided: were it waiting, it would be at market."""
    if coming.trigger is None:
        return False
    first = int(np.searchsorted(bars.opened_at, coming.begun_at))
    passed = (bars.low if coming.side is Side.SELL else bars.high)[first : row + 1]
    level = float(coming.trigger)
    return bool(((passed <= level) if coming.side is Side.SELL else (passed >= level)).any())
