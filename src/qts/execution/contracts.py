"""The words of execution: what is decided, how it is worked, what each stage answers, what is told in the end.

Values only, checked where they are made. What comes in is in events.py, what
goes out in commands.py. Quantities are base units on the lot grid, prices quote
per base on the tick grid, instants ms UTC.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from qts.domain.errors import StrategyError, UsageError
from qts.domain.instant import Duration, Instant
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.plain_enum import plain_members
from qts.domain.safety_code import SafetyCode
from qts.domain.value import value

# -- what is decided ----------------------------------------------------------------


@plain_members
class ExecutionState(StrEnum):
    """Where one execution stands. The legal steps between them: state_machine.py."""

    INIT = "init"
    PRECHECK = "precheck"
    SPLITTING = "splitting"
    SENDING = "sending"
    MONITORING = "monitoring"
    ADJUSTING = "adjusting"
    ESCAPING = "escaping"
    COMPLETE = "complete"
    ESCAPED = "escaped"
    FAILED = "failed"


@plain_members
class SplitAlgorithm(StrEnum):
    SINGLE = "single"
    TWAP = "twap"
    VWAP = "vwap"
    ICEBERG = "iceberg"


@plain_members
class Urgency(StrEnum):
    NORMAL = "normal"
    URGENT = "urgent"


@plain_members
class EscapeReason(StrEnum):
    LOSS_LIMIT = "loss-limit"
    TIME_LIMIT = "time-limit"
    SAFETY_FAIL = "safety-fail"
    MANUAL = "manual"
    BROKER_UNSTABLE = "broker-unstable"


@value
class OrderDecision:
    """An order the gate let through, and how it is to be worked.

    arrival_price: the price the decision was made at, which slippage is measured
    from. algorithm: None lets the rule of stages/order_split.py choose.
    horizon_ms: time to spread the order over, 0 for at once.
    loss_limit: quote; more lost on this execution than this gives back what it filled.
    """

    order: Order
    arrival_price: Decimal
    strategy_id: str = ""
    algorithm: SplitAlgorithm | None = None
    urgency: Urgency = Urgency.NORMAL
    horizon_ms: Duration = 0
    loss_limit: Decimal | None = None

    def __post_init__(self) -> None:
        if not self.arrival_price > ZERO:
            raise UsageError(f"order {self.order.order_id}: arrival price must be above 0, not {self.arrival_price}")
        if self.horizon_ms < 0:
            raise UsageError(f"order {self.order.order_id}: a horizon is not negative, {self.horizon_ms}")

    @property
    def good_until(self) -> Instant:
        """The instant after which what is unfilled is no longer wanted; for an order at market, now."""
        return self.order.created_at if self.order.good_until is None else self.order.good_until


@plain_members
class Role(StrEnum):
    """What an order is for. All but ENTRY only reduce."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP_LOSS = "stop-loss"
    TAKE_PROFIT = "take-profit"
    ESCAPE = "escape"

    @property
    def only_reduces(self) -> bool:
        return self is not Role.ENTRY

    @property
    def is_protective(self) -> bool:
        return self is Role.STOP_LOSS or self is Role.TAKE_PROFIT


@value
class SplitOrder:
    """One order on the wire: a slice of a decision, a protective leg, or a step of an escape.

    client_id: ours, a pure function of what the order is for (client_ids.py).
    parent_id: the decision's order id, or the position epoch's for protective legs.
    sequence: which slice, from 0. attempt: which try at that slice, from 1.
    price: a limit's price, a stop's trigger, None at market. reduce_only: the
    venue caps it at the position. send_at: not before this instant.
    """

    client_id: str
    parent_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None
    reduce_only: bool
    role: Role
    sequence: int
    attempt: int
    send_at: Instant

    def __post_init__(self) -> None:
        if not self.quantity > ZERO:
            raise StrategyError(f"order {self.client_id}: quantity must be above 0, not {self.quantity}")
        if (self.price is None) is not (self.type is OrderType.MARKET):
            raise StrategyError(f"order {self.client_id}: a {self.type} order does not go with {self.price}")
        if self.role is not Role.ENTRY and not self.reduce_only:
            raise StrategyError(f"order {self.client_id}: an order that is to {self.role} must be reduce-only")

    @property
    def is_conditional(self) -> bool:
        """Whether it rests in the venue's book of conditional (algo) orders until its trigger is touched."""
        return self.type is OrderType.STOP


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitConfig:
    """How orders are split; quantities in lots. Source of the defaults: requirements, section 6."""

    min_split_lots: int = 100
    iceberg_lots: int = 1000
    iceberg_visible: Decimal = Decimal("0.3")
    slices_max: int = 20
    twap_slices: int = 5
    participation_max: Decimal = Decimal("0.1")

    def __post_init__(self) -> None:
        if not (self.min_split_lots >= 1 and self.iceberg_lots >= self.min_split_lots):
            raise UsageError("an order is split from at least one lot on, and an iceberg is larger than that")
        if not (self.slices_max >= 1 and self.twap_slices >= 1):
            raise UsageError("slices_max and twap_slices must be 1 or more")
        if not (0 < self.iceberg_visible <= 1 and 0 < self.participation_max <= 1):
            raise UsageError("iceberg_visible and participation_max must be above 0 and at most 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlippageConfig:
    """Slippage is a fraction of the arrival price, signed: positive is worse for us."""

    hold_at: Decimal = Decimal("0.003")
    stop_at: Decimal = Decimal("0.005")
    step: Decimal = Decimal("0.001")
    rounds_max: int = 3
    round_ms: Duration = 1_000

    def __post_init__(self) -> None:
        if not 0 < self.hold_at <= self.stop_at:
            raise UsageError("slippage is held before it is stopped: 0 < hold_at <= stop_at")
        if not (self.step > 0 and self.rounds_max >= 0 and self.round_ms > 0):
            raise UsageError("step and round_ms must be above 0, rounds_max 0 or more")


# -- what the stages answer, and what is told in the end ------------------------------


@dataclass(frozen=True, slots=True)
class ExecutionAlert:
    """One code, raised once. subject: the decision, order or symbol it is about. stage: who raised it."""

    code: SafetyCode
    subject: str
    stage: str
    message: str


@value
class PreCheckResult:
    """quantity: what may be executed, after reductions; 0 when refused. reason: why refused or reduced, else ''."""

    quantity: Decimal
    alerts: tuple[ExecutionAlert, ...] = ()
    reason: str = ""

    @property
    def passed(self) -> bool:
        return self.quantity > 0


@value
class SplitResult:
    algorithm: SplitAlgorithm
    slices: tuple[SplitOrder, ...]
    alerts: tuple[ExecutionAlert, ...] = ()

    @property
    def quantity(self) -> Decimal:
        return sum((each.quantity for each in self.slices), start=ZERO)


@plain_members
class Adjustment(StrEnum):
    PRICE_IMPROVE = "price-improve"
    CONVERT_MARKET = "convert-market"
    REDUCE_QUANTITY = "reduce-quantity"
    WAIT = "wait"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class AdjustAction:
    """What to do with the unfilled rest. price: the new limit of a PRICE_IMPROVE. quantity: of a REDUCE_QUANTITY."""

    action: Adjustment
    price: Decimal | None = None
    quantity: Decimal | None = None
    alerts: tuple[ExecutionAlert, ...] = ()


@dataclass(frozen=True, slots=True)
class EscapeResult:
    """What an escape did, and what it could not do. returned: quantity taken back; left: what it could not."""

    reason: EscapeReason
    canceled: tuple[str, ...]
    returned: Decimal
    left: Decimal
    detail: str = ""

    @property
    def success(self) -> bool:
        return self.left == 0


@value
class ExecutionResult:
    """The end of an execution.

    quantity: what of the decision precheck let through. filled: base units. notional: quote paid or got for it.
    rest_wanted: the rest did not fill although nobody gave it up on purpose.
    """

    decision: OrderDecision
    state: ExecutionState
    quantity: Decimal
    filled: Decimal
    notional: Decimal
    slices: int
    alerts: tuple[ExecutionAlert, ...]
    escape: EscapeResult | None
    finished_at: Instant
    reason: str = ""
    rest_wanted: bool = False

    @property
    def average_price(self) -> Decimal | None:
        """The exact quotient, None when nothing filled."""
        return self.notional / self.filled if self.filled else None

    @property
    def fill_rate(self) -> Decimal:
        return self.filled / self.decision.order.quantity

    @property
    def is_whole(self) -> bool:
        return self.filled >= self.decision.order.quantity


NOTHING_TO_REDUCE: Final = "there is nothing left to reduce"
MAKES_ROOM: Final = "a newer exit takes its place"
POSITION_CLOSES: Final = "the position is being closed"
"""Reasons of a result that whoever keeps several books asks for: not the decision, but the net, ended it."""
LIFE_ENDED: Final = "its life ended"
"""The reason of a result that is no fault of anybody's."""


def only_reduces(order: Order) -> bool:
    return order.effect is Effect.REDUCE


def leaves_next(decision: OrderDecision) -> bool:
    """Whether it closes at market, at once and not over time."""
    order = decision.order
    return order.effect is Effect.REDUCE and order.type is OrderType.MARKET and not decision.horizon_ms
