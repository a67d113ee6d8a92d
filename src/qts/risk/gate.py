"""The single gate between a wish and the market.

Only this file makes an ``Approved``, and only an ``Approved`` reaches a broker.
A gate with no rules refuses to exist. Rules guard what *increases* a position;
an order that truly reduces passes them all, since the way out must stay open.
Whether it reduces is judged here, from the position, never from BUY or SELL.

It is asked at three points. ``before_intent``: when a strategy has spoken, before
its wish is sized into orders (execution/cycle.py); the strategy on its own book.
``before_route``: when an order has been made of it, before it joins the allowed
set that the route may work (execution/cycle.py); the account. ``after_response``:
when the venue has answered a request, before the answer has any other effect
(execution/venue_news.py); the venue. The first two give or refuse permission,
the third sees what follows for later ones.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeAlias

from qts.domain.errors import PolicyError
from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, Side
from qts.domain.plain_enum import plain_members
from qts.domain.refusal import RefusalCode
from qts.domain.safety_code import SafetyCode
from qts.domain.value import maker, value
from qts.strategy.intent import Action, Intent

FAILURES_IN_A_ROW: Final = 3
_REDUCE: Final = Effect.REDUCE


@value
class AccountState:
    """What the gate may look at. Money in quote, position in signed base units.

    pending_buy, pending_sell: unfilled quantity of working orders that increase.
    last_price: the newest close; price_known_at: when it was known. None where
    there is no price: then nothing increases. elsewhere: notional held and asked
    for on other symbols by the same equity, longs and shorts added.
    """

    position: Decimal
    pending_buy: Decimal
    pending_sell: Decimal
    equity: Decimal
    last_price: Decimal | None
    price_known_at: Instant
    elsewhere: Decimal = ZERO

    def opposing(self, side: Side) -> Decimal:
        """How much of the position an order on ``side`` closes before it opens anything."""
        position = self.position
        return ZERO if not position or (position > ZERO) is (side.sign > 0) else position.copy_abs()

    def position_if_filled(self, side: Side) -> Decimal:
        """The furthest position toward ``side``: every working order on it filled, and what opposes it closed."""
        if side.sign > 0:
            return self.pending_buy + self.position if self.position > ZERO else self.pending_buy
        return self.position - self.pending_sell if self.position < ZERO else -self.pending_sell


@value
class Approved:
    """Permission to send exactly this order. Made by ``RiskGate.judge`` and nowhere else."""

    order: Order


_approved: Final = maker(Approved)


@dataclass(frozen=True, slots=True)
class Refused:
    """by_limits: the gate had allowed it, the staged limits did not."""

    order: Order
    codes: tuple[RefusalCode, ...]
    detail: str
    by_limits: bool = False


@value(kw_only=True)
class NotSent:
    """A wish that became no order, and why. by_limits: the staged limits stopped it, the gate had allowed it."""

    order_id: str
    codes: tuple[RefusalCode, ...]
    detail: str
    by_limits: bool = False

    @classmethod
    def of(cls, no: Refused) -> "NotSent":
        return cls(order_id=no.order.order_id, codes=no.codes, detail=no.detail, by_limits=no.by_limits)


@dataclass(frozen=True, slots=True)
class Objection:
    """One rule's no. sentence: both numbers, in words."""

    code: RefusalCode
    sentence: str


Rule: TypeAlias = Callable[[Order, AccountState, Instant], Objection | None]

IntentRule: TypeAlias = Callable[[str, Intent, AccountState, Instant], Objection | None]
"""strategy id, what it wants, its own book, now."""


@plain_members
class Response(StrEnum):
    """What an answer to a request says of the venue."""

    TAKEN = "taken"
    ORDERS_FAULT = "orders-fault"  # refused for what was asked: the venue works
    FAILED = "failed"  # refused, or not sent, for a reason that is not the order's
    UNKNOWN = "unknown"  # no answer: neither a failure nor a sign of life


@dataclass(frozen=True, slots=True)
class ResponseTally:
    """failed_in_a_row: requests that failed since the last one the venue answered, or since that was told."""

    failed_in_a_row: int = 0


class RiskGate:
    """Judges every order by every rule; all reasons are kept, worst first.

    intent_rules: what a strategy may want at all; without any, its orders are judged and nothing before them.
    """

    def __init__(self, rules: Iterable[Rule], intent_rules: Iterable[IntentRule] = ()) -> None:
        self._rules = tuple(rules)
        self._intent_rules = tuple(intent_rules)
        if not self._rules:
            raise PolicyError("a risk gate with no rules refuses to judge", next_step="name at least one rule")

    def before_intent(
        self, strategy_id: str, intent: Intent, book: AccountState, now: Instant
    ) -> tuple[Objection, ...]:
        """What speaks against a strategy's wish, worst first; nothing when it may be made into orders.

        book: the strategy's own. A wish to close, to protect, or against the
        position passes: what of it would increase is judged as an order.
        """
        if not self._intent_rules or _leads_out(intent, book):
            return ()
        found = (rule(strategy_id, intent, book, now) for rule in self._intent_rules)
        return _worst_first([objection for objection in found if objection is not None])

    def judge(self, order: Order, state: AccountState, now: Instant) -> Approved | Refused:
        """Whether the order may be worked, judged by the account. now: the instant of decision, ms UTC."""
        if order.effect is _REDUCE:
            no = _must_reduce(order, state)
            objections = [] if no is None else [no]
        else:
            objections = []
            for rule in self._rules:
                no = rule(order, state, now)
                if no is not None:
                    objections.append(no)
        if not objections:
            return _approved(order)
        sorted_objections = _worst_first(objections)
        return Refused(
            order,
            tuple(objection.code for objection in sorted_objections),
            "; ".join(objection.sentence for objection in sorted_objections),
        )

    before_route = judge  # the point it is asked at

    def after_response(
        self,
        response: Response,
        tally: ResponseTally,
        now: Instant,  # noqa: ARG002 - a hook like the others
    ) -> tuple[ResponseTally, tuple[SafetyCode, ...]]:
        """The tally to hand in next time, and the codes to raise now.

        Three failures in a row are FS040; the row then begins anew, so that a
        venue which goes on failing after a resume is told of again.
        """
        match response:
            case Response.TAKEN | Response.ORDERS_FAULT:
                return ResponseTally(), ()
            case Response.UNKNOWN:
                return tally, ()
            case Response.FAILED:
                if tally.failed_in_a_row + 1 < FAILURES_IN_A_ROW:
                    return ResponseTally(tally.failed_in_a_row + 1), ()
                return ResponseTally(), (SafetyCode.FS040,)


def _worst_first(objections: list[Objection]) -> tuple[Objection, ...]:
    precedence = list(RefusalCode)
    return tuple(sorted(objections, key=lambda objection: precedence.index(objection.code)))


def _leads_out(intent: Intent, book: AccountState) -> bool:
    match intent.action:
        case Action.CLOSE | Action.PROTECT:
            return True
        case Action.BUY:
            return book.position < 0
        case Action.SELL:
            return book.position > 0


def _must_reduce(order: Order, state: AccountState) -> Objection | None:
    opposing = state.opposing(order.side)
    if opposing and order.quantity <= opposing:
        return None
    return Objection(
        RefusalCode.NOT_REDUCING,
        f"{order.side} {order.quantity} does not reduce a position of {state.position}",
    )
