"""What a campaign runs: the controller with the settings of the scenarios, and the venue it trades at."""

from collections.abc import Callable

from qts.domain.fill import Fill
from qts.execution.account import ExecutionSettings
from qts.execution.controller import ExecutionController
from qts.execution.events import OrderEnded
from qts.execution.stages.precheck import PreCheckLimits
from tests.simulation.campaign.plant import Machine
from tests.simulation.campaign.scenario import INSTRUMENTS, POSITION_MAX, MarketVenue, Outcome, Scenario
from tests.simulation.campaign.simulated_venue import SimulatedVenues
from tests.simulation.campaign.swarm import Plan, draw

RECONCILE_MS = 10_000


def controller(plan: Plan) -> Machine:
    settings = ExecutionSettings(
        instruments=INSTRUMENTS,
        limits=PreCheckLimits(position_max=POSITION_MAX),
        reconcile_ms=RECONCILE_MS,
        shared=plan.shared,
    )
    return ExecutionController(settings)


def venue(plan: Plan, tell: Callable[[Fill | OrderEnded], None]) -> MarketVenue:
    return SimulatedVenues(plan, tell, INSTRUMENTS)


def run_plan(plan: Plan, *, ignored: frozenset[str] = frozenset()) -> Outcome:
    return Scenario(plan, controller, venue, ignored=ignored).run()


def run(seed: int, *, crash_point: str | None = None) -> Outcome:
    return run_plan(draw(seed, crash_point=crash_point))
