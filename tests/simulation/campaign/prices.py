"""At which prices our orders may leave (INV-11): stops and targets that somebody asked for, and nothing far away."""

from decimal import Decimal

from qts.domain.order import OrderType
from qts.execution.contracts import Role, SplitOrder
from qts.execution.events import Decided, Event, NetProtection, ProtectionWanted

STOP_DISTANCE_MAX = Decimal("0.20")
COLLAR = Decimal("0.10")
"""Of the mark price. An escape's own collar is 0.02; quotes that the machine did not hear are 0.04 apart at most."""


class WantedPrices:
    """Stops and targets by symbol, as the rows say that they were wanted."""

    def __init__(self) -> None:
        self._stops: dict[tuple[str, Decimal], None] = {}
        self._targets: dict[tuple[str, Decimal], None] = {}

    def hear(self, event: Event) -> None:
        match event:
            case Decided():
                for each in event.decisions:
                    self._want(each.order.symbol, each.order.stop_loss, each.order.take_profit)
            case ProtectionWanted() | NetProtection():
                self._want(event.symbol, event.stop_loss, event.take_profit)

    def _want(self, symbol: str, stop: Decimal | None, target: Decimal | None) -> None:
        if stop is not None:
            self._stops[symbol, stop] = None
        if target is not None:
            self._targets[symbol, target] = None

    def wrong(
        self, order: SplitOrder, position: Decimal, mark: Decimal | None, *, escaping: bool = False
    ) -> str | None:
        """What is wrong with the order's price, type and side, or None. position: signed, by the rows.

        escaping: the position is being given back; its stop may then be at the escape's collar too.
        """
        price = order.price
        match order.role:
            case Role.STOP_LOSS:
                return self._wrong_stop(order, position, mark, escaping=escaping)
            case Role.TAKE_PROFIT:
                if order.type is not OrderType.LIMIT or price is None:
                    return f"a target of type {order.type}"
                if (order.symbol, price) not in self._targets:
                    return f"nobody wanted a target at {price}"
            case _:
                if price is not None and mark is not None and abs(price - mark) > COLLAR * mark:
                    return f"{price} is far from {mark}"
        return None

    def _wrong_stop(  # noqa: PLR0911 - one fault, one answer
        self, order: SplitOrder, position: Decimal, mark: Decimal | None, *, escaping: bool
    ) -> str | None:
        price = order.price
        if order.type is not OrderType.STOP or price is None:
            return f"a stop of type {order.type}"
        if position * order.side.sign >= 0:
            return f"stop to {order.side} for a position of {position}"
        if order.quantity < abs(position):
            return f"a stop over {order.quantity} for a position of {position}"
        if escaping and mark is not None and abs(price - mark) <= COLLAR * mark:
            return None
        if (order.symbol, price) not in self._stops:
            return f"nobody wanted a stop at {price}"
        if mark is not None and abs(price - mark) > STOP_DISTANCE_MAX * mark:
            return f"{price} is far from {mark}"
        return None
