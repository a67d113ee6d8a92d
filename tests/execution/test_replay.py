"""Whatever the venue, the clock and people say, and in whatever order: the machine lives, and its journal tells all.

Proves: P4-2, P4-7, SX-3, SX-4
"""

from decimal import Decimal

import pytest
from hypothesis import example, given, settings

from qts.domain.instant import Instant
from qts.execution.account import ExecutionSettings
from qts.execution.commands import Command
from qts.execution.controller import ExecutionController
from qts.execution.events import Event
from qts.execution.journal import first_bad_row
from qts.execution.state_machine import FINAL
from tests.execution.front_desk import BTC, SYMBOL, replayed
from tests.execution.nasty_story import SETTINGS, STORIES, Draw, Story

pytestmark = pytest.mark.unmeasured

RESTARTED: Draw = ("world", 3, 0)
QUOTED: Draw = ("quote", 8, 1)
WATCHED = ExecutionSettings(
    instruments={SYMBOL: BTC}, quantity_max={SYMBOL: Decimal("1.5")}, id_prefix="d", reconcile_ms=20_000
)


@settings(max_examples=200)
@given(STORIES, SETTINGS)
# A slice that filled more than it was.
@example([("decide", 0, 6), ("fill all", 0, 0), ("fill", 3, 1), ("fill all", 3, 0)], WATCHED)
# An order that ended with a trade nobody heard of.
@example(
    [
        ("decide", 1, 3),
        ("wait", 5, 0),
        ("cancelled", 4, 0),
        ("ended", 0, 9),
        ("fill all", 3, 0),
        ("fill all", 1, 0),
        ("cancelled", 2, 0),
        ("wait", 6, 0),
    ],
    WATCHED,
)
# A quote that begins an escape and asks for nothing at once.
@example(
    [
        ("decide", 2, 2),
        ("fill all", 0, 1),
        ("wait", 3, 0),
        ("world", 1, 0),
        ("world", 0, 0),
        ("snapshot", 0, 0),
        ("wait", 0, 0),
        ("fill all", 0, 2),
        ("fill all", 1, 5),
        ("wait", 4, 0),
        ("quote", 0, 0),
        ("wait", 2, 0),
    ],
    WATCHED,
)
# The same as the last news of all.
@example(
    [
        ("decide", 2, 2),
        ("fill all", 0, 0),
        ("fill", 0, 0),
        ("decide", 0, 1),
        ("wait", 4, 0),
        ("snapshot", 0, 0),
        ("fill", 0, 0),
        ("fill", 0, 0),
        ("fill all", 1, 5),
        ("fill all", 0, 2),
        ("quote", 0, 0),
    ],
    WATCHED,
)
def test_no_story_breaks_the_machine_and_its_journal_tells_the_same_story_again(
    draws: list[Draw], account: ExecutionSettings
) -> None:
    story = Story(account).run(draws)
    rows = story.desk.machine.journal.taken()
    assert first_bad_row(rows) is None
    again = replayed(rows, account)
    assert again.commands == story.desk.said
    assert again.machine.digest() == story.desk.machine.digest()
    assert again.machine.results == story.desk.machine.results
    assert [row.digest for row in again.machine.journal.taken()] == [row.digest for row in rows]
    assert all(result.state in FINAL for result in story.desk.results)
    assert again.machine.due == story.desk.machine.due


class Overheard:
    """A machine, and the events it was told."""

    def __init__(self, machine: ExecutionController) -> None:
        self._machine = machine
        self.events: list[tuple[Event, Instant]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._machine, name)

    def handle(self, event: Event, now: Instant) -> tuple[Command, ...]:
        self.events.append((event, now))
        return self._machine.handle(event, now)


@settings(max_examples=60)
@given(STORIES, STORIES, SETTINGS)
def test_a_machine_that_was_restarted_goes_on_as_the_one_that_was_not(
    before: list[Draw], after: list[Draw], account: ExecutionSettings
) -> None:
    """Its quotes are new, as after a restart; everything else it knows from the journal."""
    story = Story(account).run([*before, RESTARTED])
    rows = story.desk.machine.journal.taken()
    machine = replayed(rows, account).machine
    assert machine.digest() == story.desk.machine.digest()
    overheard = story.desk.machine = Overheard(story.desk.machine)
    said = len(story.desk.said)
    story.run([QUOTED, *after])
    commands = [command for event, now in overheard.events for command in machine.handle(event, now)]
    assert commands == story.desk.said[said:]
    assert machine.digest() == overheard.digest()
