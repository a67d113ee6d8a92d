"""The only door through which a strategy sees the market.

A ``View`` shows bars up to the one that has just closed, and nothing later: it
has no method that takes a later instant, a negative distance or the length of
the history. It reads the engine's columns in place, without a copy, at the row
its ``Cursor`` stands on; the engine owns the cursor and moves it forward.

A question that reaches further back than the first bar is no mistake, only too
early: it raises ``NotWarm``, and the engine takes the strategy to be silent on
that bar. A question that reaches forward raises ``StrategyError``.
"""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from qts.domain.book import Holding
from qts.domain.errors import StrategyError
from qts.domain.instant import Instant, format_instant
from qts.market.bars import Bars, Floats, elements
from qts.market.ports import FeatureSource


class NotWarm(Exception):  # noqa: N818 - a signal between view and engine, not an error of anyone's
    """History is too short, so far, for what was asked. ``bars_needed`` counts bars, the present one included."""

    def __init__(self, bars_needed: int) -> None:
        super().__init__(f"needs {bars_needed} bars of history")
        self.bars_needed = bars_needed


class Cursor:
    """Where the present is: the row of the bar that has just closed."""

    __slots__ = ("row",)

    def __init__(self) -> None:
        self.row = 0


class View:
    """Bars, features and the strategy's own holding as of the close of the present bar.

    Prices are floats in quote per base, volumes floats in base units.
    is_flat, is_long, is_short: of what this strategy holds.
    """

    __slots__ = (
        "_bars",
        "_close",
        "_columns",
        "_cursor",
        "_features",
        "_high",
        "_holding",
        "_low",
        "_open",
        "_volume",
        "is_flat",
        "is_long",
        "is_short",
    )

    def __init__(self, bars: Bars, features: FeatureSource, cursor: Cursor, holding: Holding) -> None:
        self._bars = bars
        self._features = features
        self._cursor = cursor
        self._open = elements(bars.open)
        self._high = elements(bars.high)
        self._low = elements(bars.low)
        self._close = elements(bars.close)
        self._volume = elements(bars.volume)
        self._columns: defaultdict[str, dict[float, Sequence[float]]] = defaultdict(dict)
        self.holding = holding

    @property
    def holding(self) -> Holding:
        """What this strategy holds; the engine's to set, with every fill."""
        return self._holding

    @holding.setter
    def holding(self, holding: Holding) -> None:
        self._holding = holding
        size = holding.size
        self.is_flat, self.is_long, self.is_short = size == 0.0, size > 0.0, size < 0.0

    @property
    def symbol(self) -> str:
        return self._bars.symbol

    @property
    def now(self) -> Instant:
        """Close instant of the present bar, ms UTC."""
        return self._bars.closed_at(self._cursor.row)

    @property
    def bar_number(self) -> int:
        """How many bars have closed before the present one in this run."""
        return self._cursor.row

    @property
    def open(self) -> float:
        return self._open[self._cursor.row]

    @property
    def high(self) -> float:
        return self._high[self._cursor.row]

    @property
    def low(self) -> float:
        return self._low[self._cursor.row]

    @property
    def close(self) -> float:
        return self._close[self._cursor.row]

    @property
    def volume(self) -> float:
        return self._volume[self._cursor.row]

    def opens(self, count: int) -> Floats:
        return self._last(self._bars.open, count)

    def highs(self, count: int) -> Floats:
        return self._last(self._bars.high, count)

    def lows(self, count: int) -> Floats:
        return self._last(self._bars.low, count)

    def closes(self, count: int) -> Floats:
        """The last ``count`` closes, oldest first, the present one last; read-only, shape (count,)."""
        return self._last(self._bars.close, count)

    def volumes(self, count: int) -> Floats:
        return self._last(self._bars.volume, count)

    def _last(self, column: Floats, count: int) -> Floats:
        end = self._cursor.row + 1
        if count < 1:
            self._refuse_forward(f"asked for the last {count} bars")
        if count > end:
            raise NotWarm(count)
        return column[end - count : end]

    def feature(self, name: str, length: float, ago: int = 0) -> float:
        """Value of a feature (``qts.strategy.features``) at the present bar, or ``ago`` bars before it."""
        row = self._cursor.row
        if not 0 <= ago <= row:
            self._refuse_distance(name, ago)
        try:
            value = self._columns[name][length][row - ago]
        except KeyError:
            value = self._opened_column(name, length)[row - ago]
        if value != value:  # noqa: PLR0124 - NaN, the fast way
            raise NotWarm(self._features.warmup(name, length) + ago)
        return value

    def _opened_column(self, name: str, length: float) -> Sequence[float]:
        """The feature's column, kept from its first use on."""
        column = elements(self._features.column(name, length))
        self._columns[name][length] = column
        return column

    def _refuse_distance(self, name: str, ago: int) -> None:
        if ago < 0:
            self._refuse_forward(f"asked for {name} {-ago} bars ahead")
        raise NotWarm(ago + 1)

    def _refuse_forward(self, what: str) -> None:
        raise StrategyError(
            f"the strategy looks beyond the view: it {what}",
            place=f"bar closing {format_instant(self.now)}",
            next_step="a view shows the present bar and the past; use counts of 1 or more and ago of 0 or more",
        )

    @property
    def position(self) -> Decimal:
        """Signed base units this strategy holds."""
        return self.holding.position

    @property
    def entry_price(self) -> float | None:
        """Volume-weighted price of what is held; None when flat."""
        return self.holding.entry_price

    @property
    def equity(self) -> float:
        """Wallet plus the open position marked at the present close, in quote: of this symbol's book."""
        return self.holding.marked(self.close)


class FeatureReader(Protocol):
    def __call__(self, view: View, length: int, *, ago: int = 0) -> float:
        """Value at the present bar, or ``ago`` bars before it."""
        ...


def feature_reader(name: str, meaning: str) -> FeatureReader:
    """``View.feature`` for one name. Strategies ask it several times a bar, so it is written for that."""

    def read(view: View, length: int, *, ago: int = 0) -> float:
        row = view._cursor.row
        if ago:
            row -= ago
            if ago < 0 or row < 0:
                return view.feature(name, length, ago)  # which says what is wrong with it
        try:
            value: float = view._columns[name][length][row]
        except KeyError:
            return view.feature(name, length, ago)
        return value if value == value else view.feature(name, length, ago)  # noqa: PLR0124 - NaN, the fast way

    read.__name__, read.__qualname__, read.__doc__ = name, name, meaning
    return read
