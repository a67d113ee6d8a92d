"""What a run of several strategies on one account was: each strategy, each symbol and the account, in sums."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.virtual_books import Posting
from qts.market.bars import Floats, Instants
from qts.risk.capital import Capital
from qts.risk.capital_changes import Change
from qts.risk.limit_words import GateWord
from qts.risk.limits import Measured
from qts.simulation.operator_words import WordTold
from qts.simulation.transcript import Transcript
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
class Withheld:
    """What of a strategy's want did not go out, or was withdrawn otherwise than by its own word."""

    at: Instant
    strategy_id: str
    symbol: str
    quantity: Decimal
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred:
    """Capital that went from one strategy to another. amount: quote, above 0.

    source_worth, target_worth: what each was worth just before, open positions at their last marks, quote, above 0;
    the source's above the amount.
    """

    at: Instant
    source: str
    target: str
    amount: Decimal
    source_worth: Decimal
    target_worth: Decimal

    def of(self, strategy_id: str) -> tuple[Decimal, Decimal]:
        """What the strategy was worth before, and what came (below 0: went), quote; both 0 where it has no part."""
        if strategy_id == self.source:
            return self.source_worth, -self.amount
        return (self.target_worth, self.amount) if strategy_id == self.target else (ZERO, ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class JointResult:
    """closed_at: close of every bar of the run, ms UTC, shape (n,). opened_at: of each symbol's own bars.

    equity: of the account at every close; by_strategy and by_symbol likewise, each adding up to it.

    books: of each strategy on each symbol, by both names. venue: of each symbol, the account's own. postings: by
    symbol, with the row of its bars. fills: of the venue, by symbol. crossed: how often two strategies were matched
    inside. in_care: strategy and symbol of each position that the guardian still looks after. operator: what became
    of each word of the script. said: every answer. transcript: the answers, with what the strategies were told.
    distances: of every book to every limit at the end; none without staged limits.
    changes: of the strategies' capital, in order, with the instant of each; capital: what they led to. transfers: of
    it, from one strategy to another, in order.
    """

    closed_at: Instants
    opened_at: dict[str, Instants]
    equity: Floats
    by_strategy: dict[str, Floats]
    by_symbol: dict[str, Floats]
    books: dict[tuple[str, str], BookSums]
    venue: dict[str, BookSums]
    postings: dict[str, tuple[tuple[int, Posting], ...]]
    fills: dict[str, int]
    crossed: int
    halted: tuple[Halted, ...]
    in_care: tuple[tuple[str, str], ...]
    operator: tuple[WordTold, ...]
    gate: tuple[GateWord, ...]
    withheld: tuple[Withheld, ...]
    said: dict[str, tuple[tuple[Instant, str, object], ...]]
    transcript: Transcript
    distances: tuple[Measured, ...]
    transfers: tuple[Transferred, ...]
    changes: tuple[tuple[Instant, Change], ...]
    capital: Capital
    journal_head: str
    assumptions: tuple[str, ...]

    def moved(self, strategy_id: str) -> Decimal:
        """What transfers brought the strategy, less what they took, quote."""
        return sum((each.of(strategy_id)[1] for each in self.transfers), start=ZERO)

    def of_strategy(self, strategy_id: str) -> BookSums:
        """Its books together, and what transfers brought and took, which is in its capital and in none of its books."""
        books = _sum(each for (whose, _), each in self.books.items() if whose == strategy_id)
        moved = self.moved(strategy_id)
        return replace(books, capital=books.capital + moved, wallet=books.wallet + moved)

    def of_symbol(self, symbol: str) -> BookSums:
        """The strategies' books on it together; equal to the venue's."""
        return _sum(each for (_, where), each in self.books.items() if where == symbol)

    @property
    def account(self) -> BookSums:
        return _sum(self.venue.values())


def _sum(parts: Iterable[BookSums]) -> BookSums:
    return reduce(BookSums.plus, parts)
