"""The single gate between a wish and the market.

Only this file makes an ``Approved``, and only an ``Approved`` reaches a broker.
A gate with no rules refuses to exist. Rules guard what *increases* a position;
an order that truly reduces passes them all, since the way out must stay open.
Whether it reduces is judged here, from the position, never from BUY or SELL.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from qts.domain.errors import PolicyError
from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, Side
from qts.domain.refusal import RefusalCode


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """What the gate may look at. Money in quote, position in signed base units.

    pending_buy, pending_sell: unfilled quantity of working orders that increase.
    last_price: the newest close; price_known_at: when it was known. None where
    there is no price: then nothing increases.
    """

    position: Decimal
    pending_buy: Decimal
    pending_sell: Decimal
    equity: Decimal
    last_price: Decimal | None
    price_known_at: Instant

    def position_if_filled(self, side: Side) -> Decimal:
        """The furthest position toward ``side``: every working order on it filled, and what opposes it closed."""
        held = self.position if self.position * side.sign > 0 else ZERO
        return held + (self.pending_buy if side is Side.BUY else -self.pending_sell)


@dataclass(frozen=True, slots=True)
class Approved:
    """Permission to send exactly this order. Made by ``RiskGate.judge`` and nowhere else."""

    order: Order


@dataclass(frozen=True, slots=True)
class Refused:
    order: Order
    codes: tuple[RefusalCode, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Objection:
    """One rule's no. sentence: both numbers, in words."""

    code: RefusalCode
    sentence: str


Rule: TypeAlias = Callable[[Order, AccountState, Instant], Objection | None]


class RiskGate:
    """Judges every order by every rule; all reasons are kept, worst first."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        if not self._rules:
            raise PolicyError("a risk gate with no rules refuses to judge", next_step="name at least one rule")

    def judge(self, order: Order, state: AccountState, now: Instant) -> Approved | Refused:
        """now: the instant of decision, ms UTC."""
        if order.effect is Effect.REDUCE:
            objections = [found for found in [_must_reduce(order, state)] if found is not None]
        else:
            objections = [found for rule in self._rules if (found := rule(order, state, now)) is not None]
        if not objections:
            return Approved(order)
        precedence = list(RefusalCode)
        objections.sort(key=lambda objection: precedence.index(objection.code))
        return Refused(
            order,
            tuple(objection.code for objection in objections),
            "; ".join(objection.sentence for objection in objections),
        )


def _must_reduce(order: Order, state: AccountState) -> Objection | None:
    if state.position * order.side.sign < 0 and order.quantity <= abs(state.position):
        return None
    return Objection(
        RefusalCode.NOT_REDUCING,
        f"{order.side} {order.quantity} does not reduce a position of {state.position}",
    )
