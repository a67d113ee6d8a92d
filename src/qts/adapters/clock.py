"""The wall clock. The only place that asks what time it is."""

import time

from qts.domain.instant import Instant


def now() -> Instant:
    """The present instant, ms UTC."""
    return time.time_ns() // 1_000_000
