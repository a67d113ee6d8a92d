"""The order against the market: how old the price is, how far from it the order's own price lies."""

from decimal import Decimal

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.risk.limit_facts import Look
from qts.risk.limits import LimitName, Measured, measured, share


def market(look: Look) -> tuple[Measured, ...]:
    """Of a strategy's order; without one, the age of every price its book stands on. The account adds nothing."""
    order, policy, whose = look.order, look.policy, look.book.whose
    if look.book.is_account:
        return ()
    bound = Decimal(policy.data_age_ms_max)
    if order is None:
        known = ((each.symbol, each.price_known_at if each.price is not None else None) for each in look.book.positions)
        ages = tuple(
            measured(LimitName.DATA_AGE, whose, value=_age(at, look.now), bound=bound, symbol=symbol)
            for symbol, at in known
        )
        return (*ages, measured(LimitName.PRICE_COLLAR, whose, value=ZERO, bound=policy.price_collar))
    last, age = order.last_price, _age(None if order.last_price is None else order.price_known_at, look.now)
    away = None if last is None else ZERO if order.price is None else share(abs(order.price - last), last)
    return (
        measured(LimitName.DATA_AGE, whose, value=age, bound=bound, symbol=order.symbol),
        measured(LimitName.PRICE_COLLAR, whose, value=away, bound=policy.price_collar, base=last, symbol=order.symbol),
    )


def _age(known_at: Instant | None, now: Instant) -> Decimal | None:
    """A price from the future is no price."""
    return None if known_at is None or known_at > now else Decimal(now - known_at)
