"""One symbol of an account that several strategies share: the venue's book, and the strategies' own books under it.

The venue knows one net position and nothing of strategies. Each of its fills is
shared here, at once and before anybody acts on it, by what the order was for:
an order of several wants by their shares; the net's stop or target by whose own
one was touched; a liquidation by what each held; anything else is foreign and
goes to quarantine. The books then are the venue's book, which is checked.

A strategy's own stop and target stay here. The venue holds one stop and at most
one target for the net, at the nearest of those on its side (``pair``). A
strategy's own one that the bar touched and the venue's did not serve is an exit
at the close of that bar (``fired``): a bar does not tell when it was touched.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from qts.domain.allocation import Cross, Share
from qts.domain.book import Holding
from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.virtual_books import QUARANTINE, Posting, PostingKind, VirtualBooks
from qts.execution.client_ids import first_id
from qts.execution.contracts import Role
from qts.execution.events import NetProtection
from qts.execution.orders import OrderLedger, OrderRecord
from qts.market.bars import Floats
from qts.market.dataset import Dataset
from qts.risk.limit_desk import Working
from qts.simulation.bar_market import BarMarket
from qts.simulation.columns import MarketColumns
from qts.simulation.held_columns import HeldColumns
from qts.simulation.joint_money import JointMoney
from qts.simulation.venue import Venue
from qts.strategy.arbitration import RestingLimit

_PROTECTIVE: Final = {Role.STOP_LOSS: PostingKind.STOP_LOSS, Role.TAKE_PROFIT: PostingKind.TAKE_PROFIT}
_CAUSES: Final = {
    PostingKind.STOP_LOSS: Cause.STOP_LOSS,
    PostingKind.TAKE_PROFIT: Cause.TAKE_PROFIT,
    PostingKind.LIQUIDATION: Cause.LIQUIDATION,
    PostingKind.ADL: Cause.ADL,
}
_EFFECTS: Final = {True: Effect.REDUCE, False: Effect.INCREASE}
_FORCED: Final = {Cause.LIQUIDATION: PostingKind.LIQUIDATION, Cause.ADL: PostingKind.ADL}


@dataclass(slots=True)
class OwnPair:
    """A strategy's own stop and target for what it holds; None for none."""

    stop: Decimal | None
    target: Decimal | None


class JointSymbol:
    """postings: what each strategy had of every fill, funding and cross, with the row of the bar it was in.

    fills: how many the venue had. row: of the present bar. flattening: every book is being closed, on a word.
    """

    def __init__(
        self,
        dataset: Dataset,
        columns: MarketColumns,
        venue: Venue,
        money: JointMoney,
        orders: OrderLedger,
    ) -> None:
        self.dataset = dataset
        self.instrument = dataset.instrument
        self.symbol = dataset.instrument.symbol
        self.columns = columns
        self.venue = venue
        self.market = BarMarket(venue, columns)
        self._money = money
        capitals = money.capitals_on(self.symbol)
        self.books = VirtualBooks(venue.book, capitals, dataset.instrument.lot, money.purses)
        self.pairs: dict[str, OwnPair] = {}
        self.postings: list[tuple[int, Posting]] = []
        self.crossing: list[Cross] = []
        self.dropped: list[tuple[Share, bool]] = []  # of crosses that were undone, each with whether it may go on
        self.fills = 0
        self.row = -1
        self.flattening = False
        self.listeners: Collection[str] = ()  # strategies that want to hear of their own fills
        self.own_fills: list[tuple[str, Fill]] = []
        self._orders = orders
        self._shares: dict[str, tuple[Share, ...]] = {}
        self._brought: dict[tuple[str, str], OwnPair] = {}
        self._long: dict[str, bool] = {}
        self._liquidity = Liquidity.TAKER
        self._own_numbers: dict[str, int] = {}
        self._forced: tuple[Posting, ...] = ()
        self._net_said: tuple[Decimal | None, Decimal | None] = (None, None)
        self._held = {each: HeldColumns(book.holding()) for each, book in self.books.books.items()}
        self._holdings = {each: book.holding() for each, book in self.books.books.items()}
        self._moved: dict[str, Decimal] = {}  # what each is shown of the capital that was transferred
        self._changed: dict[str, None] = {}
        self._closed: tuple[int, Decimal | None] = (-1, None)  # the row whose close on the tick grid this is
        venue.accountant = self

    # -- what is on its way ---------------------------------------------------------------

    def bring(self, order_id: str, shares: Iterable[Share]) -> None:
        """The account's order is for these; kept for good, since a fill may be late."""
        given = self._shares[order_id] = tuple(shares)
        self._money.sent(order_id, given)

    def shares_of(self, order_id: str) -> tuple[Share, ...]:
        """For whom an order of the account is, or was; its rests are for the same."""
        return self._shares.get(order_id, ())

    def will_protect(self, strategy_id: str, order_id: str, stop: Decimal | None, target: Decimal | None) -> None:
        """The want, once it has traded, has this pair."""
        if stop is not None or target is not None:
            self._brought[strategy_id, order_id] = OwnPair(stop, target)

    def stop_of(self, shares: Iterable[Share], side: Side) -> Decimal | None:
        """The farthest of the stops that the shares bring; None where one brings none."""
        stops = []
        for share in shares:
            pair = self._brought.get(share.key)
            if pair is None or pair.stop is None:
                return None
            stops.append(pair.stop)
        return None if not stops else min(stops) if side is Side.BUY else max(stops)

    def resting_limits(self) -> list[RestingLimit]:
        """The account's own limits that wait at the venue for the other side."""
        return [
            RestingLimit(record.order.side, record.order.price, record.left, _EFFECTS[record.order.reduce_only])
            for record in self._orders.live(self.symbol)
            if record.order.type is OrderType.LIMIT and record.order.price is not None and record.left > ZERO
        ]

    def reductions_at_rest(self, side: Side) -> list[OrderRecord]:
        """The account's own orders that wait at the venue for a price, and only reduce."""
        return [
            record
            for record in self._orders.live(self.symbol)
            if record.order.role is Role.EXIT
            and record.order.type is not OrderType.MARKET
            and record.order.side is side
        ]

    def increasing(self, whose: str, at_work: Iterable[tuple[Order, Decimal, Decimal]]) -> Iterator[Working]:
        """What orders at work may still add to a book, each part with its own stop; of the account, the farthest.

        at_work: the account's orders on the symbol, each with what is left of it and what has filled.
        """
        for order, left, _ in at_work:
            if order.effect is not Effect.INCREASE:
                continue
            worth_at = self.price_decided_on if order.price is None else order.price
            shares = self._shares.get(first_id(order.order_id), ())
            if whose not in self.books.books:
                yield Working(order.side, left, worth_at, self.stop_of(shares, order.side))
                continue
            whole = sum((share.quantity for share in shares), start=ZERO)
            for share in shares:
                if share.strategy_id == whose and not share.closes:
                    stop = self.stop_of((share,), order.side)
                    yield Working(order.side, left * share.quantity / whole, worth_at, stop)

    def open_orders(self, whose: str, at_work: Iterable[tuple[Order, Decimal, Decimal]]) -> int:
        """How many orders of a book are at work; a strategy's own count, whatever orders of the account they are in."""
        shares = [self._shares.get(first_id(order.order_id), ()) for order, _, _ in at_work]
        if whose not in self.books.books:
            return len(shares)
        return len({share.order_id for each in shares for share in each if share.strategy_id == whose})

    # -- what happens -------------------------------------------------------------------------

    def cross_at(self, price: Decimal) -> None:
        """What strategies wanted of each other at the last close, at the first price that came after it."""
        crossing, self.crossing = self.crossing, []
        self._liquidity = Liquidity.TAKER
        for cross in crossing:
            self._post(self.books.cross(cross, price))

    def drop_entries(self, may_open: Callable[[str], bool]) -> None:
        """Undo, on both sides, crosses that wait and would open something for a strategy that may not any more."""
        kept = []
        for cross in self.crossing:
            shares = [(share, share.closes or may_open(share.strategy_id)) for share in (cross.buyer, cross.seller)]
            if all(may_go_on for _, may_go_on in shares):
                kept.append(cross)
            else:
                self.dropped += shares
        self.crossing = kept

    def close_flat(self, price: Decimal) -> None:
        """Where the net is flat, no order is needed to close every book: they close against each other."""
        if not self.venue.book.position:
            self._liquidity = Liquidity.TAKER
            self._post(self.books.flatten(Side.BUY, ZERO, price, ZERO))

    def heard(self, fill: Fill) -> None:
        self.fills += 1
        self._liquidity = fill.liquidity
        kind = _FORCED.get(fill.cause)
        record = self._orders.find(fill.order_id)
        if kind is not None:
            self._forced = self.books.force(kind, fill.side, fill.quantity, fill.price, fill.fee)
            self._post(self._forced)
        elif record is None:
            self._post(self.books.adopt(fill.side, fill.quantity, fill.price, fill.fee))
        else:
            self._post(self._shared(fill, record))

    def _shared(self, fill: Fill, record: OrderRecord) -> tuple[Posting, ...]:
        books, role = self.books, record.order.role
        if role in _PROTECTIVE:
            kind = _PROTECTIVE[role]
            touched = self._touched(kind, fill.side, record.order.price)
            return books.protect(kind, fill.side, fill.quantity, fill.price, fill.fee, touched=touched)
        if role is Role.ESCAPE:
            return books.flatten(fill.side, fill.quantity, fill.price, fill.fee)
        parent = first_id(record.order.parent_id)
        return books.fill(parent, fill.side, fill.quantity, fill.price, fill.fee, shares=self._shares.get(parent, ()))

    def _touched(self, kind: PostingKind, side: Side, level: Decimal | None) -> dict[str, Decimal]:
        """Whose own stop (target) lies where the net's does, or nearer."""
        found = {}
        for strategy_id, pair in self.pairs.items():
            own = pair.stop if kind is PostingKind.STOP_LOSS else pair.target
            if own is None or level is None or not self.books.books[strategy_id].opposing(side):
                continue
            beyond = own >= level if (side is Side.SELL) is (kind is PostingKind.STOP_LOSS) else own <= level
            if beyond:
                found[strategy_id] = own
        return found

    def funded(self, amount: Decimal, rate: Decimal, price: Decimal) -> None:
        self._post(self.books.pay_funding(amount, rate, price))

    def liquidation_charged(self, fee: Decimal, credit: Decimal) -> None:
        self._post(self.books.pay_liquidation(fee, credit, self._forced))

    def _post(self, postings: tuple[Posting, ...]) -> None:
        self._money.posted(self.symbol, self.books.books, postings)
        for posting in postings:
            self.postings.append((self.row, posting))
            self._changed[posting.strategy_id] = None
            if posting.quantity:
                self._protected(posting)
                if posting.strategy_id in self.listeners:
                    self.own_fills.append((posting.strategy_id, self._own_fill(posting)))

    def _own_fill(self, posting: Posting) -> Fill:
        """The strategy's part of what happened, as if it had the account alone; a bar does not tell the instant."""
        number = self._own_numbers[posting.strategy_id] = self._own_numbers.get(posting.strategy_id, 0) + 1
        return Fill(
            fill_id=f"{self.symbol}-{number}",
            order_id=posting.order_id,
            symbol=self.symbol,
            side=Side.BUY if posting.quantity > ZERO else Side.SELL,
            quantity=posting.quantity.copy_abs(),
            price=posting.price,
            reference_price=posting.price,
            fee=posting.fee,
            liquidity=self._liquidity,
            cause=_CAUSES.get(posting.kind, Cause.ORDER),
            realized_pnl=posting.realized_pnl,
            occurred_at=int(self.dataset.bars.opened_at[self.row]),
        )

    def _protected(self, posting: Posting) -> None:
        """An entry's own pair is the position's from its first fill on, and what is moved since stays moved.

        A price it does not bring stays as it is; what is flat, or on the other side, has none of it.
        """
        whose = posting.strategy_id
        position, buys = self.books.books[whose].position, posting.quantity > ZERO
        brought = self._brought.get((whose, posting.order_id))
        if not position or (position > ZERO) is not self._long.get(whose):
            self.pairs.pop(whose, None)
            self._long[whose] = position > ZERO
        if brought is not None and position and buys is (position > ZERO):
            del self._brought[whose, posting.order_id]
            self.move_pair(whose, brought.stop, brought.target)

    # -- protection ------------------------------------------------------------------------------

    def move_pair(self, strategy_id: str, stop: Decimal | None, target: Decimal | None) -> None:
        """A price left None stays as it is."""
        if not self.books.books[strategy_id].position:
            return
        pair = self.pairs.setdefault(strategy_id, OwnPair(None, None))
        pair.stop = pair.stop if stop is None else stop
        pair.target = pair.target if target is None else target

    def protection(self) -> NetProtection | None:
        """The pair of the net as it should be, when it is another than was said last."""
        net = self.venue.book.position
        if not net:
            self._net_said = (None, None)
            return None
        long = net > ZERO
        own = [pair for each, pair in sorted(self.pairs.items()) if (self.books.books[each].position > ZERO) is long]
        stops = [pair.stop for pair in own if pair.stop is not None]
        targets = [pair.target for pair in own if pair.target is not None]
        stop = (max(stops) if long else min(stops)) if stops else None
        target = (min(targets) if long else max(targets)) if targets else None
        if (stop, target) == self._net_said:
            return None
        self._net_said = (stop, target)
        return NetProtection(self.symbol, stop, target)

    def fired(self) -> list[tuple[str, str]]:
        """Strategies, with the reason, whose own stop or target the bar touched and that still hold; the stop rules."""
        found = []
        bars = self.columns.bars
        high, low = float(bars.high[self.row]), float(bars.low[self.row])
        for strategy_id, pair in sorted(self.pairs.items()):
            position = self.books.books[strategy_id].position
            if not position:
                continue
            long = position > ZERO
            if pair.stop is not None and (low <= pair.stop if long else high >= pair.stop):
                found.append((strategy_id, "own stop"))
            elif pair.target is not None and (high > pair.target if long else low < pair.target):
                found.append((strategy_id, "own target"))
        return found

    def own_stop(self, whose: str, side: Side, *, but: Collection[str] = ()) -> Decimal | None:
        """The stop of a book's position on ``side``; of the account, the farthest of its strategies', ``but`` some."""
        if whose in self.books.books:
            pair = self.pairs.get(whose)
            return None if pair is None else pair.stop
        long = side is Side.BUY
        stops = [
            pair.stop
            for each, pair in self.pairs.items()
            if pair.stop is not None and (self.books.books[each].position > ZERO) is long and each not in but
        ]
        return None if not stops else min(stops) if long else max(stops)

    # -- looking -----------------------------------------------------------------------------------

    @property
    def closed_at_price(self) -> Decimal | None:
        """The last close on the tick grid; None before the first bar."""
        row, price = self._closed
        if row != self.row:
            price = self.instrument.price(float(self.dataset.bars.close[self.row]))
            self._closed = (self.row, price)
        return price

    @property
    def price_decided_on(self) -> Decimal:
        """The close that is being decided on; there is one."""
        price = self.closed_at_price
        assert price is not None
        return price

    @property
    def marked_at(self) -> Decimal | None:
        """The mark price of the last close on the tick grid; None before the first bar."""
        return None if self.row < 0 else self.instrument.price(float(self.columns.mark_close[self.row]))

    def changed_holdings(self) -> list[tuple[str, Holding]]:
        """What each strategy holds, of those for whom something changed since this was asked last."""
        changed, self._changed = self._changed, {}
        found = []
        for strategy_id in changed:
            book, moved = self.books.books[strategy_id], self._moved.get(strategy_id)
            holding = book.holding()
            self._held[strategy_id].add(max(self.row, 0), holding)
            if moved is not None:
                holding = replace(holding, wallet=float(book.wallet + moved))
            self._holdings[strategy_id] = holding
            found.append((strategy_id, holding))
        return found

    def show_moved(self, strategy_id: str, amount: Decimal) -> None:
        """From now on the strategy sees so much more, or less, quote, as its wallet here; the ledger is what it was."""
        self._moved[strategy_id] = self._moved.get(strategy_id, ZERO) + amount
        self._changed[strategy_id] = None

    def holding(self, strategy_id: str) -> Holding:
        return self._holdings[strategy_id]

    def equity_of(self, strategy_id: str, out: Floats) -> None:
        """The strategy's equity on the symbol at every close, quote; ``out``: float64, shape (bars,)."""
        self._held[strategy_id].mark(self.columns.mark_close, out)

    @property
    def is_flat(self) -> bool:
        """Whether no book holds anything, quarantine included."""
        return not any(book.position for book in self.books.books.values())

    @property
    def strategy_ids(self) -> tuple[str, ...]:
        return tuple(each for each in self.books.books if each != QUARANTINE)
