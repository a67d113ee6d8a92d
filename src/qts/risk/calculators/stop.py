"""Whether a stop is filled before the venue takes the account's position on a symbol, as the order would leave it.

Measured is how far the stop lies beyond the farthest price that would still do,
fee, funding and gap counted in (``liquidation_guard``); below 0 it lies before it.
Where several strategies have stops on the position's side, the farthest is meant:
every one of them must be reached while the position lives.

It is asked of orders that bring a stop, of orders that add to a position that
has one, and of such positions. A position without any stop is asked how far its
liquidation is (``liquidation``), and nothing here.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from qts.domain.money import ZERO, exact_arithmetic
from qts.risk.limit_facts import Look, MarginFacts, OrderFacts, PositionFacts
from qts.risk.limits import LimitName, Measured, measured
from qts.risk.liquidation import MarginMode
from qts.risk.liquidation_guard import Buffer, LiquidationFirst, StopFacts, added, stop_before_liquidation

_FAR: Final = Decimal(-1)


def stop(look: Look) -> tuple[Measured, ...]:
    """The venue knows the account's position only. A buffer of 0 asks for nothing."""
    order, book = look.order, look.book
    if not book.is_account or not look.policy.stop_buffer:
        return ()
    if order is None:
        held = [each for each in book.positions if each.position and each.stop is not None]
        return tuple(_measured(look, each, None, each.stop, each.price) for each in held)
    on = book.on(order.symbol)
    farthest = _farthest(on, order)
    if farthest is None or not order.opens:
        return ()
    return (_measured(look, on, order, farthest, order.last_price),)


def _farthest(held: PositionFacts, order: OrderFacts) -> Decimal | None:
    """The farthest stop of the position the order leaves; None where nobody has one.

    An order that brings a stop moves its strategy's own there, and leaves those of the others where they are.
    """
    sign, there = order.side.sign, None
    if held.position * sign > ZERO:
        there = held.stop if order.stop_loss is None else held.others_stop
    stops = [each for each in (order.stop_loss, there) if each is not None]
    return None if not stops else min(stops) if sign > 0 else max(stops)


def _measured(
    look: Look, held: PositionFacts, order: OrderFacts | None, farthest: Decimal | None, price: Decimal | None
) -> Measured:
    value, said = None, "it is not known whether the stop comes before liquidation: no margin, brackets or price is"
    if held.margin is not None and price is not None:
        with exact_arithmetic():
            facts = _as_held(look, held, held.margin, farthest)
            if order is not None:
                facts = _as_filled(facts, order)
            value, said = _beyond(facts, price)
    found = measured(
        LimitName.STOP_BEFORE_LIQUIDATION, look.book.whose, value=value, bound=ZERO, base=price, symbol=held.symbol
    )
    return replace(found, note=said) if order is not None and said else found


def _beyond(facts: StopFacts, price: Decimal) -> tuple[Decimal | None, str]:
    """How far the stop lies beyond the nearest that would do, as a share of the price, and what is wrong with it."""
    verdict = stop_before_liquidation(facts)
    assert facts.stop is not None
    sign = 1 if facts.position > ZERO else -1
    nearest = verdict.nearest_stop
    beyond = None if nearest is None else (nearest - facts.stop) * sign / price
    if isinstance(verdict, LiquidationFirst):
        return (None if beyond is None else max(beyond, ZERO)), verdict.sentence
    return (_FAR if beyond is None else beyond), ""


def _as_held(look: Look, held: PositionFacts, margin: MarginFacts, farthest: Decimal | None) -> StopFacts:
    return StopFacts(
        position=held.position,
        basis=margin.basis,
        backing=margin.backing,
        leverage=margin.leverage,
        stop=farthest,
        brackets=margin.brackets,
        at=look.now,
        buffer=Buffer(gap=look.policy.stop_buffer),
    )


def _as_filled(facts: StopFacts, order: OrderFacts) -> StopFacts:
    """What opposes the order is closed first; what it adds brings its own initial margin."""
    price, sign, quantity = order.worth_at, order.side.sign, order.opens
    assert price is not None
    if facts.position * sign > ZERO:
        return added(facts, quantity, price)
    opened, backing = quantity * price, facts.backing
    is_isolated = backing.mode is MarginMode.ISOLATED
    wallet = opened / facts.leverage if is_isolated else backing.wallet + facts.position * price - facts.basis
    return replace(facts, position=sign * quantity, basis=sign * opened, backing=replace(backing, wallet=wallet))
