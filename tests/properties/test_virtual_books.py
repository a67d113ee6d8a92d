"""Whatever is posted, in whatever order and to whomever: the virtual books are the venue's book, to the last step.

A story is drawn as lots, ticks and numbers of strategies. It is told to an
account's book and to the virtual books, plainly, mirrored (longs are shorts) or
with everybody named in another order. All sums are recounted from the postings.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.allocation import Cross, Share
from qts.domain.book import Book
from qts.domain.money import exact_arithmetic, on_money_grid
from qts.domain.order import Side
from qts.domain.virtual_books import QUARANTINE, Posting, PostingKind, VirtualBooks

LOT = Decimal("0.001")
TICK = Decimal("0.01")
GRID = Decimal("0.00000001")
ZERO = Decimal(0)
NAMES = "abcdef"

numbers = st.integers(0, len(NAMES) - 1)
lots = st.integers(1, 60)
ticks = st.integers(1, 20_000)
money = st.integers(-(10**7), 10**10)  # steps; a rebate is negative
fractions = st.integers(1, 4)
pieces = st.lists(st.tuples(lots, ticks, money), min_size=1, max_size=4)

steps = st.one_of(
    st.tuples(st.just("order"), st.sampled_from(Side), st.dictionaries(numbers, lots, min_size=1), pieces),
    st.tuples(st.just("order"), st.sampled_from(Side), st.dictionaries(numbers, lots, min_size=1), pieces),
    st.tuples(st.just("cross"), numbers, numbers, lots, ticks),
    st.tuples(st.just("funding"), st.integers(-(10**6), 10**6), ticks, st.sampled_from([0, 0, 0, -3, 1, 700])),
    st.tuples(
        st.just("protect"),
        st.sampled_from([PostingKind.STOP_LOSS, PostingKind.TAKE_PROFIT]),
        fractions,
        ticks,
        money,
        st.dictionaries(numbers, st.integers(1, 4)),
    ),
    st.tuples(st.just("flatten"), fractions, ticks, money),
    st.tuples(
        st.just("force"),
        st.sampled_from([PostingKind.LIQUIDATION, PostingKind.ADL]),
        fractions,
        ticks,
        st.integers(0, 10**9),
        st.integers(0, 10**9),
    ),
    st.tuples(st.just("adopt"), st.sampled_from(Side), lots, ticks, money),
)
stories = st.lists(steps, max_size=14)


@dataclass
class Telling:
    """One way to tell a story. mirror: -1 swaps the sides. arrange: the order in which strategies are named."""

    count: int
    mirror: int = 1
    arrange: Callable[[list[Any]], list[Any]] = list
    told: list[tuple[Posting, ...]] = field(default_factory=list)
    shares: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # of orders that filled whole

    def __post_init__(self) -> None:
        names = self.arrange(list(NAMES[: self.count]))
        self.venue = Book(Decimal(100) * self.count, 5)
        self.books = VirtualBooks(self.venue, dict.fromkeys(names, Decimal(100)), LOT)

    def tell(self, story: list[tuple[Any, ...]]) -> "Telling":
        with exact_arithmetic():
            for number, (word, *facts) in enumerate(story):
                getattr(self, word)(number, *facts)
        return self

    def hear(self, postings: tuple[Posting, ...]) -> tuple[Posting, ...]:
        self.told.append(postings)
        self._recount()
        return postings

    def _recount(self) -> None:
        """The sums again, from what was told and from the books, without ``check``."""
        everything = [posting for postings in self.told for posting in postings]
        for name, book in self.books.books.items():
            own = [posting for posting in everything if posting.strategy_id == name]
            assert book.position == sum((each.quantity for each in own), start=ZERO)
            paid = sum((each.fee + each.funding + each.liquidation_fee - each.insurance for each in own), start=ZERO)
            assert book.wallet == book.capital - paid + sum((each.realized_pnl for each in own), start=ZERO)
        venue, books = self.venue, self.books.books.values()
        assert self.books.net == venue.position == sum(posting.quantity for posting in everything)
        assert sum(posting.fee for posting in everything) == venue.fees
        assert sum(posting.funding for posting in everything) == venue.funding
        assert sum(posting.liquidation_fee for posting in everything) == venue.liquidation_fees
        assert sum(posting.insurance for posting in everything) == venue.insurance
        for price in (ZERO, Decimal(77)):
            assert sum(book.equity(price) for book in books) == venue.equity(price)

    def side(self, side: Side) -> Side:
        return side if self.mirror > 0 else side.opposite

    def name(self, number: int) -> str:
        return NAMES[number % self.count]

    def order(self, number: int, side: Side, wanted: dict[int, int], filled: list[tuple[int, int, int]]) -> None:
        side = self.side(side)
        shares = self.arrange([Share(self.name(who), f"{number}-{who}", size * LOT) for who, size in wanted.items()])
        left = sum((share.quantity for share in shares), start=ZERO)
        for size, price, fee in filled:
            quantity = min(size * LOT, left)
            if quantity:
                left -= quantity
                self._fill(f"o{number}", side, quantity, price * TICK, fee * GRID, shares=shares)
        if not left:
            self.shares |= {share.key: side.sign * share.quantity for share in shares}

    def _fill(self, order_id: str, side: Side, quantity: Decimal, price: Decimal, fee: Decimal, *, shares) -> None:
        self.venue.fill(side, quantity, price, fee)
        told = self.hear(self.books.fill(order_id, side, quantity, price, fee, shares=shares))
        assert all(each.quantity * side.sign > 0 and each.price == price for each in told)
        fair = [fee * abs(each.quantity) / quantity for each in told]
        assert all(abs(each.fee - due) < GRID for each, due in zip(told, fair, strict=True))

    def cross(self, number: int, buyer: int, seller: int, size: int, price: int) -> None:
        sides = [Share(self.name(who), f"{number}-{half}", size * LOT) for half, who in enumerate((buyer, seller))]
        cross = Cross(*sides) if self.mirror > 0 else Cross(*sides[::-1])
        told = self.hear(self.books.cross(cross, price * TICK))
        assert all(each.fee == 0 for each in told)

    def funding(self, _: int, rate: int, price: int, off: int) -> None:
        if not self.venue.position and not any(book.position for book in self.books.books.values()):
            return
        rated = Decimal(rate) / 10**8
        amount = on_money_grid(self.venue.position * price * TICK * rated)
        amount += self.mirror * off * GRID if self.venue.position else ZERO
        self.venue.pay_funding(amount)
        owed = {name: book.position * price * TICK * rated for name, book in self.books.books.items()}
        for each in self.hear(self.books.pay_funding(amount, rated, price * TICK)):
            assert abs(each.funding - owed[each.strategy_id]) <= (2 + abs(off)) * GRID

    def protect(self, _: int, kind: PostingKind, part: int, price: int, fee: int, touched: dict[int, int]) -> None:
        net, before = self.venue.position, self._held()
        if not net:
            return
        side, quantity = (Side.SELL if net > 0 else Side.BUY), self._part(net, part)
        levels = {self.name(who): Decimal(10 + self.mirror * level) for who, level in touched.items()}
        levels = dict(self.arrange(list(levels.items())))
        self.venue.fill(side, quantity, price * TICK, fee * GRID)
        told = self.hear(self.books.protect(kind, side, quantity, price * TICK, fee * GRID, touched=levels))
        taken = {each.strategy_id: abs(each.quantity) for each in told}
        assert all(0 < taken[name] <= abs(before[name]) and before[name] * net > 0 for name in taken)
        ahead = -side.sign if kind is PostingKind.STOP_LOSS else side.sign
        ranked = sorted((-levels[name] * ahead, name) for name in levels if before.get(name, ZERO) * net > 0)
        for level, name in ranked:
            later = {other for other in taken if other not in levels or -levels[other] * ahead > level}
            assert taken.get(name) == abs(before[name]) or not later  # nobody is served before who is nearer

    def flatten(self, _: int, part: int, price: int, fee: int) -> None:
        net, before = self.venue.position, self._held()
        side = Side.SELL if net * self.mirror > 0 or not net else Side.BUY
        side = self.side(side)
        quantity = self._part(net, part) if net else ZERO
        charged = fee * GRID if quantity else ZERO
        if quantity:
            self.venue.fill(side, quantity, price * TICK, charged)
        crossed = len(self.books.crosses)
        told = self.hear(self.books.flatten(side, quantity, price * TICK, charged))
        if quantity == abs(net):
            assert not any(self._held().values())
        assert all(abs(before[each.strategy_id]) >= abs(each.quantity) for each in told)
        inside = sum((each.cross.quantity for each in self.books.crosses[crossed:]), start=ZERO)
        assert sum((abs(each.quantity) for each in told), start=ZERO) == quantity + 2 * inside

    def force(self, _: int, kind: PostingKind, part: int, price: int, fee: int, credit: int) -> None:
        net, before = self.venue.position, self._held()
        if not net:
            return
        side, quantity = (Side.SELL if net > 0 else Side.BUY), self._part(net, part)
        self.venue.fill(side, quantity, price * TICK, ZERO)
        forced = self.hear(self.books.force(kind, side, quantity, price * TICK, ZERO))
        whole = sum(abs(held) for held in before.values() if held * net > 0)
        for each in forced:
            assert abs(abs(each.quantity) - abs(before[each.strategy_id]) * quantity / whole) < LOT
        charged, given_back = fee * GRID, credit * GRID
        assert self.venue.pay_liquidation(charged, self.venue.wallet - charged + given_back) == given_back
        self.hear(self.books.pay_liquidation(charged, given_back, forced))

    def adopt(self, _: int, side: Side, size: int, price: int, fee: int) -> None:
        side, quantity = self.side(side), size * LOT
        self.venue.fill(side, quantity, price * TICK, fee * GRID)
        told = self.hear(self.books.adopt(side, quantity, price * TICK, fee * GRID))
        assert [each.strategy_id for each in told] == [QUARANTINE]

    def _held(self) -> dict[str, Decimal]:
        return {name: book.position for name, book in self.books.books.items()}

    @staticmethod
    def _part(net: Decimal, part: int) -> Decimal:
        """A quarter of the net and more, in whole lots."""
        return max(LOT, abs(net) * part / 4 // LOT * LOT)


@settings(max_examples=250)
@given(stories, st.integers(1, 6))
def test_the_books_are_the_venues_after_every_posting(story, count: int) -> None:
    """And a whole order has given every share whole.

    Proves: P6-5
    """
    telling = Telling(count).tell(story)
    for (name, order_id), quantity in telling.shares.items():
        own = [each for told in telling.told for each in told if (each.strategy_id, each.order_id) == (name, order_id)]
        fills = [each.quantity for each in own if each.kind is PostingKind.FILL]
        assert sum(fills) == quantity


@settings(max_examples=120)
@given(stories, st.integers(2, 6), st.randoms(use_true_random=False))
def test_the_order_of_the_strategies_changes_nothing(story, count: int, dice) -> None:
    """Proves: P6-5"""
    shuffled = Telling(count, arrange=lambda names: dice.sample(names, len(names)))
    assert shuffled.tell(story).told == Telling(count).tell(story).told


@settings(max_examples=120)
@given(stories, st.integers(1, 6))
def test_longs_and_shorts_are_treated_alike(story, count: int) -> None:
    """Proves: P6-5"""
    plain, mirrored = Telling(count).tell(story), Telling(count, mirror=-1).tell(story)
    for there, here in zip(mirrored.told, plain.told, strict=True):
        turned = [
            replace(each, quantity=-each.quantity, realized_pnl=-each.realized_pnl, funding=-each.funding)
            for each in there
        ]
        assert sorted(turned, key=_who) == sorted(here, key=_who)  # a cross names its buyer first
    assert mirrored.venue.position == -plain.venue.position


def _who(posting: Posting) -> tuple[str, str]:
    return posting.strategy_id, posting.order_id


@settings(max_examples=100)
@given(st.dictionaries(numbers, lots, min_size=1), st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_what_an_order_gave_does_not_depend_on_how_it_filled(wanted, filled) -> None:
    """Proves: P6-5"""
    one_by_one = Telling(6).tell([("order", Side.BUY, wanted, [(size, 100, 0) for size in filled])])
    at_once = Telling(6).tell([("order", Side.BUY, wanted, [(sum(filled), 100, 0)])])
    assert one_by_one._held() == at_once._held()
