"""Several strategies asked side by side, so that what goes wrong in one stays in that one.

Each enabled strategy is asked on each of its symbols that has a view, by id and
then symbol. An exception, a NaN, an answer that is none, a flood, or (where the
settings say so) a slow call halts that strategy alone, on all its symbols, and
nothing it said in that round counts. What the others answer is exactly what they
would answer without it: each instance runs in a context of its own, so that a
decimal context or numpy error state it leaves behind reaches nobody.

``NotWarm`` is silence, and a strategy is not asked during its warm-up.

Only the user may interrupt: ``KeyboardInterrupt`` goes through. A call that
never returns, or ends the process, cannot be contained here; in paper and live
each strategy is in a process of its own (``app/strategy_host.py``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import CoroutineType, MappingProxyType
from typing import Final, TypeAlias

from qts.domain.errors import PolicyError
from qts.domain.fill import Fill
from qts.domain.instant import Instant
from qts.domain.plain_enum import plain_members
from qts.domain.value import value
from qts.market.view import NotWarm, View
from qts.strategy.blame import own_line, told_briefly
from qts.strategy.flood import FloodLimit, TokenBucket
from qts.strategy.intent import Action, Intent, NotANumber, Targets
from qts.strategy.registry import Key, Seat, StrategyRegistry

Stopwatch: TypeAlias = Callable[[], int]
"""Nanoseconds from any fixed point; given by the shell."""


@plain_members
class HaltCause(StrEnum):
    """Why a strategy was halted. The last two are of a strategy in a process of its own."""

    EXCEPTION = "exception"
    NOT_A_NUMBER = "not-a-number"
    WRONG_TYPE = "wrong-type"  # an answer that is none: of another type, or about a symbol it was not asked about
    FLOOD = "flood"
    SLOW = "slow"
    DIED = "died"
    NONSENSE = "nonsense"


@plain_members
class OnSlow(StrEnum):
    """What follows a slow call. In a backtest it is reported only: the machine's mood must not change a result."""

    REPORT = "report"
    HALT = "halt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """slow_ns: what one call may take, nanoseconds, above 0; measured only where there is a stopwatch.

    Who halts on it times every call. Who only reports reads the stopwatch twice a round: a round that took longer
    than slow_ns is told as a whole, and the calls of the next 64 rounds are timed one by one, of twice as many
    each time it happens again. So a call that is slow once is told without its name, and calls that are slow
    now and then are named in the end; many that are each below slow_ns are only ever told together.
    """

    slow_ns: int = 1_000_000_000
    on_slow: OnSlow = OnSlow.REPORT

    def __post_init__(self) -> None:
        if self.slow_ns <= 0:
            raise PolicyError(f"slow_ns must be above 0, not {self.slow_ns}")


@value
class Said:
    """One strategy's answer on one symbol: one intent or more, or targets."""

    strategy_id: str
    symbol: str
    answer: tuple[Intent, ...] | Targets


@value
class Halted:
    """detail: what happened, with file and line of the strategy's own code where there is one."""

    strategy_id: str
    symbol: str
    cause: HaltCause
    detail: str


@value
class Slow:
    strategy_id: str
    symbol: str
    took_ns: int


@value
class Round:
    """What came of one round; who stayed silent is absent. All by strategy id and then symbol.

    slow_round_ns: what the round took where that was too long and no call of it was timed; else 0.
    """

    now: Instant
    answers: tuple[Said, ...] = ()
    halted: tuple[Halted, ...] = ()
    slow: tuple[Slow, ...] = ()
    slow_round_ns: int = 0


LOOKS_FIRST: Final = 64
"""Rounds whose calls are timed one by one after the first round that was slow."""


class _Faulty(Exception):  # noqa: N818 - carries a cause from the checks to the halt
    def __init__(self, cause: HaltCause, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


class Multiplexer:
    """Asks the strategies of a registry. stopwatch: None where time has no say."""

    def __init__(
        self,
        registry: StrategyRegistry,
        flood: FloodLimit | None = None,
        pace: Pace | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._registry = registry
        self._flood = FloodLimit() if flood is None else flood
        self._pace = Pace() if pace is None else pace
        self._stopwatch = stopwatch
        self._looks_left = 0
        self._looks_next = LOOKS_FIRST
        self._seen_version = -1
        self._seats: tuple[Seat, ...] = ()
        self._buckets: dict[str, tuple[tuple[Seat, ...], TokenBucket]] = {}

    def started(self, now: Instant) -> Round:
        """A run begins: every enabled strategy hears ``on_start``."""
        self._buckets = {}
        self._renew()
        gathered = _Gathered(now, self._registry, self._pace)
        for seat in self._seats:
            seat.renew()
            self._start(seat, gathered)
        return gathered.round()

    def told(self, strategy_id: str, fill: Fill) -> Round:
        """A fill of the strategy's own, before it is next asked; one that may not speak is not told."""
        gathered = _Gathered(fill.occurred_at, self._registry, self._pace)
        seat = self._registry.by_key.get((strategy_id, fill.symbol))
        if seat is not None and (seat.started or self._start(seat, gathered)):
            self._tell(seat, "on_fill", gathered, fill)
        return gathered.round()

    def ask(self, views: Mapping[Key, View], now: Instant) -> Round:
        """One round at a bar's close. views: by strategy id and symbol; a strategy without one is not asked on it.

        A strategy that came since the last round hears ``on_start`` first.
        """
        gathered = _Gathered(now, self._registry, self._pace)
        if self._registry.version != self._seen_version:
            self._welcome(gathered)
        clock, slow_ns, find, out = self._stopwatch_of_calls(), self._pace.slow_ns, views.get, gathered.out
        round_began = self._stopwatch() if clock is None and self._stopwatch is not None else None
        began = 0
        for seat in self._seats:
            key = seat.key
            view = find(key)
            if view is None or key[0] in out or (seat.warmup and view.bar_number < seat.warmup):
                continue
            seat.asked += 1
            if clock is not None:
                began = clock()
            try:
                answer = seat.context.run(seat.strategy.on_bar, view)
                said = None if answer is None else self._checked(seat, answer)
            except NotWarm:
                said = None
            except BaseException as error:
                gathered.halt(seat, error)
                continue
            if said is not None:
                gathered.said.append(said)
            if clock is not None and (took := clock() - began) > slow_ns:
                gathered.was_slow(seat, took)
        if round_began is not None and self._stopwatch is not None:
            self._look_closer(self._stopwatch() - round_began, gathered)
        return gathered.round()

    def _stopwatch_of_calls(self) -> Stopwatch | None:
        """The stopwatch, in a round whose calls are timed one by one."""
        if self._stopwatch is None or self._pace.on_slow is OnSlow.HALT:
            return self._stopwatch
        if not self._looks_left:
            return None
        self._looks_left -= 1
        return self._stopwatch

    def _look_closer(self, took_ns: int, gathered: "_Gathered") -> None:
        """The round took so long; where that was too long, the next ones tell whose calls it is."""
        if took_ns > self._pace.slow_ns:
            gathered.slow_round_ns = took_ns
            self._looks_left, self._looks_next = self._looks_next, self._looks_next * 2

    def _checked(self, seat: Seat, answer: object) -> Said | None:
        """The answer as it goes on. Looking at it may run code of the strategy's, and is done in its context too."""
        strategy_id, symbol = seat.key
        if isinstance(answer, list) and list.__len__(answer) > self._flood.burst * len(self._buckets[strategy_id][0]):
            raise _Faulty(HaltCause.FLOOD, f"{list.__len__(answer)} intents at once on {symbol}")
        said = seat.context.run(_answer_of, answer, symbol)
        if isinstance(said, tuple) and not said:
            return None
        intents = len(said.weights) if isinstance(said, Targets) else len(said)
        seats, bucket = self._buckets[strategy_id]
        if not bucket.takes(intents, sum(each.asked for each in seats)):
            raise _Faulty(HaltCause.FLOOD, f"{intents} intents at once on {symbol}, after what it said before")
        return Said(strategy_id, symbol, said)

    def _renew(self) -> None:
        """Take over who is enabled now; buckets go with the instances they are for."""
        self._seats = self._registry.seats
        self._seen_version = self._registry.version
        by_id: dict[str, list[Seat]] = {}
        for seat in self._seats:
            by_id.setdefault(seat.key[0], []).append(seat)
        buckets = {}
        for strategy_id, seats in by_id.items():
            known = self._buckets.get(strategy_id)
            if known is None or known[0][0] is not seats[0]:
                known = (tuple(seats), TokenBucket(self._flood, len(seats)))
            buckets[strategy_id] = known
        self._buckets = buckets

    def _welcome(self, gathered: "_Gathered") -> None:
        """Take over what changed in the registry; who is new hears ``on_start``."""
        self._renew()
        for seat in self._seats:
            if not seat.started:
                self._start(seat, gathered)

    def _start(self, seat: Seat, gathered: "_Gathered") -> bool:
        """Whether it may go on."""
        if seat.key[0] in gathered.out:
            return False
        seat.started = True
        return self._tell(seat, "on_start", gathered)

    def _tell(self, seat: Seat, what: str, gathered: "_Gathered", *facts: Fill) -> bool:
        began = 0 if self._stopwatch is None else self._stopwatch()
        try:
            seat.context.run(getattr(seat.strategy, what), *facts)
        except BaseException as error:
            gathered.halt(seat, error)
            return False
        if self._stopwatch is not None and (took := self._stopwatch() - began) > self._pace.slow_ns:
            gathered.was_slow(seat, took)
        return seat.key[0] not in gathered.out


class _Gathered:
    """A round in the making. ``out``: the strategies halted in it."""

    def __init__(self, now: Instant, registry: StrategyRegistry, pace: Pace) -> None:
        self._now = now
        self._registry = registry
        self._pace = pace
        self.out: set[str] = set()
        self.said: list[Said] = []
        self.slow_round_ns = 0
        self._halted: list[Halted] = []
        self._slow: list[Slow] = []

    def halt(self, seat: Seat, error: BaseException) -> None:
        """Blame the strategy for whatever it raised; the user's interrupt is raised again."""
        if isinstance(error, KeyboardInterrupt):
            raise error
        place = own_line(error, type(seat.strategy).__module__)
        words = str(error) if isinstance(error, _Faulty) else told_briefly(error)
        self._halt(seat, _cause_of(error), f"{words} ({place})" if place else words)

    def was_slow(self, seat: Seat, took_ns: int) -> None:
        self._slow.append(Slow(*seat.key, took_ns))
        if self._pace.on_slow is OnSlow.HALT:
            words = f"took {took_ns // 1_000_000} ms of the {self._pace.slow_ns // 1_000_000} ms it has"
            self._halt(seat, HaltCause.SLOW, words)

    def _halt(self, seat: Seat, cause: HaltCause, detail: str) -> None:
        strategy_id, symbol = seat.key
        self.out.add(strategy_id)
        self._halted.append(Halted(strategy_id, symbol, cause, detail))
        self.said = [each for each in self.said if each.strategy_id != strategy_id]
        self._registry.halt(strategy_id, f"{cause} on {symbol}: {detail}")

    def round(self) -> Round:
        halted = sorted(self._halted, key=lambda each: (each.strategy_id, each.symbol))
        slow = sorted(self._slow, key=lambda each: (each.strategy_id, each.symbol))
        return Round(self._now, tuple(self.said), tuple(halted), tuple(slow), self.slow_round_ns)


def _cause_of(error: BaseException) -> HaltCause:
    if isinstance(error, _Faulty):
        return error.cause
    return HaltCause.NOT_A_NUMBER if isinstance(error, NotANumber) else HaltCause.EXCEPTION


_ADVICE: Final = "on_bar returns buy(...), sell(...), close(), protect(...), Targets({...}), a list of intents, or None"


def _answer_of(answer: object, symbol: str) -> tuple[Intent, ...] | Targets:
    """The answer as values that nobody can change any more. Raises _Faulty and NotANumber."""
    if type(answer) is Targets:
        return _targets_of(answer, symbol)
    if type(answer) is Intent:
        intents: tuple[object, ...] = (answer,)
    elif isinstance(answer, list):
        intents = tuple(list.__getitem__(answer, slice(None)))
    elif isinstance(answer, tuple):
        intents = tuple.__getitem__(answer, slice(None))
    else:
        if isinstance(answer, CoroutineType):
            answer.close()  # else Python complains later, in somebody else's name
        raise _Faulty(HaltCause.WRONG_TYPE, f"returned a {type(answer).__name__}; {_ADVICE}")
    return tuple(_intent_of(each, symbol) for each in intents)


def _intent_of(said: object, symbol: str) -> Intent:
    if type(said) is not Intent or type(said.action) is not Action:
        raise _Faulty(HaltCause.WRONG_TYPE, f"returned a list with a {type(said).__name__} in it; {_ADVICE}")
    if said.symbol is not None and said.symbol != symbol:
        raise _Faulty(HaltCause.WRONG_TYPE, f"speaks of {said.symbol!r} when asked about {symbol}")
    return said


def _targets_of(said: Targets, symbol: str) -> Targets:
    """Its weights copied and judged anew: the mapping is still in the strategy's hands."""
    weights: dict[str, float] = {}
    for named, weight in said.weights.items():
        if type(named) is not str or named != symbol:
            raise _Faulty(HaltCause.WRONG_TYPE, f"gives a target for {named!r} when asked about {symbol}")
        if named in weights:
            raise _Faulty(HaltCause.WRONG_TYPE, f"gives two targets for {symbol}")
        weights[named] = weight if type(weight) in (int, float) else Targets({named: weight}).weights[named]
    return Targets(MappingProxyType(weights))
