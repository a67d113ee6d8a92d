"""What a run of several strategies on one account was: each strategy, each symbol and the account, in sums."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

import numpy as np

from qts.domain.book import Book
from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.refusal import RefusalCode
from qts.domain.virtual_books import Posting
from qts.market.bars import Floats, Instants
from qts.risk.stages import StageWord
from qts.strategy.multiplexer import Halted


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSums:
    """A book at the end, quote. wallet: realised, costs paid. unrealized: of what is held, at the last mark."""

    capital: Decimal
    wallet: Decimal
    unrealized: Decimal
    fees: Decimal
    funding: Decimal
    liquidation_fees: Decimal
    position: Decimal

    @property
    def equity(self) -> Decimal:
        return self.wallet + self.unrealized

    def plus(self, other: "BookSums") -> "BookSums":
        """Both together; positions of different symbols are not to be added, so it has none."""
        return BookSums(
            capital=self.capital + other.capital,
            wallet=self.wallet + other.wallet,
            unrealized=self.unrealized + other.unrealized,
            fees=self.fees + other.fees,
            funding=self.funding + other.funding,
            liquidation_fees=self.liquidation_fees + other.liquidation_fees,
            position=ZERO,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWord:
    """What limits did to an order. strategy_id: whose; 'account' for the account's. stage: WARN, REDUCE or BLOCK."""

    at: Instant
    strategy_id: str
    symbol: str
    stage: StageWord
    codes: tuple[RefusalCode, ...]
    asked: Decimal
    allowed: Decimal
    reason: str

    @classmethod
    def no(cls, at: Instant, whose: str, symbol: str, codes: tuple[RefusalCode, ...], reason: str) -> "GateWord":
        """Nothing of a wish became an order."""
        return cls(
            at=at,
            strategy_id=whose,
            symbol=symbol,
            stage=StageWord.BLOCK,
            codes=codes,
            asked=ZERO,
            allowed=ZERO,
            reason=reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """What arbitration did not let out of a strategy's want."""

    at: Instant
    strategy_id: str
    symbol: str
    quantity: Decimal
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JointResult:
    """closed_at: close of every bar of the run, ms UTC, shape (n,). equity: of the account at it; by_strategy likewise.

    books: of each strategy on each symbol, by both names. venue: of each symbol, the account's own. postings: by
    symbol, with the row of its bars. crossed: how often two strategies were matched inside. said: every answer.
    """

    closed_at: Instants
    equity: Floats
    by_strategy: dict[str, Floats]
    books: dict[tuple[str, str], BookSums]
    venue: dict[str, BookSums]
    postings: dict[str, tuple[tuple[int, Posting], ...]]
    crossed: int
    halted: tuple[Halted, ...]
    gate: tuple[GateWord, ...]
    withheld: tuple[Withheld, ...]
    said: dict[str, tuple[tuple[Instant, str, object], ...]]
    journal_head: str
    assumptions: tuple[str, ...]

    def of_strategy(self, strategy_id: str) -> BookSums:
        return _sum(each for (whose, _), each in self.books.items() if whose == strategy_id)

    def of_symbol(self, symbol: str) -> BookSums:
        """The strategies' books on it together; equal to the venue's."""
        return _sum(each for (_, where), each in self.books.items() if where == symbol)

    @property
    def account(self) -> BookSums:
        return _sum(self.venue.values())


def sums_of(book: Book, mark: Decimal) -> BookSums:
    """The book as it stands, marked at a price."""
    return BookSums(
        capital=book.capital,
        wallet=book.wallet,
        unrealized=book.unrealized(mark),
        fees=book.fees,
        funding=book.funding,
        liquidation_fees=book.liquidation_fees - book.insurance,
        position=book.position,
    )


def spread(own: Floats, places: Instants, rows: int, before: float) -> Floats:
    """A symbol's column on the account's grid: ``before`` up to its first bar, the last value where a bar is missing.

    own: shape (k,), at ``places``, the rows of the grid its bars have. Gives shape (rows,).
    """
    column = np.full(rows, np.nan)
    column[places] = own
    known = np.where(np.isnan(column), -1, np.arange(rows))
    np.maximum.accumulate(known, out=known)
    return np.where(known < 0, before, column[np.maximum(known, 0)])


def _sum(parts: Iterable[BookSums]) -> BookSums:
    return reduce(BookSums.plus, parts)
