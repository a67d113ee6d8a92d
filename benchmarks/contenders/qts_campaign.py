"""QTS: how fast the fault campaign goes, on one core.

work ``scenarios``: two hours of market each, up to thirty faults, crashes, every invariant, the audit.
work ``day``: the same for 24 hours of market, with 300 decisions planned on two symbols.

A scenario that breaks an invariant ends the process with its name: the speed of a broken machine is none.
"""

import argparse
from dataclasses import replace
from itertools import count

from benchmarks.measuring import measured, report
from qts.domain.instant import DAY_MS
from tests.simulation.campaign.market_script import draw_market
from tests.simulation.campaign.scenario import Outcome
from tests.simulation.campaign.subject import run, run_plan
from tests.simulation.campaign.swarm import FAMILIES, Plan, draw, draw_faults, draw_work
from tests.simulation.campaign.virtual_time import stream

_FIRST_SEED = 1
_DECISIONS_OF_A_DAY = 300


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", choices=("scenarios", "day"), required=True)
    parser.add_argument("--seeds", type=int, required=True)
    chosen = parser.parse_args()
    if chosen.work == "scenarios":
        seeds = range(_FIRST_SEED, _FIRST_SEED + chosen.seeds)
        outcomes, figures = measured(lambda: [_sound(run(seed)) for seed in seeds])
        size = {"scenarios": len(outcomes)}
    else:
        days = _days(chosen.seeds)
        outcomes, figures = measured(lambda: [_sound(run_plan(day)) for day in days])
        size = {"days": len(outcomes)}
    counted = {name: sum(each.counts[name] for each in outcomes) for name in ("events", "rows", "parents", "fills")}
    report(**figures, **size, **counted)


def _sound(outcome: Outcome) -> Outcome:
    if outcome.violation:
        last = outcome.text.splitlines()[-1:]
        raise SystemExit(f"seed {outcome.seed}: {outcome.violation}: {''.join(last)}")
    return outcome


def _days(wanted: int) -> list[Plan]:
    drawn = (_day(seed) for seed in count(_FIRST_SEED))
    found: list[Plan] = []
    while len(found) < wanted:
        plan = next(drawn)
        if sum(each.kind in ("entry", "exit") for each in plan.work) == _DECISIONS_OF_A_DAY:
            found.append(plan)
    return found


def _day(seed: int) -> Plan:
    """The plan of the seed, with a day's market, work and faults in place of two hours'."""
    plan = draw(seed)
    start, end = plan.start, plan.start + DAY_MS
    return replace(
        plan,
        end=end,
        market=draw_market(stream(seed, "market"), seed, start, end),
        work=draw_work(stream(seed, "work"), start, end),
        faults=draw_faults(stream(seed, "day"), list(FAMILIES), start, end),
    )


if __name__ == "__main__":
    main()
