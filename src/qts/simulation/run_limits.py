"""The staged limits in a backtest of one strategy, whose book is all that the account has.

Equity is marked at every close, and a peak between two orders is a peak. Since
nothing is read of the marks before the next order, they are caught up with then:
while the same position is held, equity rises and falls with the mark price, so
that the highest of a stretch is at its highest or lowest price, and a day begins
with the last close before it. An engine that visits every bar may tell each mark
by itself (``mark``); what is remembered then is the same.

Most orders are seen to be far from every limit by a few comparisons
(``Clearance``); only the others are measured by each.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from qts.domain.instant import DAY_MS, Duration, Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, Side
from qts.domain.refusal import RefusalCode
from qts.execution.controller import NOTHING, ExecutionController, OnTheWay
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
from qts.simulation.venue import Venue

OWN: Final = "strategy"
"""What the one strategy of a run is called among its limits."""
_BUY: Final = Side.BUY
_Change: TypeAlias = tuple[int, Decimal, Decimal, Decimal, int]
"""Row, then what is held since: position, wallet, basis; and how many fills there are."""


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
        self._marks = columns.mark_close
        self._opens: Sequence[int] = memoryview(columns.bars.opened_at)  # type: ignore[arg-type]
        self._next = 0  # the first row that is not marked
        self._changes: list[_Change] = []  # those the memory does not know
        self._fills = 0  # how many it knows, and the position they add up to
        self._filled = ZERO
        self._position, self._wallet, self._basis = ZERO, venue.book.wallet, ZERO
        self._price: Decimal | None = None
        self._now: Instant = 0
        self._plain = False

    @property
    def words(self) -> tuple[GateWord, ...]:
        """What the limits did, in order, and what was refused before it came to them."""
        return tuple(self._desk.words)

    # -- what happens -------------------------------------------------------------------

    def changed(self, row: int) -> None:
        """The book is another since something in bar ``row``, whose close is not marked yet."""
        book = self._book
        self._changes.append((row, book.position, book.wallet, book.basis, len(self._venue.fills)))

    def mark(self, row: int) -> None:
        """A bar closes. Inside ``exact_arithmetic()``, as all that follows."""
        self._catch_up(row)
        price = self._instrument.price(self._marks[row])
        self._memory.mark(self._book.equity(price), self._opens[row] + self._interval_ms)
        self._next = row + 1

    def _catch_up(self, end: int) -> None:
        """Mark the closes of all rows before ``end``, each with what was held then."""
        if self._changes:
            for row, position, wallet, basis, fills in self._changes:
                if self._next < row:
                    self._mark_until(row)
                self._position, self._wallet, self._basis = position, wallet, basis
                for fill in self._venue.fills[self._fills : fills]:
                    filled = self._filled = self._filled + (fill.quantity if fill.side is _BUY else -fill.quantity)
                    if filled:
                        self._memory.hold(fill.symbol, filled, fill.occurred_at)
                self._fills = fills
            self._changes.clear()
        if self._next < end:
            self._mark_until(end)

    def _mark_until(self, end: int) -> None:
        """The same while one position is held; there is such a row."""
        first, last, self._next = self._next, end - 1, end
        memory, position, opens = self._memory, self._position, self._opens
        at = opens[last] + self._interval_ms
        if position:
            equity = self._equity_at(last)
            stretch = self._marks[first:end]
            highest = self._equity_at(first + int(stretch.argmax() if position > ZERO else stretch.argmin()))
        else:
            equity = highest = self._wallet
        began, day = None, at // DAY_MS
        if day > memory.day or memory.equity is None:
            row = bisect_right(opens, day * DAY_MS - self._interval_ms, first, end) - 1
            began = self._equity_at(row) if row >= first else memory.equity
            if began is None:
                began = self._equity_at(first)
        memory.mark_stretch(equity, at, highest, began)

    def _equity_at(self, row: int) -> Decimal:
        return self._wallet + (self._position * self._instrument.price(self._marks[row]) - self._basis)

    # -- asking -------------------------------------------------------------------------

    def begin(self, row: int, price: Decimal, coming: OnTheWay) -> None:
        """Something is decided at the close of ``row``, whose last price it is. coming: what is at work."""
        self._catch_up(row + 1)
        self._price, self._now = price, self._opens[row] + self._interval_ms
        self._plain = coming is NOTHING
        self._desk.begin()

    def let_through(self, order: Order, state: AccountState) -> Verdict | None:
        desk, price = self._desk, state.last_price
        if self._plain and price is not None and not desk.may_stack and self._clears(order, state, price):
            desk.let_out(OWN, order, order.stop_loss, price)
            return None
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
        self.begin(len(self._marks) - 1, price, self._controller.on_the_way(self._instrument.symbol))
        return self._desk.distances((OWN,), self._now)

    def _clears(self, order: Order, state: AccountState, price: Decimal) -> bool:
        own = self._controller.stop_of(order.symbol) if state.position else None
        if not self._clearance.clears(order, state, own, self._book.wallet):
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
        equity = self._memory.equity
        assert equity is not None, "the close of the decision is marked"
        return (equity if whose == ACCOUNT else self._book.wallet), equity

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
