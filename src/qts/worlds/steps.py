"""What each step of a world's record writes: everything that belongs together, to be committed at once.

Pure: the service decides what happens, this file says which rows tell of it.
"""

from qts.domain.instant import Instant
from qts.worlds.evaluation_run import EvaluationRun
from qts.worlds.ledger import closing, opening
from qts.worlds.policy import WorldPolicy, ruleset_hash
from qts.worlds.ports import AuditNote, Change, DecisionMade, PolicyVersion, RunMoved, RunOpened
from qts.worlds.run_lifecycle import RunAction


def policy_added(action: str, policy: WorldPolicy, *, actor: str, at: Instant) -> tuple[PolicyVersion, AuditNote]:
    """A version of a policy, and who wanted it. action: what they asked for."""
    rules = ruleset_hash(policy)
    version = PolicyVersion(
        world=policy.world,
        version=policy.version,
        ruleset_hash=rules,
        document=policy.facts(),
        created_at=at,
        created_by=actor,
    )
    request = {"version": policy.version, "extends": policy.extends}
    note = AuditNote(world=policy.world, actor=actor, action=action, request=request, result=rules, at=at)
    return version, note


def run_opened(run: EvaluationRun, policy: WorldPolicy) -> tuple[Change, ...]:
    """A run at its birth, and the trial it is. policy: what it will be held to."""
    tried, key, at = run.hypothesis, run.key, run.opened_at
    held_to = {
        "gates": list(policy.selection.gates),
        "score": policy.selection.score,
        "ruleset_hash": run.ruleset_hash,
    }
    note = AuditNote(
        world=key.world,
        actor=run.opened_by,
        action="open_run",
        request={"strategy": tried.strategy, "trial_key": tried.trial_key, "stage": run.stage},
        result=key.run_id,
        at=at,
    )
    return RunOpened(run=run), opening(tried, world=key.world, run_id=key.run_id, held_to=held_to, at=at), note


def run_moved(moved: EvaluationRun) -> tuple[Change, ...]:
    """A run's last move, and who made it."""
    move = moved.moves[-1]
    note = AuditNote(
        world=moved.key.world,
        actor=move.actor,
        action="move_run",
        request={"run_id": moved.key.run_id, "action": move.action, "reason": move.reason},
        result=moved.status,
        at=move.at,
    )
    return RunMoved(key=moved.key, move=move), note


def run_judged(before: EvaluationRun, done: EvaluationRun, made: DecisionMade, *, actor: str) -> tuple[Change, ...]:
    """The moves from ``before`` to ``done`` with evidence and verdict, the trial closed, and the decision."""
    judged, key, at = done.judged, done.key, made.made_at
    assert judged is not None, "a run is recorded once it is judged"
    evidence = judged.evidence
    moves = [
        RunMoved(key=key, move=move, judged=judged if move.action is RunAction.JUDGE else None)
        for move in done.moves[len(before.moves) :]
    ]
    closed = closing(
        done.hypothesis,
        world=key.world,
        run_id=key.run_id,
        result_digest=evidence.result_digest,
        sharpe=evidence.metrics.get("sharpe"),
        at=at,
    )
    note = AuditNote(
        world=key.world,
        actor=actor,
        action="judge",
        request={"run_id": key.run_id, "result_digest": evidence.result_digest},
        result=judged.verdict.status,
        at=at,
    )
    return *moves, closed, made, note
