"""Which strategy calls were slow, in a run that does not care: told beside its result, and no part of it.

A backtest must come out the same on a busy machine, so nothing here is in a
record or a digest, and nothing follows from it. Whoever has a clock hands in its
stopwatch.
"""

from dataclasses import dataclass
from typing import Final

from qts.domain.instant import Instant
from qts.strategy.multiplexer import Pace, Round, Stopwatch

SLOW_NS: Final = 100_000_000
"""100 ms: what one call of a strategy may take before it is told of."""
KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class SlowCall:
    """at: the close it was asked at, ms UTC. strategy_id, symbol: '' for a round as a whole, whose calls none timed."""

    at: Instant
    strategy_id: str
    symbol: str
    took_ns: int

    @property
    def is_of_a_round(self) -> bool:
        return not self.strategy_id


class SlowCalls:
    """stopwatch, pace: for the multiplexer. count: how many were slow, calls and rounds."""

    def __init__(self, stopwatch: Stopwatch, slow_ns: int = SLOW_NS) -> None:
        self.stopwatch = stopwatch
        self.pace = Pace(slow_ns=slow_ns)
        self.count = 0
        self._slowest: list[SlowCall] = []

    def hear(self, heard: Round) -> None:
        calls = [SlowCall(heard.now, each.strategy_id, each.symbol, each.took_ns) for each in heard.slow]
        if heard.slow_round_ns:
            calls.append(SlowCall(heard.now, "", "", heard.slow_round_ns))
        if calls:
            self.count += len(calls)
            self._slowest = sorted([*self._slowest, *calls], key=lambda each: (-each.took_ns, each.at))[:KEPT]

    @property
    def slowest(self) -> tuple[SlowCall, ...]:
        """The slowest, slowest first, at most 20."""
        return tuple(self._slowest)
