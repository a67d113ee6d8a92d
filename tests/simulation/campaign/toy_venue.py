"""A venue good enough for the harness's own tests: it fills at the quote, keeps two books, and knows no fees."""

from collections.abc import Callable
from decimal import Decimal

from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.money import ZERO
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.commands import CancelOrder, ModifyOrder, QueryOrder, SendOrder, TakeSnapshot
from qts.execution.contracts import SplitOrder
from qts.execution.events import (
    AccountUpdate,
    CancelAck,
    CancelOutcome,
    ModifyAck,
    OrderAck,
    OrderEnded,
    QueryAnswer,
    Quote,
    SendOutcome,
    Snapshot,
    VenueOrder,
)

Tell = Callable[[Fill | OrderEnded], None]


class _Resting:
    __slots__ = ("filled", "number", "order", "state")

    def __init__(self, order: SplitOrder, number: int) -> None:
        self.order = order
        self.number = number
        self.filled = ZERO
        self.state = OrderState.ACCEPTED

    def listed(self) -> VenueOrder:
        order = self.order
        return VenueOrder(
            order.client_id,
            str(self.number),
            order.symbol,
            order.side,
            order.type,
            order.quantity,
            order.price,
            self.filled,
            order.reduce_only,
            order.is_conditional,
            self.state,
        )


class ToyVenue:
    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._orders: dict[str, _Resting] = {}
        self._open: dict[str, _Resting] = {}
        self._position: dict[str, Decimal] = {}
        self._fills: dict[str, list[Fill]] = {}
        self._quotes: dict[str, Quote] = {}
        self._number = 0

    def position(self, symbol: str) -> Decimal:
        return self._position.get(symbol, ZERO)

    def quote(self, quote: Quote) -> None:
        self._quotes[quote.symbol] = quote
        for each in list(self._open.values()):
            if each.order.symbol == quote.symbol:
                self._match(each, quote.occurred_at)

    def account(self) -> AccountUpdate:
        return AccountUpdate(Decimal(1_000_000), Decimal(1_000_000))

    def earned(self, symbol: str) -> Decimal:
        return ZERO

    def send(self, command: SendOrder, now: int) -> OrderAck:
        order = command.order
        if order.client_id in self._orders:
            return OrderAck(order.client_id, SendOutcome.EXISTS, "", -4116, "duplicate")
        self._number += 1
        resting = _Resting(order, self._number)
        if order.reduce_only and self.position(order.symbol) * order.side.sign >= 0:
            resting.state = OrderState.REJECTED
            return OrderAck(order.client_id, SendOutcome.REJECTED, "", -2022, "nothing to reduce")
        if order.is_conditional and self._touched(order):
            return OrderAck(order.client_id, SendOutcome.REJECTED, "", -2021, "would trigger")
        self._orders[order.client_id] = self._open[order.client_id] = resting
        self._match(resting, now)
        return OrderAck(order.client_id, SendOutcome.ACCEPTED, str(resting.number))

    def cancel(self, command: CancelOrder, now: int) -> CancelAck:
        resting = self._open.pop(command.client_id, None)
        if resting is None:
            return CancelAck(command.client_id, CancelOutcome.UNKNOWN, None, -2011, "unknown order")
        resting.state = OrderState.CANCELED
        self._tell(OrderEnded(command.client_id, OrderState.CANCELED, resting.filled))
        return CancelAck(command.client_id, CancelOutcome.CANCELED, resting.filled)

    def modify(self, command: ModifyOrder, now: int) -> ModifyAck:
        return ModifyAck(command.client_id, accepted=False, code=-1, reason="not here")

    def query(self, command: QueryOrder, now: int) -> QueryAnswer:
        found = self._orders.get(command.client_id)
        return QueryAnswer(command.client_id, None if found is None else found.listed())

    def snapshot(self, command: TakeSnapshot, now: int) -> Snapshot:
        symbol = command.symbol
        fills = self._fills.get(symbol, [])
        after = next((i + 1 for i, each in enumerate(fills) if each.fill_id == command.fills_after), 0)
        return Snapshot(
            symbol,
            self.position(symbol),
            tuple(each.listed() for each in self._open.values() if each.order.symbol == symbol),
            tuple(fills[after:]),
            now,
        )

    def force(self, family: str, symbol: str, sign: int, now: int) -> bool:
        if family != "foreign_trade" or symbol not in self._quotes:
            return False
        side = Side.BUY if sign > 0 else Side.SELL
        self._fill("", symbol, side, Decimal("0.01"), self._quotes[symbol].mark, now)
        return True

    def change_filters(self, symbol: str, *, by_tick: bool) -> None:
        """It has none."""

    def restore_filters(self, symbol: str) -> None:
        """It has none."""

    def _touched(self, order: SplitOrder) -> bool:
        quote = self._quotes.get(order.symbol)
        if quote is None or order.price is None:
            return False
        return quote.mark >= order.price if order.side is Side.BUY else quote.mark <= order.price

    def _match(self, resting: _Resting, now: int) -> None:
        order, quote = resting.order, self._quotes.get(resting.order.symbol)
        if quote is None:
            return
        price = quote.ask if order.side is Side.BUY else quote.bid
        if order.type is OrderType.LIMIT and order.price is not None and (price - order.price) * order.side.sign > 0:
            return
        if order.is_conditional and not self._touched(order):
            return
        quantity = order.quantity - resting.filled
        if order.reduce_only:
            quantity = min(quantity, max(ZERO, -self.position(order.symbol) * order.side.sign))
        self._open.pop(order.client_id, None)
        if quantity > 0:
            half = quantity / 2
            parts = (half, quantity - half) if half % Decimal("0.001") == 0 else (quantity,)
            for part in parts:
                resting.filled += part
                self._fill(order.client_id, order.symbol, order.side, part, price, now)
        if resting.filled < order.quantity:
            resting.state = OrderState.EXPIRED
            self._tell(OrderEnded(order.client_id, OrderState.EXPIRED, resting.filled))
        else:
            resting.state = OrderState.FILLED

    def _fill(  # noqa: PLR0917
        self, client_id: str, symbol: str, side: Side, quantity: Decimal, price: Decimal, now: int
    ) -> None:
        fills = self._fills.setdefault(symbol, [])
        fill = Fill(
            fill_id=f"{symbol}-{len(fills) + 1}",
            order_id=client_id,
            symbol=symbol,
            side=side,
            quantity=quantity,
            price=price,
            reference_price=price,
            fee=ZERO,
            liquidity=Liquidity.TAKER,
            cause=Cause.ORDER,
            realized_pnl=ZERO,
            occurred_at=now,
        )
        fills.append(fill)
        self._position[symbol] = self.position(symbol) + quantity * side.sign
        self._tell(fill)
