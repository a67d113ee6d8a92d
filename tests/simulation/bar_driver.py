"""A plain stand-in for the machine: it works a strategy's orders on a venue of bars, pair and all.

It has the face the backtest engine knows of an exchange, so whole runs can be
driven through it. It does by the simplest means what the machine does by
commands: it places and resizes the pair when an entry fills, gives up what still
builds a position that is being closed, sweeps what has lost its position, and
cancels at the close of a bar what was good until then.
"""

from decimal import Decimal

from qts.domain.fill import Cause, Fill
from qts.domain.order import Effect, Order, OrderType, Side
from qts.execution.contracts import Role, SplitOrder
from qts.execution.cycle import Protection
from qts.execution.events import CancelOutcome, OrderEnded, SendOutcome
from qts.risk.gate import Approved
from qts.simulation.bar_market import BarMarket
from qts.simulation.columns import MarketColumns
from qts.simulation.costs import Frictions
from qts.simulation.result import ProtectionChange
from qts.simulation.venue import Venue
from qts.simulation.venue_orders import Phase, Working
from qts.simulation.venue_rules import VenueRules

LENIENT = VenueRules(reduce_only_needs_position=False, resting_reduce_only_blocks=False, cancels_are_streamed=False)


class Pair:
    def __init__(self, owner: str, stop: Decimal | None, target: Decimal | None) -> None:
        self.owner, self.stop, self.target = owner, stop, target


class TouchesEndEntries(BarMarket):
    """As the exchange did it: a touched stop or target ends what still builds, even where no volume was left to fill.

    On the venue a touch without a fill is no news, so the machine cancels with the first fill.
    """

    driver: "VenueExchange"

    def _trigger(self, working: Working, *, gapped: bool) -> bool:
        self._end_entries(working)
        return super()._trigger(working, gapped=gapped)

    def _fillable(self, working: Working) -> Decimal:
        if working.phase is Phase.TARGET:
            self._end_entries(working)
        return super()._fillable(working)

    def _end_entries(self, working: Working) -> None:
        if working.order.role.is_protective and working.reduces(self._book.position):
            self.driver.stop_building(working.order.side.opposite)


class VenueExchange:
    """An exchange as the engine asks for one, with the venue and the bar market inside."""

    def __init__(self, columns: MarketColumns, instrument, frictions: Frictions, capital: Decimal) -> None:
        self.venue = Venue(
            instrument,
            frictions,
            capital,
            rules=LENIENT,
            brackets=columns.brackets,
            stream=self._hear,
            reason_of=lambda order: self._orders[order.client_id].reason if order.client_id in self._orders else "",
        )
        self.market = TouchesEndEntries(self.venue, columns)
        self.market.driver = self
        self.ended: list[OrderEnded] = []
        self.protections: list[ProtectionChange] = []
        self.working = self
        self._columns = columns
        self._orders: dict[str, Order] = {}
        self._pair: Pair | None = None
        self._legs: dict[Role, Working] = {}
        self._placed = 0
        self._held = Decimal(0)
        self._now = 0
        for name in ("book", "fills", "payments", "trades", "refusals"):
            setattr(self, name, getattr(self.venue, name))

    # -- what the engine asks -----------------------------------------------------------

    def submit(self, approved: Approved) -> None:
        order = approved.order
        self._now = order.created_at
        self._orders[order.order_id] = order
        reduces = order.effect is Effect.REDUCE
        closes = order.closes(self.venue.book.position)
        self._send(order.order_id, order, Role.EXIT if reduces else Role.ENTRY)
        if closes:
            self.stop_building(order.side.opposite)

    def protect(self, protection: Protection, now: int) -> None:
        self._now = now
        stop, target = protection.stop_loss, protection.take_profit
        self.protections.append(ProtectionChange(occurred_at=now, stop_loss=stop, take_profit=target))
        pair = self._pair or Pair("", None, None)
        pair.stop = pair.stop if stop is None else stop
        pair.target = pair.target if target is None else target
        self._pair = pair
        self._settle()

    def quiet_until(self, row: int, end: int) -> int:
        if any(order_id in self.venue.orders.open for order_id in self._orders):
            return row  # their life is told at every close
        return self.market.quiet_until(row, end)

    def step(self, row: int) -> None:
        self._now = int(self._columns.bars.opened_at[row])
        self._expire(self._now)
        self.market.step(row)
        stop = self._legs.get(Role.STOP_LOSS)
        if stop is not None and stop.is_open and stop.phase is Phase.AT_MARKET:
            self._stop_found_too_little(stop)
        self._expire(self._columns.bars.closed_at(row))

    def pending(self, side: Side) -> Decimal:
        return sum((each.left for each in self._entries(side)), start=Decimal(0))

    def in_flight(self) -> Decimal:
        at_market = (each for each in self.venue.orders.open.values() if each.phase is Phase.AT_MARKET)
        return sum((each.left * each.order.side.sign for each in at_market), start=Decimal(0))

    # -- what the machine does ------------------------------------------------------------

    def _hear(self, news: Fill | OrderEnded) -> None:
        if isinstance(news, OrderEnded):
            self.ended.append(news)
            return
        before, self._held = self._held, self.venue.book.position
        order = self._orders.get(news.order_id)
        if before * self._held <= 0 and before != 0:
            self._pair = None
        if news.cause is Cause.LIQUIDATION:
            self.stop_building(news.side.opposite)
        stop = self._legs.get(Role.STOP_LOSS)
        if stop is not None and stop.is_open and stop.order.client_id == news.order_id:
            self._stop_found_too_little(stop)
        asked = order is not None and (order.stop_loss is not None or order.take_profit is not None)
        if order is not None and asked and self._held * order.side.sign > 0:
            if self._pair is None or self._pair.owner != order.order_id:
                self._pair = Pair(order.order_id, order.stop_loss, order.take_profit)
        self._settle()
        self._sweep()

    def _stop_found_too_little(self, stop: Working) -> None:
        """What the stop left is at market and no leg any more; the pair is done."""
        self.stop_building(stop.order.side.opposite)
        self._legs.pop(Role.STOP_LOSS)
        self._pair = None
        self._settle()

    def _settle(self) -> None:
        """The legs as the pair and the position want them."""
        pair = self._pair
        self._leg(Role.STOP_LOSS, OrderType.STOP, None if pair is None else pair.stop)
        self._leg(Role.TAKE_PROFIT, OrderType.LIMIT, None if pair is None else pair.target)

    def _leg(self, role: Role, kind: OrderType, price: Decimal | None) -> None:
        leg, quantity = self._legs.get(role), abs(self._held)
        if leg is not None and not leg.is_open:
            leg = None
        if leg is not None and price == leg.price and leg.reduces(self._held):
            if leg.left >= quantity:
                return
            if kind is OrderType.LIMIT:  # a larger quantity leaves it where it rests
                assert self.venue.modify(leg.order.client_id, leg.price, leg.filled + quantity, self._now).accepted
                return
        if price is not None and quantity > 0:
            self._placed += 1
            side = Side.SELL if self._held > 0 else Side.BUY
            client_id = f"{role.value}-{self._placed}"
            self._send_split(client_id, side, kind, quantity, price, role)
            self._legs[role] = self.venue.orders.open[client_id]
        if leg is not None:
            assert self.venue.cancel(leg.order.client_id, self._now).outcome is CancelOutcome.CANCELED

    def _sweep(self) -> None:
        for each in tuple(self.venue.orders.open.values()):
            if each.order.reduce_only and not each.reduces(self._held):
                self.venue.cancel(each.order.client_id, self._now)

    def stop_building(self, side: Side) -> None:
        for each in self._entries(side):
            if each.phase is Phase.AT_MARKET or each.filled > 0:
                self.venue.cancel(each.order.client_id, self._now)

    def _entries(self, side: Side) -> list[Working]:
        entries = (each for each in self.venue.orders.open.values() if each.order.role is Role.ENTRY)
        return [each for each in entries if each.order.side is side]

    def _expire(self, now: int) -> None:
        for order_id, each in tuple(self.venue.orders.open.items()):
            order = self._orders.get(order_id)
            if order is None or order.good_until is None or order.good_until > now:
                continue
            if not (order.type is OrderType.STOP and each.phase is Phase.AT_MARKET):
                self.venue.cancel(order_id, now)

    def _send(self, client_id: str, order: Order, role: Role) -> None:
        self._send_split(client_id, order.side, order.type, order.quantity, order.price, role)

    def _send_split(self, client_id, side, kind, quantity, price, role) -> None:
        order = SplitOrder(
            client_id=client_id,
            parent_id=client_id,
            symbol=self.venue.instrument.symbol,
            side=side,
            type=kind,
            quantity=quantity,
            price=price,
            reduce_only=role is not Role.ENTRY,
            role=role,
            sequence=0,
            attempt=1,
            send_at=self._now,
        )
        answer = self.venue.send(order, self._now)
        assert answer.outcome is SendOutcome.ACCEPTED, answer
