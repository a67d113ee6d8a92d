"""What the market shows at this moment: the depth, under the newest top of book, less what we took.

Depth changes come every few dozen milliseconds, the top of the book with every
change. Whichever carries the later update id is believed about the top: prices
better than it are gone, its own quantity stands at its price, and the depth tells
what lies behind.

Assumes: what we took stays taken until the market shows another quantity there.
Ignores: hidden quantity; what others would have done differently because of us.
"""

from collections.abc import Iterator

from qts.market.depth_book import DepthBook, DepthMessages, Level
from qts.market.ticks import ASK, BID, Ticks


class ShownBook:
    """Fed with rows of one recording's tops and depth, in the order they were known.

    lowest_bid_touched, highest_ask_touched: the last top of book changed nothing
    that is shown below, or above.
    """

    __slots__ = (
        "_ask",
        "_ask_quantity",
        "_bid",
        "_bid_quantity",
        "_messages",
        "_taken",
        "_top",
        "_top_at",
        "_top_id",
        "_top_is_newer",
        "_update_id",
        "depth",
        "highest_ask_touched",
        "lowest_bid_touched",
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
        self._top_id = -1
        self._top_is_newer = False
        self.lowest_bid_touched = 0
        self.highest_ask_touched = 0
        # (side, price) -> what was shown when we last took there, and how much of that we took
        self._taken: dict[tuple[int, int], tuple[int, int]] = {}

    def top(self, row: int) -> None:
        """The top of book of this row is known now."""
        before, bid, ask = max(self._top, 0), self._bid[row], self._ask[row]
        self.lowest_bid_touched = min(bid, self._bid[before])
        self.highest_ask_touched = max(ask, self._ask[before])
        self._top, self._top_id = row, self._update_id[row]
        self._top_is_newer = not self.depth.is_synced or self._top_id > self.depth.last_id

    def change(self, message: int) -> None:
        """This depth message is known now. Raises DataError at a gap."""
        depth = self.depth
        depth.apply(self._messages, message)
        self._top_is_newer = self._top >= 0 and (not depth.is_synced or self._top_id > depth.last_id)

    def _top_level(self, side: int) -> Level:
        row = self._top
        if side == BID:
            return Level(self._bid[row], self._bid_quantity[row])
        return Level(self._ask[row], self._ask_quantity[row])

    def quantity(self, side: int, price: int) -> int:
        """Lots shown at a price of a side, what we took included."""
        if self._top_is_newer:
            row = self._top
            beyond = price - self._bid[row] if side == BID else self._ask[row] - price
            if beyond == 0:
                return (self._bid_quantity if side == BID else self._ask_quantity)[row]
            if beyond > 0:
                return 0
        return self.depth.quantity(side, price)

    def occurred_at(self, side: int, price: int) -> int:
        """Since when, ms UTC of the venue, ``quantity`` is what it is, as far as has been told."""
        if self._top_is_newer and (price - self._top_level(side).price) * side >= 0:
            return self._top_at[self._top]
        return self.depth.occurred_at

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
        for level in self.depth.levels(side):
            if (best.price - level.price) * side > 0:
                yield level

    def take(self, side: int, price: int, quantity: int) -> None:
        """We took this much of what is shown there."""
        now = self.quantity(side, price)
        shown, taken = self._taken.get((side, price), (now, 0))
        self._taken[side, price] = (now, taken + quantity if shown == now else quantity)


def opposite(side: int) -> int:
    return ASK if side == BID else BID
