"""The escapes that are under way. What their next step is says stages/emergency_escape.py; here it is taken.

An escape covers one execution, and gives back what that execution filled, or a
whole symbol, and takes its net position to zero. It ends when that is true and
not when it was tried; while it lasts nothing is opened on the symbol, and every
30 seconds it says that it is not over. What has to be out of its way it has
cancelled, and waits for that until it has asked ``stage.ASKS_MAX`` times.
"""

from decimal import Decimal

from qts.domain.instant import Instant
from qts.domain.money import ZERO, plain
from qts.domain.safety_code import SafetyCode, Scope
from qts.execution.account import ExecutionAccount
from qts.execution.contracts import EscapeReason, EscapeResult, ExecutionAlert, ExecutionState, Role
from qts.execution.executions import Execution
from qts.execution.orders import OrderRecord
from qts.execution.pipeline import ExecutionPipeline
from qts.execution.stages import emergency_escape as stage

_WHOLE_SYMBOL = frozenset({EscapeReason.SAFETY_FAIL, EscapeReason.MANUAL, EscapeReason.BROKER_UNSTABLE})
_ACCOUNT_SCOPE = frozenset({EscapeReason.LOSS_LIMIT, EscapeReason.BROKER_UNSTABLE})
_ANSWERS = frozenset({EscapeReason.MANUAL, EscapeReason.BROKER_UNSTABLE})  # to a code or a word that counted itself
_PAUSES = frozenset({EscapeReason.SAFETY_FAIL, EscapeReason.BROKER_UNSTABLE})


class Escape:
    """canceled: ids of the orders it asked to cancel, and how often."""

    __slots__ = (
        "alarm_at",
        "canceled",
        "executions",
        "id",
        "last_sent_at",
        "next_at",
        "placed",
        "reason",
        "symbol",
        "whole",
    )

    def __init__(self, escape_id: str, symbol: str, reason: EscapeReason, now: Instant) -> None:
        self.id = escape_id
        self.symbol = symbol
        self.reason = reason
        self.whole = reason in _WHOLE_SYMBOL
        self.executions: list[Execution] = []
        self.canceled: dict[str, int] = {}
        self.placed = 0
        self.last_sent_at = now
        self.next_at = now
        self.alarm_at = now + stage.ALARM_MS


class Escapes:
    """active: escapes under way by id, at most one for a whole symbol at a time."""

    def __init__(self, account: ExecutionAccount, pipeline: ExecutionPipeline) -> None:
        self._account = account
        self._pipeline = pipeline
        self.active: dict[str, Escape] = {}
        self._count = 0

    def begin(self, symbol: str, reason: EscapeReason, now: Instant, execution: Execution | None = None) -> None:
        """Start the way out; an escape of the whole symbol takes over what is under way on it."""
        running = next((each for each in self.active.values() if each.symbol == symbol and each.whole), None)
        if running is not None and running.reason is EscapeReason.BROKER_UNSTABLE:
            running.reason = reason  # which only cancels; what asks for more is given more
        if running is None:
            self._count += 1
            running = Escape(f"{symbol}-x{self._count}", symbol, reason, now)
            self.active[running.id] = running
            self._account.escaping.setdefault(symbol, now)
        joining = self._pipeline.active(symbol) if running.whole else tuple(filter(None, (execution,)))
        for each in joining:
            if each.state is not ExecutionState.ESCAPING and not each.is_over:
                each.enter(ExecutionState.ESCAPING, now)
                each.again.clear()
                running.executions.append(each)
        if running.whole:
            self._take_over(running)
        self._step(running, now)

    def _take_over(self, escape: Escape) -> None:
        for other in [each for each in self.active.values() if each.symbol == escape.symbol and each is not escape]:
            escape.executions += other.executions
            escape.canceled.update(other.canceled)
            del self.active[other.id]

    def find(self, symbol: str) -> Escape | None:
        return next((each for each in self.active.values() if each.symbol == symbol), None)

    def due(self) -> Instant | None:
        if not self.active:
            return None
        return min((min(each.next_at, each.alarm_at) for each in self.active.values()), default=None)

    def advance(self, symbol: str | None, now: Instant) -> None:
        """Something happened on the symbol; None: time did."""
        for escape in tuple(self.active.values()):
            if symbol is None and now >= escape.alarm_at:
                self._alarm(escape, now)
            if escape.symbol == symbol or (symbol is None and now >= escape.next_at):
                self._step(escape, now)

    def _alarm(self, escape: Escape, now: Instant) -> None:
        escape.alarm_at = now + stage.ALARM_MS
        detail = f"not done yet: {plain(abs(self._to_return(escape)))} left of {escape.symbol}"
        self._account.alert(ExecutionAlert(SafetyCode.FS092, escape.id, stage.STAGE, detail), now, counts=False)

    # -- one step ---------------------------------------------------------------------

    def _step(self, escape: Escape, now: Instant) -> None:
        account = self._account
        if not account.connected:
            escape.next_at = now + stage.AGAIN_MS
            return
        working = self._working(escape)
        own = [each for each in account.orders.of_parent(escape.id) if self._blocks(each)]
        overdue = [each for each in (*working, *own) if self._is_overdue(escape, each, now)]
        facts = stage.EscapeFacts(
            escape_id=escape.id,
            reason=escape.reason,
            instrument=account.settings.instruments[escape.symbol],
            to_return=self._to_return(escape),
            working=tuple(each for each in working if not each.is_asked_and_unknown and each not in overdue),
            own=tuple(each for each in own if each not in overdue),
            placed=escape.placed,
            last_sent_at=escape.last_sent_at,
            quote=account.quote(escape.symbol),
            quantity_max=account.settings.quantity_max.get(escape.symbol),
        )
        step = stage.next_step(facts, now)
        for record in (*step.cancel, *overdue):
            self._clear(escape, record, now)
        if step.place is not None:
            escape.placed += 1
            escape.last_sent_at = now
            account.send(step.place, now)
        if step.done and not working and not overdue and not self._owed(escape):
            self._finish(escape, now)
        else:
            escape.next_at = now + stage.AGAIN_MS if step.wait_until is None else step.wait_until

    def _clear(self, escape: Escape, record: OrderRecord, now: Instant) -> None:
        """Have the order cancelled, and nothing more sent by the execution it belongs to."""
        if record.cancel_asked_at is None or now - record.cancel_asked_at >= stage.AGAIN_MS:
            self._account.ask_cancel(record, now)
            escape.canceled[record.order.client_id] = escape.canceled.get(record.order.client_id, 0) + 1
        execution = self._pipeline.executions.get(record.order.parent_id)
        if execution is not None and not execution.ending and execution.state is not ExecutionState.ESCAPING:
            self._pipeline.give_up(execution, "the position is being given back", now)

    def _is_overdue(self, escape: Escape, record: OrderRecord, now: Instant) -> bool:
        """Whether its end was asked for often enough, and not just now; the venue refuses at worst what goes beside it.

        Asks are counted and not time, in which perhaps nobody was there to ask, or nobody could be reached.
        """
        asked_at = record.cancel_asked_at
        if asked_at is None or now - asked_at < stage.AGAIN_MS:
            return False
        return escape.canceled.get(record.order.client_id, 0) >= stage.ASKS_MAX

    def _working(self, escape: Escape) -> tuple[OrderRecord, ...]:
        """What has to be out of the way: everything of ours but the stop, or one execution's orders and the target.

        Of an escape of one execution also the exits of others that rest, where the venue has no room for both. What
        another escape left resting is in the way like anything else.
        """
        live = self._account.orders.live(escape.symbol)
        if escape.whole:
            return tuple(
                each for each in live if each.order.role is not Role.STOP_LOSS and each.order.parent_id != escape.id
            )
        ids = {each.id for each in escape.executions}
        own = [each for each in live if each.order.parent_id in ids]
        quantity = abs(self._to_return(escape))
        if quantity == 0:
            return tuple(own)
        targets = self._account.live_on(escape.symbol, Role.TAKE_PROFIT)
        return (*own, *targets, *self._account.in_the_way(escape.symbol, quantity, beside={escape.id, *ids}))

    def _owed(self, escape: Escape) -> bool:
        """Whether the venue has counted a trade that was not heard: what is to be returned is not known yet."""
        owed = self._account.orders.owed(escape.symbol)
        ids = {escape.id, *(each.id for each in escape.executions)}
        return any(escape.whole or each.order.parent_id in ids for each in owed)

    def _blocks(self, record: OrderRecord) -> bool:
        return record.state.may_be_live and record.order.client_id not in self._account.retry_allowed

    def _to_return(self, escape: Escape) -> Decimal:
        """Signed base units still to be traded; never more than takes the position to zero."""
        position = self._account.positions.of(escape.symbol).quantity
        if escape.reason is EscapeReason.BROKER_UNSTABLE or position == 0:
            return ZERO
        if escape.whole:
            return -position
        own = sum((each.filled for each in self._account.orders.of_parent(escape.id)), start=ZERO)
        wanted = ZERO
        for each in escape.executions:
            sign = each.decision.order.side.sign
            wanted += sign * (each.quantity - each.filled) if each.reduces else -sign * each.filled
        if wanted * position >= 0:
            return ZERO
        size = min(max(abs(wanted) - own, ZERO), abs(position))
        return size if wanted > 0 else -size

    def _finish(self, escape: Escape, now: Instant) -> None:
        account = self._account
        del self.active[escape.id]
        account.touched[escape.symbol] = None
        if self.find(escape.symbol) is None:
            account.escaping.pop(escape.symbol, None)
        own = account.orders.of_parent(escape.id)
        result = EscapeResult(
            reason=escape.reason,
            canceled=tuple(escape.canceled),
            returned=sum((each.filled for each in own), start=ZERO),
            left=abs(self._to_return(escape)),
        )
        scope = Scope.ACCOUNT if escape.reason in _ACCOUNT_SCOPE else Scope.EXECUTION
        detail = f"{escape.reason}: {len(result.canceled)} cancelled, {plain(result.returned)} given back"
        alert = ExecutionAlert(SafetyCode.FS092, escape.id, stage.STAGE, detail)
        strategy = escape.executions[0].decision.strategy_id if escape.executions else ""
        account.alert(alert, now, scope=scope, strategy_id=strategy, counts=escape.reason not in _ANSWERS)
        if escape.reason in _PAUSES:
            account.paused = True
        for execution in escape.executions:
            execution.alerts.append(alert)
            self._pipeline.escaped(execution, result, now)

    def facts(self) -> tuple[object, ...]:
        active = self.active.values()
        return tuple((e.id, e.reason.value, e.placed, tuple(e.canceled.items()), e.next_at) for e in active)
