"""Taking a figure: contenders in turns, each time in a fresh process on one core, medians over the rounds.

Turns, not blocks, so that a slow minute of the machine hits everyone. A
contender that cannot run is told with its reason and costs the others nothing.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Contender, Environment, Figure, Quantity

PROJECT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 600
_INTERPRETERS = {
    Environment.QTS: Path(sys.executable),
    Environment.COMPILED: PROJECT / ".venv-compiled" / "bin" / "python",
    Environment.NAUTILUS: PROJECT / ".venv-bench-nautilus" / "bin" / "python",
}
_VALUE_OF: Mapping[Quantity, Callable[[Mapping[str, float]], float]] = {
    Quantity.BARS_PER_SECOND: lambda told: told["bars"] / told["processor_s"],
    Quantity.PROCESS_SECONDS: lambda told: told["process_s"],
    Quantity.MICROSECONDS_PER_ORDER: lambda told: told["us_per_order"],
    Quantity.EXTRA_BYTES_PER_BAR: lambda told: told["extra_bytes"] / told["bars"],
    Quantity.MILLISECONDS: lambda told: told["wall_s"] * 1000,
    Quantity.SCENARIOS_PER_SECOND: lambda told: told["scenarios"] / told["processor_s"],
    Quantity.SECONDS_PER_DAY: lambda told: told["processor_s"] / told["days"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One contender's numbers. value: median over rounds, in the figure's unit; None with a reason in ``absent``."""

    contender: str
    value: float | None
    lowest: float | None
    highest: float | None
    rounds: int
    equity: float | None
    trades: int | None
    calibration_ms: tuple[float, ...]
    absent: str


def take(figure: Figure, rounds: int) -> list[Taken]:
    """Every contender's numbers, in the figure's order."""
    reports: dict[str, list[dict[str, float]]] = {contender.name: [] for contender in figure.contenders}
    absent: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="qts-bench-") as folder:
        for contender in figure.contenders:
            absent[contender.name] = _prepare(contender, Path(folder))
        for turn in range(rounds):
            runs: dict[tuple[tuple[str, ...], Environment], dict[str, float] | str] = {}
            for contender in figure.contenders:
                if absent[contender.name] or turn >= contender.rounds_max:
                    continue
                run = (contender.command, contender.environment)
                is_shared = run in runs
                if not is_shared:
                    runs[run] = _run(*run, Path(folder))
                told = runs[run]
                if isinstance(told, str):
                    absent[contender.name] = told
                else:
                    reports[contender.name].append(_without_calibration(told) if is_shared else told)
    return [_taken(figure.quantity, each, reports[each.name], absent[each.name]) for each in figure.contenders]


def _without_calibration(told: Mapping[str, float]) -> dict[str, float]:
    """The loop ran once in the process that several contenders share, and is told once."""
    return {name: value for name, value in told.items() if name != "calibration_ms"}


def _prepare(contender: Contender, folder: Path) -> str:
    """'' when it can run, else why not."""
    if not _INTERPRETERS[contender.environment].exists():
        return f"its environment ({_INTERPRETERS[contender.environment].parts[-3]}) is not installed"
    if contender.environment is Environment.COMPILED:
        told = _run(("-m", "tools.compiled"), contender.environment, folder)
        if isinstance(told, str):
            return told
    if contender.prepare:
        told = _run(contender.prepare, contender.environment, folder)
        return told if isinstance(told, str) else ""
    return ""


def _run(command: tuple[str, ...], environment: Environment, folder: Path) -> dict[str, float] | str:
    """What the process reported and its own wall time, or why it could not run."""
    words = [str(_INTERPRETERS[environment]), *(word.replace("{folder}", str(folder)) for word in command)]
    if shutil.which("taskset"):
        words = ["taskset", "--cpu-list", str(max(os.sched_getaffinity(0))), *words]
    home = tempfile.mkdtemp(dir=folder)
    settings = {**os.environ, "QTS_HOME": str(Path(home) / "home"), "PYTHONPATH": str(PROJECT)}
    start = time.perf_counter()
    try:
        done = subprocess.run(
            words, cwd=PROJECT, env=settings, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it took more than {TIMEOUT_S} s"
    wall = time.perf_counter() - start
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    last = (done.stdout.strip().splitlines() or [""])[-1]
    told: Mapping[str, float] = json.loads(last) if last.startswith("{") else {}
    return {**told, "process_s": wall}


def _taken(quantity: Quantity, contender: Contender, reports: list[dict[str, float]], absent: str) -> Taken:
    values = sorted(told[contender.reading] if contender.reading else _VALUE_OF[quantity](told) for told in reports)
    first = reports[0] if reports else {}
    trades = first.get("trades")
    return Taken(
        contender=contender.name,
        value=statistics.median(values) if values else None,
        lowest=values[0] if values else None,
        highest=values[-1] if values else None,
        rounds=len(values),
        equity=first.get("equity"),
        trades=None if trades is None else int(trades),
        calibration_ms=tuple(round(told["calibration_ms"], 1) for told in reports if "calibration_ms" in told),
        absent=absent,
    )
