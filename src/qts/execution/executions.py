"""One execution: the context a decision carries through the pipeline."""

from collections.abc import Sequence
from decimal import Decimal

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Effect
from qts.domain.value import maker
from qts.execution.contracts import (
    EscapeResult,
    ExecutionAlert,
    ExecutionResult,
    ExecutionState,
    OrderDecision,
    SplitAlgorithm,
    SplitOrder,
)
from qts.execution.orders import OrderRecord
from qts.execution.state_machine import FINAL, SUCCESSORS, TIMEOUT_MS, advance

_REDUCE = Effect.REDUCE
_result = maker(ExecutionResult)
_SUCCESSORS = dict(SUCCESSORS)  # looked at five times an order, at half of what its proxy costs
_SHORTEST_MS = min(TIMEOUT_MS.values())


class Execution:
    """State of one decision on its way.

    quantity: what may be executed, after the precheck. slices: all of them;
    those before ``unsent`` have been sent once. again: slices to be sent another
    time, at their ``send_at``. records: what became of each order sent for it, the
    ledger's own list. ending: why the rest is being given up, '' while it is not.
    held: a slice waits for a resting target to be out of its way.
    """

    __slots__ = (
        "again",
        "alerts",
        "algorithm",
        "decision",
        "delay_told",
        "ending",
        "escape",
        "filled",
        "held",
        "id",
        "last_fill_at",
        "next_round_at",
        "notional",
        "quantity",
        "records",
        "reduces",
        "replacement",
        "rest_wanted",
        "rounds",
        "sent_at",
        "since",
        "slices",
        "state",
        "symbol",
        "unsent",
    )

    def __init__(self, decision: OrderDecision, records: Sequence[OrderRecord], now: Instant) -> None:
        order = decision.order
        self.records = records
        self.decision = decision
        self.id = order.order_id
        self.symbol = order.symbol
        self.reduces = order.effect is _REDUCE
        self.state = ExecutionState.INIT
        self.since = now
        self.quantity = order.quantity
        self.algorithm = SplitAlgorithm.SINGLE
        self.slices: tuple[SplitOrder, ...] = ()
        self.unsent = 0
        self.again: list[SplitOrder] = []
        self.alerts: list[ExecutionAlert] = []
        self.filled = ZERO
        self.notional = ZERO
        self.sent_at = now  # when the last order really went out
        self.last_fill_at: Instant | None = None
        self.delay_told = False
        self.rounds = 0
        self.next_round_at: Instant | None = None
        self.replacement: tuple[Decimal | None] | None = None  # the price of what comes after the cancelled order
        self.ending = ""
        self.rest_wanted = False
        self.held = False
        self.escape: EscapeResult | None = None

    @property
    def is_over(self) -> bool:
        return self.state in FINAL

    @property
    def has_unsent(self) -> bool:
        return not self.ending and (self.unsent < len(self.slices) or bool(self.again))

    @property
    def last_send_at(self) -> Instant:
        """The later of the last slice's own time and the last order that really went out."""
        return max(self.slices[-1].send_at, self.sent_at) if self.slices else self.since

    def sleeps(self, now: Instant) -> bool:
        """Whether it certainly wants nothing of the clock by now, told without asking everything (deadlines.py)."""
        return (
            now - self.since < _SHORTEST_MS
            and self.unsent == len(self.slices)
            and not self.again
            and self.next_round_at is None
            and not self.ending
            and self.decision.order.good_until is None
        )

    def enter(self, state: ExecutionState, now: Instant) -> None:
        """Raises IllegalStep for a step that is not in the table."""
        if state not in _SUCCESSORS[self.state]:
            advance(self.state, state)  # says so
        self.state, self.since = state, now

    def result(self, now: Instant) -> ExecutionResult:
        return _result(
            self.decision,
            self.state,
            self.quantity,
            self.filled,
            self.notional,
            self.unsent,
            tuple(self.alerts),
            self.escape,
            now,
            self.ending,
            self.rest_wanted and self.filled < self.quantity,
        )

    def facts(self) -> tuple[object, ...]:
        return (self.id, self.state.value, self.quantity, self.filled, self.unsent, self.rounds, self.ending)
