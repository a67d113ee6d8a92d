"""The wire between the machine and the venue: latency, and the faults of the plan.

A fault is armed at its instant and strikes the next request or event it fits.
Everything that leaves is kept in ``wire``: (instant, verb, client id, attempt).
What comes back is delivered to the process that asked, or to nobody once that
process is dead; the stream is heard by whichever process lives.
"""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from qts.domain.fill import Fill
from qts.execution.commands import CancelOrder, Command, ModifyOrder, QueryOrder, SendOrder, TakeSnapshot
from qts.execution.events import (
    CancelAck,
    CancelOutcome,
    Event,
    ModifyAck,
    OrderAck,
    OrderEnded,
    QueryAnswer,
    QueueOverflow,
    SendOutcome,
    Snapshot,
    VenueStatus,
)
from tests.simulation.campaign.answers import Answer, garbage, named, not_sent, refused, silence
from tests.simulation.campaign.swarm import REQUEST_FAMILIES, STREAM_FAMILIES, Fault, Plan
from tests.simulation.campaign.virtual_time import Schedule, stream

TIMEOUT_MS = 5_000
RATE_LIMITED, OVERLOADED, DISCONNECTED, TIMED_OUT, NOT_FOUND = -1003, -1008, -1006, -1007, -2011

VERB = {
    SendOrder: "send",
    CancelOrder: "cancel",
    ModifyOrder: "modify",
    QueryOrder: "query",
    TakeSnapshot: "snapshot",
}

Deliver = Callable[[Event, int | None], None]


class VenuePort(Protocol):
    """What the transport asks of a venue. It answers at once; what happens to orders it tells its listener."""

    def send(self, command: SendOrder, now: int) -> OrderAck: ...

    def cancel(self, command: CancelOrder, now: int) -> CancelAck: ...

    def modify(self, command: ModifyOrder, now: int) -> ModifyAck: ...

    def query(self, command: QueryOrder, now: int) -> QueryAnswer: ...

    def snapshot(self, command: TakeSnapshot, now: int) -> Snapshot: ...

    def force(self, family: str, symbol: str, sign: int, now: int) -> bool:
        """Something nobody asked for; whether there was anything to do it to."""
        ...

    def change_filters(self, symbol: str, *, by_tick: bool) -> None:
        """The venue takes other prices or sizes than those it told of. by_tick: a coarser tick."""
        ...

    def restore_filters(self, symbol: str) -> None:
        """As they were; '' for all symbols."""
        ...


class Witness(Protocol):
    """Who is told of everything that really happened."""

    def left(self, command: Command, now: int) -> None: ...

    def lost(self, command: Command) -> None: ...

    def zombie(self, command: Command) -> None: ...

    def arrived(self, command: Command, answer: Answer, now: int) -> None: ...


class Transport:
    def __init__(self, plan: Plan, schedule: Schedule, venue: VenuePort, deliver: Deliver, witness: Witness) -> None:
        self._schedule = schedule
        self._venue = venue
        self._deliver = deliver
        self._witness = witness
        self._dice = stream(plan.seed, "latency")
        self._armed_requests = [each for each in plan.faults if each.family in REQUEST_FAMILIES]
        self._armed_events = [each for each in plan.faults if each.family in STREAM_FAMILIES]
        self.wire: list[tuple[int, str, str, int]] = []
        self.struck: Counter[str] = Counter()
        self.connected = True
        self.disturbed_until = 0
        self._muted_until = 0
        self._throttled_until = 0
        self._throttle_spares_exits = True
        self._stale: dict[str, tuple[int, Snapshot]] = {}
        self._hidden: dict[str, int] = {}
        self._hide_next = 0
        self._closed: dict[str, int] = {}
        self._stream_at = 0
        self._swapped: Event | None = None
        self.faults_on = True
        for fault in plan.faults:
            if fault.family not in REQUEST_FAMILIES and fault.family not in STREAM_FAMILIES:
                schedule.at(fault.at, fault.family, lambda each=fault: self._world(each))

    # -- what the machine asks --------------------------------------------------------

    def perform(self, command: Command, process: int) -> None:
        """Put one command on the wire for a process. Alerts are not for the venue."""
        verb = VERB.get(type(command))
        if verb is None:
            return
        now = self._schedule.now
        if not self.connected:
            self._later(1, not_sent(command), process)
            self._witness.lost(command)
            return
        client_id, attempt = named(command)
        self.wire.append((now, verb, client_id, attempt))
        self._witness.left(command, now)
        up, back = self._dice.randrange(5, 60), self._dice.randrange(5, 60)
        if (refusal := self._refusal(command, now)) is not None:
            self._witness.lost(command)
            self._later(up + back, refusal, process)
            return
        fault = self._strike(verb, command, now)
        if fault is None:
            self._act(command, process, up, back)
            return
        self._count(fault)
        self._spoil(fault, command, process, up, back)

    def _count(self, fault: Fault) -> None:
        self.struck[fault.family] += 1
        self.disturb(fault.ms + TIMEOUT_MS)

    def disturb(self, ms: int) -> None:
        """Until then what is wrong may be the faults' doing."""
        self.disturbed_until = max(self.disturbed_until, self._schedule.now + ms)

    def _spoil(  # noqa: C901, PLR0912 - one family, one way
        self, fault: Fault, command: Command, process: int, up: int, back: int
    ) -> None:
        match fault.family:
            case "drop_req":
                self._witness.lost(command)
                self._later(TIMEOUT_MS, silence(command), process)
            case "drop_reply":
                self._act(command, process, up, TIMEOUT_MS, answer=silence(command))
            case "unknown_acting":
                self._act(
                    command, process, up, back, answer=silence(command, TIMED_OUT if fault.sign > 0 else DISCONNECTED)
                )
            case "unknown_idle":
                self._witness.lost(command)
                self._later(up + back, silence(command, TIMED_OUT if fault.sign > 0 else DISCONNECTED), process)
            case "refused":
                self._witness.lost(command)
                self._later(up + back, refused(command, OVERLOADED, self._schedule.now + 400), process)
            case "rejected":
                self._witness.lost(command)
                assert isinstance(command, SendOrder)
                code = -4120 if command.order.role.is_protective else -2019
                ack = OrderAck(command.order.client_id, SendOutcome.REJECTED, "", code, "rejected by plan")
                self._later(up + back, ack, process)
            case "late":
                slow = fault.ms
                answer = silence(command) if slow + back > TIMEOUT_MS else None
                self._act(command, process, slow, TIMEOUT_MS if answer else back, answer=answer)
            case "slow_reply":
                self._act(command, process, up, fault.ms)
            case "dup_reply":
                self._act(command, process, up, back, again=fault.ms)
            case "garbage":
                if fault.sign > 0:
                    self._act(command, process, up, back, answer=garbage(command))
                else:
                    self._witness.lost(command)
                    self._later(up + back, garbage(command), process)
            case "zombie":
                self._witness.zombie(command)
                self._act(command, process, fault.ms, TIMEOUT_MS - fault.ms, answer=silence(command))
            case "failed_read":
                self._witness.lost(command)
                self._later(up + back, silence(command), process)

    def _act(
        self, command: Command, process: int, up: int, back: int, *, answer: Answer | None = None, again: int = 0
    ) -> None:
        """again: how much later the venue's answer is delivered a second time."""

        def arrive() -> None:
            real = self._ask(command, self._schedule.now)
            self._witness.arrived(command, real, self._schedule.now)
            if answer is None:
                self._later(back, real, process)
                if again:
                    self._later(back + again, real, process)

        self._schedule.after(up, "venue", arrive)
        if answer is not None:
            self._later(up + back, answer, process)

    def _ask(self, command: Command, now: int) -> Answer:  # noqa: PLR0911 - one verb, one answer
        venue = self._venue
        match command:
            case SendOrder(order):
                if self._hide_next:
                    self._hidden[order.client_id] = now + self._hide_next
                    self.disturb(self._hide_next)
                    self._hide_next = 0
                    self.struck["forget"] += 1
                return venue.send(command, now)
            case CancelOrder(client_id):
                if self._hidden.get(client_id, 0) > now:
                    return CancelAck(client_id, CancelOutcome.UNKNOWN, None, NOT_FOUND, "unknown order")
                return venue.cancel(command, now)
            case ModifyOrder():
                return venue.modify(command, now)
            case QueryOrder(client_id):
                if self._hidden.get(client_id, 0) > now:
                    return QueryAnswer(client_id, None)
                return venue.query(command, now)
            case TakeSnapshot(symbol):
                until, old = self._stale.get(symbol, (0, None))
                return old if old is not None and until > now else venue.snapshot(command, now)
        raise AssertionError(command)

    def _refusal(self, command: Command, now: int) -> Answer | None:
        if now < self._throttled_until:
            spared = self._throttle_spares_exits and isinstance(command, SendOrder) and command.order.reduce_only
            if not spared and isinstance(command, (SendOrder, CancelOrder, ModifyOrder)):
                self.struck["throttled"] += 1
                code = OVERLOADED if self._throttle_spares_exits else RATE_LIMITED
                return refused(command, code, None if self._throttle_spares_exits else self._throttled_until)
        if isinstance(command, SendOrder) and self._closed.get(command.order.symbol, 0) > now:
            return refused(command, -4108, None)
        return None

    def _strike(self, verb: str, command: Command, now: int) -> Fault | None:
        role = command.order.role.value if isinstance(command, SendOrder) else ""
        for number, fault in enumerate(self._armed_requests):
            if fault.at > now:
                return None
            if fault.verb == verb and fault.role in ("", role):
                return self._armed_requests.pop(number)
        return None

    def _later(self, delay: int, answer: Answer | None, process: int) -> None:
        if answer is not None:
            self._schedule.after(delay, "reply", lambda: self._deliver(answer, process))

    # -- what the venue tells -----------------------------------------------------------

    def tell(self, event: Fill | OrderEnded) -> None:
        """The venue's user stream. One connection keeps its order, unless the plan breaks it."""
        now = self._schedule.now
        if not self.connected or now < self._muted_until:
            self.struck["stream silent"] += 1
            return
        at = max(self._stream_at, now + self._dice.randrange(3, 40))
        armed = self._armed_events
        fault = armed.pop(0) if armed and armed[0].at <= now else None
        family = "" if fault is None else fault.family
        if fault is not None:
            self._count(fault)
        if family == "lose":
            return
        if family == "swap" and self._swapped is None:
            self._swapped = event
            self._schedule.at(at + 3_000, "swap", self._swap_back)
            return
        if fault is not None and family == "hold":
            self._schedule.at(at + fault.ms, "held", lambda: self._deliver(event, None))
            return
        self._stream_at = at
        self._schedule.at(at, "stream", lambda: self._deliver(event, None))
        if family == "dup":
            self._schedule.at(at + 1, "again", lambda: self._deliver(event, None))
        if self._swapped is not None:
            self._schedule.at(at + 1, "swap", self._swap_back)

    def _swap_back(self) -> None:
        event, self._swapped = self._swapped, None
        if event is not None:
            self._deliver(event, None)

    # -- what happens to the world --------------------------------------------------------

    def _world(self, fault: Fault) -> None:  # noqa: C901 - one family, one way
        if not self.faults_on:
            return
        now = self._schedule.now
        match fault.family:
            case "forget":
                self._hide_next = fault.ms
                return
            case "lag_rest":
                snapshot = self._venue.snapshot(TakeSnapshot(fault.symbol, ""), now)
                self._stale[fault.symbol] = (now + fault.ms, snapshot)
            case "throttle":
                self._throttled_until = now + fault.ms
                self._throttle_spares_exits = fault.sign > 0
            case "disconnect":
                self._disconnect(fault.ms)
            case "mute":
                self._muted_until = now + fault.ms
            case "market_closed":
                self._closed[fault.symbol] = now + fault.ms
                self._deliver(VenueStatus(connected=True, market_open=False, symbol=fault.symbol), None)
                self._schedule.after(fault.ms, "market opens", lambda: self._open(fault.symbol))
            case "filters":
                self._venue.change_filters(fault.symbol, by_tick=fault.sign > 0)
                self._schedule.after(fault.ms, "filters", lambda: self._venue.restore_filters(fault.symbol))
            case "overflow":
                self._deliver(QueueOverflow(10_001), None)
            case family:
                if not self._venue.force(family, fault.symbol, fault.sign, now):
                    return
        self._count(fault)

    def _open(self, symbol: str) -> None:
        if self._closed.pop(symbol, None) is not None:
            self._deliver(VenueStatus(connected=self.connected, market_open=True, symbol=symbol), None)

    def _disconnect(self, ms: int) -> None:
        if not self.connected:
            return
        self.connected = False
        self._deliver(VenueStatus(connected=False), None)
        self._schedule.after(ms, "reconnect", self._reconnect)

    def _reconnect(self) -> None:
        if not self.connected:
            self.connected = True
            self._deliver(VenueStatus(connected=True), None)

    def tell_status(self) -> None:
        """Whoever starts opens a line of its own and says how it is: the change may have come while nobody heard it."""
        self._deliver(VenueStatus(connected=self.connected), None)
        for symbol in self._closed:
            self._deliver(VenueStatus(connected=self.connected, market_open=False, symbol=symbol), None)

    def calm(self) -> None:
        """The end of the faults: the venue is there, answers, and hides nothing."""
        self.faults_on = False
        self._armed_requests.clear()
        self._armed_events.clear()
        self._muted_until = self._throttled_until = self._hide_next = 0
        self._stale.clear()
        self._hidden.clear()
        self._venue.restore_filters("")
        for symbol in tuple(self._closed):
            self._open(symbol)
        self._reconnect()
