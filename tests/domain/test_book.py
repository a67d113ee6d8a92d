"""The book against a second bookkeeper that keeps every lot in exact fractions."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.book import Book
from qts.domain.money import exact_arithmetic
from qts.domain.order import Side

CENT = Decimal("0.01")
fills = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.integers(1, 5_000),  # lots of 0.001
        st.integers(1, 20_000),  # ticks of 0.01
        st.integers(0, 10**8),  # fee on the money grid
        st.integers(-(10**9), 10**9),  # funding before it
    ),
    max_size=30,
)


@given(fills, st.integers(1, 125))
def test_wallet_basis_and_position_follow_average_cost(steps, leverage: int) -> None:
    """Proves: QL-9"""
    with exact_arithmetic():
        book = Book(Decimal(10_000), leverage)
        position = basis = Fraction(0)
        cash = Fraction(10_000)
        for side, lots, ticks, fee, funding in steps:
            quantity, price = Decimal(lots) / 1000, Decimal(ticks) * CENT
            paid, charged = Decimal(fee).scaleb(-8), Decimal(funding).scaleb(-8)
            book.pay_funding(charged)
            realized = book.fill(side, quantity, price, paid)
            book.check()
            signed = side.sign * Fraction(quantity)
            cash -= signed * Fraction(price) + Fraction(paid) + Fraction(charged)
            if position * signed < 0:
                closing = min(abs(signed), abs(position))
                basis -= basis * closing / abs(position)
                opened = abs(signed) - closing
            else:
                assert realized == 0
                opened = abs(signed)
            position += signed
            basis += side.sign * opened * Fraction(price) if opened else 0
            assert Fraction(book.position) == position
            assert abs(Fraction(book.basis) - basis) <= len(steps) * Fraction(1, 10**8)
            assert Fraction(book.wallet) - Fraction(book.basis) == cash
            assert Fraction(book.equity(price)) == cash + position * Fraction(price)
            assert book.margin <= book.wallet or book.position == 0
            assert book.margin == 0 or book.position != 0


def test_margin_is_released_in_proportion() -> None:
    book = Book(Decimal(1_000), 10)
    book.fill(Side.BUY, Decimal(10), Decimal(100), Decimal(0))
    assert (book.margin, book.available) == (Decimal(100), Decimal(900))
    book.fill(Side.SELL, Decimal(4), Decimal(100), Decimal(0))
    assert (book.margin, book.available) == (Decimal(60), Decimal(940))
    book.fill(Side.SELL, Decimal(16), Decimal(100), Decimal(0))
    assert (book.position, book.margin) == (Decimal(-10), Decimal(100))


def test_a_loss_the_free_wallet_cannot_cover_comes_out_of_what_is_still_held() -> None:
    book = Book(Decimal(100), 10)
    book.fill(Side.BUY, Decimal(10), Decimal(100), Decimal(0))
    book.fill(Side.SELL, Decimal(5), Decimal(84), Decimal(0))  # loses 80 of the 100, all of it margin
    assert (book.wallet, book.margin, book.available) == (Decimal(20), Decimal(20), Decimal(0))


def test_the_insurance_fund_bears_only_what_exceeds_the_margin() -> None:
    """Proves: QL-9"""
    for price, fee, credit in (("95", "5", "0"), ("90", "5", "5"), ("80", "0", "100")):
        book = Book(Decimal(1_000), 10)
        book.fill(Side.BUY, Decimal(10), Decimal(100), Decimal(0))
        floor = book.wallet - book.margin
        book.fill(Side.SELL, Decimal(10), Decimal(price), Decimal(0))
        assert book.pay_liquidation(Decimal(fee), floor) == Decimal(credit)
        book.check()
        assert book.wallet >= floor


def test_funding_that_is_heard_of_late_is_paid_by_a_flat_book_whatever_it_has() -> None:
    book = Book(Decimal(0), 1)
    book.pay_funding(Decimal(1))
    book.check()
    assert (book.wallet, book.margin) == (Decimal(-1), Decimal(0))


def test_a_book_that_does_not_add_up_says_so() -> None:
    book = Book(Decimal(1_000), 1)
    book.wallet += 1
    with pytest.raises(AssertionError, match="does not add up"):
        book.check()
    book = Book(Decimal(1_000), 1)
    book.margin = Decimal(5)
    with pytest.raises(AssertionError, match="flat, yet"):
        book.check()


def test_what_a_strategy_sees_of_it() -> None:
    book = Book(Decimal(1_000), 1)
    assert book.holding().entry_price is None
    book.fill(Side.SELL, Decimal(1), Decimal(100), Decimal(1))
    book.fill(Side.SELL, Decimal(1), Decimal(110), Decimal(1))
    seen = book.holding()
    assert (seen.position, seen.entry_price, seen.wallet) == (Decimal(-2), 105.0, 998.0)
    assert float(book.equity(Decimal(120))) == 998.0 - 30.0
