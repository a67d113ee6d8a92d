"""Whether it is plain that no limit has anything to say of an order, seen without measuring each of them.

Most orders come nowhere near a limit. For an account that is one strategy's, on
one symbol, with nothing else at work, some twenty comparisons tell that: each is
a limit's own, or holds for several limits at once by the tightest of their
bounds. No is not an answer: then every limit is asked (``staging``). Yes is
never said where one of them would say a word, which generated tests hold.
"""

from decimal import Decimal
from typing import Final, Protocol

from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, Side
from qts.market.brackets import BracketTable
from qts.risk.gate import AccountState
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limit_state import BookMemory
from qts.risk.liquidation import margin_excess

_SURE: Final = 1e-9
"""Of a bound: more than a float is wrong by."""
_BUY: Final = Side.BUY
_REDUCE: Final = Effect.REDUCE


class EquityBounds(Protocol):
    """What a book is worth, quote, in floats that err on the safe side: below, above, above.

    day_start_max: infinite where the day may have begun with nothing.
    """

    equity_min: float
    peak_max: float
    day_start_max: float


class Clearance:
    """The bounds of one strategy and of the account that is all its own.

    memory: of the book, which knows orders and changes of sides up to the instant of decision.
    """

    __slots__ = (
        "_age_ms",
        "_collar",
        "_exposure",
        "_heat",
        "_leverage",
        "_memory",
        "_notional",
        "_of_day_start",
        "_of_peak",
        "_orders",
        "_reversals",
        "_size",
        "_without_stop",
    )

    def __init__(self, policies: LimitPolicies, strategy_id: str, memory: BookMemory) -> None:
        self._memory = memory
        own, account = policies.of(strategy_id), policies.account
        both = (own, account)
        self._age_ms = own.data_age_ms_max
        self._collar = own.price_collar
        self._size = own.order_size_max
        self._notional = own.order_notional_max
        self._reversals = own.reversals_per_hour_max
        self._leverage = own.leverage_max
        exposures = [(each.symbol_exposure_max, each.gross_exposure_max, each.net_exposure_max) for each in both]
        self._exposure = min(account.leverage_max, *exposures[0], *exposures[1])
        self._heat = min(each.heat_max for each in both)
        self._without_stop = max(each.loss_without_stop for each in both)
        self._of_day_start = 1 - float(min(each.daily_loss_warn for each in both)) + _SURE
        self._of_peak = 1 - float(min(each.drawdown_warn for each in both)) + _SURE
        rates = [(each.orders_per_second_max, each.orders_per_minute_max, each.open_orders_max) for each in both]
        self._orders = min(*rates[0], *rates[1])

    def clears(  # noqa: C901, PLR0911, PLR0912, PLR0917 - one comparison after the other, each a limit's
        self,
        order: Order,
        state: AccountState,
        stop: Decimal | None,
        capital: Decimal,
        equity: Decimal,
        bounds: EquityBounds,
    ) -> bool:
        """Whether no limit but those of liquidation has anything to say, at the instant the order is made.

        state: what the gate was shown. stop: of the position. capital: what the strategy has of its own, quote.
        equity, bounds: of the book, marked at this instant. The order is the first of its round that increases,
        and none sent before it is still at work.
        """
        memory = self._memory
        price, now = state.last_price, order.created_at
        if price is None or not (price > ZERO and equity > ZERO and capital > ZERO):
            return False
        equity_min = bounds.equity_min
        if equity_min <= self._of_peak * bounds.peak_max or equity_min <= self._of_day_start * bounds.day_start_max:
            return False
        if state.pending_buy or state.pending_sell or not 0 <= now - state.price_known_at <= self._age_ms:
            return False
        worth = order.price
        if worth is None:
            worth = price
        elif (worth - price).copy_abs() > self._collar * price:
            return False
        position, held, heat, is_long = state.position, ZERO, ZERO, False
        if position:
            held, is_long = position.copy_abs(), position > ZERO
            each = price * self._without_stop if stop is None else price - stop if is_long else stop - price
            if each > ZERO:
                heat = held * each
        if order.effect is not _REDUCE:
            quantity, side, stop_loss = order.quantity, order.side, order.stop_loss
            buys = side is _BUY
            notional = quantity * worth
            if notional > self._size * capital or (self._notional is not None and notional > self._notional):
                return False
            each = worth * self._without_stop if stop_loss is None else worth - stop_loss if buys else stop_loss - worth
            if each > ZERO:
                heat += quantity * each
            if is_long is buys or not position:
                held += quantity
            elif quantity > held:
                held = quantity
            changes = len(memory.reversals.get(order.symbol, ()))
            if changes >= self._reversals and memory.would_reverse(order.symbol, side):
                return False
        largest = held * worth
        if largest > self._exposure * equity or largest > self._leverage * capital or heat > self._heat * equity:
            return False
        return len(memory.orders.get(order.symbol, ())) < self._orders


def is_farther(
    bound: Decimal, position: Decimal, basis: Decimal, margin: Decimal, *, price: Decimal, table: BracketTable
) -> bool:
    """Whether a position's liquidation price is farther from ``price`` than ``bound``, a fraction of it.

    It is, where margin is left over once the price has moved so far against the position: what is left
    falls all the way there. position: signed base units; basis, margin: what stands behind it, quote.
    """
    if not position:
        return True
    there = price - price * bound if position > ZERO else price + price * bound
    return margin_excess(position, basis, margin, there, table) > ZERO
