"""Where an order's time goes: ``python -m benchmarks.order_profile [BARS]``, microseconds per part.

The cross of 20/50 is run in turns as it is, with its answers dropped, and with
a stopwatch at the door of every part. A part's time is its own: what it calls
of other parts is theirs, and what the stopwatches themselves take is taken off.
What no stopwatch stands at is the rest, up to the difference of the first two
runs, which is what ``order-path`` publishes. All of it is processor time.
"""

import argparse
import gc
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from benchmarks.contenders.qts_orders import UNDER_LIMITS, Mute
from benchmarks.contenders.qts_run import Cross, market
from benchmarks.figures.order_parts import (
    BAR,
    BOOK,
    COLLECTOR,
    DECISION,
    DESK,
    JOURNAL,
    LIMITS,
    MACHINE,
    REST,
    VENUE,
    WHOLE,
)
from benchmarks.measuring import report
from qts.domain.book import Book
from qts.execution.controller import ExecutionController
from qts.execution.cycle import DecisionCycle
from qts.execution.journal import Journal
from qts.market.dataset import Dataset
from qts.simulation import backtest
from qts.simulation.bar_market import BarMarket
from qts.simulation.direct_line import DirectLine
from qts.simulation.run_limits import RunLimits
from qts.simulation.trade_log import TradeLog
from qts.simulation.venue import Venue
from qts.strategy.strategy import Strategy

_TURNS = 5
_CALIBRATION_CALLS = 200_000

Doors = Mapping[str, tuple[tuple[type, str], ...]]
DOORS: Doors = {
    DECISION: ((DecisionCycle, "plan"),),
    LIMITS: tuple((RunLimits, name) for name in ("begin", "let_through", "changed")),
    DESK: ((backtest._Run, "_decide"),),
    MACHINE: (
        (DirectLine, "tell"),
        (ExecutionController, "handle"),
        (ExecutionController, "on_the_way"),
    ),
    JOURNAL: ((Journal, "add"),),
    VENUE: (
        (BarMarket, "step"),
        (BarMarket, "quiet_until"),
        (Venue, "send"),
        (Venue, "execute"),
    ),
    BOOK: (
        (Book, "fill"),
        (Book, "check"),
        (Book, "holding"),
        (Book, "equity"),
        (TradeLog, "add_fill"),
        (TradeLog, "finish"),
    ),
    BAR: ((backtest._Run, "_happen"),),
}


class Stopwatches:
    """ns, calls: by part. inner: calls of any part made from inside the part, which pay for their own stopwatch."""

    def __init__(self) -> None:
        self.ns: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.inner: Counter[str] = Counter()
        self._open: list[list[Any]] = []
        self._replaced: list[tuple[type, str, Any]] = []
        self._collecting_since = 0

    def stand_at(self, doors: Doors) -> None:
        if doors:
            gc.callbacks.append(self.heard_of_collector)
        for part, methods in doors.items():
            for owner, name in methods:
                method = owner.__dict__[name]
                self._replaced.append((owner, name, method))
                setattr(owner, name, self.timed(part, method))

    def heard_of_collector(self, phase: str, _: dict[str, int]) -> None:
        """The garbage collector is a part of its own, wherever it comes in between."""
        if phase == "start":
            self._open.append([COLLECTOR, 0])
            self._collecting_since = time.thread_time_ns()
            return
        took = time.thread_time_ns() - self._collecting_since
        self._open.pop()
        self.ns[COLLECTOR] += took
        if self._open:
            self._open[-1][1] += took

    def leave(self) -> None:
        if self.heard_of_collector in gc.callbacks:
            gc.callbacks.remove(self.heard_of_collector)
        for owner, name, method in self._replaced:
            setattr(owner, name, method)
        self._replaced.clear()

    def timed(self, part: str, method: Callable[..., Any]) -> Callable[..., Any]:
        ns, calls, inner, waiting, clock = self.ns, self.calls, self.inner, self._open, time.thread_time_ns

        @wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            mine: list[Any] = [part, 0]
            waiting.append(mine)
            start = clock()
            try:
                return method(*args, **kwargs)
            finally:
                took = clock() - start
                waiting.pop()
                ns[part] += took - mine[1]
                calls[part] += 1
                if waiting:
                    outer = waiting[-1]
                    outer[1] += took
                    inner[outer[0]] += 1

        return timed


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One run. seconds: of the processor. orders: how many it sent."""

    seconds: float
    orders: int
    watches: Stopwatches


def main() -> None:
    parser = argparse.ArgumentParser(description="where an order's time goes")
    parser.add_argument("bars", nargs="?", type=int, default=100_000)
    dataset = market(parser.parse_args().bars)
    _taken(dataset, Cross(), {})
    spoken, silent, watched, mute = [], [], [], []
    for _ in range(_TURNS):
        spoken.append(_taken(dataset, Cross(), {}))
        silent.append(_taken(dataset, Mute(), {}))
        watched.append(_taken(dataset, Cross(), DOORS))
        mute.append(_taken(dataset, Mute(), DOORS))
    orders = spoken[0].orders
    costs = _stopwatch_costs(spoken, watched)
    parts = {
        part: (_own_ns(watched, part, costs) - _own_ns(mute, part, costs)) / orders / 1000
        for part in (*DOORS, COLLECTOR)
    }
    whole = (_median_s(spoken) - _median_s(silent)) / orders * 1e6
    parts |= {REST: whole - sum(parts.values()), WHOLE: whole}
    print(f"{orders} orders, {_TURNS} turns, medians")
    for part, each in parts.items():
        print(f"{each:8.1f} us  {part}")
    report(orders=orders, **parts)


def _taken(dataset: Dataset, strategy: Strategy, doors: Doors) -> Taken:
    watches = Stopwatches()
    watches.stand_at(doors)
    try:
        start = time.process_time()
        result = backtest.run_backtest(dataset, strategy, UNDER_LIMITS)
        result.digest  # noqa: B018 - certifying the orders is part of their cost
        seconds = time.process_time() - start
    finally:
        watches.leave()
    return Taken(seconds=seconds, orders=len(result.orders), watches=watches)


def _median_s(runs: Sequence[Taken]) -> float:
    return statistics.median(run.seconds for run in runs)


def _own_ns(runs: Sequence[Taken], part: str, costs: tuple[float, float]) -> float:
    """Nanoseconds of a part in a run, less what the stopwatches took."""
    inside, outside = costs
    return statistics.median(
        run.watches.ns[part] - inside * run.watches.calls[part] - outside * run.watches.inner[part] for run in runs
    )


def _stopwatch_costs(plain: Sequence[Taken], watched: Sequence[Taken]) -> tuple[float, float]:
    """Nanoseconds a stopwatch adds to a call, inside its own time and outside it, where they fall to the caller.

    Both together are what the watched runs took longer; how they divide is seen on a method that does nothing.
    """
    both = (_median_s(watched) - _median_s(plain)) * 1e9 / watched[0].watches.calls.total()
    watches = Stopwatches()
    timed = watches.timed("nothing", lambda: None)
    start = time.thread_time_ns()
    for _ in range(_CALIBRATION_CALLS):
        timed()
    share = watches.ns["nothing"] / (time.thread_time_ns() - start)
    return both * share, both * (1 - share)


if __name__ == "__main__":
    main()
