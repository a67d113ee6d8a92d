"""One scenario from its plan to its verdict: the safety phase, the liveness phase, the audit."""

import signal
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import Any, Protocol

from qts.domain.fill import Fill
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, exact_arithmetic
from qts.execution.events import (
    AccountUpdate,
    CancelAck,
    Decided,
    Event,
    OperatorSaid,
    OperatorVerb,
    OrderEnded,
    Quote,
)
from qts.execution.journal import encode
from tests.simulation.campaign.judged import Violated
from tests.simulation.campaign.liveness import Liveness, every_execution_is_over
from tests.simulation.campaign.market_script import Walk
from tests.simulation.campaign.oracle import Oracle
from tests.simulation.campaign.plant import Machine, Plant, ReplayDiffers
from tests.simulation.campaign.swarm import SYMBOLS, Plan, Work, draw
from tests.simulation.campaign.transport import Transport, VenuePort
from tests.simulation.campaign.virtual_time import Schedule, stream
from tests.simulation.campaign.workload import said

INSTRUMENTS = {
    symbol: Instrument(
        symbol=symbol,
        base=symbol[:3],
        quote="USDT",
        tick=Decimal("0.1"),
        lot=Decimal("0.001"),
        notional_min=Decimal(5),
    )
    for symbol in SYMBOLS
}
FIRST_PRICE = {"AAAUSDT": Decimal("2000.0"), "BBBUSDT": Decimal("500.0")}
POSITION_MAX = Decimal("4")
LIVENESS_MS = 120_000
QUIET_MS = 60_000
LOOK_MS = 4_700
"""Prices and fills come every so many whole seconds: looks just after them would see what is being put right."""
EVENTS_MAX = 400_000
CPU_SECONDS_MAX = 30.0
"""What no scenario needs. A machine that never comes back from one event is found by this alone."""


class MarketVenue(VenuePort, Protocol):
    def quote(self, quote: Quote) -> None: ...

    def account(self) -> AccountUpdate: ...

    def earned(self, symbol: str) -> Decimal:
        """What fills alone brought, quote."""
        ...


Build = Callable[[Plan], Machine]
Found = Callable[[Plan, Callable[[Fill | OrderEnded], None]], MarketVenue]


@dataclass(slots=True)
class Outcome:
    seed: int
    violation: str = ""
    at: int = 0
    text: str = ""
    transcript: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    last: tuple[str, ...] = ()


class Scenario:
    """ignored: invariants that do not count. looks_early: liveness is judged in quiet times between faults too."""

    def __init__(
        self,
        plan: Plan,
        build: Build,
        found: Found,
        *,
        ignored: frozenset[str] = frozenset(),
        looks_early: bool = True,
    ) -> None:
        self.plan = plan
        ties = stream(plan.seed, "ties") if plan.shuffled else None
        self.schedule = Schedule(plan.start, ties)
        self.oracle = Oracle(INSTRUMENTS, POSITION_MAX, ignored=ignored)
        self.last: deque[tuple[int, str, Any]] = deque(maxlen=60)
        self.venue = found(plan, self._told)
        self.plant = Plant(partial(build, plan), self.schedule, self._perform, plan.crashes, self.oracle.stored)
        self.transport = Transport(plan, self.schedule, self.venue, self._deliver, self.oracle)
        self.plant.started = self._started
        self.plant.connects = self.transport.tell_status
        self.plant.spun = self._spun
        self._events = 0
        self._decided: dict[str, list[str]] = {}
        self._looks_early = looks_early
        self._watch = Liveness(self.oracle)
        self._started()

    # -- wiring ---------------------------------------------------------------------------

    def _started(self) -> None:
        machine = self.plant.machine
        self.oracle.machine = None if machine is None else machine.account

    def _spun(self, text: str) -> None:
        self.oracle.fail("LIV-11", text)

    def _perform(self, command: object, process: int) -> None:
        self.last.append((self.schedule.now, "    ->", command))
        self.transport.perform(command, process)  # type: ignore[arg-type]

    def _deliver(self, event: Event, process: int | None) -> None:
        if self.plan.unnamed and isinstance(event, CancelAck | OrderEnded) and event.filled is not None:
            event = replace(event, filled=None)
            self.oracle.counts["ends without a quantity"] += 1
        self.last.append((self.schedule.now, "<-", event))
        self.plant.deliver(event, process)

    def _told(self, event: Fill | OrderEnded) -> None:
        self.last.append((self.schedule.now, "  venue:", event))
        self.oracle.told(event, self.schedule.now)
        self.transport.tell(event)

    # -- what comes by itself ---------------------------------------------------------------

    def _script(self) -> None:
        schedule, plan = self.schedule, self.plan
        for symbol in SYMBOLS:
            walk = Walk(plan.market, INSTRUMENTS[symbol], FIRST_PRICE[symbol])
            self._next_quote(walk.quotes(plan.start, plan.end + LIVENESS_MS))
        for number, work in enumerate(plan.work):
            schedule.at(work.at, "work", lambda n=number, w=work: self._work(n, w))
        self._account()
        if self._looks_early:
            schedule.at(plan.start + LOOK_MS, "look", self._look)

    def _look(self) -> None:
        """While the faults are on: only what cannot be their doing any more."""
        machine, now = self.plant.machine, self.schedule.now
        if now >= self.plan.end:
            return
        if machine is None or now < self.transport.disturbed_until + QUIET_MS or now < self.plant.started_at + QUIET_MS:
            self._watch.look_away()
        else:
            self.oracle.counts["quiet looks"] += 1
            self._watch.look(machine, now)
        self.schedule.after(LOOK_MS, "look", self._look)

    def _next_quote(self, quotes: Iterator[Quote]) -> None:
        quote = next(quotes, None)
        if quote is not None:
            self.schedule.at(quote.occurred_at, "quote", lambda: self._quote(quote, quotes))

    def _quote(self, quote: Quote, quotes: Iterator[Quote]) -> None:
        self.oracle.quotes[quote.symbol] = quote
        self.venue.quote(quote)
        if self.transport.connected:
            self.plant.hear(quote)
        self._next_quote(quotes)

    def _work(self, number: int, work: Work) -> None:
        instrument, quote = INSTRUMENTS.get(work.symbol), self.oracle.quotes.get(work.symbol)
        position = self.oracle.position.get(work.symbol, ZERO)
        decided = self._decided.setdefault(work.symbol, [])
        shared = self.plan.shared
        event = said(work, number, self.schedule.now, instrument, quote, position, decided, shared=shared)
        if event is None or self.plant.machine is None:
            return
        self.oracle.counts[work.kind] += 1
        if isinstance(event, Decided):
            decided += [each.order.order_id for each in event.decisions]
        self._deliver(event, None)

    def _account(self) -> None:
        if self.transport.connected:
            self.plant.hear(self.venue.account())
        self.schedule.after(60_000, "account", self._account)

    def _count(self, name: str) -> None:
        self._events += 1
        if self._events > EVENTS_MAX:
            raise Violated("LIV-11", self.schedule.now, f"no end of events, the last a {name}")

    @contextmanager
    def _cpu_limit(self) -> Iterator[None]:
        def over(number: int, frame: object) -> None:
            raise Violated("LIV-11", self.schedule.now, f"no end of one event: {traceback.format_stack(limit=4)}")

        before = signal.signal(signal.SIGVTALRM, over)
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS_MAX)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)

    # -- the three phases -------------------------------------------------------------------

    def run(self) -> Outcome:
        outcome = Outcome(self.plan.seed)
        try:
            with exact_arithmetic(), self._cpu_limit():
                self._script()
                self.schedule.run(self.plan.end, self._count)
                self._liveness()
                self._audit()
        except Violated as found:
            outcome.violation, outcome.at, outcome.text = found.invariant, found.at, found.text
        except ReplayDiffers as found:
            outcome.violation, outcome.at, outcome.text = "INV-24", self.schedule.now, str(found)
        except Exception:
            outcome.violation, outcome.at = "INV-25", self.schedule.now
            outcome.text = traceback.format_exc(limit=-6)
        if outcome.violation:
            outcome.last = tuple(f"{at - self.plan.start} {way} {encode(what)}" for at, way, what in self.last)
        outcome.transcript = self._transcript()
        outcome.counts = self._counts()
        return outcome

    def _liveness(self) -> None:
        self.transport.calm()
        self.plant.calm()
        end = self.plan.end
        if self.plan.killed:
            self._deliver(OperatorSaid(OperatorVerb.KILL, "operator", "the last two minutes"), None)
        watch = self._watch = Liveness(self.oracle)
        watch.killed = self.plan.killed
        for at in range(end + 15_000, end + LIVENESS_MS + 1, LOOK_MS):
            self.schedule.run(at, self._count)
            machine = self.plant.machine
            assert machine is not None
            watch.look(machine, self.schedule.now)
        assert self.plant.machine is not None
        every_execution_is_over(self.oracle, self.plant.machine)

    def _audit(self) -> None:
        check = self.plant.rows.check()
        if check.bad is not None:
            self.oracle.fail("INV-20", f"row {check.bad.number}: {check.bad}")
        machine = self.plant.machine
        assert machine is not None
        self.oracle.everything_was_heard()
        for symbol in SYMBOLS:
            mine = sum((f.realized_pnl - f.fee for f in self.oracle.known.values() if f.symbol == symbol), start=ZERO)
            if mine != self.venue.earned(symbol):
                self.oracle.fail("INV-23", f"{symbol}: {mine} by the rows, {self.venue.earned(symbol)} at the venue")
        again = self.plant.replayed()
        if again.digest() != machine.digest():
            self.oracle.fail("INV-24", "the journal's events lead to another state")

    # -- what is left of it --------------------------------------------------------------------

    def _transcript(self) -> str:
        text = sha256()
        text.update("".join([repr(entry) for entry in self.transport.wire]).encode())
        text.update("".join([f"{row.at}{row.digest}" for row in self.plant.rows.rows()]).encode())
        return text.hexdigest()

    def _counts(self) -> Counter[str]:
        counts = Counter(self.oracle.counts)
        counts.update(self.oracle.truth.counts)
        for family, times in self.transport.struck.items():
            counts[f"fault {family}"] += times
        for point in self.plant.crashed:
            counts[f"crash {point}"] += 1
        counts["events"] = self._events
        counts["rows"] = self.plant.rows.head()[0]
        counts["parents"] = counts["entry"] + counts["exit"]
        return counts


def run(seed: int, build: Build, found: Found, *, crash_point: str | None = None) -> Outcome:
    return Scenario(draw(seed, crash_point=crash_point), build, found).run()
