"""Makes a failing plan smaller while it fails the same way, and stores it as a script that a test runs again.

Fault families go first, whole; then crashes, single faults and halves of the
work; then what lies after the violation and before it; then single parents.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tests.simulation.campaign.swarm import Plan

FOLDER = Path(__file__).parent / "regressions"
Fails = Callable[[Plan], bool]
_Item = TypeVar("_Item")


def shrunk(plan: Plan, fails: Fails, *, tries: int = 200) -> Plan:
    """The smallest plan found in ``tries`` runs. fails: whether a plan breaks the same invariant."""
    left = [tries]

    def still(candidate: Plan) -> bool:
        if left[0] <= 0:
            return False
        left[0] -= 1
        return fails(candidate)

    for family in sorted({each.family for each in plan.faults}):
        smaller = replace(plan, faults=tuple(each for each in plan.faults if each.family != family))
        plan = smaller if still(smaller) else plan
    plan = _with_fewer(plan, still, "crashes")
    plan = _cut_end(plan, still)
    plan = _with_fewer(plan, still, "faults")
    plan = _with_fewer(plan, still, "work")
    if plan.shuffled and still(smaller := replace(plan, shuffled=False)):
        plan = smaller
    return plan


def _cut_end(plan: Plan, still: Fails) -> Plan:
    """Bisect the end of the safety phase; work and faults after it go with it."""
    low, high = plan.start, plan.end
    while high - low > 60_000:
        middle = (low + high) // 2
        smaller = replace(
            plan,
            end=middle,
            work=tuple(each for each in plan.work if each.at < middle),
            faults=tuple(each for each in plan.faults if each.at < middle),
            crashes=tuple(each for each in plan.crashes if each.at < middle),
        )
        if still(smaller):
            plan, high = smaller, middle
        else:
            low = middle
    return plan


def _with_fewer(plan: Plan, still: Fails, name: str) -> Plan:
    """Drop runs of entries, long ones first."""
    items: tuple[object, ...] = getattr(plan, name)
    size = len(items)
    while size >= 1:
        at = 0
        while at < len(items):
            fewer = items[:at] + items[at + size :]
            candidate = replace(plan, **{name: fewer})  # type: ignore[arg-type]
            if still(candidate):
                plan, items = candidate, fewer
            else:
                at += size
        size //= 2
    return plan


def store(plan: Plan, violation: str) -> Path:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{violation.lower()}-{plan.seed}.json"
    path.write_text(plan.to_json() + "\n", encoding="utf-8")
    return path
