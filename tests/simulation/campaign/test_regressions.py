"""Every plan that ever failed, made small and stored, is run again. A file is added by ``campaign --shrink``."""

from pathlib import Path

import pytest

from tests.simulation.campaign.subject import run_plan
from tests.simulation.campaign.swarm import plan_from_json

STORED = sorted((Path(__file__).parent / "regressions").glob("*.json"))


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_plan_that_failed_once_passes(path: Path) -> None:
    outcome = run_plan(plan_from_json(path.read_text(encoding="utf-8")))
    assert outcome.violation == "", "\n".join((outcome.text, *outcome.last))
