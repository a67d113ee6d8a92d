"""A market of quotes: it drives a venue with best prices, their sizes, and the mark price, as they come.

Assumes
- an order at market, and a limit that finds the opposite touch at its price or
  better, fills when it arrives, at the touch, up to the size shown there; all
  our orders share that size until the next quote, which shows a new one;
- what an order at market wants beyond the touch is filled behind it, worse by
  ``impact_bps`` of the price for every size of the touch taken, in proportion;
  with ``impact_bps`` None it expires, as the venue's market orders do in an
  empty book. What is left of a limit rests;
- a resting limit fills as a maker, at its price, when the opposite touch comes to
  it, up to the size shown there;
- a stop order is triggered by the mark price (or the last price, where so
  chosen), a touch suffices; it then fills as an order at market does. One whose
  trigger has been passed when it arrives is refused (-2021);
- a position whose liquidation price the mark price reached is taken at the mark;
- per quote, in this order: liquidation, stop orders in the order sent, resting
  limits in the order sent;
- margin is asked for when an ordinary order arrives, and again when it fills.
Ignores queue position before our order at its price, hidden size, depth behind the
touch, margin set aside for orders that rest, latency (which is the transport's).
Source: the venue's order types and trigger rules; linear impact behind the touch
stands in for depth, and is an assumption, not a measurement.
"""

from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from qts.domain.errors import PolicyError
from qts.domain.fill import Liquidity
from qts.domain.instant import Instant
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.contracts import SplitOrder
from qts.execution.events import Quote
from qts.simulation.venue import Venue
from qts.simulation.venue_orders import FillPrice, Working
from qts.simulation.venue_rules import Objection, VenueCode

_BPS = Decimal("0.0001")


class TriggerPrice(StrEnum):
    """Which price triggers stop orders."""

    MARK = "mark"
    LAST = "last"


class QuoteMarket:
    """Attaches itself to the venue: from then on orders meet the market when they arrive."""

    def __init__(
        self,
        venue: Venue,
        *,
        triggered_by: TriggerPrice = TriggerPrice.MARK,
        impact_bps: Decimal | None = Decimal(1),
    ) -> None:
        if impact_bps is not None and impact_bps < 0:
            raise PolicyError(f"impact never helps: impact_bps is 0 or more, not {impact_bps}")
        self._venue = venue
        self._ledger = venue.ledger
        self._orders = venue.orders
        self._book = venue.book
        self._instrument = venue.instrument
        self._triggered_by = triggered_by
        self._impact_bps = impact_bps
        self._quote: Quote | None = None
        self._last: Decimal | None = None
        self._size = {Side.BUY: ZERO, Side.SELL: ZERO}  # what a taker on the side finds
        self._shown = dict(self._size)
        venue.market = self

    # -- what comes ---------------------------------------------------------------------

    def on_quote(
        self,
        quote: Quote,
        bid_quantity: Decimal,
        ask_quantity: Decimal,
        now: Instant,
        *,
        last: Decimal | None = None,
    ) -> None:
        """Best prices with their sizes, base units; last: the price of the latest trade, None where nobody traded."""
        with exact_arithmetic():
            self._ledger.reach(now)
            self._quote = quote
            self._last = self._last if last is None else last
            self._shown = {Side.BUY: ask_quantity, Side.SELL: bid_quantity}
            self._size = dict(self._shown)
            self._liquidate_if_reached()
            for working in self._orders.waiting_for_trigger():
                if self._is_triggered(working.order.side, working.price):
                    self._trigger(working)
            for working in self._orders.limits():
                self._meet_resting(working)

    def pay_funding(self, rate: Decimal, now: Instant) -> None:
        """Funding on the mark price of the last quote; nothing before the first one."""
        if self._quote is not None:
            with exact_arithmetic():
                self._ledger.reach(now)
                self._venue.pay_funding(rate, self._quote.mark, now)
                self._liquidate_if_reached()

    def _liquidate_if_reached(self) -> None:
        level = self._ledger.liquidation
        if level is None or self._quote is None:
            return
        mark, long = self._quote.mark, self._book.position > 0
        if mark <= level if long else mark >= level:
            grid = self._instrument
            self._venue.liquidate(max(grid.price_down(mark) if long else grid.price_up(mark), grid.tick))

    # -- what the venue asks --------------------------------------------------------------

    def price(self) -> Decimal | None:
        return None if self._quote is None else self._quote.mark

    def objection(self, order: SplitOrder, now: Instant) -> Objection | None:
        if order.is_conditional:
            if self._is_triggered(order.side, order.price):
                return Objection(VenueCode.WOULD_TRIGGER, "the order would trigger at once")
            return None
        touch = self._touch(order.side)
        if order.type is OrderType.MARKET and touch is None:
            return Objection(VenueCode.NO_PRICE, "there is no price to trade at")
        if order.reduce_only:
            return None
        price = order.price if touch is None or order.price is None else _better(order.side, touch, order.price)
        price = touch if price is None else price
        assert price is not None
        self._ledger.reach(now)
        return self._ledger.margin_objection(order, order.quantity, price)

    def arrived(self, working: Working, now: Instant) -> None:
        """The order meets the touch as it stands."""
        if working.is_conditional:
            return
        with exact_arithmetic():
            self._ledger.reach(now)
            if working.order.type is OrderType.MARKET:
                self._take_at_market(working)
            elif self._is_marketable(working):
                self._take_touch(working)

    # -- filling --------------------------------------------------------------------------

    def _touch(self, side: Side) -> Decimal | None:
        """The price a taker on the side finds."""
        if self._quote is None:
            return None
        return self._quote.ask if side is Side.BUY else self._quote.bid

    def _is_marketable(self, working: Working) -> bool:
        side, limit = working.order.side, working.price
        touch = self._touch(side)
        assert limit is not None
        return touch is not None and (touch <= limit if side is Side.BUY else touch >= limit)

    def _is_triggered(self, side: Side, trigger: Decimal | None) -> bool:
        price = self._last if self._triggered_by is TriggerPrice.LAST else self.price()
        if price is None or trigger is None:
            return False
        return price >= trigger if side is Side.BUY else price <= trigger

    def _trigger(self, working: Working) -> None:
        self._orders.trigger(working)
        self._take_at_market(working)

    def _take_at_market(self, working: Working) -> None:
        """All of it now: at the touch, then behind it; what nobody takes expires."""
        self._take_touch(working)
        if working.is_open and self._impact_bps is not None:
            self._take_behind(working, self._impact_bps)
        if working.is_open:
            self._venue.end(working, OrderState.EXPIRED, "nobody was left to trade with")

    def _take_touch(self, working: Working) -> None:
        side = working.order.side
        price = self._touch(side)
        assert price is not None
        quantity = min(self._venue.fillable(working), self._size[side])
        if quantity > 0:
            self._execute(working, quantity, FillPrice(price, price, Liquidity.TAKER))

    def _take_behind(self, working: Working, impact_bps: Decimal) -> None:
        """The rest, worse in proportion to how many sizes of the touch it takes."""
        side, shown = working.order.side, self._shown[working.order.side]
        touch, quantity = self._touch(side), self._venue.fillable(working)
        if quantity == 0 or shown == 0 or touch is None:
            return
        ticks = (touch * impact_bps * _BPS * (quantity / shown) / self._instrument.tick).quantize(
            Decimal(1), rounding=ROUND_CEILING
        )
        price = max(touch + side.sign * ticks * self._instrument.tick, self._instrument.tick)
        self._venue.execute(working, quantity, FillPrice(price, touch, Liquidity.TAKER))

    def _meet_resting(self, working: Working) -> None:
        if not self._is_marketable(working):
            return
        price, quantity = working.price, min(self._venue.fillable(working), self._size[working.order.side])
        assert price is not None
        if quantity > 0:
            self._execute(working, quantity, FillPrice(price, price, Liquidity.MAKER))

    def _execute(self, working: Working, quantity: Decimal, price: FillPrice) -> None:
        side = working.order.side
        self._size[side] -= quantity  # before the listener hears of it: what it sends meets what is left
        if not self._venue.execute(working, quantity, price):
            self._size[side] += quantity


def _better(side: Side, touch: Decimal, limit: Decimal) -> Decimal:
    """What a limit pays that finds the touch: never worse than itself."""
    return min(touch, limit) if side is Side.BUY else max(touch, limit)
