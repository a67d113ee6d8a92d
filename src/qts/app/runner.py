"""``Runner.submit``: a strategy and the name of a world go in, a verdict with its reasons comes out.

    from qts import Runner
    result = Runner().submit(MyStrategy, world="crypto-4h")

The world's policy decides everything else: data, costs, limits, demands. Each
step is on record before the next begins, so whenever this process dies the run
is found as it was left and is ended, never half written.
"""

import getpass
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qts.adapters import clock
from qts.adapters.stores.run_files import read_run, write_run
from qts.app import assembly
from qts.app.evidence import evidence_of, sheet_of
from qts.app.settings import Settings
from qts.app.submit_result import SubmitResult, Violation
from qts.app.trial import Outcome, Trial, Tried, carry_out, noticed, prepare, strategy_from, tried_so_far
from qts.domain.errors import DataError, QtsError, StorageError, UsageError
from qts.domain.instant import HOUR_MS
from qts.market.dataset import Dataset
from qts.simulation.backtest import Terms
from qts.strategy.strategy import Strategy
from qts.worlds.decision import resolve
from qts.worlds.evaluation_run import EvaluationRun, Judged, RunKey
from qts.worlds.evidence import Hypothesis
from qts.worlds.policy import WorldPolicy
from qts.worlds.run_lifecycle import RunAction
from qts.worlds.service import Judgement, WorldService

STALE_AFTER_MS = 6 * HOUR_MS
"""An unfinished run that nobody moved for so long was left by a process that died."""


def _silent(_step: str) -> None:
    """The progress of a caller who does not ask for any."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a stored run comes out the same when it is made again."""

    run_id: str
    recorded: str
    recomputed: str

    @property
    def agrees(self) -> bool:
        return self.recorded == self.recomputed


class Runner:
    """settings: where state lives, by default this process's. actor: who is on record, by default the login name."""

    def __init__(self, settings: Settings | None = None, *, actor: str | None = None) -> None:
        self.settings = settings or Settings.from_environment()
        self.actor = actor or login_name()
        self._service: WorldService | None = None

    @property
    def worlds(self) -> WorldService:
        if self._service is None:
            self._service = assembly.world_service(self.settings)
        return self._service

    def submit(
        self,
        strategy: str | type[Strategy] | Strategy,
        *,
        world: str,
        parameters: dict[str, object] | None = None,
        mode: str | None = None,
        progress: Callable[[str], None] = _silent,
    ) -> SubmitResult:
        """Evaluate ``strategy`` in ``world``.

        strategy: a file (``cross.py`` or ``cross.py:Cross``), a catalogue name,
        a class or an instance. mode: a hint the world's decision may lower and
        never raises. Raises QtsError for bad input; then the run, if one was
        opened, is on record as rejected with the reason.
        """
        policy = self.worlds.policy(world)
        self.worlds.expire_stale(world, older_than=STALE_AFTER_MS, actor=self.actor, now=clock.now())
        trial = self._trial(strategy, parameters or {}, policy, progress)
        hypothesis = Hypothesis.from_provenance(trial.provenance, family=trial.family)
        run = self.worlds.open_run(world, hypothesis, actor=self.actor, now=clock.now())
        try:
            outcome, judgement = self._evaluated(run, trial, progress)
        except KeyboardInterrupt:
            self._end(run, RunAction.EXPIRE, "cancelled")
            raise
        except BaseException as error:
            cause = error.cause if isinstance(error, QtsError) else f"{type(error).__name__}: {error}"
            self._end(run, RunAction.FAIL, f"error: {cause}")
            raise
        return self._told(judgement, outcome, mode, self._page_problem(judgement, progress))

    def _page_problem(self, judgement: Judgement, progress: Callable[[str], None]) -> str:
        """Writes the page of a run that is judged; what goes wrong now no longer changes the verdict, and is told."""
        progress("writing the report")
        assert judgement.run.judged is not None
        try:
            self._write_page(judgement.run.key, judgement.run.judged)
        except StorageError as error:
            return (
                f"the report could not be written ({error.cause}); qts report {judgement.run.key.run_id} draws it again"
            )
        return ""

    def verify(self, run_id: str, strategy: str | type[Strategy] | Strategy | None = None) -> Verified:
        """Make a judged run again from its record and compare the digests.

        strategy: its source, by default the catalogue strategy of that name.
        Raises QtsError when code or data are no longer what the run used.
        """
        run, outcome = self._again(run_id, strategy, _silent)
        assert run.judged is not None
        return Verified(run.key.run_id, run.judged.evidence.result_digest, outcome.result.digest)

    def report(self, run_id: str, *, progress: Callable[[str], None] = _silent) -> Path:
        """The path of a run's page; a page that was lost is drawn again from the run's record."""
        run = self.worlds.run(run_id)
        path = self.page_path(run.key.run_id)
        if path.exists():
            return path
        if run.judged is None:
            raise UsageError(f"run {run_id} was never judged, it has no page", next_step=f"qts run show {run_id}")
        progress("the page was lost, drawing it again from the record")
        return self._write_page(run.key, run.judged)

    def _again(
        self, run_id: str, strategy: str | type[Strategy] | Strategy | None, progress: Callable[[str], None]
    ) -> tuple[EvaluationRun, Outcome]:
        run = self.worlds.run(run_id)
        if run.judged is None:
            raise UsageError(
                f"run {run_id} was never judged, there is nothing to make again", next_step=f"qts run show {run_id}"
            )
        policy = self.worlds.policy(run.key.world, run.policy_version)
        source = strategy if strategy is not None else _catalogue_name(run)
        parameters = {} if isinstance(source, Strategy) else dict(run.hypothesis.parameters)
        trial = self._trial(source, parameters, policy, progress)
        _refuse_other(run, trial)
        return run, carry_out(trial, Tried(run.judged.evidence.trial_count or 1, ()), progress=progress)

    def _trial(
        self,
        strategy: str | type[Strategy] | Strategy,
        parameters: dict[str, object],
        policy: WorldPolicy,
        progress: Callable[[str], None],
    ) -> Trial:
        loaded = strategy_from(strategy, parameters)
        progress("loading data")
        return prepare(self._dataset(policy), loaded, terms_of(policy))

    def _dataset(self, policy: WorldPolicy) -> Dataset:
        wanted = policy.dataset
        return assembly.catalogue(self.settings).load_dataset(
            wanted.symbol, wanted.interval_ms, start=wanted.start_instant, end=wanted.end_instant
        )

    def _evaluated(
        self, run: EvaluationRun, trial: Trial, progress: Callable[[str], None]
    ) -> tuple[Outcome, Judgement]:
        self._move(run, RunAction.START, "backtest started")
        outcome = carry_out(trial, tried_so_far(self.worlds, trial.family), progress=progress)
        self._move(run, RunAction.MEASURE, "backtest finished")
        progress("keeping the record")
        write_run(self.record_path(run.key.run_id), outcome.result)
        progress("judging")
        evidence = evidence_of(outcome, _links(run.key.run_id))
        judgement = self.worlds.judge(run.key.run_id, evidence, actor=self.actor, now=clock.now())
        return outcome, judgement

    def _move(self, run: EvaluationRun, action: RunAction, reason: str) -> None:
        self.worlds.move_run(run.key.run_id, action, reason=reason, actor=self.actor, now=clock.now())

    def _end(self, run: EvaluationRun, action: RunAction, reason: str) -> None:
        """Ends an unfinished run; one that was already judged keeps its verdict."""
        if self.worlds.run(run.key.run_id).status.is_unfinished:
            self._move(run, action, reason)

    def _write_page(self, key: RunKey, judged: Judged) -> Path:
        """Draws the page from the record and from nothing else."""
        from qts.adapters.reports.page_verdict import RunPageVerdict
        from qts.adapters.reports.run_page import render_run_page, write_run_page

        result = read_run(self.record_path(key.run_id))
        if result.digest != judged.evidence.result_digest:
            raise StorageError(
                f"the record of run {key.run_id} is of another run",
                place=str(self.record_path(key.run_id)),
                next_step="restore it from a backup, or submit the strategy again",
            )
        verdict = RunPageVerdict.of(judged.verdict, world=key.world)
        text = render_run_page(result, sheet_of(judged.evidence), verdict=verdict, run_id=key.run_id)
        return write_run_page(self.page_path(key.run_id), text)

    def page_path(self, run_id: str) -> Path:
        """Where the HTML page of a run lies."""
        return self.settings.reports / f"{run_id}.html"

    def record_path(self, run_id: str) -> Path:
        """Where everything a run did is kept."""
        return self.settings.records / f"{run_id}.json.gz"

    def _told(self, judgement: Judgement, outcome: Outcome, mode: str | None, page_problem: str) -> SubmitResult:
        run, decision = judgement.run, judgement.decision
        now = clock.now()
        resolution = resolve(mode, decision, world=run.key.world, strategy=run.key.strategy, now=now)
        evidence = run.judged.evidence if run.judged is not None else None
        return SubmitResult(
            run_id=run.key.run_id,
            url=run.key.url,
            world=run.key.world,
            strategy=run.key.strategy,
            status=run.status.value,
            verdict=judgement.verdict.sentence,
            mode=resolution.mode.value,
            decision_reason=decision.reason,
            weight=judgement.weight,
            rank=judgement.rank,
            contribution=judgement.contribution,
            place_reason=judgement.place_reason,
            violations=tuple(Violation.of(result) for result in judgement.verdict.violations),
            warnings=tuple(
                result.sentence for result in judgement.verdict.missed if result not in judgement.verdict.violations
            ),
            precheck=(*noticed(outcome), *([page_problem] if page_problem else [])),
            metrics={} if evidence is None else dict(evidence.metrics),
            undefined={} if evidence is None else dict(evidence.undefined),
            trial_count=0 if evidence is None or evidence.trial_count is None else evidence.trial_count,
            waivers=tuple(waiver.value for waiver in outcome.result.provenance.waivers),
            safe_mode=resolution.safe_mode,
            downgraded=resolution.downgraded,
            downgrade_reason=resolution.reason if resolution.downgraded else "",
            synthetic=outcome.result.provenance.synthetic,
            report=self.page_path(run.key.run_id),
            result_digest=outcome.result.digest,
        )


def terms_of(policy: WorldPolicy) -> Terms:
    """What the world's policy says about a run."""
    return Terms(
        capital=policy.capital,
        frictions=policy.frictions.to_frictions(),
        limits=policy.risk.to_limits(),
        policies=policy.risk.limits.to_policies(),
        waivers=tuple(policy.waivers),
    )


def _links(run_id: str) -> dict[str, str]:
    """report, record: the page and what it is drawn from, relative to QTS_HOME."""
    return {"report": f"reports/{run_id}.html", "record": f"runs/{run_id}.json.gz"}


def _catalogue_name(run: EvaluationRun) -> str:
    """The strategy's name, if it is one that needs no file."""
    from qts.strategy.catalogue import CATALOGUE

    if run.key.strategy not in CATALOGUE:
        raise UsageError(
            f"run {run.key.run_id} was made from a file, and which one is not on record",
            next_step=f"qts run verify {run.key.run_id} --strategy FILE.py",
        )
    return run.key.strategy


def _refuse_other(run: EvaluationRun, trial: Trial) -> None:
    now, then = trial.provenance, run.hypothesis
    for what, recorded, found in (
        ("code", then.code_digest, now.code_digest),
        ("data", then.data_fingerprint, now.data_fingerprint),
        ("trial", then.trial_key, now.trial_key),
    ):
        if recorded != found:
            raise DataError(
                f"the {what} of run {run.key.run_id} is no longer there: recorded {recorded[:12]}, found {found[:12]}",
                next_step="give the strategy file the run was made from, and the data it was made on",
            )


def login_name() -> str:
    """Who is on record for what this process does."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"
