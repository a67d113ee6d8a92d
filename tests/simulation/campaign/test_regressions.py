"""Every plan that ever failed, made small and stored, is run again; and a few scenarios and deaths, so that it is seen
with every test run that the machine keeps the invariants. ``make campaign`` runs the many.

A file is added by ``campaign --shrink``.

Proves: SX-3, SX-4, SX-6, SX-7, SX-11, P4-2, P4-7
"""

from pathlib import Path

import pytest

from tests.simulation.campaign.subject import run, run_plan
from tests.simulation.campaign.swarm import plan_from_json

pytestmark = pytest.mark.unmeasured

STORED = sorted((Path(__file__).parent / "regressions").glob("*.json"))


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_plan_that_failed_once_passes(path: Path) -> None:
    outcome = run_plan(plan_from_json(path.read_text(encoding="utf-8")))
    assert outcome.violation == "", "\n".join((outcome.text, *outcome.last))


@pytest.mark.parametrize(("seed", "point"), [(1, None), (12, "K04"), (14, "K20")])
def test_the_machine_keeps_the_invariants_under_faults(seed: int, point: str | None) -> None:
    outcome = run(seed, crash_point=point)
    assert outcome.violation == "", "\n".join((outcome.text, *outcome.last))
    assert outcome.counts["fills"] > 0
    assert point is None or outcome.counts[f"crash {point}"] == 1
