"""A strategy given as data: one signal a bar, made elsewhere (by a model, a sweep, another tool).

The engine need not ask such a strategy on every bar: ``next_change`` tells
where it will next speak, and the engine jumps there.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from qts.domain.errors import StrategyError
from qts.market.view import View
from qts.strategy.intent import Answer, Intent, buy, close, sell
from qts.strategy.strategy import Strategy


class SignalStrategy(Strategy):
    """Holds the side a column of signals names.

    signals: one per bar of the run, +1 long, 0 flat, -1 short, as known at that
    bar's close. It speaks when the signal differs from the bar before (before
    the first bar: 0). weight: fraction of equity of each entry; 0 means: size
    by the two-percent rule from the stop. stop_fraction, target_fraction:
    distance of the protective pair from the close that decided, as a fraction
    of it; 0 means none.
    """

    signals: Sequence[int] | npt.NDArray[np.int8]
    weight: float = 1.0
    stop_fraction: float = 0.0
    target_fraction: float = 0.0

    def on_start(self) -> None:
        column = np.asarray(self.signals)
        if column.ndim != 1 or not np.isin(column, (-1, 0, 1)).all():
            raise StrategyError("signals must be one column of -1, 0 and +1")
        self._column = column.astype(np.int8)
        self._side = self._column.tolist()
        self._changes = np.flatnonzero(np.diff(self._column, prepend=np.int8(0)))

    def parameters(self) -> dict[str, object]:
        """The signals count as one parameter: their digest-ready text of run lengths."""
        column = np.asarray(self.signals)
        edges = np.flatnonzero(np.diff(column, prepend=0))
        runs = " ".join(f"{int(row)}:{int(column[row])}" for row in edges)
        others = {"weight": self.weight, "stop_fraction": self.stop_fraction, "target_fraction": self.target_fraction}
        return {"signals": f"{len(column)} bars; {runs}", **others}

    def next_change(self, row: int, end: int) -> int:
        """The first row at or after ``row`` where the strategy speaks, or ``end``."""
        place = int(np.searchsorted(self._changes, row))
        return min(int(self._changes[place]), end) if place < len(self._changes) else end

    def on_bar(self, view: View) -> Answer:
        row = view.bar_number
        if row >= len(self._side):
            raise StrategyError(f"there are {len(self._side)} signals but the run has more bars")
        side = self._side[row]
        if side == (self._side[row - 1] if row > 0 else 0):
            return None
        intents: list[Intent] = [] if view.is_flat else [close(reason="signal")]
        if side != 0:
            intents.append(self._entry(side, view.close))
        return intents

    def _entry(self, side: int, price: float) -> Intent:
        order = buy if side > 0 else sell
        return order(
            weight=self.weight if self.weight > 0 else None,
            stop_loss=price * (1 - side * self.stop_fraction) if self.stop_fraction > 0 else None,
            take_profit=price * (1 + side * self.target_fraction) if self.target_fraction > 0 else None,
            reason="signal",
        )
