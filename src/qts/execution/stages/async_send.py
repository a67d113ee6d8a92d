"""Stage three: what the answer to a send means for its slice.

A request that was definitely not placed for reasons that are not its own may be
sent again, under a new id, up to three times. A reject is the order's own fault
and is never repeated. An unknown outcome is nobody's to repeat: it goes to the
UNKNOWN protocol. Waiting between tries grows and differs from slice to slice,
by its id and not by dice, so that many slices do not come back at once.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Final

from qts.domain.ids import digest
from qts.domain.instant import Duration, Instant
from qts.domain.plain_enum import plain_members
from qts.execution.client_ids import slice_id
from qts.execution.contracts import SplitOrder
from qts.execution.events import OrderAck, SendOutcome

STAGE: Final = "sending"
ATTEMPTS_MAX: Final = 3
_BACKOFF_MS: Final[tuple[Duration, ...]] = (200, 400, 800)

BALANCE_SHORT: Final = frozenset({-2018, -2019, -2027})
SYMBOL_INVALID: Final = frozenset({-1121})
NOTHING_TO_REDUCE: Final = frozenset({-2022, -4118})


@plain_members
class SendVerdict(StrEnum):
    LIVE = "live"
    AGAIN = "again"
    LOST = "lost"  # the outcome is unknown
    BALANCE_SHORT = "balance-short"
    SYMBOL_INVALID = "symbol-invalid"
    GIVEN_UP = "given-up"


def verdict(order: SplitOrder, ack: OrderAck) -> SendVerdict:
    """What the answer means for the slice."""
    match ack.outcome:
        case SendOutcome.ACCEPTED | SendOutcome.EXISTS:
            return SendVerdict.LIVE
        case SendOutcome.UNKNOWN:
            return SendVerdict.LOST
        case SendOutcome.REFUSED | SendOutcome.NOT_SENT:
            return SendVerdict.AGAIN if order.attempt < ATTEMPTS_MAX else SendVerdict.GIVEN_UP
        case SendOutcome.REJECTED if ack.code in BALANCE_SHORT:
            return SendVerdict.BALANCE_SHORT
        case SendOutcome.REJECTED if ack.code in SYMBOL_INVALID:
            return SendVerdict.SYMBOL_INVALID
        case SendOutcome.REJECTED:
            return SendVerdict.GIVEN_UP


def next_attempt(order: SplitOrder, ack: OrderAck, now: Instant) -> SplitOrder:
    """The same slice again, later, under its next id."""
    at = now + backoff_ms(order)
    if ack.retry_at is not None:
        at = max(at, ack.retry_at)
    return again(order, at)


def again(order: SplitOrder, at: Instant) -> SplitOrder:
    attempt = order.attempt + 1
    return replace(order, client_id=slice_id(order.parent_id, order.sequence, attempt), attempt=attempt, send_at=at)


def backoff_ms(order: SplitOrder) -> Duration:
    """Between 100 % and 150 % of the attempt's step, by the order's id."""
    step = _BACKOFF_MS[min(order.attempt, len(_BACKOFF_MS)) - 1]
    return step + int(digest(order.client_id)[:8], 16) % (step // 2)
