"""Fewer points for the eye, none of the extremes lost.

A long curve is cut into stretches of equal length and the lowest and the
highest point of each are drawn, in their order of time, with the first and the
last of all. So a drawdown drawn is a drawdown that was. A page that shows a
thinned curve says so.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from qts.market.bars import Floats, Instants

POINTS_MAX = 6_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """A curve as it is drawn. of: how many points the whole curve has."""

    at: Instants
    value: Floats
    of: int

    def facts(self) -> dict[str, object]:
        """Columns for JSON: instants as steps from the one before, values to 7 significant digits."""
        return {
            "start": int(self.at[0]) if len(self.at) else 0,
            "step": np.diff(self.at, prepend=self.at[:1]).tolist(),
            "value": [float(f"{value:.7g}") for value in self.value.tolist()],
            "of": self.of,
        }


def thin(at: Instants, value: Floats, points_max: int = POINTS_MAX) -> Drawn:
    """At most about ``points_max`` points of a curve. at, value: shape (n,), in order of time."""
    kept = _kept(value, points_max)
    return Drawn(at=at[kept], value=value[kept], of=len(value))


def _kept(value: Floats, points_max: int) -> npt.NDArray[np.intp]:
    if len(value) <= points_max:
        return np.arange(len(value))
    edges = np.linspace(0, len(value), max(points_max // 2, 1) + 1).astype(np.intp)
    chosen = [0, len(value) - 1]
    for first, after in pairwise(edges.tolist()):
        stretch = value[first:after]
        chosen += [first + int(np.argmin(stretch)), first + int(np.argmax(stretch))]
    return np.unique(np.array(chosen, dtype=np.intp))
