"""Where a strategy, or the account, stands at the last closes: its equity over all symbols, what it holds on each."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from qts.domain.book import Book
from qts.domain.money import ZERO
from qts.domain.value import value
from qts.simulation.joint_symbol import JointSymbol


@value
class Standing:
    """equity: wallet and open positions, quote. notionals: of the position on each symbol that has one, quote."""

    equity: Decimal
    notionals: Mapping[str, Decimal]

    def elsewhere(self, symbol: str) -> Decimal:
        """The notional on all other symbols, longs and shorts added."""
        return sum((held for where, held in self.notionals.items() if where != symbol), start=ZERO)


def standing(wallet: Decimal, books: Iterable[tuple[JointSymbol, Book]]) -> Standing:
    """wallet: behind all of the books, quote."""
    equity = wallet
    notionals: dict[str, Decimal] = {}
    for each, book in books:
        price = each.closed_at_price
        if book.position and price is not None:
            notionals[each.symbol] = book.position.copy_abs() * price
            equity += book.unrealized(price)
    return Standing(equity, notionals)
