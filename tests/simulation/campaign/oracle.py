"""The judge: the invariants of reliability.md 3.1, looked at after every stored event, every request and every fill.

It believes the venue's truth, the wire and the stored rows. The machine's own
records are read only to be compared with those. ``Violated`` ends the scenario.

INV-08 and 16 are folded in forbidden.py, prices (INV-11) judged in prices.py, INV-28 in withdrawals.py.
INV-23 and 24, and INV-06 over everything, are judged in the audit; INV-25 is an
exception out of the machine. docs/campaigns.md says which are not judged.
"""

from collections import Counter
from decimal import Decimal

from qts.domain.fill import Fill
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO
from qts.domain.order import Effect
from qts.domain.order_lifecycle import TRANSITIONS, OrderState
from qts.execution.commands import CancelOrder, Command, ModifyOrder, SendOrder
from qts.execution.contracts import ExecutionAlert, Role, SplitOrder
from qts.execution.events import (
    Decided,
    Event,
    OrderAck,
    OrderEnded,
    QueryAnswer,
    Quote,
    SendOutcome,
    Snapshot,
)
from qts.execution.journal import JournalRow
from qts.execution.orders import OrderRecord
from tests.simulation.campaign.exits import ExitsInTheWay
from tests.simulation.campaign.forbidden import Forbidden
from tests.simulation.campaign.judged import Heard, Looked, Violated, apart, is_escaping
from tests.simulation.campaign.prices import WantedPrices
from tests.simulation.campaign.truth import Truth, root
from tests.simulation.campaign.withdrawals import Withdrawals

_S = OrderState
_DEATH_MS = 5_000  # recvWindow of 2 s and 3 s more (reliability 2.2)
_LEGAL: dict[OrderState, frozenset[OrderState]] = {
    before: frozenset(after for (state, _), after in TRANSITIONS.items() if state is before) for before in OrderState
}
_BLOCKED = -2022


class Oracle:
    def __init__(
        self, instruments: dict[str, Instrument], position_max: Decimal, *, ignored: frozenset[str] = frozenset()
    ) -> None:
        self.truth = Truth()
        self.counts: Counter[str] = Counter()
        self._instruments = instruments
        self._position_max = position_max
        self._ignored = ignored
        self.machine: Looked | None = None
        self._now = 0
        self._number = 0
        self._event: Event | None = None
        self.heard: dict[str, Heard] = {}
        self._watched: dict[str, Heard] = {}
        self._asked: Counter[tuple[str, str]] = Counter()
        self._wired: Counter[tuple[str, str]] = Counter()
        self._sent: set[str] = set()
        self.known: dict[tuple[str, str], Fill] = {}
        self.position: dict[str, Decimal] = {}
        self._parents: dict[str, Decimal] = {}
        self._reducing: set[str] = set()
        self._forbidden = Forbidden(instruments)
        self._prices = WantedPrices()
        self._exits = ExitsInTheWay()
        self.withdrawals = Withdrawals()
        self.quotes: dict[str, Quote] = {}
        self._snapshot_at: dict[str, int] = {}
        self._entries: dict[str, dict[str, Heard]] = {}

    def fail(self, invariant: str, text: str) -> None:
        if invariant not in self._ignored:
            raise Violated(invariant, self._now, text)
        self.counts[f"ignored {invariant}"] += 1

    # -- rows: what was stored ----------------------------------------------------------

    def stored(self, event: Event, commands: tuple[Command, ...], rows: tuple[JournalRow, ...], now: int) -> None:
        self._now, self._event = now, event
        for row in rows:
            self._number += 1
            if row.number != self._number:
                self.fail("INV-20", f"row {row.number} where {self._number} was due")
        self._hear(event, now)
        self._forbidden.hear(event, self.known.values(), now)
        self._prices.hear(event)
        self.withdrawals.hear(event, self.truth, self.counts)
        for command in commands:
            self._judge_command(command, now)
        self._compare(event, now)

    def _hear(self, event: Event, now: int) -> None:  # noqa: C901 - one kind of news, one case
        match event:
            case Fill():
                self._fold(event)
            case Snapshot():
                for fill in event.fills:
                    self._fold(fill)
                self._snapshot_at[event.symbol] = event.as_of
            case OrderAck():
                heard = self.heard.get(event.client_id)
                if heard is not None and event.outcome is SendOutcome.UNKNOWN:
                    self.counts["unknown"] += 1
                    heard.unknown = True
                elif heard is not None:
                    heard.definite = True
                    if heard.filled > 0:
                        self.counts["fill before ack"] += 1
            case QueryAnswer() if event.answered and event.order is None:
                if (heard := self.heard.get(event.client_id)) is not None:
                    heard.not_found_at += (now,)
            case Decided():
                for each in event.decisions:
                    self._parents[each.order.order_id] = each.order.quantity
                    if each.order.effect is Effect.REDUCE:
                        self._reducing.add(each.order.order_id)

    def _fold(self, fill: Fill) -> None:
        key = (fill.symbol, fill.fill_id)
        if key in self.known:
            self.counts["fills heard again"] += 1
            return
        self.known[key] = fill
        self.position[fill.symbol] = self.position.get(fill.symbol, ZERO) + fill.quantity * fill.side.sign
        heard = self.heard.get(fill.order_id)
        if heard is None:
            return
        heard.filled += fill.quantity
        if heard.state in (_S.CANCELED, _S.EXPIRED, _S.NOT_PLACED):
            self.counts["late fills"] += 1
        if heard.order.role is Role.STOP_LOSS:
            self.counts["stops triggered"] += 1

    # -- commands: what is about to leave -------------------------------------------------

    def _judge_command(self, command: Command, now: int) -> None:
        match command:
            case SendOrder(order):
                self._judge_send(order, now)
            case CancelOrder(client_id):
                self._asked["cancel", client_id] += 1
            case ModifyOrder(client_id):
                self._asked["modify", client_id] += 1
            case ExecutionAlert():
                self._judge_alert(command)

    def _judge_alert(self, alert: ExecutionAlert) -> None:
        self.counts[alert.code.value] += 1
        heard = self.heard.get(alert.subject)
        self._forbidden.told(alert, alert.subject if heard is None else heard.order.symbol, self._now)

    def _judge_send(self, order: SplitOrder, now: int) -> None:
        if order.client_id in self.heard:
            self.fail("INV-03", f"{order.client_id} was used before")
        heard = self.heard[order.client_id] = Heard(order, now)
        self._watched[order.client_id] = heard
        self.counts["sends"] += 1
        if order.attempt > 1:
            self.counts["further attempts"] += 1
        self._forbidden.sent(order)
        if not order.reduce_only:
            if (why := self._forbidden.why(order)) is not None:
                self.fail(why[0], f"{order.client_id} increases {why[1]}")
            self._judge_unknown(order)
        parent = root(order.parent_id)
        if (order.role is not Role.ENTRY or parent in self._reducing) and not order.reduce_only:
            self.fail("INV-13", f"{order.client_id} is to {order.role} and not reduce-only")
        if order.role is Role.ENTRY and parent not in self._parents:
            self.fail("INV-03", f"{order.client_id} opens for {order.parent_id}, which nobody decided")
        if (wrong := self.withdrawals.wrong(order)) is not None:
            self.fail("INV-28", wrong)
        self._judge_grid(order)
        self._judge_price(order)

    def _judge_unknown(self, order: SplitOrder) -> None:
        """Nothing is opened beside an order of unknown outcome: of its decision, or of the symbol when it begins."""
        if self.machine is None:
            return
        begins = order.sequence == 0 and order.attempt == 1
        for record in self.machine.orders.live(order.symbol):
            is_ours = root(record.order.parent_id) == root(order.parent_id)
            if record.state is _S.UNKNOWN and (begins or is_ours):
                self.fail("INV-08", f"{order.client_id} increases while {record.order.client_id} is unknown")

    def _judge_grid(self, order: SplitOrder) -> None:
        instrument = self._instruments[order.symbol]
        if order.quantity % instrument.lot != 0:
            self.fail("INV-12", f"{order.client_id}: quantity {order.quantity}")
        if order.price is not None and order.price % instrument.tick != 0:
            self.fail("INV-12", f"{order.client_id}: price {order.price}")
        if order.reduce_only:
            return
        quote = self.quotes.get(order.symbol)
        price = order.price if order.price is not None else quote and quote.mark
        # A market order is sized by the price it was decided at: two percent are left for the way since then.
        if price and order.quantity * price < instrument.notional_min * Decimal("0.98"):
            self.fail("INV-12", f"{order.client_id}: notional {order.quantity * price}")

    def _judge_price(self, order: SplitOrder) -> None:
        quote = self.quotes.get(order.symbol)
        mark, position = None if quote is None else quote.mark, self.position.get(order.symbol, ZERO)
        escaping = self._forbidden.escaping(order.symbol) or is_escaping(self.machine, order.symbol)
        if (wrong := self._prices.wrong(order, position, mark, escaping=escaping)) is not None:
            self.fail("INV-11", f"{order.client_id}: {wrong}")

    # -- the machine's records against the rows -------------------------------------------

    def _compare(self, event: Event, now: int) -> None:
        machine = self.machine
        if machine is None:
            return
        match event:
            case Fill():
                self._compare_position(machine, event.symbol)
                self._look(machine, event.order_id, now)
            case Snapshot():
                self._compare_position(machine, event.symbol)
                for fill in event.fills:
                    self._look(machine, fill.order_id, now)
            case OrderEnded() | OrderAck():
                self._look(machine, event.client_id, now)
        for client_id in tuple(self._watched):
            self._look(machine, client_id, now)

    def _compare_position(self, machine: Looked, symbol: str) -> None:
        mine, theirs = self.position.get(symbol, ZERO), machine.positions.of(symbol).quantity
        if mine != theirs:
            self.fail("INV-05", f"{symbol}: the rows add up to {mine}, the machine holds {theirs}")

    def _look(self, machine: Looked, client_id: str, now: int) -> None:
        heard = self.heard.get(client_id)
        if heard is None:
            return
        record = machine.orders.find(client_id)
        if record is None:
            self.fail("INV-03", f"{client_id} was sent and is not in the ledger")
            return
        if record.filled != heard.filled:
            self.fail("INV-06", f"{client_id}: fills add up to {heard.filled}, the machine counts {record.filled}")
        if record.filled < heard.lowest:
            self.fail("INV-07", f"{client_id}: filled fell from {heard.lowest} to {record.filled}")
        heard.lowest = record.filled
        if record.state is heard.state:
            return
        self._judge_step(record, heard, now)
        heard.state = record.state
        if record.is_final:
            self._watched.pop(client_id, None)

    def _judge_step(self, record: OrderRecord, heard: Heard, now: int) -> None:
        before, after = heard.state, record.state
        if after not in _LEGAL[before] and not any(after in _LEGAL[middle] for middle in _LEGAL[before]):
            self.fail("INV-26", f"{record.order.client_id} went from {before} to {after}")
        if before.is_final and not after.is_final:
            self.fail("INV-07", f"{record.order.client_id} came back from {before} to {after}")
        true = self.truth.orders.get(record.order.client_id)
        if true is not None and after is _S.REJECTED and (true.live or true.filled > 0):
            self.fail("INV-07", f"{record.order.client_id} is at the venue and was taken for rejected")
        # From lists that lag behind it may be concluded that an order is over; from an answer it may not.
        is_over = after in (_S.CANCELED, _S.EXPIRED) and not isinstance(self._event, Snapshot)
        if true is not None and is_over and true.live:
            self.fail("INV-07", f"{record.order.client_id} works at the venue and was taken for {after}")
        if after is _S.NOT_PLACED:
            self._judge_absence(record, heard, now)
        elif before is _S.UNKNOWN:
            self.counts[f"unknown -> {after}"] += 1

    def _judge_absence(self, record: OrderRecord, heard: Heard, now: int) -> None:
        name = record.order.client_id
        true = self.truth.orders.get(name)
        if true is not None and not true.is_zombie and (true.live or true.filled > 0):
            self.fail("INV-21", f"{name} is at the venue and was concluded not to be")
        if heard.definite:
            return
        self.counts["unknown -> not-placed"] += 1
        if now < heard.sent_at + _DEATH_MS:
            self.fail("INV-21", f"{name} was given up {now - heard.sent_at} ms after it was sent")
        if apart(heard.not_found_at) < 3:
            self.fail("INV-21", f"{name} was given up on not-founds at {heard.not_found_at}")
        if self._snapshot_at.get(record.order.symbol, 0) <= heard.sent_at + _DEATH_MS:
            self.fail("INV-21", f"{name} was given up without a look at the lists since it was dead")

    def everything_was_heard(self) -> None:
        """When all is over: every trade of the venue was counted, as it was, and none that never was."""
        self.counts["known fills"] += len(self.known)
        for key, true in self.truth.fills.items():
            if self.known.get(key) != true:
                self.fail("INV-06", f"{key}: {true} at the venue, {self.known.get(key)} by the rows")
        for key in self.known:
            if key not in self.truth.fills:
                self.fail("INV-06", f"{key} is in the rows and never happened")

    # -- the wire -------------------------------------------------------------------------

    def left(self, command: Command, now: int) -> None:
        self._now = now
        match command:
            case SendOrder(order):
                heard = self.heard.get(order.client_id)
                if heard is None or heard.order != order:
                    self.fail("INV-01", f"{order.client_id} left and no row says so")
                if order.client_id in self._sent:
                    self.fail("INV-02", f"{order.client_id} left twice")
                self._sent.add(order.client_id)
                self.truth.left(command)
                self._exits.left(order, self.truth, self.machine, self._wired)
                self._judge_parent(order)
                self._judge_exposure(order)
            case CancelOrder(client_id):
                self._count_wired("cancel", client_id)
                self._judge_uncovering(client_id)
            case ModifyOrder(client_id):
                self._count_wired("modify", client_id)

    def _count_wired(self, verb: str, client_id: str) -> None:
        self._wired[verb, client_id] += 1
        if self._wired[verb, client_id] > self._asked[verb, client_id]:
            self.fail("INV-01", f"a {verb} of {client_id} left and no row says so")

    def _judge_uncovering(self, client_id: str) -> None:
        """The one stop under a position is not cancelled before there is another (PRT-08); a zombie is no cover."""
        true = self.truth.orders.get(client_id)
        if true is None or true.is_zombie or not true.live or true.order.role is not Role.STOP_LOSS:
            return
        symbol, side = true.order.symbol, true.order.side
        position = self.position.get(symbol, ZERO)
        if position * side.sign >= 0 or position != self.truth.position.get(symbol, ZERO):
            return
        stops = [each for each in self.truth.live(symbol, Role.STOP_LOSS) if each.order.side is side]
        if len(stops) == 1 and true.quantity >= abs(position):
            self.fail("INV-27", f"{client_id} is cancelled, and it is all that covers {position}")

    def _judge_parent(self, order: SplitOrder) -> None:
        parent = root(order.parent_id)
        quantity = self._parents.get(parent)
        if quantity is None or order.role is not Role.ENTRY:
            return
        children = self.truth.children.get(parent, ())
        total = sum((each.at_risk for each in children if not each.is_zombie), start=ZERO)
        if total > quantity:
            self.fail("INV-04", f"{order.client_id}: the orders of {parent} may fill {total} of {quantity}")

    def _judge_exposure(self, order: SplitOrder) -> None:
        if order.role is not Role.ENTRY:
            return
        side, symbol = order.side, order.symbol
        entries = self._entries.setdefault(symbol, {})
        entries[order.client_id] = self.heard[order.client_id]
        total = max(ZERO, self.position.get(symbol, ZERO) * side.sign)
        for client_id, heard in tuple(entries.items()):
            true = self.truth.orders[client_id]
            left = true.at_risk - heard.filled
            if left <= 0 and not (true.flying or true.live):
                del entries[client_id]  # nothing more of it will come, and all that came was heard
            elif heard.order.side is side and not true.is_zombie:
                total += max(ZERO, left)
        if total > self._position_max:
            self.fail("INV-09", f"{order.client_id}: {symbol} may reach {total} of {self._position_max}")

    def lost(self, command: Command) -> None:
        self.truth.lost(command)

    def arrived(self, command: Command, answer: object, now: int) -> None:
        self._now = now
        self.truth.arrived(command, answer)
        if not isinstance(command, SendOrder) or not isinstance(answer, OrderAck) or answer.code != _BLOCKED:
            return
        if names := self._exits.refused(command.order, self.truth):
            self.fail("INV-10", f"{command.order.client_id} ({command.order.role}) is refused because of {names}")

    def zombie(self, command: Command) -> None:
        """The request will reach the venue after it should be dead, and be taken all the same."""
        if isinstance(command, SendOrder):
            self.truth.orders[command.order.client_id].is_zombie = True

    # -- the venue --------------------------------------------------------------------------

    def told(self, event: Fill | OrderEnded, now: int) -> None:
        self._now = now
        moved = self.truth.told(event)
        if moved is None or not isinstance(event, Fill):
            return
        before, after = moved
        true = self.truth.orders.get(event.order_id)
        if true is None:
            return
        if true.order.role is not Role.ENTRY and (abs(after) >= abs(before) or before * after < 0):
            self.fail("INV-13", f"{event.order_id} ({true.order.role}) took the position from {before} to {after}")
        if true.filled > true.quantity:
            self.fail("INV-07", f"{event.order_id} filled {true.filled} of {true.quantity}")
        if len(self.truth.live(event.symbol, Role.STOP_LOSS)) > 4:
            self.fail("INV-27", f"{event.symbol} has more than four stops")
