"""What the limits remember: where the day began, the peak, when orders went out, who changed sides.

A fold of events, in the order of the journal, so a restart has it again; and as
plain values (``facts``, ``from_facts``), so a snapshot has it too. One memory
per book: the account's and each strategy's. Days are UTC days. What is older
than its window is forgotten.

An event that comes late, at an instant before the newest one, counts as if it
came at the newest: time does not run backwards here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final, TypeAlias

from qts.domain.errors import UsageError
from qts.domain.instant import DAY_MS, HOUR_MS, MINUTE_MS, Instant
from qts.domain.money import ZERO, exact_arithmetic, plain
from qts.domain.order import Side
from qts.domain.value import value

ACCOUNT: Final = "account"
"""The name of the account's book; no strategy has it."""


@value
class EquityMarked:
    """A book is worth so much, open positions included, quote."""

    whose: str
    equity: Decimal
    at: Instant


@value
class CapitalMoved:
    """Capital came into a book (above 0) or left it: neither a profit nor a loss.

    Every base moves in proportion to equity, so that a share which was lost
    stays lost: no deposit lifts a limit that stops, no withdrawal sets one off.
    """

    whose: str
    amount: Decimal
    at: Instant


@value
class OrderWentOut:
    whose: str
    symbol: str
    at: Instant


@value
class PositionHeld:
    """A book holds this position on a symbol now, signed base units."""

    whose: str
    symbol: str
    position: Decimal
    at: Instant


@value
class PeakReset:
    """A named operator lets a book trade on from where it is. by, reason: not empty."""

    whose: str
    by: str
    reason: str
    at: Instant

    def __post_init__(self) -> None:
        if not self.by.strip() or not self.reason.strip():
            raise UsageError("a peak is set anew by somebody, for a reason")


LimitEvent: TypeAlias = EquityMarked | CapitalMoved | OrderWentOut | PositionHeld | PeakReset


@dataclass(slots=True, kw_only=True)
class BookMemory:
    """One book. day_start: equity when the UTC day ``day`` began. sides: symbol to the side last held, 1 or -1.

    orders, reversals: by symbol, when an order went out and when the side changed.

    Its methods change it, each by what an event of that kind says; ``remembered`` changes a copy.
    """

    at: Instant = 0
    day: int = 0
    day_start: Decimal | None = None
    peak: Decimal | None = None
    equity: Decimal | None = None
    orders: dict[str, tuple[Instant, ...]] = field(default_factory=dict)
    reversals: dict[str, tuple[Instant, ...]] = field(default_factory=dict)
    sides: dict[str, int] = field(default_factory=dict)

    def copy(self) -> "BookMemory":
        return replace(self, sides=dict(self.sides), orders=dict(self.orders), reversals=dict(self.reversals))

    # -- reading ------------------------------------------------------------------------

    def day_start_at(self, now: Instant) -> Decimal | None:
        """Equity at the last UTC midnight: when no mark has come since, the last one before it. None: never marked."""
        return self.equity if now // DAY_MS > self.day else self.day_start

    def orders_within(self, window_ms: int, now: Instant, symbol: str | None) -> int:
        """Orders on the symbol in the last ``window_ms`` (at most a minute); None: on the symbol that had the most."""
        return _within(self.orders, window_ms, now, symbol)

    def reversals_within_hour(self, now: Instant, symbol: str | None) -> int:
        return _within(self.reversals, HOUR_MS, now, symbol)

    def would_reverse(self, symbol: str, side: Side) -> bool:
        """Whether a position on ``side`` would be one on the other side than the last."""
        return self.sides.get(symbol) == -side.sign

    # -- what happens -------------------------------------------------------------------

    def mark(self, equity: Decimal, at: Instant) -> None:
        """The book is worth so much."""
        self.mark_stretch(equity, at, equity, equity if at % DAY_MS == 0 else self.equity)

    def mark_stretch(self, equity: Decimal, at: Instant, highest: Decimal, began: Decimal | None) -> None:
        """What ``mark`` at each of many instants, ``at`` and ``equity`` the last of them, would have left.

        highest: the largest of their equities. began: equity at the last midnight not after ``at``, or at the last
        mark before it; None where this book was never marked before: then the first mark of all begins its day.
        """
        now = self._reach(at)
        day = now // DAY_MS
        if self.equity is None or day > self.day:
            self.day, self.day_start = day, equity if began is None else began
        if self.peak is None or highest > self.peak:
            self.peak = highest
        self.equity = equity

    def move_capital(self, amount: Decimal, at: Instant) -> None:
        """Kept to fifty digits and rounded up, so that what was lost stays lost, however little or much is left.

        Where there is no proportion, since equity was or becomes 0 or less, the bases move by the amount.
        """
        self._reach(at)
        before = self.equity
        if before is None:
            return
        with exact_arithmetic() as context:
            context.rounding = ROUND_CEILING
            after = before + amount

            def base(number: Decimal | None) -> Decimal | None:
                if number is None or before <= ZERO or after <= ZERO:
                    return None if number is None else number + amount
                return number * after / before

            self.equity, self.day_start, self.peak = after, base(self.day_start), base(self.peak)

    def count_order(self, symbol: str, at: Instant) -> None:
        now, orders = self._reach(at), self.orders.get(symbol)
        if orders is None or now - orders[-1] >= MINUTE_MS:
            self.orders[symbol] = (now,)
        else:
            self.orders[symbol] = (*(sent for sent in orders if now - sent < MINUTE_MS), now)

    def hold(self, symbol: str, position: Decimal, at: Instant) -> None:
        now = self._reach(at)
        if not position:
            return  # flat in between does not make a change of sides smaller
        side, last = (1 if position > ZERO else -1), self.sides.get(symbol)
        if side == last:
            return
        self.sides[symbol] = side
        if last is not None:
            before = self.reversals.get(symbol, ())
            self.reversals[symbol] = (*(each for each in before if now - each < HOUR_MS), now)

    def reset_peak(self, at: Instant) -> None:
        self._reach(at)
        self.peak = self.equity

    def _reach(self, at: Instant) -> Instant:
        self.at = at = max(self.at, at)
        return at


def _within(times: Mapping[str, Iterable[Instant]], window_ms: int, now: Instant, symbol: str | None) -> int:
    asked = times.values() if symbol is None else (times.get(symbol, ()),)
    return max((sum(now - at < window_ms for at in each) for each in asked), default=0)


NEVER_SEEN: Final = BookMemory()


@dataclass(frozen=True, slots=True)
class LimitState:
    """All memories, by the name of the book."""

    books: Mapping[str, BookMemory] = field(default_factory=dict)

    def of(self, whose: str) -> BookMemory:
        return self.books.get(whose, NEVER_SEEN)

    def facts(self) -> tuple[object, ...]:
        """Everything remembered, as plain values."""
        return tuple((name, *_memory_facts(memory)) for name, memory in sorted(self.books.items()))

    @staticmethod
    def from_facts(facts: Iterable[Any]) -> "LimitState":
        """What ``facts`` said; lists, as JSON has them, are as good as tuples."""
        return LimitState({name: _memory(rest) for name, *rest in facts})


def remembered(state: LimitState, event: LimitEvent) -> LimitState:
    """The state after an event; the one handed in stays as it is."""
    memory = state.of(event.whose).copy()
    match event:
        case EquityMarked(equity=equity):
            memory.mark(equity, event.at)
        case CapitalMoved(amount=amount):
            memory.move_capital(amount, event.at)
        case OrderWentOut():
            memory.count_order(event.symbol, event.at)
        case PositionHeld(symbol=symbol, position=position):
            memory.hold(symbol, position, event.at)
        case PeakReset():
            memory.reset_peak(event.at)
    return LimitState({**state.books, event.whose: memory})


def folded(events: Iterable[LimitEvent], state: LimitState | None = None) -> LimitState:
    """What is remembered after all of them."""
    state = LimitState() if state is None else state
    for event in events:
        state = remembered(state, event)
    return state


def _memory_facts(memory: BookMemory) -> tuple[object, ...]:
    numbers = (memory.day_start, memory.peak, memory.equity)
    return (
        memory.at,
        memory.day,
        *(None if number is None else plain(number) for number in numbers),
        *(tuple(sorted(each.items())) for each in (memory.orders, memory.reversals, memory.sides)),
    )


def _memory(facts: Iterable[Any]) -> BookMemory:
    at, day, day_start, peak, equity, orders, reversals, sides = facts
    day_start, peak, equity = (None if each is None else Decimal(each) for each in (day_start, peak, equity))
    return BookMemory(
        at=at,
        day=day,
        day_start=day_start,
        peak=peak,
        equity=equity,
        orders={symbol: tuple(times) for symbol, times in orders},
        reversals={symbol: tuple(times) for symbol, times in reversals},
        sides=dict(sides),
    )
