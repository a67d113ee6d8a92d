"""An evaluation run: one strategy, judged once, in one world.

The run is a fold of its record: how it was opened, and the moves that followed.
Evidence and judgement enter together with the move to ``evaluated`` and never
change afterwards; from then on only the status moves. Everything here returns a
new value; nothing is stored or read.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from qts.domain.errors import PolicyError
from qts.domain.instant import Instant
from qts.worlds.evidence import Evidence, Hypothesis
from qts.worlds.run_lifecycle import RunAction, RunStatus, after
from qts.worlds.verdict import Verdict


class Stage(StrEnum):
    BACKTEST = "backtest"
    PAPER = "paper"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKey:
    world: str
    strategy: str
    run_id: str

    @property
    def url(self) -> str:
        return f"qts://{self.world}/{self.strategy}/{self.run_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMove:
    """One appended step. ordinal: 1 for the first. status: where it led."""

    ordinal: int
    action: RunAction
    status: RunStatus
    at: Instant
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Evidence and what the world said to it, frozen together."""

    evidence: Evidence
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRun:
    """One run. policy_version, ruleset_hash: what it is held to, fixed when it was opened."""

    key: RunKey
    stage: Stage
    hypothesis: Hypothesis
    policy_version: int
    ruleset_hash: str
    opened_at: Instant
    opened_by: str
    moves: tuple[RunMove, ...] = ()
    judged: Judged | None = None

    def __post_init__(self) -> None:
        status = RunStatus.SUBMITTED
        for ordinal, move in enumerate(self.moves, start=1):
            status = after(status, move.action)
            if (move.ordinal, move.status) != (ordinal, status):
                raise PolicyError(
                    f"run {self.key.run_id}: move {move.ordinal} ({move.action} to {move.status}) does not follow",
                    next_step="the record was altered: restore it from a backup",
                )
        if (self.judged is None) == any(move.action is RunAction.JUDGE for move in self.moves):
            raise PolicyError(
                f"run {self.key.run_id}: evidence and judgement belong together",
                next_step="the record was altered: restore it from a backup",
            )

    @property
    def status(self) -> RunStatus:
        return self.moves[-1].status if self.moves else RunStatus.SUBMITTED

    @property
    def reason(self) -> str:
        return self.moves[-1].reason if self.moves else ""

    @property
    def updated_at(self) -> Instant:
        return self.moves[-1].at if self.moves else self.opened_at

    def moved(self, action: RunAction, *, at: Instant, actor: str, reason: str) -> "EvaluationRun":
        """The run one step on. Raises IllegalTransition; ``judged_as`` is the only way to ``evaluated``."""
        if action is RunAction.JUDGE:
            raise PolicyError("a run is judged on its evidence", next_step="hand the evidence to judge")
        return replace(self, moves=(*self.moves, self._next(action, at, actor, reason)))

    def judged_as(self, judged: Judged, *, at: Instant, actor: str) -> "EvaluationRun":
        """The run with its evidence and judgement, frozen. Raises IllegalTransition when it is not being evaluated."""
        move = self._next(RunAction.JUDGE, at, actor, judged.verdict.sentence)
        return replace(self, moves=(*self.moves, move), judged=judged)

    def _next(self, action: RunAction, at: Instant, actor: str, reason: str) -> RunMove:
        return RunMove(
            ordinal=len(self.moves) + 1,
            action=action,
            status=after(self.status, action),
            at=at,
            actor=actor,
            reason=reason,
        )
