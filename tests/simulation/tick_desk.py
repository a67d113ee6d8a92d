"""A trader at a venue of ticks: sends orders at given instants and writes down what it is told, and when."""

from decimal import Decimal

from qts.domain.fill import Fill
from qts.domain.order import OrderType, Side
from qts.execution.commands import CancelOrder, ModifyOrder, SendOrder
from qts.execution.contracts import Role, SplitOrder
from qts.market.ticks import Ticks
from qts.simulation.costs import Frictions
from qts.simulation.latency import Latency
from qts.simulation.queue_position import QueueModel, RiskAdverseQueue
from qts.simulation.tick_market import TickMarket
from qts.simulation.tick_wire import TickWire
from qts.simulation.venue import Venue
from qts.simulation.venue_rules import VenueRules
from tests.market.tick_cases import BTC, MS, Depth, asks, bids

START = Depth(0, 100, 100, 0, bids((100, 10), (99, 8)) + asks((101, 4), (102, 3), (110, 5)), snapshot=True)
"""Ten at the best bid, four at the best ask."""


def order(
    client_id: str,
    side: Side,
    lots: int,
    price: int | None = None,
    *,
    stop: bool = False,
    reduce_only: bool = False,
) -> SplitOrder:
    """A market order without a price, else a limit or a stop at so many ticks."""
    kind = OrderType.MARKET if price is None else OrderType.STOP if stop else OrderType.LIMIT
    return SplitOrder(
        client_id=client_id,
        parent_id="p",
        symbol=BTC.symbol,
        side=side,
        type=kind,
        quantity=lots * BTC.lot,
        price=None if price is None else price * BTC.tick,
        reduce_only=reduce_only,
        role=Role.ENTRY if not reduce_only else Role.STOP_LOSS if stop else Role.EXIT,
        sequence=0,
        attempt=1,
        send_at=0,
    )


def lots(fill: Fill) -> int:
    return int(fill.quantity / BTC.lot)


def ticks_paid(fill: Fill) -> int:
    return int(fill.price / BTC.tick)


class Desk:
    """heard: (ms, news) in the order it was heard."""

    def __init__(
        self,
        ticks: Ticks,
        queue: QueueModel | None = None,
        latency: Latency | None = None,
        capital: Decimal = Decimal(10_000_000),
    ) -> None:
        self.wire = TickWire(latency or Latency(0, 0))
        self.venue = Venue(BTC, Frictions(), capital, rules=VenueRules(), brackets=None, stream=self.wire.tell)
        self.market = TickMarket(self.venue, ticks, queue or RiskAdverseQueue())
        self.wire.connect(self.venue, self.market)
        self.heard: list[tuple[float, object]] = []

    def at(self, ms: float) -> "Desk":
        """Listen until then."""
        until = int(ms * MS)
        while (news := self.wire.next_event(until)) is not None:
            self.heard.append((self.wire.now_ns / MS, news))
        return self

    def send(self, *orders: SplitOrder) -> "Desk":
        for each in orders:
            self.wire.send_order(SendOrder(each))
        return self

    def cancel(self, client_id: str) -> "Desk":
        self.wire.cancel_order(CancelOrder(client_id, BTC.symbol, conditional=False))
        return self

    def modify(self, client_id: str, price: int, quantity: int) -> "Desk":
        self.wire.modify_order(ModifyOrder(client_id, BTC.symbol, price * BTC.tick, quantity * BTC.lot))
        return self

    def fills(self) -> list[tuple[int, str, int, int, str]]:
        """(ms at the venue, client id, lots, price in ticks, maker or taker) of every fill."""
        return [
            (each.occurred_at, each.order_id, lots(each), ticks_paid(each), each.liquidity.value)
            for each in self.venue.fills
        ]
