"""What strategies' orders may still bring to their books: from the moment one is decided until it has filled or ended.

An order of a strategy is on its way as part of orders of the account, and as
crosses that wait for the next open. It is counted here once, by its own id, so
that whoever sizes the next one sees it whatever became of it in between.
"""

from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from typing import TypeAlias

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, OrderType, Side
from qts.strategy.arbitration import Want

OrderKey: TypeAlias = tuple[str, str]
"""The strategy's id, and its own order's."""


class Coming:
    """One order of a strategy. left: base units that may still fill. price: what a unit of it is counted at, quote.

    closes: it takes the strategy's own book down. at_market: it fills next, or over bars (takes_time). has_filled: some
    of it has. parents: orders of the account that it is part of. want: it, as arbitration was given it; None until
    then. begun_at: when it was decided. offered_at: when it was offered again last. withdrawn: what is left of it is
    not wanted any more, and was told so.
    """

    __slots__ = (
        "at_market",
        "begun_at",
        "closes",
        "has_filled",
        "left",
        "offered_at",
        "parents",
        "price",
        "side",
        "symbol",
        "takes_time",
        "want",
        "withdrawn",
    )

    def __init__(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        self.symbol = order.symbol
        self.side = order.side
        self.left = quantity
        self.price = price
        self.closes = order.effect is Effect.REDUCE
        self.at_market = order.type is OrderType.MARKET
        self.has_filled = False
        self.parents: list[str] = []
        self.want: Want | None = None
        self.begun_at = order.created_at
        self.offered_at: Instant | None = None
        self.takes_time = False
        self.withdrawn = False


class OnTheirWay:
    """Every strategy's orders that are on their way."""

    def __init__(self, strategy_ids: Iterable[str]) -> None:
        self._of: dict[str, dict[str, Coming]] = {each: {} for each in strategy_ids}

    def begin(self, key: OrderKey, coming: Coming) -> None:
        self._of[key[0]][key[1]] = coming

    def find(self, key: OrderKey) -> Coming | None:
        return self._of[key[0]].get(key[1])

    def of(self, strategy_id: str, symbol: str) -> Iterator[tuple[OrderKey, Coming]]:
        """A strategy's orders of the symbol."""
        for order_id, each in self._of[strategy_id].items():
            if each.symbol == symbol:
                yield (strategy_id, order_id), each

    def drop(self, key: OrderKey) -> None:
        self._of[key[0]].pop(key[1], None)

    def entering(self, strategy_id: str, symbol: str) -> tuple[Decimal, Decimal]:
        """What may still be opened on the symbol: bought, sold, base units."""
        buy = sell = ZERO
        for each in self._of[strategy_id].values():
            if each.symbol == symbol and not each.closes:
                buy, sell = (buy + each.left, sell) if each.side is Side.BUY else (buy, sell + each.left)
        return buy, sell

    def leaving(self, strategy_id: str, symbol: str) -> Decimal:
        """How much of what is held on the symbol goes out next, base units; an exit that waits may never fill."""
        mine = (each for each in self._of[strategy_id].values() if each.symbol == symbol)
        return sum((each.left for each in mine if each.closes and each.at_market and not each.takes_time), start=ZERO)

    def filling_next(self, strategy_id: str, symbol: str) -> Decimal:
        """What orders at market still bring to the symbol's book, signed base units."""
        mine = (each for each in self._of[strategy_id].values() if each.symbol == symbol)
        return sum((each.side.sign * each.left for each in mine if each.at_market), start=ZERO)

    def entering_elsewhere(self, strategy_id: str, symbol: str) -> Decimal:
        """The notional that may still be opened on all other symbols, quote."""
        return sum(
            (
                each.left * each.price
                for each in self._of[strategy_id].values()
                if not each.closes and each.symbol != symbol
            ),
            start=ZERO,
        )

    def ended(self, living: Collection[str], crossing: Collection[OrderKey]) -> Iterator[OrderKey]:
        """Orders of which nothing comes any more. living: orders of the account; crossing: what waits to be crossed."""
        for strategy_id, orders in self._of.items():
            for order_id, each in tuple(orders.items()):
                key = (strategy_id, order_id)
                if key not in crossing and not any(parent in living for parent in each.parents):
                    yield key
