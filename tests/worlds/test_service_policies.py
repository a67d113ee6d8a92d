"""Policies change; what was judged stays judged, and what was measured under other terms does not count."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from qts.domain.errors import PolicyError
from qts.worlds.policy import WorldPolicy
from qts.worlds.ports import WorldStore
from qts.worlds.run_lifecycle import RunStatus
from qts.worlds.service import WorldService
from qts.worlds.verdict import ReasonCode, RuleStatus
from tests.worlds.submitting import evaluating, submit
from tests.worlds.world_cases import METRICS, NOW, SEATS, evidence, hypothesis, policy


def test_policies_are_versioned_and_immutable(service: WorldService) -> None:
    """Proves: WS-1"""
    stricter = policy(version=2, selection={**SEATS, "gates": ["sharpe > 1.3"]})
    service.add_policy_version(stricter, actor="ann", now=NOW)
    assert service.policy("w") == stricter
    assert service.policy("w", 1).selection.gates == ()
    for wrong in (stricter, policy(version=4)):
        with pytest.raises(PolicyError, match="is at policy version 2"):
            service.add_policy_version(wrong, actor="ann", now=NOW)
    with pytest.raises(PolicyError, match="simulated is fixed"):
        service.add_policy_version(policy(version=3, simulated=True), actor="ann", now=NOW)
    with pytest.raises(PolicyError, match="no policy version 9"):
        service.policy("w", 9)


def test_a_new_policy_shows_its_impact_before_it_holds_and_then_reranks(service: WorldService) -> None:
    """Proves: WS-1"""
    submit(service, "a", metrics={"sharpe": 1.1})
    submit(service, "b", metrics={"sharpe": 1.5})
    stricter = policy(version=2, selection={**SEATS, "gates": ["sharpe > 1.3"]})
    impacts = {impact.run.key.strategy: impact for impact in service.preview_policy(stricter, now=NOW)}
    assert {name: impact.flips for name, impact in impacts.items()} == {"a": True, "b": False}
    assert service.world_status("w", now=NOW).standings.seated == ("b", "a")
    service.add_policy_version(stricter, actor="ann", now=NOW)
    status = service.world_status("w", now=NOW)
    assert status.standings.seated == ("b",)
    assert status.versions == 2
    assert status.decisions["a"].effective_mode == "compute-only"
    stored = service.history("w", "a")[0]
    assert stored.judged is not None
    assert stored.judged.verdict.status is RuleStatus.PASS  # what was judged stays as it was judged


def test_a_preview_compares_with_today_and_refuses_what_cannot_follow(service: WorldService) -> None:
    """Proves: WS-1"""
    submit(service, "a", metrics={"sharpe": 1.1})
    for version in (2, 3):
        stricter = policy(version=version, selection={**SEATS, "gates": ["sharpe > 1.3"]})
        (impact,) = service.preview_policy(stricter, now=NOW)
        assert impact.flips == (version == 2)  # version 3 says what version 2 says by now
        service.add_policy_version(stricter, actor="ann", now=NOW)
    with pytest.raises(PolicyError, match="is at policy version 3"):
        service.preview_policy(policy(version=3), now=NOW)
    with pytest.raises(PolicyError, match="simulated is fixed"):
        service.preview_policy(policy(version=4, simulated=True), now=NOW)


def test_evidence_does_not_outlive_the_terms_it_was_made_under(store: WorldStore) -> None:
    """Proves: WS-1, WS-3"""
    service = WorldService(store, metrics=METRICS)
    free = {"fee_rate_maker": 0, "fee_rate_taker": 0, "slippage": {"model": "fixed", "bps": 0}}
    costly = {**free, "fee_rate_taker": 0.002, "slippage": {"model": "fixed", "bps": 50}}
    first, second = (
        policy(version=version, frictions=frictions, selection=SEATS) for version, frictions in ((1, free), (2, costly))
    )
    service.create_world(first, actor="ann", now=NOW)
    assert submit(service, under=first).decision.effective_mode == "paper"
    (impact,) = service.preview_policy(second, now=NOW)
    assert impact.flips
    service.add_policy_version(second, actor="ann", now=NOW)
    decision = service.decide("w", "cross", now=NOW)
    assert decision.effective_mode == "compute-only"
    assert "frictions.fee_rate_taker was 0, the world has 0.002: run it again" in decision.reason
    assert service.world_status("w", now=NOW).standings.seated == ()
    assert submit(service, under=second, seed=2).decision.effective_mode == "paper"
    assert service.decide("w", "cross", now=NOW).effective_mode == "paper"


def test_evidence_does_not_outlive_the_definitions_it_was_measured_by(store: WorldStore) -> None:
    """Proves: WS-3"""
    then = {name: f"{name}, 1" for name in METRICS}
    service = WorldService(store, metrics=METRICS, definitions=then)
    service.create_world(policy(selection=SEATS), actor="ann", now=NOW)
    told = submit(service, definitions=then)
    assert told.decision.effective_mode == "paper"
    for changed, mode in (("skew", "paper"), ("sharpe", "compute-only")):
        later = WorldService(store, metrics=METRICS, definitions={**then, changed: f"{changed}, 2"})
        assert later.decide("w", "cross", now=NOW).effective_mode == mode
    assert "Sharpe ratio is undefined: measured by an older definition" in later.decide("w", "cross", now=NOW).reason
    assert later.run(told.run.key.run_id) == told.run  # the record stays as it was


@pytest.mark.parametrize("definitions", [{}, {"sharpe": "another"}])
def test_evidence_measured_by_unknown_definitions_is_not_believed(
    store: WorldStore, definitions: Mapping[str, str]
) -> None:
    service = WorldService(store, metrics=METRICS, definitions={name: f"{name}, 1" for name in METRICS})
    service.create_world(policy(selection=SEATS), actor="ann", now=NOW)
    told = submit(service, definitions=definitions)
    assert told.run.status is RunStatus.REJECTED
    assert {found.reason_code for found in told.verdict.violations} == {ReasonCode.METRIC_UNDEFINED}
    assert told.run.judged is not None
    assert told.run.judged.evidence.metrics["sharpe"] == 1.4  # what was handed in is what is kept


def test_the_service_answers_for_its_record(service: WorldService, tmp_path: Path) -> None:
    """Proves: WS-13"""
    submit(service)
    assert service.verify() == ()
    with sqlite3.connect(tmp_path / "worlds.db") as connection:
        connection.execute("DROP TRIGGER evidence_no_update")
        connection.execute("UPDATE evidence SET document = replace(document, '1.4', '2.4')")
    connection.close()
    assert service.verify() == ("evidence: row 1 was changed after it was written",)


def test_a_run_is_judged_by_the_policy_it_was_opened_under(service: WorldService) -> None:
    tried = hypothesis()
    run = evaluating(service, tried)
    stricter = policy(version=2, selection={**SEATS, "gates": ["sharpe > 9"]})
    service.add_policy_version(stricter, actor="ann", now=NOW)
    judgement = service.judge(run.key.run_id, evidence(tried), actor="ann", now=NOW)
    assert judgement.verdict.status is RuleStatus.PASS
    assert judgement.weight == 0.0  # but it competes under today's
    assert judgement.decision.effective_mode == "compute-only"


@pytest.mark.parametrize(
    ("bad", "message"),
    [(policy(), "there is already a world 'w'"), (policy(world="v", version=2), "says version 2")],
)
def test_a_world_is_made_once_from_version_one(service: WorldService, bad: WorldPolicy, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        service.create_world(bad, actor="ann", now=NOW)
