"""The tables of the world store: append-only, each one a hash chain, the same on SQLite and PostgreSQL.

Every table has ``sequence`` (1, 2, 3 without gaps), its columns, and the two
hashes that chain its rows. Instants are milliseconds UTC; documents are JSON
texts, so that what was hashed is what is stored. Triggers refuse UPDATE and
DELETE. ``migrations/`` leads an existing database here, one revision at a time;
a new one is made from this file at once and marked with ``SCHEMA_REVISION``.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)
from sqlalchemy.schema import SchemaItem

SCHEMA_REVISION = "0001"

METADATA = MetaData()


def _chained(name: str, *columns: SchemaItem) -> Table:
    return Table(
        name,
        METADATA,
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        *columns,
        Column("previous_hash", String(64), nullable=False),
        Column("hash", String(64), nullable=False),
    )


WORLDS = _chained(
    "worlds",
    Column("name", String(64), nullable=False, unique=True),
    Column("simulated", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(128), nullable=False),
)

POLICIES = _chained(
    "policies",
    Column("world", String(64), ForeignKey("worlds.name"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("ruleset_hash", String(80), nullable=False),
    Column("document", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(128), nullable=False),
    UniqueConstraint("world", "version", name="policies_world_version"),
)

RUNS = _chained(
    "runs",
    Column("run_id", String(64), nullable=False, unique=True),
    Column("world", String(64), ForeignKey("worlds.name"), nullable=False),
    Column("strategy", String(128), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("ruleset_hash", String(80), nullable=False),
    Column("hypothesis", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("opened_by", String(128), nullable=False),
    Index("runs_world_strategy", "world", "strategy"),
)

RUN_MOVES = _chained(
    "run_moves",
    Column("run_id", String(64), ForeignKey("runs.run_id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("action", String(16), nullable=False),
    Column("status", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("run_id", "ordinal", name="run_moves_run_ordinal"),
)

EVIDENCE = _chained(
    "evidence",
    Column("run_id", String(64), ForeignKey("runs.run_id"), nullable=False, unique=True),
    Column("world", String(64), nullable=False),
    Column("strategy", String(128), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("document", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("day_returns", LargeBinary, nullable=False),
    Index("evidence_world_stage_strategy", "world", "stage", "strategy", "sequence"),
)

TRIALS = _chained(
    "trials",
    Column("kind", String(16), nullable=False),
    Column("family", String(128), nullable=False),
    Column("trial_key", String(64), nullable=False),
    Column("world", String(64), nullable=True),
    Column("run_id", String(64), ForeignKey("runs.run_id"), nullable=True),
    Column("hypothesis", Text, nullable=False),
    Column("result_digest", String(64), nullable=True),
    Column("sharpe", Double, nullable=True),
    Column("recorded_at", BigInteger, nullable=False),
    Index("trials_family_key", "family", "trial_key"),
)

DECISIONS = _chained(
    "decisions",
    Column("world", String(64), ForeignKey("worlds.name"), nullable=False),
    Column("strategy", String(128), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("document", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Index("decisions_world_stage", "world", "stage", "sequence"),
)

AUDIT_LOG = _chained(
    "audit_log",
    Column("world", String(64), nullable=True),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("request", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("audit_log_world", "world"),
)

CHAINED_TABLES: tuple[Table, ...] = (WORLDS, POLICIES, RUNS, RUN_MOVES, EVIDENCE, TRIALS, DECISIONS, AUDIT_LOG)


def _statement(text: str) -> DDL:
    return DDL(text)  # type: ignore[no-untyped-call]


_POSTGRES_REFUSAL = _statement(
    "CREATE OR REPLACE FUNCTION qts_append_only() RETURNS trigger AS $$ "
    "BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql"
)
event.listen(METADATA, "before_create", _POSTGRES_REFUSAL.execute_if(dialect="postgresql"))


def refuse_changes(table: str, dialect: str) -> tuple[str, ...]:
    """The statements after which ``table`` can only grow."""
    if dialect == "postgresql":
        when = f"{table}_append_only BEFORE UPDATE OR DELETE ON {table}"
        return (f"CREATE TRIGGER {when} FOR EACH ROW EXECUTE FUNCTION qts_append_only()",)
    return tuple(
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    )


for _table in CHAINED_TABLES:
    for _dialect in ("sqlite", "postgresql"):
        for _text in refuse_changes(_table.name, _dialect):
            event.listen(_table, "after_create", _statement(_text).execute_if(dialect=_dialect))
