"""How often somebody has tried: every trial of a strategy family, counted and never forgotten.

A trial is opened before its result exists, with the hypothesis and the gates it
will be held to, and closed with what came of it. The count is of distinct trial
keys opened, so repeating a trial adds nothing and a trial abandoned half way
still counts: the best of many tries is not the skill of one. Entries are
chained and never change, and no command takes a count back. What a family is
called is its class name; another name begins another count, and so does another home.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from qts.domain.instant import Instant
from qts.worlds.chain import ChainBreak, ChainedRow, document, first_break
from qts.worlds.evidence import Hypothesis


class TrialKind(StrEnum):
    OPENED = "opened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialNote:
    """One line of the ledger, before the store gives it its place in the chain.

    family: what the tries are tries of; the strategy's class name.
    trial_key: digest of code, parameters, data, frictions and capital.
    world, run_id: None for a trial outside any world.
    hypothesis: on opening, what was claimed and what it will be held to.
    result_digest, sharpe: on closing; sharpe is annual, None when undefined.
    """

    kind: TrialKind
    family: str
    trial_key: str
    world: str | None
    run_id: str | None
    hypothesis: Mapping[str, object]
    result_digest: str | None
    sharpe: float | None
    recorded_at: Instant

    def __post_init__(self) -> None:
        if (self.kind is TrialKind.CLOSED) != (self.result_digest is not None):
            raise ValueError("a trial has a result when it is closed, and not before")

    def facts(self) -> dict[str, object]:
        """What the chain's hash covers, one plain value per column."""
        return {
            "kind": self.kind,
            "family": self.family,
            "trial_key": self.trial_key,
            "world": self.world,
            "run_id": self.run_id,
            "hypothesis": document(self.hypothesis),
            "result_digest": self.result_digest,
            "sharpe": self.sharpe,
            "recorded_at": self.recorded_at,
        }


def opening(
    hypothesis: Hypothesis, *, world: str | None, run_id: str | None, held_to: Mapping[str, object], at: Instant
) -> TrialNote:
    """The note that says what is about to be tried and what it will be held to."""
    return TrialNote(
        kind=TrialKind.OPENED,
        family=hypothesis.family,
        trial_key=hypothesis.trial_key,
        world=world,
        run_id=run_id,
        hypothesis={**hypothesis.facts(), "held_to": dict(held_to)},
        result_digest=None,
        sharpe=None,
        recorded_at=at,
    )


def closing(
    hypothesis: Hypothesis,
    *,
    world: str | None,
    run_id: str | None,
    result_digest: str,
    sharpe: float | None,
    at: Instant,
) -> TrialNote:
    """The note that says what came of it. sharpe: annual; None, NaN and infinities are undefined."""
    return TrialNote(
        kind=TrialKind.CLOSED,
        family=hypothesis.family,
        trial_key=hypothesis.trial_key,
        world=world,
        run_id=run_id,
        hypothesis={},
        result_digest=result_digest,
        sharpe=float(sharpe) if sharpe is not None and math.isfinite(sharpe) else None,
        recorded_at=at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialEntry:
    """A note in its place in the ledger."""

    sequence: int
    note: TrialNote
    previous_hash: str
    hash: str

    @property
    def row(self) -> ChainedRow:
        return ChainedRow(
            sequence=self.sequence, facts=self.note.facts(), previous_hash=self.previous_hash, hash=self.hash
        )


def count_trials(entries: Iterable[TrialEntry], family: str) -> int:
    """Distinct trials of a family that were opened, results or not."""
    return len(
        {
            entry.note.trial_key
            for entry in entries
            if entry.note.family == family and entry.note.kind is TrialKind.OPENED
        }
    )


def closed_sharpes(entries: Iterable[TrialEntry], family: str) -> dict[str, float]:
    """Annual Sharpe ratio by trial key, of the family's trials that ended with one; the latest closing counts."""
    return {
        entry.note.trial_key: entry.note.sharpe
        for entry in entries
        if entry.note.family == family and entry.note.kind is TrialKind.CLOSED and entry.note.sharpe is not None
    }


def count_at_opening(entries: Sequence[TrialEntry], family: str, run_id: str) -> int:
    """Distinct trials of a family when a run was opened, itself included; 0 when it is not on the ledger."""
    own = [entry.sequence for entry in entries if entry.note.run_id == run_id and entry.note.kind is TrialKind.OPENED]
    return count_trials((entry for entry in entries if entry.sequence <= own[0]), family) if own else 0


def verify(entries: Iterable[TrialEntry]) -> ChainBreak | None:
    """The first entry of the whole ledger that is not as it was written, or None."""
    return first_break(entry.row for entry in entries)
