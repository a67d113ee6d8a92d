"""Runs many scenarios, in several processes, and says what happened in them and what broke.

    python -m tests.simulation.campaign.campaign --seeds 500 --crash-points 5 --jobs 2
    python -m tests.simulation.campaign.campaign --seeds 2000 --first 4000 --crash-points 0    seeds 4000 to 5999
    python -m tests.simulation.campaign.campaign --only 17            one seed, with its last events
    python -m tests.simulation.campaign.campaign --only 17 --shrink   and the smallest plan that fails alike, stored
    python -m tests.simulation.campaign.campaign --run regressions/liv-01-6.json   a stored plan, with its events

A campaign in which too little happened fails, whatever it found.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation.campaign.crash_points import CRASH_POINTS
from tests.simulation.campaign.scenario import Outcome
from tests.simulation.campaign.shrink import shrunk, store
from tests.simulation.campaign.subject import run, run_plan
from tests.simulation.campaign.swarm import FAMILIES, Plan, draw, plan_from_json

Task = tuple[int, str | None]

# What must happen at least this often for every hundred ordinary scenarios, and wherever it is due ten times or more.
PER_HUNDRED = {
    "fills": 3_000,
    "sends": 3_000,
    "unknown": 50,
    "stops triggered": 200,
    "late fills": 5,
    "fill before ack": 50,
    "fills heard again": 20,
    "further attempts": 20,
    "unknown -> accepted": 20,
    "unknown -> filled": 10,
    "unknown -> not-placed": 10,
    "AN030": 50,
    "FS092": 20,
    "FS104": 10,
    "GR040": 5,
    "crash random": 10,
    "quiet looks": 20_000,
    "known fills": 3_000,
    "ends without a quantity": 500,
    "FS070": 3,
    "FS090": 10,
    "withdraw": 100,
    "withdrawn at work": 20,
} | {f"fault {family}": 10 for family in FAMILIES}
NO_FILLS_SHARE_MAX = 0.05
DUE_MIN = 10
TOLD_EVERY_S = 30.0


@dataclass(slots=True)
class Report:
    """ordinary: how many of the scenarios had no death ordered. deaths: how many were to die at each point."""

    scenarios: int = 0
    ordinary: int = 0
    deaths: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[Task, Outcome]] = field(default_factory=list)
    without_fills: int = 0
    seconds: float = 0.0

    def add(self, task: Task, outcome: Outcome) -> None:
        self.scenarios += 1
        if task[1] is None:
            self.ordinary += 1
        else:
            self.deaths[task[1]] += 1
        self.counts.update(outcome.counts)
        if outcome.counts["fills"] == 0:
            self.without_fills += 1
        if outcome.violation:
            self.failed.append((task, outcome))

    def missing(self) -> list[str]:
        """What should have happened and did not, or not often enough.

        What is due less than ten times may fail to come by bad luck, so it is asked
        for once there are enough scenarios. Each scenario that has to die at a point
        must have died there, but for the few points that a scenario may never pass.
        """
        found = []
        for name, per_hundred in PER_HUNDRED.items():
            due = per_hundred * self.ordinary // 100
            if due >= DUE_MIN and self.counts[name] < due:
                found.append(f"{name}: {self.counts[name]} where {due} were due")
        for point, runs in self.deaths.items():
            died = self.counts[f"crash {point}"]
            if died < (runs + 1) // 2:
                found.append(f"crash {point}: {died} where {runs} scenarios were to die")
        if self.without_fills > max(1, NO_FILLS_SHARE_MAX * self.scenarios):
            found.append(f"{self.without_fills} of {self.scenarios} scenarios had no fill")
        return found


def tasks(seeds: int, first: int, crash_runs: int) -> list[Task]:
    found: list[Task] = [(seed, None) for seed in range(first, first + seeds)]
    for number, point in enumerate(CRASH_POINTS):
        found += [(first + 1_000_000 + number * 1_000 + each, point) for each in range(crash_runs)]
    return found


def _one(task: Task) -> Outcome:
    return run(task[0], crash_point=task[1])


class Progress:
    """Says how far a campaign is, now and then, and each violation at once: a long run tells before it ends.

    whole: how many scenarios there are to be.
    """

    def __init__(self, whole: int, say: Callable[[str], object]) -> None:
        self._whole = whole
        self._say = say
        self._told_at = 0.0

    def __call__(self, report: Report, task: Task, outcome: Outcome) -> None:
        if outcome.violation:
            self._say(told(task, outcome) + "\n")
        if report.seconds - self._told_at < TOLD_EVERY_S:
            return
        self._told_at = report.seconds
        left = report.seconds * (self._whole - report.scenarios) / report.scenarios
        self._say(
            f"{report.scenarios} of {self._whole} scenarios, {report.counts['events']} events, "
            f"violations {len(report.failed)}, after {report.seconds:.0f} s, {left:.0f} s to go\n"
        )


def campaign(
    work: Iterable[Task],
    jobs: int,
    one: Callable[[Task], Outcome] = _one,
    heard: Callable[[Report, Task, Outcome], None] = lambda *_: None,
) -> Report:
    """heard: told of each outcome, in the order of the work, when the report holds it."""
    work = list(work)
    report, began = Report(), time.perf_counter()
    with ExitStack() as stack:
        if jobs == 1:
            outcomes: Iterator[Outcome] = map(one, work)
        else:
            outcomes = stack.enter_context(ProcessPoolExecutor(jobs)).map(one, work, chunksize=4)
        for task, outcome in zip(work, outcomes, strict=True):
            report.add(task, outcome)
            report.seconds = time.perf_counter() - began
            heard(report, task, outcome)
    return report


def table(report: Report) -> str:
    counts = report.counts
    rate = report.scenarios / report.seconds if report.seconds else 0.0
    ordinary = f"{report.ordinary} of them ordinary"
    faults = Counter({family: counts[f"fault {family}"] for family in FAMILIES})
    crashes = sum(n for name, n in counts.items() if name.startswith("crash "))
    lines = [
        f"{report.scenarios} scenarios in {report.seconds:.1f} s ({rate:.2f} a second), {ordinary}",
        f"{counts['events']} events, {faults.total()} faults, {crashes} crashes, {len(report.failed)} violations",
        _named(
            counts, "events", "rows", "parents", "sends", "fills", "foreign fills", "late fills", "fills heard again"
        ),
        "unknown outcomes: " + _some(counts, "unknown"),
        "codes: " + ", ".join(f"{name} {n}" for name, n in sorted(counts.items()) if name[:2] in ("FS", "GR", "AN")),
        f"stops triggered {counts['stops triggered']}, escapes {counts['FS092']}, differences {counts['AN030']}",
        "faults that struck: " + ", ".join(f"{name} {n}" for name, n in sorted(faults.items())),
        "and by them: " + _named(counts, "fault stream silent", "fault throttled").replace("fault ", ""),
        "crashes: " + _some(counts, "crash "),
        f"violations: {len(report.failed)}",
    ]
    kinds: dict[str, list[str]] = {}
    for task, outcome in report.failed:
        kinds.setdefault(outcome.violation, []).append(_named_task(task))
    by_number = sorted(kinds.items(), key=lambda each: -len(each[1]))
    lines += [f"  {name}: {len(where)}, seeds {', '.join(where)}" for name, where in by_number]
    return "\n".join(lines)


def _named(counts: Counter[str], *names: str) -> str:
    return ", ".join(f"{name} {counts[name]}" for name in names)


def _some(counts: Counter[str], prefix: str) -> str:
    return ", ".join(
        f"{name.removeprefix(prefix)} {n}" for name, n in sorted(counts.items()) if name.startswith(prefix)
    )


def told(task: Task, outcome: Outcome, events: int = 0) -> str:
    lines = [f"seed {_named_task(task)}: {outcome.violation} after {outcome.at} ms: {outcome.text}"]
    return "\n".join((*lines, *outcome.last[-events:])) if events else lines[0]


def _named_task(task: Task) -> str:
    seed, point = task
    return f"{seed} at {point}" if point else f"{seed}"


def smaller(plan: Plan, violation: str) -> Plan:
    return shrunk(plan, lambda each: run_plan(each).violation == violation)


def main() -> int:
    parser = argparse.ArgumentParser(description="Scenarios with faults, on a virtual clock.")
    parser.add_argument("--seeds", type=int, default=500, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--crash-points", type=int, default=5, help="scenarios for each crash point")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int, help="run this one seed")
    parser.add_argument("--point", help="with --only: die at this crash point")
    parser.add_argument("--run", type=Path, help="run this stored plan")
    parser.add_argument("--shrink", action="store_true", help="store the smallest plan that fails like the first one")
    asked = parser.parse_args()

    def say(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    if asked.run is not None:
        outcome = run_plan(plan_from_json(asked.run.read_text(encoding="utf-8")))
        say(told((outcome.seed, None), outcome, events=60) + "\n" if outcome.violation else "no violation\n")
        return 1 if outcome.violation else 0
    work = (
        [(asked.only, asked.point)] if asked.only is not None else tasks(asked.seeds, asked.first, asked.crash_points)
    )
    report = campaign(work, 1 if asked.only is not None else asked.jobs, heard=Progress(len(work), say))
    say(table(report) + "\n")
    if report.failed:
        task, outcome = report.failed[0]
        say(told(task, outcome, events=60) + "\n")
        if asked.shrink:
            plan = smaller(draw(task[0], crash_point=task[1]), outcome.violation)
            say(f"stored: {store(plan, outcome.violation)}\n")
    missing = [] if asked.only is not None else report.missing()
    if not report.scenarios:
        missing.append("no scenario was run")
    for each in missing:
        say(f"too little: {each}\n")
    return 1 if report.failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
