"""The first tables: worlds, policies, runs, their moves and evidence, trials, decisions, audit.

Revision 0001. There is no way down: what was recorded is not taken back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION qts_append_only() RETURNS trigger AS $$ "
            "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql"
        )
    _governed()
    _judged()
    _told()
    for table in ("worlds", "policies", "runs", "run_moves", "evidence", "trials", "decisions", "audit_log"):
        _refuse_changes(table)


def _chained(name: str, *columns: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        *columns,
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )


def _governed() -> None:
    _chained(
        "worlds",
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
    )
    _chained(
        "policies",
        sa.Column("world", sa.String(64), sa.ForeignKey("worlds.name"), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("ruleset_hash", sa.String(80), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.UniqueConstraint("world", "version", name="policies_world_version"),
    )


def _judged() -> None:
    _chained(
        "runs",
        sa.Column("run_id", sa.String(64), nullable=False, unique=True),
        sa.Column("world", sa.String(64), sa.ForeignKey("worlds.name"), nullable=False),
        sa.Column("strategy", sa.String(128), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("policy_version", sa.Integer, nullable=False),
        sa.Column("ruleset_hash", sa.String(80), nullable=False),
        sa.Column("hypothesis", sa.Text, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("opened_by", sa.String(128), nullable=False),
    )
    op.create_index("runs_world_strategy", "runs", ["world", "strategy"])
    _chained(
        "run_moves",
        sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.UniqueConstraint("run_id", "ordinal", name="run_moves_run_ordinal"),
    )
    _chained(
        "evidence",
        sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), nullable=False, unique=True),
        sa.Column("world", sa.String(64), nullable=False),
        sa.Column("strategy", sa.String(128), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("day_returns", sa.LargeBinary, nullable=False),
    )
    op.create_index("evidence_world_stage_strategy", "evidence", ["world", "stage", "strategy", "sequence"])


def _told() -> None:
    _chained(
        "trials",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("family", sa.String(128), nullable=False),
        sa.Column("trial_key", sa.String(64), nullable=False),
        sa.Column("world", sa.String(64), nullable=True),
        sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), nullable=True),
        sa.Column("hypothesis", sa.Text, nullable=False),
        sa.Column("result_digest", sa.String(64), nullable=True),
        sa.Column("sharpe", sa.Double, nullable=True),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
    )
    op.create_index("trials_family_key", "trials", ["family", "trial_key"])
    _chained(
        "decisions",
        sa.Column("world", sa.String(64), sa.ForeignKey("worlds.name"), nullable=False),
        sa.Column("strategy", sa.String(128), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
    )
    op.create_index("decisions_world_stage", "decisions", ["world", "stage", "sequence"])
    _chained(
        "audit_log",
        sa.Column("world", sa.String(64), nullable=True),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("audit_log_world", "audit_log", ["world"])


def _refuse_changes(table: str) -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION qts_append_only()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
