"""How much a strategy may say and how long it may take, in bars and in a stopwatch's nanoseconds."""

import time
from collections.abc import Iterable

import pytest

from qts.domain.errors import PolicyError
from qts.market.view import View
from qts.strategy.flood import FloodLimit, TokenBucket
from qts.strategy.intent import Answer
from qts.strategy.multiplexer import HaltCause, Multiplexer, OnSlow, Pace
from qts.strategy.registry import StrategyRegistry
from qts.strategy.strategy import Strategy
from tests.generators import Silent
from tests.strategy.rounds import FILL, WISH, Buyer, Market, X, Y, one_round, registered

# -- floods ------------------------------------------------------------------------------


class Talks(Strategy):
    """words: how much it says on each bar."""

    words: int = 5

    def on_bar(self, view: View) -> Answer:
        return [WISH] * self.words


def bars_until_halted(words: int, flood: FloodLimit | None = None, symbols: Iterable[str] = (X,)) -> int:
    registry = StrategyRegistry()
    registry.register("a", lambda: Talks(words=words), symbols)
    heard = Market().rounds(Multiplexer(registry, flood), registry, 40)
    return next((row for row, each in enumerate(heard) if each.halted), 40)


def test_five_words_a_bar_are_no_flood_and_six_are_in_the_end() -> None:
    """Proves: P6-3"""
    assert bars_until_halted(5) == 40
    assert bars_until_halted(30) == 2, "60 at once, then 5 a bar: 30, 30 + 5 back, and then there are 10"
    assert bars_until_halted(60) == 1
    assert bars_until_halted(61) == 0


@pytest.mark.parametrize(("words", "bars"), [(1, 40), (2, 3), (4, 1), (5, 0)])
def test_the_limit_can_be_set(words: int, bars: int) -> None:
    assert bars_until_halted(words, FloodLimit(burst=4, refill=1)) == bars


def test_more_symbols_may_say_more() -> None:
    assert bars_until_halted(61) == 0
    assert bars_until_halted(61, symbols=(X, Y)) == 1


def test_a_bucket_is_full_again_after_a_silence_and_never_fuller() -> None:
    bucket = TokenBucket(FloodLimit(burst=4, refill=1), 1)
    assert bucket.takes(4, 1)
    assert not bucket.takes(2, 2)
    assert bucket.takes(4, 100)
    assert not bucket.takes(1, 100)


def test_meaningless_limits_are_refused() -> None:
    with pytest.raises(PolicyError, match="flood limit"):
        FloodLimit(burst=0)
    with pytest.raises(PolicyError, match="flood limit"):
        FloodLimit(refill=-1)
    with pytest.raises(PolicyError, match="slow_ns"):
        Pace(slow_ns=0)


# -- slowness ------------------------------------------------------------------------------


class Watch:
    """A stopwatch that a strategy's calls push forward: it says 0, 100, 200, ..."""

    def __init__(self, step: int) -> None:
        self._now, self._step = 0, step

    def __call__(self) -> int:
        self._now += self._step
        return self._now


def test_slowness_is_reported_and_changes_nothing() -> None:
    """Proves: P6-3"""
    registry = registered({"a": Buyer, "b": Silent})
    multiplexer = Multiplexer(registry, pace=Pace(slow_ns=99), stopwatch=Watch(100))
    multiplexer.started(0)
    first, second = Market().rounds(multiplexer, registry, 2)
    assert (first.slow, first.slow_round_ns) == ((), 100), "nobody knows whose call it was"
    assert [(each.strategy_id, each.took_ns) for each in second.slow] == [("a", 100), ("b", 100)]
    assert second.slow_round_ns == 0
    assert first.halted == second.halted == ()
    assert first.answers == second.answers == one_round({"a": Buyer, "b": Silent}).answers
    within = one_round({"a": Buyer}, pace=Pace(slow_ns=100), stopwatch=Watch(100))
    assert (within.slow, within.slow_round_ns) == ((), 0)


class Slowing:
    """A stopwatch under which the first strategy takes ten units on some rounds, and nobody else any time."""

    def __init__(self, slow_on: Iterable[int]) -> None:
        self._slow_on = frozenset(slow_on)
        self._now = self._round = self.read = 0

    def begin(self, number: int) -> None:
        self._round, self.read = number, 0

    def __call__(self) -> int:
        self.read += 1
        if self.read == 2 and self._round in self._slow_on:
            self._now += 10
        return self._now


def test_the_stopwatch_is_read_twice_a_round_until_a_round_is_slow_and_longer_each_time() -> None:
    """Proves: P6-3"""
    watch = Slowing({3, 5, 67, 68, 100, 200, 300})
    registry = registered({"a": Silent, "b": Silent, "c": Silent})
    multiplexer, market = Multiplexer(registry, pace=Pace(slow_ns=9), stopwatch=watch), Market()
    multiplexer.started(0)
    views, told, read = market.views(registry), [], []
    for number in range(320):
        watch.begin(number)
        told.append(multiplexer.ask(views, number))
        read.append(watch.read)
    closely = [*range(4, 68), *range(69, 197), *range(201, 320)]
    assert [row for row, times in enumerate(read) if times == 6] == closely, "64 rounds, then 128, then 256"
    assert set(read) == {2, 6}
    assert [row for row, each in enumerate(told) if each.slow_round_ns] == [3, 68, 200]
    assert [(row, each.slow[0].strategy_id) for row, each in enumerate(told) if each.slow] == [
        (5, "a"),
        (67, "a"),
        (100, "a"),
        (300, "a"),
    ]


def test_slowness_halts_where_the_settings_say_so() -> None:
    """Proves: P6-3"""
    pace = Pace(slow_ns=50_000_000, on_slow=OnSlow.HALT)

    class Sleeps(Buyer):
        def on_bar(self, view: View) -> Answer:
            time.sleep(0.2)
            return WISH

    heard = one_round({"a": Buyer, "b": Sleeps}, pace=pace, stopwatch=time.monotonic_ns)
    assert [each.strategy_id for each in heard.answers] == ["a"]
    (halted,) = heard.halted
    assert (halted.strategy_id, halted.cause) == ("b", HaltCause.SLOW)
    assert "of the 50 ms it has" in halted.detail


def test_a_slow_start_and_a_slow_fill_are_reported() -> None:
    registry = registered({"a": Silent})
    multiplexer = Multiplexer(registry, pace=Pace(slow_ns=1), stopwatch=Watch(5))
    assert [each.took_ns for each in multiplexer.started(1).slow] == [5]
    assert [each.took_ns for each in multiplexer.told("a", FILL).slow] == [5]
