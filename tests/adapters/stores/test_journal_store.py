"""The journal on disk: its promises, whom it lets in, what it refuses, and that no tampering goes unnamed.

Proves: QL-17
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import apsw
import pytest

from qts.adapters.stores import journal_store
from qts.adapters.stores.journal_store import JournalReader, SqliteJournal, refuse_old_sqlite
from qts.domain.errors import StorageError
from qts.execution.events import TimeReached
from qts.execution.journal import Journal, JournalRow, RowKind, chained, encode
from tests.adapters.stores.failing_disk import Disk
from tests.contracts.journal_store_contract import JournalStoreContract
from tests.execution.journal_entries import rows

GIVEN = rows(60)


class TestSqliteJournal(JournalStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqliteJournal]:
        with SqliteJournal(tmp_path / "contract.sqlite") as store:
            yield store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of sixty rows, closed."""
    path = tmp_path / "j.sqlite"
    with SqliteJournal(path) as store:
        store.append(GIVEN)
    return path


# -- opening -----------------------------------------------------------------------------


def test_a_journal_goes_on_where_it_ended(path):
    with SqliteJournal(path) as store:
        journal = Journal(*store.head())
        more = rows(5, journal)
        store.append(more)
        assert list(store.rows()) == [*GIVEN, *more]
        assert store.verify() is None


def test_only_its_owner_may_open_it_or_its_companions(tmp_path):
    before = os.umask(0)
    try:
        with SqliteJournal(tmp_path / "deep" / "j.sqlite") as store:
            store.append(GIVEN)
            found = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "deep").iterdir()}
    finally:
        os.umask(before)
    assert found == {"j.sqlite": 0o600, "j.sqlite-wal": 0o600, "j.sqlite-shm": 0o600}


@pytest.mark.parametrize(
    ("pragma", "instead"),
    [("journal_mode", "memory"), ("journal_mode", "off"), ("synchronous", 1), ("synchronous", 0), ("fullfsync", 0)],
)
def test_a_connection_that_does_not_do_as_it_is_told_is_refused(tmp_path, pragma, instead):
    """DBF-07: what is set is read back."""

    def deaf(connection: apsw.Connection) -> None:
        connection.execute(f"PRAGMA {pragma} = {instead}")
        connection.authorizer = lambda action, name, value, _database, _trigger: (
            apsw.SQLITE_IGNORE
            if action == apsw.SQLITE_PRAGMA and name == pragma and value is not None
            else apsw.SQLITE_OK
        )

    apsw.connection_hooks.append(deaf)
    try:
        with pytest.raises(StorageError, match=f"would not survive a power cut: {pragma} is {instead!r}") as caught:
            SqliteJournal(tmp_path / "j.sqlite")
    finally:
        apsw.connection_hooks.remove(deaf)
    assert "local disk" in caught.value.next_step


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.7.0"])
def test_an_sqlite_that_can_lose_the_race_is_refused(version, tmp_path, monkeypatch):
    """DBF-08."""
    with pytest.raises(StorageError, match=r"3\.51\.3 is the first that cannot"):
        refuse_old_sqlite(version)
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    with pytest.raises(StorageError, match="can damage a journal"):
        SqliteJournal(tmp_path / "j.sqlite")
    assert not (tmp_path / "j.sqlite").exists()


def test_the_locked_sqlite_is_new_enough():
    for version in (apsw.sqlite_lib_version(), "3.51.3", "3.100.0", "4.0.0"):
        refuse_old_sqlite(version)


def test_a_journal_of_a_newer_version_is_refused(path):
    change(path, "UPDATE journal_schema SET version = 2")
    for opening in (SqliteJournal, JournalReader):
        with pytest.raises(StorageError, match="schema version 2, and this QTS knows 1") as caught:
            opening(path)
        assert "newer one" in caught.value.next_step


@pytest.mark.parametrize("opening", [SqliteJournal, JournalReader])
@pytest.mark.parametrize(
    "content", ["a text long enough to be read as the head of a database\n" * 20, "other database"]
)
def test_another_file_is_refused_and_left_as_it_was(tmp_path, opening, content):
    path = tmp_path / "j.sqlite"
    if content == "other database":
        with closing(apsw.Connection(str(path))) as other:
            other.execute("CREATE TABLE worlds (name TEXT)")
    else:
        path.write_text(content)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="this file is not a journal"):
        opening(path)
    assert path.read_bytes() == before


def test_a_path_without_a_journal_says_so(tmp_path):
    with pytest.raises(StorageError, match="there is no journal here"):
        JournalReader(tmp_path / "j.sqlite")
    (tmp_path / "empty").touch()
    with pytest.raises(StorageError, match="this file is not a journal"):
        JournalReader(tmp_path / "empty")
    with pytest.raises(StorageError, match="there is no journal here"):
        JournalReader(tmp_path)
    with pytest.raises(StorageError, match=r"cannot make .*: File exists"):
        SqliteJournal(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot make j"):
        SqliteJournal(tmp_path / "file" / "j")


def test_a_file_left_empty_by_a_crash_becomes_a_journal(tmp_path):
    (tmp_path / "j.sqlite").touch()
    with SqliteJournal(tmp_path / "j.sqlite") as store:
        store.append(GIVEN)
        assert store.verify() is None


def test_a_read_only_file_can_be_read_and_not_written(path):
    disk = Disk("read-only", dice=Random(0), read_only=True)  # noqa: S311 - never thrown
    with JournalReader(path, vfs=disk.name) as reader:
        assert reader.verify() is None
    with pytest.raises(StorageError, match="read-only"), SqliteJournal(path, vfs=disk.name) as store:
        store.append(rows(3, Journal(*store.head())))
    disk.unregister()


def test_a_row_the_file_cannot_hold_leaves_the_journal_ready_for_the_next(path):
    with SqliteJournal(path) as store:
        number, head = store.head()
        odd = JournalRow(61, 1.5, RowKind.EVENT, "[]", chained(head, 61, 1.5, "event", "[]"))  # type: ignore[arg-type]
        with pytest.raises(StorageError, match="the journal refused"):
            store.append([odd])
        store.append(rows(3, Journal(number, head)))
        assert store.head()[0] == 63


# -- reading beside a writer ---------------------------------------------------------------


def test_a_reader_sees_what_the_writer_appended_and_cannot_write(path):
    opened: list[apsw.Connection] = []
    apsw.connection_hooks.append(opened.append)
    try:
        with SqliteJournal(path) as store, JournalReader(path) as reader:
            walk = reader.rows()
            assert next(walk) == GIVEN[0]
            more = rows(4, Journal(*store.head()))
            store.append(more)
            assert reader.head() == store.head()
            assert list(reader.rows(60)) == list(more)
            _writer, *readers = opened
            assert len(readers) == 2
            for connection in readers:
                with pytest.raises(apsw.ReadOnlyError):
                    connection.execute("INSERT INTO journal_schema VALUES (9)")
    finally:
        apsw.connection_hooks.remove(opened.append)


def test_a_long_journal_is_read_and_checked_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_store, "_ROWS_AT_ONCE", 16)
    with SqliteJournal(tmp_path / "j.sqlite") as store:
        store.append(GIVEN[:48])
        assert list(store.rows()) == list(GIVEN[:48])
        for after in (0, 15, 16, 17, 47, 48, 49):
            assert list(store.rows(after)) == list(GIVEN[after:48])
        check = store.check()
        assert (check.rows, check.head, check.first_at) == (48, GIVEN[47].digest, GIVEN[0].at)
        store.append(GIVEN[48:])
        assert store.check(GIVEN[47].digest).rows == 60


# -- tampering -----------------------------------------------------------------------------


def change(path: Path, *statements: str, place: int = 0) -> None:
    """Changes a closed journal behind its back. The statements may name :n, the place, and :forged, a digest."""
    with closing(apsw.Connection(str(path))) as connection:
        for trigger in ("journal_rows_stay", "journal_rows_keep"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            connection.execute(statement, {"n": place, "forged": _forged(place)})


def _forged(place: int) -> str:
    """The digest that goes with FORGED at this place."""
    row = GIVEN[place - 1]
    return chained(GIVEN[place - 2].digest, place, row.at, row.kind.value, FORGED)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE journal_rows SET at = at + 1 WHERE number = 3", "DELETE FROM journal_rows WHERE number = 60"],
)
def test_the_file_itself_refuses_to_change_a_row(path, statement):
    with closing(apsw.Connection(str(path))) as connection, pytest.raises(apsw.ConstraintError, match="never"):
        connection.execute(statement)


FORGED = encode(TimeReached())
CHANGED = "UPDATE journal_rows SET "
# What is done, and how many rows after the place the first bad one stands.
# Rows are renumbered in two steps, because numbers must stay different on the way.
TAMPERING: dict[str, tuple[tuple[str, ...], int]] = {
    "an instant": ((CHANGED + "at = at - 1 WHERE number = :n",), 0),
    "a text": ((CHANGED + "text = substr(text, 1, length(text) - 1) || ' ]' WHERE number = :n",), 0),
    "a kind": ((CHANGED + "kind = iif(kind = 'event', 'command', 'event') WHERE number = :n",), 0),
    "a digest": ((CHANGED + "digest = :forged WHERE number = :n",), 0),
    "a row deleted": (("DELETE FROM journal_rows WHERE number = :n",), 0),
    "rows deleted": (("DELETE FROM journal_rows WHERE number BETWEEN :n AND :n + 3",), 0),
    "a row deleted and the rest renumbered": (
        (
            "DELETE FROM journal_rows WHERE number = :n",
            CHANGED + "number = -number WHERE number > :n",
            CHANGED + "number = -number - 1 WHERE number < 0",
        ),
        0,
    ),
    "two rows swapped": (
        (
            CHANGED + "number = -1 WHERE number = :n",
            CHANGED + "number = :n WHERE number = :n + 2",
            CHANGED + "number = :n + 2 WHERE number = -1",
        ),
        0,
    ),
    "a row inserted": (
        (
            CHANGED + "number = -number - 1 WHERE number >= :n",
            CHANGED + "number = -number WHERE number < 0",
            "INSERT INTO journal_rows SELECT :n, at, kind, text, digest FROM journal_rows WHERE number = :n - 1",
        ),
        0,
    ),
    "a row chained anew": ((CHANGED + "text = '[\"TimeReached\",[]]', digest = :forged WHERE number = :n",), 1),
}
PLACES = (2, 11, 12, 31, 56)


def test_fifty_ways_of_tampering_are_each_named(path, tmp_path):
    """DBF-04: SQLite finds nothing wrong with any of these files."""
    found = 0
    for what, (statements, later) in TAMPERING.items():
        for place in PLACES:
            copy = tmp_path / "copy.sqlite"
            shutil.copy(path, copy)
            change(copy, *statements, place=place)
            with closing(apsw.Connection(str(copy))) as connection:
                assert connection.execute("PRAGMA integrity_check").get == "ok"
            with JournalReader(copy) as reader:
                assert reader.verify() == place + later, f"{what} at row {place}"
            found += 1
    assert found == 50


def test_a_cut_tail_is_seen_only_with_a_digest_noted_elsewhere(path):
    """DBF-12."""
    change(path, "DELETE FROM journal_rows WHERE number > 40")
    with JournalReader(path) as reader:
        assert reader.verify() is None
        assert reader.verify(expected_head=GIVEN[39].digest) is None
        assert reader.verify(expected_head=GIVEN[59].digest) == 41


def test_a_row_put_before_the_first_is_seen(path):
    change(path, "INSERT INTO journal_rows SELECT 0, at, kind, text, digest FROM journal_rows WHERE number = 1")
    with JournalReader(path) as reader:
        assert reader.verify() == 1


def test_bytes_changed_in_the_file_are_seen(path, tmp_path):
    """DBF-04: bits rot anywhere, inside a text, in what should be UTF-8, in a page's own numbers."""
    whole = path.read_bytes()
    page = 4096 * 2
    rotten = {
        "row 30 does not follow from row 29": whole.replace(b"o-30", b"o-3x"),
        "is not text": whole.replace(b"o-30", b"o-\xff0"),
        "malformed": whole[:page] + b"\xaa" * 64 + whole[page + 64 :],
    }
    for said, content in rotten.items():
        copy = tmp_path / "rotten.sqlite"
        copy.write_bytes(content)
        try:
            with JournalReader(copy) as reader:
                bad = reader.check().bad
                answer = "" if bad is None else bad.what
        except StorageError as error:
            answer = str(error)
        assert said in answer


def test_rows_of_a_kind_nobody_knows_are_not_handed_out(path):
    change(path, "UPDATE journal_rows SET kind = 'rumour' WHERE number = 5")
    with JournalReader(path) as reader, pytest.raises(StorageError, match="row 5 is of an unknown kind"):
        list(reader.rows())
