"""What came of the capital one had: return and drawdown, of strategies between which capital was transferred too.

A transfer is neither a profit nor a loss. Growth is measured from one transfer to
the next, each stretch as a share of what the strategy was worth at its beginning,
and the stretches multiplied: the time-weighted return. In money, it is what the
capital it began with would have become, had nothing been transferred and what
there was fared the same:

    ended = equity at the end x product of (worth before / worth after) over its transfers

Without transfers that is the equity, and the return the fraction of capital it
gained. A strategy is worth something before and after each of its transfers, so
that no share is taken of nothing.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from qts.domain.money import exact_arithmetic
from qts.market.bars import Floats
from qts.research.drawdown import max_drawdown
from qts.simulation.joint_result import JointResult


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Growth:
    """began: the capital before any transfer, quote. ended: what became of it by the end.

    points: float64, shape (n + 1,), quote: ``began``, and what it was at every close.
    """

    began: Decimal
    ended: Decimal
    points: Floats

    @property
    def total_return(self) -> float | None:
        """Fraction of the capital; None without capital."""
        return float(self.ended) / float(self.began) - 1 if self.began > 0 else None

    @property
    def max_drawdown(self) -> float | None:
        """Fraction of the peak, at bar closes; None without capital. Lost is lost.

        A strategy's own book may end below 0, since the account's other money stood behind it.
        """
        return max_drawdown(np.maximum(self.points, 0.0)) if self.began > 0 else None


def growth_of(result: JointResult, strategy_id: str) -> Growth:
    """As if nothing had been transferred: after a transfer a share gained or lost counts as the same share."""
    moved = [(each.at, *each.of(strategy_id)) for each in result.transfers]
    with exact_arithmetic():
        sums = result.of_strategy(strategy_id)
        began, ended = sums.capital - result.moved(strategy_id), sums.equity
        for _, before, came in moved:
            if came:
                ended = ended * before / (before + came)
    won = np.concatenate(([float(began)], result.by_strategy[strategy_id]))
    rows = [int(np.searchsorted(result.closed_at, at)) + 1 for at, _, _ in moved]
    for row, (_, _, came) in zip(rows, moved, strict=True):
        won[row:] -= float(came)  # which leaves what was won and lost
    points = won.copy()
    for row, (_, before, came) in zip(rows, moved, strict=True):
        if came:
            points[row:] = points[row] + (won[row:] - won[row]) * (points[row] / float(before + came))
    return Growth(began=began, ended=ended, points=points)
