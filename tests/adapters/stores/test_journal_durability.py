"""What was acknowledged is there after a power cut, a kill and a failing disk; the rest is there whole or not at all.

Proves: QL-17
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import apsw
import pytest

from qts.adapters.stores.journal_store import SqliteJournal
from qts.domain.errors import StorageError
from qts.execution.journal import Journal
from tests.adapters.stores.failing_disk import Disk
from tests.execution.journal_entries import rows

GIVEN = rows(120)


def dice_of(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - a repeatable script, no secret


@contextmanager
def every_connection() -> Iterator[list[apsw.Connection]]:
    """Collects the connections opened meanwhile; a store's first is its writer."""
    opened: list[apsw.Connection] = []
    apsw.connection_hooks.append(opened.append)
    try:
        yield opened
    finally:
        apsw.connection_hooks.remove(opened.append)


def run_until_dark(disk: Disk, path: Path, weaker: str | None, dice: Random) -> int:
    """Appends in small batches, with checkpoints; returns how many rows were acknowledged before the cut."""
    acknowledged = 0
    with every_connection() as opened:
        store = SqliteJournal(path, vfs=disk.name)
        writer = opened[0]
        assert not writer.readonly("main")
        if weaker is not None:
            writer.execute(f"PRAGMA synchronous = {weaker}")
        writer.wal_autocheckpoint(dice.choice([2, 5, 1000]))
        given = list(GIVEN)
        while given:
            batch, given = given[: (size := dice.randint(1, 9))], given[size:]
            store.append(batch)
            if disk.is_dark:
                break
            acknowledged += len(batch)
        store.close()
    return acknowledged


def after_cuts(tmp_path: Path, weaker: str | None, seeds: int) -> tuple[int, int]:
    """Over the seeds: acknowledged rows that are gone when the power is back, and records that are no longer sound.

    weaker: what the writer's synchronous is set to behind the store's back; None leaves it as the store wants it.
    """
    lost = broken = 0
    for seed in range(seeds):
        dice = dice_of(seed)
        disk = Disk(f"cut-{weaker}-{seed}", dice=dice)
        disk.cut_at = dice.randint(20, 160)
        acknowledged = run_until_dark(disk, tmp_path / f"{seed}" / "j.sqlite", weaker, dice)
        disk.unregister()
        if not disk.is_dark:
            disk.cut_at = disk.operations + 1
            disk.operation()
        after = tmp_path / f"{seed}-after"
        disk.restore(after)
        try:
            with SqliteJournal(after / "j.sqlite") as store:
                found = list(store.rows())
                lost += max(0, acknowledged - len(found))
                store.append(GIVEN[len(found) :])
                broken += store.verify() is not None or list(store.rows()) != list(GIVEN)
        except StorageError:
            broken += 1
    return lost, broken


def test_a_power_cut_loses_no_acknowledged_row(tmp_path):
    """DBF-06."""
    assert after_cuts(tmp_path, None, seeds=150) == (0, 0)


def test_syncing_only_at_checkpoints_the_same_cuts_lose_rows(tmp_path):
    """The log is sound all the same, only shorter: what a sync with every commit buys is exactly those rows."""
    lost, broken = after_cuts(tmp_path, "NORMAL", seeds=20)
    assert lost > 20
    assert broken == 0


def test_without_any_sync_the_same_cuts_break_records(tmp_path):
    lost, broken = after_cuts(tmp_path, "OFF", seeds=20)
    assert lost > 20
    assert broken > 5


def run_on_failing_disk(disk: Disk, path: Path) -> int:
    """Opens, appends and checkpoints, trying again what failed; returns how many rows were acknowledged."""
    acknowledged = 0
    store = None
    with every_connection() as opened:
        with suppress(StorageError):
            store = SqliteJournal(path, vfs=disk.name)
            opened[0].wal_autocheckpoint(4)
        for end in range(10, 51, 10) if store is not None else ():
            for _attempt in range(2):
                try:
                    store.append(GIVEN[acknowledged:end])
                except StorageError:
                    with suppress(StorageError):
                        head = store.head()[0]
                        assert head in (acknowledged, end)
                        acknowledged = head
                else:
                    acknowledged = end
                if acknowledged == end:
                    break
        disk.heal()  # closing is not what is tested here
        for connection in opened:
            with suppress(apsw.IOError):
                connection.close()
    return acknowledged


@pytest.mark.parametrize("failure", ["once", "from then on"])
def test_whichever_operation_fails_a_batch_is_there_whole_or_raised(tmp_path, failure, monkeypatch):
    """Every operation in turn, until a run meets no failure any more (DBF-05)."""
    lived_with: list[object] = []  # failures SQLite shrugs off, such as a checkpoint that can wait, come out here
    monkeypatch.setattr(sys, "unraisablehook", lambda said: lived_with.append(said.exc_type))
    refused = 0
    for fail_at in range(1, 1000):
        disk = Disk(f"fail-{failure}-{fail_at}", dice=dice_of(fail_at))
        disk.fail_at, disk.fails_forever = fail_at, failure == "from then on"
        folder = tmp_path / str(fail_at)
        acknowledged = run_on_failing_disk(disk, folder / "j.sqlite")
        was_reached = disk.operations >= fail_at
        disk.unregister()
        refused += acknowledged < 50
        with SqliteJournal(folder / "j.sqlite") as store:
            found = store.head()[0]
            assert found % 10 == 0
            assert found >= acknowledged
            assert list(store.rows()) == list(GIVEN[:found])
            assert store.verify() is None
        if not was_reached:
            assert acknowledged == 50
            break
    else:
        pytest.fail("no run was clean")
    assert fail_at > 50
    assert refused > 5
    assert set(lived_with) <= {apsw.IOError}


CHILD = """
import sys
from pathlib import Path
from qts.adapters.stores.journal_store import SqliteJournal
from qts.execution.journal import Journal
from tests.execution.journal_entries import rows
store = SqliteJournal(Path(sys.argv[1]))
journal = Journal(*store.head())
while True:
    store.append(rows(3, journal))
    sys.stdout.write(f"{journal.number} {journal.head}\\n")
    sys.stdout.flush()
"""


def test_a_killed_process_leaves_every_row_it_told_of(tmp_path):
    path, before = tmp_path / "j.sqlite", 0
    for seed in range(4):
        child = subprocess.Popen([sys.executable, "-c", CHILD, path], stdout=subprocess.PIPE, text=True)
        told = [child.stdout.readline() for _ in range(dice_of(seed).randint(1, 200))]
        child.kill()
        told += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        whole = [line for line in told if line.endswith("\n")]
        number, head = whole[-1].split()
        with SqliteJournal(path) as store:
            found, _ = store.head()
            assert found >= int(number) > before
            assert store.verify(expected_head=head) is None
            before = found


def test_a_full_disk_writes_nothing_and_the_same_rows_pass_when_there_is_room(tmp_path):
    """DBF-01, DBF-02."""
    with every_connection() as opened, SqliteJournal(tmp_path / "j.sqlite") as store:
        store.append(GIVEN[:10])
        pages = opened[0].execute("PRAGMA page_count").get
        opened[0].execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageError, match="the disk is full") as caught:
            store.append(GIVEN[10:])
        assert "nothing was written" in caught.value.next_step
        assert store.head() == (10, GIVEN[9].digest)
        opened[0].execute("PRAGMA max_page_count = 100000")
        store.append(GIVEN[10:])
        assert list(store.rows()) == list(GIVEN)


def test_a_second_writer_is_waited_for_and_then_reported(tmp_path):
    """DBF-03."""
    path = tmp_path / "j.sqlite"
    with SqliteJournal(path, busy_timeout_ms=20) as store:
        store.append(GIVEN[:10])
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="the journal is locked"):
            store.append(GIVEN[10:20])
        assert list(store.rows()) == list(GIVEN[:10])
        other.execute("ROLLBACK")
        other.close()
        store.append(GIVEN[10:20])
        with SqliteJournal(path) as second:
            second.append(GIVEN[20:30])
        with pytest.raises(StorageError, match="the journal ends with row 30"):
            store.append(GIVEN[20:40])
        assert store.head()[0] == 30
        assert Journal(*store.head()).number == 30
