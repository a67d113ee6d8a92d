"""Bars as read-only columns.

Always true of a ``Bars``: every column has one length; ``opened_at`` is strictly
increasing and on the interval's grid (UTC, milliseconds); prices are finite,
above 0 and ``low <= open, close <= high``; volume is finite and not negative.
Bars that break this are not bars but a finding of the audit (``audit.py``).

A bar opened at t is known at t + interval, never earlier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast, overload

import numpy as np
import numpy.typing as npt

from qts.domain.errors import DataError
from qts.domain.instant import Duration, Instant, format_duration, format_instant

Floats: TypeAlias = npt.NDArray[np.float64]
Instants: TypeAlias = npt.NDArray[np.int64]

PRICE_COLUMNS: Final = ("open", "high", "low", "close")


def read_only(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """A view of the array that cannot be written through; the data are not copied."""
    view = array.view()
    view.flags.writeable = False
    return view


@overload
def elements(column: Floats) -> Sequence[float]: ...
@overload
def elements(column: Instants) -> Sequence[int]: ...
def elements(column: Floats | Instants) -> Sequence[float] | Sequence[int]:
    """The column, for whoever reads it number by number: through a memoryview one costs a third."""
    return cast("Sequence[float]", memoryview(cast("Any", column)))  # a buffer, which not every numpy declares


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars:
    """OHLCV columns of one symbol at one interval.

    opened_at: int64, shape (n,), bar open, ms UTC. open, high, low, close:
    float64, shape (n,), quote per base. volume: float64, shape (n,), base units.
    """

    symbol: str
    interval_ms: Duration
    opened_at: Instants
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __post_init__(self) -> None:
        for name, kind in (("opened_at", np.int64), *((c, np.float64) for c in (*PRICE_COLUMNS, "volume"))):
            column = np.ascontiguousarray(getattr(self, name), dtype=kind)
            if column.shape != (len(self.opened_at),):
                raise DataError(f"{self.symbol}: column {name} has shape {column.shape}, not ({len(self.opened_at)},)")
            object.__setattr__(self, name, read_only(column))
        self._refuse_first_bad_row()

    def _refuse_first_bad_row(self) -> None:
        if self.interval_ms <= 0:
            raise DataError(f"{self.symbol}: interval must be above 0 ms, not {self.interval_ms}")
        lowest_body = np.minimum(self.open, self.close)
        highest_body = np.maximum(self.open, self.close)
        rules = (
            ("time does not increase", np.diff(self.opened_at, prepend=self.opened_at[:1] - 1) <= 0),
            (f"time is not on the {format_duration(self.interval_ms)} grid", self.opened_at % self.interval_ms != 0),
            ("low is not a number above 0", ~((self.low > 0) & np.isfinite(self.low))),
            ("high is not finite", ~np.isfinite(self.high)),
            ("low is above open or close", ~(self.low <= lowest_body)),
            ("high is below open or close", ~(self.high >= highest_body)),
            ("volume is negative or not finite", ~((self.volume >= 0) & np.isfinite(self.volume))),
        )
        for what, bad in rules:
            if bad.any():
                row = int(np.argmax(bad))
                raise DataError(
                    f"{self.symbol} bars: {what}",
                    place=f"row {row}, {format_instant(int(self.opened_at[row]))}",
                    next_step="run: qts data audit, then qts data clean",
                )

    def __len__(self) -> int:
        return len(self.opened_at)

    @property
    def interval(self) -> str:
        return format_duration(self.interval_ms)

    def closed_at(self, row: int) -> Instant:
        """When bar ``row`` was known."""
        return int(self.opened_at[row]) + self.interval_ms

    def rows(self, start: int, stop: int) -> "Bars":
        """Bars ``start`` to ``stop - 1``, sharing memory with these."""
        return Bars(
            symbol=self.symbol,
            interval_ms=self.interval_ms,
            opened_at=self.opened_at[start:stop],
            open=self.open[start:stop],
            high=self.high[start:stop],
            low=self.low[start:stop],
            close=self.close[start:stop],
            volume=self.volume[start:stop],
        )

    def between(self, start: Instant, end: Instant) -> "Bars":
        """Bars that opened at or after ``start`` and closed at or before ``end``."""
        first = int(np.searchsorted(self.opened_at, start, side="left"))
        last = int(np.searchsorted(self.opened_at, end - self.interval_ms, side="right"))
        return self.rows(first, max(first, last))

    def gaps(self) -> list[tuple[int, int]]:
        """(row, missing bars) for every place where bars are missing just before ``row``."""
        steps = np.diff(self.opened_at) // self.interval_ms
        return [(int(row) + 1, int(steps[row]) - 1) for row in np.flatnonzero(steps != 1)]
