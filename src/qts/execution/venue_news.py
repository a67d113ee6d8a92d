"""What the venue says, and who hears of it: the order's record first, then whoever the order belongs to.

Fills are told apart by trade id and always applied. An answer counts only while
somebody waits for one. News that contradict the life of an order are not
believed and not passed over: the symbol is quarantined until somebody looked.
"""

from typing import Final

from qts.domain.fill import Cause, Fill
from qts.domain.instant import Instant
from qts.domain.order_lifecycle import IllegalTransition, OrderEvent, OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionAccount
from qts.execution.commands import QueryOrder
from qts.execution.contracts import ExecutionAlert, Role
from qts.execution.doubts import Doubts
from qts.execution.events import (
    CancelAck,
    CancelOutcome,
    Event,
    ModifyAck,
    OrderAck,
    OrderEnded,
    QueryAnswer,
    SendOutcome,
    Snapshot,
)
from qts.execution.orders import OrderRecord
from qts.execution.overfills import Overfills
from qts.execution.pipeline import ExecutionPipeline
from qts.execution.protective_pairs import ProtectivePairs
from qts.execution.reconcile import CORRECTION
from qts.execution.withdrawing import stop_building
from qts.risk.gate import Response, ResponseTally, RiskGate

_SUBMITTED: Final = OrderState.SUBMITTED
_ENTRY: Final = Role.ENTRY
_EXIT: Final = Role.EXIT
_FORCED: Final = frozenset({Cause.LIQUIDATION, Cause.ADL})
_ENDS_ENTRIES: Final = frozenset({Cause.STOP_LOSS, Cause.TAKE_PROFIT}) | _FORCED
_ENDED: Final = {
    OrderState.CANCELED: OrderEvent.CANCEL,
    OrderState.EXPIRED: OrderEvent.EXPIRE,
    OrderState.REJECTED: OrderEvent.REJECT,
}
_ANSWERED: Final = {
    SendOutcome.ACCEPTED: OrderEvent.ACCEPT,
    SendOutcome.EXISTS: OrderEvent.ACCEPT,
    SendOutcome.REJECTED: OrderEvent.REJECT,
    SendOutcome.REFUSED: OrderEvent.PROVE_ABSENT,
    SendOutcome.NOT_SENT: OrderEvent.PROVE_ABSENT,
    SendOutcome.UNKNOWN: OrderEvent.LOSE,
}


_EXISTS: Final = SendOutcome.EXISTS
_UNKNOWN: Final = SendOutcome.UNKNOWN
_RESPONSE: Final = {
    SendOutcome.ACCEPTED: Response.TAKEN,
    SendOutcome.EXISTS: Response.TAKEN,
    SendOutcome.REJECTED: Response.ORDERS_FAULT,
    SendOutcome.REFUSED: Response.FAILED,
    SendOutcome.NOT_SENT: Response.FAILED,
    SendOutcome.UNKNOWN: Response.UNKNOWN,
}


class VenueNews:
    """broker_is_lost: it failed for reasons that are not the orders', and the controller has not acted on it yet."""

    def __init__(  # noqa: PLR0917 - everybody who is told
        self,
        account: ExecutionAccount,
        gate: RiskGate,
        pipeline: ExecutionPipeline,
        overfills: Overfills,
        pairs: ProtectivePairs,
        doubts: Doubts,
    ) -> None:
        self._account = account
        self._gate = gate
        self._pipeline = pipeline
        self._overfills = overfills
        self._pairs = pairs
        self._doubts = doubts
        self._tally = ResponseTally()
        self.broker_is_lost = False

    def on_ack(self, ack: OrderAck, now: Instant) -> None:
        record = self._account.orders.find(ack.client_id)
        if record is None:
            return  # the answer to a send that no record of ours knows: reconciliation will find what it did
        if ack.outcome is not SendOutcome.ACCEPTED or self._tally.failed_in_a_row:
            self._after_response(ack, now)
        if record.state is not _SUBMITTED and not _is_answer(ack, record):
            self._ask(record)  # it contradicts what is known, or repeats it: the venue is asked which
            return
        if ack.outcome is _UNKNOWN:
            self._doubts.unanswered(record, ack, now)
        else:
            self._doubts.heard(record, now)
        if ack.venue_id:
            record.venue_id = ack.venue_id
        record.code = ack.code
        self._move(record, _ANSWERED[ack.outcome], now)
        if ack.outcome is _EXISTS:
            self._ask(record)
        execution = self._pipeline.executions.get(record.order.parent_id)
        if execution is not None:
            self._pipeline.on_ack(execution, record, ack, now)

    def _after_response(self, ack: OrderAck, now: Instant) -> None:
        self._tally, codes = self._gate.after_response(_RESPONSE[ack.outcome], self._tally, now)
        if ack.halts and not codes:
            codes = (SafetyCode.FS040,)
        for code in codes:
            self.broker_is_lost = True
            detail = f"the venue refuses what is not the orders' fault: {ack.code} {ack.reason}".rstrip()
            self._account.alert(ExecutionAlert(code, "account", "venue", detail), now)

    def on_fill(self, fill: Fill, now: Instant) -> None:
        account = self._account
        if not account.orders.count(fill):
            return
        record = account.orders.find(fill.order_id)
        if record is not None and (record.order.side is not fill.side or record.order.symbol != fill.symbol):
            detail = f"{fill.order_id}: a trade to {fill.side} {fill.symbol} is none of this order's"
            account.alert(ExecutionAlert(SafetyCode.FS070, record.order.symbol, "orders", detail), now)
            record = None
        position = account.positions.of(fill.symbol)
        heard_until = position.filled_at
        position.apply(fill, now)
        account.touched[fill.symbol] = None
        if record is None:
            self._doubts.foreign_fill(fill, now)
        else:
            try:
                account.orders.fill(record, fill, now)
            except IllegalTransition as contradiction:
                self._contradicted(record, contradiction, now)
            self._doubts.heard(record, now)
            execution = self._pipeline.executions.get(record.order.parent_id)
            if execution is not None:
                self._pipeline.on_fill(execution, record, fill, now)
            if record.order.role is _ENTRY:
                self._pairs.entered(record.order.parent_id, position, fill)
            self._overfills.filled(record, now)
        if record is None or record.order.role is not _ENTRY:
            # A correction stands for trades that nobody told; they are as old as what was told.
            made_at = heard_until if fill.order_id == CORRECTION else fill.occurred_at
            self._pairs.overtaken(position, fill.side, made_at)
        if fill.cause in _ENDS_ENTRIES and (record is None or record.filled == fill.quantity):  # its first fill
            stop_building(self._pipeline, fill.symbol, fill.side.opposite, now)

    def on_ended(self, event: OrderEnded, now: Instant) -> None:
        record = self._account.orders.find(event.client_id)
        if record is not None:
            self._ended(record, event, now)

    def _ended(self, record: OrderRecord, event: OrderEnded, now: Instant) -> None:
        if event.filled is not None:
            self._account.orders.tell(record, event.filled)
        elif not record.is_final:
            self._account.orders.leave_unnamed(record)
            if record.unnamed:
                self._ask(record)
        self._move(record, _ENDED[event.state], now)
        self._doubts.heard(record, now)
        self._forward(record, now)

    def on_cancel_ack(self, ack: CancelAck, now: Instant) -> None:
        record = self._account.orders.find(ack.client_id)
        if record is None:
            return
        if ack.outcome is CancelOutcome.CANCELED:
            self._ended(record, OrderEnded(ack.client_id, OrderState.CANCELED, ack.filled, ack.reason), now)
        elif ack.outcome is CancelOutcome.UNKNOWN and not record.is_final:
            self._ask(record)  # it may have filled: not found is no proof of anything

    def on_modify_ack(self, ack: ModifyAck, now: Instant) -> None:  # noqa: ARG002 - every door has one
        record = self._account.orders.find(ack.client_id)
        if record is not None and ack.accepted is None:
            self._ask(record)

    def on_query_answer(self, answer: QueryAnswer, now: Instant) -> None:
        for event in self._doubts.on_answer(answer, now):
            self._hear(event, now)
        self.after_doubts(now)

    def on_snapshot(self, snapshot: Snapshot, now: Instant) -> None:
        for event in self._doubts.on_snapshot(snapshot, now):
            self._hear(event, now)
        self._doubts.weigh_snapshot(now)
        self.after_doubts(now)

    def _hear(self, event: Event, now: Instant) -> None:
        """News that was missed, as if it had come by itself."""
        match event:
            case Fill():
                self.on_fill(event, now)
            case OrderAck():
                self.on_ack(event, now)
            case OrderEnded():
                self.on_ended(event, now)

    def after_doubts(self, now: Instant) -> None:
        """Proved absent first, then the new attempts, then whoever waited for either."""
        doubts = self._doubts
        absent, doubts.absent = doubts.absent, []
        retries, doubts.retries = doubts.retries, []
        settled, doubts.settled = doubts.settled, []
        for record in absent:
            self._move(record, OrderEvent.PROVE_ABSENT, now)
        for record in retries:
            self._pipeline.retry(record, now)
        for record in (*absent, *retries, *settled):
            self._forward(record, now)

    def _forward(self, record: OrderRecord, now: Instant) -> None:
        """The order changed: whoever it belongs to goes on from there."""
        self._account.touched[record.order.symbol] = None
        execution = self._pipeline.executions.get(record.order.parent_id)
        if execution is not None:
            self._pipeline.advance(execution, now)

    def _move(self, record: OrderRecord, news: OrderEvent, now: Instant) -> None:
        """News that contradict the life of an order are not believed, and not passed over either."""
        try:
            changed = self._account.orders.hear(record, news, now)
        except IllegalTransition as contradiction:
            self._contradicted(record, contradiction, now)
            return
        role = record.order.role
        if changed and role is not _ENTRY and (role is not _EXIT or record.state.is_final):
            self._account.touched[record.order.symbol] = None  # that an exit is taken leaves protection as it is

    def _contradicted(self, record: OrderRecord, contradiction: IllegalTransition, now: Instant) -> None:
        detail = f"{record.order.client_id}: {contradiction}"
        self._account.alert(ExecutionAlert(SafetyCode.FS070, record.order.symbol, "orders", detail), now)
        self._ask(record)

    def _ask(self, record: OrderRecord) -> None:
        order = record.order
        self._account.out.append(QueryOrder(order.client_id, order.symbol, order.is_conditional))

    def lost(self, record: OrderRecord, now: Instant) -> None:
        """Nobody will hear the answer to this send any more."""
        self._doubts.unanswered(record, OrderAck(record.order.client_id, _UNKNOWN), now)
        self._move(record, OrderEvent.LOSE, now)


def _is_answer(ack: OrderAck, record: OrderRecord) -> bool:
    """Whether the answer is to a request that still waits for one; that an order lives may be heard again."""
    if record.state is _SUBMITTED or record.state is OrderState.UNKNOWN:
        return True
    return ack.outcome in (SendOutcome.ACCEPTED, SendOutcome.EXISTS, SendOutcome.UNKNOWN)
