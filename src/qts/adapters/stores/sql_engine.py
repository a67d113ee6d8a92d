"""Opening the world store: the database made or brought up to date, and its connections set up the safe way.

A new database is made from the schema at once. An existing one is asked for its
revision first, and Alembic is imported only when it is behind, so that opening
stays quick. A database made by a newer QTS is refused, not guessed at.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from qts.adapters.stores.sql import WRITES, SqlWorldStore
from qts.adapters.stores.sql_errors import storage_error
from qts.adapters.stores.sql_schema import METADATA, SCHEMA_REVISION
from qts.domain.errors import StorageError

BUSY_TIMEOUT_MS = 5_000
"""How long to wait for another writer before giving up."""

_MIGRATIONS = Path(__file__).parent / "migrations"


def open_world_store(location: Path | str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> SqlWorldStore:
    """The store at a file, made when it is not there, or at a database URL. Raises StorageError."""
    url = str(location) if "://" in str(location) else f"sqlite:///{location}"
    if url.startswith("sqlite:///"):
        _make_folder(Path(url.removeprefix("sqlite:///")))
    try:
        engine = create_engine(make_url(url))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise StorageError(
            f"this is no database QTS can open: {error}",
            place=str(location),
            next_step="give a file, or a URL such as sqlite:///worlds.db",
        ) from None
    if engine.dialect.name == "sqlite":
        _be_careful(engine, busy_timeout_ms)
    try:
        _bring_up_to_date(engine, str(location))
    except SQLAlchemyError as error:
        engine.dispose()
        raise storage_error(error, str(location)) from None
    except BaseException:
        engine.dispose()
        raise
    return SqlWorldStore(engine)


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"the folder for the database cannot be made: {error.strerror}",
            place=str(path.parent),
            next_step="set QTS_HOME to a folder of your own",
        ) from None


def _be_careful(engine: Engine, busy_timeout_ms: int) -> None:
    """WAL, every commit on the platter, foreign keys checked, and transactions begun by us and not by the driver."""

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        try:
            cursor.execute(f"PRAGMA busy_timeout = {busy_timeout_ms:d}")
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA foreign_keys = ON")
        finally:
            cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _bring_up_to_date(engine: Engine, place: str) -> None:
    with engine.connect() as connection:
        found = _revision(connection)
    if found == SCHEMA_REVISION:
        return
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        found = _revision(connection)  # again, alone: another process may have been quicker
        if found is None:
            METADATA.create_all(connection)
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:found)"), {"found": SCHEMA_REVISION})
        elif found != SCHEMA_REVISION:
            migrate(connection, found, place)


def _revision(connection: Connection) -> str | None:
    """The database's schema revision; None for a new one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(connection: Connection, found: str, place: str) -> None:
    """Leads a database from an older revision to ours, inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found not in known and found != "base":
        raise StorageError(
            f"the database has schema revision {found}, which this QTS does not know: a newer one made it",
            place=place,
            next_step="use the QTS that made it, or a newer one",
        )
    command.upgrade(config, "head")
