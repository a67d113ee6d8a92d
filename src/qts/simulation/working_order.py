"""What the exchange keeps of orders until they are done, and of the pair that protects a position."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from qts.domain.fill import Cause, Liquidity
from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, OrderType, Side


@dataclass(slots=True, eq=False)
class Working:
    """An accepted order and what of it has not filled.

    arrived: a bar has already seen it rest. triggered: it is a stop order whose
    price was touched, and so at market from then on.
    """

    order: Order
    left: Decimal
    arrived: bool = False
    triggered: bool = False
    cause: Cause = Cause.ORDER

    @property
    def is_at_market(self) -> bool:
        return self.triggered or self.order.type is OrderType.MARKET

    @property
    def has_begun(self) -> bool:
        return self.left < self.order.quantity


class WorkingOrders:
    """Accepted orders, in the order they are served. Walking over them survives that some are dropped on the way."""

    def __init__(self) -> None:
        self._orders: list[Working] = []

    @property
    def are_none(self) -> bool:
        return not self._orders

    def add(self, working: Working) -> None:
        self._orders.append(working)

    def add_first(self, working: Working) -> None:
        self._orders.insert(0, working)

    def drop(self, working: Working) -> None:
        self._orders = [each for each in self._orders if each is not working]

    def at_market(self) -> Iterator[Working]:
        return self._walk([each for each in self._orders if each.is_at_market])

    def resting(self) -> Iterator[Working]:
        return self._walk([each for each in self._orders if not each.is_at_market])

    def _walk(self, snapshot: list[Working]) -> Iterator[Working]:
        for working in snapshot:
            if any(each is working for each in self._orders):
                yield working

    def pending(self, side: Side) -> Decimal:
        """Unfilled quantity of orders on ``side`` that increase."""
        left = (w.left for w in self._orders if w.order.side is side and w.order.effect is Effect.INCREASE)
        return sum(left, start=ZERO)

    def in_flight(self) -> Decimal:
        """Signed quantity of orders at market: what the next opens bring, as far as liquidity goes."""
        return sum((w.left * w.order.side.sign for w in self._orders if w.is_at_market), start=ZERO)

    def expire(self, now: Instant) -> None:
        """Drop orders whose life has ended. A triggered stop order is at market: it lives until it is filled."""
        self._orders = [
            w for w in self._orders if w.triggered or w.order.good_until is None or w.order.good_until > now
        ]

    def cancel_entry(self, side: Side) -> None:
        """Cancel what is still building a position on ``side``: half-filled orders, and those at market."""
        self._orders = [
            w
            for w in self._orders
            if w.order.effect is Effect.REDUCE or w.order.side is not side or not (w.has_begun or w.is_at_market)
        ]

    def sweep(self, position: Decimal) -> None:
        """Drop orders that could only reduce a position that is gone."""
        self._orders = [
            w for w in self._orders if w.order.effect is Effect.INCREASE or position * w.order.side.sign < 0
        ]


class FillPrice(NamedTuple):
    """paid: with slippage. reference: without."""

    paid: Decimal
    reference: Decimal
    liquidity: Liquidity


@dataclass(frozen=True, slots=True)
class Pair:
    """The protective stop and target of the open position, on the tick grid.

    since: when its prices were placed; at the first open from then on the
    target arrives, and may find itself through the market.
    """

    order_id: str
    stop: Decimal | None
    target: Decimal | None
    since: Instant


def forced_order(*, symbol: str, side: Side, quantity: Decimal, cause: Cause, parent: str, now: Instant) -> Order:
    """An order the venue or the protective pair makes: at market, reducing."""
    return Order(
        order_id=f"{parent}-{cause}",
        symbol=symbol,
        side=side,
        type=OrderType.MARKET,
        quantity=quantity,
        effect=Effect.REDUCE,
        price=None,
        stop_loss=None,
        take_profit=None,
        created_at=now,
        good_until=None,
        reason=cause.value,
    )
