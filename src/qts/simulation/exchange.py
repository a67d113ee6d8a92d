"""The simulated venue: one net position on one symbol, driven bar by bar.

``step(row)`` lets everything happen that happens in that bar, in this order:

    orders that ended in a gap -> funding at the open -> liquidation by a gap
    -> market orders at the open -> funding inside the bar
    -> stop or liquidation, else target
    -> resting orders in the order they were sent -> orders that expire

An order that closed a position takes with it what belonged to that position:
the protective pair, other reducing orders, and, when it was the stop, the target
or the venue that closed it, the unfilled rest of the entry.

``quiet_until(row)`` tells from which row on something may happen; a step on a
row before it changes nothing, which is what lets an engine skip it. After every
step the book adds up exactly (``Book.check``). The exchange knows no strategy;
it accepts only orders the gate approved.
"""

from decimal import Decimal

import numpy as np

from qts.domain.book import Book
from qts.domain.fill import Cause, Fill, FundingPayment, Liquidity
from qts.domain.instant import Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, exact, exact_arithmetic, on_money_grid
from qts.domain.order import Effect, Order, OrderType, Side
from qts.execution.cycle import Protection
from qts.risk.gate import Approved
from qts.risk.liquidation import liquidation_price
from qts.simulation import matching
from qts.simulation.columns import FundingEvent, MarketColumns
from qts.simulation.costs import BarLiquidity, Frictions, taker_price
from qts.simulation.margin import margin_objection
from qts.simulation.matching import BarPrices
from qts.simulation.result import ProtectionChange, Refusal
from qts.simulation.touch import first_touch
from qts.simulation.trade_log import TradeLog
from qts.simulation.working_order import FillPrice, Pair, Working, WorkingOrders, forced_order

_LOOK_AHEAD_ROWS_FIRST = 64
_LOOK_AHEAD_ROWS_MAX = 16_384


class Exchange:
    """The engine reads ``book``, ``working``, ``trades``, ``fills``, ``payments``, ``refusals`` and ``protections``."""

    def __init__(self, columns: MarketColumns, instrument: Instrument, frictions: Frictions, capital: Decimal) -> None:
        self.book = Book(capital, frictions.leverage)
        self.fills: list[Fill] = []
        self.payments: list[FundingPayment] = []
        self.refusals: list[Refusal] = []
        self.protections: list[ProtectionChange] = []
        self.trades = TradeLog(instrument.symbol)
        self._columns = columns
        self._instrument = instrument
        self._frictions = frictions
        self._opened_at = columns.bars.opened_at
        self.working = WorkingOrders()
        self._pair: Pair | None = None
        self._liquidation: Decimal | None = None
        self._liquidity = ZERO
        self._funding_next = 0
        self._look_ahead = _LOOK_AHEAD_ROWS_FIRST
        self._row = 0
        self._now: Instant = 0
        self._fills_of_order: dict[str, int] = {}

    # -- what the engine may ask for ------------------------------------------------

    def submit(self, approved: Approved) -> None:
        """Accept an order; it fills from the next bar on. One that closes the position cancels what still builds it."""
        order = approved.order
        self.working.add(Working(order, order.quantity))
        if order.closes(self.book.position):
            self.working.cancel_entry(order.side.opposite)

    def protect(self, protection: Protection, now: Instant) -> None:
        """Replace prices of the protective pair of the open position; None leaves a price as it is."""
        assert self.book.position != 0, "only an open position has a pair"
        stop_loss, take_profit = protection.stop_loss, protection.take_profit
        self.protections.append(ProtectionChange(occurred_at=now, stop_loss=stop_loss, take_profit=take_profit))
        pair = self._pair or Pair(f"{self._instrument.symbol}-{now}-p", None, None, now)
        stop = pair.stop if stop_loss is None else stop_loss
        target = pair.target if take_profit is None else take_profit
        since = pair.since if target == pair.target else now
        self._pair = Pair(pair.order_id, stop, target, since)

    def quiet_until(self, row: int, end: int) -> int:
        """The first row at or after ``row``, at most ``end``, on which a step may change anything.

        It may be early, never late: with a position it looks a bounded number of rows ahead.
        """
        if not self.working.are_none:
            return row
        if self.book.position == 0:
            return end
        stop = min(end, row + self._look_ahead)
        self._look_ahead = min(self._look_ahead * 2, _LOOK_AHEAD_ROWS_MAX)
        if self._funding_next < len(self._columns.funding):
            stop = min(stop, max(row, int(self._columns.funding_rows[self._funding_next])))
        rows = (row, min(stop, self._columns.next_bracket_change(row)))
        return first_touch(self._columns, rows, self.book.position, self._pair, self._liquidation)

    def step(self, row: int) -> None:
        """Let bar ``row`` happen. Rows are given in increasing order."""
        with exact_arithmetic():
            self._row = row
            self._now = int(self._opened_at[row])
            bars = self._columns.bars
            share = exact(float(bars.volume[row])) * self._frictions.participation_max
            self._liquidity = self._instrument.quantity_down(share)
            bar = BarPrices(float(bars.open[row]), float(bars.high[row]), float(bars.low[row]))
            self.working.expire(self._now)
            if self._columns.next_bracket_change(row) == row:
                self._find_liquidation()
            self._settle_funding(row, at_open=True)
            self._liquidate_if_gapped(row)
            self._fill_market_orders(bar)
            self._settle_funding(row, at_open=False)
            self._touch_position(row, bar)
            self._fill_resting_orders(row, bar)
            self.working.expire(bars.closed_at(row))
            self.book.check()

    # -- funding and liquidation ----------------------------------------------------

    def _settle_funding(self, row: int, *, at_open: bool) -> None:
        events = self._columns.funding
        while self._funding_next < len(events):
            event = events[self._funding_next]
            if event.row > row or (event.row == row and event.at_open != at_open):
                return
            self._funding_next += 1
            if event.row == row and self.book.position != 0:
                self._pay(event)

    def _pay(self, event: FundingEvent) -> None:
        price = self._instrument.price(float(self._columns.mark_open[event.row]))
        amount = on_money_grid(self.book.position * price * event.rate)
        self.book.pay_funding(amount)
        self.trades.add_funding(amount)
        self.payments.append(
            FundingPayment(
                symbol=self._instrument.symbol,
                occurred_at=event.occurred_at,
                rate=event.rate,
                position=self.book.position,
                price=price,
                amount=amount,
            )
        )
        self._find_liquidation()

    def _find_liquidation(self) -> None:
        """Where the position as it stands now is liquidated; asked for again whenever it changes."""
        self._look_ahead = _LOOK_AHEAD_ROWS_FIRST
        book, brackets = self.book, self._columns.brackets
        if book.position == 0 or brackets is None:
            self._liquidation = None
        else:
            self._liquidation = liquidation_price(book.position, book.basis, book.margin, brackets.at(self._now))

    def _liquidate_if_gapped(self, row: int) -> None:
        if self._liquidation is None:
            return
        opened = float(self._columns.mark_open[row])
        level = float(self._liquidation)
        if opened <= level if self.book.position > 0 else opened >= level:
            self._liquidate(self._instrument.price(opened))

    def _liquidate(self, price: Decimal) -> None:
        """The venue takes the position: a loss of at most its margin, and a fee on its notional."""
        book = self.book
        side, quantity = (Side.SELL if book.position > 0 else Side.BUY), abs(book.position)
        loss_limit = book.wallet - book.margin
        self.working.cancel_entry(side.opposite)
        order = self._forced(side, quantity, Cause.LIQUIDATION, f"{self._instrument.symbol}-{self._now}")
        self._fill(order, quantity, FillPrice(price, price, Liquidity.TAKER), Cause.LIQUIDATION)
        fee = on_money_grid(quantity * price * self._frictions.liquidation_fee_rate)
        credit = book.pay_liquidation(fee, loss_limit)
        self.trades.add_fee(fee - credit)

    # -- orders ---------------------------------------------------------------------

    def _fill_market_orders(self, bar: BarPrices) -> None:
        for working in self.working.at_market():
            self._take(working, self._instrument.price(bar.open))

    def _fill_resting_orders(self, row: int, bar: BarPrices) -> None:
        for working in self.working.resting():
            self._try_resting(working, row, bar)

    def _try_resting(self, working: Working, row: int, bar: BarPrices) -> None:
        order = working.order
        assert order.price is not None
        level, arriving = float(order.price), not working.arrived
        working.arrived = True
        if order.type is OrderType.STOP:
            if matching.stop_is_touched(order.side, level, bar):
                working.triggered = True
                gapped = matching.gapped_over(order.side, level, bar.open)
                if self._take(working, self._instrument.price(bar.open) if gapped else order.price):
                    self._touch_new_position(row, bar, order, at_open=gapped)
        elif arriving and matching.limit_is_through_at_open(order.side, level, bar):
            if self._take(working, self._instrument.price(bar.open), worst=order.price):
                self._touch_new_position(row, bar, order, at_open=True)
        elif matching.limit_is_crossed(order.side, level, bar) and self._make(working, order.price):
            self._touch_new_position(row, bar, order, at_open=False)

    def _take(self, working: Working, reference: Decimal, worst: Decimal | None = None) -> bool:
        """Fill as a taker, as far as the bar's liquidity goes; whether anything filled."""
        order = working.order
        quantity = self._fillable(working)
        if quantity == 0:
            return False
        price = self._taker_price(order.side, reference, quantity, worst)
        return self._execute(working, quantity, FillPrice(price, reference, Liquidity.TAKER))

    def _make(self, working: Working, price: Decimal) -> bool:
        quantity = self._fillable(working)
        return quantity > 0 and self._execute(working, quantity, FillPrice(price, price, Liquidity.MAKER))

    def _fillable(self, working: Working) -> Decimal:
        """How much may fill now; an order that has nothing left to reduce is cancelled."""
        order = working.order
        if order.effect is Effect.REDUCE:
            held = self.book.position * -order.side.sign
            if held <= 0:
                self.working.drop(working)
                return ZERO
            working.left = min(working.left, held)
        return min(working.left, self._liquidity)

    def _execute(self, working: Working, quantity: Decimal, price: FillPrice) -> bool:
        order = working.order
        if order.effect is Effect.INCREASE and not self._may_open(order, quantity, price.paid):
            self.working.drop(working)
            return False
        working.left -= quantity
        self._liquidity -= quantity
        self._fill(order, quantity, price, working.cause)
        if working.left == 0:
            self.working.drop(working)
        self._protect_entry(order)
        return True

    def _protect_entry(self, order: Order) -> None:
        """Place the order's own pair, once: what protect() made of it since then stays."""
        asked = order.stop_loss is not None or order.take_profit is not None
        placed = self._pair is not None and self._pair.order_id == order.order_id
        if asked and not placed and self.book.position * order.side.sign > 0:
            self._pair = Pair(order.order_id, order.stop_loss, order.take_profit, self._now)

    def _may_open(self, order: Order, quantity: Decimal, price: Decimal) -> bool:
        brackets = self._columns.brackets
        table = None if brackets is None else brackets.at(self._now)
        fee = self._frictions.fee(quantity, price, Liquidity.TAKER)
        objection = margin_objection(self.book, table, side=order.side, quantity=quantity, price=price, fee=fee)
        if objection is not None:
            code, detail = objection
            self.refusals.append(Refusal(occurred_at=self._now, order_id=order.order_id, codes=(code,), detail=detail))
        return objection is None

    # -- the protective pair --------------------------------------------------------

    def _touch_position(self, row: int, bar: BarPrices) -> None:
        """Stop or liquidation, whichever lies nearer; else the target."""
        if self.book.position == 0 or self._touch_stop_or_liquidation(row, bar, at_open=True):
            return
        pair = self._pair
        if pair is None or pair.target is None:
            return
        exit_side = Side.SELL if self.book.position > 0 else Side.BUY
        arriving = pair.since > (self._opened_at[row - 1] if row > 0 else -1)
        if arriving and matching.limit_is_through_at_open(exit_side, float(pair.target), bar):
            self._exit(self._instrument.price(bar.open), Cause.TAKE_PROFIT, Liquidity.TAKER, worst=pair.target)
        else:
            self._touch_target(bar)

    def _touch_stop_or_liquidation(self, row: int, bar: BarPrices, *, at_open: bool) -> bool:
        """Whether the stop was touched or the venue took the position. at_open: it was held at the bar's open."""
        position, stop = self.book.position, self._pair.stop if self._pair is not None else None
        exit_side = Side.SELL if position > 0 else Side.BUY
        stopped = stop is not None and matching.stop_is_touched(exit_side, float(stop), bar)
        if stop is not None and stopped and not (self._liquidation_is_nearer(stop) and self._mark_reached(row)):
            gapped = at_open and matching.gapped_over(exit_side, float(stop), bar.open)
            self._exit(self._instrument.price(bar.open) if gapped else stop, Cause.STOP_LOSS, Liquidity.TAKER)
        if self.book.position == 0 or not self._mark_reached(row):
            return stopped
        assert self._liquidation is not None
        instrument, level = self._instrument, self._liquidation
        price = instrument.price_down(level) if self.book.position > 0 else instrument.price_up(level)
        self._liquidate(max(price, instrument.tick))
        return True

    def _liquidation_is_nearer(self, stop: Decimal) -> bool:
        """Whether the way to the stop leads over the liquidation price."""
        if self._liquidation is None:
            return False
        return self._liquidation > stop if self.book.position > 0 else self._liquidation < stop

    def _mark_reached(self, row: int) -> bool:
        """Whether the bar's mark price reached the liquidation price, if there is one."""
        if self._liquidation is None:
            return False
        price = float(self._liquidation)
        if self.book.position > 0:
            return bool(self._columns.mark_low[row] <= price)
        return bool(self._columns.mark_high[row] >= price)

    def _touch_target(self, bar: BarPrices) -> None:
        pair = self._pair
        if self.book.position == 0 or pair is None or pair.target is None:
            return
        exit_side = Side.SELL if self.book.position > 0 else Side.BUY
        if matching.limit_is_crossed(exit_side, float(pair.target), bar):
            self._exit(pair.target, Cause.TAKE_PROFIT, Liquidity.MAKER)

    def _touch_new_position(self, row: int, bar: BarPrices, entry: Order, *, at_open: bool) -> None:
        """The rest of the bar in which a resting order opened or enlarged a position.

        Entered at the open, the whole bar lies ahead. Entered inside it, stop
        and liquidation price count if the bar reached them at all, and the
        target only where the bar must have passed the entry on its way there.
        """
        if entry.effect is Effect.REDUCE or self.book.position * entry.side.sign <= 0:
            return
        if at_open:
            self._touch_position(row, bar)
        elif not self._touch_stop_or_liquidation(row, bar, at_open=False) and entry.type is OrderType.STOP:
            self._touch_target(bar)

    def _exit(self, reference: Decimal, cause: Cause, liquidity: Liquidity, worst: Decimal | None = None) -> None:
        """The stop or the target fills, as far as liquidity goes; what a stop leaves goes first at the next open."""
        assert self._pair is not None
        position, order_id = self.book.position, self._pair.order_id
        side, quantity = (Side.SELL if position > 0 else Side.BUY), min(abs(position), self._liquidity)
        self.working.cancel_entry(side.opposite)
        if quantity > 0:
            paid = reference
            if liquidity is Liquidity.TAKER:
                paid = self._taker_price(side, reference, quantity, worst)
            self._liquidity -= quantity
            price = FillPrice(paid, reference, liquidity)
            self._fill(self._forced(side, quantity, cause, order_id), quantity, price, cause)
        left = abs(self.book.position)
        if left > 0 and cause is Cause.STOP_LOSS:
            self.working.add_first(Working(self._forced(side, left, cause, order_id), left, cause=cause))
            self._pair = None

    # -- posting --------------------------------------------------------------------

    def _taker_price(self, side: Side, reference: Decimal, quantity: Decimal, worst: Decimal | None) -> Decimal:
        """The reference made worse by slippage, but not worse than a limit allows."""
        slippage, bar = self._frictions.slippage, self._bar_liquidity
        price = taker_price(self._instrument, slippage, bar, side=side, reference=reference, quantity=quantity)
        if worst is None:
            return price
        return min(price, worst) if side is Side.BUY else max(price, worst)

    def _bar_liquidity(self) -> BarLiquidity:
        columns, row = self._columns, self._row
        atr = columns.bars.open[row]
        if columns.atr is not None and row > 0 and np.isfinite(columns.atr[row - 1]):
            atr = columns.atr[row - 1]
        return BarLiquidity(volume=exact(float(columns.bars.volume[row])), atr=exact(float(atr)))

    def _fill(self, order: Order, quantity: Decimal, price: FillPrice, cause: Cause) -> None:
        fee = self._frictions.fee(quantity, price.paid, price.liquidity) if cause is not Cause.LIQUIDATION else ZERO
        before = self.book.position
        number = self._fills_of_order.get(order.order_id, 0) + 1
        self._fills_of_order[order.order_id] = number
        fill = Fill(
            fill_id=f"{order.order_id}/{number}",
            order_id=order.order_id,
            symbol=order.symbol,
            side=order.side,
            quantity=quantity,
            price=price.paid,
            reference_price=price.reference,
            fee=fee,
            liquidity=price.liquidity,
            cause=cause,
            realized_pnl=self.book.fill(order.side, quantity, price.paid, fee),
            occurred_at=self._now,
        )
        self.fills.append(fill)
        self.trades.add_fill(fill, order.reason)
        if self.book.position * before <= 0 and before != 0:
            self._pair = None
        self.working.sweep(self.book.position)
        self._find_liquidation()

    def _forced(self, side: Side, quantity: Decimal, cause: Cause, parent: str) -> Order:
        symbol = self._instrument.symbol
        return forced_order(symbol=symbol, side=side, quantity=quantity, cause=cause, parent=parent, now=self._now)
