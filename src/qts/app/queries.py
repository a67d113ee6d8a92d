"""What people ask for that changes nothing."""

from dataclasses import fields

from qts.adapters import clock
from qts.app import assembly
from qts.app.settings import Settings
from qts.worlds.evaluation_run import EvaluationRun
from qts.worlds.ports import World
from qts.worlds.service import WorldStatus


def worlds(settings: Settings) -> tuple[World, ...]:
    return assembly.world_service(settings).worlds()


def world_status(settings: Settings, name: str) -> WorldStatus:
    return assembly.world_service(settings).world_status(name, now=clock.now())


def stored_run(settings: Settings, run_id: str) -> EvaluationRun:
    return assembly.world_service(settings).run(run_id)


def history(settings: Settings, world: str, strategy: str | None) -> tuple[EvaluationRun, ...]:
    """A world's runs, or one strategy's, oldest first."""
    return assembly.world_service(settings).history(world, strategy)


def status_facts(status: WorldStatus) -> dict[str, object]:
    """A world's status as plain values."""
    return {
        "world": status.world.name,
        "simulated": status.world.simulated,
        "policy_version": status.policy.version,
        "policy": status.policy.facts(),
        "standings": [
            {
                "strategy": row.run.key.strategy,
                "run_id": row.run.key.run_id,
                "status": row.run.status.value,
                "rank": None if row.placing is None else row.placing.rank,
                "weight": 0.0 if row.placing is None else row.placing.weight,
                "seated": row.seated,
                "reason": row.reason,
                "decision": status.decisions[row.run.key.strategy].facts(),
            }
            for row in status.standings.rows
        ],
        "unfinished": [run.key.run_id for run in status.unfinished],
    }


def run_facts(run: EvaluationRun) -> dict[str, object]:
    """A run's whole record as plain values."""
    return {
        "run_id": run.key.run_id,
        "url": run.key.url,
        "world": run.key.world,
        "strategy": run.key.strategy,
        "stage": run.stage.value,
        "status": run.status.value,
        "policy_version": run.policy_version,
        "ruleset_hash": run.ruleset_hash,
        "opened_at": run.opened_at,
        "opened_by": run.opened_by,
        "hypothesis": run.hypothesis.facts(),
        "evidence": None if run.judged is None else run.judged.evidence.facts(),
        "verdict": None if run.judged is None else run.judged.verdict.facts(),
        "moves": [{field.name: getattr(move, field.name) for field in fields(move)} for move in run.moves],
    }
