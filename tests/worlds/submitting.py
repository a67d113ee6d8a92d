"""How tests bring a run before a world: opened, moved, judged."""

from collections.abc import Mapping
from typing import Any

from qts.domain.ids import digest
from qts.worlds.evaluation_run import EvaluationRun, Stage
from qts.worlds.evidence import Hypothesis
from qts.worlds.policy import WorldPolicy
from qts.worlds.run_lifecycle import RunAction
from qts.worlds.service import Judgement, WorldService
from tests.worlds.world_cases import NOW, day_returns, evidence, hypothesis, policy, terms_of


def evaluating(
    service: WorldService, tried: Hypothesis, now: int = NOW, stage: Stage = Stage.BACKTEST
) -> EvaluationRun:
    run = service.open_run("w", tried, actor="ann", now=now, stage=stage)
    service.move_run(run.key.run_id, RunAction.START, reason="", actor="ann", now=now)
    return service.move_run(run.key.run_id, RunAction.MEASURE, reason="", actor="ann", now=now)


def submit(
    service: WorldService,
    strategy: str = "cross",
    *,
    metrics: Mapping[str, float | None] | None = None,
    seed: int | None = None,
    now: int = NOW,
    stage: Stage = Stage.BACKTEST,
    under: WorldPolicy | None = None,
    **changes: Any,
) -> Judgement:
    tried = hypothesis(strategy, trial_key=digest([strategy, seed]), terms=terms_of(under or policy()))
    run = evaluating(service, tried, now, stage)
    returns = day_returns(seed if seed is not None else sum(map(ord, strategy)))
    count = service.count_trials(tried.family)
    had = evidence(tried, metrics=metrics, trial_count=count, day_returns=returns, **changes)
    return service.judge(run.key.run_id, had, actor="ann", now=now)
