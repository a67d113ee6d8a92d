"""How far the liquidation price of the account's position on a symbol is from the market, as a share of the price.

The price is solved in the bracket in force, for the position as the order would
leave it: what opposes the order is closed first, and what it adds brings its own
initial margin. A position that no price liquidates is as far away as can be (1).
"""

from decimal import Decimal
from typing import Final

from qts.domain.money import ZERO, exact_arithmetic
from qts.risk.limit_facts import Look, MarginFacts, OrderFacts, PositionFacts
from qts.risk.limits import LimitName, Measured, measured
from qts.risk.liquidation import MarginMode, liquidation_price, margin_excess

_FAR: Final = Decimal(1)


def liquidation(look: Look) -> tuple[Measured, ...]:
    """The venue knows the account's position only. A bound of 0 asks for nothing, not even for what margin there is."""
    order, book = look.order, look.book
    if not book.is_account:
        return ()
    if order is None:
        held = [each for each in book.positions if each.position]
        return tuple(_measured(look, each.symbol, _distance(look, each, None), each.price) for each in held)
    return (_measured(look, order.symbol, _distance(look, book.on(order.symbol), order), order.last_price),)


def _measured(look: Look, symbol: str, value: Decimal | None, price: Decimal | None) -> Measured:
    bound = look.policy.liquidation_distance_min
    return measured(
        LimitName.LIQUIDATION_DISTANCE,
        look.book.whose,
        value=_FAR if value is None and not bound else value,
        bound=bound,
        base=price,
        symbol=symbol,
    )


def _distance(look: Look, held: PositionFacts, order: OrderFacts | None) -> Decimal | None:
    price = held.price if order is None else order.last_price
    margin = held.margin
    if price is None or margin is None:
        return None
    with exact_arithmetic():
        table = margin.brackets.at(look.now)
        position, basis, behind = _as_held(held, margin) if order is None else _as_filled(held, margin, order)
        if not position:
            return _FAR
        if margin_excess(position, basis, behind, price, table) <= ZERO:
            return ZERO
        at = liquidation_price(position, basis, behind, table)
        return _FAR if at is None else abs(price - at) / price


def _as_held(held: PositionFacts, margin: MarginFacts) -> tuple[Decimal, Decimal, Decimal]:
    return held.position, margin.basis, margin.backing.margin


def _as_filled(held: PositionFacts, margin: MarginFacts, order: OrderFacts) -> tuple[Decimal, Decimal, Decimal]:
    """Position, basis and what stands behind them once the order has filled."""
    price = order.worth_at
    position, basis, behind = _as_held(held, margin)
    is_isolated = margin.backing.mode is MarginMode.ISOLATED
    if price is None or not order.opens:
        return position, basis, behind
    if position * order.side.sign < ZERO:
        behind = ZERO if is_isolated else behind + position * price - basis
        position = basis = ZERO
    added = order.opens * price
    behind += added / margin.leverage if is_isolated else ZERO
    return position + order.side.sign * order.opens, basis + order.side.sign * added, behind
