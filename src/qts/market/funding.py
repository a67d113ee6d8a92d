"""Funding events: at an instant, whoever is long pays ``rate`` x mark notional to whoever is short."""

from dataclasses import dataclass

import numpy as np

from qts.domain.errors import DataError
from qts.domain.instant import MINUTE_MS, Instant, format_instant
from qts.market.bars import Floats, Instants, read_only


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Funding:
    """One symbol's funding events.

    occurred_at: int64, shape (n,), ms UTC, strictly increasing, on whole minutes
    (venues publish stamps a few ms late; ``from_published`` rounds them).
    rate: float64, shape (n,), fraction of notional per event; positive means longs pay.
    """

    symbol: str
    occurred_at: Instants
    rate: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "occurred_at", read_only(np.ascontiguousarray(self.occurred_at, dtype=np.int64)))
        object.__setattr__(self, "rate", read_only(np.ascontiguousarray(self.rate, dtype=np.float64)))
        if self.occurred_at.shape != self.rate.shape:
            raise DataError(f"{self.symbol} funding: {len(self.occurred_at)} instants but {len(self.rate)} rates")
        for what, bad in (
            ("time does not increase", np.diff(self.occurred_at, prepend=self.occurred_at[:1] - 1) <= 0),
            ("time is not on a whole minute", self.occurred_at % MINUTE_MS != 0),
            ("rate is not a number within -1 and 1", ~(np.abs(self.rate) <= 1.0)),
        ):
            if bad.any():
                row = int(np.argmax(bad))
                raise DataError(
                    f"{self.symbol} funding: {what}",
                    place=f"row {row}, {format_instant(int(self.occurred_at[row]))}",
                    next_step="check the imported file; funding is never repaired silently",
                )

    @classmethod
    def from_published(cls, symbol: str, published_at: Instants, rate: Floats) -> "Funding":
        """Events with the venue's own stamps, which trail the minute by milliseconds: each goes to the nearest one."""
        stamps = np.asarray(published_at, dtype=np.int64)
        return cls(symbol=symbol, occurred_at=(stamps + MINUTE_MS // 2) // MINUTE_MS * MINUTE_MS, rate=rate)

    def __len__(self) -> int:
        return len(self.occurred_at)

    def between(self, start: Instant, end: Instant) -> "Funding":
        """Events at or after ``start`` and before ``end``."""
        first, last = np.searchsorted(self.occurred_at, [start, end], side="left")
        return Funding(symbol=self.symbol, occurred_at=self.occurred_at[first:last], rate=self.rate[first:last])
