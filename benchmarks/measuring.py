"""What a contender's process measures of itself: time, memory, and how busy the machine was.

Used inside contenders only; it knows nothing of figures. Work is timed by the
processor time of the process: on one core it is the wall time of a quiet
machine, and a neighbour who takes the core for a while does not count. Wall
time is reported beside it. Memory is the highest resident size
during the work, above what was resident before it began (Linux; the high-water
mark is reset first, so that imports and input columns do not count).
"""

import ctypes
import gc
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")
_CALIBRATION_ROUNDS = 300_000
_STATUS = Path("/proc/self/status")


def measured(work: Callable[[], Result]) -> tuple[Result, dict[str, float]]:
    """``work`` done once, and: wall_s, processor_s, extra_bytes (NaN where the system does not tell)."""
    gc.collect()
    _return_free_memory()
    before = _resident_bytes("VmRSS")
    processor, wall = time.process_time(), time.perf_counter()
    result = work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = _resident_bytes("VmHWM")
    return result, {"wall_s": wall, "processor_s": processor, "extra_bytes": peak - before}


def report(**facts: Any) -> None:
    """One JSON object on the last line of the output."""
    print("\n" + json.dumps({**facts, "calibration_ms": calibration_ms()}), flush=True)


def calibration_ms() -> float:
    """The best of three turns of a fixed Python loop, milliseconds: the same number means the same conditions."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        total = 0
        for number in range(_CALIBRATION_ROUNDS):
            total += number
        best = min(best, time.perf_counter() - start)
    return best * 1000


def _return_free_memory() -> None:
    """Give freed pages back and restart the high-water mark, where the system can."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _resident_bytes(line: str) -> float:
    if not _STATUS.exists():
        return float("nan")
    found = next(text for text in _STATUS.read_text().splitlines() if text.startswith(line))
    return int(found.split()[1]) * 1024
