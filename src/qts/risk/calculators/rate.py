"""How often: orders within a second and a minute, changes of sides within an hour, and how many orders are open."""

from decimal import Decimal

from qts.domain.instant import MINUTE_MS, SECOND_MS
from qts.domain.money import ZERO
from qts.risk.limit_facts import Look
from qts.risk.limits import LimitName, Measured, measured


def rate(look: Look) -> tuple[Measured, ...]:
    """The order counts as one more on its symbol; without one, the symbol counts that comes nearest.

    Counted by symbol, since at the close of a bar a strategy may have something to say of each.
    Changes of sides are a strategy's: the account only adds them up.
    """
    order, policy, memory, now, whose = look.order, look.policy, look.memory, look.now, look.book.whose
    one, symbol = (0, None) if order is None else (1, order.symbol)
    positions = look.book.positions if symbol is None else (look.book.on(symbol),)
    open_orders = max((each.open_orders for each in positions), default=0)
    counts = [
        (LimitName.ORDERS_PER_SECOND, memory.orders_within(SECOND_MS, now, symbol) + one, policy.orders_per_second_max),
        (LimitName.ORDERS_PER_MINUTE, memory.orders_within(MINUTE_MS, now, symbol) + one, policy.orders_per_minute_max),
        (LimitName.OPEN_ORDERS, open_orders + one, policy.open_orders_max),
    ]
    if not look.book.is_account:
        reverses = order is not None and order.opens > ZERO and memory.would_reverse(order.symbol, order.side)
        changes = memory.reversals_within_hour(now, symbol) + (1 if reverses else 0)
        # An order that stays on its side is not what this limit is about, however many changes there were.
        known = min(changes, policy.reversals_per_hour_max) if order is not None and not reverses else changes
        counts.append((LimitName.REVERSALS_PER_HOUR, known, policy.reversals_per_hour_max))
    return tuple(measured(name, whose, value=Decimal(count), bound=Decimal(bound)) for name, count, bound in counts)
