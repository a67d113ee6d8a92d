"""The staged limits in a backtest of one strategy, whose book is all that the account has.

Equity is marked at every close, and a peak between two orders is a peak. An engine
that does not visit every bar catches up before the next order (``EquityMarks``);
one that does tells each mark by itself (``mark``), and what is remembered then is the same.

Most orders are seen to be far from every limit by a few comparisons
(``Clearance``); only the others are measured by each.
"""

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Final

from qts.domain.book import Holding
from qts.domain.instant import Duration, Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, Side
from qts.domain.refusal import RefusalCode
from qts.execution.controller import NOTHING, ExecutionController, OnTheWay
from qts.market.bars import elements
from qts.risk.calculators.stop import stop
from qts.risk.clearance import Clearance, is_farther
from qts.risk.gate import AccountState
from qts.risk.limit_desk import BookOn, LimitDesk, Working
from qts.risk.limit_facts import MarginFacts
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limit_state import ACCOUNT
from qts.risk.limit_words import GateWord
from qts.risk.limits import Measured
from qts.risk.liquidation import Backing, MarginMode
from qts.risk.stages import Verdict
from qts.simulation.columns import MarketColumns
from qts.simulation.equity_marks import EquityMarks
from qts.simulation.venue import Venue

OWN: Final = "strategy"
"""What the one strategy of a run is called among its limits."""
_BUY: Final = Side.BUY


class RunLimits:
    """policies: the account's bounds, and what ``OWN`` has instead of them."""

    def __init__(
        self, venue: Venue, controller: ExecutionController, columns: MarketColumns, policies: LimitPolicies
    ) -> None:
        if columns.brackets is None:
            policies = policies.without_liquidation()
        self._desk = LimitDesk(self, policies, alone=OWN)
        self._distance_min = policies.account.liquidation_distance_min
        self._asks_of_stops = bool(policies.account.stop_buffer)
        self._memory = self._desk.memory(OWN)
        self._clearance = Clearance(policies, OWN, self._memory)
        self._venue = venue
        self._book = venue.book
        self._instrument: Instrument = venue.instrument
        self._controller = controller
        self._brackets = columns.brackets
        self._interval_ms: Duration = columns.bars.interval_ms
        self._opens = elements(columns.bars.opened_at)
        self._mark_close = elements(columns.mark_close)
        self._marks_are_closes = columns.mark_close is columns.bars.close
        self._marks = EquityMarks(venue.book, venue.instrument, columns, self._memory)
        self._fills, self._filled = 0, ZERO  # how many the memory knows, and the position they add up to
        self._equity = venue.book.wallet
        self._price: Decimal | None = None
        self._now: Instant = 0
        self._plain = False

    @property
    def words(self) -> tuple[GateWord, ...]:
        """What the limits did, in order, and what was refused before it came to them."""
        return tuple(self._desk.words)

    # -- what happens -------------------------------------------------------------------

    def changed(self, row: int, holding: Holding) -> None:
        """The book is another since something in bar ``row``, whose close is not marked yet. holding: of the book."""
        marks = self._marks
        if marks.next < row:
            marks.reach(row)
        marks.hold(holding)

    def mark(self, row: int) -> None:
        """A bar closes. Inside ``exact_arithmetic()``, as all that follows."""
        self._marks.reach(row + 1)
        self._remember_sides()
        self._memory.mark(self._equity_at(row), self._opens[row] + self._interval_ms)

    def _equity_at(self, row: int) -> Decimal:
        return self._book.equity(self._instrument.price(self._mark_close[row]))

    def _remember_sides(self) -> None:
        """Before a later instant is told of, since what comes late counts as if it had come then."""
        fills = self._venue.fills
        for fill in fills[self._fills :]:
            self._filled += fill.quantity if fill.side is _BUY else -fill.quantity
            if self._filled:
                self._memory.hold(fill.symbol, self._filled, fill.occurred_at)
        self._fills = len(fills)

    # -- asking -------------------------------------------------------------------------

    def begin(self, row: int, price: Decimal, equity: Decimal, coming: OnTheWay) -> None:
        """Something is decided at the close of ``row``.

        price, equity: the last price, and what the book is worth at it. coming: what is at work.
        """
        if self._marks.next <= row:
            self._marks.reach(row + 1)
        if self._fills < len(self._venue.fills):
            self._remember_sides()
        self._equity = equity if self._marks_are_closes else self._equity_at(row)
        self._price, self._now = price, self._opens[row] + self._interval_ms
        self._plain = coming is NOTHING
        self._desk.begin()

    def let_through(self, order: Order, state: AccountState) -> Verdict | None:
        desk, price = self._desk, state.last_price
        if self._plain and price is not None and not desk.may_stack and self._clears(order, state, price):
            desk.let_out(OWN, order, order.stop_loss, price)
            return None
        self._marks.write()
        return desk.let_through(order, self._instrument, OWN, price)

    def refused(self, at: Instant, codes: tuple[RefusalCode, ...], detail: str) -> None:
        """An order was refused before it came to the limits."""
        self._desk.words.append(GateWord.no(at, OWN, self._instrument.symbol, codes, detail))

    def told(self, word: GateWord) -> None:
        """What is said of a position, of which nobody asked."""
        self._desk.words.append(word)

    def went_out(self, order: Order) -> None:
        """An order goes out that asked no limit, since it only reduces; after those that did, it counts like them."""
        assert self._price is not None
        self._desk.let_out(OWN, order, None, self._price)

    def distances(self, price: Decimal) -> tuple[Measured, ...]:
        """How far everything is from every limit at the close of the last bar, whose last price it is."""
        coming = self._controller.on_the_way(self._instrument.symbol)
        self.begin(len(self._opens) - 1, price, self._book.equity(price), coming)
        self._marks.write()
        return self._desk.distances((OWN,), self._now)

    def _clears(self, order: Order, state: AccountState, price: Decimal) -> bool:
        own = self._controller.stop_of(order.symbol) if state.position else None
        if not self._clearance.clears(order, state, own, self._book.wallet, self._equity, self._marks):
            return False
        if self._distance_min and not self._is_far(order, state):
            return False
        if not self._asks_of_stops or order.effect is Effect.REDUCE or (order.stop_loss is None and own is None):
            return True
        return not self._desk.is_reached(stop, order, self._instrument, OWN, price)

    def _is_far(self, order: Order, state: AccountState) -> bool:
        """The position the order leads to, as long as it is the one that is held, made larger, or a new one."""
        book, position, price = self._book, state.position, state.last_price
        assert price is not None
        assert self._brackets is not None, "without brackets no distance is asked for"
        basis, margin = book.basis, book.margin
        if not position:
            basis = margin = ZERO
        elif position != book.position:
            return False
        if order.effect is Effect.INCREASE:
            signed = order.side.sign * order.quantity
            if position and (signed > ZERO) is not (position > ZERO):
                return False
            added = signed * (price if order.price is None else order.price)
            position, basis = position + signed, basis + added
            margin += added.copy_abs() / book.leverage
        table = self._brackets.at(self._now)
        return is_farther(self._distance_min, position, basis, margin, price=price, table=table)

    # -- the books, as the desk wants them ------------------------------------------------

    def worth(self, whose: str) -> tuple[Decimal, Decimal]:
        return (self._equity if whose == ACCOUNT else self._book.wallet), self._equity

    def held(self, whose: str, whom: Collection[str]) -> Iterable[BookOn]:  # noqa: ARG002 - there is one strategy
        book, price, symbol = self._book, self._price, self._instrument.symbol
        assert price is not None
        working = self._controller.working(symbol)
        margin = None
        if whose == ACCOUNT and self._brackets is not None:
            backing = Backing(mode=MarginMode.ISOLATED, wallet=book.margin)
            margin = MarginFacts(basis=book.basis, backing=backing, leverage=book.leverage, brackets=self._brackets)
        yield BookOn(
            symbol=symbol,
            position=book.position,
            price=price,
            price_known_at=self._now,
            stop=self._controller.stop_of(symbol),
            working=tuple(
                Working(order.side, left, price if order.price is None else order.price, order.stop_loss)
                for order, left, _ in working
                if order.effect is Effect.INCREASE
            ),
            open_orders=len(working),
            margin=margin,
        )
