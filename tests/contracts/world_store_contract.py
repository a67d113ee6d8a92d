"""What every world store promises. A store's test inherits this class and supplies the store."""

from dataclasses import replace

import pytest

from qts.worlds.decision import DecisionEnvelope
from qts.worlds.evaluation_run import EvaluationRun, Judged, RunKey, Stage
from qts.worlds.ledger import closing, opening
from qts.worlds.policy import WorldPolicy, ruleset_hash
from qts.worlds.policy_parsing import parse_policy
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
    WorldStore,
)
from qts.worlds.run_lifecycle import RunAction, RunStatus
from qts.worlds.validation import judge_case
from tests.worlds.world_cases import METRICS, NOW, case, evidence, hypothesis, policy

WORLD = World(name="w", simulated=False, created_at=NOW, created_by="ann")


def version(of: WorldPolicy) -> PolicyVersion:
    return PolicyVersion(
        world=of.world,
        version=of.version,
        ruleset_hash=ruleset_hash(of),
        document=of.facts(),
        created_at=NOW,
        created_by="ann",
    )


def opened(run_id: str = "run-1", strategy: str = "cross", stage: Stage = Stage.BACKTEST) -> EvaluationRun:
    return EvaluationRun(
        key=RunKey(world="w", strategy=strategy, run_id=run_id),
        stage=stage,
        hypothesis=hypothesis(strategy),
        policy_version=1,
        ruleset_hash="sha256:0",
        opened_at=NOW,
        opened_by="ann",
    )


def story(run: EvaluationRun, *actions: RunAction) -> tuple[EvaluationRun, list[Change]]:
    """A run taken through some actions, and the changes that record it."""
    changes: list[Change] = [RunOpened(run=run)]
    for action in actions:
        if action is RunAction.JUDGE:
            judged = Judged(evidence=evidence(run.hypothesis), verdict=judge_case(case()))
            run = run.judged_as(judged, at=NOW + 5, actor="ann")
            changes.append(RunMoved(key=run.key, move=run.moves[-1], judged=judged))
        else:
            run = run.moved(action, at=NOW + 1, actor="ann", reason="because")
            changes.append(RunMoved(key=run.key, move=run.moves[-1]))
    return run, changes


def decided(world: str = "w") -> DecisionMade:
    envelope = DecisionEnvelope(
        world=world,
        strategy="cross",
        run_id=None,
        policy_version=1,
        effective_mode="paper",
        reason="seat",
        as_of=NOW,
        ttl=300_000,
        dataset_fingerprint="f",
    )
    return DecisionMade(
        envelope=envelope, stage=Stage.BACKTEST, seated=("cross", "b"), rank=1, score=0.5, weight=0.5, made_at=NOW
    )


JUDGED = (RunAction.START, RunAction.MEASURE, RunAction.JUDGE)


class WorldStoreContract:
    @pytest.fixture
    def store(self) -> WorldStore:
        raise NotImplementedError

    @pytest.fixture
    def world(self, store: WorldStore) -> WorldStore:
        store.commit([WORLD, version(policy())])
        return store

    def test_a_new_store_is_empty_and_whole(self, store: WorldStore) -> None:
        assert store.worlds() == ()
        assert store.trials() == ()
        assert store.audit() == ()
        assert store.run("run-1") is None
        assert store.policies("w") == ()
        assert store.latest_decision("w", Stage.BACKTEST) is None
        assert store.verify() == ()

    def test_worlds_and_policies_read_back(self, world: WorldStore) -> None:
        second = policy(version=2, waivers=["no-funding"])
        world.commit([version(second)])
        assert world.worlds() == (WORLD,)
        found = world.policies("w")
        assert found == (version(policy()), version(second))
        assert parse_policy(found[1].document, source="stored", metrics=METRICS) == second

    def test_names_and_versions_are_taken_once(self, world: WorldStore) -> None:
        for change in (WORLD, version(policy())):
            with pytest.raises(Overtaken):
                world.commit([change])
        assert len(world.policies("w")) == 1

    def test_a_run_reads_back_at_every_step(self, world: WorldStore) -> None:
        run, changes = story(opened(), *JUDGED, RunAction.REJECT)
        for change in changes:
            world.commit([change])
        assert world.run("run-1") == run
        assert world.runs("w") == (run,)
        assert world.runs("w", "cross") == (run,)
        assert world.runs("w", "other") == ()
        assert world.verify() == ()

    def test_two_who_move_a_run_at_once_do_not_both_succeed(self, world: WorldStore) -> None:
        """Proves: WS-7"""
        run, changes = story(opened())
        world.commit(changes)
        start = run.moved(RunAction.START, at=NOW, actor="ann", reason="")
        expire = run.moved(RunAction.EXPIRE, at=NOW, actor="bob", reason="")
        world.commit([RunMoved(key=run.key, move=start.moves[0])])
        with pytest.raises(Overtaken):
            world.commit([RunMoved(key=run.key, move=expire.moves[0])])
        found = world.run("run-1")
        assert found is not None
        assert found.status is RunStatus.BACKTEST_RUNNING

    def test_a_step_is_stored_whole_or_not_at_all(self, world: WorldStore) -> None:
        """Proves: WS-7"""
        note = AuditNote(world="w", actor="ann", action="x", request={}, result="", at=NOW)
        with pytest.raises(Overtaken):
            world.commit([RunOpened(run=opened()), note, WORLD])
        assert world.run("run-1") is None
        assert world.audit() == ()
        assert world.verify() == ()

    def test_the_latest_judged_run_of_each_strategy_and_stage(self, world: WorldStore) -> None:
        first, changes_first = story(opened("run-1"), *JUDGED)
        again, changes_again = story(opened("run-2"), *JUDGED, RunAction.REJECT)
        other, changes_other = story(opened("run-3", "donchian"), *JUDGED)
        paper, changes_paper = story(opened("run-4", stage=Stage.PAPER), *JUDGED)
        _, changes_open = story(opened("run-5"), RunAction.START)
        for changes in (changes_first, changes_other, changes_again, changes_paper, changes_open):
            world.commit(changes)
        assert world.latest_judged("w", Stage.BACKTEST) == (other, again)
        assert world.latest_judged("w", Stage.PAPER) == (paper,)
        assert world.latest_judged("other", Stage.BACKTEST) == ()
        assert world.runs("w", "cross")[0] == first

    def test_unfinished_runs_are_found(self, world: WorldStore) -> None:
        _, changes = story(opened("run-1"), *JUDGED)
        started, changes_started = story(opened("run-2"), RunAction.START)
        fresh, changes_fresh = story(opened("run-3"))
        _, changes_gone = story(opened("run-4"), RunAction.EXPIRE)
        for each in (changes, changes_started, changes_fresh, changes_gone):
            world.commit(each)
        assert world.unfinished_runs("w") == (started, fresh)

    def test_the_ledger_reads_back_in_order_and_verified(self, world: WorldStore) -> None:
        """Proves: BX-3"""
        tried = hypothesis()
        notes = [
            opening(tried, world=None, run_id=None, held_to={"gates": []}, at=NOW),
            closing(tried, world=None, run_id=None, result_digest="r", sharpe=0.1, at=NOW),
            closing(tried, world=None, run_id=None, result_digest="r", sharpe=None, at=NOW),
        ]
        for note in notes:
            world.commit([note])
        entries = world.trials()
        assert [entry.sequence for entry in entries] == [1, 2, 3]
        assert [entry.note.sharpe for entry in entries] == [None, 0.1, None]
        assert entries[0].note.hypothesis["parameters"] == {"fast": 10, "slow": 40.5}

    def test_decisions_read_back(self, world: WorldStore) -> None:
        first = decided()
        second = replace(first, rank=None, score=None, weight=0.0, seated=())
        on_paper = replace(first, stage=Stage.PAPER)
        world.commit([first, second, on_paper])
        assert world.decisions("w") == (first, second, on_paper)
        assert world.latest_decision("w", Stage.BACKTEST) == second
        assert world.latest_decision("w", Stage.PAPER) == on_paper
        assert world.latest_decision("w", Stage.LIVE) is None

    def test_the_head_moves_with_policies_and_decisions_and_nothing_else(self, world: WorldStore) -> None:
        _, changes = story(opened(), *JUDGED)
        other = replace(WORLD, name="v")
        elsewhere = policy(world="v")
        before = world.head("w")
        assert world.head("nowhere") == WorldHead(world="nowhere", policy=0, decision=0)
        world.commit([*changes, other, version(elsewhere), decided(world="v")])
        assert world.head("w") == before
        world.commit([decided()])
        after = world.head("w")
        assert (after.policy, after.decision > before.decision) == (before.policy, True)
        world.commit([version(policy(version=2))])
        assert world.head("w").policy > after.policy
        assert world.head("w").decision == after.decision

    def test_a_step_made_from_an_older_head_is_not_taken(self, world: WorldStore) -> None:
        """Proves: WS-7"""
        for meanwhile in (decided(), version(policy(version=2))):
            read = world.head("w")
            world.commit([meanwhile], expecting=read)
            kept = world.decisions("w")
            with pytest.raises(Overtaken, match="world 'w' has moved on"):
                world.commit([RunOpened(run=opened()), decided()], expecting=read)
            assert world.decisions("w") == kept
            assert world.run("run-1") is None
        world.commit([RunOpened(run=opened())], expecting=world.head("w"))
        assert world.verify() == ()

    def test_audit_notes_read_back_by_world(self, world: WorldStore) -> None:
        """Proves: WS-13"""
        here = AuditNote(world="w", actor="ann", action="a", request={"n": 1}, result="ok", at=NOW)
        nowhere = replace(here, world=None)
        world.commit([here, nowhere])
        assert world.audit() == (here, nowhere)
        assert world.audit("w") == (here,)
