"""A market of recorded ticks: it drives a venue, one tick at a time.

Ticks happen in the order the recorder knew them, and the venue's clock is the
recorder's. A tick is a trade, a top of book, or one depth message as a whole.

- An order that takes (at market, a triggered stop, a limit through the market)
  walks what is shown at the moment it arrives, best price first, and pays each
  level its price. What of an order at market finds nothing shown ends EXPIRED;
  what of a limit is left rests. A crossed or empty book is no liquidity.
- An order that rests fills by trades alone. A trade at its price, against its
  side, fills it with what is beyond the queue ahead of it (queue_position.py); a
  trade at a worse price than its own went through it and fills it whatever the
  queue. All our orders together never fill more than the trade had.
- A stop is triggered by a trade at its price or beyond, and is at market then.

Assumes: what we do changes nothing of what was recorded, but that what we took is
not there twice; a book that moves over our price without a trade fills nothing.
Ignores: mark price, and with it liquidation and funding; hidden quantity; that a
real trade at our price would have met us instead of who it met behind us.
Source: the two queue models and filling by trades follow hftbacktest's
documentation (order fill); filling no more than was traded is our own, stricter.
"""

from bisect import bisect_left, bisect_right
from decimal import Decimal

import numpy as np

from qts.domain.fill import Liquidity
from qts.domain.instant import Instant
from qts.domain.money import exact_arithmetic
from qts.domain.order import OrderType
from qts.domain.order_lifecycle import OrderState
from qts.execution.contracts import SplitOrder
from qts.execution.events import Quote
from qts.market.ticks import ASK, BID, Flags, Ints, TickKind, Ticks
from qts.simulation.queue_position import QueueModel, QueuePlace
from qts.simulation.shown_book import ShownBook, opposite
from qts.simulation.venue import Venue
from qts.simulation.venue_orders import FillPrice, Working
from qts.simulation.venue_rules import Objection, VenueCode

NS_PER_MS = 1_000_000

_TRADE, _TOP = int(TickKind.TRADE), int(TickKind.TOP)

_SKIPPED_MIN = 16
"""Fewer ticks than this are replayed one by one."""


def _counted_before(chosen: Flags) -> Ints:
    """How many are chosen before each place, shape (n + 1,)."""
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(chosen, dtype=np.int64)))


class _Resting:
    """A limit order in the queue at its price. price: ticks. quantity: as it was when it joined."""

    __slots__ = ("place", "price", "quantity", "side", "working")

    def __init__(self, working: Working, side: int, price: int, place: QueuePlace) -> None:
        self.working = working
        self.side = side
        self.price = price
        self.quantity = working.quantity
        self.place = place


class TickMarket:
    """book: what is shown now. now_ns: the recorder's clock, how far the ticks have been replayed."""

    def __init__(self, venue: Venue, ticks: Ticks, queue: QueueModel) -> None:
        self.book = ShownBook(ticks)
        self.now_ns = 0
        self._venue = venue
        self._orders = venue.orders
        self._queue = queue
        self._tick = venue.instrument.tick
        self._lot = venue.instrument.lot
        self._known_at: list[int] = ticks.known_at.tolist()
        self._kinds: list[int] = ticks.kind.tolist()
        self._rows: list[int] = ticks.row.tolist()
        self._prices: list[int] = ticks.trades.price.tolist()
        self._quantities: list[int] = ticks.trades.quantity.tolist()
        self._aggressors: list[int] = ticks.trades.aggressor.tolist()
        self._traded_at: list[int] = ticks.trades.occurred_at.tolist()
        # For skipping: where the depth messages are, and how many tops and trades there are before each tick.
        self._changes_at: list[int] = np.flatnonzero(ticks.kind == TickKind.DEPTH).tolist()
        self._tops_before = _counted_before(ticks.kind == TickKind.TOP)
        self._trades_before = _counted_before(ticks.kind == TickKind.TRADE)
        self._next = 0
        self._last_price: int | None = None
        self._last_traded_at = 0
        self._resting: dict[int, list[_Resting]] = {BID: [], ASK: []}  # best price first, then as they came
        self._changes = venue.orders.changes
        venue.market = self

    # -- what the venue asks ------------------------------------------------------------

    def price(self) -> Decimal | None:
        """The last trade's price."""
        return None if self._last_price is None else self._last_price * self._tick

    def objection(self, order: SplitOrder, now: Instant) -> Objection | None:  # noqa: ARG002 - the port's words
        if order.type is OrderType.STOP and order.price is not None and self._touches(order, order.price):
            return Objection(VenueCode.WOULD_TRIGGER, "the trigger has been touched already")
        if order.type is OrderType.MARKET and self.book.best(-order.side.sign) is None:
            return Objection(VenueCode.NO_PRICE, "nothing is shown to trade with")
        return None

    def arrived(self, working: Working, now: Instant) -> None:
        """Takes what it can; what is left of a limit goes to the end of the queue at its price."""
        if working.is_conditional:
            return
        self._tidy()
        self._leave(working)
        with exact_arithmetic():
            self._venue.ledger.reach(now)
            self._take(working)
            if working.is_open and working.order.type is OrderType.LIMIT:
                self._join(working)

    def quote(self) -> Quote | None:
        """Best prices, and the last trade's in place of the mark price; None before all three have been told."""
        bid, ask, last = self.book.best(BID), self.book.best(ASK), self._last_price
        if bid is None or ask is None or last is None:
            return None
        tick = self._tick
        now = self.now_ns // NS_PER_MS
        return Quote(self._venue.instrument.symbol, bid * tick, ask * tick, last * tick, now)

    # -- replay -------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        return self._next == len(self._known_at)

    def advance(self, until_ns: int) -> bool:
        """Replay what was known at ``until_ns`` or before.

        Stops after a tick that filled, triggered or ended something and answers
        True; else False, with ``until_ns`` reached. Raises DataError at a gap in the depth.
        """
        known_at, kinds, rows, book = self._known_at, self._kinds, self._rows, self.book
        if not self._orders.open:
            self._skip(bisect_right(known_at, until_ns, self._next))
        bids, asks = self._resting[BID], self._resting[ASK]
        here, end = self._next, len(known_at)
        while here < end and known_at[here] <= until_ns:
            kind, row = kinds[here], rows[here]
            self.now_ns = known_at[here]
            here += 1
            self._next = here
            if kind == _TRADE:
                if self._trade(row):
                    return True
                continue
            if kind == _TOP:
                book.top(row)
                is_seen = (bids and bids[0].price >= book.top_bid) or (asks and asks[0].price <= book.top_ask)
            else:
                book.change(row)
                is_seen = bids or asks
            if is_seen:
                self._watch()
        self.now_ns = max(self.now_ns, until_ns)
        return False

    def _skip(self, stop: int) -> None:
        """Replay up to tick ``stop`` while no order is open: of trades and tops only the last one matters."""
        here = self._next
        if stop - here < _SKIPPED_MIN:
            return
        changes = self._changes_at
        for place in range(bisect_left(changes, here), bisect_left(changes, stop)):
            at = changes[place]
            self._next, self.now_ns = at + 1, self._known_at[at]
            self.book.change(self._rows[at])
        top, trade = int(self._tops_before[stop]) - 1, int(self._trades_before[stop]) - 1
        if top >= int(self._tops_before[here]):
            self.book.top(top)
        if trade >= int(self._trades_before[here]):
            self._last_price, self._last_traded_at = self._prices[trade], self._traded_at[trade]
        self._next, self.now_ns = stop, self._known_at[stop - 1]

    def _trade(self, row: int) -> bool:
        """Whether the trade did anything to our orders."""
        self._last_price = price = self._prices[row]
        self._last_traded_at = self._traded_at[row]
        orders = self._orders
        if not orders.open:
            return False
        self._tidy()
        bids, asks = self._resting[BID], self._resting[ASK]
        is_met = bool((bids and bids[0].price >= price) or (asks and asks[0].price <= price))
        if not is_met and orders.conditional == 0:
            return False
        before = (orders.changes, len(self._venue.fills))
        with exact_arithmetic():
            self._venue.ledger.reach(self.now_ns // NS_PER_MS)
            if is_met:
                self._serve(row)
            if orders.conditional > 0:
                self._trigger()
        return before != (orders.changes, len(self._venue.fills))

    # -- orders that rest ---------------------------------------------------------------

    def _join(self, working: Working) -> None:
        assert working.price is not None
        side, price = working.order.side.sign, int(working.price / self._tick)
        place = QueuePlace(self.book.quantity(side, price), self.book.occurred_at(side, price))
        queue = self._resting[side]
        queue.append(_Resting(working, side, price, place))
        queue.sort(key=lambda each: -each.price * side)

    def _leave(self, working: Working) -> None:
        queue = self._resting[working.order.side.sign]
        queue[:] = [each for each in queue if each.working is not working]

    def _tidy(self) -> None:
        """Forget orders that ended; one whose quantity was raised goes to the end of its queue."""
        if self._changes == self._orders.changes:
            return
        self._changes = self._orders.changes
        raised = []
        for queue in self._resting.values():
            queue[:] = [each for each in queue if each.working.is_open]
            raised += [each for each in queue if each.working.quantity > each.quantity]
        for each in raised:
            self._leave(each.working)
            self._join(each.working)

    def _watch(self) -> None:
        """Tell each place what its price shows now."""
        self._tidy()
        book, model, traded_until = self.book, self._queue, self._last_traded_at
        for queue in self._resting.values():
            for each in queue:
                shown = book.quantity(each.side, each.price)
                if shown != each.place.told:
                    each.place.note(shown, book.occurred_at(each.side, each.price), traded_until, model)

    def _serve(self, row: int) -> None:
        """Give the trade to our resting orders, best price first, as far as it goes."""
        price, left = self._prices[row], self._quantities[row]
        aggressor, traded_at = self._aggressors[row], self._traded_at[row]
        for side in (-aggressor, aggressor):
            for each in tuple(self._resting[side]):
                inside = (each.price - price) * side
                if inside < 0 or left == 0:
                    break
                place = each.place
                if traded_at <= place.joined_at or not each.working.is_open:
                    continue
                if inside > 0:
                    place.passed()
                    reaches = left
                elif side != aggressor:
                    reaches = place.trade(left, traded_at, self._queue)
                else:
                    continue
                if reaches > 0:
                    left -= self._make(each.working, reaches)
        self._tidy()

    def _make(self, working: Working, lots: int) -> int:
        """Fill as a maker, at most so many lots; how many it was."""
        lots = min(lots, self._fillable(working))
        price = working.price
        assert price is not None
        if lots > 0 and self._venue.execute(working, lots * self._lot, FillPrice(price, price, Liquidity.MAKER)):
            return lots
        return 0

    def _fillable(self, working: Working) -> int:
        """Lots that may fill now; 0 for one that has ended or ends by the question."""
        return int(self._venue.fillable(working) / self._lot) if working.is_open else 0

    # -- orders that take ---------------------------------------------------------------

    def _take(self, working: Working) -> None:
        """Walk what is shown, down to a limit's price; what is left at market has nothing more to meet."""
        side, tick = working.order.side.sign, self._tick
        other = opposite(side)
        worst = int(working.price / tick) if working.order.type is OrderType.LIMIT and working.price else None
        reference: Decimal | None = None
        for price, offered in self.book.offered(other):
            if worst is not None and (price - worst) * side > 0:
                break
            lots = min(offered, self._fillable(working))
            if lots == 0:
                break
            paid = price * tick
            reference = paid if reference is None else reference
            if not self._venue.execute(working, lots * self._lot, FillPrice(paid, reference, Liquidity.TAKER)):
                break
            self.book.take(other, price, lots)
        if working.is_open and worst is None:
            self._venue.end(working, OrderState.EXPIRED, "nothing more is shown to trade with")

    def _touches(self, order: SplitOrder, trigger: Decimal) -> bool:
        """Whether the last trade reached a stop's trigger."""
        return self._last_price is not None and (self._last_price * self._tick - trigger) * order.side.sign >= 0

    def _trigger(self) -> None:
        waiting = [each for each in self._orders.open.values() if each.is_conditional]
        waiting.sort(key=lambda each: not each.goes_first)
        for working in waiting:
            if working.is_open and working.price is not None and self._touches(working.order, working.price):
                self._orders.trigger(working)
                self._take(working)
