"""The simulated venue: one account, one symbol, the truth about both.

It takes orders, keeps them in two books, posts what fills, and tells its news.
It does not know where prices come from: a market (bar_market.py,
quote_market.py) drives it and says at what price an order fills, how far, and
when. What always holds:

- a request is answered by what it returns; everything else is told to
  ``stream``, in the order it happened, each piece when the venue's state is
  consistent again, so that the listener may send and cancel from inside it;
- the book adds up exactly after every posting (``Book.check``);
- a reduce-only order never takes the position across zero. When it would fill
  and has nothing to reduce, it ends EXPIRED;
- a trade has one id for good, ``client id/number``;
- nothing ends because a position ended: sweeping is its owner's business.

A stop order waits in the conditional book and is an ordinary order at market
once triggered; a query for the book it is not in finds nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from qts.domain.book import Book
from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.instant import Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.value import maker
from qts.execution.contracts import Role, SplitOrder
from qts.execution.events import (
    AccountUpdate,
    CancelAck,
    CancelOutcome,
    ModifyAck,
    OrderAck,
    OrderEnded,
    QueryAnswer,
    SendOutcome,
    Snapshot,
)
from qts.market.brackets import BracketHistory
from qts.simulation.costs import Frictions
from qts.simulation.venue_ledger import VenueLedger
from qts.simulation.venue_orders import FillPrice, VenueOrders, Working
from qts.simulation.venue_rules import Objection, VenueCode, VenueRules, objection, objection_to_change

ADL_ID = "adl_autoclose"
LIQUIDATION_PREFIX = "autoclose-"
_TAKER, _ACCEPTED, _FILLED = Liquidity.TAKER, SendOutcome.ACCEPTED, OrderState.FILLED
FOREIGN_PREFIX = "web_"
_ack = maker(OrderAck)


class Accountant(Protocol):
    """Who keeps books of its own beside the venue's, and hears of money that moves without a fill."""

    def funded(self, amount: Decimal, rate: Decimal, price: Decimal) -> None:
        """The net was charged ``amount`` at a funding instant; 0 when it was flat."""
        ...

    def liquidation_charged(self, fee: Decimal, credit: Decimal) -> None:
        """The fee of the liquidation that was told last, and what the insurance fund gave back."""
        ...


class Market(Protocol):
    """What the venue asks of a market that is there between events, not only at its own steps."""

    def price(self) -> Decimal | None:
        """The price that filters measure by, quote per base; None before the first one."""
        ...

    def objection(self, order: SplitOrder, now: Instant) -> Objection | None:
        """Why the order may not be taken at the prices there are."""
        ...

    def arrived(self, working: Working, now: Instant) -> None:
        """The order was taken, or got another price: it may fill at once."""
        ...


def _not_modified(client_id: str, found: Objection) -> ModifyAck:
    return ModifyAck(client_id, accepted=False, code=int(found.code), reason=found.reason)


def _name_of_role(order: SplitOrder) -> str:
    return order.role.value


class Venue:
    """ledger (and its book, trades, fills, payments, refusals) and orders: the truth, to be read.

    market: set by a market that wants to be asked when orders arrive. accountant: set by whoever wants to hear
    of funding and liquidation fees. reason_of:
    what the trade log writes as the reason of a trade that the order began.
    """

    def __init__(
        self,
        instrument: Instrument,
        frictions: Frictions,
        capital: Decimal,
        *,
        rules: VenueRules,
        brackets: BracketHistory | None,
        stream: Callable[[Fill | OrderEnded], None],
        reason_of: Callable[[SplitOrder], str] = _name_of_role,
        open_book: Callable[[Decimal, int], Book] = Book,
    ) -> None:
        self.instrument = instrument
        self.frictions = frictions
        self.rules = rules
        self.ledger = VenueLedger(
            instrument, frictions, capital, brackets=brackets, reason_of=reason_of, open_book=open_book
        )
        self.book, self.trades, self.fills = self.ledger.book, self.ledger.trades, self.ledger.fills
        self.payments, self.refusals = self.ledger.payments, self.ledger.refusals
        self.orders = VenueOrders()
        self.market: Market | None = None
        self.accountant: Accountant | None = None
        self._stream = stream
        self._foreign = 0

    # -- requests -------------------------------------------------------------------

    def send(self, order: SplitOrder, now: Instant) -> OrderAck:
        live = self.orders.open.get(order.client_id)
        if live is not None:
            code = VenueCode.CLIENT_ID_OPEN
            return OrderAck(order.client_id, SendOutcome.EXISTS, live.venue_id, int(code), "the client id is open")
        orders, market, position = self.orders, self.market, self.book.position
        price = None if market is None else market.price()
        found = objection(order, self.rules, self.instrument, orders=orders, position=position, market_price=price)
        if found is None and market is not None:
            with exact_arithmetic():
                found = market.objection(order, now)
        if found is not None:
            return OrderAck(order.client_id, SendOutcome.REJECTED, "", int(found.code), found.reason)
        working = orders.add(order, now)
        if market is not None:
            market.arrived(working, now)
        return _ack(order.client_id, _ACCEPTED, working.venue_id)

    def cancel(self, client_id: str, now: Instant) -> CancelAck:  # noqa: ARG002 - every request has its instant
        working = self.orders.open.get(client_id)
        if working is None:
            return CancelAck(client_id, CancelOutcome.UNKNOWN, None, int(VenueCode.CANCEL_UNKNOWN), "unknown order")
        self.orders.end(working, OrderState.CANCELED)
        if self.rules.cancels_are_streamed:
            self._stream(OrderEnded(client_id, OrderState.CANCELED, working.filled, "cancelled"))
        return CancelAck(client_id, CancelOutcome.CANCELED, working.filled)

    def modify(self, client_id: str, price: Decimal, quantity: Decimal, now: Instant) -> ModifyAck:
        """Another price or quantity for a limit. A quantity that has filled already cancels it."""
        working = self.orders.open.get(client_id)
        if working is None or working.is_conditional:
            return _not_modified(client_id, Objection(VenueCode.NO_SUCH_ORDER, "no such ordinary order"))
        if working.order.type is not OrderType.LIMIT:
            return _not_modified(client_id, Objection(VenueCode.LIMIT_ONLY, "only a limit is modified"))
        if quantity <= working.filled:
            self.end(working, OrderState.CANCELED, "the new quantity has filled already")
            return ModifyAck(client_id, accepted=True, price=price, quantity=working.filled)
        with exact_arithmetic():
            left = quantity - working.filled
        found = objection_to_change(
            replace(working.order, price=price, quantity=left),
            self.rules,
            self.instrument,
            orders=self.orders,
            position=self.book.position,
            market_price=None if self.market is None else self.market.price(),
        )
        if found is not None:
            return _not_modified(client_id, found)
        working.quantity, working.left = quantity, left
        self.orders.changes += 1
        if price != working.price:
            working.price, working.level, working.since = price, float(price), now
            if self.market is not None:
                self.market.arrived(working, now)
        return ModifyAck(client_id, accepted=True, price=price, quantity=quantity)

    def query(self, client_id: str, *, conditional: bool, now: Instant) -> QueryAnswer:  # noqa: ARG002 - as above
        """An order in any state. An order that was triggered is found in both books."""
        working = self.orders.latest.get(client_id)
        if working is None:
            return QueryAnswer(client_id, None)
        is_there = working.order.is_conditional if conditional else not working.is_conditional
        return QueryAnswer(client_id, working.as_listed() if is_there else None)

    def snapshot(self, fills_after: str, now: Instant) -> Snapshot:
        """Both lists of open orders, and every trade after the one named; '' or an unknown id: every trade."""
        place = len(self.fills)
        while place > 0 and self.fills[place - 1].fill_id != fills_after:
            place -= 1
        return Snapshot(
            symbol=self.instrument.symbol,
            position=self.book.position,
            orders=tuple(each.as_listed() for each in self.orders.open.values()),
            fills=tuple(self.fills[place:]),
            as_of=now,
        )

    def account(self, mark: Decimal) -> AccountUpdate:
        with exact_arithmetic():
            return AccountUpdate(self.book.equity(mark), self.book.available)

    # -- what a market does -----------------------------------------------------------

    def fillable(self, working: Working) -> Decimal:
        """How much may fill now; an order that has nothing left to reduce ends."""
        if not working.order.reduce_only:
            return working.left
        position = self.book.position
        if not working.reduces(position):
            self.end(working, OrderState.EXPIRED, "nothing left to reduce")
            return ZERO
        working.left = min(working.left, position.copy_abs())
        return working.left

    def execute(self, working: Working, quantity: Decimal, price: FillPrice) -> bool:
        """Fill part of an order, at most what ``fillable`` said, unless it would open more than the account carries.

        Whether it filled. One that may not is over: REJECTED where it came from the conditional book.
        """
        order = working.order
        fee = self.frictions.fee(quantity, price.paid, price.liquidity)
        if not order.reduce_only:
            taker_fee = fee if price.liquidity is _TAKER else None
            found = self.ledger.margin_objection(order, quantity, price.paid, taker_fee)
            if found is not None:
                state = OrderState.REJECTED if order.is_conditional else OrderState.EXPIRED
                self.end(working, state, found.reason)
                return False
        working.left -= quantity
        working.filled += quantity
        fill = self.ledger.post(working, quantity, price, fee, working.cause)
        if working.left:
            self._stream(fill)
        elif working.filled >= working.quantity:
            self.orders.end(working, _FILLED)
            self._stream(fill)
        else:
            self.orders.end(working, OrderState.EXPIRED)
            self._stream(fill)
            self._stream(OrderEnded(order.client_id, OrderState.EXPIRED, working.filled, "nothing left to reduce"))
        return True

    def end(self, working: Working, state: OrderState, reason: str) -> None:
        """End an open order and tell of it."""
        self.orders.end(working, state)
        self._stream(OrderEnded(working.order.client_id, state, working.filled, reason))

    def pay_funding(self, rate: Decimal, price: Decimal, occurred_at: Instant) -> None:
        """Charge (or credit) who holds a position; price: the mark price its notional is taken at."""
        amount = ZERO
        if self.book.position != 0:
            amount = self.ledger.pay_funding(rate, price, occurred_at)
        if self.accountant is not None:
            self.accountant.funded(amount, rate, price)

    def liquidate(self, price: Decimal) -> None:
        """The venue takes the position: a loss of at most its margin, and a fee on its notional."""
        book, quantity = self.book, abs(self.book.position)
        loss_limit = book.wallet - book.margin
        forced = self._forced(f"{LIQUIDATION_PREFIX}{self.ledger.now}", quantity)
        fill = self.ledger.post(forced, quantity, FillPrice(price, price, Liquidity.TAKER), ZERO, Cause.LIQUIDATION)
        if self.accountant is None:
            self.ledger.liquidation_fee(quantity, price, loss_limit)
            self._stream(fill)
            return
        self._stream(fill)  # whoever keeps other books posts the fill before its fee
        fee, credit = self.ledger.liquidation_fee(quantity, price, loss_limit)
        self.accountant.liquidation_charged(fee, credit)

    # -- what nobody of ours asked for --------------------------------------------------

    def force_liquidation(self, price: Decimal, now: Instant) -> bool:
        """Take the whole position at a price; whether there was one."""
        with exact_arithmetic():
            self.ledger.reach(now)
            if self.book.position == 0:
                return False
            self.liquidate(price)
            return True

    def force_adl(self, quantity: Decimal, price: Decimal, now: Instant) -> bool:
        """Close up to ``quantity`` against somebody's liquidation, free of fees; whether there was anything to."""
        with exact_arithmetic():
            self.ledger.reach(now)
            quantity = min(quantity, abs(self.book.position))
            if quantity == 0:
                return False
            forced = self._forced(ADL_ID, quantity)
            self._stream(self.ledger.post(forced, quantity, FillPrice(price, price, Liquidity.TAKER), ZERO, Cause.ADL))
            return True

    def _forced(self, client_id: str, quantity: Decimal) -> Working:
        """The venue's own order against the position: never open to anybody, filled at once."""
        side = Side.SELL if self.book.position > 0 else Side.BUY
        order = self._made(client_id, side, OrderType.MARKET, quantity, None, Role.ESCAPE)
        working = self.orders.add(order, self.ledger.now)
        self.orders.end(working, OrderState.FILLED)
        working.left, working.filled = ZERO, quantity
        return working

    def force_end(self, client_id: str, state: OrderState, reason: str, now: Instant) -> bool:
        """End an open order for a reason of the venue; whether it was open."""
        self.ledger.reach(now)
        working = self.orders.open.get(client_id)
        if working is not None:
            self.end(working, state, reason)
        return working is not None

    def foreign_order(
        self,
        side: Side,
        kind: OrderType,
        quantity: Decimal,
        price: Decimal | None,
        now: Instant,
        *,
        role: Role = Role.ENTRY,
    ) -> OrderAck:
        """An order by somebody else who uses the account, under the same rules. role: all but ENTRY only reduce."""
        self._foreign += 1
        return self.send(self._made(f"{FOREIGN_PREFIX}{self._foreign}", side, kind, quantity, price, role), now)

    def foreign_fill(self, side: Side, quantity: Decimal, price: Decimal, now: Instant) -> bool:
        """Somebody else who uses the account trades at market; whether the account carried it."""
        with exact_arithmetic():
            self.ledger.reach(now)
            self._foreign += 1
            made = self._made(f"{FOREIGN_PREFIX}{self._foreign}", side, OrderType.MARKET, quantity, None, Role.ENTRY)
            working = self.orders.add(made, now)
            return self.execute(working, quantity, FillPrice(price, price, Liquidity.TAKER))

    def _made(  # noqa: PLR0917 - an order's words in the order everybody says them
        self, client_id: str, side: Side, kind: OrderType, quantity: Decimal, price: Decimal | None, role: Role
    ) -> SplitOrder:
        return SplitOrder(
            client_id=client_id,
            parent_id=client_id,
            symbol=self.instrument.symbol,
            side=side,
            type=kind,
            quantity=quantity,
            price=price,
            reduce_only=role is not Role.ENTRY,
            role=role,
            sequence=0,
            attempt=1,
            send_at=self.ledger.now,
        )
