"""A market of bars: it drives a venue, one bar at a time.

``step(row)`` lets everything happen that happens in that bar, in this order:

    funding at the open -> liquidation by a gap
    -> orders at market at the open, in the order sent, what a stop left first
    -> funding inside the bar
    -> stop or liquidation, whichever lies nearer, else targets
    -> resting orders in the order they were sent

At what price an order fills, if it does, is in matching.py. All orders share
what of the bar's volume one may take; what of an order is left waits for the
next bar. An entry that rested and fills inside the bar then meets the rest of
the bar together with the protective orders that were placed, from inside the
venue's stream, when it filled.

Nothing here expires, cancels or sweeps: whoever owns the orders does, at the
close of the bar or from inside the stream.

A bar tells no price between its events, so a stop that is sent beyond the
market is not refused; it fills at the next open as one that was gapped over.

``quiet_until(row)`` tells from which row on something may happen; a step on a
row before it changes nothing, which is what lets an engine skip it.
"""

from decimal import Decimal

import numpy as np

from qts.domain.fill import Liquidity
from qts.domain.money import ZERO, exact, exact_arithmetic
from qts.domain.order import OrderType, Side
from qts.domain.value import maker
from qts.market.bars import elements
from qts.simulation import matching
from qts.simulation.bar_search import first_touch
from qts.simulation.columns import MarketColumns
from qts.simulation.costs import BarLiquidity, taker_price
from qts.simulation.matching import BarPrices
from qts.simulation.venue import Venue
from qts.simulation.venue_orders import FillPrice, Phase, Working

_LOOK_AHEAD_ROWS_FIRST = 64
_LOOK_AHEAD_ROWS_MAX = 16_384
_NEVER = 2**63 - 1
_AT_MARKET, _TAKER = Phase.AT_MARKET, Liquidity.TAKER  # a name of the module costs a tenth of a member's
_fill_price = maker(FillPrice)


class BarMarket:
    """columns: the market of the run; the venue's bracket tables are the columns' own."""

    def __init__(self, venue: Venue, columns: MarketColumns) -> None:
        self._venue = venue
        self._ledger = venue.ledger
        self._orders = venue.orders
        self._book = venue.book
        self._instrument = venue.instrument
        self._frictions = venue.frictions
        self._columns = columns
        bars = columns.bars
        self._opened_at, self._opens = elements(bars.opened_at), elements(bars.open)
        self._highs, self._lows, self._volumes = elements(bars.high), elements(bars.low), elements(bars.volume)
        self._funding = columns.funding
        self._funding_next = 0
        self._funding_row = self._row_of_funding()
        self._look_ahead = _LOOK_AHEAD_ROWS_FIRST
        self._seen = (0, 0)
        self._row = 0
        self._bar_seen: BarPrices | None = None
        self._open_on_grid: Decimal | None = None
        self._taken = ZERO
        self._share_sure = float(venue.frictions.participation_max) * (1 - 1e-9)

    def quiet_until(self, row: int, end: int) -> int:
        """The first row at or after ``row``, at most ``end``, on which a step may change anything.

        It may be early, never late: it looks a bounded number of rows ahead.
        """
        open_orders, position = self._orders.open, self._book.position
        if not open_orders and not position:
            return end
        for each in open_orders.values():
            if each.phase is _AT_MARKET:
                return row
        liquidation = None
        if position:
            if self._funding_row < end:
                end = max(row, self._funding_row)
            if self._ledger.table is not None:
                end = min(end, self._columns.next_bracket_change(row))
                liquidation = self._ledger.liquidation
        if not open_orders and liquidation is None:
            return end
        seen = (self._orders.changes, len(self._venue.fills) + len(self._venue.payments))
        self._look_ahead = _LOOK_AHEAD_ROWS_FIRST if seen != self._seen else self._look_ahead * 2
        self._seen = seen
        stop = min(end, row + min(self._look_ahead, _LOOK_AHEAD_ROWS_MAX))
        return first_touch(self._columns, (row, stop), open_orders.values(), position, liquidation)

    def step(self, row: int) -> None:
        """Let bar ``row`` happen. Rows are given in increasing order."""
        book, orders = self._book, self._orders
        with exact_arithmetic():
            self._row = row
            self._bar_seen = self._open_on_grid = None
            self._taken = ZERO
            self._ledger.reach(self._opened_at[row])
            if self._funding_row <= row:
                self._settle_funding(row, at_open=True)
            if book.position and self._ledger.table is not None:
                self._liquidate_if_gapped()
            if orders.open:
                for working in orders.at_market():
                    self._take(working, self._open)
            if self._funding_row <= row:
                self._settle_funding(row, at_open=False)
            if book.position and (orders.open or self._ledger.liquidation is not None):
                self._touch_position()
            if orders.open:
                for working in orders.in_phase(Phase.RESTING):
                    self._try_resting(working)
                self._end_orphans()

    @property
    def _bar(self) -> BarPrices:
        if self._bar_seen is None:
            row = self._row
            self._bar_seen = BarPrices(self._opens[row], self._highs[row], self._lows[row])
        return self._bar_seen

    @property
    def _open(self) -> Decimal:
        """The bar's open on the tick grid."""
        if self._open_on_grid is None:
            self._open_on_grid = self._instrument.price(self._opens[self._row])
        return self._open_on_grid

    # -- funding and liquidation ----------------------------------------------------

    def _settle_funding(self, row: int, *, at_open: bool) -> None:
        columns = self._columns
        while self._funding_row <= row:
            event = self._funding[self._funding_next]
            if event.row == row and event.at_open != at_open:
                return
            self._funding_next += 1
            self._funding_row = self._row_of_funding()
            if event.row == row and (self._book.position != 0 or self._venue.accountant is not None):
                price = self._instrument.price(float(columns.mark_open[row]))
                self._venue.pay_funding(event.rate, price, event.occurred_at)

    def _row_of_funding(self) -> int:
        """Row of the next event, a row no market has when there is none."""
        return self._funding[self._funding_next].row if self._funding_next < len(self._funding) else _NEVER

    def _liquidate_if_gapped(self) -> None:
        if self._ledger.liquidation is None:
            return
        opened = float(self._columns.mark_open[self._row])
        level = float(self._ledger.liquidation)
        if opened <= level if self._book.position > 0 else opened >= level:
            self._venue.liquidate(self._instrument.price(opened))

    def _mark_reached(self) -> bool:
        """Whether the bar's mark price reached the liquidation price, if there is one."""
        if self._ledger.liquidation is None:
            return False
        price = float(self._ledger.liquidation)
        if self._book.position > 0:
            return bool(self._columns.mark_low[self._row] <= price)
        return bool(self._columns.mark_high[self._row] >= price)

    def _liquidation_is_nearer(self, stop: Decimal) -> bool:
        """Whether the way to the stop leads over the liquidation price."""
        level = self._ledger.liquidation
        if level is None:
            return False
        return level > stop if self._book.position > 0 else level < stop

    # -- resting orders ---------------------------------------------------------------

    def _try_resting(self, working: Working) -> None:
        order, level, bar = working.order, working.level, self._bar
        if order.type is OrderType.STOP:
            if matching.stop_is_touched(order.side, level, bar):
                gapped = matching.gapped_over(order.side, level, bar.open)
                if self._trigger(working, gapped=gapped):
                    self._touch_new_position(working, at_open=gapped)
        elif self._arrives(working) and matching.limit_is_through_at_open(order.side, level, bar):
            if self._take(working, self._open, worst=working.price):
                self._touch_new_position(working, at_open=True)
        elif matching.limit_is_crossed(order.side, level, bar) and self._make(working):
            self._touch_new_position(working, at_open=False)

    def _arrives(self, working: Working) -> bool:
        """Whether this is the first open that a price sent since the last one meets."""
        return self._row == 0 or working.since > self._opened_at[self._row - 1]

    def _trigger(self, working: Working, *, gapped: bool) -> bool:
        """The stop is at market from here on; whether anything filled at once."""
        assert working.price is not None
        self._orders.trigger(working)
        return self._take(working, self._open if gapped else working.price)

    def _take(self, working: Working, reference: Decimal, worst: Decimal | None = None) -> bool:
        """Fill as a taker, as far as the bar's liquidity goes; whether anything filled.

        worst: what slippage may not take the price beyond, a limit's own.
        """
        quantity = self._fillable(working)
        if not quantity:
            return False
        side, slippage, bar = working.order.side, self._frictions.slippage, self._bar_liquidity
        price = taker_price(self._instrument, slippage, bar, side=side, reference=reference, quantity=quantity)
        if worst is not None:
            price = min(price, worst) if side is Side.BUY else max(price, worst)
        filled = self._venue.execute(working, quantity, _fill_price(price, reference, _TAKER))
        if filled:
            self._taken += quantity
        return filled

    def _make(self, working: Working) -> bool:
        quantity, price = self._fillable(working), working.price
        assert price is not None
        filled = quantity > 0 and self._venue.execute(working, quantity, FillPrice(price, price, Liquidity.MAKER))
        if filled:
            self._taken += quantity
        return filled

    def _fillable(self, working: Working) -> Decimal:
        wanted, volume = self._venue.fillable(working), self._volumes[self._row]
        if self._taken + wanted < int(volume * self._share_sure):
            return wanted  # so far from the cap that nobody need know it exactly
        share = exact(volume) * self._frictions.participation_max
        return min(wanted, self._instrument.quantity_down(share) - self._taken)

    # -- the position and what protects it ----------------------------------------------

    def _touch_position(self) -> None:
        """Stop or liquidation, whichever lies nearer; else the targets."""
        if not self._book.position or self._touch_stop_or_liquidation(at_open=True):
            return
        for working in self._orders.in_phase(Phase.TARGET):
            arrives = self._arrives(working)
            if not working.reduces(self._book.position):
                continue
            if arrives and matching.limit_is_through_at_open(working.order.side, working.level, self._bar):
                self._take(working, self._open, worst=working.price)
            else:
                self._touch_target(working)

    def _touch_stop_or_liquidation(self, *, at_open: bool) -> bool:
        """Whether a stop was touched or the venue took the position. at_open: it was held at the bar's open."""
        stopped = False
        for working in self._orders.stops_nearest_first(self._book.position):
            side, level, price = working.order.side, working.level, working.price
            assert price is not None
            if not working.reduces(self._book.position) or not matching.stop_is_touched(side, level, self._bar):
                break
            stopped = True
            if self._liquidation_is_nearer(price) and self._mark_reached():
                break
            self._trigger(working, gapped=at_open and matching.gapped_over(side, level, self._bar.open))
        if not self._book.position or not self._mark_reached():
            return stopped
        level_exact = self._ledger.liquidation
        assert level_exact is not None
        grid = self._instrument
        price = grid.price_down(level_exact) if self._book.position > 0 else grid.price_up(level_exact)
        self._venue.liquidate(max(price, grid.tick))
        return True

    def _touch_target(self, working: Working) -> None:
        if matching.limit_is_crossed(working.order.side, working.level, self._bar):
            self._make(working)

    def _touch_new_position(self, entry: Working, *, at_open: bool) -> None:
        """The rest of the bar in which a resting order opened or enlarged a position.

        Entered at the open, the whole bar lies ahead. Entered inside it, stop
        and liquidation price count if the bar reached them at all, and the
        target only where the bar must have passed the entry on its way there.
        """
        order = entry.order
        if order.reduce_only or self._book.position * order.side.sign <= 0:
            return
        if at_open:
            self._touch_position()
        elif not self._touch_stop_or_liquidation(at_open=False) and order.type is OrderType.STOP:
            for working in self._orders.in_phase(Phase.TARGET):
                if working.reduces(self._book.position):
                    self._touch_target(working)

    def _end_orphans(self) -> None:
        """A protective order that is touched and has no position to protect ends."""
        for working in tuple(self._orders.open.values()):
            if working.phase not in (Phase.STOP, Phase.TARGET) or working.reduces(self._book.position):
                continue
            side, level = working.order.side, working.level
            is_stop = working.phase is Phase.STOP
            touched = matching.stop_is_touched if is_stop else matching.limit_is_crossed
            if working.is_open and touched(side, level, self._bar):
                self._venue.fillable(working)

    def _bar_liquidity(self) -> BarLiquidity:
        columns, row = self._columns, self._row
        atr = columns.bars.open[row]
        if columns.atr is not None and row > 0 and np.isfinite(columns.atr[row - 1]):
            atr = columns.atr[row - 1]
        return BarLiquidity(volume=exact(float(columns.bars.volume[row])), atr=exact(float(atr)))
