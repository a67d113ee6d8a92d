"""Stage six: the way out, one step at a time, until it is true that it is done.

Our own working orders are cancelled first, the resting reduce-only ones before
the rest, because the venue refuses a close while they stand. Then what is to be
given back goes out inside the collar, and after two seconds at market, in
pieces the venue takes. The protective stop stays until nothing is held; an
escape that lasts and has none is given one by protection.py. When the broker is
not to be trusted only the cancelling is done.

``next_step`` is asked again after everything that happens, and answers with
what is missing: it may be asked twice without harm.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from qts.domain.instant import Duration, Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO
from qts.domain.order import OrderType, Side
from qts.execution.client_ids import leg_id
from qts.execution.contracts import EscapeReason, Role, SplitOrder
from qts.execution.events import Quote
from qts.execution.orders import OrderRecord

STAGE: Final = "escaping"
COLLAR: Final = Decimal("0.02")
"""An escape's limit order is at most this fraction of the mark price away from it."""
COLLAR_MS: Final[Duration] = 2_000
AGAIN_MS: Final[Duration] = 2_000
ALARM_MS: Final[Duration] = 30_000
ASKS_MAX: Final = 8
"""So often an escape asks for the end of an order, ``AGAIN_MS`` apart, and then goes on beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EscapeFacts:
    """What the next step depends on.

    to_return: signed base units to trade now, buy positive; 0 when everything is back.
    working: our orders that are not the escape's and not the protective stop.
    own: the escape's orders that may be live. placed: how many it sent so far.
    quantity_max: the venue's largest market order, None for none.
    """

    escape_id: str
    reason: EscapeReason
    instrument: Instrument
    to_return: Decimal
    working: tuple[OrderRecord, ...]
    own: tuple[OrderRecord, ...]
    placed: int
    last_sent_at: Instant
    quote: Quote | None
    quantity_max: Decimal | None


@dataclass(frozen=True, slots=True)
class EscapeStep:
    """cancel: records to cancel now. place: the order to send now. wait_until: when to ask again."""

    cancel: tuple[OrderRecord, ...] = ()
    place: SplitOrder | None = None
    wait_until: Instant | None = None
    done: bool = False


def next_step(facts: EscapeFacts, now: Instant) -> EscapeStep:  # noqa: PLR0911 - one situation, one answer
    if facts.working:
        first = sorted(facts.working, key=lambda record: not record.order.reduce_only)
        return EscapeStep(cancel=tuple(first), wait_until=now + AGAIN_MS)
    if facts.reason is EscapeReason.BROKER_UNSTABLE:
        return EscapeStep(done=True)
    late = now >= facts.last_sent_at + COLLAR_MS
    if facts.own:
        if not late:
            return EscapeStep(wait_until=facts.last_sent_at + COLLAR_MS)
        resting = tuple(each for each in facts.own if each.order.type is OrderType.LIMIT)
        return EscapeStep(cancel=resting, wait_until=now + AGAIN_MS)
    if not facts.instrument.quantity_down(abs(facts.to_return)):
        return EscapeStep(done=True)  # what is less than a lot cannot be traded, and is reported as left
    if facts.placed > 1 and not late:  # the last one was refused: not again at once
        return EscapeStep(wait_until=facts.last_sent_at + AGAIN_MS)
    return EscapeStep(place=_order(facts, now), wait_until=now + COLLAR_MS)


def _order(facts: EscapeFacts, now: Instant) -> SplitOrder:
    side = Side.BUY if facts.to_return > 0 else Side.SELL
    quantity = facts.instrument.quantity_down(abs(facts.to_return))
    if facts.quantity_max is not None:
        quantity = min(quantity, facts.quantity_max)
    price = None
    if facts.placed == 0 and facts.quote is not None:
        price = collar_price(facts.quote.mark, side, facts.instrument)
    return SplitOrder(
        client_id=leg_id(facts.escape_id, "esc", facts.placed + 1),
        parent_id=facts.escape_id,
        symbol=facts.instrument.symbol,
        side=side,
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        quantity=quantity,
        price=price,
        reduce_only=True,
        role=Role.ESCAPE,
        sequence=facts.placed,
        attempt=1,
        send_at=now,
    )


def collar_price(mark: Decimal, side: Side, instrument: Instrument) -> Decimal | None:
    """The worst price the collar allows a trade on ``side``; None where that is no price."""
    worst = mark * (1 + side.sign * COLLAR)
    price = instrument.price_down(worst) if side is Side.BUY else instrument.price_up(worst)
    return price if price > ZERO else None
