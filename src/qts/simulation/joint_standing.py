"""Where a strategy, or the account, stands at the last closes: its equity over all symbols, what it holds on each."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from qts.domain.book import Book
from qts.domain.money import ZERO
from qts.domain.value import value
from qts.risk.limit_state import ACCOUNT
from qts.simulation.joint_money import JointMoney
from qts.simulation.joint_symbol import JointSymbol
from qts.simulation.joint_terms import Member


@value
class Standing:
    """equity: wallet and open positions, quote. notionals: of the position on each symbol that has one, quote."""

    equity: Decimal
    notionals: Mapping[str, Decimal]

    def elsewhere(self, symbol: str) -> Decimal:
        """The notional on all other symbols, longs and shorts added."""
        return sum((held for where, held in self.notionals.items() if where != symbol), start=ZERO)


class Standings:
    """Of the strategies and of the account, each looked up once in a round."""

    def __init__(self, symbols: Mapping[str, JointSymbol], members: Mapping[str, Member], money: JointMoney) -> None:
        self._symbols = symbols
        self._members = members
        self._money = money
        self._of: dict[str, Standing] = {}

    def begin(self) -> None:
        """A round begins."""
        self._of = {}

    def of(self, whose: str) -> Standing:
        """Where a strategy, or the account, stands in this round."""
        found = self._of.get(whose)
        if found is None:
            found = self._of[whose] = standing(*self._behind(whose))
        return found

    def _behind(self, whose: str) -> tuple[Decimal, list[tuple[JointSymbol, Book]]]:
        if whose == ACCOUNT:
            return self._money.account.wallet, [(each, each.venue.book) for each in self._symbols.values()]
        own = [self._symbols[symbol] for symbol in self._members[whose].symbols]
        return self._money.pool(whose).total, [(each, each.books.books[whose]) for each in own]


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
