"""One wallet behind several books: free money is shared, margins are not, and every ledger stays exact.

Proves: P6-5, QL-9
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from qts.domain.book import Book
from qts.domain.money import exact_arithmetic
from qts.domain.order import Side
from qts.domain.purse import Purse

LEVERAGE = 10
CENT = Decimal("0.01")
ZERO = Decimal(0)

books = st.integers(0, 2)
steps = st.one_of(
    st.tuples(
        st.just("fill"),
        books,
        st.sampled_from(Side),
        st.integers(1, 5_000).map(lambda lots: Decimal(lots) / 1000),
        st.integers(1, 20_000).map(lambda ticks: ticks * CENT),
        st.integers(0, 10**9).map(lambda fee: Decimal(fee).scaleb(-8)),
    ),
    st.tuples(st.just("pay_funding"), books, st.integers(-(10**10), 10**10).map(lambda paid: Decimal(paid).scaleb(-8))),
    st.tuples(st.just("liquidate"), books, st.integers(1, 20_000).map(lambda ticks: ticks * CENT), st.integers(0, 50)),
)
stories = st.lists(steps, max_size=25)


@dataclass
class Teller:
    """The story told to some books. before: what each had as margin when the last step began."""

    books: list[Any]
    before: list[Decimal] = field(default_factory=list)

    def tell(self, word: str, number: int, *facts: Any) -> Any:
        self.before = [book.margin for book in self.books]
        book = self.books[number % len(self.books)]
        if word != "liquidate":
            getattr(book, word)(*facts)
        elif book.position:
            price, fee = facts
            loss_limit = book.wallet - book.margin
            book.fill(Side.SELL if book.position > 0 else Side.BUY, abs(book.position), price, ZERO)
            book.pay_liquidation(Decimal(fee), loss_limit)
        book.check()
        return book


@given(stories)
def test_a_purse_of_one_book_is_that_book(story: list[tuple[Any, ...]]) -> None:
    """Until it owes more than it has: from then on a purse keeps the debt apart from the margin."""
    with exact_arithmetic():
        shared, plain = Purse().open_book(Decimal(1_000), LEVERAGE), Book(Decimal(1_000), LEVERAGE)
        both = [Teller([shared]), Teller([plain])]
        for step in story:
            for teller in both:
                teller.tell(*step)
            for name in ("wallet", "margin", "available", "basis", "position", "insurance"):
                assert getattr(shared, name) == getattr(plain, name), name
            price = Decimal(77)
            assert shared.available_if_flat(price) == plain.available_if_flat(price) == plain.equity(price)
            if plain.available < 0:
                return


@given(stories, st.lists(st.integers(0, 2_000), min_size=3, max_size=3))
def test_free_money_is_shared_and_nobodys_margin_pays_for_another(story, capitals: list[int]) -> None:
    with exact_arithmetic():
        purse = Purse()
        teller = Teller([purse.open_book(Decimal(each), LEVERAGE) for each in capitals])
        assert purse.free == sum(capitals)
        for step in story:
            free = purse.free
            touched = teller.tell(*step)
            purse.check()
            others = [
                (book.margin, before)
                for book, before in zip(teller.books, teller.before, strict=True)
                if book is not touched
            ]
            assert all(now == before for now, before in others)
            assert {book.available for book in teller.books} == {purse.free}
            assert purse.wallet == sum(book.wallet for book in teller.books)
            if touched.position:
                assert purse.free >= min(free, ZERO), "what is held pays for itself before anybody owes anything"
            if step[0] == "liquidate":
                assert purse.free >= free, "what is liquidated takes its own margin and no more"


@given(stories, st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=5))
def test_capital_that_is_moved_is_free_money_on_no_ledger(story: list[tuple[Any, ...]], moves: list[int]) -> None:
    """Proves: P4-3"""
    with exact_arithmetic():
        purse, moved = Purse(), [Decimal(each).scaleb(-8) for each in moves]
        teller = Teller([purse.open_book(Decimal(1_000), LEVERAGE) for _ in range(3)])
        for number, step in enumerate(story):
            teller.tell(*step)
            ledgers, free = [book.wallet for book in teller.books], purse.free
            if number < len(moved):
                purse.move_capital(moved[number])
                assert purse.free == free + moved[number]
                assert [book.wallet for book in teller.books] == ledgers
            purse.check()
            assert purse.wallet == sum(ledgers) + sum(moved[: number + 1])


def test_what_one_symbol_does_not_use_another_may_and_a_ledger_may_be_below_zero() -> None:
    purse = Purse()
    here, there = purse.open_book(Decimal(500), LEVERAGE), purse.open_book(Decimal(500), LEVERAGE)
    there.fill(Side.BUY, Decimal(90), Decimal(100), ZERO)
    assert (here.available, there.margin) == (100, 900)
    there.fill(Side.SELL, Decimal(90), Decimal(93), ZERO)
    assert (there.wallet, here.wallet, purse.free, purse.wallet) == (-130, 500, 370, 370)


def test_a_loss_nothing_free_covers_comes_out_of_its_own_margin_and_a_debt_stays_a_debt() -> None:
    purse = Purse()
    here, there = purse.open_book(Decimal(500), LEVERAGE), purse.open_book(Decimal(500), LEVERAGE)
    here.fill(Side.BUY, Decimal(50), Decimal(100), ZERO)
    there.fill(Side.BUY, Decimal(50), Decimal(100), ZERO)
    assert purse.free == 0
    here.fill(Side.SELL, Decimal(25), Decimal(85), ZERO)  # loses 375: 250 of margin come free, 125 more are needed
    assert (here.margin, there.margin, purse.free) == (125, 500, 0)
    here.fill(Side.SELL, Decimal(25), Decimal(90), ZERO)  # loses 250 and has 125
    assert (here.margin, there.margin, purse.free) == (0, 500, -125)
    there.pay_funding(Decimal(10))
    assert (there.margin, purse.free) == (490, -125)
