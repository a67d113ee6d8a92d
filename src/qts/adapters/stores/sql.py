"""The world store on SQL: SQLite for one machine, PostgreSQL by URL, through one schema.

SQLite runs in WAL mode with synchronous=FULL and one writer at a time (BEGIN
IMMEDIATE), so a committed step survives a power cut and a step that is
interrupted leaves nothing. Every row read is checked against its hash; every
chain can be verified as a whole. Nothing here decides anything.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, Select, Table, func, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from qts.adapters.stores import sql_rows as rows
from qts.adapters.stores import sql_schema as tables
from qts.adapters.stores.sql_errors import storage_error
from qts.domain.errors import StorageError
from qts.worlds.chain import ChainedRow, chained, first_break, row_hash
from qts.worlds.evaluation_run import EvaluationRun, Stage
from qts.worlds.ledger import TrialEntry
from qts.worlds.ledger import verify as verify_trials
from qts.worlds.ports import (
    AuditNote,
    Change,
    DecisionMade,
    Overtaken,
    PolicyVersion,
    RunMoved,
    RunOpened,
    World,
    WorldHead,
)
from qts.worlds.run_lifecycle import RunStatus

_Value = TypeVar("_Value")

WRITES = "qts_writes"
"""The execution option of a connection that is going to write."""
_LOCK_NUMBER = 5_176_310_001
"""PostgreSQL's advisory lock that makes one writer of many."""


class SqlWorldStore:
    """A ``WorldStore``. Open one with ``open_world_store``; close it, or use it in a ``with``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._place = engine.url.render_as_string(hide_password=True).removeprefix("sqlite:///")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()

    # --- writing ------------------------------------------------------------------------------------------------------

    def commit(self, changes: Sequence[Change], *, expecting: WorldHead | None = None) -> None:
        with self._writing() as connection:
            if expecting is not None and _head(connection, expecting.world) != expecting:
                raise self._overtaken(f"world {expecting.world!r} has moved on")
            opened = {change.run.key.run_id: change.run for change in changes if isinstance(change, RunOpened)}
            for change in changes:
                run = self._run_of(change, opened, connection)
                for table, row in rows.rows_of(change, run):
                    _append(connection, table, row)

    def _run_of(self, change: Change, opened: dict[str, EvaluationRun], connection: Connection) -> EvaluationRun | None:
        if not isinstance(change, RunMoved) or change.judged is None:
            return None
        run_id = change.key.run_id
        found = opened.get(run_id) or next(iter(self._assembled(connection, _where(tables.RUNS, run_id=run_id))), None)
        if found is None:
            raise StorageError(f"there is no run {run_id!r} to judge", place=self._place)
        return found

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One transaction, alone: committed at the end, rolled back by anything that goes wrong, Ctrl-C included."""
        try:
            with (
                self._engine.connect().execution_options(**{WRITES: True}) as connection,
                connection.begin(),
            ):
                if connection.dialect.name == "postgresql":
                    connection.execute(select(func.pg_advisory_xact_lock(_LOCK_NUMBER)))
                yield connection
        except IntegrityError as error:
            raise self._overtaken(str(error.orig)) from None
        except SQLAlchemyError as error:
            raise storage_error(error, self._place) from None

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise storage_error(error, self._place) from None

    def _overtaken(self, by: str) -> Overtaken:
        return Overtaken(
            f"somebody else wrote first: {by}",
            place=self._place,
            next_step="read it again and repeat the step; nothing was written",
        )

    # --- reading ------------------------------------------------------------------------------------------------------

    def head(self, world: str) -> WorldHead:
        with self._reading() as connection:
            return _head(connection, world)

    def worlds(self) -> tuple[World, ...]:
        return tuple(self._read(tables.WORLDS, select(tables.WORLDS), rows.world_from))

    def policies(self, world: str) -> tuple[PolicyVersion, ...]:
        return tuple(self._read(tables.POLICIES, _where(tables.POLICIES, world=world), rows.policy_from))

    def run(self, run_id: str) -> EvaluationRun | None:
        with self._reading() as connection:
            return next(iter(self._assembled(connection, _where(tables.RUNS, run_id=run_id))), None)

    def runs(self, world: str, strategy: str | None = None) -> tuple[EvaluationRun, ...]:
        named = {} if strategy is None else {"strategy": strategy}
        with self._reading() as connection:
            return self._assembled(connection, _where(tables.RUNS, world=world, **named))

    def latest_judged(self, world: str, stage: Stage) -> tuple[EvaluationRun, ...]:
        evidence = tables.EVIDENCE.c
        newest = (
            select(func.max(evidence.sequence))
            .where(evidence.world == world, evidence.stage == str(stage))
            .group_by(evidence.strategy)
        )
        run_ids = select(evidence.run_id).where(evidence.sequence.in_(newest))
        with self._reading() as connection:
            return self._assembled(connection, select(tables.RUNS).where(tables.RUNS.c.run_id.in_(run_ids)))

    def unfinished_runs(self, world: str) -> tuple[EvaluationRun, ...]:
        ended = [str(status) for status in RunStatus if not status.is_unfinished]
        moves = tables.RUN_MOVES.c
        left = select(moves.run_id).where(moves.status.in_(ended))
        statement = _where(tables.RUNS, world=world).where(tables.RUNS.c.run_id.not_in(left))
        with self._reading() as connection:
            return self._assembled(connection, statement)

    def trials(self) -> tuple[TrialEntry, ...]:
        entries = tuple(
            TrialEntry(
                sequence=row["sequence"],
                note=self._value(tables.TRIALS, row, rows.trial_from),
                previous_hash=row["previous_hash"],
                hash=row["hash"],
            )
            for row in self._checked(tables.TRIALS, select(tables.TRIALS))
        )
        broken = verify_trials(entries)
        if broken is not None:
            raise self._altered(tables.TRIALS, broken.sentence)
        return entries

    def decisions(self, world: str) -> tuple[DecisionMade, ...]:
        return tuple(self._read(tables.DECISIONS, _where(tables.DECISIONS, world=world), rows.decision_from))

    def latest_decision(self, world: str, stage: Stage) -> DecisionMade | None:
        made = tables.DECISIONS.c
        newest = select(func.max(made.sequence)).where(made.world == world, made.stage == str(stage))
        statement = select(tables.DECISIONS).where(made.sequence == newest.scalar_subquery())
        return next(self._read(tables.DECISIONS, statement, rows.decision_from), None)

    def audit(self, world: str | None = None) -> tuple[AuditNote, ...]:
        wanted = select(tables.AUDIT_LOG) if world is None else _where(tables.AUDIT_LOG, world=world)
        return tuple(self._read(tables.AUDIT_LOG, wanted, rows.note_from))

    def verify(self) -> tuple[str, ...]:
        found = []
        with self._reading() as connection:
            for table in tables.CHAINED_TABLES:
                read = connection.execution_options(yield_per=1000).execute(select(table).order_by(table.c.sequence))
                broken = first_break(_chained_row(dict(row)) for row in read.mappings())
                if broken is not None:
                    found.append(f"{table.name}: {broken.sentence}")
        return tuple(found)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _assembled(self, connection: Connection, opened: "Select[Any]") -> tuple[EvaluationRun, ...]:
        """Whole runs, oldest first, from a selection of their openings."""
        run_ids = opened.with_only_columns(tables.RUNS.c.run_id).order_by(None)
        moves: dict[str, list[rows.Row]] = {}
        for row in self._checked_on(connection, tables.RUN_MOVES, _of_runs(tables.RUN_MOVES, run_ids)):
            moves.setdefault(row["run_id"], []).append(row)
        evidence = {
            row["run_id"]: row
            for row in self._checked_on(connection, tables.EVIDENCE, _of_runs(tables.EVIDENCE, run_ids))
        }

        def assemble(row: rows.Row) -> EvaluationRun:
            run_id = row["run_id"]
            return rows.run_from(row, moves.get(run_id, []), evidence.get(run_id))

        return tuple(
            self._value(tables.RUNS, row, assemble) for row in self._checked_on(connection, tables.RUNS, opened)
        )

    def _read(self, table: Table, statement: "Select[Any]", build: Callable[[rows.Row], _Value]) -> Iterator[_Value]:
        return (self._value(table, row, build) for row in self._checked(table, statement))

    def _checked(self, table: Table, statement: "Select[Any]") -> Sequence[rows.Row]:
        with self._reading() as connection:
            return self._checked_on(connection, table, statement)

    def _checked_on(self, connection: Connection, table: Table, statement: "Select[Any]") -> Sequence[rows.Row]:
        """Rows in order of their sequence, each one as it was written."""
        found = [dict(row) for row in connection.execute(statement.order_by(table.c.sequence)).mappings()]
        for row in found:
            if row["hash"] != row_hash(row["sequence"], row["previous_hash"], rows.chain_facts(row)):
                raise self._altered(table, f"row {row['sequence']} was changed after it was written")
        return found

    def _value(self, table: Table, row: rows.Row, build: Callable[[rows.Row], _Value]) -> _Value:
        try:
            return build(row)
        except (ValueError, KeyError, TypeError) as error:
            raise self._altered(table, f"row {row['sequence']} cannot be read: {error}") from None

    def _altered(self, table: Table, sentence: str) -> StorageError:
        return StorageError(
            f"{table.name}: {sentence}",
            place=self._place,
            next_step="restore the database from a backup; nothing in it can be relied on from there",
        )


def _head(connection: Connection, world: str) -> WorldHead:
    policy, decision = (
        connection.execute(select(func.max(table.c.sequence)).where(table.c.world == world)).scalar() or 0
        for table in (tables.POLICIES, tables.DECISIONS)
    )
    return WorldHead(world=world, policy=policy, decision=decision)


def _where(table: Table, **equal: object) -> "Select[Any]":
    return select(table).where(*(table.c[name] == value for name, value in equal.items()))


def _of_runs(table: Table, run_ids: "Select[Any]") -> "Select[Any]":
    return select(table).where(table.c.run_id.in_(run_ids))


def _chained_row(row: rows.Row) -> ChainedRow:
    return ChainedRow(
        sequence=row["sequence"],
        facts=rows.chain_facts(row),
        previous_hash=row["previous_hash"],
        hash=row["hash"],
    )


def _append(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    """The row at the end of its chain."""
    chain = table.c
    newest = select(chain.sequence, chain.previous_hash, chain.hash).order_by(chain.sequence.desc()).limit(1)
    head = connection.execute(newest).mappings().first()
    link = chained(rows.chain_facts(row), None if head is None else _chained_row(dict(head)))
    place = {"sequence": link.sequence, "previous_hash": link.previous_hash, "hash": link.hash}
    connection.execute(insert(table).values({**row, **place}))
