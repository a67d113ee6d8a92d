"""What a fill may open: exactly as much as free money and the brackets allow, and a closing part always."""

from decimal import Decimal

from qts.domain.book import Book
from qts.domain.order import Side
from qts.domain.refusal import RefusalCode
from qts.simulation.margin import margin_objection
from tests.generators import bracket_table

TABLE = bracket_table(("0", "0.01", 20), ("1000", "0.05", 5))


def objection(book: Book, side: Side, quantity: str, fee: str = "0", table=None):
    found = margin_objection(book, table, side=side, quantity=Decimal(quantity), price=Decimal(100), fee=Decimal(fee))
    return None if found is None else found[0]


def test_margin_and_fee_must_both_be_free() -> None:
    """10 x 100 / 10 = 100 of margin. Proves: QL-9"""
    book = Book(Decimal(100), 10)
    assert objection(book, Side.BUY, "10") is None
    assert objection(book, Side.BUY, "10", fee="0.00000001") is RefusalCode.MARGIN_INSUFFICIENT
    assert objection(book, Side.BUY, "10.001") is RefusalCode.MARGIN_INSUFFICIENT


def test_what_closes_always_may_and_frees_its_margin_for_what_opens() -> None:
    """Proves: QL-9, P4-1"""
    book = Book(Decimal(100), 10)
    book.fill(Side.BUY, Decimal(10), Decimal(100), Decimal(0))
    assert objection(book, Side.BUY, "0.001") is RefusalCode.MARGIN_INSUFFICIENT
    assert objection(book, Side.SELL, "10", fee="99", table=TABLE) is None
    assert objection(book, Side.SELL, "20") is None
    assert objection(book, Side.SELL, "20.001") is RefusalCode.MARGIN_INSUFFICIENT


def test_the_bracket_of_the_whole_position_must_grant_the_leverage() -> None:
    """Proves: QL-9"""
    book = Book(Decimal(10_000), 10)
    assert objection(book, Side.SELL, "9.999", table=TABLE) is None
    assert objection(book, Side.SELL, "10", table=TABLE) is RefusalCode.BRACKET_LEVERAGE_EXCEEDED
    book.fill(Side.SELL, Decimal(6), Decimal(100), Decimal(0))
    assert objection(book, Side.SELL, "4", table=TABLE) is RefusalCode.BRACKET_LEVERAGE_EXCEEDED
    assert objection(book, Side.SELL, "4") is None
    modest = Book(Decimal(10_000), 5)
    assert objection(modest, Side.SELL, "10", table=TABLE) is None
