"""When in the UTC day an instrument trades, learned from its bars.

A profile is a row of whole-number weights, one per bucket of the day, so every
share is an exact fraction and the shares of a day sum to exactly 1. Inside a
bucket trading is taken to be even. The same profile serves every day: it knows
no weekdays and no events.

A profile learned from bars that closed after an instant is not known at that
instant; ``known_at`` is there so that whoever uses one can refuse it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from math import fsum
from typing import Final

import numpy as np

from qts.domain.errors import DataError, UsageError
from qts.domain.instant import DAY_MS, Duration, Instant, format_duration
from qts.domain.money import exact
from qts.market.bars import Bars, Floats

_WEIGHT_OF_A_DAY: Final = 1_000_000_000
"""Shares are learned as floats and kept in parts per billion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeProfile:
    """How a day's volume spreads over the day.

    bucket_ms: divides the day. weights: one per bucket from midnight UTC, 0 or
    more, not all 0; a bucket's share is its weight over their sum. day_volume:
    base units traded on an average day, above 0. known_at: when the last bar it
    was learned from closed, ms UTC.
    """

    symbol: str
    bucket_ms: Duration
    weights: tuple[int, ...]
    day_volume: Decimal
    known_at: Instant
    _before: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_bucket(self.symbol, self.bucket_ms)
        if len(self.weights) != DAY_MS // self.bucket_ms:
            raise DataError(
                f"{self.symbol} volume profile: {len(self.weights)} weights for {DAY_MS // self.bucket_ms} buckets"
            )
        if min(self.weights) < 0 or max(self.weights) == 0:
            raise DataError(f"{self.symbol} volume profile: weights are 0 or more, and not all of them 0")
        if not self.day_volume > 0:
            raise DataError(f"{self.symbol} volume profile: day_volume must be above 0, not {self.day_volume}")
        object.__setattr__(self, "_before", (0, *accumulate(self.weights)))

    @classmethod
    def learned(cls, bars: Bars, bucket_ms: Duration, days_min: int) -> "VolumeProfile":
        """The mean over whole days of each bucket's share of its day, so that a wild day counts as much as a quiet one.

        Days with a missing bar, and days without trading, are left out. Raises
        DataError when fewer than ``days_min`` are left.
        """
        _check_bucket(bars.symbol, bucket_ms)
        if days_min < 1:
            raise UsageError(f"a volume profile is learned from 1 day or more, not {days_min}")
        if bucket_ms % bars.interval_ms != 0:
            raise UsageError(
                f"{bars.symbol}: {bars.interval} bars do not add up to buckets of {format_duration(bucket_ms)}"
            )
        days = _whole_days(bars, bucket_ms)
        if len(days) < days_min:
            raise DataError(
                f"{bars.symbol}: a volume profile needs {days_min} whole days with trading, there are {len(days)}",
                next_step="give it a longer history, or one with fewer gaps",
            )
        totals = [fsum(day) for day in days]
        means = [
            fsum(float(day[bucket]) / total for day, total in zip(days, totals, strict=True)) / len(days)
            for bucket in range(DAY_MS // bucket_ms)
        ]
        return cls(
            symbol=bars.symbol,
            bucket_ms=bucket_ms,
            weights=tuple(round(mean * _WEIGHT_OF_A_DAY) for mean in means),
            day_volume=exact(fsum(totals) / len(totals)),
            known_at=bars.closed_at(len(bars) - 1),
        )

    def volume(self, start: Instant, end: Instant) -> Fraction:
        """What is expected to trade from ``start`` to ``end``, in days' volumes; above 1 over more than a day."""
        return Fraction(self._reached(end) - self._reached(start), self._before[-1] * self.bucket_ms)

    def shares(self, start: Instant, end: Instant, slices: int) -> tuple[Fraction, ...]:
        """The window's expected volume over ``slices`` equal stretches of it; they sum to exactly 1.

        Stretch i begins at ``start + i * (end - start) // slices``. Raises
        DataError when nothing is expected to trade in the window.
        """
        if slices < 1:
            raise UsageError(f"a window is cut into 1 slice or more, not {slices}")
        marks = [self._reached(start + number * (end - start) // slices) for number in range(slices + 1)]
        whole = marks[-1] - marks[0]
        if whole <= 0:
            raise DataError(f"{self.symbol}: no volume is expected between {start} and {end}")
        return tuple(Fraction(marks[number + 1] - marks[number], whole) for number in range(slices))

    def _reached(self, instant: Instant) -> int:
        """Volume from the epoch to the instant, in weight times ms: whole, so differences are exact."""
        days, in_day = divmod(instant, DAY_MS)
        bucket, in_bucket = divmod(in_day, self.bucket_ms)
        whole = (days * self._before[-1] + self._before[bucket]) * self.bucket_ms
        return whole + self.weights[bucket] * in_bucket


def _check_bucket(symbol: str, bucket_ms: Duration) -> None:
    if bucket_ms <= 0 or DAY_MS % bucket_ms != 0:
        raise UsageError(f"{symbol} volume profile: buckets of {bucket_ms} ms do not make up a day")


def _whole_days(bars: Bars, bucket_ms: Duration) -> Sequence[Floats]:
    """Volume per bucket of every UTC day that has all its bars and some trading."""
    day = bars.opened_at // DAY_MS
    edges = np.flatnonzero(np.diff(day, prepend=day[:1] - 1, append=day[-1:] + 1))
    per_bucket = bucket_ms // bars.interval_ms
    found = []
    for first, end in pairwise(edges):
        if end - first == DAY_MS // bars.interval_ms and bars.volume[first:end].any():
            found.append(bars.volume[first:end].reshape(-1, per_bucket).sum(axis=1))
    return found
