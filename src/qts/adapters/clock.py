"""The wall clock and the stopwatch. The only place that asks what time it is, or how long something took."""

import time

from qts.domain.instant import Instant


def now() -> Instant:
    """The present instant, ms UTC."""
    return time.time_ns() // 1_000_000


def stopwatch() -> int:
    """Nanoseconds from a point that means nothing by itself; never less than before."""
    return time.perf_counter_ns()
