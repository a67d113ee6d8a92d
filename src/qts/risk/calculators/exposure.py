"""How much is held: of an order, of a symbol, of all symbols, of one side, and over the capital behind it.

Working orders count as filled, on whichever side makes the position larger, and
an order that increases starts from what it closes: the position it would lead
to at the furthest. A symbol without a price makes every sum unknown.
"""

from collections.abc import Iterable
from decimal import Decimal

from qts.domain.money import ZERO
from qts.domain.order import Side
from qts.risk.limit_facts import BookFacts, Look, OrderFacts, PositionFacts
from qts.risk.limits import LimitName, Measured, measured, share


def exposure(look: Look) -> tuple[Measured, ...]:
    """An order's size is measured on its strategy's book, everything else on both."""
    return (*_order(look), *_symbols(look), *_gross(look), *_net(look))


def _order(look: Look) -> tuple[Measured, ...]:
    order, book, policy = look.order, look.book, look.policy
    if book.is_account:
        return ()
    price = None if order is None else order.worth_at
    notional = ZERO if order is None else None if price is None else order.opens * price
    found = [
        measured(
            LimitName.ORDER_SIZE,
            book.whose,
            value=share(notional, book.capital),
            bound=policy.order_size_max,
            base=book.capital,
            fits=_units(policy.order_size_max * book.capital, price),
        )
    ]
    if policy.order_notional_max is not None:
        bound = policy.order_notional_max
        fits = _units(bound, price)
        found.append(measured(LimitName.ORDER_NOTIONAL, book.whose, value=notional, bound=bound, fits=fits))
    return tuple(found)


def _symbols(look: Look) -> tuple[Measured, ...]:
    order, book, bound = look.order, look.book, look.policy.symbol_exposure_max
    if order is None:
        return tuple(
            measured(
                LimitName.SYMBOL_EXPOSURE,
                book.whose,
                value=share(_worth(each), book.equity),
                bound=bound,
                base=book.equity,
                symbol=each.symbol,
            )
            for each in book.positions
        )
    held, price = book.on(order.symbol).toward(order.side), order.worth_at
    return (
        measured(
            LimitName.SYMBOL_EXPOSURE,
            book.whose,
            value=share(None if price is None else (held + order.opens) * price, book.equity),
            bound=bound,
            base=book.equity,
            fits=_units(bound * book.equity, price, held),
            symbol=order.symbol,
        ),
    )


def _gross(look: Look) -> tuple[Measured, ...]:
    """The same sum twice: over equity, and over the capital behind it, which no policy takes above the ceiling."""
    order, book, policy = look.order, look.book, look.policy
    bounds = (
        (LimitName.GROSS_EXPOSURE, policy.gross_exposure_max, book.equity),
        (LimitName.LEVERAGE, policy.leverage_max, book.capital),
    )
    others = _sum(_worth(each) for each in book.positions if order is None or each.symbol != order.symbol)
    if order is None:
        return tuple(
            measured(name, book.whose, value=share(others, base), bound=bound, base=base)
            for name, bound, base in bounds
        )
    price, on_it = order.worth_at, book.on(order.symbol)
    held, opposite = on_it.toward(order.side), on_it.toward(order.side.opposite)
    total = None
    if others is not None and price is not None:
        total = others + max(held + order.opens, opposite) * price
    found = []
    for name, bound, base in bounds:
        # Where the other side alone is too large no quantity fits, and what was reduced is stopped when judged again.
        fits = None if others is None else _units(bound * base - others, price, held)
        found.append(measured(name, book.whose, value=share(total, base), bound=bound, base=base, fits=fits))
    return tuple(found)


def _net(look: Look) -> tuple[Measured, ...]:
    order, book, bound = look.order, look.book, look.policy.net_exposure_max
    if order is None:
        sides = [_toward(book, side, None) for side in Side]
        known = [each for each in sides if each is not None]
        total = max(ZERO, *known) if len(known) == len(sides) else None
        fits = None
    else:
        price, without = order.worth_at, _toward(book, order.side, order)
        total = fits = None
        if price is not None and without is not None:
            total = max(ZERO, without + order.opens * price)
            fits = _units(bound * book.equity - without, price)
    return (
        measured(
            LimitName.NET_EXPOSURE,
            book.whose,
            value=share(total, book.equity),
            bound=bound,
            base=book.equity,
            fits=fits,
        ),
    )


def _toward(book: BookFacts, side: Side, order: OrderFacts | None) -> Decimal | None:
    """Notional on ``side`` less that on the other, working orders on ``side`` filled; the order itself not yet."""
    found = []
    for each in book.positions:
        pending = each.pending_buy if side is Side.BUY else each.pending_sell
        if order is not None and each.symbol == order.symbol:
            found.append(_worth_of(each.toward(side), order.worth_at))
        else:
            found.append(_worth_of(side.sign * each.position + pending, each.price))
    return _sum(found)


def _worth(held: PositionFacts) -> Decimal | None:
    return _worth_of(max(held.toward(Side.BUY), held.toward(Side.SELL)), held.price)


def _worth_of(quantity: Decimal, price: Decimal | None) -> Decimal | None:
    """Nothing is worth nothing, whatever the price."""
    return ZERO if not quantity else None if price is None else quantity * price


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    total = ZERO
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def _units(notional: Decimal, price: Decimal | None, held: Decimal = ZERO) -> Decimal | None:
    """How many units a notional still buys beside what is held, 0 or more."""
    return None if price is None or not price > ZERO else max(ZERO, notional / price - held)
