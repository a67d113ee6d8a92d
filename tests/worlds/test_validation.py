"""The judgement of one run: every rule, met and missed, and what it says."""

import json
import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.instant import DAY_MS
from qts.domain.waiver import Waiver
from qts.worlds.chain import document
from qts.worlds.evaluation_run import Stage
from qts.worlds.evidence import Hypothesis
from qts.worlds.policy_block import Owner, Severity
from qts.worlds.validation import Case, is_current, judge_case
from qts.worlds.verdict import ReasonCode, RuleResult, RuleStatus, RuleStep, Verdict
from tests.worlds.world_cases import (
    END,
    GOOD,
    METRICS,
    NOW,
    START,
    case,
    evidence,
    hypothesis,
    policy,
    terms_of,
)


def answer(of: Case, rule: str) -> RuleResult:
    return next(result for result in judge_case(of).results if result.rule == rule)


def measured(**metrics: float | None) -> Case:
    return case(evidence=evidence(metrics=metrics))


def test_a_good_run_passes_every_rule() -> None:
    verdict = judge_case(case())
    assert verdict.status is RuleStatus.PASS
    assert verdict.missed == ()
    assert verdict.score == 1.4
    assert verdict.sentence == f"passed: all {len(verdict.results)} rules are met"


def test_the_order_of_judgement_is_data_sample_profile_gates_score() -> None:
    """Proves: WS-3"""
    with_gate = case(policy=policy(selection={"gates": ["sharpe > 1"]}))
    steps = [result.step for result in judge_case(with_gate).results]
    assert steps == sorted(steps, key=list(RuleStep).index)
    assert set(steps) == set(RuleStep)


@pytest.mark.parametrize(
    ("metrics", "rule", "sentence", "shortfall"),
    [
        (
            {"sharpe": 0.12},
            "validation.backtest.performance.sharpe_min",
            "Sharpe ratio 0.12 is below 1.00, short by 0.88",
            0.88,
        ),
        (
            {"sharpe": 0.9996},
            "validation.backtest.performance.sharpe_min",
            "Sharpe ratio 0.9996 is below 1.0000, short by 0.0004",
            0.0004,
        ),
        (
            {"max_drawdown": 0.312},
            "validation.backtest.performance.max_drawdown_max",
            "Max drawdown 31.2 % is above 15 %, over by 16.2 %",
            0.162,
        ),
        ({"es_p01": 0.13}, "validation.backtest.risk.es_p01_max", "ES 1 % 13 % is above 10 %, over by 3 %", 0.03),
        (
            {"n_trades": 12.0},
            "validation.backtest.sample.min_trades",
            "Trades 12 is below 100, short by 88",
            88.0,
        ),
        (
            {"sharpe_first_half": 4.0},
            "validation.backtest.robustness.half_sharpe_gap_max",
            "Sharpe gap between the halves 2.70 is above 2.00, over by 0.70",
            0.7,
        ),
        (
            {"sample_days": 100.0},
            "campaign.backtest.window",
            "Days with data 100 is below 180, short by 80",
            80.0,
        ),
    ],
)
def test_a_missed_threshold_says_by_how_much(
    metrics: Mapping[str, float], rule: str, sentence: str, shortfall: float
) -> None:
    found = answer(measured(**metrics), rule)
    assert found.status is RuleStatus.FAIL
    assert found.sentence == sentence
    assert found.shortfall == pytest.approx(shortfall)
    assert found.metric is not None


def test_meeting_a_threshold_exactly_is_meeting_it() -> None:
    verdict = judge_case(measured(sharpe=1.0, max_drawdown=0.15, n_trades=100.0, es_p01=0.1, dsr=0.95))
    assert verdict.status is RuleStatus.PASS


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "metric",
    ["sharpe", "max_drawdown", "profit_factor", "es_p01", "dsr", "n_trades", "sample_days", "sharpe_first_half"],
)
def test_no_undefined_metric_passes_its_rule(metric: str, value: float | None) -> None:
    """Proves: WS-3, BX-6"""
    verdict = judge_case(measured(**{metric: value}))
    assert verdict.status is RuleStatus.FAIL
    assert any(result.reason_code is ReasonCode.METRIC_UNDEFINED for result in verdict.violations)


def test_an_undefined_metric_gives_its_reason() -> None:
    had = evidence(metrics={"profit_factor": None}, undefined={"profit_factor": "no trade lost"})
    found = answer(case(evidence=had), "validation.backtest.performance.profit_factor_min")
    assert found.sentence == "Profit factor is undefined: no trade lost"
    assert found.shortfall is None
    assert answer(measured(sharpe=math.nan), "validation.backtest.performance.sharpe_min").sentence == (
        "Sharpe ratio is undefined: it came out as nan"
    )


def test_no_edge_is_explained_in_words() -> None:
    """Proves: BX-3"""
    run = case(evidence=evidence(metrics={"dsr": 0.34}, trial_count=34), ledger_count=34)
    verdict = judge_case(run)
    found = answer(run, "validation.backtest.robustness.dsr_min")
    assert found.reason_code is ReasonCode.NO_EDGE
    assert found.sentence == (
        "after 34 trials, the chance that this Sharpe ratio is better than luck is 34 %; "
        "the world wants 95 %: no evidence of an edge"
    )
    assert verdict.sentence == f"rejected: {found.sentence}"


def test_no_edge_leads_the_verdict_whatever_else_failed() -> None:
    verdict = judge_case(measured(dsr=0.9499, sharpe=0.1, n_trades=1.0))
    assert "after 1 trial, " in verdict.sentence
    assert "94.99 %; the world wants 95 %" in verdict.sentence
    assert verdict.sentence.endswith("(3 more failed)")


@pytest.mark.parametrize(
    ("trial_count", "ledger_count", "code"),
    [
        (None, 3, ReasonCode.TRIALS_NOT_COUNTED),
        (3, 0, ReasonCode.TRIALS_NOT_COUNTED),
        (2, 3, ReasonCode.TRIALS_UNDERCOUNTED),
        (3, 3, ReasonCode.OK),
        (4, 3, ReasonCode.OK),
    ],
)
def test_the_trial_count_must_be_the_ledgers(trial_count: int | None, ledger_count: int, code: ReasonCode) -> None:
    """Proves: BX-3"""
    run = case(evidence=evidence(trial_count=trial_count), ledger_count=ledger_count)
    assert answer(run, "trial_count").reason_code is code
    assert (judge_case(run).status is RuleStatus.PASS) == (code is ReasonCode.OK)


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ETHUSDT"},
        {"interval_ms": DAY_MS},
        {"start": START + 30 * DAY_MS},
        {"end": END - 30 * DAY_MS},
        {"end": END + 30 * DAY_MS},
    ],
)
def test_a_run_may_not_choose_its_own_data(changes: Mapping[str, object]) -> None:
    found = answer(case(hypothesis=hypothesis(**changes)), "dataset")
    assert found.reason_code is ReasonCode.DATASET_MISMATCH
    assert found.status is RuleStatus.FAIL


def test_paper_runs_on_its_own_window() -> None:
    later = hypothesis(start=END, end=END + 60 * DAY_MS)
    assert answer(case(hypothesis=later, stage=Stage.PAPER), "dataset").is_met


@pytest.mark.parametrize("where", ["hypothesis", "evidence"])
def test_synthetic_data_prove_nothing_outside_a_simulated_world(where: str) -> None:
    """Proves: WS-9"""
    made = (
        {"hypothesis": hypothesis(synthetic=True)} if where == "hypothesis" else {"evidence": evidence(synthetic=True)}
    )
    assert answer(case(**made), "simulated").reason_code is ReasonCode.SYNTHETIC_DATA
    assert answer(case(**made, policy=policy(simulated=True)), "simulated").is_met


def test_a_waiver_warns_when_admitted_and_rejects_when_not() -> None:
    """Proves: QL-9"""
    waived = evidence(waivers=(Waiver.NO_FUNDING,))
    refused = answer(case(evidence=waived), "waivers")
    assert refused.status is RuleStatus.FAIL
    assert refused.sentence == "the policy does not admit no-funding"
    admitted = case(evidence=waived, policy=policy(waivers=["no-funding"]))
    assert answer(admitted, "waivers").status is RuleStatus.WARN
    assert judge_case(admitted).status is RuleStatus.WARN
    assert Waiver.NO_FUNDING.meaning in judge_case(admitted).sentence
    on_paper = case(evidence=waived, policy=policy(waivers=["no-funding"]), stage=Stage.PAPER)
    assert answer(on_paper, "waivers").reason_code is ReasonCode.WAIVER_NOT_ADMITTED


def test_stale_data_keep_the_world_from_acting_and_do_not_reject() -> None:
    """Proves: WS-3"""
    old = case(now=END + 10 * DAY_MS)
    found = answer(old, "data_currency.max_lag")
    assert found.reason_code is ReasonCode.DATA_STALE
    assert found.sentence == "the data end on 2023-01-01, 10.0 days ago, and may be 1d old: the world stays in validate"
    assert judge_case(old).status is RuleStatus.WARN
    assert not is_current(old)
    assert is_current(case())


def test_data_from_the_future_are_refused() -> None:
    early = case(now=END - 1)
    assert answer(early, "data_currency.max_lag").reason_code is ReasonCode.DATA_FROM_THE_FUTURE
    assert judge_case(early).status is RuleStatus.FAIL


def test_synthetic_time_has_no_lag_in_a_simulated_world() -> None:
    rehearsed = case(evidence=evidence(synthetic=True), policy=policy(simulated=True), now=END + 900 * DAY_MS)
    assert is_current(rehearsed)


def test_short_history_is_refused() -> None:
    short = case(evidence=evidence(data_start=START + 100 * DAY_MS))
    found = answer(short, "data_currency.min_history")
    assert found.reason_code is ReasonCode.HISTORY_TOO_SHORT
    assert found.sentence == "the data span 265 days; the world wants 365d, short by 100.0 days"


@pytest.mark.parametrize(
    ("gate", "code", "sentence"),
    [
        ("sharpe >= 1.4", ReasonCode.OK, "sharpe >= 1.4 holds"),
        ("sharpe > 2 or n_trades > 200", ReasonCode.GATE_NOT_PASSED, "does not hold: sharpe = 1.4, n_trades = 130"),
        ("sharpe > 1 or payoff > 1", ReasonCode.METRIC_UNDEFINED, "payoff is undefined: it was not measured"),
        ("sharpe / (n_trades - 130) > 0", ReasonCode.METRIC_UNDEFINED, "undefined because it divides by zero"),
    ],
)
def test_a_gate_that_has_no_answer_is_not_passed(gate: str, code: ReasonCode, sentence: str) -> None:
    """Proves: WS-2, WS-3"""
    run = case(policy=policy(selection={"gates": [gate]}))
    found = answer(run, "selection.gates[0]")
    assert found.reason_code is code
    assert sentence in found.sentence
    assert judge_case(run).status is (RuleStatus.PASS if code is ReasonCode.OK else RuleStatus.FAIL)


def test_a_score_that_does_not_exist_cannot_be_ranked() -> None:
    run = case(policy=policy(selection={"score": "sharpe + payoff"}))
    verdict = judge_case(run)
    assert verdict.score is None
    assert verdict.violations[-1].rule == "selection.score"
    assert "payoff is undefined" in verdict.violations[-1].sentence


@pytest.mark.parametrize(
    ("severity", "status"),
    [("blocking", RuleStatus.FAIL), ("soft", RuleStatus.WARN), ("info", RuleStatus.PASS)],
)
def test_severity_decides_what_a_missed_rule_does(severity: str, status: RuleStatus) -> None:
    """Proves: WS-3"""
    mild = policy(validation={"backtest": {"performance": {"severity": severity, "owner": "ops"}}})
    verdict = judge_case(case(policy=mild, evidence=evidence(metrics={"sharpe": 0.2})))
    assert verdict.status is status
    (missed,) = verdict.missed
    assert (missed.status, missed.severity, missed.owner) == (status, Severity(severity), Owner.OPS)


def test_each_stage_is_held_to_its_own_profile() -> None:
    """Proves: WS-3"""
    two = policy(validation={"paper": {"performance": {"sharpe_min": 1.5}}})
    on_paper = case(policy=two, stage=Stage.PAPER)
    assert judge_case(case(policy=two)).status is RuleStatus.PASS
    assert [found.rule for found in judge_case(on_paper).violations] == ["validation.paper.performance.sharpe_min"]
    live = case(policy=two, stage=Stage.LIVE)
    assert [found.rule for found in judge_case(live).violations] == ["validation.paper.performance.sharpe_min"]


def test_a_verdict_without_rules_is_refused() -> None:
    with pytest.raises(ValueError, match="no rules"):
        Verdict(results=(), score=None)


def test_rule_results_read_back_as_they_were() -> None:
    for result in judge_case(measured(sharpe=0.1, dsr=None)).results:
        assert RuleResult.from_facts(result.facts()) == result


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), st.none() | st.floats()))
def test_worse_numbers_never_help(changes: dict[str, float | None]) -> None:
    """Proves: WS-3"""
    verdict = judge_case(measured(**changes))
    values = {**GOOD, **changes}
    if verdict.status is not RuleStatus.FAIL:
        assert all(value is not None and math.isfinite(value) for name, value in values.items() if name in _JUDGED)
        assert (values["sharpe"] or 0) >= 1.0
        assert (values["dsr"] or 0) >= 0.95
    for result in verdict.violations:
        assert result.sentence
        assert result.shortfall is None or result.shortfall > 0


_JUDGED = {"sharpe", "max_drawdown", "profit_factor", "es_p01", "dsr", "n_trades", "sample_days"}


def test_the_same_case_gives_the_same_verdict() -> None:
    assert judge_case(measured(sharpe=0.3)) == judge_case(measured(sharpe=0.3))
    assert METRICS >= _JUDGED
    assert NOW > END


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({"capital": 5000}, "capital was 5000, the world has 10000"),
        ({"frictions": {"fee_rate_taker": 0}}, "frictions.fee_rate_taker was 0, the world has 0.0005"),
        (
            {"frictions": {"slippage": {"model": "atr", "fraction": 0.1}}},
            "frictions.slippage.bps was not told, the world has 1",
        ),
        ({"risk": {"leverage_max": 3}}, "risk_limits.leverage_max was 3, the world has 1"),
        ({"risk": {"limits": {"heat_max": 0.05}}}, "risk_limits.limits.heat_max was 0.05, the world has 0.06"),
        ({"risk": {"risk_per_trade": 0.01}}, "risk_limits.risk_per_trade was 0.01, the world has 0.02"),
    ],
)
def test_a_run_may_not_choose_its_own_terms(extra: Mapping[str, object], sentence: str) -> None:
    """Proves: WS-3"""
    found = answer(case(hypothesis=hypothesis(terms=terms_of(policy(**extra)))), "terms")
    assert found.reason_code is ReasonCode.TERMS_MISMATCH
    assert found.status is RuleStatus.FAIL
    assert found.sentence == f"was run under other terms: {sentence}: run it again"


def test_the_policys_own_terms_are_met_however_they_are_written() -> None:
    costly = {"frictions": {"fee_rate_taker": 0.0020}, "capital": 10_000, "risk": {"leverage_max": 2.0}}
    same = {"frictions": {"fee_rate_taker": 0.002}, "capital": 10000.00, "risk": {"leverage_max": 2}}
    assert answer(case(policy=policy(**costly), hypothesis=hypothesis(terms=terms_of(policy(**same)))), "terms").is_met


@pytest.mark.parametrize("terms", [{}, {"capital": "10000"}, {**terms_of(policy()), "bonus": "1"}])
def test_terms_that_are_not_told_or_not_the_worlds_are_not_met(terms: Mapping[str, object]) -> None:
    assert answer(case(hypothesis=hypothesis(terms=terms)), "terms").reason_code is ReasonCode.TERMS_MISMATCH


def test_a_record_from_before_terms_were_kept_is_read_and_not_believed() -> None:
    stored = json.loads(document(hypothesis().facts()))
    assert Hypothesis.from_facts(stored) == hypothesis()
    del stored["terms"]
    older = Hypothesis.from_facts(stored)
    assert "capital was not told, the world has 10000" in answer(case(hypothesis=older), "terms").sentence


def test_a_fee_that_pays_the_run_is_refused() -> None:
    """Proves: WS-3"""
    terms = terms_of(policy())
    paid = {**terms, "frictions": {**terms["frictions"], "fee_rate_maker": "-0.0002"}}  # type: ignore[dict-item]
    verdict = judge_case(case(hypothesis=hypothesis(terms=paid)))
    assert verdict.status is RuleStatus.FAIL
    assert "frictions.fee_rate_maker was -0.0002, the world has 0.0002" in verdict.sentence
