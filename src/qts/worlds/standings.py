"""Where everybody stands: the latest judged run of every strategy, ranked under one policy, at one instant.

A run judged under other rules than today's, or measured by other definitions,
is judged again on what still holds of its frozen evidence, so that all compete
under the same demands. Pure: the service brings
the runs, this file says what follows.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from qts.domain.instant import Instant, parse_duration
from qts.worlds.decision import DecisionEnvelope, Mode
from qts.worlds.evaluation_run import EvaluationRun, Judged, Stage
from qts.worlds.hysteresis import PastRun, Standing, standing
from qts.worlds.policy import WorldPolicy, ruleset_hash
from qts.worlds.run_lifecycle import RunStatus
from qts.worlds.selection import Candidate, Placing, SeatRules, select
from qts.worlds.validation import Case, is_current, judge_case
from qts.worlds.verdict import RuleStatus, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyStanding:
    """One strategy's place. placing: None when it does not compete, and then ``reason`` says why."""

    run: EvaluationRun
    verdict: Verdict
    placing: Placing | None
    reason: str

    @property
    def seated(self) -> bool:
        return self.placing is not None and self.placing.seated


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """Every strategy with a judged run: the ranked first, best first; then the others by name."""

    rows: tuple[StrategyStanding, ...]
    candidates: tuple[Candidate, ...]
    seat_rules: SeatRules

    def of(self, strategy: str) -> StrategyStanding | None:
        return next((row for row in self.rows if row.run.key.strategy == strategy), None)

    @property
    def seated(self) -> tuple[str, ...]:
        return tuple(row.run.key.strategy for row in self.rows if row.seated)

    def contribution(self, strategy: str) -> float | None:
        """Mean score of the seated, less what it would be without this strategy; None without a seat or company."""
        found = self.of(strategy)
        if found is None or not found.seated:
            return None
        without = select((one for one in self.candidates if one.strategy != strategy), self.seat_rules)
        return _mean_score(self.rows) - other if (other := _mean_seated(without)) is not None else None


def _mean_score(rows: Sequence[StrategyStanding]) -> float:
    return _mean_seated([row.placing for row in rows if row.placing is not None]) or 0.0


def _mean_seated(placings: Sequence[Placing]) -> float | None:
    scores = [placing.score for placing in placings if placing.seated]
    return sum(scores) / len(scores) if scores else None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What standings are made under.

    seated: who held a seat before. metrics: names an expression may use.
    definitions: digest of each metric's definition today; empty checks nothing.
    """

    policy: WorldPolicy
    stage: Stage
    seated: Collection[str]
    metrics: frozenset[str]
    definitions: Mapping[str, str]
    now: Instant

    @cached_property
    def ruleset_hash(self) -> str:
        return ruleset_hash(self.policy)

    def case(self, run: EvaluationRun, judged: Judged) -> Case:
        return Case(
            policy=self.policy,
            stage=run.stage,
            hypothesis=run.hypothesis,
            evidence=judged.evidence.under(self.definitions),
            ledger_count=judged.evidence.trial_count or 0,
            metrics=self.metrics,
            now=self.now,
        )

    def verdict(self, run: EvaluationRun, judged: Judged) -> Verdict:
        """The stored verdict when it was reached under these rules and definitions, else a new one."""
        case = self.case(run, judged)
        holds = run.ruleset_hash == self.ruleset_hash and case.evidence is judged.evidence
        return judged.verdict if holds else judge_case(case)


def stand(
    latest: Sequence[EvaluationRun], history_of: Callable[[str], Sequence[EvaluationRun]], rules: Rules
) -> Standings:
    """The standings. latest: newest judged run of each strategy. history_of: a strategy's runs, oldest first."""
    found: dict[str, tuple[EvaluationRun, Verdict, Standing]] = {}
    candidates: list[Candidate] = []
    for run in latest:
        if run.judged is None:
            continue
        verdict = rules.verdict(run, run.judged)
        place = _standing(run, verdict, history_of, rules)
        found[run.key.strategy] = (run, verdict, place)
        if place.competes and verdict.score is not None:
            candidates.append(
                Candidate(
                    strategy=run.key.strategy,
                    run_id=run.key.run_id,
                    score=verdict.score,
                    day_returns=run.judged.evidence.day_returns,
                )
            )
    selection = rules.policy.selection
    correlation = selection.constraints.correlation
    seat_rules = SeatRules(
        seats=selection.topk.total,
        correlation_max=correlation.max_pairwise,
        overlap_days_min=correlation.min_overlap_days,
    )
    placings = {placing.strategy: placing for placing in select(candidates, seat_rules)}
    rows = [
        StrategyStanding(
            run=run,
            verdict=verdict,
            placing=placings.get(strategy),
            reason=placings[strategy].reason if strategy in placings else _why_not(place, verdict),
        )
        for strategy, (run, verdict, place) in found.items()
    ]
    rows.sort(key=lambda row: (row.placing.rank if row.placing else len(found) + 1, row.run.key.strategy))
    return Standings(rows=tuple(rows), candidates=tuple(candidates), seat_rules=seat_rules)


def _why_not(place: Standing, verdict: Verdict) -> str:
    return place.reason if not place.competes else f"it cannot be ranked: {verdict.sentence}"


def _standing(
    run: EvaluationRun,
    verdict: Verdict,
    history_of: Callable[[str], Sequence[EvaluationRun]],
    rules: Rules,
) -> Standing:
    if run.status is RunStatus.EXPIRED:
        return Standing(competes=False, reason="its latest run expired")
    hysteresis = rules.policy.selection.hysteresis
    newest = PastRun.of(verdict, run.judged.evidence.result_digest if run.judged else "")
    past = [newest]
    if max(hysteresis.promote_after, hysteresis.demote_after) > 1:
        past += [
            PastRun.of(rules.verdict(earlier, earlier.judged), earlier.judged.evidence.result_digest)
            for earlier in reversed(history_of(run.key.strategy))
            if earlier.judged is not None and earlier.stage is run.stage and earlier.key != run.key
        ]
    return standing(
        past,
        promote_after=hysteresis.promote_after,
        demote_after=hysteresis.demote_after,
        seated=rules.seated,
        strategy=run.key.strategy,
    )


def decide(row: StrategyStanding | None, strategy: str, rules: Rules) -> DecisionEnvelope:
    """What the world allows a strategy now. Nothing here ever answers live: that takes a promotion."""
    mode, reason = _mode(row, rules)
    judged = None if row is None else row.run.judged
    return DecisionEnvelope(
        world=rules.policy.world,
        strategy=strategy,
        run_id=None if row is None else row.run.key.run_id,
        policy_version=rules.policy.version,
        effective_mode=mode,
        reason=reason,
        as_of=rules.now,
        ttl=parse_duration(rules.policy.governance.decision_ttl),
        dataset_fingerprint=None if row is None or judged is None else row.run.hypothesis.data_fingerprint,
    )


def _mode(row: StrategyStanding | None, rules: Rules) -> tuple[Mode, str]:
    if row is None or row.run.judged is None:
        return Mode.VALIDATE, "nothing was judged yet"
    if row.verdict.status is RuleStatus.FAIL:
        return Mode.COMPUTE_ONLY, row.verdict.sentence
    if not row.seated:
        return Mode.COMPUTE_ONLY, f"no seat: {row.reason}"
    if not is_current(rules.case(row.run, row.run.judged)):
        return Mode.VALIDATE, f"the data are older than {rules.policy.data_currency.max_lag}"
    return Mode.PAPER, row.reason
