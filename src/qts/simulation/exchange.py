"""The simulated venue: one net position on one symbol, driven bar by bar.

``step(row)`` lets everything happen that happens in that bar, in this order:

    funding at the open -> liquidation by a gap -> market orders at the open
    -> funding inside the bar -> stop or liquidation, else target
    -> resting orders in the order they were sent -> orders that expire

``quiet_until(row)`` tells from which row on something may happen; a step on a
row before it changes nothing, which is what lets an engine skip it. After every
step the book adds up exactly (``Book.check``). The exchange knows no strategy;
it accepts only orders the gate approved.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from qts.domain.book import Book
from qts.domain.fill import Cause, Fill, FundingPayment, Liquidity
from qts.domain.instant import Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, exact, exact_arithmetic, on_money_grid
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.refusal import RefusalCode
from qts.execution.cycle import Protection
from qts.risk.gate import Approved
from qts.risk.liquidation import liquidation_price
from qts.simulation import matching
from qts.simulation.columns import FundingEvent, MarketColumns
from qts.simulation.costs import BarLiquidity, Frictions, taker_price
from qts.simulation.matching import BarPrices
from qts.simulation.result import Refusal
from qts.simulation.trade_log import TradeLog

_LOOK_AHEAD_ROWS_FIRST = 64
_LOOK_AHEAD_ROWS_MAX = 16_384


@dataclass(slots=True)
class _Working:
    """An accepted order and what of it has not filled."""

    order: Order
    left: Decimal
    arrived: bool = False
    cause: Cause = Cause.ORDER


class _Price(NamedTuple):
    """paid: with slippage. reference: without."""

    paid: Decimal
    reference: Decimal
    liquidity: Liquidity


@dataclass(frozen=True, slots=True)
class _Pair:
    """The protective stop and target of the open position, on the tick grid."""

    order_id: str
    stop: Decimal | None
    target: Decimal | None


class Exchange:
    """Public state is read by the engine: ``book``, ``fills``, ``payments``, ``refusals``, ``trades``."""

    def __init__(self, columns: MarketColumns, instrument: Instrument, frictions: Frictions, capital: Decimal) -> None:
        self.book = Book(capital, frictions.leverage)
        self.fills: list[Fill] = []
        self.payments: list[FundingPayment] = []
        self.refusals: list[Refusal] = []
        self.trades = TradeLog(instrument.symbol)
        self._columns = columns
        self._instrument = instrument
        self._frictions = frictions
        bars = columns.bars
        self._opened_at, self._volume = bars.opened_at, bars.volume
        self._working: list[_Working] = []
        self._pair: _Pair | None = None
        self._liquidation: Decimal | None = None
        self._liquidity = ZERO
        self._funding_next = 0
        self._look_ahead = _LOOK_AHEAD_ROWS_FIRST
        self._row = 0
        self._now: Instant = 0
        self._fills_of_order: dict[str, int] = {}

    # -- what the engine may ask for ------------------------------------------------

    def submit(self, approved: Approved) -> None:
        """Accept an order; it can fill from the next bar on."""
        self._working.append(_Working(approved.order, approved.order.quantity))

    def protect(self, protection: Protection) -> None:
        """Replace prices of the protective pair of the open position; None leaves a price as it is."""
        pair = self._pair or _Pair(f"{self._instrument.symbol}-{self._opened_at[self._row]}-p", None, None)
        stop = pair.stop if protection.stop_loss is None else protection.stop_loss
        target = pair.target if protection.take_profit is None else protection.take_profit
        self._pair = _Pair(pair.order_id, stop, target)

    def pending(self, side: Side) -> Decimal:
        """Unfilled quantity of working orders on ``side`` that increase."""
        return sum(
            (w.left for w in self._working if w.order.side is side and w.order.effect is Effect.INCREASE), start=ZERO
        )

    def quiet_until(self, row: int, end: int) -> int:
        """The first row at or after ``row``, at most ``end``, on which a step may change anything.

        It may be early, never late: with a position it looks a bounded number of rows ahead.
        """
        if self._working:
            return row
        if self.book.position == 0:
            return end
        stop = min(end, row + self._look_ahead)
        self._look_ahead = min(self._look_ahead * 2, _LOOK_AHEAD_ROWS_MAX)
        if self._funding_next < len(self._columns.funding):
            stop = min(stop, max(row, int(self._columns.funding_rows[self._funding_next])))
        return self._first_touch(row, stop)

    def _first_touch(self, row: int, stop: int) -> int:
        columns, long = self._columns, self.book.position > 0
        pair = self._pair
        levels: list[np.ndarray[tuple[int], np.dtype[np.bool_]]] = []
        if pair is not None and pair.stop is not None:
            price = float(pair.stop)
            levels.append(columns.bars.low[row:stop] <= price if long else columns.bars.high[row:stop] >= price)
        if pair is not None and pair.target is not None:
            price = float(pair.target)
            levels.append(columns.bars.high[row:stop] > price if long else columns.bars.low[row:stop] < price)
        if self._liquidation is not None:
            price = float(self._liquidation)
            levels.append(columns.mark_low[row:stop] <= price if long else columns.mark_high[row:stop] >= price)
        first = stop
        for touched in levels:
            place = int(touched.argmax()) if len(touched) else 0
            if len(touched) and touched[place]:
                first = min(first, row + place)
        return first

    def step(self, row: int) -> None:
        """Let bar ``row`` happen. Rows are given in increasing order."""
        with exact_arithmetic():
            self._row = row
            self._now = int(self._opened_at[row])
            share = exact(float(self._volume[row])) * self._frictions.participation_max
            self._liquidity = self._instrument.quantity_down(share)
            bars = self._columns.bars
            bar = BarPrices(float(bars.open[row]), float(bars.high[row]), float(bars.low[row]))
            self._settle_funding(row, at_open=True)
            self._liquidate_if_gapped(row)
            self._fill_market_orders(bar)
            self._settle_funding(row, at_open=False)
            self._touch_position(row, bar)
            self._fill_resting_orders(row, bar)
            self._expire(row)
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
        floor = book.wallet - book.margin
        order = self._forced(side, quantity, Cause.LIQUIDATION, f"{self._instrument.symbol}-{self._now}")
        self._fill(order, quantity, _Price(price, price, Liquidity.TAKER), Cause.LIQUIDATION)
        fee = on_money_grid(quantity * price * self._frictions.liquidation_fee_rate)
        credit = book.pay_liquidation(fee, floor)
        self.trades.add_fee(fee - credit)

    # -- orders ---------------------------------------------------------------------

    def _fill_market_orders(self, bar: BarPrices) -> None:
        for working in [w for w in self._working if w.order.type is OrderType.MARKET]:
            self._take(working, self._instrument.price(bar.open))

    def _fill_resting_orders(self, row: int, bar: BarPrices) -> None:
        for working in [w for w in self._working if w.order.type is not OrderType.MARKET]:
            order = working.order
            assert order.price is not None
            level, arriving = float(order.price), not working.arrived
            working.arrived = True
            if order.type is OrderType.STOP:
                if matching.stop_is_touched(order.side, level, bar):
                    gapped = matching.gapped_over(order.side, level, bar.open)
                    if self._take(working, self._instrument.price(bar.open) if gapped else order.price):
                        self._touch_new_position(row, bar, order, at_open=gapped)
            elif arriving and matching.limit_is_through_at_open(order.side, level, bar):
                if self._take(working, self._instrument.price(bar.open), worst=order.price):
                    self._touch_new_position(row, bar, order, at_open=True)
            elif matching.limit_is_crossed(order.side, level, bar) and self._make(working, order.price):
                self._touch_new_position(row, bar, order, at_open=False)

    def _take(self, working: _Working, reference: Decimal, worst: Decimal | None = None) -> bool:
        """Fill as a taker, as far as the bar's liquidity goes; whether anything filled."""
        order = working.order
        quantity = self._fillable(working)
        if quantity == 0:
            return False
        price = self._taker_price(order.side, reference, quantity)
        if worst is not None:
            price = min(price, worst) if order.side is Side.BUY else max(price, worst)
        return self._execute(working, quantity, _Price(price, reference, Liquidity.TAKER))

    def _make(self, working: _Working, price: Decimal) -> bool:
        quantity = self._fillable(working)
        return quantity > 0 and self._execute(working, quantity, _Price(price, price, Liquidity.MAKER))

    def _fillable(self, working: _Working) -> Decimal:
        """How much may fill now; an order that has nothing left to reduce is cancelled."""
        order = working.order
        if order.effect is Effect.REDUCE:
            held = self.book.position * -order.side.sign
            if held <= 0:
                self._working.remove(working)
                return ZERO
            working.left = min(working.left, held)
        return min(working.left, self._liquidity)

    def _execute(self, working: _Working, quantity: Decimal, price: _Price) -> bool:
        order = working.order
        if order.effect is Effect.INCREASE and not self._margin_suffices(order, quantity, price.paid):
            self._working.remove(working)
            return False
        self._fill(order, quantity, price, working.cause)
        self._liquidity -= quantity
        working.left -= quantity
        if working.left == 0:
            self._working.remove(working)
        if order.effect is Effect.INCREASE and (order.stop_loss is not None or order.take_profit is not None):
            self._pair = _Pair(order.order_id, order.stop_loss, order.take_profit)
        return True

    def _margin_suffices(self, order: Order, quantity: Decimal, price: Decimal) -> bool:
        book, brackets = self.book, self._columns.brackets
        needed = book.margin_for(quantity, price) + self._frictions.fee(quantity, price, Liquidity.TAKER)
        if needed > book.available:
            self._refuse(order, RefusalCode.MARGIN_INSUFFICIENT, f"needs {needed:.2f}, free is {book.available:.2f}")
            return False
        if brackets is not None:
            notional = abs(book.position + order.side.sign * quantity) * price
            bracket = brackets.at(self._now).of(notional)
            if bracket.leverage_max < book.leverage:
                detail = f"{notional:.0f} allows leverage {bracket.leverage_max}, the account uses {book.leverage}"
                self._refuse(order, RefusalCode.BRACKET_LEVERAGE_EXCEEDED, detail)
                return False
        return True

    def _refuse(self, order: Order, code: RefusalCode, detail: str) -> None:
        self.refusals.append(Refusal(occurred_at=self._now, order_id=order.order_id, codes=(code,), detail=detail))

    def _expire(self, row: int) -> None:
        closed_at = self._columns.bars.closed_at(row)
        self._working = [w for w in self._working if w.order.good_until is None or w.order.good_until > closed_at]

    # -- the protective pair --------------------------------------------------------

    def _touch_position(self, row: int, bar: BarPrices) -> None:
        """Stop or liquidation, whichever lies nearer; else the target."""
        position, pair = self.book.position, self._pair
        if position == 0:
            return
        exit_side = Side.SELL if position > 0 else Side.BUY
        stop = pair.stop if pair is not None else None
        stopped = stop is not None and matching.stop_is_touched(exit_side, float(stop), bar)
        if stop is not None and stopped and not self._liquidation_is_nearer(stop):
            gapped = matching.gapped_over(exit_side, float(stop), bar.open)
            self._exit(self._instrument.price(bar.open) if gapped else stop, Cause.STOP_LOSS)
        if self.book.position != 0 and self._liquidation is not None and self._mark_reached(row, self._liquidation):
            level = self._instrument.price_down(self._liquidation)
            self._liquidate(level if self.book.position > 0 else level + self._instrument.tick)
        if self.book.position != 0 and not stopped:
            self._touch_target(bar)

    def _liquidation_is_nearer(self, stop: Decimal) -> bool:
        """Whether the way to the stop leads over the liquidation price."""
        if self._liquidation is None:
            return False
        return self._liquidation > stop if self.book.position > 0 else self._liquidation < stop

    def _mark_reached(self, row: int, level: Decimal) -> bool:
        price = float(level)
        if self.book.position > 0:
            return bool(self._columns.mark_low[row] <= price)
        return bool(self._columns.mark_high[row] >= price)

    def _touch_target(self, bar: BarPrices) -> None:
        pair = self._pair
        if pair is None or pair.target is None:
            return
        exit_side = Side.SELL if self.book.position > 0 else Side.BUY
        if matching.limit_is_crossed(exit_side, float(pair.target), bar):
            self._exit(pair.target, Cause.TAKE_PROFIT)

    def _touch_new_position(self, row: int, bar: BarPrices, entry: Order, *, at_open: bool) -> None:
        """The rest of the bar in which a resting order opened a position.

        Entered at the open, the whole bar lies ahead. Entered inside it, the
        stop counts if the bar reached it at all, and the target only where the
        bar must have passed the entry on its way there.
        """
        if entry.effect is Effect.REDUCE or self._pair is None:
            return
        if at_open:
            self._touch_position(row, bar)
            return
        exit_side, stop = entry.side.opposite, self._pair.stop
        if stop is not None and matching.stop_is_touched(exit_side, float(stop), bar):
            self._exit(stop, Cause.STOP_LOSS)
        elif entry.type is OrderType.STOP:
            self._touch_target(bar)

    def _exit(self, reference: Decimal, cause: Cause) -> None:
        """The stop or the target fills, as far as liquidity goes; what a stop leaves goes at the next open."""
        assert self._pair is not None
        position = self.book.position
        side, quantity = (Side.SELL if position > 0 else Side.BUY), min(abs(position), self._liquidity)
        order_id = self._pair.order_id
        if quantity > 0:
            price = _Price(reference, reference, Liquidity.MAKER)
            if cause is Cause.STOP_LOSS:
                price = _Price(self._taker_price(side, reference, quantity), reference, Liquidity.TAKER)
            self._fill(self._forced(side, quantity, cause, order_id), quantity, price, cause)
            self._liquidity -= quantity
        left = abs(self.book.position)
        if left > 0 and cause is Cause.STOP_LOSS:
            self._working.append(_Working(self._forced(side, left, cause, order_id), left, cause=cause))
            self._pair = None

    # -- posting --------------------------------------------------------------------

    def _taker_price(self, side: Side, reference: Decimal, quantity: Decimal) -> Decimal:
        columns, row = self._columns, self._row
        atr = columns.bars.open[row]
        if columns.atr is not None and row > 0 and np.isfinite(columns.atr[row - 1]):
            atr = columns.atr[row - 1]
        liquidity = BarLiquidity(volume=exact(float(columns.bars.volume[row])), atr=exact(float(atr)))
        return taker_price(
            self._instrument, self._frictions.slippage, liquidity, side=side, reference=reference, quantity=quantity
        )

    def _fill(self, order: Order, quantity: Decimal, price: _Price, cause: Cause) -> None:
        fee = self._frictions.fee(quantity, price.paid, price.liquidity) if cause is not Cause.LIQUIDATION else ZERO
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
        if self.book.position == 0:
            self._pair = None
        self._find_liquidation()

    def _forced(self, side: Side, quantity: Decimal, cause: Cause, parent: str) -> Order:
        """An order the venue or the protective pair makes: at market, reducing."""
        return Order(
            order_id=f"{parent}-{cause}",
            symbol=self._instrument.symbol,
            side=side,
            type=OrderType.MARKET,
            quantity=quantity,
            effect=Effect.REDUCE,
            price=None,
            stop_loss=None,
            take_profit=None,
            created_at=self._now,
            good_until=None,
            reason=cause.value,
        )
