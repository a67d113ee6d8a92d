"""Each posting by its written rule, to the last lot and the last 1e-8; and books that do not add up say so."""

from decimal import Decimal

import pytest

from qts.domain.allocation import Cross, Share
from qts.domain.book import Book
from qts.domain.errors import UsageError
from qts.domain.order import Side
from qts.domain.virtual_books import QUARANTINE, Posting, PostingKind, VirtualBooks

ONE = Decimal(1)
ZERO = Decimal(0)
GRID = Decimal("0.00000001")


class Desk:
    """An account and its virtual books, posted side by side. ``holding``: what each strategy starts with, at 100."""

    def __init__(self, **holding: int) -> None:
        self.venue = Book(Decimal(1_000) * len(holding), 10)
        self.books = VirtualBooks(self.venue, dict.fromkeys(holding, Decimal(1_000)), ONE)
        for name, quantity in holding.items():
            if quantity:
                side = Side.BUY if quantity > 0 else Side.SELL
                self.fill(f"open-{name}", side, {name: abs(quantity)}, abs(quantity), 100)

    def fill(self, order_id: str, side: Side, shares: dict[str, int], quantity: int, price: int, *, fee: str = "0"):
        self.trade(side, quantity, price, fee)
        given = [Share(name, f"{name}-1", Decimal(part)) for name, part in shares.items()]
        return self.books.fill(order_id, side, Decimal(quantity), Decimal(price), Decimal(fee), shares=given)

    def trade(self, side: Side, quantity: int, price: int, fee: str = "0") -> None:
        self.venue.fill(side, Decimal(quantity), Decimal(price), Decimal(fee))

    @property
    def held(self) -> dict[str, int]:
        return {name: int(book.position) for name, book in self.books.books.items() if book.position}


def parts(postings: tuple[Posting, ...]) -> dict[str, int]:
    return {posting.strategy_id: int(posting.quantity) for posting in postings}


def test_a_fill_goes_to_the_shares_as_their_lots_fall_due_and_the_fee_by_quantity() -> None:
    """Proves: P6-5"""
    desk = Desk(a=0, b=0, c=0)
    shares = {"a": 6, "b": 3, "c": 1}
    first = desk.fill("o", Side.BUY, shares, 4, 100, fee="0.00000010")
    assert parts(first) == {"a": 3, "b": 1}
    assert [posting.fee for posting in first] == [8 * GRID, 2 * GRID]  # 7.5 and 2.5: the tie goes to a
    assert [(posting.order_id, posting.price, posting.kind) for posting in first] == [
        ("a-1", 100, PostingKind.FILL),
        ("b-1", 100, PostingKind.FILL),
    ]
    assert parts(desk.fill("o", Side.BUY, shares, 1, 90)) == {"b": 1}
    assert parts(desk.fill("o", Side.BUY, shares, 5, 80)) == {"a": 3, "b": 1, "c": 1}
    assert desk.held == shares


def test_two_orders_of_one_strategy_in_one_are_told_apart() -> None:
    desk = Desk(a=0)
    desk.trade(Side.SELL, 3, 100)
    shares = [Share("a", "x", ONE), Share("a", "y", Decimal(2))]
    told = desk.books.fill("o", Side.SELL, Decimal(3), Decimal(100), ZERO, shares=shares)
    assert [(posting.order_id, posting.quantity) for posting in told] == [("x", -1), ("y", -2)]


def test_what_fills_beyond_the_order_is_quarantined() -> None:
    desk = Desk(a=0)
    desk.fill("o", Side.BUY, {"a": 2}, 2, 100)
    told = desk.fill("o", Side.BUY, {"a": 2}, 1, 100)
    assert [(posting.strategy_id, posting.kind) for posting in told] == [(QUARANTINE, PostingKind.FOREIGN)]


def test_a_cross_moves_both_at_one_price_and_the_venue_hears_nothing() -> None:
    """Proves: P6-5"""
    desk = Desk(a=5, b=0)
    cross = Cross(Share("b", "b-1", Decimal(2)), Share("a", "a-1", Decimal(2)))
    told = desk.books.cross(cross, Decimal(110))
    assert [(each.strategy_id, each.quantity, each.fee, each.realized_pnl) for each in told] == [
        ("a", -2, 0, 20),
        ("b", 2, 0, 0),
    ]
    assert (desk.held, int(desk.venue.position)) == ({"a": 3, "b": 2}, 5)
    assert [(each.cross, each.price) for each in desk.books.crosses] == [(cross, 110)]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_strategy_that_meets_itself_closes_before_it_opens(sign: int) -> None:
    desk = Desk(a=2 * sign)
    told = desk.books.cross(Cross(Share("a", "buy", ONE), Share("a", "sell", ONE)), Decimal(110))
    assert [(each.quantity, each.realized_pnl) for each in told] == [(-sign, 10 * sign), (sign, 0)]


def test_a_long_and_a_short_pay_each_other_when_the_net_is_flat() -> None:
    """Proves: P6-5"""
    desk = Desk(a=3, b=-1, c=-2)
    told = desk.books.pay_funding(ZERO, Decimal("0.0001"), Decimal(100))
    assert {each.strategy_id: each.funding for each in told} == {
        "a": Decimal("0.03"),
        "b": Decimal("-0.01"),
        "c": Decimal("-0.02"),
    }


def test_funding_that_does_not_divide_is_rounded_and_the_lost_step_goes_to_whom_it_took_most_from() -> None:
    """Owed 1.4, 1.4 and 4.2 steps: rounded 1, 1 and 4, and the venue's seventh step is a's, first of the two."""
    desk = Desk(a=1, b=1, c=3)
    amount = Decimal("0.00000007")
    desk.venue.pay_funding(amount)
    told = desk.books.pay_funding(amount, Decimal("0.00000000014"), Decimal(100))
    assert [each.funding / GRID for each in told] == [2, 1, 4]


def test_what_the_venues_funding_differs_is_shared_by_the_size_of_the_position() -> None:
    desk = Desk(a=3, b=-1)
    desk.venue.pay_funding(Decimal("0.06"))  # ours says 0.02
    told = desk.books.pay_funding(Decimal("0.06"), Decimal("0.0001"), Decimal(100))
    assert [each.funding for each in told] == [Decimal("0.06"), Decimal("0.00")]


def test_funding_of_a_position_nobody_knows_is_quarantined() -> None:
    desk = Desk(a=0)
    desk.venue.pay_funding(ONE)
    (told,) = desk.books.pay_funding(ONE, Decimal("0.0001"), Decimal(100))
    assert (told.strategy_id, told.funding) == (QUARANTINE, 1)


@pytest.mark.parametrize(
    ("sign", "kind", "touched", "taken"),
    [
        (1, PostingKind.STOP_LOSS, {"a": 90, "b": 95}, {"b": 3, "a": 1}),
        (1, PostingKind.TAKE_PROFIT, {"a": 110, "b": 120}, {"a": 4}),
        (-1, PostingKind.STOP_LOSS, {"a": 110, "b": 105}, {"b": 3, "a": 1}),
        (-1, PostingKind.TAKE_PROFIT, {"a": 90, "b": 80}, {"a": 4}),
        (1, PostingKind.STOP_LOSS, {"b": 95, "d": 99}, {"b": 3, "a": 1}),  # d stands on the other side
        (1, PostingKind.STOP_LOSS, {"a": 95, "b": 95}, {"a": 2, "b": 2}),  # 2.29 and 1.71
        (1, PostingKind.STOP_LOSS, {}, {"a": 2, "b": 1, "c": 1}),  # 1.78, 1.33 and 0.89
    ],
)
def test_a_venue_stop_or_target_goes_to_the_nearest_touched_first(sign, kind, touched, taken) -> None:
    """Proves: P6-5"""
    desk = Desk(a=4 * sign, b=3 * sign, c=2 * sign, d=-5 * sign)
    side = Side.SELL if sign > 0 else Side.BUY
    desk.trade(side, 4, 95)
    prices = {name: Decimal(price) for name, price in touched.items()}
    told = desk.books.protect(kind, side, Decimal(4), Decimal(95), ZERO, touched=prices)
    assert parts(told) == {name: -sign * quantity for name, quantity in taken.items()}
    assert {posting.kind for posting in told} == {kind}


def test_flatten_closes_everybody_at_one_price_and_crosses_what_meets() -> None:
    """Proves: P6-5"""
    desk = Desk(a=5, b=-3, c=1)
    desk.trade(Side.SELL, 3, 120, "0.09")
    told = desk.books.flatten(Side.SELL, Decimal(3), Decimal(120), Decimal("0.09"))
    assert parts(told) == {"a": -5, "b": 3, "c": -1}
    assert {each.strategy_id: each.fee for each in told} == {
        "a": Decimal("0.05"),
        "b": Decimal("0.03"),
        "c": Decimal("0.01"),
    }
    assert {each.strategy_id: each.realized_pnl for each in told} == {"a": 100, "b": -60, "c": 20}
    crossed = [
        (each.cross.buyer.strategy_id, each.cross.seller.strategy_id, each.cross.quantity)
        for each in desk.books.crosses
    ]
    assert crossed == [("b", "a", 3)]  # 2.5 and 0.5 of the 3 sold inside: the tie goes to a
    assert desk.held == {}


def test_a_flat_net_is_flattened_without_an_order() -> None:
    """Proves: P6-5"""
    desk = Desk(a=3, b=-3)
    desk.books.flatten(Side.BUY, ZERO, Decimal(90), ZERO)
    assert desk.held == {}
    assert desk.books.books["a"].wallet == 970


def test_a_flatten_that_fills_in_parts_closes_the_same_fraction_of_both_sides() -> None:
    desk = Desk(a=6, b=-2)
    # The short closes 1/4, then 1/3, then 1/2 of the 2 it has, rounded down; the last fill takes what is left.
    for price, held in ((120, {"a": 5, "b": -2}), (110, {"a": 4, "b": -2}), (100, {"a": 2, "b": -1}), (90, {})):
        desk.trade(Side.SELL, 1, price)
        desk.books.flatten(Side.SELL, ONE, Decimal(price), ZERO)
        assert desk.held == held


def test_a_liquidation_is_borne_by_the_nets_side_with_its_fee_and_its_credit() -> None:
    """Proves: P6-5"""
    desk = Desk(a=6, b=2, c=-4)
    desk.trade(Side.SELL, 4, 50)
    forced = desk.books.force(PostingKind.LIQUIDATION, Side.SELL, Decimal(4), Decimal(50), ZERO)
    assert parts(forced) == {"a": -3, "b": -1}
    credit = desk.venue.pay_liquidation(Decimal(2), desk.venue.wallet + 6)
    told = desk.books.pay_liquidation(Decimal(2), credit, forced)
    assert [(each.strategy_id, each.liquidation_fee, each.insurance) for each in told] == [
        ("a", Decimal("1.5"), 6),
        ("b", Decimal("0.5"), 2),
    ]


def test_a_foreign_fill_is_quarantined_until_the_operator_closes_it() -> None:
    """Proves: P6-5"""
    desk = Desk(a=1)
    desk.trade(Side.BUY, 2, 100, "0.5")
    (told,) = desk.books.adopt(Side.BUY, Decimal(2), Decimal(100), Decimal("0.5"))
    assert (told.strategy_id, told.quantity, told.fee, told.kind) == (
        QUARANTINE,
        2,
        Decimal("0.5"),
        PostingKind.FOREIGN,
    )
    assert desk.held == {"a": 1, QUARANTINE: 2}
    desk.fill("operator", Side.SELL, {QUARANTINE: 2}, 2, 101)
    assert desk.held == {"a": 1}
    assert desk.books.books[QUARANTINE].wallet == Decimal("1.5")


def test_what_a_halted_strategy_left_is_in_the_guardians_care_and_no_money_moves() -> None:
    """Proves: P6-5"""
    desk = Desk(a=2, b=0)
    before = desk.books.books["a"].wallet
    desk.books.entrust("a")
    desk.books.entrust("b")
    assert desk.books.in_care == {"a"}
    assert (desk.books.books["a"].wallet, desk.held) == (before, {"a": 2})
    desk.books.take_back("a")
    assert desk.books.in_care == frozenset()


def test_books_that_are_not_the_venues_say_whose_part_is_what() -> None:
    """Proves: P6-5"""
    desk = Desk(a=5, b=-3)
    share = Share("a", "a-2", Decimal(2))
    with pytest.raises(AssertionError, match=r"position: the books hold 4 and the venue 2; a 7, b -3, quarantine 0"):
        desk.books.fill("unheard", Side.BUY, Decimal(2), Decimal(100), ZERO, shares=[share])
    with pytest.raises(AssertionError, match=r"capital: the books hold 3 and the venue 4; a 3, quarantine 0"):
        VirtualBooks(Book(Decimal(4), 1), {"a": Decimal(3)}, ONE)


POSTINGS = {
    "fill": lambda books, share: books.fill("o", Side.BUY, ONE, ONE, ZERO, shares=[share]),
    "cross": lambda books, share: books.cross(Cross(share, share), ONE),
    "protect": lambda books, _: books.protect(PostingKind.STOP_LOSS, Side.SELL, ONE, ONE, ZERO, touched={}),
    "force": lambda books, _: books.force(PostingKind.ADL, Side.SELL, ONE, ONE, ZERO),
    "pay_liquidation": lambda books, _: books.pay_liquidation(ZERO, ZERO, []),
    "pay_funding": lambda books, _: books.pay_funding(ZERO, ZERO, ONE),
    "adopt": lambda books, _: books.adopt(Side.BUY, ONE, ONE, ZERO),
    "flatten": lambda books, _: books.flatten(Side.SELL, ZERO, ONE, ZERO),
}


@pytest.mark.parametrize("posting", POSTINGS)
def test_every_posting_is_checked(posting: str) -> None:
    """A fee that only the venue knows of is noticed by whatever is posted next.

    Proves: P6-5
    """
    desk = Desk(a=5)
    desk.venue.fees += ONE
    with pytest.raises(AssertionError, match=r": the books hold"):
        POSTINGS[posting](desk.books, Share("a", "a-2", ONE))


@pytest.mark.parametrize("name", ["bought", "fees", "funding", "liquidation_fees", "insurance", "wallet"])
def test_every_sum_is_compared(name: str) -> None:
    """One step too much in a strategy's book, hidden from that book's own identity by its capital.

    Proves: P6-5
    """
    desk = Desk(a=5, b=-3)
    desk.books.check(desk.venue)
    book = desk.books.books["a"]
    setattr(book, name, getattr(book, name) + GRID)
    sign = 1 if name in ("bought", "fees", "funding", "liquidation_fees") else -1
    if name != "wallet":
        book.wallet -= sign * GRID
        assert book.check() is None
    with pytest.raises(AssertionError, match=name if name != "wallet" else "does not add up"):
        desk.books.check(desk.venue)


def test_what_makes_no_sense_is_refused_before_anything_is_posted() -> None:
    desk = Desk(a=5)
    cross = Cross(Share("a", "a-1", ONE), Share("z", "z-1", ONE))
    refused = [
        ("no book of z", lambda: desk.books.cross(cross, ONE)),
        ("no book of z", lambda: desk.books.fill("o", Side.BUY, ONE, ONE, ZERO, shares=[cross.seller])),
        ("no book of z", lambda: desk.books.entrust("z")),
        ("a stop or a target", lambda: desk.books.protect(PostingKind.ADL, Side.SELL, ONE, ONE, ZERO, touched={})),
        ("liquidation or", lambda: desk.books.force(PostingKind.FILL, Side.SELL, ONE, ONE, ZERO)),
        ("0 or more", lambda: desk.books.adopt(Side.SELL, -ONE, ONE, ZERO)),
        ("no whole number", lambda: desk.books.adopt(Side.SELL, Decimal("0.5"), ONE, ZERO)),
        ("among nobody", lambda: desk.books.flatten(Side.BUY, ZERO, ONE, ONE)),
    ]
    for words, refuse in refused:
        with pytest.raises(UsageError, match=words):
            refuse()
    desk.books.check(desk.venue)
    assert desk.held == {"a": 5}
