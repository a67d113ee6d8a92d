"""Everything a run may know about one market, as one value with one fingerprint."""

from dataclasses import dataclass, replace
from functools import cached_property

from qts.domain.errors import DataError
from qts.domain.instant import Instant, format_instant
from qts.domain.instrument import Instrument
from qts.market.bars import Bars
from qts.market.brackets import BracketHistory
from qts.market.fingerprint import fingerprint
from qts.market.funding import Funding


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Bars of one instrument and what belongs to them.

    funding, brackets, mark: None where the history does not have it. ``None``
    never means "none was due": a run refuses it or carries a waiver.
    mark: mark-price bars (volume is not used), same interval or finer.
    synthetic: made by a generator; every page that shows it says so.
    source: where it came from, one line for the reader. rows_filled: bars that
    cleaning made, in the whole series, to close short gaps.
    """

    instrument: Instrument
    bars: Bars
    funding: Funding | None
    brackets: BracketHistory | None
    mark: Bars | None
    synthetic: bool
    source: str
    rows_filled: int = 0

    def __post_init__(self) -> None:
        symbol = self.instrument.symbol
        parts = {"bars": self.bars, "funding": self.funding, "mark": self.mark}
        for name, part in parts.items():
            if part is not None and part.symbol != symbol:
                raise DataError(f"the {name} are of {part.symbol}, the instrument is {symbol}")
        if self.brackets is not None and self.brackets.tables[0].symbol != symbol:
            raise DataError(f"the brackets are of {self.brackets.tables[0].symbol}, the instrument is {symbol}")
        if len(self.bars) == 0:
            raise DataError(f"{symbol}: there are no bars", next_step="import some: qts data import FILE")

    @property
    def start(self) -> Instant:
        return int(self.bars.opened_at[0])

    @property
    def end(self) -> Instant:
        """Close of the last bar."""
        return self.bars.closed_at(len(self.bars) - 1)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every value a run can read."""
        return fingerprint(self.instrument, self.bars, self.funding, self.brackets, self.mark)

    def between(self, start: Instant, end: Instant) -> "Dataset":
        """The same market seen through a window: bars inside it, and what belongs to them."""
        bars = self.bars.between(start, end)
        if len(bars) == 0:
            raise DataError(
                f"{self.instrument.symbol}: no bars between {format_instant(start)} and {format_instant(end)}",
                place=f"the data run from {format_instant(self.start)} to {format_instant(self.end)}",
                next_step="choose another window or import more data",
            )
        first, last = int(bars.opened_at[0]), bars.closed_at(len(bars) - 1)
        return replace(
            self,
            bars=bars,
            funding=None if self.funding is None else self.funding.between(first, last),
            brackets=None if self.brackets is None else self.brackets.between(first, last),
            mark=None if self.mark is None else self.mark.between(first, last),
        )
