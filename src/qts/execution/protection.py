"""What protects a position: a stop that covers it, a target that rests, and nothing that belongs to another one.

``protect`` is asked after whatever touched the symbol and answers with what is missing, from the facts alone, so
asking twice asks for nothing twice. The venue knows no pairs; the pair is ours. What always holds:

- A leg belongs to one position epoch. Legs of other epochs, and all legs once less than a lot is held, are cancelled.
  A stop of an earlier one that still covers goes once its successor is ACCEPTED; one that covers stays while nobody
  has said anything of a stop, as under what somebody bought by hand.
- The live stops add up to at least what is held, or the step that gets there has been answered: a stop to place,
  one on its way, or EscapeNow. Legs are sized to what is held, never to what was planned.
- A stop is replaced by placing the new one and cancelling the old one once the new one is ACCEPTED. At most
  ``STOPS_MAX`` live; the last accepted one is never cancelled while something is held, nor is its cancellation, when
  nobody confirmed it, asked for again. A stop that is doubted makes no other one superfluous.
- A stop that the venue will not hold ends in EscapeNow: refused more than ``RETRIES_MAX`` times or for longer than
  ``RETRY_WITHIN_MS``, ended while something is held, beyond the mark, or unconfirmed for ``CONFIRM_MAX_MS``. A refused
  replacement of a stop that still covers is let be: the position is protected, if not where it was wished.
- One full-size resting target makes the venue refuse other reduce-only closes, so it is resized by cancelling first
  and gives way to an exit. A target is a wish; none of its failures is an emergency.
- An escape leaves the stop that stands and, once it lasts ``BACKSTOP_AFTER_MS`` without one that covers, places one
  where it was wished or, beyond that, at the collar: the venue's own end, should we be gone. Tried again as late.
- A wish of None keeps the stop that stands and takes the target away: absence removes no protection.
- A cancellation is asked for once and again after ``CANCEL_AGAIN_MS``.
Source: reliability, sections 2.2 (protective orders) and 2.5.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeAlias

from qts.domain.instant import Duration, Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.value import value
from qts.execution.client_ids import leg_id
from qts.execution.contracts import Role, SplitOrder
from qts.execution.orders import OrderRecord
from qts.execution.send_outcome import WOULD_TRIGGER
from qts.execution.stages.emergency_escape import collar_price
from qts.execution.unknown import PROTECTIVE_AGAIN_MS

STOPS_MAX: Final = 2
RETRIES_MAX: Final = 2
RETRY_WITHIN_MS: Final[Duration] = 2_000
RETRY_AFTER_MS: Final[tuple[Duration, ...]] = (0, 1_000)
CONFIRM_MAX_MS: Final[Duration] = 10_000
BACKSTOP_AFTER_MS: Final[Duration] = 10_000
CANCEL_AGAIN_MS: Final[Duration] = 2_000
TARGET_AGAIN_MS: Final[Duration] = 1_000
TARGET_TRIES_MAX: Final = 3


@value(kw_only=True)
class ProtectionFacts:
    """Everything one symbol's protection depends on.

    position: signed base units. wanted_stop, wanted_target: on the tick grid. legs: every protective order of the
    symbol that has not ended, of any epoch, and those of this epoch that ended other than by filling. placed: how
    many legs this epoch has numbered. mark: the venue's mark price, None when not known. release_target: an exit
    is at work or about to go. escaping_since: since when the position is being given back, None when it is not.
    drops_stop: where no stop is wanted, whether that was said; what nobody said anything of keeps the stop it has.
    """

    instrument: Instrument
    position: Decimal
    epoch_id: str
    wanted_stop: Decimal | None
    wanted_target: Decimal | None
    legs: tuple[OrderRecord, ...]
    placed: int
    mark: Decimal | None
    release_target: bool
    escaping_since: Instant | None = None
    drops_stop: bool = False


class Unprotected(StrEnum):
    """Why a position cannot be held on to."""

    WOULD_TRIGGER = "the price is beyond the stop already"
    ENDED = "the stop ended and the position stands"
    REFUSED = "the stop was refused"
    UNCONFIRMED = "no stop was confirmed in time"


@value
class PlaceLeg:
    order: SplitOrder


@value
class CancelLeg:
    client_id: str


@dataclass(frozen=True, slots=True)
class EscapeNow:
    """Give the position back at market: it cannot be protected."""

    why: Unprotected


ProtectionStep: TypeAlias = PlaceLeg | CancelLeg | EscapeNow

_FAILED = frozenset({OrderState.REJECTED, OrderState.EXPIRED, OrderState.CANCELED, OrderState.NOT_PLACED})


def protect(facts: ProtectionFacts, now: Instant) -> tuple[ProtectionStep, ...]:
    """What is to be done now, in this order; () when nothing is."""
    if not facts.legs and (facts.position == 0 or (facts.wanted_stop is None and facts.wanted_target is None)):
        return ()
    held = facts.position.copy_abs()
    if _stands(facts, held):
        return ()
    size = facts.instrument.quantity_down(held)
    own, stand_ins, steps = [], [], []
    for leg in facts.legs:
        if leg.is_final:
            if leg.cancel_asked_at is None and leg.state in _FAILED and leg.order.parent_id == facts.epoch_id:
                own.append(leg)
        elif size > 0 and leg.order.parent_id == facts.epoch_id and leg.order.side is _closing(facts):
            own.append(leg)
        elif size > 0 and _stands_in(leg, facts):
            stand_ins.append(leg)
        else:
            steps += _cancelled([leg], now)
    if size == 0:
        return tuple(steps)
    stops = [leg for leg in own if leg.order.role is Role.STOP_LOSS]
    stop_steps = _stop_steps(facts, size, stops, now)
    if facts.escaping_since is not None:
        stop_steps += _backstop(facts, size, [*stand_ins, *stops], since=facts.escaping_since, now=now)
    escaping = facts.escaping_since is not None or any(type(step) is EscapeNow for step in stop_steps)
    superseded = _left(leg for leg in own if _holds(leg)) >= size
    steps += _cancelled(stand_ins if superseded else _not_needed(stand_ins, facts, size), now)
    steps += stop_steps
    wanted = None if escaping or facts.release_target else facts.wanted_target
    targets = [leg for leg in own if leg.order.role is Role.TAKE_PROFIT]
    number = facts.placed + 1 + sum(type(step) is PlaceLeg for step in steps)
    return (*steps, *_target_steps(facts, size, targets, wanted=wanted, number=number, now=now))


def _stands_in(leg: OrderRecord, facts: ProtectionFacts) -> bool:
    """Whether a stop of an earlier position on this side still covers: it goes once its successor is ACCEPTED."""
    return leg.order.role is Role.STOP_LOSS and leg.order.side is _closing(facts) and leg.state is OrderState.ACCEPTED


def _not_needed(stand_ins: Sequence[OrderRecord], facts: ProtectionFacts, size: Decimal) -> Sequence[OrderRecord]:
    """Those that go although no stop of this position covers it yet."""
    if facts.wanted_stop is not None:
        return ()
    if facts.drops_stop:
        return stand_ins
    holding = sorted((leg for leg in stand_ins if _holds(leg)), key=lambda leg: leg.sent_at)
    kept = _enough(holding, size)
    return [leg for leg in stand_ins if leg not in kept] if kept else _to_ask_again(stand_ins)


def _holds(leg: OrderRecord) -> bool:
    return leg.order.role is Role.STOP_LOSS and _works(leg) and leg.doubted_at is None


def _works(leg: OrderRecord) -> bool:
    return leg.state is OrderState.ACCEPTED and leg.cancel_asked_at is None


def _is_coming(leg: OrderRecord) -> bool:
    return leg.state is not OrderState.ACCEPTED and leg.cancel_asked_at is None


def _stands(facts: ProtectionFacts, held: Decimal) -> bool:
    """Whether the pair is plainly there: the usual case, seen without building anything."""
    stop, target = facts.wanted_stop, facts.wanted_target
    if held < facts.instrument.lot or facts.release_target or facts.escaping_since is not None or stop is None:
        return False
    for leg in facts.legs:
        order = leg.order
        if leg.state is not OrderState.ACCEPTED or leg.cancel_asked_at is not None or order.price is None:
            return False
        if order.parent_id != facts.epoch_id or order.side is not _closing(facts):
            return False
        if order.role is Role.STOP_LOSS and order.price == stop and leg.left >= held:
            stop = None
        elif order.role is Role.TAKE_PROFIT and order.price == target and leg.left == held:
            target = None
        else:
            return False
    return stop is None and target is None


def due(facts: ProtectionFacts, now: Instant) -> Instant | None:
    """The earliest instant after ``now`` at which time alone may change the answer, or None."""
    instants = [at for leg in facts.legs for at in _waits_of(leg) if at > now]
    if facts.escaping_since is not None:
        ends = [leg.updated_at for leg in facts.legs if leg.is_final]
        instants += [at for each in (facts.escaping_since, *ends) if (at := each + BACKSTOP_AFTER_MS) > now]
    return min(instants, default=None)


def _waits_of(leg: OrderRecord) -> Iterable[Instant]:
    if leg.is_final:
        yield leg.updated_at + TARGET_AGAIN_MS
        yield leg.updated_at + RETRY_WITHIN_MS + 1
        return
    if leg.cancel_asked_at is not None:
        yield leg.cancel_asked_at + CANCEL_AGAIN_MS
    if leg.state is not OrderState.ACCEPTED:
        yield leg.sent_at + PROTECTIVE_AGAIN_MS
        yield leg.sent_at + CONFIRM_MAX_MS


# -- the stop ---------------------------------------------------------------------------


def _stop_steps(  # noqa: PLR0911 - one situation, one answer
    facts: ProtectionFacts, size: Decimal, own: list[OrderRecord], now: Instant
) -> list[ProtectionStep]:
    live = [leg for leg in own if not leg.is_final]
    again: list[ProtectionStep] = _cancelled(_to_ask_again(live), now)
    wanted = facts.wanted_stop
    if facts.escaping_since is not None:
        return again
    if wanted is None:
        given_up = [leg for leg in live if leg.cancel_asked_at is None] if facts.drops_stop else []
        return again + _cancelled(given_up, now)
    working = sorted((leg for leg in live if _works(leg)), key=_number)
    fitting = [leg for leg in working if leg.order.price == wanted]
    kept = _enough([leg for leg in fitting if _holds(leg)], size)
    if kept:
        return again + _cancelled([leg for leg in working if leg not in kept], now)
    if _enough(fitting, size):
        return again  # so it seems; the venue was asked
    unconfirmed = [leg for leg in live if _is_coming(leg)]
    if _left(working) < size and any(now - leg.sent_at >= CONFIRM_MAX_MS for leg in unconfirmed):
        return [*again, EscapeNow(Unprotected.UNCONFIRMED)]
    coming = [leg for leg in unconfirmed if leg.order.price == wanted and now - leg.sent_at < PROTECTIVE_AGAIN_MS]
    if coming and _left(coming) + _left(leg for leg in working if leg.order.price == wanted) >= size:
        return again
    if len(live) < STOPS_MAX:
        failed = sorted((leg for leg in own if leg.is_final), key=_number)
        return again + _new_stop(facts, wanted, size, working=working, failed=failed, now=now)
    if len(working) >= STOPS_MAX:
        least = min(working, key=lambda leg: (leg.order.price == wanted, leg.left, _number(leg)))
        return again + _cancelled([least], now)
    return again


def _backstop(
    facts: ProtectionFacts, size: Decimal, stops: Sequence[OrderRecord], *, since: Instant, now: Instant
) -> list[ProtectionStep]:
    """The stop of an escape that lasts: the venue's end of it, should we be gone."""
    wanted, mark, live = facts.wanted_stop, facts.mark, [leg for leg in stops if not leg.is_final]
    stays = [leg for leg in live if _holds(leg) or (_is_coming(leg) and now - leg.sent_at < PROTECTIVE_AGAIN_MS)]
    tried = max([since, *(leg.updated_at for leg in stops if leg.is_final)])
    if wanted is None or mark is None or len(live) >= STOPS_MAX or _left(stays) >= size:
        return []
    price = collar_price(mark, _closing(facts), facts.instrument) if _is_beyond(facts, wanted) else wanted
    if price is None or now < tried + BACKSTOP_AFTER_MS:
        return []
    return [PlaceLeg(_leg(facts, Role.STOP_LOSS, price, size, number=facts.placed + 1, now=now))]


def _to_ask_again(live: Sequence[OrderRecord]) -> list[OrderRecord]:
    """Stops that were asked to go and may still be there; the one that covers most stays while no other surely does."""
    asked = [leg for leg in live if leg.cancel_asked_at is not None]
    if not asked or any(_holds(leg) for leg in live):
        return asked
    last = max(asked, key=lambda leg: (leg.state is OrderState.ACCEPTED, leg.left, _number(leg)))
    return [leg for leg in asked if leg is not last]


def _enough(stops: Sequence[OrderRecord], size: Decimal) -> Sequence[OrderRecord]:
    """The newest stop that covers all of it, else the newest ones that do together; () when they do not."""
    for leg in reversed(stops):
        if leg.left >= size:
            return (leg,)
    together = stops[-STOPS_MAX:]
    return together if together and _left(together) >= size else ()


def _new_stop(
    facts: ProtectionFacts,
    wanted: Decimal,
    size: Decimal,
    *,
    working: Sequence[OrderRecord],
    failed: Sequence[OrderRecord],
    now: Instant,
) -> list[ProtectionStep]:
    """A stop for all of it, unless what became of the last ones says that there will be none."""
    covered = _left(working) >= size
    newest = _number(working[-1]) if working else -1
    news = [leg for leg in failed if _number(leg) > newest]
    refused = [leg for leg in news if not _ended_working(leg)]
    if not covered and len(refused) < len(news):
        return [EscapeNow(Unprotected.ENDED)]
    if covered:
        refused = [leg for leg in refused if leg.order.price == wanted]
    elif working and refused and now - refused[-1].updated_at > RETRY_WITHIN_MS:
        refused = []  # they were about a stop that was let be; what is missing now is new
    beyond = refused and refused[-1].order.price == wanted and refused[-1].code in WOULD_TRIGGER
    if beyond or _is_beyond(facts, wanted):
        return [EscapeNow(Unprotected.WOULD_TRIGGER)]
    if refused:
        row = _in_a_row(refused)
        if len(row) > RETRIES_MAX or now - row[0].updated_at > RETRY_WITHIN_MS:
            return [] if covered else [EscapeNow(Unprotected.REFUSED)]
        if now < refused[-1].updated_at + RETRY_AFTER_MS[len(row) - 1]:
            return []
    return [PlaceLeg(_leg(facts, Role.STOP_LOSS, wanted, size, number=facts.placed + 1, now=now))]


def _ended_working(leg: OrderRecord) -> bool:
    """Whether the stop itself is over, as when its market order found no taker, and not merely its placing."""
    return leg.state is OrderState.EXPIRED or (leg.state is OrderState.REJECTED and leg.accepted_at is not None)


def _in_a_row(refused: Sequence[OrderRecord]) -> list[OrderRecord]:
    """The last refusals that answer each other, oldest first; one that had stood for a while begins a new row."""
    row = [refused[-1]]
    for leg in reversed(refused[:-1]):
        first = row[0]
        stood = first.accepted_at is not None and first.updated_at - first.accepted_at >= RETRY_WITHIN_MS
        if stood or leg.updated_at + RETRY_WITHIN_MS < first.sent_at:
            break
        row.insert(0, leg)
    return row


def _is_beyond(facts: ProtectionFacts, wanted: Decimal) -> bool:
    """Whether the mark has passed the stop, or the stop is on the winning side: it would trigger at once."""
    if facts.mark is None:
        return False
    return facts.mark <= wanted if facts.position > 0 else facts.mark >= wanted


# -- the target -------------------------------------------------------------------------


def _target_steps(
    facts: ProtectionFacts,
    size: Decimal,
    own: list[OrderRecord],
    *,
    wanted: Decimal | None,
    number: int,
    now: Instant,
) -> list[ProtectionStep]:
    live = [leg for leg in own if not leg.is_final]
    fitting = [leg for leg in live if leg.order.price == wanted and leg.left == size and leg.cancel_asked_at is None]
    if live:
        return _cancelled([leg for leg in live if leg not in fitting[:1]], now)
    if wanted is None:
        return []
    failed = [leg for leg in own if leg.order.price == wanted]
    if len(failed) >= TARGET_TRIES_MAX or any(now < leg.updated_at + TARGET_AGAIN_MS for leg in failed):
        return []
    return [PlaceLeg(_leg(facts, Role.TAKE_PROFIT, wanted, size, number=number, now=now))]


def _closing(facts: ProtectionFacts) -> Side:
    return Side.SELL if facts.position > 0 else Side.BUY


def _number(leg: OrderRecord) -> int:
    return leg.order.sequence


def _left(legs: Iterable[OrderRecord]) -> Decimal:
    return sum((leg.left for leg in legs), start=ZERO)


def _cancelled(legs: Iterable[OrderRecord], now: Instant) -> list[ProtectionStep]:
    """Those of them whose cancellation is to be asked for now."""
    return [
        CancelLeg(leg.order.client_id)
        for leg in legs
        if leg.cancel_asked_at is None or leg.cancel_asked_at + CANCEL_AGAIN_MS <= now
    ]


def _leg(facts: ProtectionFacts, role: Role, price: Decimal, size: Decimal, *, number: int, now: Instant) -> SplitOrder:
    is_stop = role is Role.STOP_LOSS
    return SplitOrder(
        client_id=leg_id(facts.epoch_id, "sl" if is_stop else "tp", number),
        parent_id=facts.epoch_id,
        symbol=facts.instrument.symbol,
        side=_closing(facts),
        type=OrderType.STOP if is_stop else OrderType.LIMIT,
        quantity=size,
        price=price,
        reduce_only=True,
        role=role,
        sequence=number - 1,
        attempt=1,
        send_at=now,
    )
