"""One virtual book per strategy on one symbol; together they are the venue's book, exactly.

After every posting ``check`` compares the sums with the venue's book: position,
bought, fees, funding, liquidation fees, insurance, and wallet - basis, which is
what equity at any price is made of. So the venue's book is posted first. Wallet
and basis alone are not compared: a realised profit depends on whose entry was
closed. Neither is margin, which each book sets aside by itself (``Book``).

Who gets what, to the last lot and the last 1e-8 of money, ties by id (the rules
of sharing are in allocation.py):

- ``fill`` of an order with shares: lots as they fall due (``due``), so no part
  shrinks and a whole order gives every share whole. What fills beyond the order is foreign.
- ``cross``: both sides at one price, free of fees.
- ``pay_funding``: to each what its own position owes. A long and a short pay each
  other when the net is flat too, where the venue pays nothing. What the venue's
  amount differs from the sum is shared by |position|, what is less than a step by ``nearest``.
- ``protect``: a stop or target of the net filled. First the books it closes whose own
  one was touched, the nearest first, each up to its position, equal prices pro
  rata; the rest pro rata over what the books it closes still hold.
- ``flatten``: every book is closed at the price of the fill that takes the net to
  zero; what meets inside is crossed. A fill of a part of the net closes that
  fraction of the other side, rounded down to the lot, and as much more on the net's side.
- ``force`` (liquidation, deleveraging): pro rata over the books it closes;
  ``pay_liquidation`` shares its fee and the insurance fund's credit by what was taken.
- ``adopt``: a fill nobody here asked for goes to QUARANTINE, a book like the
  others, which an operator closes by an order of its own or by ``flatten``. So does what
  a fill closes beyond what the books hold.
- Fees are shared by the quantity each has in the fill (``flatten``: by what each
  closes, crossed or not).
- ``entrust``: what a halted strategy left behind stays in its own book, in the
  guardian's care. No money moves.

It does not know why an order was sent, which orders there are, or what a price
will be. Callers are inside ``exact_arithmetic()``, as for ``Book``.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from qts.domain.allocation import Cross, Share, due, nearest, pairs, pro_rata, steps
from qts.domain.book import Book
from qts.domain.errors import UsageError
from qts.domain.money import MONEY_GRID, ZERO, plain
from qts.domain.order import Side
from qts.domain.plain_enum import plain_members
from qts.domain.purse import Purse
from qts.domain.value import value

QUARANTINE: Final = "quarantine"
"""The book of fills that no strategy asked for."""


@plain_members
class PostingKind(StrEnum):
    FILL = "fill"
    CROSS = "cross"
    FUNDING = "funding"
    STOP_LOSS = "stop-loss"
    TAKE_PROFIT = "take-profit"
    FLATTEN = "flatten"
    LIQUIDATION = "liquidation"
    ADL = "adl"
    FOREIGN = "foreign"


@value
class Posting:
    """What one strategy had of a posting.

    order_id: the share's own order, '' when it was none. quantity: signed base
    units, 0 when only money moved. price: quote per base; of funding, the mark
    price; 0 for the charges of a liquidation. Money in quote, positive was paid, but for
    realized_pnl (before fees) and insurance (credited).
    """

    strategy_id: str
    order_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    realized_pnl: Decimal
    kind: PostingKind
    funding: Decimal = ZERO
    liquidation_fee: Decimal = ZERO
    insurance: Decimal = ZERO


@value
class Crossed:
    """A cross that was posted. price: quote per base."""

    cross: Cross
    price: Decimal


@value
class _Part:
    """What a book gets of a fill, before the fee is shared. quantity: base units, 0 or more."""

    strategy_id: str
    order_id: str
    side: Side
    quantity: Decimal
    kind: PostingKind


_NO_PURSES: Final[Mapping[str, Purse]] = MappingProxyType({})
_SUMMED: Final = ("capital", "position", "bought", "fees", "funding", "liquidation_fees", "insurance")


class VirtualBooks:
    """The books of the strategies of one account on one symbol.

    venue: the account's own book, posted by whoever keeps it, before its parts
    are posted here; flat, or as its strategies' capitals say, at the start.
    capitals: quote, by strategy id, adding up to the venue's; QUARANTINE has none
    unless it is named. lot: quantity step, base units. purses: the money of those
    who have more books than this one, by strategy id; who is not named has this one only.
    """

    __slots__ = ("_books", "_come", "_entrusted", "_lot", "_venue", "crosses")

    def __init__(
        self, venue: Book, capitals: Mapping[str, Decimal], lot: Decimal, purses: Mapping[str, Purse] = _NO_PURSES
    ) -> None:
        given = {QUARANTINE: ZERO} | dict(capitals)
        self._venue = venue
        self._lot = lot
        self._books: dict[str, Book] = {
            strategy_id: (purses.get(strategy_id) or Purse()).open_book(given[strategy_id], venue.leverage)
            for strategy_id in sorted(given)
        }
        self._come: dict[str, Decimal] = {}  # order id -> filled so far; kept for good, since a fill may be late
        self._entrusted: set[str] = set()
        self.crosses: list[Crossed] = []
        self.check(venue)

    # -- reading ------------------------------------------------------------------------

    @property
    def books(self) -> Mapping[str, Book]:
        """By strategy id. To read; postings go through the methods."""
        return MappingProxyType(self._books)

    @property
    def net(self) -> Decimal:
        return sum((book.position for book in self._books.values()), start=ZERO)

    @property
    def in_care(self) -> frozenset[str]:
        """Strategies whose position the guardian looks after."""
        return frozenset(each for each in self._entrusted if self._books[each].position)

    def check(self, venue: Book) -> None:
        """Raises AssertionError, with every strategy's part, when the books are not the venue's book."""
        for book in self._books.values():
            book.check()
        for name in _SUMMED:
            self._compare(name, {each: getattr(book, name) for each, book in self._books.items()}, getattr(venue, name))
        worth = {each: book.wallet - book.basis for each, book in self._books.items()}
        self._compare("wallet - basis", worth, venue.wallet - venue.basis)

    def _compare(self, name: str, parts: Mapping[str, Decimal], whole: Decimal) -> None:
        total = sum(parts.values(), start=ZERO)
        if total != whole:
            told = ", ".join(f"{each} {plain(part)}" for each, part in parts.items())
            raise AssertionError(f"{name}: the books hold {plain(total)} and the venue {plain(whole)}; {told}")

    # -- what strategies asked for --------------------------------------------------------

    def fill(
        self, order_id: str, side: Side, quantity: Decimal, price: Decimal, fee: Decimal, *, shares: Iterable[Share]
    ) -> tuple[Posting, ...]:
        """A fill of an order of the account. shares: the order's own, the same at each of its fills.

        Of one strategy's shares those that close fill first. What a share that closes gets beyond what its book still
        holds is nobody's: it has been closed another way.
        """
        given = sorted(shares, key=lambda share: share.key)
        self._known(share.strategy_id for share in given)
        sizes = [share.quantity for share in given]
        before = self._come.get(order_id, ZERO)
        after = before + quantity
        whole = sum(sizes, start=ZERO)
        earlier = _closing_first(given, due(min(before, whole), sizes, self._lot))
        by_now = _closing_first(given, due(min(after, whole), sizes, self._lot))
        held = {share.strategy_id: self._books[share.strategy_id].opposing(side) for share in given}
        parts = []
        for share, then, now in zip(given, earlier, by_now, strict=True):
            part = now - then
            if share.closes:
                part = min(part, held[share.strategy_id])
                held[share.strategy_id] -= part
            parts.append(_Part(share.strategy_id, share.order_id, side, part, PostingKind.FILL))
        postings = self._post(parts + self._foreign(side, quantity, parts), price, fee)
        self._come[order_id] = after
        return postings

    def cross(self, cross: Cross, price: Decimal) -> tuple[Posting, ...]:
        """Two strategies give each other what both want, at one price; who closes is told first."""
        self._known((cross.buyer.strategy_id, cross.seller.strategy_id))
        steps(cross.quantity, self._lot)
        halves = [
            _Part(share.strategy_id, share.order_id, side, share.quantity, PostingKind.CROSS)
            for side, share in ((Side.BUY, cross.buyer), (Side.SELL, cross.seller))
        ]
        # Who meets itself closes first, so that longs and shorts are treated alike.
        halves.sort(key=lambda half: not self._books[half.strategy_id].opposing(half.side))
        postings = tuple(self._booked(half, price, ZERO) for half in halves)
        self.crosses.append(Crossed(cross, price))
        self.check(self._venue)
        return postings

    # -- what the venue did ---------------------------------------------------------------

    def protect(
        self,
        kind: PostingKind,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal,
        *,
        touched: Mapping[str, Decimal],
    ) -> tuple[Posting, ...]:
        """A fill of the net's stop or target. touched: strategy -> the price of its own one, of those that were."""
        if kind not in (PostingKind.STOP_LOSS, PostingKind.TAKE_PROFIT):
            raise UsageError(f"a protective order is a stop or a target, not {kind}")
        self._known(touched)
        held = {each: self._books[each].opposing(side) for each in self._books}
        taken = dict.fromkeys(held, ZERO)
        # A falling price meets the highest stop of the longs first, a rising one their lowest target.
        nearness = side.sign if kind is PostingKind.STOP_LOSS else -side.sign
        prices = {touched[each] for each in touched if held[each]}
        groups = [[each for each in held if touched.get(each) == level] for level in sorted(prices)]
        left = quantity
        for group in [*(groups if nearness > 0 else groups[::-1]), list(held)]:
            left -= self._take(left, group, held, taken)
        parts = [_Part(each, "", side, part, kind) for each, part in taken.items()]
        return self._post(parts + self._foreign(side, quantity, parts), price, fee)

    def force(
        self, kind: PostingKind, side: Side, quantity: Decimal, price: Decimal, fee: Decimal
    ) -> tuple[Posting, ...]:
        """The venue took (a part of) the net: LIQUIDATION or ADL. side: of the venue's fill."""
        if kind not in (PostingKind.LIQUIDATION, PostingKind.ADL):
            raise UsageError(f"a venue forces a liquidation or a deleveraging, not {kind}")
        held = {each: self._books[each].opposing(side) for each in self._books}
        taken = dict.fromkeys(held, ZERO)
        self._take(quantity, list(held), held, taken)
        parts = [_Part(each, "", side, part, kind) for each, part in taken.items()]
        return self._post(parts + self._foreign(side, quantity, parts), price, fee)

    def pay_liquidation(self, fee: Decimal, credit: Decimal, forced: Sequence[Posting]) -> tuple[Posting, ...]:
        """The fee of a liquidation and what the insurance fund gave back. forced: what ``force`` returned."""
        weights = [abs(each.quantity) for each in forced]
        postings = []
        fees, credits_ = pro_rata(fee, weights, MONEY_GRID), pro_rata(credit, weights, MONEY_GRID)
        for each, charged, given in zip(forced, fees, credits_, strict=True):
            book = self._books[each.strategy_id]
            book.pay_liquidation(charged, book.wallet - charged + given)
            postings.append(
                Posting(
                    each.strategy_id, "", ZERO, ZERO, ZERO, ZERO, each.kind, liquidation_fee=charged, insurance=given
                )
            )
        self.check(self._venue)
        return tuple(postings)

    def pay_funding(self, amount: Decimal, rate: Decimal, price: Decimal) -> tuple[Posting, ...]:
        """amount: what the venue charged the net, quote, positive was paid; 0 when the net is flat.

        rate: fraction of the notional that longs pay shorts. price: the mark price it was taken at.
        """
        postings = []
        for each, part in self._funding_parts(amount, rate, price).items():
            self._books[each].pay_funding(part)
            postings.append(Posting(each, "", ZERO, price, ZERO, ZERO, PostingKind.FUNDING, funding=part))
        self.check(self._venue)
        return tuple(postings)

    def _funding_parts(self, amount: Decimal, rate: Decimal, price: Decimal) -> dict[str, Decimal]:
        positions = {each: book.position for each, book in self._books.items() if book.position}
        if not positions:
            return {QUARANTINE: amount} if amount else {}  # for a position we do not know of, or no longer have
        owed = [position * price * rate for position in positions.values()]
        differs = amount - sum(owed, start=ZERO)
        whole_steps = differs - differs % MONEY_GRID
        extra = pro_rata(whole_steps, [abs(position) for position in positions.values()], MONEY_GRID)
        claims = [each + more for each, more in zip(owed, extra, strict=True)]
        return dict(zip(positions, nearest(amount, claims, MONEY_GRID), strict=True))

    def adopt(self, side: Side, quantity: Decimal, price: Decimal, fee: Decimal) -> tuple[Posting, ...]:
        """A fill no strategy asked for."""
        return self._post(self._foreign(side, quantity, []), price, fee)

    # -- what the operator and the guardian do --------------------------------------------

    def flatten(self, side: Side, quantity: Decimal, price: Decimal, fee: Decimal) -> tuple[Posting, ...]:
        """A fill of the order that takes the net to zero; with a flat net, quantity 0 closes every book at ``price``.

        side: of that order; with a flat net, either.
        """
        net = self.net
        closing = min(quantity, abs(net) if net * side.sign < ZERO else ZERO)
        on_net = {each: book.opposing(side) for each, book in self._books.items()}
        against = {each: book.opposing(side.opposite) for each, book in self._books.items()}
        crossed = sum(against.values(), start=ZERO)
        if closing != abs(net):
            crossed = crossed * closing // (abs(net) * self._lot) * self._lot
        met, taken = dict.fromkeys(self._books, ZERO), dict.fromkeys(self._books, ZERO)
        self._take(crossed, list(met), against, met)
        self._take(crossed + closing, list(taken), on_net, taken)
        parts = [_Part(each, "", side, part, PostingKind.FLATTEN) for each, part in taken.items()]
        parts += [_Part(each, "", side.opposite, part, PostingKind.FLATTEN) for each, part in met.items()]
        parts += self._foreign(side, quantity - closing, [])
        postings = self._post(parts, price, fee)
        shares = pro_rata(crossed, list(taken.values()), self._lot)
        sides = {
            side: [Share(each, "", part, closes=True) for each, part in zip(taken, shares, strict=True) if part],
            side.opposite: [Share(each, "", part, closes=True) for each, part in met.items() if part],
        }
        self.crosses += [Crossed(cross, price) for cross in pairs(sides[Side.BUY], sides[Side.SELL])]
        return postings

    def entrust(self, strategy_id: str) -> None:
        """The strategy was halted; what it holds is in the guardian's care until ``take_back``."""
        self._known((strategy_id,))
        self._entrusted.add(strategy_id)

    def take_back(self, strategy_id: str) -> None:
        self._known((strategy_id,))
        self._entrusted.discard(strategy_id)

    # -- how it is posted ------------------------------------------------------------------

    def _known(self, strategy_ids: Iterable[str]) -> None:
        unknown = sorted(set(strategy_ids) - self._books.keys())
        if unknown:
            raise UsageError(f"there is no book of {', '.join(unknown)}")

    def _take(
        self, quantity: Decimal, group: Sequence[str], held: Mapping[str, Decimal], taken: dict[str, Decimal]
    ) -> Decimal:
        """Take up to ``quantity`` of what the group still holds, pro rata; returns how much that was."""
        left = [held[each] - taken[each] for each in group]
        quantity = min(quantity, sum(left, start=ZERO))
        for each, part in zip(group, pro_rata(quantity, left, self._lot), strict=True):
            taken[each] += part
        return quantity

    def _foreign(self, side: Side, quantity: Decimal, parts: Iterable[_Part]) -> list[_Part]:
        """What of a fill is nobody's."""
        rest = quantity - sum((part.quantity for part in parts), start=ZERO)
        if rest < ZERO:
            raise UsageError(f"a fill has a quantity of 0 or more, not {quantity}")
        return [_Part(QUARANTINE, "", side, rest, PostingKind.FOREIGN)]

    def _post(self, parts: Iterable[_Part], price: Decimal, fee: Decimal) -> tuple[Posting, ...]:
        given = [part for part in parts if part.quantity]
        for part in given:
            steps(part.quantity, self._lot)
        fees = pro_rata(fee, [part.quantity for part in given], MONEY_GRID)
        postings = tuple(self._booked(part, price, charged) for part, charged in zip(given, fees, strict=True))
        self.check(self._venue)
        return postings

    def _booked(self, part: _Part, price: Decimal, fee: Decimal) -> Posting:
        realized = self._books[part.strategy_id].fill(part.side, part.quantity, price, fee)
        signed = part.side.sign * part.quantity
        return Posting(part.strategy_id, part.order_id, signed, price, fee, realized, part.kind)


def _closing_first(shares: Sequence[Share], parts: Sequence[Decimal]) -> list[Decimal]:
    """What each strategy has of the parts, given to its shares that close before those that open."""
    left: dict[str, Decimal] = {}
    for share, part in zip(shares, parts, strict=True):
        left[share.strategy_id] = left.get(share.strategy_id, ZERO) + part
    given = [ZERO] * len(shares)
    for number in sorted(range(len(shares)), key=lambda each: not shares[each].closes):
        share = shares[number]
        given[number] = min(share.quantity, left[share.strategy_id])
        left[share.strategy_id] -= given[number]
    return given
