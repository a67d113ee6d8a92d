"""The journal on disk: one SQLite file, one process that writes it, every append on the platter before it returns.

SQLite is the one that apsw brings along, because versions before 3.51.3 can
lose a race between two checkpointers. What the promise rests on (write-ahead
log, a sync with every commit) is set when the file is opened, read back, and
the file is refused when it is not so. Whoever only reads has a connection that
cannot write. Rows are never changed: the file itself refuses it, and the chain
tells (journal_check.py).
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

import apsw

from qts.adapters.stores.atomic import storage_error, sync_folder
from qts.adapters.stores.journal_errors import damaged, journal_error
from qts.domain.errors import StorageError
from qts.execution.journal import GENESIS, JournalRow, RowKind, first_bad_row
from qts.execution.journal_check import ChainCheck, RowColumns, check_chain

BUSY_TIMEOUT_MS: Final = 5_000
"""How long to wait for another writer before giving up."""
SQLITE_MIN: Final = (3, 51, 3)
SCHEMA_VERSION: Final = 1
OWNER_ONLY: Final = 0o600

_SCHEMA: Final = """
CREATE TABLE journal_schema (version INTEGER NOT NULL) STRICT;
CREATE TABLE journal_rows (
    number INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, digest TEXT NOT NULL
) STRICT;
CREATE TRIGGER journal_rows_stay BEFORE DELETE ON journal_rows
    BEGIN SELECT RAISE(ABORT, 'rows of a journal are never deleted'); END;
CREATE TRIGGER journal_rows_keep BEFORE UPDATE ON journal_rows
    BEGIN SELECT RAISE(ABORT, 'rows of a journal are never changed'); END;
"""
# full_fsync matters where the system's own sync does not reach the platter.
_PRAGMAS: Final = (
    ("journal_mode", "wal"),
    ("synchronous", 2),
    ("fullfsync", 1),
    ("checkpoint_fullfsync", 1),
)
_KINDS: Final = {kind.value: kind for kind in RowKind}
_READ: Final = "SELECT number, at, kind, text, digest FROM journal_rows WHERE number > ? ORDER BY number LIMIT ?"
_LAST: Final = "SELECT number, digest FROM journal_rows ORDER BY number DESC LIMIT 1"
_ROWS_AT_ONCE: Final = 4_096
_BEFORE_ALL: Final = -(1 << 63)


class JournalReader:
    """Reads a journal, also while another process writes it. Raises StorageError when there is none at ``path``."""

    def __init__(self, path: Path, *, vfs: str | None = None, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        self._place = str(path)
        if not path.is_file():
            raise StorageError("there is no journal here", place=self._place, next_step="check the path")
        self._connection = _connect(path, apsw.SQLITE_OPEN_READONLY, vfs, busy_timeout_ms)
        try:
            _require_journal(self._connection, self._place)
        except BaseException:
            _let_go(self._connection)
            raise

    def rows(self, after: int = 0) -> Iterator[JournalRow]:
        """Rows with a number above ``after``, in order; not checked against the chain."""
        for number, at, kind, text, digest in self._columns(after):
            known = _KINDS.get(kind)
            if known is None:
                raise damaged(self._place, f"row {number} is of an unknown kind")
            yield JournalRow(number, at, known, text, digest)

    def head(self) -> tuple[int, str]:
        return _head(self._connection, self._place)

    def check(self, expected_head: str | None = None) -> ChainCheck:
        """Walks the whole chain, a few thousand rows in memory at a time. expected_head: see journal_check.py."""
        return check_chain(self._columns(_BEFORE_ALL), expected_head)

    def verify(self, expected_head: str | None = None) -> int | None:
        """The number of the first row that is not as it was written, or None."""
        bad = self.check(expected_head).bad
        return None if bad is None else bad.number

    def close(self) -> None:
        _let_go(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _columns(self, after: int) -> Iterator[RowColumns]:
        """In pieces, each a read of its own: a long walk must not keep the writer's log from being reused."""
        while True:
            try:
                found = self._connection.execute(_READ, (after, _ROWS_AT_ONCE)).fetchall()
            except apsw.Error as error:
                raise journal_error(error, self._place) from error
            except UnicodeDecodeError as error:
                raise damaged(self._place, f"a row within {_ROWS_AT_ONCE} after {after} is not text") from error
            piece = cast("list[RowColumns]", found)
            yield from piece
            if len(piece) < _ROWS_AT_ONCE:
                return
            if piece[-1][0] <= after:
                raise damaged(self._place, f"the rows after {after} are in disorder")
            after = piece[-1][0]


class SqliteJournal:
    """The journal of one account, made when there is none at ``path``.

    vfs: the name of SQLite's layer to the operating system; None for its own.
    Raises StorageError when the file cannot be opened, is no journal, was made
    by a newer QTS, or would not keep its promise.
    """

    def __init__(self, path: Path, *, vfs: str | None = None, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        refuse_old_sqlite(apsw.sqlite_lib_version())
        self._place = str(path)
        _make_file(path)
        self._connection = _connect(path, apsw.SQLITE_OPEN_READWRITE, vfs, busy_timeout_ms)
        try:
            _prepare(self._connection, self._place)
            self._reader = JournalReader(path, vfs=vfs, busy_timeout_ms=busy_timeout_ms)
        except apsw.Error as error:
            _let_go(self._connection)
            raise journal_error(error, self._place) from error
        except BaseException:
            _let_go(self._connection)
            raise

    def append(self, rows: Iterable[JournalRow]) -> None:
        """All of the rows or none, on the platter when this returns.

        Raises StorageError when they do not follow from the head or cannot be
        written. Then none of them is in the record, unless the disk failed in
        the very moment of the commit: ``head`` tells, and never half of them are.
        """
        rows = tuple(rows)
        if not rows:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._refuse_strangers(rows)
            columns = ((row.number, row.at, row.kind.value, row.text, row.digest) for row in rows)
            self._connection.executemany("INSERT INTO journal_rows VALUES (?, ?, ?, ?, ?)", columns)
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            self._give_up()
            raise journal_error(error, self._place) from error
        except BaseException:
            self._give_up()
            raise

    def rows(self, after: int = 0) -> Iterator[JournalRow]:
        """Rows with a number above ``after``, in order; not checked against the chain."""
        return self._reader.rows(after)

    def head(self) -> tuple[int, str]:
        return _head(self._connection, self._place)

    def check(self, expected_head: str | None = None) -> ChainCheck:
        return self._reader.check(expected_head)

    def verify(self, expected_head: str | None = None) -> int | None:
        """The number of the first row that is not as it was written, or None. expected_head: see journal_check.py."""
        return self._reader.verify(expected_head)

    def close(self) -> None:
        self._reader.close()
        _let_go(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _refuse_strangers(self, rows: tuple[JournalRow, ...]) -> None:
        """Asks the file for its head, inside the transaction, and no memory of it: somebody else may have written."""
        number, head = _head(self._connection, self._place)
        bad = first_bad_row(rows, head, number)
        if bad is not None:
            raise StorageError(
                f"these rows do not follow: the journal ends with row {number}, and row {bad} does not chain",
                place=self._place,
                next_step="if another process writes this journal, stop one of the two; then start again",
            )

    def _give_up(self) -> None:
        if self._connection.in_transaction:
            with suppress(apsw.Error):  # the cause is the news; SQLite has let go of the transaction all the same
                self._connection.execute("ROLLBACK")


def refuse_old_sqlite(version: str) -> None:
    """Raises StorageError for a version older than 3.51.3."""
    if tuple(map(int, version.split("."))) < SQLITE_MIN:
        wanted = ".".join(map(str, SQLITE_MIN))
        raise StorageError(
            f"SQLite {version} can damage a journal: {wanted} is the first that cannot",
            place="apsw",
            next_step="install the locked apsw, which brings its own SQLite: make setup",
        )


def _make_file(path: Path) -> None:
    """An empty file only its owner may open; SQLite gives its companions the same permissions."""
    if path.is_file():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except OSError as error:
        raise storage_error("cannot make", path, error) from error
    os.close(descriptor)
    sync_folder(path.parent)


def _connect(path: Path, flags: int, vfs: str | None, busy_timeout_ms: int) -> apsw.Connection:
    try:
        connection = apsw.Connection(os.path.abspath(path), flags=flags, vfs=vfs)
        connection.set_busy_timeout(busy_timeout_ms)
    except apsw.Error as error:
        raise journal_error(error, str(path)) from error
    return connection


def _let_go(connection: apsw.Connection) -> None:
    """Closes. A disk that fails now takes nothing with it: what was appended is on the platter."""
    with suppress(apsw.Error):
        connection.close()


def _prepare(connection: apsw.Connection, place: str) -> None:
    """Recognises the file before it changes anything in it, then makes it safe, then makes the tables if it is new."""
    found = _schema_version(connection, place)
    for name, value in _PRAGMAS:
        connection.execute(f"PRAGMA {name} = {value}")
    for name, value in _PRAGMAS:
        read_back = connection.execute(f"PRAGMA {name}").get
        if read_back != value:
            raise StorageError(
                f"the journal would not survive a power cut: {name} is {read_back!r} and stays so, not {value!r}",
                place=place,
                next_step="put the journal on a local disk of this machine",
            )
    if found is None:
        connection.execute("BEGIN IMMEDIATE")
        if _schema_version(connection, place) is None:  # again, alone: another process may have been quicker
            connection.execute(_SCHEMA)
            connection.execute("INSERT INTO journal_schema VALUES (?)", (SCHEMA_VERSION,))
        connection.execute("COMMIT")


def _schema_version(connection: apsw.Connection, place: str) -> int | None:
    """None for an empty file. Raises StorageError for one that is no journal, or a newer one."""
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if not tables:
            return None
        if "journal_schema" not in tables:
            raise _no_journal(place)
        found = connection.execute("SELECT version FROM journal_schema").get
    except apsw.Error as error:
        raise journal_error(error, place) from error
    if found != SCHEMA_VERSION:
        raise StorageError(
            f"the journal has schema version {found}, and this QTS knows {SCHEMA_VERSION}",
            place=place,
            next_step="use the QTS that made it, or a newer one",
        )
    return SCHEMA_VERSION


def _require_journal(connection: apsw.Connection, place: str) -> None:
    if _schema_version(connection, place) is None:
        raise _no_journal(place)


def _no_journal(place: str) -> StorageError:
    return StorageError("this file is not a journal", place=place, next_step="check the path")


def _head(connection: apsw.Connection, place: str) -> tuple[int, str]:
    try:
        found = connection.execute(_LAST).fetchone()
    except apsw.Error as error:
        raise journal_error(error, place) from error
    return (0, GENESIS) if found is None else (found[0], found[1])
