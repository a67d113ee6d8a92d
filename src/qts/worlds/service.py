"""A world's front desk: takes hypotheses and evidence, hands out verdicts and decisions, keeps the record.

It never runs a backtest: it judges evidence. Every step is one commit, so a
process that dies between two steps leaves a run that ``expire_stale`` can end
and nothing half written. ``now`` and ``actor`` always come from the caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from qts.domain.errors import PolicyError, did_you_mean
from qts.domain.ids import short_id
from qts.domain.instant import Duration, Instant
from qts.worlds.decision import DecisionEnvelope
from qts.worlds.evaluation_run import EvaluationRun, Judged, RunKey, Stage
from qts.worlds.evidence import Evidence, Hypothesis
from qts.worlds.ledger import TrialEntry, closing, count_at_opening, count_trials, opening
from qts.worlds.policy import WorldPolicy, ruleset_hash
from qts.worlds.policy_parsing import parse_policy
from qts.worlds.ports import (
    DecisionMade,
    Overtaken,
    PolicyVersion,
    World,
    WorldHead,
    WorldStore,
)
from qts.worlds.run_lifecycle import RunAction
from qts.worlds.standings import Rules, Standings, StrategyStanding, decide, stand
from qts.worlds.steps import policy_added, run_judged, run_moved, run_opened
from qts.worlds.validation import Case, judge_case
from qts.worlds.verdict import RuleResult, RuleStatus, Verdict

STEP_TRIES = 5
"""How often a step is made again because somebody else wrote meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What came of handing in evidence.

    rank, score, weight: the strategy's place in the world; rank None and weight
    0 when it does not compete. contribution: what it adds to the mean score of
    the seated. place_reason: why it has a seat or not.
    """

    run: EvaluationRun
    verdict: Verdict
    decision: DecisionEnvelope
    rank: int | None
    score: float | None
    weight: float
    contribution: float | None
    place_reason: str
    standings: Standings

    @property
    def results(self) -> tuple[RuleResult, ...]:
        return self.verdict.results


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldStatus:
    """A world at a glance."""

    world: World
    policy: WorldPolicy
    versions: int
    standings: Standings
    decisions: Mapping[str, DecisionEnvelope]
    unfinished: tuple[EvaluationRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What a new policy would do to one stored run. before: what today's policy says to it."""

    run: EvaluationRun
    before: Verdict
    after: Verdict

    @property
    def flips(self) -> bool:
        return self.before.status is not self.after.status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """Standings, and the head of the record they were made from."""

    head: WorldHead
    standings: Standings
    rules: Rules


class WorldService:
    """metrics: every name policies may use. definitions: digest of each one's definition today; none checks nothing."""

    def __init__(
        self, store: WorldStore, *, metrics: frozenset[str], definitions: Mapping[str, str] | None = None
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._definitions = definitions or {}

    def verify(self) -> tuple[str, ...]:
        """One sentence for every chain of the record that does not hold; empty when all is as it was written."""
        return self._store.verify()

    # --- worlds and policies ------------------------------------------------------------------------------------------

    def worlds(self) -> tuple[World, ...]:
        """Every world, oldest first."""
        return self._store.worlds()

    def create_world(self, policy: WorldPolicy, *, actor: str, now: Instant) -> World:
        """A new world under its first policy. Raises PolicyError when the name is taken or the version is not 1."""
        if policy.version != 1:
            raise PolicyError(
                f"the first policy of world {policy.world!r} says version {policy.version}",
                next_step="a new world starts with version: 1",
            )
        if any(world.name == policy.world for world in self._store.worlds()):
            raise PolicyError(
                f"there is already a world {policy.world!r}",
                next_step=f"choose another name, or add a version: qts world update {policy.world} --policy FILE",
            )
        world = World(name=policy.world, simulated=policy.simulated, created_at=now, created_by=actor)
        self._store.commit([world, *policy_added("create_world", policy, actor=actor, at=now)])
        return world

    def add_policy_version(self, policy: WorldPolicy, *, actor: str, now: Instant) -> PolicyVersion:
        """The world's next policy. Earlier runs stay as they were judged; standings follow the new one."""
        self._refuse_as_next(policy)
        version, note = policy_added("add_policy_version", policy, actor=actor, at=now)
        self._store.commit([version, note])
        return version

    def _refuse_as_next(self, policy: WorldPolicy) -> WorldPolicy:
        """The world's newest policy. Raises PolicyError when ``policy`` cannot come after it."""
        current = self.policy(policy.world)
        if policy.version != current.version + 1:
            raise PolicyError(
                f"world {policy.world!r} is at policy version {current.version}; this one says {policy.version}",
                next_step=f"write version: {current.version + 1}",
            )
        if policy.simulated != current.simulated:
            raise PolicyError(
                f"simulated is fixed when a world is made: {policy.world!r} has {str(current.simulated).lower()}",
                next_step="make another world",
            )
        return current

    def policy(self, world: str, version: int | None = None) -> WorldPolicy:
        """A world's policy, the newest unless a version is named. Raises PolicyError when there is none."""
        found = self._versions(world)
        if version is None:
            return self._parsed(found[-1])
        for candidate in found:
            if candidate.version == version:
                return self._parsed(candidate)
        raise PolicyError(f"world {world!r} has no policy version {version}; its newest is {found[-1].version}")

    def preview_policy(self, policy: WorldPolicy, *, now: Instant) -> tuple[Impact, ...]:
        """What the next policy would say to every strategy's latest judged run, before it is added.

        Raises PolicyError when it cannot be added.
        """
        current = self._refuse_as_next(policy)
        impacts = []
        for stage in Stage:
            today, then = self._rules(current, stage, now), self._rules(policy, stage, now)
            for run in self._store.latest_judged(policy.world, stage):
                if run.judged is not None:
                    before, after = today.verdict(run, run.judged), judge_case(then.case(run, run.judged))
                    impacts.append(Impact(run=run, before=before, after=after))
        return tuple(impacts)

    def world_status(self, world: str, *, now: Instant, stage: Stage = Stage.BACKTEST) -> WorldStatus:
        versions = self._versions(world)
        policy = self._parsed(versions[-1])
        rules, standings = self._standings(policy, stage, now)
        decisions = {row.run.key.strategy: decide(row, row.run.key.strategy, rules) for row in standings.rows}
        return WorldStatus(
            world=next(found for found in self._store.worlds() if found.name == world),
            policy=policy,
            versions=len(versions),
            standings=standings,
            decisions=decisions,
            unfinished=self._store.unfinished_runs(world),
        )

    # --- runs ---------------------------------------------------------------------------------------------------------

    def open_run(
        self, world: str, hypothesis: Hypothesis, *, actor: str, now: Instant, stage: Stage = Stage.BACKTEST
    ) -> EvaluationRun:
        """A submitted run, and the trial it is, on record before there is a result.

        Somebody may open the same trial at the same moment: then this is the next attempt.
        """
        for _ in range(STEP_TRIES - 1):
            try:
                return self._open_run(world, hypothesis, actor, now, stage)
            except Overtaken:
                continue
        return self._open_run(world, hypothesis, actor, now, stage)

    def _open_run(self, world: str, hypothesis: Hypothesis, actor: str, now: Instant, stage: Stage) -> EvaluationRun:
        policy = self.policy(world)
        rules = ruleset_hash(policy)
        attempt = 1 + sum(
            run.hypothesis.trial_key == hypothesis.trial_key and run.stage is stage
            for run in self._store.runs(world, hypothesis.strategy)
        )
        facts = (world, hypothesis.strategy, stage, hypothesis.trial_key, rules, attempt)
        run = EvaluationRun(
            key=RunKey(world=world, strategy=hypothesis.strategy, run_id=short_id("run", *facts)),
            stage=stage,
            hypothesis=hypothesis,
            policy_version=policy.version,
            ruleset_hash=rules,
            opened_at=now,
            opened_by=actor,
        )
        self._store.commit(run_opened(run, policy))
        return run

    def move_run(self, run_id: str, action: RunAction, *, reason: str, actor: str, now: Instant) -> EvaluationRun:
        """The run one step on. Raises PolicyError when its state does not allow it; ``judge`` is a step of its own."""
        run = self.run(run_id)
        moved = run.moved(action, at=now, actor=actor, reason=reason)
        self._store.commit(run_moved(moved))
        return moved

    def run(self, run_id: str) -> EvaluationRun:
        """A run by its id or by its qts:// address. Raises PolicyError when there is none."""
        found = self._store.run(run_id.rsplit("/", 1)[-1])
        if found is None:
            raise PolicyError(f"there is no run {run_id!r}", next_step="qts run list --world NAME lists a world's runs")
        return found

    def judge(self, run_id: str, evidence: Evidence, *, actor: str, now: Instant) -> Judgement:
        """The world's verdict on a run that is being evaluated, its place, and the decision; all frozen with it.

        Places hold against everybody judged before: when somebody else was
        judged in between, it is done again. Raises Overtaken when that never ends.
        """
        for _ in range(STEP_TRIES - 1):
            try:
                return self._judge(run_id, evidence, actor=actor, now=now)
            except Overtaken:
                continue
        return self._judge(run_id, evidence, actor=actor, now=now)

    def _judge(self, run_id: str, evidence: Evidence, *, actor: str, now: Instant) -> Judgement:
        run = self.run(run_id)
        head = self._store.head(run.key.world)
        if evidence.trial_key != run.hypothesis.trial_key:
            raise PolicyError(
                f"the evidence is of trial {evidence.trial_key[:12]}, and run {run_id} was opened for "
                f"{run.hypothesis.trial_key[:12]}",
                next_step="open a run for what is actually tried",
            )
        case = Case(
            policy=self.policy(run.key.world, run.policy_version),
            stage=run.stage,
            hypothesis=run.hypothesis,
            evidence=evidence.under(self._definitions),
            ledger_count=count_at_opening(self._store.trials(), run.hypothesis.family, run_id=run.key.run_id),
            metrics=self._metrics,
            now=now,
        )
        verdict = judge_case(case)
        done = run.judged_as(Judged(evidence=evidence, verdict=verdict), at=now, actor=actor)
        if verdict.status is RuleStatus.FAIL:
            done = done.moved(RunAction.REJECT, at=now, actor=actor, reason=verdict.sentence)
        rules, standings = self._standings(self.policy(run.key.world), run.stage, now, newest=done)
        return self._record(run, done, _Reached(head=head, standings=standings, rules=rules), actor)

    def history(self, world: str, strategy: str | None = None) -> tuple[EvaluationRun, ...]:
        """Every run, oldest first."""
        self._versions(world)
        return self._store.runs(world, strategy)

    def decide(self, world: str, strategy: str, *, now: Instant, stage: Stage = Stage.BACKTEST) -> DecisionEnvelope:
        """What the world allows the strategy at this instant. Reads; records nothing."""
        rules, standings = self._standings(self.policy(world), stage, now)
        return decide(standings.of(strategy), strategy, rules)

    def expire_stale(self, world: str, *, older_than: Duration, actor: str, now: Instant) -> tuple[EvaluationRun, ...]:
        """Ends the unfinished runs nobody has moved for so long, and answers with them."""
        stale = [run for run in self._store.unfinished_runs(world) if now - run.updated_at >= older_than]
        return tuple(
            self.move_run(run.key.run_id, RunAction.EXPIRE, reason=f"stale: left {run.status}", actor=actor, now=now)
            for run in stale
        )

    # --- trials -------------------------------------------------------------------------------------------------------

    def open_trial(self, hypothesis: Hypothesis, *, now: Instant) -> None:
        """Counts a trial that is made outside any world. Before its result exists."""
        self._store.commit([opening(hypothesis, world=None, run_id=None, held_to={}, at=now)])

    def close_trial(self, hypothesis: Hypothesis, *, result_digest: str, sharpe: float | None, now: Instant) -> None:
        """Says what came of a trial made outside any world."""
        note = closing(hypothesis, world=None, run_id=None, result_digest=result_digest, sharpe=sharpe, at=now)
        self._store.commit([note])

    def count_trials(self, family: str) -> int:
        """Distinct trials of a family so far, on a ledger verified from its first entry."""
        return count_trials(self._store.trials(), family)

    def trials(self) -> tuple[TrialEntry, ...]:
        return self._store.trials()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _record(
        self,
        run: EvaluationRun,
        done: EvaluationRun,
        reached: _Reached,
        actor: str,
    ) -> Judgement:
        standings, rules = reached.standings, reached.rules
        strategy, judged = run.key.strategy, done.judged
        assert judged is not None, "a run is recorded once it is judged"
        row = standings.of(strategy)
        placing = None if row is None else row.placing
        made = DecisionMade(
            envelope=decide(row, strategy, rules),
            stage=run.stage,
            seated=standings.seated,
            rank=None if placing is None else placing.rank,
            score=judged.verdict.score,
            weight=0.0 if placing is None else placing.weight,
            made_at=rules.now,
        )
        self._store.commit(run_judged(run, done, made, actor=actor), expecting=reached.head)
        return Judgement(
            run=done,
            verdict=judged.verdict,
            decision=made.envelope,
            rank=made.rank,
            score=made.score,
            weight=made.weight,
            contribution=standings.contribution(strategy),
            place_reason=_place_reason(row),
            standings=standings,
        )

    def _standings(
        self, policy: WorldPolicy, stage: Stage, now: Instant, newest: EvaluationRun | None = None
    ) -> tuple[Rules, Standings]:
        """newest: a run judged in this step and not stored yet."""
        rules = self._rules(policy, stage, now)
        latest = [
            run
            for run in self._store.latest_judged(policy.world, stage)
            if newest is None or run.key.strategy != newest.key.strategy
        ]
        if newest is not None:
            latest.append(newest)
        return rules, stand(latest, lambda strategy: self._store.runs(policy.world, strategy), rules)

    def _rules(self, policy: WorldPolicy, stage: Stage, now: Instant) -> Rules:
        before = self._store.latest_decision(policy.world, stage)
        seated = () if before is None else before.seated
        return Rules(
            policy=policy,
            stage=stage,
            seated=seated,
            metrics=self._metrics,
            definitions=self._definitions,
            now=now,
        )

    def _versions(self, world: str) -> tuple[PolicyVersion, ...]:
        found = self._store.policies(world)
        if not found:
            names = [known.name for known in self._store.worlds()]
            raise PolicyError(
                f"there is no world {world!r}.{did_you_mean(world, names)}",
                next_step="qts world list" if names else f"qts world create {world} --preset conservative",
            )
        return found

    def _parsed(self, version: PolicyVersion) -> WorldPolicy:
        source = f"world {version.world}, policy version {version.version}"
        return parse_policy(version.document, source=source, metrics=self._metrics)


def _place_reason(row: StrategyStanding | None) -> str:
    return "it was not judged" if row is None else row.reason
