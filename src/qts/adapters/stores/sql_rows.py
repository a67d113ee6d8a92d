"""Values of the worlds layer as rows of the world store, and back.

A row is a plain dict of a table's columns without its sequence and hashes.
Reading back a row that does not fit raises ValueError, KeyError or TypeError;
the store knows which row it was.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeAlias

from sqlalchemy import Table

from qts.adapters.stores import sql_schema as tables
from qts.worlds.chain import document
from qts.worlds.decision import DecisionEnvelope
from qts.worlds.evaluation_run import EvaluationRun, Judged, RunKey, RunMove, Stage
from qts.worlds.evidence import Evidence, Hypothesis
from qts.worlds.ledger import TrialKind, TrialNote
from qts.worlds.ports import AuditNote, Change, DecisionMade, PolicyVersion, RunMoved, RunOpened, World
from qts.worlds.run_lifecycle import RunAction, RunStatus
from qts.worlds.verdict import RuleResult, Verdict

Row: TypeAlias = Mapping[str, Any]


def rows_of(change: Change, run: EvaluationRun | None = None) -> tuple[tuple[Table, dict[str, Any]], ...]:
    """The rows a change appends. run: the run a judged move belongs to."""
    if isinstance(change, RunMoved):
        move = (tables.RUN_MOVES, {"run_id": change.key.run_id, **_of_slots(change.move)})
        if change.judged is None or run is None:
            return (move,)
        return ((tables.EVIDENCE, _of_judged(run, change.judged)), move)
    return (_row_of(change),)


def _row_of(
    change: World | PolicyVersion | RunOpened | TrialNote | DecisionMade | AuditNote,
) -> tuple[Table, dict[str, Any]]:
    match change:
        case World():
            table, row = tables.WORLDS, _of_slots(change)
        case PolicyVersion():
            table, row = tables.POLICIES, {**_of_slots(change), "document": document(change.document)}
        case RunOpened():
            table, row = tables.RUNS, _of_run(change.run)
        case TrialNote():
            table, row = tables.TRIALS, {**change.facts(), "kind": str(change.kind)}
        case DecisionMade():
            table, row = tables.DECISIONS, _of_decision(change)
        case AuditNote():
            table, row = tables.AUDIT_LOG, {**_of_slots(change), "request": document(change.request)}
    return table, row


def chain_facts(row: Row) -> dict[str, object]:
    """What a row's hash covers: every column but its place in the chain, bytes by their digest."""
    return {
        name: sha256(value).hexdigest() if isinstance(value, bytes) else value
        for name, value in row.items()
        if name not in {"sequence", "previous_hash", "hash"}
    }


def _of_slots(value: Any) -> dict[str, Any]:
    return {name: _plain(getattr(value, name)) for name in value.__slots__}


def _plain(value: object) -> object:
    return str(value) if isinstance(value, str) else value  # an enum's column holds its text


def _of_run(run: EvaluationRun) -> dict[str, Any]:
    return {
        "run_id": run.key.run_id,
        "world": run.key.world,
        "strategy": run.key.strategy,
        "stage": str(run.stage),
        "policy_version": run.policy_version,
        "ruleset_hash": run.ruleset_hash,
        "hypothesis": document(run.hypothesis.facts()),
        "opened_at": run.opened_at,
        "opened_by": run.opened_by,
    }


def _of_judged(run: EvaluationRun, judged: Judged) -> dict[str, Any]:
    return {
        "run_id": run.key.run_id,
        "world": run.key.world,
        "strategy": run.key.strategy,
        "stage": str(run.stage),
        "document": document(judged.evidence.facts()),
        "verdict": document(judged.verdict.facts()),
        "day_returns": judged.evidence.day_returns.bytes,
    }


def _of_decision(made: DecisionMade) -> dict[str, Any]:
    envelope = made.envelope.facts()
    envelope.pop("etag")
    standing = {"seated": list(made.seated), "rank": made.rank, "score": made.score, "weight": made.weight}
    return {
        "world": made.envelope.world,
        "strategy": made.envelope.strategy,
        "stage": str(made.stage),
        "document": document({"envelope": envelope, **standing}),
        "made_at": made.made_at,
    }


def world_from(row: Row) -> World:
    return World(
        name=row["name"], simulated=row["simulated"], created_at=row["created_at"], created_by=row["created_by"]
    )


def policy_from(row: Row) -> PolicyVersion:
    return PolicyVersion(
        world=row["world"],
        version=row["version"],
        ruleset_hash=row["ruleset_hash"],
        document=json.loads(row["document"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
    )


def run_from(row: Row, moves: Sequence[Row], evidence: Row | None) -> EvaluationRun:
    """A run from its opening, its moves in order, and its evidence."""
    return EvaluationRun(
        key=RunKey(world=row["world"], strategy=row["strategy"], run_id=row["run_id"]),
        stage=Stage(row["stage"]),
        hypothesis=Hypothesis.from_facts(json.loads(row["hypothesis"])),
        policy_version=row["policy_version"],
        ruleset_hash=row["ruleset_hash"],
        opened_at=row["opened_at"],
        opened_by=row["opened_by"],
        moves=tuple(_move_from(move) for move in moves),
        judged=None if evidence is None else judged_from(evidence),
    )


def _move_from(row: Row) -> RunMove:
    return RunMove(
        ordinal=row["ordinal"],
        action=RunAction(row["action"]),
        status=RunStatus(row["status"]),
        at=row["at"],
        actor=row["actor"],
        reason=row["reason"],
    )


def judged_from(row: Row) -> Judged:
    verdict = json.loads(row["verdict"])
    return Judged(
        evidence=Evidence.from_facts(json.loads(row["document"]), row["day_returns"]),
        verdict=Verdict(
            results=tuple(RuleResult.from_facts(result) for result in verdict["results"]), score=verdict["score"]
        ),
    )


def trial_from(row: Row) -> TrialNote:
    return TrialNote(
        kind=TrialKind(row["kind"]),
        family=row["family"],
        trial_key=row["trial_key"],
        world=row["world"],
        run_id=row["run_id"],
        hypothesis=json.loads(row["hypothesis"]),
        result_digest=row["result_digest"],
        sharpe=row["sharpe"],
        recorded_at=row["recorded_at"],
    )


def decision_from(row: Row) -> DecisionMade:
    known = json.loads(row["document"])
    return DecisionMade(
        envelope=DecisionEnvelope(**known["envelope"]),
        stage=Stage(row["stage"]),
        seated=tuple(known["seated"]),
        rank=known["rank"],
        score=known["score"],
        weight=known["weight"],
        made_at=row["made_at"],
    )


def note_from(row: Row) -> AuditNote:
    return AuditNote(
        world=row["world"],
        actor=row["actor"],
        action=row["action"],
        request=json.loads(row["request"]),
        result=row["result"],
        at=row["at"],
    )
