"""Columns as a file gave them, before any promise.

A ``RawBars`` may hold anything: rows twice, out of order, off the grid, NaN,
negative prices. All that is promised is that every column has one length and
that the rows stand in the order they were stored in. The audit looks at raw
columns, the cleaning turns them into ``Bars`` (which promise much more).
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qts.domain.errors import DataError
from qts.domain.instant import Duration, format_duration
from qts.market.bars import PRICE_COLUMNS, Bars, Floats, Instants, read_only

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawBars:
    """OHLCV columns of one symbol, unchecked.

    opened_at: int64, shape (n,), what the source says is the bar's open, in ms UTC.
    open, high, low, close: float64, shape (n,), NaN where the source had no number.
    volume: float64, shape (n,), base units; None where the series has none (mark price).
    """

    symbol: str
    interval_ms: Duration
    opened_at: Instants
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats | None

    def __post_init__(self) -> None:
        if self.interval_ms <= 0:
            raise DataError(f"{self.symbol}: interval must be above 0 ms, not {self.interval_ms}")
        object.__setattr__(self, "opened_at", _column(self.opened_at, np.dtype(np.int64)))
        for name in (*PRICE_COLUMNS, "volume"):
            values = getattr(self, name)
            if values is None:
                continue
            column = _column(values, np.dtype(np.float64))
            if column.shape != (len(self.opened_at),):
                raise DataError(f"{self.symbol}: column {name} has shape {column.shape}, not ({len(self.opened_at)},)")
            object.__setattr__(self, name, column)

    @classmethod
    def of(cls, bars: Bars) -> "RawBars":
        """Checked bars seen as raw columns; memory is shared."""
        return cls(
            symbol=bars.symbol,
            interval_ms=bars.interval_ms,
            opened_at=bars.opened_at,
            volume=bars.volume,
            **{name: getattr(bars, name) for name in PRICE_COLUMNS},
        )

    def __len__(self) -> int:
        return len(self.opened_at)

    @property
    def interval(self) -> str:
        return format_duration(self.interval_ms)

    def columns(self) -> "Iterator[tuple[str, npt.NDArray[np.generic]]]":
        """(name, values) of every column there is, time first."""
        yield "opened_at", self.opened_at
        for name in (*PRICE_COLUMNS, "volume"):
            if (values := getattr(self, name)) is not None:
                yield name, values

    def rows(self, chosen: npt.NDArray[np.generic]) -> "RawBars":
        """The chosen rows: a boolean mask or an array of positions."""
        taken = {name: values[chosen] for name, values in self.columns()}
        return RawBars(symbol=self.symbol, interval_ms=self.interval_ms, **{"volume": None, **taken})

    def to_bars(self) -> Bars:
        """The same rows with every promise of ``Bars``; a missing volume column becomes 0.

        Raises DataError naming the first row that breaks a promise.
        """
        return Bars(
            symbol=self.symbol,
            interval_ms=self.interval_ms,
            opened_at=self.opened_at,
            volume=np.zeros(len(self)) if self.volume is None else self.volume,
            **{name: getattr(self, name) for name in PRICE_COLUMNS},
        )

    def digest(self) -> str:
        """SHA-256 over symbol, interval and every value, order of rows included."""
        return raw_digest(f"bars:{self.symbol}:{self.interval_ms}", self.columns())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawFunding:
    """Funding events of one symbol as published, unchecked.

    published_at: int64, shape (n,), ms UTC, the venue's own stamp (some ms late).
    rate: float64, shape (n,), fraction of notional per event; NaN where the source had no number.
    """

    symbol: str
    published_at: Instants
    rate: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "published_at", _column(self.published_at, np.dtype(np.int64)))
        object.__setattr__(self, "rate", _column(self.rate, np.dtype(np.float64)))
        if self.rate.shape != self.published_at.shape:
            raise DataError(f"{self.symbol} funding: {len(self.published_at)} instants but {len(self.rate)} rates")

    def __len__(self) -> int:
        return len(self.published_at)

    def columns(self) -> "Iterator[tuple[str, npt.NDArray[np.generic]]]":
        yield "published_at", self.published_at
        yield "rate", self.rate

    def digest(self) -> str:
        """SHA-256 over symbol and every value, order of rows included."""
        return raw_digest(f"funding:{self.symbol}", self.columns())


def _column(values: npt.NDArray[np.generic], kind: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
    return read_only(np.ascontiguousarray(values, dtype=kind))


def raw_digest(head: str, columns: "Iterable[tuple[str, npt.NDArray[np.generic]]]") -> str:
    """SHA-256 over a heading and columns, each preceded by its name and length."""
    sha = hashlib.sha256(head.encode())
    for name, values in columns:
        sha.update(f"{name}:{len(values)}".encode())
        sha.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    return sha.hexdigest()
