"""Fills and funding, told as round trips: from flat to flat, a reversal ending one and beginning the next."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from qts.domain.fill import Cause, Fill, Trade
from qts.domain.instant import Instant
from qts.domain.money import ZERO, exact_arithmetic, on_money_grid
from qts.domain.value import maker
from qts.execution.contracts import SplitOrder

_trade = maker(Trade)


class _Open:
    """A round trip that has not ended, from its first fill on; quantity: what of the fill opens it."""

    __slots__ = (
        "bought",
        "cause",
        "entered_at",
        "entry_notional",
        "exit_notional",
        "fees",
        "funding",
        "held",
        "realized",
        "reason",
        "side",
        "slippage",
        "top",
    )

    def __init__(self, fill: Fill, quantity: Decimal, fee: Decimal, slippage: Decimal, reason: str) -> None:
        self.side = fill.side
        self.entered_at = fill.occurred_at
        self.reason = reason
        self.held = self.top = self.bought = quantity
        self.entry_notional = quantity * fill.price
        self.fees = fee
        self.slippage = slippage
        self.exit_notional = self.realized = self.funding = ZERO
        self.cause: Cause | None = None

    def extend(self, fill: Fill, quantity: Decimal, fee: Decimal, slippage: Decimal) -> None:
        self.held += quantity
        self.top = max(self.top, self.held)
        self.bought += quantity
        self.entry_notional += quantity * fill.price
        self.fees += fee
        self.slippage += slippage

    def reduce(self, fill: Fill, quantity: Decimal, fee: Decimal, slippage: Decimal) -> None:
        self.held -= quantity
        self.exit_notional += quantity * fill.price
        self.realized += fill.realized_pnl
        self.fees += fee
        self.slippage += slippage
        self.cause = fill.cause


class TradeLog:
    """Collects trades of one symbol. Every fee, slippage and funding amount given to it ends in exactly one trade.

    reason_of: what is written as the reason of a trade that the order began.
    """

    def __init__(self, symbol: str, reason_of: Callable[[SplitOrder], str]) -> None:
        self._symbol = symbol
        self._reason_of = reason_of
        self._fills: list[Fill] = []
        self._orders: list[SplitOrder] = []
        self._open: _Open | None = None
        self._trades: list[Trade] = []

    @property
    def trades(self) -> list[Trade]:
        """Those that have ended."""
        self._fold()
        return self._trades

    def add_fill(self, fill: Fill, order: SplitOrder) -> None:
        """order: whose fill it is."""
        self._fills.append(fill)
        self._orders.append(order)

    def _fold(self) -> None:
        """Tell the fills since the last time: many at once, and not one by one while the market waits."""
        if not self._fills:
            return
        with exact_arithmetic():
            for fill, order in zip(self._fills, self._orders, strict=True):
                self._tell(fill, order)
        self._fills.clear()
        self._orders.clear()

    def _tell(self, fill: Fill, order: SplitOrder) -> None:
        trade, left, fee = self._open, fill.quantity, fill.fee
        slippage = (fill.price - fill.reference_price).copy_abs() * left
        if trade is not None and trade.side is not fill.side:
            if left <= trade.held:
                trade.reduce(fill, left, fee, slippage)
                left = ZERO
            else:
                closing = trade.held
                share, slipped = on_money_grid(fee * closing / left), on_money_grid(slippage * closing / left)
                trade.reduce(fill, closing, share, slipped)
                left, fee, slippage = left - closing, fee - share, slippage - slipped
            if not trade.held:
                self._trades.append(self._told(trade, fill.occurred_at, trade.realized))
                self._open = trade = None
        if not left:
            return
        if trade is None:
            self._open = _Open(fill, left, fee, slippage, self._reason_of(order))
        else:
            trade.extend(fill, left, fee, slippage)

    def add_funding(self, amount: Decimal) -> None:
        self._fold()
        assert self._open is not None, "funding is paid by those who hold a position"
        self._open.funding += amount

    def add_fee(self, amount: Decimal) -> None:
        """A charge on the last fill that is not its fee: liquidation. An insurance credit is negative."""
        last = self.trades[-1]
        self.trades[-1] = replace(last, fees=last.fees + amount)

    def finish(self, unrealized: Decimal) -> tuple[Trade, ...]:
        """All trades; one still open is marked with its unrealised P&L and has no exit."""
        trades = self.trades
        if self._open is not None:
            trades.append(self._told(self._open, None, self._open.realized + unrealized))
        return tuple(trades)

    def _told(self, trade: _Open, exited_at: Instant | None, gross: Decimal) -> Trade:
        """exited_at: None while it is open; else everything that was bought has been closed."""
        exit_price = None if exited_at is None else on_money_grid(trade.exit_notional / trade.bought)
        exit_cause = None if exited_at is None else trade.cause
        return _trade(
            f"{self._symbol}-t{len(self._trades) + 1}",
            self._symbol,
            trade.side,
            trade.top,
            trade.entered_at,
            on_money_grid(trade.entry_notional / trade.bought),
            exited_at,
            exit_price,
            exit_cause,
            gross,
            trade.fees,
            trade.slippage,
            trade.funding,
            trade.reason,
        )
