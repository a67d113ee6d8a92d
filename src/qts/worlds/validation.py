"""A world's judgement of one run's evidence, in a fixed order: data, sample, profile, gates, score.

Every rule answers, also after one has failed, so that a reader sees everything
at once. A metric that is missing or undefined misses its rule and says why;
nothing passes for want of a number. Pure: same policy, evidence, ledger count
and instant, same verdict.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qts.domain.ids import canonical_json
from qts.domain.instant import DAY_MS, Instant, format_date, format_duration, parse_duration
from qts.worlds.evaluation_run import Stage
from qts.worlds.evidence import Evidence, Hypothesis, run_terms
from qts.worlds.expressions import Unanswerable, parse_gate, parse_score
from qts.worlds.policy import WorldPolicy
from qts.worlds.policy_block import Owner, Severity
from qts.worlds.policy_validation import HALF_SHARPE_GAP, Bound, ProfileBlock, Threshold, ThresholdBlock
from qts.worlds.sentences import compared, no_edge, title_of
from qts.worlds.verdict import ReasonCode, RuleResult, RuleStatus, RuleStep, Verdict, status_when_missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that a judgement may look at.

    ledger_count: distinct trials of the family when the run was opened.
    metrics: every name an expression may use; one that was not measured is undefined, not unknown.
    """

    policy: WorldPolicy
    stage: Stage
    hypothesis: Hypothesis
    evidence: Evidence
    ledger_count: int
    metrics: frozenset[str]
    now: Instant

    @property
    def stage_key(self) -> str:
        """The stage whose demands apply; live is held to paper's until it has its own."""
        return "backtest" if self.stage is Stage.BACKTEST else "paper"

    @property
    def profile(self) -> ProfileBlock:
        validation = self.policy.validation
        return validation.backtest if self.stage is Stage.BACKTEST else validation.paper


def judge_case(case: Case) -> Verdict:
    """Every rule's answer, in order of judgement."""
    score, score_result = _score(case)
    results = (*_data(case), *_sample(case), *_profile(case), *_gates(case), score_result)
    return Verdict(results=results, score=score)


def is_current(case: Case) -> bool:
    """Whether the run's data are fresh enough, at the case's instant, to act on."""
    return _currency(case).reason_code is ReasonCode.OK


def _told(
    rule: str,
    step: RuleStep,
    code: ReasonCode,
    sentence: str,
    *,
    severity: Severity = Severity.BLOCKING,
    owner: Owner = Owner.OPS,
) -> RuleResult:
    """An answer that rests on no metric."""
    return RuleResult(
        rule=rule,
        step=step,
        status=RuleStatus.PASS if code is ReasonCode.OK else status_when_missed(severity),
        severity=severity,
        owner=owner,
        metric=None,
        value=None,
        threshold=None,
        reason_code=code,
        sentence=sentence,
        shortfall=None,
    )


# --- data -------------------------------------------------------------------------------------------------------------


def _data(case: Case) -> Iterator[RuleResult]:
    yield _dataset(case)
    yield _terms(case)
    yield _origin(case)
    yield _waivers(case)
    yield _currency(case)
    yield _history(case)


def _dataset(case: Case) -> RuleResult:
    """A strategy may not choose its own symbol, bars or the years that suit it."""
    wanted, had = case.policy.dataset, case.hypothesis
    told = f"{had.symbol} {format_duration(had.interval_ms)}, {format_date(had.start)} to {format_date(had.end)}"
    same = (had.symbol, had.interval_ms) == (wanted.symbol, wanted.interval_ms)
    if case.stage is Stage.BACKTEST:
        apart = max(abs(had.start - wanted.start_instant), abs(had.end - wanted.end_instant))
        same = same and apart <= wanted.interval_ms
    if same:
        return _told("dataset", RuleStep.DATA, ReasonCode.OK, f"the run is on the world's data: {told}")
    sentence = (
        f"the run is on {told}; the world wants {wanted.symbol} {wanted.interval}, {wanted.start} to {wanted.end}"
    )
    return _told("dataset", RuleStep.DATA, ReasonCode.DATASET_MISMATCH, sentence)


def _terms(case: Case) -> RuleResult:
    """What a run earned under other costs, money or limits says nothing about these."""
    policy, had = case.policy, dict(_leaves(case.hypothesis.terms))
    terms = run_terms(policy.capital, policy.frictions.to_frictions().facts(), policy.risk.facts())
    wanted = dict(_leaves(terms))
    for key in sorted({*wanted, *had}):
        if had.get(key) != wanted.get(key):
            sentence = (
                f"was run under other terms: {key} was {had.get(key, 'not told')}, "
                f"the world has {wanted.get(key, 'none')}: run it again"
            )
            return _told("terms", RuleStep.DATA, ReasonCode.TERMS_MISMATCH, sentence)
    return _told("terms", RuleStep.DATA, ReasonCode.OK, "the run had the world's capital, costs and limits")


def _leaves(terms: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """'frictions.slippage.bps' and its canonical text, for every value below."""
    for key, value in terms.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", canonical_json(value).strip('"')


def _origin(case: Case) -> RuleResult:
    synthetic = case.evidence.synthetic or case.hypothesis.synthetic
    if synthetic and not case.policy.simulated:
        sentence = "the data are synthetic and the world is not simulated: they prove nothing here"
        return _told("simulated", RuleStep.DATA, ReasonCode.SYNTHETIC_DATA, sentence)
    sentence = "synthetic data in a simulated world: a rehearsal" if synthetic else "the data are a market's"
    return _told("simulated", RuleStep.DATA, ReasonCode.OK, sentence)


def _waivers(case: Case) -> RuleResult:
    used = sorted({*case.evidence.waivers, *case.hypothesis.waivers})
    if not used:
        return _told("waivers", RuleStep.DATA, ReasonCode.OK, "nothing was waived", owner=Owner.RISK)
    refused = [waiver for waiver in used if waiver not in case.policy.waivers]
    if refused or case.stage is not Stage.BACKTEST:
        names = ", ".join(refused or used)
        why = "the policy does not admit" if refused else f"no waiver holds for {case.stage}:"
        return _told("waivers", RuleStep.DATA, ReasonCode.WAIVER_NOT_ADMITTED, f"{why} {names}", owner=Owner.RISK)
    told = "; ".join(f"{waiver}: {waiver.meaning}" for waiver in used)
    return _told("waivers", RuleStep.DATA, ReasonCode.WAIVER_USED, told, severity=Severity.SOFT, owner=Owner.RISK)


def _currency(case: Case) -> RuleResult:
    """Stale data do not make a strategy bad; they keep the world from acting on it."""
    rule = "data_currency.max_lag"
    if case.evidence.synthetic and case.policy.simulated:
        return _told(rule, RuleStep.DATA, ReasonCode.OK, "synthetic time has no lag")
    end, allowed = case.evidence.data_end, case.policy.data_currency.max_lag
    lag = case.now - end
    if lag < 0:
        sentence = f"the data end on {format_date(end)}, after now ({format_date(case.now)})"
        return _told(rule, RuleStep.DATA, ReasonCode.DATA_FROM_THE_FUTURE, sentence)
    old = f"{lag / DAY_MS:.1f} days"
    if lag > parse_duration(allowed):
        sentence = (
            f"the data end on {format_date(end)}, {old} ago, and may be {allowed} old: the world stays in validate"
        )
        return _told(rule, RuleStep.DATA, ReasonCode.DATA_STALE, sentence, severity=Severity.SOFT)
    return _told(rule, RuleStep.DATA, ReasonCode.OK, f"the data end {old} ago, within {allowed}")


def _history(case: Case) -> RuleResult:
    rule, wanted = "data_currency.min_history", case.policy.data_currency.min_history
    span = case.evidence.data_end - case.evidence.data_start
    told = f"the data span {span / DAY_MS:.0f} days"
    if span < parse_duration(wanted):
        short = (parse_duration(wanted) - span) / DAY_MS
        sentence = f"{told}; the world wants {wanted}, short by {short:.1f} days"
        return _told(rule, RuleStep.DATA, ReasonCode.HISTORY_TOO_SHORT, sentence)
    return _told(rule, RuleStep.DATA, ReasonCode.OK, f"{told}, at least {wanted}")


# --- sample, profile --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """One number a metric is held to, and what missing it means."""

    rule: str
    step: RuleStep
    threshold: Threshold
    value: float
    severity: Severity = Severity.BLOCKING
    owner: Owner = Owner.QUANT


def _sample(case: Case) -> Iterator[RuleResult]:
    campaign, stage = case.policy.campaign, case.stage_key
    window = campaign.backtest.window if case.stage is Stage.BACKTEST else campaign.paper.window
    for rule, metric, value in (
        (f"campaign.{stage}.window", "sample_days", parse_duration(window) / DAY_MS),
        ("campaign.common.min_sample_days", "sample_days", float(campaign.common.min_sample_days)),
        ("campaign.common.min_trades_per_window", "n_trades", float(campaign.common.min_trades_per_window)),
    ):
        threshold = Threshold(metric, Bound.AT_LEAST)
        yield _held(case, _Limit(rule=rule, step=RuleStep.SAMPLE, threshold=threshold, value=value))
    yield from _block(case, "sample", RuleStep.SAMPLE, case.profile.sample)


def _profile(case: Case) -> Iterator[RuleResult]:
    yield from _block(case, "performance", RuleStep.PROFILE, case.profile.performance)
    yield from _block(case, "risk", RuleStep.PROFILE, case.profile.risk)
    yield _trials(case)
    yield from _block(case, "robustness", RuleStep.PROFILE, case.profile.robustness)


def _block(case: Case, name: str, step: RuleStep, block: ThresholdBlock) -> Iterator[RuleResult]:
    for key, threshold, value in block.thresholds():
        rule = f"validation.{case.stage_key}.{name}.{key}"
        limit = _Limit(
            rule=rule, step=step, threshold=threshold, value=value, severity=block.severity, owner=block.owner
        )
        yield _held(case, limit)


def _held(case: Case, limit: _Limit) -> RuleResult:
    """A metric held against its limit."""
    metric, bound = limit.threshold.metric, limit.threshold.bound
    value, why_not = _measured(case.evidence, metric)
    if value is None:
        code, shortfall = ReasonCode.METRIC_UNDEFINED, None
        sentence = f"{title_of(metric)} is undefined: {why_not}"
    else:
        sentence, shortfall = compared(metric, value, limit.value, bound)
        missed = ReasonCode.BELOW_MINIMUM if bound is Bound.AT_LEAST else ReasonCode.ABOVE_MAXIMUM
        code = ReasonCode.OK if shortfall is None else missed
        if code is not ReasonCode.OK and metric == "dsr":
            trials = case.evidence.trial_count or case.ledger_count
            code, sentence = ReasonCode.NO_EDGE, no_edge(value, limit.value, trials)
    return RuleResult(
        rule=limit.rule,
        step=limit.step,
        status=RuleStatus.PASS if code is ReasonCode.OK else status_when_missed(limit.severity),
        severity=limit.severity,
        owner=limit.owner,
        metric=metric,
        value=value,
        threshold=limit.value,
        reason_code=code,
        sentence=sentence,
        shortfall=shortfall,
    )


def _measured(evidence: Evidence, metric: str) -> tuple[float | None, str]:
    if metric == HALF_SHARPE_GAP:
        first, why_first = _measured(evidence, "sharpe_first_half")
        second, why_second = _measured(evidence, "sharpe_second_half")
        if first is None or second is None:
            return None, why_first or why_second
        return abs(first - second), ""
    value = evidence.metrics.get(metric)
    return value, "" if value is not None else evidence.undefined.get(metric, "it was not measured")


def _trials(case: Case) -> RuleResult:
    """A count that forgets trials would flatter the deflated Sharpe ratio."""
    used, counted = case.evidence.trial_count, case.ledger_count
    rule, owner = "trial_count", Owner.QUANT
    if used is None or counted < 1:
        sentence = "the trials of this family were not counted, so luck cannot be told from skill"
        return _told(rule, RuleStep.PROFILE, ReasonCode.TRIALS_NOT_COUNTED, sentence, owner=owner)
    if used < counted:
        sentence = f"the deflated Sharpe ratio was given {used} trials; the ledger counts {counted}"
        return _told(rule, RuleStep.PROFILE, ReasonCode.TRIALS_UNDERCOUNTED, sentence, owner=owner)
    return _told(rule, RuleStep.PROFILE, ReasonCode.OK, f"counted trials of this family: {used}", owner=owner)


# --- gates, score -----------------------------------------------------------------------------------------------------


def _gates(case: Case) -> Iterator[RuleResult]:
    evidence = case.evidence
    for index, text in enumerate(case.policy.selection.gates):
        gate = parse_gate(text, case.metrics)
        answer = gate.evaluate(evidence.metrics, evidence.undefined)
        match answer:
            case Unanswerable(because):
                code, sentence = ReasonCode.METRIC_UNDEFINED, f"{text}: {because}"
            case True:
                code, sentence = ReasonCode.OK, f"{text} holds"
            case False | float():
                seen = ", ".join(f"{name} = {evidence.metrics[name] or 0.0:.6g}" for name in gate.metrics)
                code, sentence = ReasonCode.GATE_NOT_PASSED, f"{text} does not hold: {seen}"
        yield _told(f"selection.gates[{index}]", RuleStep.GATE, code, sentence, owner=Owner.QUANT)


def _score(case: Case) -> tuple[float | None, RuleResult]:
    text, evidence = case.policy.selection.score, case.evidence
    answer = parse_score(text, case.metrics).evaluate(evidence.metrics, evidence.undefined)
    rule, owner = "selection.score", Owner.QUANT
    if isinstance(answer, Unanswerable):
        sentence = f"score {text} is {answer.because}"
        return None, _told(rule, RuleStep.SCORE, ReasonCode.METRIC_UNDEFINED, sentence, owner=owner)
    score = float(answer)
    return score, _told(rule, RuleStep.SCORE, ReasonCode.OK, f"score {text} is {score:.4g}", owner=owner)
