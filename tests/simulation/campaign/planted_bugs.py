"""Plants one bug at a time into the real modules and counts the scenarios until the harness finds it.

    python -m tests.simulation.campaign.planted_bugs            writes docs/planted-bugs.md
    python -m tests.simulation.campaign.planted_bugs --only "no dedupe"

The list is the critical thirty and a few of the others. A bug is a patch of
functions of the product, made in a child process and gone with it. Those whose
place does not exist yet say what they wait for. The harness is told none of this.
"""

import argparse
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.campaign.bug_patches import CRITICAL
from tests.simulation.campaign.campaign import Task, tasks
from tests.simulation.campaign.further_bugs import OTHERS
from tests.simulation.campaign.subject import run_plan
from tests.simulation.campaign.swarm import draw

PAGE = Path(__file__).resolve().parents[3] / "docs" / "planted-bugs.md"
SCENARIOS_MAX = 200
PATCHES = CRITICAL | OTHERS

WAITING = {
    "escape through the entry limiter": "the rate limiter of the venue's gateway",
    "empty position list read as flat": "the venue's gateway, which makes a snapshot of what the venue answers",
    "approval expiry checked at start only": "approvals",
    "self-approval via a second token": "approvals and their identities",
    "ban not persisted": "the venue's gateway, which hears of bans",
    "lease not fenced": "the lease of the account",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """scenarios: how many were run, the finding one included. violation: '' when none was found."""

    name: str
    scenarios: int
    seed: int = 0
    point: str = ""
    violation: str = ""
    text: str = ""


def order_of_work() -> list[Task]:
    """Ordinary scenarios and deaths at each crash point, by turns."""
    ordinary = tasks(SCENARIOS_MAX, 0, 0)
    deaths = tasks(0, 0, SCENARIOS_MAX // 40)
    mixed = [each for pair in zip(ordinary, deaths, strict=False) for each in pair]
    return [*mixed, *ordinary[len(deaths) :]][:SCENARIOS_MAX]


def hunt(name: str, ignored: frozenset[str] = frozenset()) -> Finding:
    """In a process of its own: plant the bug, run until something is found."""
    PATCHES[name]()
    work = order_of_work()
    for number, (seed, point) in enumerate(work, start=1):
        outcome = run_plan(draw(seed, crash_point=point), ignored=ignored)
        if outcome.violation:
            return Finding(name, number, seed, point or "", outcome.violation, outcome.text)
    return Finding(name, len(work))


HEAD = f"""# Planted bugs

The fault campaign ([campaigns](campaigns.md)) is worth what it finds. So bugs were put into the real code, one at a
time, and the campaign was run until it found the bug, for at most {SCENARIOS_MAX} scenarios; the harness is told
nothing. The critical ones must all be found. This page is written by

    python -m tests.simulation.campaign.planted_bugs

"After scenarios" counts the one that found it. "Seed" is that scenario's; "at K.." the crash point it dies at. What an
invariant says stands in [campaigns](campaigns.md). "Journal after wire" and "commit without force" are planted in the
driver and the journal of the harness, since those are its own. "Halt not persisted" forgets, at every start, what the
codes and the operator stopped; replays forget alike, so that only the orders sent afterwards give it away. "LIV-11"
for the escape is an event without end: an exit waits for the target, and nothing takes the target away.
"""


def page(findings: list[Finding]) -> str:
    parts = [HEAD, "## The critical ones", *_table(each for each in findings if each.name in CRITICAL)]
    parts += ["", "## Others", *_table(each for each in findings if each.name in OTHERS)]
    parts += ["", "## Not planted yet", "", "What these bugs would be in does not exist.", ""]
    parts += ["| bug | waits for |", "| --- | --- |", *(f"| {name} | {what} |" for name, what in WAITING.items())]
    return "\n".join(parts) + "\n"


def _table(findings: Iterable[Finding]) -> list[str]:
    lines = ["", "| bug | found as | after scenarios | seed |", "| --- | --- | --- | --- |"]
    for each in findings:
        seed = f"{each.seed}{f' at {each.point}' if each.point else ''}"
        row = (each.name, each.violation, each.scenarios, seed) if each.violation else (each.name, "not found", "", "")
        lines.append("| " + " | ".join(str(cell) for cell in row) + " |")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description="Bugs planted one at a time, and what finds them.")
    parser.add_argument("--only", help="this bug, and no page")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--ignore", default="", help="invariants, by commas, that are not to count")
    asked = parser.parse_args()
    ignored = frozenset(filter(None, asked.ignore.split(",")))
    names = [asked.only] if asked.only else list(PATCHES)
    # One task per process: a patch stays in the process that made it.
    with ProcessPoolExecutor(asked.jobs, max_tasks_per_child=1) as pool:
        findings = []
        for each in pool.map(hunt, names, [ignored] * len(names)):
            findings.append(each)
            sys.stdout.write(
                f"{each.name}: {each.violation or 'NOT FOUND'} after {each.scenarios}: {each.text[:150]}\n"
            )
            sys.stdout.flush()
    if not asked.only:
        PAGE.write_text(page(findings), encoding="utf-8")
    return 0 if all(each.violation for each in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
