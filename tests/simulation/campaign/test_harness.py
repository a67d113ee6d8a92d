"""The harness is believed only because it is seen to fail: on machines that do wrong, on plans that do nothing.

A toy machine that does right passes under the faults it was made for, and each of its wrong variants is found.
"""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.campaign.campaign import TOLD_EVERY_S, Progress, Report, Task, campaign, table, tasks
from tests.simulation.campaign.crash_points import CRASH_POINTS
from tests.simulation.campaign.scenario import Outcome, Scenario
from tests.simulation.campaign.shrink import shrunk
from tests.simulation.campaign.swarm import SYMBOLS, Plan, draw, plan_from_json
from tests.simulation.campaign.toy_machine import ToyMachine
from tests.simulation.campaign.toy_venue import ToyVenue
from tests.simulation.campaign.virtual_time import Schedule, stream

pytestmark = pytest.mark.unmeasured

BEARABLE = {"dup", "drop_reply", "lose", "unknown_acting", "hold", "swap", "slow_reply", "foreign_trade"}
ROOT = Path(__file__).resolve().parents[3]


def bearable(seed: int, crash_point: str | None = None) -> Plan:
    """The plan of a seed, less what the toy knows nothing of."""
    plan = draw(seed, crash_point=crash_point)
    starts = [each.at + each.down_ms for each in plan.crashes if not each.point]
    return replace(
        plan,
        killed=False,
        faults=tuple(each for each in plan.faults if each.family in BEARABLE),
        work=tuple(
            each
            for each in plan.work
            if each.kind in ("entry", "exit") and not any(0 <= each.at - at < 5_000 for at in starts)
        ),
    )


def toy(plan: Plan, fault: str = "") -> Outcome:
    build = lambda _: ToyMachine(SYMBOLS, fault)  # noqa: E731 - a machine is built again at every start
    return Scenario(plan, build, lambda _, tell: ToyVenue(tell), looks_early=False).run()


@pytest.mark.parametrize("seed", range(6))
def test_a_machine_that_does_right_passes(seed: int) -> None:
    outcome = toy(bearable(seed))
    assert outcome.violation == "", outcome.text
    assert outcome.counts["fills"] > 0


@pytest.mark.parametrize("point", ["K01", "K03", "K04", "K06", "K07", "K08", "K09", "K10", "K11", "K12"])
def test_a_machine_that_does_right_survives_its_death(point: str) -> None:
    outcome = toy(bearable(1_000, point))
    assert outcome.violation == "", outcome.text
    assert outcome.counts[f"crash {point}"] == 1


@pytest.mark.parametrize(
    ("fault", "found_as"),
    [
        ("no dedupe", {"INV-05", "INV-06", "INV-11"}),
        ("sends twice", {"INV-02", "INV-03"}),
        ("stop wrong side", {"INV-11"}),
        ("no stop", {"LIV-01"}),
        ("no reconcile", {"LIV-02", "INV-05", "INV-08"}),
        ("unknown is no", {"INV-21"}),
    ],
)
def test_a_machine_that_does_wrong_is_found(fault: str, found_as: set[str]) -> None:
    violations = (toy(bearable(seed), fault).violation for seed in range(30))
    assert next(filter(None, violations), "") in found_as


def test_two_processes_write_the_same_transcript() -> None:
    program = (
        "from tests.simulation.campaign.test_harness import bearable, toy\n"
        "print(*(toy(bearable(seed)).transcript for seed in (2, 4, 8)))"
    )

    def transcript(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    first = transcript("1")
    assert first == transcript("271828")
    assert len(set(first.split())) == 3


def test_a_failing_plan_is_made_smaller_and_still_fails() -> None:
    plan = next(each for seed in range(30) if toy(each := bearable(seed), "no dedupe").violation)
    kind = toy(plan, "no dedupe").violation
    small = shrunk(plan, lambda each: toy(each, "no dedupe").violation == kind, tries=90)
    assert toy(small, "no dedupe").violation == kind
    assert toy(small).violation == ""
    assert len(small.faults) + len(small.work) < (len(plan.faults) + len(plan.work)) / 2
    assert plan_from_json(small.to_json()) == small


def test_a_plan_is_a_function_of_its_seed_and_can_be_stored() -> None:
    assert draw(5) == draw(5)
    assert draw(5) != draw(6)
    assert plan_from_json(draw(5).to_json()) == draw(5)


def test_a_campaign_that_did_nothing_fails() -> None:
    report = Report()
    for seed in range(100):
        report.add((seed, None), Outcome(seed))
    assert any(each.startswith("fills") for each in report.missing())
    assert any("no fill" in each for each in report.missing())


def test_a_death_that_was_ordered_and_never_came_fails_the_campaign() -> None:
    report = Report()
    for seed in range(4):
        report.add((seed, "K09"), Outcome(seed))
    assert [each for each in report.missing() if each.startswith("crash K09")]
    assert not any(each.startswith("crash random") for each in report.missing())


def test_every_crash_point_gets_its_runs() -> None:
    found = tasks(10, 0, 2)
    assert len(found) == 10 + 2 * len(CRASH_POINTS)
    assert len({seed for seed, _ in found}) == len(found)


def violating(task: Task) -> Outcome:
    """Seeds 3 and 5 break something, each in its own way; a scenario has as many events as its seed."""
    violation = {3: "INV-05", 5: "LIV-01"}.get(task[0], "")
    counts = Counter({"events": task[0], "fault drop_req": 2, "fault throttled": 9, "crash K09": 1})
    return Outcome(task[0], violation, text="what was wrong", counts=counts)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_campaign_says_how_many_of_what_and_which_seeds_failed(jobs: int) -> None:
    said: list[str] = []
    work: list[Task] = [*tasks(4, 2, 0), (3, "K09")]
    report = campaign(work, jobs, violating, Progress(len(work), said.append))
    text = table(report)
    assert said == [
        f"seed {seed} after 0 ms: what was wrong\n" for seed in ("3: INV-05", "5: LIV-01", "3 at K09: INV-05")
    ]
    assert "17 events, 10 faults, 5 crashes, 3 violations" in text
    assert "drop_req 10" in text
    assert "zombie 0" in text
    assert "  INV-05: 2, seeds 3, 3 at K09\n  LIV-01: 1, seeds 5" in text


def test_a_long_campaign_says_now_and_then_how_far_it_is() -> None:
    said: list[str] = []
    progress, report = Progress(400, said.append), Report()
    for seed in range(100):
        report.add((seed, None), Outcome(seed))
        report.seconds += TOLD_EVERY_S / 50
        progress(report, (seed, None), Outcome(seed))
    assert [each.split(",")[0] for each in said] == ["50 of 400 scenarios", "100 of 400 scenarios"]
    assert said[1].endswith(f"after {2 * TOLD_EVERY_S:.0f} s, {6 * TOLD_EVERY_S:.0f} s to go\n")


def test_simultaneous_things_keep_their_order_unless_they_are_shuffled() -> None:
    def order(schedule: Schedule) -> list[int]:
        seen: list[int] = []
        for number in range(20):
            schedule.at(5, "thing", lambda n=number: seen.append(n))
        schedule.at(1, "earlier", lambda: seen.append(-1))
        schedule.run(10)
        return seen

    assert order(Schedule(0)) == [-1, *range(20)]
    shuffled = order(Schedule(0, stream(1, "ties")))
    assert shuffled[0] == -1
    assert shuffled != [-1, *range(20)]
    assert sorted(shuffled) == [-1, *range(20)]
