"""What the simulated venue keeps of orders.

Which are open, in which of the two books, when a market serves them, and every
order that ever was.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import Enum
from typing import Final

from qts.domain.fill import Cause, Liquidity
from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import OrderType
from qts.domain.order_lifecycle import OrderState
from qts.domain.plain_enum import plain_members
from qts.domain.value import value
from qts.execution.contracts import Role, SplitOrder
from qts.execution.events import VenueOrder

_NAN = float("nan")
_CAUSES: Final = {Role.STOP_LOSS: Cause.STOP_LOSS, Role.TAKE_PROFIT: Cause.TAKE_PROFIT}


@plain_members
class Phase(Enum):
    """When a market serves an order."""

    AT_MARKET = "at-market"
    STOP = "stop"  # protects a position
    TARGET = "target"
    RESTING = "resting"  # limits and stop orders that are neither


_AT_MARKET, _RESTING, _STOP, _TARGET = Phase.AT_MARKET, Phase.RESTING, Phase.STOP, Phase.TARGET
_MARKET, _LIMIT, _TRIGGER = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP
_ACCEPTED, _ORDER = OrderState.ACCEPTED, Cause.ORDER
"""Names of the module, since each order asks for them many times: reading an enum's member costs more."""


@value
class FillPrice:
    """paid: with slippage. reference: without."""

    paid: Decimal
    reference: Decimal
    liquidity: Liquidity


class Working:
    """An order the venue accepted.

    venue_id: the order's number as text, counting all orders of the venue from 1.
    price, quantity: as last modified. left: what may still fill; a reduce-only
    order loses what it cannot reduce, so filled + left may fall short of
    quantity. level: the price as the columns have it, NaN at market. since: when
    it got its price. trades: fills under its client id so far.
    """

    __slots__ = (
        "cause",
        "filled",
        "left",
        "level",
        "order",
        "phase",
        "price",
        "quantity",
        "since",
        "state",
        "trades",
        "venue_id",
    )

    def __init__(self, order: SplitOrder, number: int, trades: int, now: Instant) -> None:
        self.order = order
        self.venue_id = str(number)
        self.trades = trades
        self.since = now
        self.price = price = order.price
        self.level = _NAN if price is None else float(price)
        self.quantity = self.left = order.quantity
        self.filled = ZERO
        self.state = _ACCEPTED
        self.phase = _AT_MARKET if order.type is _MARKET else _phase_of(order)
        self.cause = _CAUSES.get(order.role, _ORDER)

    @property
    def is_open(self) -> bool:
        return self.state is _ACCEPTED

    @property
    def is_conditional(self) -> bool:
        """Whether it waits in the conditional book; once triggered it is an ordinary order at market."""
        return self.phase is not _AT_MARKET and self.order.type is _TRIGGER

    @property
    def goes_first(self) -> bool:
        """Whether it is what a protective stop left: served before every other order at market."""
        return self.order.role is Role.STOP_LOSS

    def reduces(self, position: Decimal) -> bool:
        """Whether its side is the one that makes a signed position smaller."""
        return position < ZERO if self.order.side.sign > 0 else position > ZERO

    def as_listed(self) -> VenueOrder:
        order = self.order
        return VenueOrder(
            client_id=order.client_id,
            venue_id=self.venue_id,
            symbol=order.symbol,
            side=order.side,
            type=order.type,
            quantity=self.quantity,
            price=self.price,
            filled=self.filled,
            reduce_only=order.reduce_only,
            conditional=self.is_conditional,
            state=self.state,
        )


def _phase_of(order: SplitOrder) -> Phase:
    """Of an order that is not at market from the first."""
    if order.type is _TRIGGER:
        return _STOP if order.role is Role.STOP_LOSS else _RESTING
    return _TARGET if order.role is Role.TAKE_PROFIT else _RESTING


class VenueOrders:
    """Both books.

    open: what has not ended, by client id, in the order it was sent. latest: the
    last order of each client id. history: every order, in the order it was sent.
    conditional: how many open ones wait for their trigger. changes: grows with
    every order that comes, goes, or takes another price or phase.
    """

    def __init__(self) -> None:
        self.open: dict[str, Working] = {}
        self.latest: dict[str, Working] = {}
        self.history: list[Working] = []
        self.conditional = 0
        self.changes = 0

    def add(self, order: SplitOrder, now: Instant) -> Working:
        client_id, latest, history = order.client_id, self.latest, self.history
        before = latest.get(client_id)
        working = Working(order, len(history) + 1, 0 if before is None else before.trades, now)
        self.open[client_id] = latest[client_id] = working
        history.append(working)
        self.changes += 1
        if order.type is _TRIGGER:
            self.conditional += 1
        return working

    def trigger(self, working: Working) -> None:
        """From now on it is at market."""
        if working.phase is not _AT_MARKET:
            working.phase = _AT_MARKET
            self.conditional -= 1
            self.changes += 1

    def end(self, working: Working, state: OrderState) -> None:
        if self.conditional and working.is_conditional:
            self.conditional -= 1
        working.state = state
        del self.open[working.order.client_id]
        self.changes += 1

    def at_market(self) -> Iterable[Working]:
        """What a stop left first, then in the order sent."""
        found = []
        for each in self.open.values():
            if each.phase is _AT_MARKET:
                found.append(each)
        if len(found) < 2:
            return found
        found.sort(key=_stops_first)
        return _still_open(found)

    def in_phase(self, phase: Phase) -> Iterable[Working]:
        return _walk([each for each in self.open.values() if each.phase is phase])

    def limits(self) -> Iterable[Working]:
        return _walk([each for each in self.open.values() if each.order.type is _LIMIT])

    def waiting_for_trigger(self) -> Iterable[Working]:
        """The conditional book, in the order sent."""
        return _walk([each for each in self.open.values() if each.is_conditional])

    def stops_nearest_first(self, position: Decimal) -> Iterable[Working]:
        """Protective stops of a signed position, not 0, in the order a falling (or rising) price meets them."""
        found = [each for each in self.open.values() if each.phase is _STOP and each.reduces(position)]
        if len(found) > 1:
            found.sort(key=_level, reverse=position > 0)
        return _walk(found)

    def resting_reduce_only(self, order: SplitOrder) -> Decimal:
        """What open limits that only reduce, on the order's side and other than it, may still take."""
        sizes = [
            each.left
            for each in self.open.values()
            if each.order.reduce_only
            and each.order.type is _LIMIT
            and each.order.side is order.side
            and each.order.client_id != order.client_id
        ]
        return sum(sizes, start=ZERO) if sizes else ZERO


def _walk(found: list[Working]) -> Iterable[Working]:
    """Survives that orders end on the way; the first one has had no time to."""
    return found if len(found) < 2 else _still_open(found)


def _still_open(found: list[Working]) -> Iterator[Working]:
    for working in found:
        if working.state is _ACCEPTED:
            yield working


def _stops_first(working: Working) -> bool:
    return not working.goes_first


def _level(working: Working) -> float:
    return working.level
