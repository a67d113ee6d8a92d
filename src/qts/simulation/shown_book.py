"""What the market shows at this moment: the depth, under the newest top of book, less what we took.

Depth changes come every few dozen milliseconds, the top of the book with every
change. Whichever carries the later update id is believed: while that is the top,
prices better than it are gone, its own quantity stands at its price, a price that
an earlier one told of keeps what it showed then, and the depth tells the rest.

Assumes: what we took stays taken until the market shows another quantity there; a
price behind the top that the depth does not know yet is not there to be taken.
Ignores: hidden quantity; what others would have done differently because of us.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from qts.market.depth_book import DepthBook, DepthMessages, Level
from qts.market.ticks import ASK, BID, Ticks

_REMEMBERED_MAX: Final = 256
"""Tops of book newer than the depth that are looked through for what they told of a price they left behind."""


class ShownBook:
    """Fed with rows of one recording's tops and depth, in the order they were known.

    top_bid, top_ask: the prices of the last top of book, ticks; it changed nothing
    that is shown below the one, or above the other.
    """

    __slots__ = (
        "_ask",
        "_ask_quantity",
        "_bid",
        "_bid_quantity",
        "_messages",
        "_newer_from",
        "_taken",
        "_top",
        "_top_at",
        "_update_id",
        "depth",
        "top_ask",
        "top_bid",
    )

    def __init__(self, ticks: Ticks) -> None:
        self.depth = DepthBook()
        self._messages = DepthMessages(ticks.depth)
        tops = ticks.tops
        self._update_id: list[int] = tops.update_id.tolist()
        self._top_at: list[int] = tops.occurred_at.tolist()
        self._bid: list[int] = tops.bid.tolist()
        self._bid_quantity: list[int] = tops.bid_quantity.tolist()
        self._ask: list[int] = tops.ask.tolist()
        self._ask_quantity: list[int] = tops.ask_quantity.tolist()
        self._top = -1
        self._newer_from = 0  # the first row of the tops that is newer than the depth
        self.top_bid = 0
        self.top_ask = 0
        # (side, price) -> what was shown when we last took there, and how much of that we took
        self._taken: dict[tuple[int, int], tuple[int, int]] = {}

    def top(self, row: int) -> None:
        """The top of book of this row is known now."""
        self._top = row
        self.top_bid, self.top_ask = self._bid[row], self._ask[row]

    def change(self, message: int) -> None:
        """This depth message is known now. Raises DataError at a gap."""
        depth = self.depth
        depth.apply(self._messages, message)
        if depth.is_synced:
            self._newer_from = bisect_right(self._update_id, depth.last_id, self._newer_from)

    @property
    def _top_is_newer(self) -> bool:
        return self._top >= self._newer_from

    def _newest_about(self, side: int, price: int) -> int:
        """The row of the newest top that tells what is shown at a price, -1 where the depth is the newest to tell.

        A top tells of its own price, and that there is nothing at better ones.
        """
        prices = self._bid if side == BID else self._ask
        for row in range(self._top, max(self._newer_from, self._top - _REMEMBERED_MAX) - 1, -1):
            if (price - prices[row]) * side >= 0:
                return row
        return -1

    def _top_level(self, side: int) -> Level:
        row = self._top
        if side == BID:
            return Level(self._bid[row], self._bid_quantity[row])
        return Level(self._ask[row], self._ask_quantity[row])

    def quantity(self, side: int, price: int) -> int:
        """Lots shown at a price of a side, what we took included."""
        row = self._newest_about(side, price)
        if row < 0:
            return self.depth.quantity(side, price)
        if side == BID:
            return self._bid_quantity[row] if self._bid[row] == price else 0
        return self._ask_quantity[row] if self._ask[row] == price else 0

    def occurred_at(self, side: int, price: int) -> int:
        """Since when, ms UTC of the venue, ``quantity`` is what it is, as far as has been told."""
        row = self._newest_about(side, price)
        return self.depth.occurred_at if row < 0 else self._top_at[row]

    def best(self, side: int) -> int | None:
        """The best price shown on a side, ticks; None where there is none or the book is crossed."""
        if self._top_is_newer:
            return self._top_level(side).price
        if self.depth.is_crossed:
            return None
        level = self.depth.best_bid if side == BID else self.depth.best_ask
        return None if level is None else level.price

    def offered(self, side: int) -> Iterator[Level]:
        """What can be taken from a side, best first, less what we took before; nothing from a crossed book.

        May be left and taken up while ``take`` is told of each level.
        """
        for level in self._levels(side):
            shown, taken = self._taken.get((side, level.price), (level.quantity, 0))
            left = level.quantity - taken if shown == level.quantity else level.quantity
            if left > 0:
                yield Level(level.price, left)

    def _levels(self, side: int) -> Iterator[Level]:
        if not self._top_is_newer:
            if not self.depth.is_crossed:
                yield from self.depth.levels(side)
            return
        best = self._top_level(side)
        yield best
        for price, _ in self.depth.levels(side):
            if (best.price - price) * side > 0 and (quantity := self.quantity(side, price)) > 0:
                yield Level(price, quantity)

    def take(self, side: int, price: int, quantity: int) -> None:
        """We took this much of what is shown there."""
        now = self.quantity(side, price)
        shown, taken = self._taken.get((side, price), (now, 0))
        self._taken[side, price] = (now, taken + quantity if shown == now else quantity)


def opposite(side: int) -> int:
    return ASK if side == BID else BID
