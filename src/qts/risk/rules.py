"""The first rules of the gate. Each takes its limit and says, with both numbers, why not.

Each is a pure function of (order, account state, now); a missing price is an
objection, never a pass.
"""

from decimal import Decimal
from typing import Final

from qts.domain.instant import Duration, Instant, format_duration
from qts.domain.money import ZERO, plain
from qts.domain.order import Order, Side
from qts.domain.refusal import RefusalCode
from qts.risk.gate import AccountState, Objection, Rule
from qts.risk.policy import RiskLimits

_BUY: Final = Side.BUY


def rules_of(limits: RiskLimits) -> tuple[Rule, ...]:
    """Every rule, at these limits."""
    return (
        account_alive,
        data_age(limits.data_age_ms_max),
        price_collar(limits.price_collar),
        order_notional(limits.order_notional_max),
        leverage_cap(limits.leverage_max),
    )


def account_alive(order: Order, state: AccountState, now: Instant) -> Objection | None:  # noqa: ARG001
    """Equity of 0 or less opens nothing."""
    if state.equity > ZERO:
        return None
    return Objection(RefusalCode.ACCOUNT_HALTED, f"equity is {plain(state.equity)}")


def data_age(age_ms_max: Duration) -> Rule:
    """The newest price may be at most this old."""

    def rule(order: Order, state: AccountState, now: Instant) -> Objection | None:  # noqa: ARG001
        if state.last_price is None:
            return Objection(RefusalCode.DATA_STALE, "there is no price")
        age = now - state.price_known_at
        if 0 <= age <= age_ms_max:
            return None
        return Objection(
            RefusalCode.DATA_STALE, f"the price is {format_duration(age)} old, {format_duration(age_ms_max)} is allowed"
        )

    return rule


def price_collar(fraction_max: Decimal) -> Rule:
    """A limit or trigger price may be at most this far from the last price, fraction of it."""

    def rule(order: Order, state: AccountState, now: Instant) -> Objection | None:  # noqa: ARG001
        if state.last_price is None:
            return Objection(RefusalCode.PRICE_OUTSIDE_COLLAR, "there is no price to measure from")
        if order.price is None:
            return None
        distance = abs(order.price - state.last_price)
        if distance <= fraction_max * state.last_price:
            return None
        return Objection(
            RefusalCode.PRICE_OUTSIDE_COLLAR,
            f"price {plain(order.price)} is {distance / state.last_price:.2%} from the last price "
            f"{plain(state.last_price)}, {fraction_max:.2%} is allowed",
        )

    return rule


def order_notional(multiple_max: Decimal) -> Rule:
    """One order's notional may be at most this multiple of equity."""

    def rule(order: Order, state: AccountState, now: Instant) -> Objection | None:  # noqa: ARG001
        price = order.price if order.price is not None else state.last_price
        notional = None if price is None else order.quantity * price
        if notional is not None and notional <= multiple_max * state.equity:
            return None
        return Objection(
            RefusalCode.ORDER_NOTIONAL_ABOVE_LIMIT,
            f"order notional {_money(notional)} is above {_multiple(multiple_max, state)}",
        )

    return rule


def leverage_cap(leverage_max: Decimal) -> Rule:
    """All positions after the order may be worth at most this multiple of equity."""

    def rule(order: Order, state: AccountState, now: Instant) -> Objection | None:  # noqa: ARG001
        price = order.price if order.price is not None else state.last_price
        if price is not None:
            side, before = order.side, state.position_if_filled(order.side)
            after = abs(before + order.quantity if side is _BUY else before - order.quantity) * price + state.elsewhere
            if after <= leverage_max * state.equity:
                return None
        else:
            after = None
        return Objection(
            RefusalCode.LEVERAGE_ABOVE_CAP,
            f"position notional {_money(after)} would be above {_multiple(leverage_max, state)}",
        )

    return rule


def _money(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{amount:.2f}"


def _multiple(times: Decimal, state: AccountState) -> str:
    return f"{plain(times)} times the equity of {_money(state.equity)}"
