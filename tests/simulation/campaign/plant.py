"""The process under test: a machine, its journal, and the driver that stores before it performs.

A crash takes the machine, what waits in memory and whatever its callers expected
to hear; the stored rows and the venue stay. A start reads the rows into a fresh
machine and tells it that it was restarted.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from qts.domain.instant import Instant
from qts.execution.commands import Command
from qts.execution.events import Event, Restarted, TimeReached
from qts.execution.fault_points import Moment
from qts.execution.journal import Journal, JournalRow, RowKind, decode
from qts.simulation.memory_journal import MemoryJournal
from tests.simulation.campaign.crash_points import CRASH_POINTS
from tests.simulation.campaign.judged import Looked
from tests.simulation.campaign.swarm import Crash
from tests.simulation.campaign.virtual_time import Schedule

SPINS_MAX = 50


class Machine(Protocol):
    """What the plant runs: the controller, or a toy of the harness's own tests."""

    journal: Journal

    def handle(self, event: Event, now: Instant) -> tuple[Command, ...]: ...

    @property
    def due(self) -> Instant | None: ...

    @property
    def account(self) -> Looked: ...

    def digest(self) -> str:
        """Of the whole state."""
        ...


class Died(Exception):  # noqa: N818 - it is not an error of anybody's
    """The process is gone."""


class ReplayDiffers(Exception):  # noqa: N818 - a finding
    """The stored events, handled again, do not give the stored commands."""


Perform = Callable[[Command, int], None]
Stored = Callable[[Event, tuple[Command, ...], tuple[JournalRow, ...], int], None]


def nobody(event: Event, commands: tuple[Command, ...], rows: tuple[JournalRow, ...], now: int) -> None:
    """Who is told of stored rows when nobody is."""


class Plant:
    """process: counts starts, from 1. ``hear`` is the only way in. machine is None while it is down."""

    def __init__(
        self,
        build: Callable[[], Machine],
        schedule: Schedule,
        perform: Perform,
        crashes: Iterable[Crash] = (),
        stored: Stored = nobody,
    ) -> None:
        self._build = build
        self._schedule = schedule
        self._perform = perform
        self._stored = stored
        self.started: Callable[[], None] = lambda: None
        self.connects: Callable[[], None] = lambda: None
        self.spun: Callable[[str], None] = lambda _: None
        self._spins = 0
        self._armed = sorted((each for each in crashes if each.point), key=lambda each: each.at)
        self._told: dict[str, Event] = {}
        self._passed: dict[str, int] = {}
        self.rows = MemoryJournal()
        self.machine: Machine | None = build()
        self.process = 1
        self.started_at = 0
        self.crashed: list[str] = []
        self._due: int | None = None
        self._armed_down = 0
        for crash in crashes:
            if not crash.point:
                schedule.at(crash.at, "kill", lambda each=crash: self.kill("random", each.down_ms))

    # -- while it lives -----------------------------------------------------------------

    def deliver(self, event: Event, process: int | None) -> None:
        """process: who asked for it; None for the stream, which whoever is alive hears."""
        if process is None or process == self.process:
            self.hear(event)

    def hear(self, event: Event) -> None:
        machine = self.machine
        if machine is None:
            return
        try:
            self._drive(machine, event)
        except Died as death:
            self.kill(str(death), self._armed_down)

    def _drive(self, machine: Machine, event: Event) -> None:
        now = self._schedule.now
        armed = self._armed
        reached = self._reached if armed and armed[0].at <= now else None
        if reached is not None:
            reached(Moment.RECEIVED, event, None)
        commands = machine.handle(event, now)
        if reached is not None:
            reached(Moment.HANDLED, event, None)
        rows = machine.journal.taken()
        if rows:
            self.rows.write(rows)
        if reached is not None:
            reached(Moment.WRITTEN, event, None)
        if rows:
            self.rows.commit()
            self._stored(event, commands, rows, now)
        if reached is not None:
            reached(Moment.STORED, event, None)
        for command in commands:
            if reached is not None:
                reached(Moment.PERFORMING, event, command)
            self._perform(command, self.process)
            if reached is not None:
                reached(Moment.PERFORMED, event, command)
        self._wake(machine)

    def _wake(self, machine: Machine) -> None:
        due = machine.due
        if due is None or (self._due is not None and self._schedule.now < self._due <= due):
            return
        now = self._schedule.now
        self._spins = self._spins + 1 if due <= now else 0
        if self._spins == SPINS_MAX:
            self.spun(f"the time was told {SPINS_MAX} times and is still wanted, for {due - now} ms")
        self._due = due = max(due, now + 1)
        process = self.process
        self._schedule.at(due, "time", lambda: self._on_time(due, process))

    def _on_time(self, due: int, process: int) -> None:
        if process != self.process or self._due != due:
            return
        self._due = None
        self.hear(TimeReached())

    # -- death and the next start ---------------------------------------------------------

    def _reached(self, moment: Moment, event: Event, command: Command | None) -> None:
        now = self._schedule.now
        for number, crash in enumerate(self._armed):
            if crash.at <= now and CRASH_POINTS[crash.point](moment, event, command):
                passed = self._passed[crash.point] = self._passed.get(crash.point, 0) + 1
                if passed >= crash.nth:
                    del self._armed[number]
                    self._armed_down = crash.down_ms
                    raise Died(crash.point)

    def kill(self, where: str, down_ms: int) -> None:
        if self.machine is None:
            return
        self.machine = None
        self.rows.cut()
        self._due = None
        self.crashed.append(where)
        self.process += 1
        self._schedule.after(down_ms, "start", self.start)

    def start(self) -> None:
        """Once more, from the rows. Raises ReplayDiffers."""
        if self.machine is not None:
            return
        self.machine = self.replayed()
        self.started_at = self._schedule.now
        self.started()
        self.hear(Restarted())
        self.connects()

    def replayed(self) -> Machine:
        """A fresh machine that has handled what is stored, and no other. Raises ReplayDiffers."""
        return replayed(self._build(), self.rows.rows(), self._read)

    def _read(self, text: str) -> Event:
        """Equal texts are equal values that nobody can change: each is decoded once, however often it is replayed."""
        event = self._told.get(text)
        if event is None:
            event = self._told[text] = decode(text)  # type: ignore[assignment]  # commands are not asked for
        return event  # type: ignore[return-value]

    def calm(self) -> None:
        """No more crashes, and the process is up."""
        self._armed.clear()
        self.start()


def replayed(machine: Machine, rows: Iterable[JournalRow], read: Callable[[str], Event]) -> Machine:
    """A machine that has handled the stored events and made the stored rows again. Raises ReplayDiffers."""
    stored = tuple(rows)
    made = 0
    for row in stored:
        if row.kind is RowKind.COMMAND:
            continue
        machine.handle(read(row.text), row.at)
        for mine in machine.journal.taken():
            theirs = stored[made] if made < len(stored) else None
            if theirs is None or mine.digest != theirs.digest:
                was = "nothing" if theirs is None else theirs.text[:160]
                raise ReplayDiffers(f"row {mine.number} is {mine.text[:160]} and was {was}")
            made += 1
    if made < len(stored):
        raise ReplayDiffers(f"row {made + 1} was {stored[made].text[:160]} and is not made again")
    return machine
