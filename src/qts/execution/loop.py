"""When the allowed set is executed, how many times, and when to stop. Nothing else is decided here.

When: decisions of one set go out in their order, each symbol's next one once the
orders of the one before are out. How many times: an order at market whose rest
did not fill though nobody gave it up on purpose is executed again for that rest,
of what precheck let through. When to stop: by the stop policy; what reduces is executed even then.
"""

from dataclasses import replace
from decimal import Decimal

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import OrderType
from qts.execution.client_ids import rest_id
from qts.execution.contracts import ExecutionResult, OrderDecision, SplitAlgorithm, only_reduces
from qts.execution.route import ExecutionRoute
from qts.execution.stop_policy import LoopFacts, StopPolicy, StopReason


class ExecutionLoop:
    """stopped: why nothing more is opened, None while the loop runs. dropped: decisions it did not execute."""

    def __init__(self, route: ExecutionRoute, policy: StopPolicy | None) -> None:
        self._route = route
        self._policy = policy
        self._waiting: dict[str, list[OrderDecision]] = {}
        self._executed = 0
        self._started_at: Instant | None = None
        self._last_executed_at: Instant | None = None
        self.loss = ZERO
        self.killed = False
        self.stopped: StopReason | None = None
        self.dropped: list[OrderDecision] = []

    def offer(self, decisions: tuple[OrderDecision, ...], now: Instant) -> None:
        if len(decisions) == 1 and not self._waiting and self._route.is_free(decisions[0]):
            self._execute(decisions[0], now)  # as it mostly is: nothing to stand in line behind
            return
        for decision in decisions:
            self._waiting.setdefault(decision.order.symbol, []).append(decision)
        self.turn(now)

    def turn(self, now: Instant) -> None:
        """Execute what can go out now."""
        if not self._waiting:
            return
        for symbol, queue in tuple(self._waiting.items()):
            while queue and (place := self._next_of(queue)) is not None:
                self._execute(queue.pop(place), now)
            if not queue:
                del self._waiting[symbol]

    def _next_of(self, queue: list[OrderDecision]) -> int | None:
        """The first that may go: the one in front, or what reduces, which does not stand behind what increases."""
        if self._route.is_free(queue[0]):
            return 0
        places = (n for n, each in enumerate(queue) if only_reduces(each.order) and self._route.is_free(each))
        return next(places, None)

    def _execute(self, decision: OrderDecision, now: Instant) -> None:
        if self._policy is not None and not only_reduces(decision.order) and self.stop_reason(now) is not None:
            self.dropped.append(decision)
            return
        self._started_at = now if self._started_at is None else self._started_at
        self._executed += 1
        self._last_executed_at = now
        self._route.execute(decision, now)

    def stop_reason(self, now: Instant) -> StopReason | None:
        """A stop holds: what ended the loop once, ended it."""
        if self.stopped is None and self._policy is not None:
            facts = LoopFacts(
                executed=self._executed,
                started_at=now if self._started_at is None else self._started_at,
                last_executed_at=self._last_executed_at,
                loss=self.loss,
                kill=self.killed,
            )
            self.stopped = self._policy.verdict(facts, now)
        return self.stopped

    def finished(self, result: ExecutionResult, now: Instant) -> None:
        order = result.decision.order
        if result.rest_wanted and order.type is OrderType.MARKET:
            self._waiting.setdefault(order.symbol, []).insert(0, _rest_of(result, now))

    def forget(self, symbol: str) -> None:
        """Nothing that was waiting on the symbol is wanted any more."""
        self.dropped += self._waiting.pop(symbol, [])

    def resume(self) -> None:
        """An operator starts it again: counted from now."""
        self.killed, self.stopped = False, None
        self._executed, self._started_at, self._last_executed_at = 0, None, None

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    def waiting(self, symbol: str) -> tuple[OrderDecision, ...]:
        return tuple(self._waiting.get(symbol, ()))

    def facts(self) -> tuple[object, ...]:
        waiting = tuple(each.order.order_id for queue in self._waiting.values() for each in queue)
        return (self._executed, self._last_executed_at, self.killed, waiting, str(self.stopped))


def _rest_of(result: ExecutionResult, now: Instant) -> OrderDecision:
    decision, order = result.decision, result.decision.order
    left: Decimal = result.quantity - result.filled
    again = replace(order, order_id=rest_id(order.order_id), quantity=left, created_at=now)
    return replace(decision, order=again, horizon_ms=0, algorithm=SplitAlgorithm.SINGLE)
