"""Falls from a peak: how deep, how long, how often.

A drawdown is a fraction of the running peak, 0 at the peak and 1 when all is
lost, compounded, on equity marked at bar closes; the starting capital is the
first peak. What happened between two closes is not seen.
"""

from dataclasses import dataclass

import numpy as np

from qts.domain.instant import DAY_MS, Instant
from qts.market.bars import Floats, Instants
from qts.research.returns import NOISE
from qts.research.undefined import Undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One fall: from the peak it left to the close that was back at it.

    depth: fraction, above 0. recovered_at: None while it lasts.
    lasted_ms: to the recovery, or to the end of the run.
    """

    depth: float
    peak_at: Instant
    trough_at: Instant
    recovered_at: Instant | None
    lasted_ms: int

    @property
    def days(self) -> float:
        return self.lasted_ms / DAY_MS


def drawdowns(points: Floats) -> Floats:
    """float64, shape as ``points``, each in [0, 1]. points: equity, 0 or more, the first above 0.

    A fall of less than 1e-12 of the peak is rounding and counts as none.
    """
    fall = 1.0 - points / np.maximum.accumulate(points)
    return np.where(fall > NOISE, fall, 0.0)


def episodes(points: Floats, instants: Instants) -> tuple[Episode, ...]:
    """Every fall in order of time; both arrays have shape (n + 1,) and begin with the starting capital."""
    fall = drawdowns(points)
    under = np.concatenate(([False], fall > 0, [False]))
    edges = np.flatnonzero(np.diff(under.astype(np.int8)))
    found = []
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        trough = first + int(np.argmax(fall[first:after]))
        recovered = int(instants[after]) if after < len(points) else None
        peak_at = int(instants[first - 1])
        ended_at = recovered if recovered is not None else int(instants[-1])
        found.append(
            Episode(
                depth=float(fall[trough]),
                peak_at=peak_at,
                trough_at=int(instants[trough]),
                recovered_at=recovered,
                lasted_ms=ended_at - peak_at,
            )
        )
    return tuple(found)


def max_drawdown(points: Floats) -> float:
    """The deepest fall, fraction; 0 when equity never fell."""
    return float(drawdowns(_moved(points)).max())


def max_drawdown_days(points: Floats, instants: Instants) -> float:
    """The longest fall, peak to recovery or to the end of the run, days; 0 when equity never fell."""
    _moved(points)
    return max((episode.days for episode in episodes(points, instants)), default=0.0)


def ulcer_index(points: Floats) -> float:
    """Root mean square drawdown over the bar closes, fraction (Martin and McCann 1989; they print percent)."""
    return float(np.sqrt(np.mean(drawdowns(_moved(points))[1:] ** 2)))


def time_under_water(points: Floats) -> float:
    """Share of bar closes below the running peak."""
    return float(np.mean(drawdowns(_moved(points))[1:] > 0))


def _moved(points: Floats) -> Floats:
    if len(points) < 2:
        raise Undefined("the run has no bars")
    return points
