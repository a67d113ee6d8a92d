"""Who gets a seat: one walk down the ranking.

Candidates are ranked by score, ties by strategy id. The walk seats each in
turn, skips with its reason whoever is too alike somebody already seated (an
unknown correlation counts as too alike) and stops when the seats are gone, so
a skipped candidate's seat goes to the next one. Same candidates, same answer,
in whatever order they are given.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from qts.market.bars import Floats
from qts.worlds.evidence import DayReturns


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A strategy whose latest run may compete. score: finite, higher is better."""

    strategy: str
    run_id: str
    score: float
    day_returns: DayReturns


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """Where a candidate came. rank: 1 is best. weight: share of the world's capital, 0 without a seat."""

    strategy: str
    run_id: str
    rank: int
    score: float
    seated: bool
    weight: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatRules:
    """seats: 1 or more. correlation_max: of absolute values. overlap_days_min: fewest common days, 2 or more."""

    seats: int
    correlation_max: float
    overlap_days_min: int


def select(candidates: Iterable[Candidate], rules: SeatRules) -> tuple[Placing, ...]:
    """Every candidate's placing, best first. Raises ValueError when a strategy competes twice.

    Each seat is worth the same fixed share, 1 / seats, whoever else sits:
    a newcomer never moves another strategy's capital.
    """
    ranking = sorted(candidates, key=lambda candidate: (-candidate.score, candidate.strategy))
    if len({candidate.strategy for candidate in ranking}) != len(ranking):
        raise ValueError("a strategy competes with one run at a time")
    seated: list[Candidate] = []
    placings: list[Placing] = []
    for rank, candidate in enumerate(ranking, start=1):
        obstacle = _obstacle(candidate, seated, rules)
        if obstacle is None:
            seated.append(candidate)
        placings.append(
            Placing(
                strategy=candidate.strategy,
                run_id=candidate.run_id,
                rank=rank,
                score=candidate.score,
                seated=obstacle is None,
                weight=1 / rules.seats if obstacle is None else 0.0,
                reason=obstacle or f"ranked {rank} of {len(ranking)}, seat {len(seated)} of {rules.seats}",
            )
        )
    return tuple(placings)


def _obstacle(candidate: Candidate, seated: Sequence[Candidate], rules: SeatRules) -> str | None:
    """Why this candidate may not sit, or None."""
    if len(seated) >= rules.seats:
        return f"all {rules.seats} seats are taken by better scores"
    for other in seated:
        found = correlation(candidate.day_returns, other.day_returns, rules.overlap_days_min)
        if found is None:
            return (
                f"its correlation with {other.strategy} is unknown "
                f"(fewer than {rules.overlap_days_min} common days, or one of them never varied)"
            )
        if abs(found) > rules.correlation_max:
            return (
                f"correlates {found:.2f} with {other.strategy}, which ranks higher; at most {rules.correlation_max:g}"
            )
    return None


def correlation(left: DayReturns, right: DayReturns, overlap_days_min: int) -> float | None:
    """Pearson correlation over the days both have, in [-1, 1].

    None when they share fewer days than asked for, or one does not vary on them.
    """
    first = max(left.first_day, right.first_day)
    last = min(left.first_day + len(left.values), right.first_day + len(right.values))
    if last - first < max(overlap_days_min, 2):
        return None
    a = left.values[first - left.first_day : last - left.first_day]
    b = right.values[first - right.first_day : last - right.first_day]
    if not (_varies(a) and _varies(b)):
        return None
    a, b = a - a.mean(), b - b.mean()
    return float(np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def _varies(values: Floats) -> bool:
    """Whether a series moves by more than the rounding of its own numbers."""
    return bool(np.ptp(values) > 1e-9 * np.abs(values).max())
