"""Stage four: how long an execution waits, and for what.

An order with a life of its own (a limit or trigger order with ``good_until``)
ends there: the rest is cancelled, which is no fault. An order that should fill
(at market, or worked by an algorithm) is given 60 seconds after the later of its
last slice and its ``good_until``; then, if part of it filled, the rest is given
up under FS093, and if nothing did, it is adjusted.
"""

from decimal import Decimal
from typing import Final

from qts.domain.instant import Duration, Instant
from qts.domain.order import OrderType
from qts.execution.contracts import OrderDecision

STAGE: Final = "monitoring"
FILL_DELAY_MS: Final[Duration] = 30_000
CANCEL_AGAIN_MS: Final[Duration] = 2_000


def has_own_life(decision: OrderDecision, filled: Decimal) -> bool:
    """A trigger order that began to fill is at market, whatever life it had while it waited."""
    order = decision.order
    return order.good_until is not None and not (order.type is OrderType.STOP and filled > 0)


def patience_ends_at(decision: OrderDecision, last_send_at: Instant, timeout_ms: Duration) -> Instant:
    return max(decision.good_until, last_send_at) + timeout_ms


def delay_is_told_at(since: Instant, last_fill_at: Instant | None) -> Instant:
    """When GR064 is due: 30 seconds without a fill."""
    return (since if last_fill_at is None else max(since, last_fill_at)) + FILL_DELAY_MS
