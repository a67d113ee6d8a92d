"""Orders of an account, made of what several strategies want: the order, and how it is to be worked."""

from dataclasses import replace
from decimal import Decimal

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Order, OrderType
from qts.execution.contracts import OrderDecision, Urgency
from qts.strategy.arbitration import Arbitration, NetOrder


def order_of(net: NetOrder, symbol: str, number: int, now: Instant) -> Order:
    """number: counts the account's orders. What it brings of pairs stays with the strategies' books."""
    return Order(
        f"{symbol}-{now}-{number}",
        symbol,
        net.side,
        net.type,
        net.quantity,
        net.effect,
        net.price,
        None,
        None,
        now,
        net.good_until,
        "",
    )


def worked(order: Order, price: Decimal, net: NetOrder) -> OrderDecision:
    """The order, as urgent as those wished who share it, and whole: its slices would hold up others' exits."""
    decision = OrderDecision(order, price, strategy_id=net.owner)
    return replace(decision, urgency=net.working) if isinstance(net.working, Urgency) else decision


def at_market(found: Arbitration) -> Decimal:
    """What the orders that fill next will trade, signed."""
    sizes = (each.side.sign * each.quantity for each in found.orders if each.type is OrderType.MARKET)
    return sum(sizes, start=ZERO)
