"""A world from its first policy to its verdicts, on the real store."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qts.adapters.stores.sql_engine import open_world_store
from qts.domain.errors import PolicyError
from qts.domain.instant import DAY_MS, HOUR_MS
from qts.worlds.decision import resolve
from qts.worlds.evaluation_run import Stage
from qts.worlds.evidence import Evidence
from qts.worlds.ledger import TrialKind
from qts.worlds.ports import WorldStore
from qts.worlds.run_lifecycle import IllegalTransition, RunAction, RunStatus
from qts.worlds.service import WorldService
from qts.worlds.verdict import ReasonCode, RuleStatus
from tests.worlds.submitting import evaluating, submit
from tests.worlds.world_cases import END, METRICS, NOW, SEATS, evidence, hypothesis, policy


def test_a_good_run_gets_a_seat_and_may_go_to_paper(service: WorldService) -> None:
    """Proves: WS-3, WS-5, WS-7"""
    judgement = submit(service)
    assert judgement.verdict.status is RuleStatus.PASS
    assert judgement.run.status is RunStatus.EVALUATED
    assert (judgement.rank, judgement.score, judgement.weight) == (1, 1.4, 0.5)
    assert judgement.decision.effective_mode == "paper"
    assert judgement.decision.run_id == judgement.run.key.run_id
    assert judgement.decision.dataset_fingerprint == "f1f2"
    assert judgement.place_reason == "ranked 1 of 1, seat 1 of 2"
    assert resolve("live", judgement.decision, world="w", strategy="cross", now=NOW).domain == "dryrun"
    assert service.run(judgement.run.key.url) == judgement.run


def test_a_failing_run_is_rejected_with_its_sentence(service: WorldService) -> None:
    judgement = submit(service, metrics={"sharpe": 0.12})
    assert judgement.run.status is RunStatus.REJECTED
    assert judgement.run.reason == "rejected: Sharpe ratio 0.12 is below 1.00, short by 0.88"
    assert judgement.decision.effective_mode == "compute-only"
    assert judgement.decision.reason == judgement.run.reason
    assert (judgement.rank, judgement.weight, judgement.contribution) == (None, 0.0, None)
    assert judgement.results == judgement.verdict.results
    assert service.run(judgement.run.key.run_id) == judgement.run


def test_no_judgement_ever_answers_live(service: WorldService) -> None:
    """Proves: WS-1, WS-10"""
    service.add_policy_version(
        policy(version=2, selection=SEATS, governance={"allow_live": True, "approvers": ["bob"], "max_live_slots": 3}),
        actor="ann",
        now=NOW,
    )
    assert submit(service).decision.effective_mode == "paper"
    for stage in (Stage.PAPER, Stage.LIVE):
        assert submit(service, stage=stage).decision.effective_mode == "paper"


def test_the_better_strategy_takes_the_seat(service: WorldService) -> None:
    """Proves: WS-3"""
    submit(service, "a", metrics={"sharpe": 1.1})
    submit(service, "b", metrics={"sharpe": 1.2})
    third = submit(service, "c", metrics={"sharpe": 1.3})
    assert [row.run.key.strategy for row in third.standings.rows] == ["c", "b", "a"]
    assert third.standings.seated == ("c", "b")
    assert third.contribution == pytest.approx(1.25 - 1.15)
    assert service.decide("w", "a", now=NOW).effective_mode == "compute-only"
    assert "all 2 seats are taken" in service.decide("w", "a", now=NOW).reason
    assert service.decide("w", "b", now=NOW).effective_mode == "paper"


def test_a_look_alike_is_skipped(service: WorldService) -> None:
    submit(service, "a", metrics={"sharpe": 1.5}, seed=5)
    twin = submit(service, "b", metrics={"sharpe": 1.2}, seed=5)
    assert twin.verdict.status is RuleStatus.PASS
    assert twin.weight == 0.0
    assert twin.decision.effective_mode == "compute-only"
    assert "correlates 1.00 with a" in twin.place_reason


def test_a_later_failure_takes_the_seat_away(service: WorldService) -> None:
    """Proves: WS-4"""
    submit(service, "a", seed=1)
    again = submit(service, "a", seed=2, metrics={"max_drawdown": 0.4})
    assert again.standings.seated == ()
    assert service.decide("w", "a", now=NOW).effective_mode == "compute-only"


def test_grace_keeps_a_seat_but_not_against_a_risk_rule(store: WorldStore) -> None:
    """Proves: WS-4"""
    service = WorldService(store, metrics=METRICS)
    patient = policy(selection={**SEATS, "hysteresis": {"demote_after": 3}})
    service.create_world(patient, actor="ann", now=NOW)
    submit(service, "a", seed=1)
    assert submit(service, "a", seed=2, metrics={"sharpe": 0.9}).standings.seated == ("a",)
    assert service.decide("w", "a", now=NOW).effective_mode == "compute-only"
    assert submit(service, "a", seed=3, metrics={"es_p01": 0.5}).standings.seated == ()


def test_promotion_waits_for_distinct_passes(store: WorldStore) -> None:
    """Proves: WS-4"""
    service = WorldService(store, metrics=METRICS)
    service.create_world(policy(selection={**SEATS, "hysteresis": {"promote_after": 2}}), actor="ann", now=NOW)
    assert submit(service, "a", seed=1).place_reason == "passed 1 of 2 times in a row"
    assert submit(service, "a", seed=1).rank is None
    assert submit(service, "a", seed=2).rank == 1


def test_stale_data_leave_the_world_in_validate(service: WorldService) -> None:
    """Proves: WS-3, WS-5"""
    assert submit(service).decision.effective_mode == "paper"
    later = service.decide("w", "cross", now=END + 2 * DAY_MS)
    assert later.effective_mode == "validate"
    assert submit(service, now=END + 2 * DAY_MS).decision.effective_mode == "validate"


def test_a_strategy_nobody_judged_may_only_compute(service: WorldService) -> None:
    decision = service.decide("w", "stranger", now=NOW)
    assert decision.effective_mode == "validate"
    assert resolve("live", decision, world="w", strategy="stranger", now=NOW).gate_open is False


def test_the_hypothesis_is_on_the_ledger_before_the_result(service: WorldService) -> None:
    """Proves: BX-3"""
    run = service.open_run("w", hypothesis(), actor="ann", now=NOW)
    (entry,) = service.trials()
    assert entry.note.kind is TrialKind.OPENED
    assert entry.note.run_id == run.key.run_id
    assert entry.note.hypothesis["held_to"]["score"] == "sharpe"  # type: ignore[index]
    service.move_run(run.key.run_id, RunAction.EXPIRE, reason="cancelled", actor="ann", now=NOW)
    assert service.count_trials("cross") == 1


def test_a_count_that_forgets_is_caught(service: WorldService) -> None:
    """Proves: BX-3"""
    for seed in range(3):
        submit(service, "cross-x", seed=seed)
    tried = hypothesis("cross-y")
    run = evaluating(service, tried)
    assert service.count_trials("cross") == 4
    judgement = service.judge(run.key.run_id, evidence(tried, trial_count=3), actor="ann", now=NOW)
    assert [found.reason_code for found in judgement.verdict.violations] == [ReasonCode.TRIALS_UNDERCOUNTED]


def test_a_trial_opened_later_does_not_count_against_an_earlier_run(service: WorldService) -> None:
    tried = hypothesis()
    run = evaluating(service, tried)
    service.open_trial(hypothesis(trial_key="other"), now=NOW)
    assert service.judge(run.key.run_id, evidence(tried), actor="ann", now=NOW).verdict.status is RuleStatus.PASS


def test_trials_outside_a_world_count_too(service: WorldService) -> None:
    """Proves: BX-3"""
    tried = hypothesis()
    for _ in range(2):
        service.open_trial(tried, now=NOW)
        service.close_trial(tried, result_digest="r", sharpe=0.5, now=NOW)
    service.open_trial(replace(tried, trial_key="another"), now=NOW)
    assert service.count_trials("cross") == 2


def test_the_same_submission_twice_is_two_runs_and_one_trial(service: WorldService) -> None:
    first, second = submit(service, seed=1), submit(service, seed=1)
    assert first.run.key.run_id != second.run.key.run_id
    assert service.count_trials("cross") == 1
    assert service.history("w", "cross") == (first.run, second.run)
    assert service.history("w") == service.history("w", "cross")


def test_evidence_of_another_trial_is_refused(service: WorldService) -> None:
    """Proves: WS-7"""
    run = evaluating(service, hypothesis())
    with pytest.raises(PolicyError, match="the evidence is of trial"):
        service.judge(run.key.run_id, evidence(hypothesis("other")), actor="ann", now=NOW)
    assert service.run(run.key.run_id).status is RunStatus.EVALUATING


def test_a_run_is_judged_once(service: WorldService) -> None:
    """Proves: WS-7"""
    judgement = submit(service)
    better: Evidence = evidence(judgement.run.hypothesis, metrics={"sharpe": 9.0})
    with pytest.raises(IllegalTransition):
        service.judge(judgement.run.key.run_id, better, actor="ann", now=NOW)
    assert service.run(judgement.run.key.run_id) == judgement.run


def test_runs_left_by_a_dead_process_expire(service: WorldService) -> None:
    """Proves: WS-7"""
    left = evaluating(service, hypothesis("left"))
    judged = submit(service, "done")
    fresh = service.open_run("w", hypothesis("fresh"), actor="ann", now=NOW + HOUR_MS)
    expired = service.expire_stale("w", older_than=HOUR_MS, actor="ann", now=NOW + HOUR_MS)
    assert [(run.key, run.status, run.reason) for run in expired] == [
        (left.key, RunStatus.EXPIRED, "stale: left evaluating")
    ]
    assert service.run(judged.run.key.run_id).status is RunStatus.EVALUATED
    assert service.world_status("w", now=NOW).unfinished == (fresh,)


def test_an_expired_run_gives_up_its_place(service: WorldService) -> None:
    judgement = submit(service)
    service.move_run(judgement.run.key.run_id, RunAction.EXPIRE, reason="withdrawn", actor="ann", now=NOW)
    decision = service.decide("w", "cross", now=NOW)
    assert decision.effective_mode == "compute-only"
    assert "its latest run expired" in decision.reason


def test_every_step_is_in_the_audit_with_its_actor(service: WorldService, store: WorldStore) -> None:
    """Proves: WS-13"""
    submit(service)
    assert [(note.actor, note.action, note.result) for note in store.audit("w")][1:] == [
        ("ann", "open_run", service.history("w")[0].key.run_id),
        ("ann", "move_run", "backtest_running"),
        ("ann", "move_run", "evaluating"),
        ("ann", "judge", "pass"),
    ]
    assert store.audit("w")[0].action == "create_world"
    assert store.verify() == ()


def test_unknown_names_are_answered_with_the_likely_one(service: WorldService) -> None:
    service.create_world(policy(world="crypto-4h"), actor="ann", now=NOW)
    with pytest.raises(PolicyError, match=r"no world 'crypto-4'. Did you mean 'crypto-4h'"):
        service.open_run("crypto-4", hypothesis(), actor="ann", now=NOW)
    with pytest.raises(PolicyError, match="no run 'run-9'"):
        service.run("run-9")
    with pytest.raises(PolicyError, match="no world"):
        service.history("nowhere")


def test_a_run_that_cannot_be_ranked_says_so(store: WorldStore) -> None:
    service = WorldService(store, metrics=METRICS)
    soft = {"backtest": {"performance": {"severity": "soft"}}}
    service.create_world(
        policy(selection={**SEATS, "score": "payoff", "hysteresis": {"demote_after": 9}}, validation=soft),
        actor="ann",
        now=NOW,
    )
    submit(service, "a", seed=1, metrics={"payoff": 1.5})
    unranked = submit(service, "a", seed=2)
    assert unranked.rank is None
    assert unranked.place_reason.startswith("it cannot be ranked: rejected: score payoff is undefined")


def test_the_same_history_gives_the_same_standings(service: WorldService, tmp_path: Path) -> None:
    """Proves: WS-3"""
    told = []
    for name in ("one", "two"):
        with open_world_store(tmp_path / f"{name}.db") as store:
            other = WorldService(store, metrics=METRICS)
            other.create_world(policy(selection=SEATS), actor="ann", now=NOW)
            made = [submit(other, strategy, metrics={"sharpe": 1.2}) for strategy in ("b", "a", "c")]
            told.append([(one.run, one.decision.etag, one.rank) for one in made])
    assert told[0] == told[1]
    assert np.isfinite([one.rank or 0 for one in [submit(service)]]).all()
