"""The world store on SQLite: the contract, and what a file and a disk can do to it."""

import multiprocessing
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from qts.adapters.stores.sql import WRITES, SqlWorldStore
from qts.adapters.stores.sql_engine import migrate, open_world_store
from qts.adapters.stores.sql_schema import CHAINED_TABLES, SCHEMA_REVISION
from qts.domain.errors import StorageError
from qts.worlds.ports import AuditNote
from qts.worlds.run_lifecycle import RunStatus
from tests.contracts.world_store_contract import JUDGED, WORLD, WorldStoreContract, opened, story, version
from tests.worlds.world_cases import NOW, policy


def note(result: str = "") -> AuditNote:
    return AuditNote(world=None, actor="ann", action="a", request={}, result=result, at=NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "qts" / "worlds.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlWorldStore]:
    with open_world_store(path, busy_timeout_ms=50) as opened_store:
        yield opened_store


class TestSqlWorldStore(WorldStoreContract):
    @pytest.fixture
    def store(self, store: SqlWorldStore) -> SqlWorldStore:
        return store


def filled(store: SqlWorldStore) -> None:
    _, changes = story(opened(), *JUDGED)
    store.commit([WORLD, version(policy()), *changes, note()])


def tampered(path: Path, statement: str) -> None:
    """Somebody with the file and a hex editor: the triggers are theirs to drop."""
    with sqlite3.connect(path, isolation_level=None) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA foreign_keys = OFF")
        assert connection.execute(statement).rowcount == 1
    connection.close()


def test_commits_survive_reopening(path: Path) -> None:
    with open_world_store(path) as first:
        filled(first)
    with open_world_store(path) as second:
        found = second.run("run-1")
        assert found is not None
        assert found.status is RunStatus.EVALUATED
        assert second.verify() == ()


def test_sqlite_is_set_up_to_lose_nothing(store: SqlWorldStore) -> None:
    with store._engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 50}


@pytest.mark.parametrize("table", [table.name for table in CHAINED_TABLES])
@pytest.mark.parametrize("statement", ["UPDATE {} SET hash = 'x'", "DELETE FROM {}"])
def test_nothing_stored_can_be_changed_or_deleted(path: Path, store: SqlWorldStore, table: str, statement: str) -> None:
    """Proves: WS-7, WS-13, BX-3"""
    filled(store)
    with sqlite3.connect(path) as connection:
        if connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0:  # noqa: S608
            row = {"trials": "(1,'opened','f','k',NULL,NULL,'{}',NULL,NULL,1,'p','h')"}.get(
                table, "(1,'w','s','backtest','{}',1,'p','h')"
            )
            connection.execute(f"INSERT INTO {table} VALUES {row}")  # noqa: S608
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
            connection.execute(statement.format(table))
    connection.close()


@pytest.mark.parametrize(
    ("table", "statement", "read"),
    [
        ("policies", "UPDATE policies SET document = replace(document, '0.95', '0.05')", "policies"),
        ("evidence", "UPDATE evidence SET document = replace(document, '1.4', '2.4')", "run"),
        ("evidence", "UPDATE evidence SET day_returns = zeroblob(8)", "run"),
        ("run_moves", "UPDATE run_moves SET status = 'activated' WHERE ordinal = 3", "run"),
        ("runs", "UPDATE runs SET opened_by = 'bob'", "run"),
        ("audit_log", "UPDATE audit_log SET actor = 'bob'", "audit"),
        ("worlds", "UPDATE worlds SET simulated = 1", "worlds"),
    ],
)
def test_a_changed_digit_is_named(path: Path, table: str, statement: str, read: str) -> None:
    """Proves: WS-13"""
    with open_world_store(path) as store:
        filled(store)
    tampered(path, statement)
    with open_world_store(path) as store:
        row = 3 if table == "run_moves" else 1
        sentence = f"{table}: row {row} was changed after it was written"
        assert store.verify() == (sentence,)
        readers = {
            "policies": lambda: store.policies("w"),
            "run": lambda: store.run("run-1"),
            "audit": store.audit,
            "worlds": store.worlds,
        }
        with pytest.raises(StorageError) as caught:
            readers[read]()
        assert caught.value.cause == sentence
        assert "backup" in caught.value.next_step


def test_a_removed_row_is_named(path: Path) -> None:
    with open_world_store(path) as store:
        for result in "abc":
            store.commit([note(result)])
    tampered(path, "DELETE FROM audit_log WHERE sequence = 2")
    with open_world_store(path) as store:
        assert store.verify() == ("audit_log: row 2 is missing: row 3 follows",)


def test_a_locked_database_says_who_and_what_to_do(path: Path, store: SqlWorldStore) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError) as caught:
        store.commit([note()])
    assert "database is locked: another qts process" in caught.value.cause
    assert caught.value.place == str(path)
    assert "try again" in caught.value.next_step
    assert store.audit() == ()  # reading goes on beside a writer
    other.execute("ROLLBACK")
    other.close()
    store.commit([note()])
    assert len(store.audit()) == 1


def test_a_full_disk_loses_nothing(store: SqlWorldStore) -> None:
    store.commit([note("kept")])
    with store._engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(StorageError, match="the disk is full"):
        store.commit([note("x" * 400_000)])
    kept = store.audit()
    assert kept[0].result == "kept"
    assert store.verify() == ()


def test_an_interrupt_in_the_middle_of_a_step_leaves_nothing(store: SqlWorldStore) -> None:
    """Proves: WS-7"""

    class Interrupting(list[object]):
        def __iter__(self) -> Iterator[object]:
            yield note("half")
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            store.commit(Interrupting())  # type: ignore[arg-type]
    assert store.audit() == ()
    store.commit([note("after")])
    assert [kept.result for kept in store.audit()] == ["after"]


def test_a_killed_writer_leaves_whole_steps(path: Path, store: SqlWorldStore) -> None:
    """A process that is killed while writing: what it committed is there and chained, the rest is not."""
    program = (
        "import sys; from qts.adapters.stores.sql_engine import open_world_store\n"
        "from tests.adapters.stores.test_sql_store import note\n"
        "store = open_world_store(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "while True: store.commit([note('one'), note('two')])\n"
    )
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, env=environment, cwd=root
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        while len(store.audit()) < 20:
            pass
        writer.kill()
    results = [kept.result for kept in store.audit()]
    assert results == ["one", "two"] * (len(results) // 2)
    assert store.verify() == ()


def _write_many(path: str) -> None:
    with open_world_store(path) as mine:
        for _ in range(10):
            mine.commit([note("one"), note("two")])


def test_several_processes_write_one_chain_and_may_all_make_the_database(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(str(path),)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    with open_world_store(path) as store:
        assert [kept.result for kept in store.audit()] == ["one", "two"] * 30
        assert store.verify() == ()


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("dear diary " * 100)
    with pytest.raises(StorageError, match="not a database"):
        open_world_store(path)
    assert path.read_text() == "dear diary " * 100


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="folder for the database cannot be made"):
        open_world_store(tmp_path / "file" / "worlds.db")
    with pytest.raises(StorageError, match="cannot be opened"):
        open_world_store(tmp_path)


def test_a_url_nobody_speaks_is_refused() -> None:
    with pytest.raises(StorageError, match="no database QTS can open"):
        open_world_store("nonsense:" + "//somewhere")


def test_a_newer_database_is_not_guessed_at(path: Path) -> None:
    with open_world_store(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StorageError, match=r"schema revision 9999.*a newer one made it"):
        open_world_store(path)


def _schema(path: Path) -> list[tuple[str, str, str]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return sorted((kind, name, " ".join(sql.split())) for kind, name, sql in found)


def test_migrations_lead_to_the_schema_a_new_database_gets(tmp_path: Path) -> None:
    with open_world_store(tmp_path / "new.db"):
        pass
    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        migrate(connection, "base", "here")
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == SCHEMA_REVISION
    engine.dispose()

    def told(path: Path) -> list[tuple[str, str, str]]:
        return [row for row in _schema(path) if row[1] != "alembic_version"]

    assert told(tmp_path / "migrated.db") == told(tmp_path / "new.db")
    with open_world_store(tmp_path / "migrated.db") as store:
        filled(store)
        assert store.verify() == ()


def test_opening_an_up_to_date_database_does_not_import_alembic(path: Path) -> None:
    program = (
        "import sys; from qts.adapters.stores.sql_engine import open_world_store\n"
        "for _ in range(2): open_world_store(sys.argv[1]).close()\n"
        "print('alembic' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_judging_a_run_that_is_not_there_is_refused(store: SqlWorldStore) -> None:
    store.commit([WORLD])
    _, changes = story(opened(), *JUDGED)
    with pytest.raises(StorageError, match="there is no run 'run-1'"):
        store.commit([changes[-1]])
