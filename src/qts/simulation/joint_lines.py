"""What the books of an account's symbols come to: sums at the end, and lines of equity over all closes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from qts.domain.book import Book
from qts.domain.virtual_books import QUARANTINE, PostingKind
from qts.market.bars import Floats, Instants
from qts.simulation.joint_result import BookSums, Transferred
from qts.simulation.joint_symbol import JointSymbol


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSums:
    """books: by strategy and symbol. venue: by symbol. crossed: how often two strategies were matched inside."""

    books: dict[tuple[str, str], BookSums]
    venue: dict[str, BookSums]
    crossed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityLines:
    """Equity at every row of the account's grid, quote, each of shape (rows,)."""

    account: Floats
    by_strategy: dict[str, Floats]
    by_symbol: dict[str, Floats]


def book_sums(symbols: Mapping[str, JointSymbol]) -> EndSums:
    """Every book, marked at its symbol's last mark price. Call inside ``exact_arithmetic()``."""
    books: dict[tuple[str, str], BookSums] = {}
    venue: dict[str, BookSums] = {}
    crossed = 0
    for symbol, each in symbols.items():
        mark = each.instrument.price(float(each.columns.mark_close[-1]))
        venue[symbol] = sums_of(each.venue.book, mark)
        for strategy_id, book in each.books.books.items():
            books[strategy_id, symbol] = sums_of(book, mark)
        crossed += sum(1 for _, posting in each.postings if posting.kind is PostingKind.CROSS) // 2
    return EndSums(books=books, venue=venue, crossed=crossed)


def equity_lines(
    symbols: Mapping[str, JointSymbol], strategy_ids: Iterable[str], transfers: Iterable[Transferred], grid: Instants
) -> EquityLines:
    """Equity of each strategy, of each symbol and of the account. Quarantine has a line where it ever held anything.

    What is transferred at a close is in the strategies' lines from that close on, and in no symbol's.
    """
    rows = len(grid)
    by_strategy = {each: np.zeros(rows) for each in strategy_ids}
    if any(posting.strategy_id == QUARANTINE for each in symbols.values() for _, posting in each.postings):
        by_strategy[QUARANTINE] = np.zeros(rows)
    by_symbol = {symbol: np.zeros(rows) for symbol in symbols}
    for symbol, each in symbols.items():
        places = np.searchsorted(grid, each.dataset.bars.opened_at)
        for strategy_id, book in each.books.books.items():
            if strategy_id not in by_strategy:
                continue
            own = np.empty(len(each.dataset.bars))
            each.equity_of(strategy_id, own)
            line = spread(own, places, rows, float(book.capital))
            by_strategy[strategy_id] += line
            by_symbol[symbol] += line
    for transfer in transfers:
        row = int(np.searchsorted(grid, transfer.at)) - 1  # the bar that closes then
        by_strategy[transfer.source][row:] -= float(transfer.amount)
        by_strategy[transfer.target][row:] += float(transfer.amount)
    account = np.zeros(rows)
    for line in by_strategy.values():
        account += line
    return EquityLines(account=account, by_strategy=by_strategy, by_symbol=by_symbol)


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
