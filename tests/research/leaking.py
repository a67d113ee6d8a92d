"""Strategies that know the future, each by another trick, and some that only look like it; for tests of leak checks."""

from typing import ClassVar

import numpy as np

from qts.market.bars import Floats
from qts.market.view import View
from qts.strategy.intent import Answer, buy, close, protect
from qts.strategy.strategy import Strategy

AHEAD = 12


def whole(column: Floats) -> Floats:
    """The column a view was cut from, its future included."""
    while isinstance(column.base, np.ndarray):
        column = column.base
    return column


def follow(view: View, later: float) -> Answer:
    """Trades what is already known to come."""
    if view.is_flat and later > view.close:
        return buy(weight=1, reason="peeked")
    if view.is_long and later < view.close:
        return close(reason="peeked")
    return None


class Peeker(Strategy):
    """Follows an array back to the column it was cut from and reads the next close: a one-bar leak."""

    def on_bar(self, view: View) -> Answer:
        column = whole(view.closes(1))
        return follow(view, column[min(view.bar_number + 1, len(column) - 1)])


class FeaturePeeker(Strategy):
    """Reads a feature's column beyond the present."""

    first_row: int = 0

    def on_bar(self, view: View) -> Answer:
        if view.bar_number < self.first_row:
            return None
        column = view._features.column("sma", 2)
        return follow(view, column[min(view.bar_number + AHEAD, len(column) - 1)])


class ProtectionPeeker(Strategy):
    """Enters by the calendar, and looks ahead only to place stop or target."""

    wish: str

    def on_bar(self, view: View) -> Answer:
        row = view.bar_number
        if row % 20 == 0:
            return buy(quantity=0.001)
        coming = whole(view.closes(1))[row + 1 : row + AHEAD]
        if view.is_flat or not np.isfinite(coming).all() or len(coming) == 0:
            return None
        if self.wish == "target" and coming.max() > view.close * 1.004:
            return protect(take_profit=float(coming.max()))
        if self.wish == "stop" and coming.min() < view.close * 0.996:
            return protect(stop_loss=view.close * 0.999)
        return None


class Rememberer(Strategy):
    """Keeps the first column it ever sees beyond its own run; a copy of it, or the memory it lies in."""

    seen: ClassVar[dict[str, Floats]] = {}
    copies: bool

    def on_bar(self, view: View) -> Answer:
        column = whole(view.closes(1))
        kept = self.seen.setdefault("close", column.copy() if self.copies else column)
        return follow(view, kept[min(view.bar_number + AHEAD, len(kept) - 1)])


class Moody(Strategy):
    """Remembers, in its class, how often it was started: the same data do not give the same decisions."""

    starts: ClassVar[list[int]] = []

    def on_start(self) -> None:
        self.starts.append(1)

    def on_bar(self, view: View) -> Answer:
        return buy(weight=0.1) if view.bar_number == 10 + len(self.starts) else None


class Trailer(Strategy):
    """Honest: features, and a stop that follows the close."""

    def on_bar(self, view: View) -> Answer:
        if view.is_flat:
            return buy(weight=0.5) if view.close > view.feature("sma", 20) else None
        return protect(stop_loss=view.feature("sma", 20) * 0.97)


class Fragile(Strategy):
    """Needs the future to answer at all."""

    def on_bar(self, view: View) -> Answer:
        column = whole(view.closes(1))
        following = column[min(view.bar_number + 1, len(column) - 1)]
        return buy(weight=1, stop_loss=following * 0.9) if view.is_flat else None


class Brittle(Strategy):
    """The same, with an error of its own."""

    def on_bar(self, view: View) -> Answer:
        column = whole(view.closes(1))
        if np.isnan(column[min(view.bar_number + 1, len(column) - 1)]):
            raise LookupError("no data")
        return None


class Broken(Strategy):
    def on_bar(self, view: View) -> Answer:
        if view.bar_number == 30:
            raise ValueError("a bug")
        return None


class WorksByTheFuture(Strategy):
    """Buys the same at the same time, and chooses by the next close how the order is worked."""

    def on_bar(self, view: View) -> Answer:
        if view.bar_number != 5:
            return None
        column = whole(view.closes(1))
        knows = bool(np.isfinite(column[6]))
        return buy(quantity=1, over_bars=3, algorithm="twap") if knows else buy(quantity=1)
