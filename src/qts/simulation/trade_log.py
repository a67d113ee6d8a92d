"""Fills and funding, told as round trips: from flat to flat, a reversal ending one and beginning the next."""

from dataclasses import replace
from decimal import Decimal

from qts.domain.fill import Cause, Fill, Trade
from qts.domain.instant import Instant
from qts.domain.money import ZERO, on_money_grid
from qts.domain.order import Side


class _Open:
    """A round trip that has not ended."""

    __slots__ = (
        "bought",
        "cause",
        "closed",
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

    def __init__(self, side: Side, entered_at: Instant, reason: str) -> None:
        self.side = side
        self.entered_at = entered_at
        self.reason = reason
        self.held = self.top = self.bought = self.closed = ZERO
        self.entry_notional = self.exit_notional = ZERO
        self.realized = self.fees = self.slippage = self.funding = ZERO
        self.cause: Cause | None = None


class TradeLog:
    """Collects trades of one symbol. Every fee, slippage and funding amount given to it ends in exactly one trade."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._open: _Open | None = None
        self.trades: list[Trade] = []

    def add_fill(self, fill: Fill, reason: str) -> None:
        left, fee = fill.quantity, fill.fee
        slippage = (fill.price - fill.reference_price).copy_abs() * left
        if self._open is not None and self._open.side is not fill.side:
            closing = min(left, self._open.held)
            share = fee if closing == left else on_money_grid(fee * closing / left)
            slipped = slippage if closing == left else on_money_grid(slippage * closing / left)
            self._reduce(fill, closing, share, slipped)
            left, fee, slippage = left - closing, fee - share, slippage - slipped
        if left > ZERO:
            self._extend(fill, left, fee, slippage, reason)

    def _extend(self, fill: Fill, quantity: Decimal, fee: Decimal, slippage: Decimal, reason: str) -> None:
        if self._open is None:
            self._open = _Open(fill.side, fill.occurred_at, reason)
        trade = self._open
        trade.held += quantity
        trade.top = max(trade.top, trade.held)
        trade.bought += quantity
        trade.entry_notional += quantity * fill.price
        trade.fees += fee
        trade.slippage += slippage

    def _reduce(self, fill: Fill, quantity: Decimal, fee: Decimal, slippage: Decimal) -> None:
        trade = self._open
        assert trade is not None
        trade.held -= quantity
        trade.closed += quantity
        trade.exit_notional += quantity * fill.price
        trade.realized += fill.realized_pnl
        trade.fees += fee
        trade.slippage += slippage
        trade.cause = fill.cause
        if not trade.held:
            self.trades.append(self._told(trade, fill.occurred_at, trade.realized))
            self._open = None

    def add_funding(self, amount: Decimal) -> None:
        assert self._open is not None, "funding is paid by those who hold a position"
        self._open.funding += amount

    def add_fee(self, amount: Decimal) -> None:
        """A charge on the last fill that is not its fee: liquidation. An insurance credit is negative."""
        last = self.trades[-1]
        self.trades[-1] = replace(last, fees=last.fees + amount)

    def finish(self, unrealized: Decimal) -> tuple[Trade, ...]:
        """All trades; one still open is marked with its unrealised P&L and has no exit."""
        if self._open is not None:
            self.trades.append(self._told(self._open, None, self._open.realized + unrealized))
        return tuple(self.trades)

    def _told(self, trade: _Open, exited_at: Instant | None, gross: Decimal) -> Trade:
        exit_price = None if exited_at is None else on_money_grid(trade.exit_notional / trade.closed)
        exit_cause = None if exited_at is None else trade.cause
        return Trade(
            f"{self._symbol}-t{len(self.trades) + 1}",
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
