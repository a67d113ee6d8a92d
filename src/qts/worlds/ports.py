"""What governance needs from a place that keeps things: an append-only record, changed in whole steps.

``commit`` is the only way to write and takes everything that belongs to one
step, so that nothing half done is ever stored. What is stored never changes; a
run's status is what its last move says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from qts.domain.errors import PolicyError
from qts.domain.instant import Instant
from qts.worlds.decision import DecisionEnvelope
from qts.worlds.evaluation_run import EvaluationRun, Judged, RunKey, RunMove, Stage
from qts.worlds.ledger import TrialEntry, TrialNote


class Overtaken(PolicyError):  # noqa: N818 - named for what happened
    """Somebody else wrote first what this step was going to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """simulated: fixed at birth; a simulated world can never go live."""

    name: str
    simulated: bool
    created_at: Instant
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One version of a world's policy. document: the whole policy as plain values, defaults included."""

    world: str
    version: int
    ruleset_hash: str
    document: Mapping[str, object]
    created_at: Instant
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldHead:
    """How far a world's record has come: its last policy and its last decision, by sequence; 0 where there is none.

    While the head stays, so do the demands and everybody who was judged by them.
    """

    world: str
    policy: int
    decision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOpened:
    """A run at its birth: no moves, no judgement."""

    run: EvaluationRun


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMoved:
    """A run's next step. judged: with the move to ``evaluated``, and with no other."""

    key: RunKey
    move: RunMove
    judged: Judged | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMade:
    """A decision and the standing it rests on. seated: strategies with a seat after it, best first."""

    envelope: DecisionEnvelope
    stage: Stage
    seated: tuple[str, ...]
    rank: int | None
    score: float | None
    weight: float
    made_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditNote:
    """Who asked for what, and what became of it."""

    world: str | None
    actor: str
    action: str
    request: Mapping[str, object]
    result: str
    at: Instant


Change: TypeAlias = World | PolicyVersion | RunOpened | RunMoved | TrialNote | DecisionMade | AuditNote


class WorldStore(Protocol):
    """The record of all worlds.

    Every implementation passes tests/contracts/world_store_contract.py. Reading
    checks what it reads: a row that is not as it was written raises
    StorageError naming the row.
    """

    def commit(self, changes: Sequence[Change], *, expecting: WorldHead | None = None) -> None:
        """All of it, in this order, or none of it; durable on return.

        expecting: the head the changes were made from. Raises Overtaken when it
        has moved on, or a world, policy version, run or move of that name or
        number is already there, StorageError when it cannot be stored.
        """

    def head(self, world: str) -> WorldHead:
        """How far the world's record has come. Read it before what the next step is made from."""

    def worlds(self) -> tuple[World, ...]:
        """Every world, oldest first."""

    def policies(self, world: str) -> tuple[PolicyVersion, ...]:
        """A world's policy versions, first to last."""

    def run(self, run_id: str) -> EvaluationRun | None:
        """One run with its moves and judgement."""

    def runs(self, world: str, strategy: str | None = None) -> tuple[EvaluationRun, ...]:
        """A world's runs, or one strategy's, oldest first."""

    def latest_judged(self, world: str, stage: Stage) -> tuple[EvaluationRun, ...]:
        """For every strategy of the world, its newest run of that stage that was judged."""

    def unfinished_runs(self, world: str) -> tuple[EvaluationRun, ...]:
        """Runs somebody ought to be working on, oldest first."""

    def trials(self) -> tuple[TrialEntry, ...]:
        """The whole ledger, verified from its first entry."""

    def decisions(self, world: str) -> tuple[DecisionMade, ...]:
        """Every decision of a world, oldest first."""

    def latest_decision(self, world: str, stage: Stage) -> DecisionMade | None:
        """The last decision made on that stage's standings."""

    def audit(self, world: str | None = None) -> tuple[AuditNote, ...]:
        """Every note, or one world's, oldest first."""

    def verify(self) -> tuple[str, ...]:
        """One sentence for every chain that does not hold, naming its first bad row; empty when all is as written."""
