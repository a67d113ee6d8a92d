"""The six stages, and the executions that are in them.

    INIT -> PRECHECK -> SPLITTING -> SENDING -> MONITORING <-> ADJUSTING
                                                    |-> COMPLETE | FAILED | (from anywhere) ESCAPING -> ESCAPED

The pipeline does not decide whether to trade (the gate did) nor when (the loop
does); it takes one decision to its end. Each stage is a pure function in
``stages/``; here is only what follows from its answer. ``advance`` is asked
after every event that touched an execution and moves it as far as it can go.
"""

from decimal import Decimal

from qts.domain.fill import Fill
from qts.domain.instant import Instant
from qts.domain.money import ZERO, plain
from qts.domain.order import OrderType
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionAccount
from qts.execution.adjusting import Adjusting
from qts.execution.contracts import (
    LIFE_ENDED,
    EscapeReason,
    EscapeResult,
    ExecutionAlert,
    ExecutionResult,
    ExecutionState,
    OrderDecision,
    SplitOrder,
)
from qts.execution.deadlines import due_at, patience_ends_at
from qts.execution.events import OrderAck, SendOutcome
from qts.execution.executions import Execution
from qts.execution.orders import OrderRecord
from qts.execution.sending import Sending
from qts.execution.stages import async_send, fill_monitor
from qts.execution.stages.async_send import SendVerdict
from qts.execution.stages.order_split import SplitFacts, capped, split, whole
from qts.execution.stages.precheck import precheck
from qts.execution.state_machine import FINAL, TIMEOUT_MS
from qts.execution.unknown import ATTEMPTS_MAX

_S = ExecutionState
_PRECHECK, _SPLITTING, _SENDING, _MONITORING = _S.PRECHECK, _S.SPLITTING, _S.SENDING, _S.MONITORING
_ACCEPTED, _TAKEN = OrderState.ACCEPTED, SendOutcome.ACCEPTED
_NEVER_LIVED = frozenset({OrderState.REJECTED, OrderState.NOT_PLACED})


class ExecutionPipeline:
    """executions: those under way, by decision id, for who only wants to see whether there are any.

    finished: results until the loop takes them. escaping: executions that ask for
    the way out, until the escapes take them.
    """

    def __init__(self, account: ExecutionAccount) -> None:
        self._account = account
        self.executions: dict[str, Execution] = {}
        self._sending = Sending(account, self.executions, self.give_up)
        self._adjusting = Adjusting(account, self._tell, self.give_up, self._monitor)
        self._reducing = 0  # how many of them only reduce
        self.finished: list[ExecutionResult] = []
        self.escaping: list[tuple[Execution, EscapeReason]] = []

    # -- what the route may ask -------------------------------------------------------

    def begin(self, decision: OrderDecision, now: Instant) -> None:
        execution = Execution(decision, self._account.orders.of_parent(decision.order.order_id), now)
        execution.enter(_PRECHECK, now)
        why = self._why_unknown(execution)
        if why is not None:
            execution.ending = why
            execution.enter(_S.FAILED, now)
            self.finished.append(execution.result(now))
            return
        self.executions[execution.id] = execution
        self._reducing += execution.reduces
        self._precheck(execution, now)

    def _why_unknown(self, x: Execution) -> str | None:
        """Why the decision makes no execution: withdrawn, or by its words; one that bears its id already goes on."""
        if self._account.withdrawn and x.id in self._account.withdrawn:
            return self._account.withdrawn.pop(x.id)
        order, quantity = x.decision.order, x.quantity
        instrument = self._account.settings.instruments.get(x.symbol)
        if instrument is None:
            return f"no rules are known for {x.symbol}"
        if quantity % instrument.lot:
            return f"{plain(quantity)} is not a number of lots of {plain(instrument.lot)}"
        if x.records or x.id in self.executions:
            return f"{x.id} was decided before"
        if not x.reduces:
            price = x.decision.arrival_price if order.price is None else order.price
            if quantity * price < instrument.notional_min:
                return f"{plain(quantity)} is worth less than {plain(instrument.notional_min)}"
        return None

    # -- looking ----------------------------------------------------------------------

    def active(self, symbol: str | None = None) -> list[Execution]:
        if symbol is None or not self.executions:
            return list(self.executions.values())
        return [each for each in self.executions.values() if each.symbol == symbol]

    def left_of(self, x: Execution) -> Decimal:
        """What the execution may still fill, sent or not."""
        if not x.ending:
            return max(x.quantity - x.filled, ZERO)
        return sum((each.left for each in x.records if not each.is_final), start=ZERO)

    @property
    def is_reducing(self) -> bool:
        return self._reducing > 0

    def is_exiting(self, symbol: str) -> bool:
        """Whether an order is working, or waiting to go, that closes at least a part of the position."""
        return self._reducing > 0 and any(each.reduces for each in self.executions.values() if each.symbol == symbol)

    # -- precheck, split --------------------------------------------------------------

    def _precheck(self, x: Execution, now: Instant) -> None:
        account = self._account
        if not account.connected:
            return  # until it is, or the stage has waited long enough
        settings = account.settings
        result = precheck(x.decision, account, settings.limits, settings.instruments[x.symbol], now)
        if result.alerts:
            self._tell(x, result.alerts, now)
        if not result.quantity:
            self._end(x, _S.FAILED, result.reason, now)
            return
        x.quantity = result.quantity
        account.count_execution(now)
        self._split(x, now)

    def _split(self, x: Execution, now: Instant) -> None:
        x.enter(_SPLITTING, now)
        account, decision = self._account, x.decision
        if decision.horizon_ms == 0 and decision.algorithm is None:  # the splitter would send it whole
            x.slices = whole(decision, x.quantity, now)
        else:
            settings, limit = account.settings, decision.order.price
            price = decision.arrival_price if limit is None else limit
            facts = SplitFacts(settings.instruments[x.symbol], price, settings.profiles.get(x.symbol))
            result = split(decision, x.quantity, facts, settings.split, now)
            self._tell(x, result.alerts, now)
            x.algorithm, x.slices = result.algorithm, result.slices
        if x.symbol in account.settings.quantity_max:
            x.slices = capped(x.slices, account.settings.quantity_max[x.symbol], account.settings.instruments[x.symbol])
        if not x.reduces:
            account.orders.limit_parent(x.id, x.quantity)
            account.entering[x.id] = x
        x.enter(_SENDING, now)
        self._sending.send_due(x, now)

    # -- sending ----------------------------------------------------------------------

    def on_ack(self, x: Execution, record: OrderRecord, ack: OrderAck, now: Instant) -> None:
        if ack.outcome is not _TAKEN:
            self._on_refusal(x, record.order, ack, now)
        elif x.again:
            self._forget_again(x, record)
        self.advance(x, now)

    def _on_refusal(self, x: Execution, order: SplitOrder, ack: OrderAck, now: Instant) -> None:
        match async_send.verdict(order, ack):
            case SendVerdict.AGAIN if not x.ending:
                self._try_again(x, async_send.next_attempt(order, ack, now))
            case SendVerdict.BALANCE_SHORT:
                self._tell(x, (ExecutionAlert(SafetyCode.GR061, x.id, async_send.STAGE, ack.reason),), now)
                self.give_up(x, "the balance is short", now)
            case SendVerdict.SYMBOL_INVALID:
                self._tell(x, (ExecutionAlert(SafetyCode.FS091, x.id, async_send.STAGE, ack.reason),), now)
                self.give_up(x, "the venue does not know the symbol", now)

    def retry(self, record: OrderRecord, now: Instant) -> None:
        """The UNKNOWN protocol allows another attempt at this order's slice."""
        x = self.executions.get(record.order.parent_id)
        if x is None or x.ending or x.is_over or record.order.attempt >= ATTEMPTS_MAX:
            return
        self._try_again(x, async_send.again(record.order, now))
        self.advance(x, now)

    def _try_again(self, x: Execution, order: SplitOrder) -> None:
        """Once for each attempt that failed, though protocol and answer may both tell it; the later news says when."""
        if self._account.orders.find(order.client_id) is None:
            x.again = [each for each in x.again if each.client_id != order.client_id]
            x.again.append(order)

    def _forget_again(self, x: Execution, record: OrderRecord) -> None:
        """It lives: no other try at the same slice."""
        x.again = [each for each in x.again if each.sequence != record.order.sequence]

    # -- after anything happened --------------------------------------------------------

    def on_fill(self, x: Execution, record: OrderRecord, fill: Fill, now: Instant) -> None:
        if x.again:
            self._forget_again(x, record)
        x.filled += fill.quantity
        x.notional += fill.quantity * fill.price
        x.last_fill_at = now
        self.advance(x, now)
        if x.decision.loss_limit is not None:
            self._watch_loss(x, x.decision.loss_limit)

    def advance(self, x: Execution, now: Instant) -> None:
        """Move the execution as far as what is known carries it."""
        state = x.state
        if state is _MONITORING:
            self._monitor(x, now)
        elif state is _SENDING:
            self._after_sending(x, now)
        elif state is _PRECHECK:
            self._precheck(x, now)
        elif state is _S.ADJUSTING:
            self._adjusting.finish(x, now)

    def _after_sending(self, x: Execution, now: Instant, *, timed_out: bool = False) -> None:
        records = x.records
        if len(records) == len(x.slices) and not x.held:
            for each in records:
                if each.state is not _ACCEPTED:
                    break
            else:
                x.enter(_MONITORING, now)  # everything is out and lives
                return
        if not x.ending:
            self._sending.send_due(x, now)
            if x.state is not _S.SENDING:
                return  # nothing could go out, and that was its end
        waiting = any(each.state is OrderState.SUBMITTED for each in records) or x.again or x.held
        if waiting and not timed_out and not (x.ending and not records):
            return
        if any(each.state not in _NEVER_LIVED or each.filled > 0 for each in records):
            x.enter(_S.MONITORING, now)
            self._monitor(x, now)
            return
        why = "every send was refused" if records else "nothing was sent in time"
        if not x.ending and (records or x.reduces):
            self._tell(x, (ExecutionAlert(SafetyCode.FS090, x.id, async_send.STAGE, why),), now)
        self._end(x, _S.FAILED, x.ending or why, now)

    def _monitor(self, x: Execution, now: Instant) -> None:
        records = x.records
        if x.filled >= x.quantity:
            for each in records:
                if each.state.may_be_live:
                    break
            else:
                self._end(x, _S.COMPLETE, "", now)
                return
        if x.ending:
            for record in records:
                self._account.cancel(record, now)
        elif x.has_unsent:
            self._sending.send_due(x, now)
        if x.state is not _S.MONITORING or x.has_unsent:
            return
        if all(each.is_settled for each in records):
            x.rest_wanted = x.rest_wanted or (not x.ending and x.filled > 0)
            self._end(x, _S.COMPLETE, x.ending or "the venue ended the rest", now)

    def give_up(self, x: Execution, reason: str, now: Instant) -> None:
        """Send no more, cancel what lives, keep what filled, and end once the venue confirmed."""
        if not x.ending:
            x.ending = reason
            x.again.clear()
            x.replacement = None
        if x.state in (_S.PRECHECK, _S.SPLITTING):
            self._end(x, _S.FAILED, reason, now)
            return
        if x.state is _S.ADJUSTING:
            x.enter(_S.MONITORING, now)
        for record in x.records:
            self._account.cancel(record, now)
        self.advance(x, now)

    def _end(self, x: Execution, state: ExecutionState, reason: str, now: Instant) -> None:
        if x.state in FINAL:
            return
        if reason and not x.ending:
            x.ending = reason
        x.enter(state, now)
        del self.executions[x.id]
        if x.reduces:
            self._reducing -= 1
        else:
            self._account.entering.pop(x.id, None)
        self._account.touched[x.symbol] = None
        self.finished.append(x.result(now))

    def _tell(self, x: Execution, alerts: tuple[ExecutionAlert, ...], now: Instant) -> None:
        for alert in alerts:
            if any(each.code is alert.code for each in x.alerts):
                continue  # said once
            x.alerts.append(alert)
            self._account.alert(alert, now, strategy_id=x.decision.strategy_id)

    def on_quote(self, symbol: str) -> None:
        """The market moved: an execution that has a loss limit may have passed it."""
        for x in self.executions.values():
            if x.decision.loss_limit is not None and x.symbol == symbol and x.filled > 0:
                self._watch_loss(x, x.decision.loss_limit)

    def _watch_loss(self, x: Execution, limit: Decimal) -> None:
        quote = self._account.quote(x.symbol)
        if quote is None or x.is_over or x.state is _S.ESCAPING:
            return
        if x.decision.order.side.sign * (x.notional - x.filled * quote.mark) > limit:
            self.escaping.append((x, EscapeReason.LOSS_LIMIT))

    # -- time -------------------------------------------------------------------------

    def due(self) -> Instant | None:
        """When the next execution wants to be told of the time."""
        earliest = None
        for x in self.executions.values():
            due = None if x.state is _S.ESCAPING else self._due(x)
            if due is not None and (earliest is None or due < earliest):
                earliest = due
        return earliest

    def may_be_due(self, now: Instant) -> bool:
        """Whether any may want to be told of the time by now; seldom yes when none does, never no when one does."""
        for x in self.executions.values():  # noqa: SIM110 - asked twice a bar, and a generator costs more than the rest
            if not x.sleeps(now):
                return True
        return False

    def on_time(self, now: Instant) -> None:
        for x in tuple(self.executions.values()):
            while not x.is_over and x.state is not _S.ESCAPING:
                due = self._due(x)
                if due is None or due > now:
                    break
                before = x.state
                self._on_time(x, now)
                if x.state is before and self._due(x) == due:
                    break

    def _due(self, x: Execution) -> Instant | None:
        may_send = not x.held and (not x.has_unsent or self._sending.may_send(x))
        return due_at(x, may_send=may_send)

    def _on_time(self, x: Execution, now: Instant) -> None:
        match x.state:
            case _S.PRECHECK | _S.SPLITTING:
                self._end(x, _S.FAILED, f"{x.state} took too long", now)
            case _S.SENDING:
                self._after_sending(x, now, timed_out=now >= x.since + TIMEOUT_MS[_S.SENDING])
            case _S.MONITORING if x.ending:
                self._cancel_again(x, now)
            case _S.MONITORING:
                self._monitor_time(x, now)
            case _S.ADJUSTING if now < x.since + TIMEOUT_MS[_S.ADJUSTING]:
                self._cancel_again(x, now)
            case _S.ADJUSTING:
                self.escaping.append((x, EscapeReason.TIME_LIMIT))

    def _cancel_again(self, x: Execution, now: Instant) -> None:
        for record in x.records:
            asked_at = record.cancel_asked_at
            if record.state.may_be_live and (asked_at is None or now - asked_at >= fill_monitor.CANCEL_AGAIN_MS):
                self._account.ask_cancel(record, now)
        self.advance(x, now)

    def _monitor_time(self, x: Execution, now: Instant) -> None:
        records = x.records
        if not x.delay_told and now >= fill_monitor.delay_is_told_at(x.since, x.last_fill_at):
            x.delay_told = True
            if any(each.state is OrderState.ACCEPTED for each in records):
                detail = "no fill for 30 seconds"
                self._tell(x, (ExecutionAlert(SafetyCode.GR064, x.id, fill_monitor.STAGE, detail),), now)
        if x.has_unsent:
            self._sending.send_due(x, now)
        if x.state is not _S.MONITORING:
            return
        if now < patience_ends_at(x):
            self._monitor(x, now)
        elif fill_monitor.has_own_life(x.decision, x.filled):
            self.give_up(x, LIFE_ENDED, now)
        elif self._account.settings.on_bars and x.decision.order.type is not OrderType.LIMIT:
            x.next_round_at = now + self._account.settings.slippage.round_ms  # on bars there is nothing but to wait
        elif x.filled > 0:
            detail = f"{plain(x.filled)} of {plain(x.quantity)} filled in time"
            self._tell(x, (ExecutionAlert(SafetyCode.FS093, x.id, fill_monitor.STAGE, detail),), now)
            x.rest_wanted = True
            self.give_up(x, detail, now)
        else:
            x.enter(_S.ADJUSTING, now)
            self._adjusting.adjust(x, now)

    def escaped(self, x: Execution, result: EscapeResult, now: Instant) -> None:
        x.escape = result
        x.ending = x.ending or f"escaped: {result.reason}"
        self._end(x, _S.ESCAPED, x.ending, now)
