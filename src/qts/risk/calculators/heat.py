"""What would be lost if every open stop were hit now, as a share of equity.

A position without a stop counts with a fraction of its notional that the policy
names, by default all of it. A stop the price has passed counts as no loss, never as a gain.
"""

from decimal import Decimal

from qts.domain.money import ZERO
from qts.domain.order import Side
from qts.risk.limit_facts import Look
from qts.risk.limits import LimitName, Measured, measured, share


def heat(look: Look) -> tuple[Measured, ...]:
    """Of positions, of working orders, and of the order that is asked about."""
    order, book, policy = look.order, look.book, look.policy
    open_heat: Decimal | None = book.heat_in_flight
    for each in book.positions:
        if each.position:
            side = Side.BUY if each.position > ZERO else Side.SELL
            each_unit = _known(side, each.price, each.stop, policy.loss_without_stop)
            open_heat = None if open_heat is None or each_unit is None else open_heat + abs(each.position) * each_unit
    total, fits = open_heat, None
    if order is not None:
        per_unit = _known(order.side, order.worth_at, order.stop_loss, policy.loss_without_stop)
        total = None if open_heat is None or per_unit is None else open_heat + order.opens * per_unit
        if open_heat is not None and per_unit:
            fits = max(ZERO, (policy.heat_max * book.equity - open_heat) / per_unit)
    return (
        measured(
            LimitName.HEAT,
            book.whose,
            value=share(total, book.equity),
            bound=policy.heat_max,
            base=book.equity,
            fits=fits,
        ),
    )


def loss_per_unit(side: Side, price: Decimal, stop: Decimal | None, without_stop: Decimal) -> Decimal:
    """What one unit on ``side`` would lose at its stop, quote per base, 0 or more."""
    return price * without_stop if stop is None else max(ZERO, (price - stop) * side.sign)


def _known(side: Side, price: Decimal | None, stop: Decimal | None, without_stop: Decimal) -> Decimal | None:
    return None if price is None else loss_per_unit(side, price, stop, without_stop)
