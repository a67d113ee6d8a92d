"""By which rules the simulated venue takes an order, and the code it gives when it does not.

Assumes the rules and codes of Binance USD-M futures, one-way mode:
- a client id is unique among open orders only (-4116);
- conditional orders are a book of their own: no margin check, no reduce-only
  check and no modification before they trigger;
- the smallest notional does not hold for reduce-only orders (-4164);
- a reduce-only order needs something to reduce, and together with the reduce-only
  limits that rest already it may not ask for more than the position (-2022): a
  full-size resting target blocks further closes.
Ignores rate limits, order timing (recvWindow), self-trade prevention, time in force.
Source: the venue's documentation of filters and error codes; the two rules that a
document does not settle (``reduce_only_needs_position`` and
``resting_reduce_only_blocks``) can be switched.
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from enum import IntEnum
from typing import NamedTuple

from qts.domain.errors import PolicyError
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, exact_arithmetic, plain
from qts.domain.order import OrderType
from qts.execution.contracts import SplitOrder
from qts.simulation.venue_orders import VenueOrders

_STOP, _LIMIT, _MARKET = OrderType.STOP, OrderType.LIMIT, OrderType.MARKET
_EXACT = Context(prec=50)
"""What a rule multiplies or divides by it, it does here: entering a context costs more than most rules."""


class VenueCode(IntEnum):
    """The venue's error codes that the simulated one gives."""

    PRECISION = -1111
    UNKNOWN_SYMBOL = -1121
    CANCEL_UNKNOWN = -2011
    NO_SUCH_ORDER = -2013
    MARGIN = -2019
    WOULD_TRIGGER = -2021
    REDUCE_ONLY = -2022
    OPEN_ORDERS = -2025
    LEVERAGE = -2027
    QUANTITY_MAX = -4005
    TICK = -4014
    PRICE_ABOVE = -4016
    LOT = -4023
    PRICE_BELOW = -4024
    CONDITIONAL_ORDERS = -4045
    CLIENT_ID_OPEN = -4116
    NO_PRICE = -4131
    NOTIONAL_MIN = -4164
    LIMIT_ONLY = -5025


class Objection(NamedTuple):
    code: VenueCode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRules:
    """open_orders_max, conditional_orders_max: per book. quantity_max: of one order at market, base; None: any.

    price_up, price_down: a limit to buy is at most, one to sell at least this
    multiple of the market price; None: not checked. Both, like the notional of
    an order at market, are checked only where the market has told a price.
    reduce_only_needs_position: an ordinary reduce-only order with nothing to
    reduce is refused when it is sent; else it ends when it would fill.
    resting_reduce_only_blocks: see above. cancels_are_streamed: the stream tells
    of a cancellation that was asked for too, before its answer is given.
    """

    open_orders_max: int = 200
    conditional_orders_max: int = 200
    quantity_max: Decimal | None = None
    price_up: Decimal | None = None
    price_down: Decimal | None = None
    reduce_only_needs_position: bool = True
    resting_reduce_only_blocks: bool = True
    cancels_are_streamed: bool = True

    def __post_init__(self) -> None:
        if self.open_orders_max < 1 or self.conditional_orders_max < 1:
            raise PolicyError("a venue takes at least one order: open_orders_max, conditional_orders_max")
        if self.price_up is not None and self.price_up < 1:
            raise PolicyError(f"price_up is 1 or more, not {self.price_up}")
        if self.price_down is not None and not 0 < self.price_down <= 1:
            raise PolicyError(f"price_down is above 0 and at most 1, not {self.price_down}")


def objection(
    order: SplitOrder,
    rules: VenueRules,
    instrument: Instrument,
    *,
    orders: VenueOrders,
    position: Decimal,
    market_price: Decimal | None,
) -> Objection | None:
    """Why the venue does not take the order, or None. Whether the id is open already is asked before."""
    if order.symbol != instrument.symbol:
        return Objection(VenueCode.UNKNOWN_SYMBOL, f"no symbol {order.symbol}")
    found = _off_grid(order, instrument) or _out_of_bounds(order, rules, instrument, market_price)
    if found is not None:
        return found
    if order.type is _STOP:
        if orders.conditional >= rules.conditional_orders_max:
            return Objection(VenueCode.CONDITIONAL_ORDERS, f"{orders.conditional} conditional orders are open")
        return None
    if len(orders.open) - orders.conditional >= rules.open_orders_max:
        return Objection(VenueCode.OPEN_ORDERS, f"{rules.open_orders_max} orders are open")
    return reduce_only_objection(order, rules, orders, position) if order.reduce_only else None


def objection_to_change(
    order: SplitOrder,
    rules: VenueRules,
    instrument: Instrument,
    *,
    orders: VenueOrders,
    position: Decimal,
    market_price: Decimal | None,
) -> Objection | None:
    """The same for an open limit as it would be after a modification; order.quantity: what would be left of it."""
    found = _off_grid(order, instrument) or _out_of_bounds(order, rules, instrument, market_price)
    if found is None and order.reduce_only:
        return reduce_only_objection(order, rules, orders, position)
    return found


def reduce_only_objection(
    order: SplitOrder, rules: VenueRules, orders: VenueOrders, position: Decimal
) -> Objection | None:
    """For an ordinary reduce-only order: nothing to reduce, or all of it promised to others."""
    if not (rules.reduce_only_needs_position or rules.resting_reduce_only_blocks):
        return None
    opposes = position < ZERO if order.side.sign > 0 else position > ZERO
    if rules.reduce_only_needs_position and not opposes:
        return Objection(VenueCode.REDUCE_ONLY, "nothing to reduce")
    if not rules.resting_reduce_only_blocks or not orders.open:
        return None
    with exact_arithmetic():
        reducible = abs(position) if opposes else ZERO
        resting = orders.resting_reduce_only(order)
        wanted = resting + order.quantity
    if resting > ZERO and wanted > reducible:
        detail = f"{plain(resting)} rests to reduce {plain(reducible)}, {plain(order.quantity)} is too much"
        return Objection(VenueCode.REDUCE_ONLY, detail)
    return None


def _off_grid(order: SplitOrder, instrument: Instrument) -> Objection | None:
    quantity, price = order.quantity, order.price
    if _EXACT.remainder(quantity, instrument.lot):
        finer = _digits(quantity) > _digits(instrument.lot)
        code = VenueCode.PRECISION if finer else VenueCode.LOT
        return Objection(code, f"quantity {plain(quantity)} is not on the lot grid of {plain(instrument.lot)}")
    if price is not None and (price <= ZERO or _EXACT.remainder(price, instrument.tick)):
        return Objection(VenueCode.TICK, f"price {plain(price)} is not on the tick grid of {plain(instrument.tick)}")
    return None


def _digits(number: Decimal) -> int:
    """Digits after the point, trailing zeros not counted."""
    return len(plain(number).partition(".")[2])


def _out_of_bounds(
    order: SplitOrder, rules: VenueRules, instrument: Instrument, market_price: Decimal | None
) -> Objection | None:
    if rules.quantity_max is not None and order.type is _MARKET and order.quantity > rules.quantity_max:
        return Objection(VenueCode.QUANTITY_MAX, f"{plain(order.quantity)} at market is above {rules.quantity_max}")
    price = market_price if order.price is None else order.price
    if price is None:
        return None
    if not order.reduce_only and _EXACT.multiply(order.quantity, price) < instrument.notional_min:
        worth = plain(_EXACT.multiply(order.quantity, price))
        return Objection(VenueCode.NOTIONAL_MIN, f"{worth} is below the smallest notional")
    if market_price is None or order.type is not _LIMIT:
        return None
    return _percent_price(price, order.side.sign, rules, market_price)


def _percent_price(price: Decimal, sign: int, rules: VenueRules, market_price: Decimal) -> Objection | None:
    if sign > 0 and rules.price_up is not None and price > _EXACT.multiply(market_price, rules.price_up):
        return Objection(VenueCode.PRICE_ABOVE, f"{plain(price)} is too far above the market")
    if sign < 0 and rules.price_down is not None and price < _EXACT.multiply(market_price, rules.price_down):
        return Objection(VenueCode.PRICE_BELOW, f"{plain(price)} is too far below the market")
    return None
