"""A book of price levels, rebuilt from a snapshot and the changes that follow it.

What always holds of a book that is synced: its levels are those of the venue at
``last_id``. Changes known before the first snapshot wait for it; those that end
below the snapshot's id are dropped, the first one applied must reach back to
it, and each later one must follow the one before. A change that does not
raises DataError and leaves the book unsynced and empty: it is rebuilt from the
next snapshot.

A crossed book (best bid at or above best ask) and an empty one are states that
happen while messages are on their way. Whoever trades on the book treats both
as no liquidity.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from qts.domain.errors import DataError
from qts.market.ticks import BID, DepthDiffs

_STEPS_MAX: Final = 256
"""Empty prices to step over one by one before all levels are looked at."""

_WAITING_MAX: Final = 10_000
"""Messages that may wait for a snapshot; at 20 a second, over eight minutes."""

_NO_BID: Final = 0
_NO_ASK: Final = 2**63 - 1


class Level(NamedTuple):
    """price: ticks. quantity: lots."""

    price: int
    quantity: int


class DepthMessages:
    """Depth changes laid out for replay: plain lists, in each message the bids before the asks.

    Rows of one side and price keep their order, so the last of them counts.
    """

    __slots__ = (
        "asks_from",
        "final_id",
        "first_id",
        "highest_bid",
        "is_snapshot",
        "lowest_ask",
        "occurred_at",
        "prev_final_id",
        "prices",
        "quantities",
        "starts",
    )

    def __init__(self, depth: DepthDiffs) -> None:
        starts, is_bid = depth.starts, depth.side == BID
        message = np.repeat(np.arange(depth.messages, dtype=np.int64), np.diff(starts))
        order = np.argsort(message * 2 + ~is_bid, kind="stable")
        self.prices: list[int] = depth.price[order].tolist()
        self.quantities: list[int] = depth.quantity[order].tolist()
        self.starts: list[int] = starts.tolist()
        bids = np.bincount(message, weights=is_bid, minlength=depth.messages).astype(np.int64)
        self.asks_from: list[int] = (starts[:-1] + bids).tolist()
        firsts = starts[:-1]
        self.first_id: list[int] = depth.first_id[firsts].tolist()
        self.final_id: list[int] = depth.final_id[firsts].tolist()
        self.prev_final_id: list[int] = depth.prev_final_id[firsts].tolist()
        self.occurred_at: list[int] = depth.occurred_at[firsts].tolist()
        self.is_snapshot: list[bool] = depth.is_snapshot[firsts].tolist()
        self.highest_bid: list[int] = []
        self.lowest_ask: list[int] = []
        if depth.messages > 0:
            is_shown = depth.quantity > 0
            bid_prices = np.where(is_bid & is_shown, depth.price, _NO_BID)
            ask_prices = np.where(~is_bid & is_shown, depth.price, _NO_ASK)
            self.highest_bid = np.maximum.reduceat(bid_prices, firsts).tolist()
            self.lowest_ask = np.minimum.reduceat(ask_prices, firsts).tolist()

    def __len__(self) -> int:
        return len(self.final_id)


class DepthBook:
    """Price levels of both sides, in ticks and lots.

    last_id: the last update in it. occurred_at: when that was, ms UTC of the
    venue. is_synced: whether there has been a snapshot and no gap since.
    """

    __slots__ = (
        "_asks",
        "_best_ask",
        "_best_bid",
        "_bids",
        "_follows",
        "_waiting",
        "is_synced",
        "last_id",
        "occurred_at",
    )

    def __init__(self) -> None:
        self._waiting: list[tuple[DepthMessages, int]] = []
        self._clear()

    def _clear(self) -> None:
        # A level that was taken away stays as a price with quantity 0 until the levels are next swept.
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._best_bid = _NO_BID
        self._best_ask = _NO_ASK
        self._follows = False  # whether a change has been applied since the snapshot
        self.is_synced = False
        self.last_id = 0
        self.occurred_at = 0

    # -- reading ----------------------------------------------------------------------

    @property
    def best_bid(self) -> Level | None:
        price = self._best_bid
        return None if price == _NO_BID else Level(price, self._bids[price])

    @property
    def best_ask(self) -> Level | None:
        price = self._best_ask
        return None if price == _NO_ASK else Level(price, self._asks[price])

    @property
    def is_crossed(self) -> bool:
        return self._best_bid >= self._best_ask

    def quantity(self, side: int, price: int) -> int:
        """Lots shown at a price of a side (BID or ASK), 0 for none."""
        return (self._bids if side == BID else self._asks).get(price, 0)

    def levels(self, side: int) -> Iterator[Level]:
        """The levels of a side, best first. The book may not change meanwhile."""
        if side == BID:
            return _levels(self._bids, self._best_bid, -1) if self._best_bid != _NO_BID else iter(())
        return _levels(self._asks, self._best_ask, 1) if self._best_ask != _NO_ASK else iter(())

    # -- changing ---------------------------------------------------------------------

    def apply(self, messages: DepthMessages, which: int) -> None:
        """Take in one message. Raises DataError when something between it and the book is missing."""
        if messages.is_snapshot[which]:
            self._restore(messages, which)
        elif self.is_synced:
            self._change(messages, which)
        elif len(self._waiting) < _WAITING_MAX:
            self._waiting.append((messages, which))
        else:
            raise DataError(
                f"depth: {_WAITING_MAX} changes and no snapshot", next_step="record a snapshot with the changes"
            )

    def replay(self, messages: DepthMessages, start: int, stop: int) -> None:
        """Take in messages ``start`` to ``stop - 1``."""
        for which in range(start, stop):
            self.apply(messages, which)

    def _restore(self, messages: DepthMessages, which: int) -> None:
        if self.is_synced and messages.final_id[which] <= self.last_id:
            return  # older than what is known already
        waiting, self._waiting = self._waiting, []
        self._clear()
        self.is_synced = True
        self._put(messages, which)
        for each in waiting:
            self._change(*each)

    def _change(self, messages: DepthMessages, which: int) -> None:
        final_id, before = messages.final_id[which], messages.prev_final_id[which]
        if self._follows:
            if before != self.last_id:
                self._refuse(f"a change follows update {before}, the book ended at {self.last_id}")
        elif final_id < self.last_id:
            return
        elif before > self.last_id:
            first_id = messages.first_id[which]
            self._refuse(f"the snapshot ends at update {self.last_id}, the first change after it begins at {first_id}")
        else:
            self._follows = True
        self._put(messages, which)

    def _refuse(self, words: str) -> None:
        self._clear()
        raise DataError(f"depth: {words}", next_step="the book is unknown: rebuild it from a new snapshot")

    def _put(self, messages: DepthMessages, which: int) -> None:
        start, middle, stop = messages.starts[which], messages.asks_from[which], messages.starts[which + 1]
        prices, quantities = messages.prices, messages.quantities
        if start != middle:
            bids = self._bids
            bids.update(zip(prices[start:middle], quantities[start:middle], strict=True))
            best = max(self._best_bid, messages.highest_bid[which])
            if best != _NO_BID and not bids[best]:
                best = self._next_bid(best)
            self._best_bid = best
        if middle != stop:
            asks = self._asks
            asks.update(zip(prices[middle:stop], quantities[middle:stop], strict=True))
            best = min(self._best_ask, messages.lowest_ask[which])
            if best != _NO_ASK and not asks[best]:
                best = self._next_ask(best)
            self._best_ask = best
        self.last_id = messages.final_id[which]
        self.occurred_at = messages.occurred_at[which]

    def _next_bid(self, price: int) -> int:
        """The highest price below an empty one at which there is something."""
        get = self._bids.get
        for lower in range(price - 1, price - _STEPS_MAX, -1):
            if get(lower):
                return lower
        self._bids = {each: quantity for each, quantity in self._bids.items() if quantity}
        return max(self._bids, default=_NO_BID)

    def _next_ask(self, price: int) -> int:
        get = self._asks.get
        for higher in range(price + 1, price + _STEPS_MAX):
            if get(higher):
                return higher
        self._asks = {each: quantity for each, quantity in self._asks.items() if quantity}
        return min(self._asks, default=_NO_ASK)


def _levels(side: dict[int, int], best: int, step: int) -> Iterator[Level]:
    price, empty = best, 0
    while empty < _STEPS_MAX:
        quantity = side.get(price, 0)
        if quantity:
            yield Level(price, quantity)
            empty = 0
        else:
            empty += 1
        price += step
    beyond = (each for each, quantity in side.items() if quantity and (each - price) * step >= 0)
    for far in sorted(beyond, reverse=step < 0):
        yield Level(far, side[far])
