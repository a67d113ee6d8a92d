"""A small machine that keeps the invariants under a few faults, and variants of it that do not, to test the harness by.

It sends each decision once at market, keeps one stop under the position, asks
about unknown orders and compares with the venue every ten seconds. It knows
nothing of retries, escapes, targets or operators.
"""

from decimal import Decimal

from qts.domain.fill import Fill
from qts.domain.ids import digest
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderEvent, OrderState
from qts.execution.client_ids import leg_id
from qts.execution.commands import CancelOrder, Command, QueryOrder, SendOrder, TakeSnapshot
from qts.execution.contracts import OrderDecision, Role, SplitOrder, only_reduces
from qts.execution.events import (
    CancelAck,
    CancelOutcome,
    Decided,
    Event,
    OrderAck,
    OrderEnded,
    QueryAnswer,
    Restarted,
    SendOutcome,
    Snapshot,
    TimeReached,
)
from qts.execution.journal import Journal
from qts.execution.orders import OrderLedger, OrderRecord
from qts.execution.positions import Positions

EVERY_MS = 10_000
_ENDED = {
    OrderState.CANCELED: OrderEvent.CANCEL,
    OrderState.EXPIRED: OrderEvent.EXPIRE,
    OrderState.REJECTED: OrderEvent.REJECT,
}


class ToyAccount:
    def __init__(self) -> None:
        self.orders = OrderLedger()
        self.positions = Positions()
        self.escaping: dict[str, int] = {}


class NoPipeline:
    """The toy's decisions are over when they are sent."""

    def active(self) -> tuple[()]:
        return ()


class ToyMachine:
    """fault: '' for none, or what it does wrong."""

    def __init__(self, symbols: tuple[str, ...], fault: str = "") -> None:
        self.account = ToyAccount()
        self.journal = Journal()
        self.due: int | None = 0
        self._symbols = symbols
        self._pipeline = NoPipeline()
        self._fault = fault
        self._stops: dict[str, Decimal] = {}
        self._placed: dict[str, int] = {}
        self._seen: dict[str, str] = {}
        self._out: list[Command] = []
        self._count = 0

    def digest(self) -> str:
        account = self.account
        return digest(
            [
                [each.facts() for each in account.orders.everything()],
                [each.facts() for each in account.positions.all()],
            ]
        )

    def handle(self, event: Event, now: int) -> tuple[Command, ...]:
        if not self._is_mine(event):
            return ()
        self._out = []
        self._hear(event, now)
        self.journal.add(event, now)
        for command in self._out:
            self.journal.add(command, now)
        return tuple(self._out)

    def _is_mine(self, event: Event) -> bool:
        kinds = (Decided, Fill, OrderEnded, OrderAck, CancelAck, QueryAnswer, Snapshot, Restarted, TimeReached)
        return isinstance(event, kinds)

    def _hear(self, event: Event, now: int) -> None:  # noqa: C901 - one kind of news, one line
        match event:
            case Decided():
                for decision in event.decisions:
                    self._decide(decision, now)
            case Fill():
                self._fill(event, now)
                self._protect(event.symbol, now)
            case OrderEnded():
                self._move(event.client_id, _ENDED[event.state], now)
            case OrderAck():
                self._answer(event, now)
            case CancelAck() if event.outcome is CancelOutcome.CANCELED:
                self._move(event.client_id, OrderEvent.CANCEL, now)
            case QueryAnswer() if event.order is not None:
                self._move(event.client_id, OrderEvent.ACCEPT, now)
            case Snapshot():
                self._compare(event, now)
            case Restarted():
                for record in self.account.orders.live():
                    if record.state is OrderState.SUBMITTED:
                        self._move(record.order.client_id, OrderEvent.LOSE, now)
            case TimeReached():
                self._time(now)

    def _decide(self, decision: OrderDecision, now: int) -> None:
        order = decision.order
        reduces = only_reduces(order)
        held = self.account.positions.of(order.symbol).quantity * order.side.sign
        live = sum(each.left for each in self.account.orders.live(order.symbol) if each.order.role is Role.ENTRY)
        if not reduces and (held < 0 or held + live + order.quantity > 4):
            return
        if order.stop_loss is not None:
            self._stops[order.symbol] = order.stop_loss
        sent = SplitOrder(
            client_id=order.order_id,
            parent_id=order.order_id,
            symbol=order.symbol,
            side=order.side,
            type=OrderType.MARKET,
            quantity=order.quantity,
            price=None,
            reduce_only=reduces,
            role=Role.EXIT if reduces else Role.ENTRY,
            sequence=0,
            attempt=1,
            send_at=now,
        )
        self._out.append(self.account.orders.submit(sent, now))
        if self._fault == "sends twice":
            self._out.append(SendOrder(sent))

    def _fill(self, fill: Fill, now: int) -> None:
        orders = self.account.orders
        if not orders.count(fill) and self._fault != "no dedupe":
            return
        record = orders.find(fill.order_id)
        self.account.positions.of(fill.symbol).apply(fill, now)
        if record is not None:
            orders.fill(record, fill, now)

    def _protect(self, symbol: str, now: int) -> None:
        position = self.account.positions.of(symbol)
        stops = [each for each in self.account.orders.live(symbol) if each.order.role is Role.STOP_LOSS]
        if position.quantity == 0:
            for each in stops:
                self._cancel(each, now)
            return
        side = Side.SELL if position.quantity > 0 else Side.BUY
        if self._fault == "stop wrong side":
            side = side.opposite
        fitting = [
            each
            for each in stops
            if each.order.parent_id == position.epoch_id and each.order.quantity == abs(position.quantity)
        ]
        if fitting:
            if any(each.state is OrderState.ACCEPTED for each in fitting):
                for each in stops:
                    if each not in fitting:
                        self._cancel(each, now)
            return
        if self._fault == "no stop":
            return
        number = self._placed[position.epoch_id] = self._placed.get(position.epoch_id, 0) + 1
        stop = SplitOrder(
            client_id=leg_id(position.epoch_id, "sl", number),
            parent_id=position.epoch_id,
            symbol=symbol,
            side=side,
            type=OrderType.STOP,
            quantity=abs(position.quantity),
            price=self._stops.get(symbol, Decimal("0.1") if side is Side.SELL else Decimal("99999.9")),
            reduce_only=True,
            role=Role.STOP_LOSS,
            sequence=number,
            attempt=1,
            send_at=now,
        )
        self._out.append(self.account.orders.submit(stop, now))

    def _cancel(self, record: OrderRecord, now: int) -> None:
        if record.cancel_asked_at is None or now - record.cancel_asked_at > EVERY_MS:
            record.cancel_asked_at = now
            self._out.append(CancelOrder(record.order.client_id, record.order.symbol, record.order.is_conditional))

    def _answer(self, ack: OrderAck, now: int) -> None:
        match ack.outcome:
            case SendOutcome.ACCEPTED | SendOutcome.EXISTS:
                self._move(ack.client_id, OrderEvent.ACCEPT, now)
            case SendOutcome.UNKNOWN if self._fault != "unknown is no":
                self._move(ack.client_id, OrderEvent.LOSE, now)
            case SendOutcome.UNKNOWN:
                self._move(ack.client_id, OrderEvent.PROVE_ABSENT, now)
            case _:
                self._move(ack.client_id, OrderEvent.REJECT, now)
        if (record := self.account.orders.find(ack.client_id)) is not None and record.order.role is Role.STOP_LOSS:
            self._protect(record.order.symbol, now)

    def _move(self, client_id: str, event: OrderEvent, now: int) -> None:
        record = self.account.orders.find(client_id)
        late = event in (OrderEvent.REJECT, OrderEvent.PROVE_ABSENT)
        if record is not None and not (late and record.state not in (OrderState.SUBMITTED, OrderState.UNKNOWN)):
            self.account.orders.hear(record, event, now)

    def _compare(self, snapshot: Snapshot, now: int) -> None:
        if self._fault == "no reconcile":
            return
        if snapshot.fills:
            self._seen[snapshot.symbol] = snapshot.fills[-1].fill_id
        for fill in snapshot.fills:
            if not self.account.orders.has_counted(fill.symbol, fill.fill_id):
                self._fill(fill, now)
        listed = {each.client_id for each in snapshot.orders}
        for record in list(self.account.orders.live(snapshot.symbol)):
            name = record.order.client_id
            if name in listed:
                self._move(name, OrderEvent.ACCEPT, now)
            elif record.sent_at < snapshot.as_of - 5_000:
                self._move(name, OrderEvent.CANCEL, now)
        self._protect(snapshot.symbol, now)

    def _time(self, now: int) -> None:
        self.due = now + EVERY_MS
        for record in self.account.orders.live():
            if record.state is OrderState.UNKNOWN:
                order = record.order
                self._out.append(QueryOrder(order.client_id, order.symbol, order.is_conditional))
        for symbol in self._symbols:
            self._out.append(TakeSnapshot(symbol, self._seen.get(symbol, "")))
            self._protect(symbol, now)
