"""One wallet behind several books: an account's over its symbols, a strategy's over its own.

A futures account has one wallet. Margin is isolated: each position has its own,
set aside from that wallet, and nothing else of the account stands behind it. So

    wallet = sum of the books' wallets + moved
    free   = wallet - sum of the books' margins

and what one symbol does not use another may. ``moved`` is the capital that came
to the purse, or left it, after its books were opened: it is on no symbol's ledger. A book of a purse keeps its exact
identity (``Book.check``) as the ledger of what went through it: its own wallet may
be below 0, when others paid for what was lost here, and is no money one could spend.

The rule of isolated margin, here as in a book alone: a loss, a fee or a payment
comes out of the free money, and what that cannot cover out of the margin of the
position it was for. No position pays for another: where one was closed for more
than it and the free money had, the free money stays below 0, nothing can be
opened, and the margins of the others are what they were. A liquidation takes at
most the margin of what it liquidates, whatever is free.

Callers are inside ``exact_arithmetic()``, as for ``Book``.
"""

from decimal import Decimal

from qts.domain.book import Book
from qts.domain.money import ZERO
from qts.domain.order import Side


class Purse:
    """wallet: all of it, quote, what is set aside included.

    free: what is set aside for no position; below 0 when the account owes more than was free. moved: quote, below 0
    when more left than came.
    """

    __slots__ = ("_books", "free", "moved", "wallet")

    def __init__(self) -> None:
        self.wallet = ZERO
        self.free = ZERO
        self.moved = ZERO
        self._books: list[SharedBook] = []

    def open_book(self, capital: Decimal, leverage: int) -> "SharedBook":
        """A book more, whose ledger begins with ``capital``, quote, which is in the purse from now on."""
        book = SharedBook(self, capital, leverage)
        self._books.append(book)
        self.wallet += book.capital
        self.free += book.capital
        return book

    def move_capital(self, amount: Decimal) -> None:
        """Capital comes (above 0), or leaves out of what is free; quote. It is neither a profit nor a loss."""
        self.moved += amount
        self.wallet += amount
        self.free += amount

    def check(self) -> None:
        """Raises AssertionError when the books together are not what the purse counted."""
        wallets, margins = self.moved, ZERO
        for book in self._books:
            wallets += book.wallet
            margins += book.margin
        if (wallets, wallets - margins) != (self.wallet, self.free):
            raise AssertionError(
                f"the purse does not add up: its books and what was moved are {wallets}, {margins} of it set aside, "
                f"it counted {self.wallet} and {self.free} free"
            )


class SharedBook(Book):
    """A book whose free money is its purse's. Made by ``Purse.open_book``."""

    __slots__ = ("_purse",)

    def __init__(self, purse: Purse, capital: Decimal, leverage: int) -> None:
        super().__init__(capital, leverage)
        self._purse = purse

    @property
    def available(self) -> Decimal:
        return self._purse.free

    def fill(self, side: Side, quantity: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        before, lent = self.wallet, self._borrow()
        realized = super().fill(side, quantity, price, fee)
        self._give_back(before, lent)
        return realized

    def pay_funding(self, amount: Decimal) -> None:
        before, lent = self.wallet, self._borrow()
        super().pay_funding(amount)
        self._give_back(before, lent)

    def pay_liquidation(self, fee: Decimal, loss_limit: Decimal) -> Decimal:
        """loss_limit: of this book's own wallet, which the loss is counted in; others' money has no part in it."""
        before = self.wallet
        credit = super().pay_liquidation(fee, loss_limit)
        self._purse.wallet += self.wallet - before
        self._purse.free += self.wallet - before
        return credit

    def _borrow(self) -> Decimal:
        """What is free stands behind the posting as if it were this book's; a debt of others does not."""
        own, purse = self.wallet - self.margin, self._purse
        lent = max(purse.free, ZERO) - own
        purse.free -= own
        self.wallet += lent
        return lent

    def _give_back(self, before: Decimal, lent: Decimal) -> None:
        self.wallet -= lent
        self._purse.wallet += self.wallet - before
        self._purse.free += self.wallet - self.margin
