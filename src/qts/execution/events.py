"""What comes in: the news the machine handles, from the strategies, the venue, the market, the clock and the operator.

``Fill`` of the domain is one of them, the venue's news of an execution: its
``order_id`` is our client id and its ``fill_id`` the venue's trade id.

Numbers are checked when the news is made: what is no amount raises DataError
there, at whoever brings it, and never reaches the machine.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from qts.domain.errors import DataError, UsageError
from qts.domain.fill import Fill
from qts.domain.instant import Instant
from qts.domain.money import is_above_zero, is_zero_or_more
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.plain_enum import plain_members
from qts.domain.value import value
from qts.execution.contracts import OrderDecision


@plain_members
class SendOutcome(StrEnum):
    """What is known of a request after its answer, or after none. The table of signals: send_outcome.py."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # definite: the order's own fault; never sent again
    REFUSED = "refused"  # definite: not the order's fault; a new attempt may pass, after retry_at
    NOT_SENT = "not-sent"  # definite: no byte left
    UNKNOWN = "unknown"
    EXISTS = "exists"  # our id is live already


@value
class OrderAck:
    """The answer to a send. venue_id: the venue's number, '' when it gave none. code: the venue's error code or 0.

    halts: the reason is the account's (keys, ban, region): nothing new may be opened.
    """

    client_id: str
    outcome: SendOutcome
    venue_id: str = ""
    code: int = 0
    reason: str = ""
    retry_at: Instant | None = None
    halts: bool = False


@plain_members
class CancelOutcome(StrEnum):
    CANCELED = "canceled"
    REFUSED = "refused"  # definite: not cancelled, may be asked again
    UNKNOWN = "unknown"  # not found, or no answer: it may have filled


@value
class CancelAck:
    """The answer to a cancellation. filled: cumulative quantity the venue says has filled, None when it did not say."""

    client_id: str
    outcome: CancelOutcome
    filled: Decimal | None = None
    code: int = 0
    reason: str = ""

    def __post_init__(self) -> None:
        _refuse_filled(self.client_id, self.filled)


@dataclass(frozen=True, slots=True)
class ModifyAck:
    """The answer to a modification. An unclear one (accepted None) is followed by a query."""

    client_id: str
    accepted: bool | None
    price: Decimal | None = None
    quantity: Decimal | None = None
    code: int = 0
    reason: str = ""


@value
class OrderEnded:
    """The venue's own news that an order is over. state: CANCELED, EXPIRED or REJECTED; filled: cumulative."""

    client_id: str
    state: OrderState
    filled: Decimal | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.state not in (OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED):
            raise UsageError(f"order {self.client_id}: the venue does not end an order as {self.state}")
        _refuse_filled(self.client_id, self.filled)


@value
class VenueOrder:
    """An order as the venue lists it. conditional: in the book of conditional orders. price: limit or trigger."""

    client_id: str
    venue_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None
    filled: Decimal
    reduce_only: bool
    conditional: bool
    state: OrderState

    def __post_init__(self) -> None:
        if not is_above_zero(self.quantity) or (self.price is not None and not is_above_zero(self.price)):
            raise DataError(f"order {self.client_id}: {self.quantity} at {self.price} is no order")
        _refuse_filled(self.client_id, self.filled)


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """The answer to a query by client id. order: None when the venue says not found; answered False when it did not."""

    client_id: str
    order: VenueOrder | None
    answered: bool = True


@value
class Snapshot:
    """One symbol as the venue sees it, asked for by reconciliation.

    Complete by construction: it exists only when every part was answered; a
    failed part makes no snapshot, since a failed query is not an empty one.
    fills: ours and foreign, since the id that was asked for. as_of: venue clock.
    """

    symbol: str
    position: Decimal
    orders: tuple[VenueOrder, ...]
    fills: tuple[Fill, ...]
    as_of: Instant

    def __post_init__(self) -> None:
        if not self.position.is_finite():
            raise DataError(f"{self.symbol}: a position of {self.position}")


@value
class Quote:
    """Best prices and the mark price of a symbol. Only the last one of a symbol matters."""

    symbol: str
    bid: Decimal
    ask: Decimal
    mark: Decimal
    occurred_at: Instant

    def __post_init__(self) -> None:
        if not (is_zero_or_more(self.bid) and is_zero_or_more(self.ask) and is_above_zero(self.mark)):
            raise DataError(f"{self.symbol}: a quote of {self.bid} and {self.ask}, mark {self.mark}")


@value
class Decided:
    """The allowed set of one decision cycle, in the order it is to be worked.

    available: quote, free of margin when it was decided; None where nobody said.
    """

    decisions: tuple[OrderDecision, ...]
    available: Decimal | None = None


@value
class Withdrawn:
    """Decisions that are not wanted any more, their rests included, by whoever knows whose they are.

    What is under way is given up and keeps what filled; what has not begun never does. Of an account that several
    strategies share: there the machine cannot tell from the net position which entry or exit went with it.
    """

    order_ids: tuple[str, ...]
    why: str


@value
class ProtectionWanted:
    """A strategy moves the protective pair of the open position. A price left None stays as it is."""

    symbol: str
    stop_loss: Decimal | None
    take_profit: Decimal | None

    def __post_init__(self) -> None:
        _refuse_prices(self.symbol, self.stop_loss, self.take_profit)


@value
class NetProtection:
    """The pair of what the account holds of a symbol, whole: a price that is None is not wanted (any more).

    Of an account that several strategies share: the nearest of their stops, and of their targets.
    """

    symbol: str
    stop_loss: Decimal | None
    take_profit: Decimal | None

    def __post_init__(self) -> None:
        _refuse_prices(self.symbol, self.stop_loss, self.take_profit)


@dataclass(frozen=True, slots=True)
class TimeReached:
    """Nothing happened but time. ``now`` says how much."""


@dataclass(frozen=True, slots=True)
class VenueStatus:
    """connected: requests can reach the venue. market_open: it takes orders on the symbol ('' for all)."""

    connected: bool
    market_open: bool = True
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class AccountUpdate:
    """The account's money as the venue tells it, quote. available: free of margin."""

    equity: Decimal
    available: Decimal

    def __post_init__(self) -> None:
        if not (self.equity.is_finite() and self.available.is_finite()):
            raise DataError(f"equity of {self.equity}, {self.available} of it available")


@dataclass(frozen=True, slots=True)
class Restarted:
    """The process is new: what was on its way has an unknown outcome; nothing opens before reconciliation.

    After it whoever drives the machine tells VenueStatus: the journal knows only what the last process heard of it.
    """


@dataclass(frozen=True, slots=True)
class QueueOverflow:
    """The lane of urgent events ran over its bound. depth: how many waited; none of them is lost."""

    depth: int


class OperatorVerb(StrEnum):
    RESUME = "resume"  # FAIL to NORMAL; LOCKDOWN to NORMAL needs a reason
    KILL = "kill"  # escape everything, flatten, lock down
    ESCAPE = "escape"  # one execution or symbol, reason MANUAL
    ACKNOWLEDGE = "acknowledge"  # foreign activity on a symbol, or its quarantine
    PAUSE = "pause"  # no new execution


@dataclass(frozen=True, slots=True)
class OperatorSaid:
    """verb: what; who: a named person; why: a reason; symbol: '' for all."""

    verb: OperatorVerb
    who: str
    why: str = ""
    symbol: str = ""

    def __post_init__(self) -> None:
        if not self.who:
            raise UsageError(f"{self.verb} needs the name of who says it")


Event: TypeAlias = (
    Decided
    | Withdrawn
    | ProtectionWanted
    | NetProtection
    | OrderAck
    | CancelAck
    | ModifyAck
    | Fill
    | OrderEnded
    | QueryAnswer
    | Snapshot
    | Quote
    | TimeReached
    | VenueStatus
    | AccountUpdate
    | Restarted
    | QueueOverflow
    | OperatorSaid
)


def _refuse_filled(client_id: str, filled: Decimal | None) -> None:
    if filled is not None and not is_zero_or_more(filled):
        raise DataError(f"order {client_id}: {filled} of it filled")


def _refuse_prices(symbol: str, *prices: Decimal | None) -> None:
    for price in prices:
        if price is not None and not is_above_zero(price):
            raise DataError(f"{symbol}: {price} is no price to protect at")
