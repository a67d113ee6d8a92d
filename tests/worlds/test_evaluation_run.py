"""A run as a value: it moves only by appended steps, and its evidence freezes once."""

from dataclasses import FrozenInstanceError, replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import PolicyError
from qts.domain.instant import DAY_MS, parse_instant
from qts.domain.waiver import Waiver
from qts.simulation.result import Provenance
from qts.worlds.chain import document
from qts.worlds.evaluation_run import EvaluationRun, Judged, RunKey, Stage
from qts.worlds.evidence import DayReturns, Evidence, Hypothesis
from qts.worlds.run_lifecycle import IllegalTransition, RunAction, RunStatus
from qts.worlds.validation import judge_case
from tests.worlds.world_cases import NOW, case, day_returns, evidence, hypothesis


def submitted() -> EvaluationRun:
    return EvaluationRun(
        key=RunKey(world="w", strategy="cross", run_id="run-1"),
        stage=Stage.BACKTEST,
        hypothesis=hypothesis(),
        policy_version=1,
        ruleset_hash="sha256:0",
        opened_at=NOW,
        opened_by="ann",
    )


def moved(run: EvaluationRun, *actions: RunAction) -> EvaluationRun:
    for action in actions:
        run = run.moved(action, at=run.updated_at + 1, actor="ann", reason=str(action))
    return run


def judged() -> EvaluationRun:
    evaluating = moved(submitted(), RunAction.START, RunAction.MEASURE)
    return evaluating.judged_as(Judged(evidence=evidence(), verdict=judge_case(case())), at=NOW + 9, actor="ann")


def test_a_run_tells_its_life() -> None:
    """Proves: WS-7"""
    run = judged()
    assert [move.status for move in run.moves] == ["backtest_running", "evaluating", "evaluated"]
    assert run.status is RunStatus.EVALUATED
    assert run.updated_at == NOW + 9
    assert run.reason.startswith("passed")
    assert run.key.url == "qts://w/cross/run-1"
    assert submitted().status is RunStatus.SUBMITTED
    assert (submitted().updated_at, submitted().reason) == (NOW, "")


def test_evidence_freezes_when_it_is_judged() -> None:
    """Proves: WS-7"""
    run = judged()
    other = Judged(evidence=evidence(metrics={"sharpe": 9.0}), verdict=judge_case(case()))
    with pytest.raises(IllegalTransition):
        run.judged_as(other, at=NOW + 10, actor="ann")
    with pytest.raises(FrozenInstanceError):
        run.judged = other  # type: ignore[misc]
    assert run.judged is not None
    with pytest.raises(ValueError, match="read-only"):
        run.judged.evidence.day_returns.values[0] = 1.0
    with pytest.raises(PolicyError, match="belong together"):
        replace(run, judged=None)
    later = run.moved(RunAction.ACTIVATE, at=NOW + 11, actor="bob", reason="seat")
    assert later.judged == run.judged


@pytest.mark.parametrize("actions", [(), (RunAction.START,), (RunAction.FAIL,)])
def test_only_a_run_being_evaluated_can_be_judged(actions: tuple[RunAction, ...]) -> None:
    with pytest.raises(IllegalTransition):
        moved(submitted(), *actions).judged_as(
            Judged(evidence=evidence(), verdict=judge_case(case())), at=NOW, actor="ann"
        )


def test_there_is_no_way_to_evaluated_without_evidence() -> None:
    evaluating = moved(submitted(), RunAction.START, RunAction.MEASURE)
    with pytest.raises(PolicyError, match="judged on its evidence"):
        evaluating.moved(RunAction.JUDGE, at=NOW, actor="ann", reason="")


def test_a_record_that_does_not_add_up_is_refused() -> None:
    run = judged()
    with pytest.raises(PolicyError, match="does not follow"):
        replace(run, moves=(run.moves[0], replace(run.moves[1], ordinal=3), run.moves[2]))
    with pytest.raises(PolicyError, match="does not follow"):
        replace(submitted(), moves=(replace(run.moves[0], status=RunStatus.EVALUATED),))
    with pytest.raises(IllegalTransition):
        replace(submitted(), moves=(replace(run.moves[1], ordinal=1),))


@given(st.lists(st.sampled_from(RunAction), max_size=8))
def test_any_sequence_of_actions_keeps_the_record_whole(actions: list[RunAction]) -> None:
    """Proves: WS-7"""
    run = submitted()
    for action in actions:
        before = run
        try:
            run = (
                run.judged_as(Judged(evidence=evidence(), verdict=judge_case(case())), at=NOW, actor="a")
                if action is RunAction.JUDGE
                else run.moved(action, at=NOW, actor="a", reason="")
            )
        except IllegalTransition:
            assert run == before
        else:
            assert run.moves[:-1] == before.moves
            assert before.judged is None or run.judged == before.judged
    assert [move.ordinal for move in run.moves] == list(range(1, len(run.moves) + 1))


def test_evidence_and_hypothesis_read_back_as_they_were() -> None:
    import json

    tried = hypothesis(parameters={"fast": 10, "slow": 0.1, "kind": "ema", "on": True})
    assert Hypothesis.from_facts(json.loads(document(tried.facts()))) == tried
    had = evidence(metrics={"payoff": None}, undefined={"payoff": "no loss"}, links={"report": "r.html"})
    assert Evidence.from_facts(json.loads(document(had.facts())), had.day_returns.bytes) == had


def test_changed_returns_do_not_read_back() -> None:
    had = evidence()
    with pytest.raises(ValueError, match="were changed"):
        Evidence.from_facts({**had.facts(), "waivers": []}, day_returns(seed=2).bytes)


@pytest.mark.parametrize("broken", [{"waivers": 3}, {"metrics": []}, {"first_day": "x"}])
def test_facts_that_are_no_evidence_are_refused(broken: dict[str, object]) -> None:
    had = evidence()
    with pytest.raises(TypeError):
        Evidence.from_facts({**had.facts(), "waivers": [], **broken}, had.day_returns.bytes)
    with pytest.raises(TypeError):
        Hypothesis.from_facts({**hypothesis().facts(), "waivers": 3})


def test_day_returns_know_their_first_day() -> None:
    midnight = parse_instant("2022-01-02")
    assert DayReturns.from_bars(midnight, np.zeros(2)).first_day == parse_instant("2022-01-01") // DAY_MS
    assert DayReturns.from_bars(midnight + 1, np.zeros(2)).first_day == midnight // DAY_MS
    assert hash(DayReturns(1, np.zeros(2))) == hash(DayReturns(1, np.zeros(2)))
    assert DayReturns(1, np.zeros(2)) != DayReturns(2, np.zeros(2))
    with pytest.raises(ValueError, match="one finite number per day"):
        DayReturns(0, np.array([0.0, np.nan]))


def test_day_returns_do_not_follow_the_array_they_came_from() -> None:
    mine = np.zeros(3)
    kept = DayReturns(0, mine)
    mine[0] = 1.0
    assert kept.values[0] == 0.0


def test_a_hypothesis_is_what_a_run_will_be_a_function_of() -> None:
    """Proves: BX-3"""
    provenance = Provenance(
        strategy="cross",
        parameters={"fast": 10},
        code_digest="c",
        data_fingerprint="f",
        data_source="file",
        symbol="BTCUSDT",
        interval_ms=DAY_MS,
        start=0,
        end=DAY_MS,
        capital=Decimal(100),
        frictions={"fee": "0.1"},
        risk_limits={},
        waivers=(Waiver.NO_FUNDING,),
        synthetic=True,
    )
    tried = Hypothesis.from_provenance(provenance, family="Cross")
    assert (tried.trial_key, tried.family, tried.waivers) == (provenance.trial_key, "Cross", (Waiver.NO_FUNDING,))
    dearer = Hypothesis.from_provenance(replace(provenance, frictions={"fee": "0.2"}), family="Cross")
    assert dearer.trial_key != tried.trial_key
