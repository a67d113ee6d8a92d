"""Two who are judged at once: the second is judged after the first, whoever that is."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from qts.adapters.stores.sql import SqlWorldStore
from qts.adapters.stores.sql_engine import open_world_store
from qts.domain.ids import digest
from qts.worlds.ports import Change, DecisionMade, Overtaken, WorldHead
from qts.worlds.run_lifecycle import RunAction, RunStatus
from qts.worlds.service import STEP_TRIES, Judgement, WorldService
from tests.worlds.world_cases import METRICS, NOW, day_returns, evidence, hypothesis, policy


class Interrupted(SqlWorldStore):
    """The real store, with something happening between reading the standings and recording the judgement."""

    before: Callable[[], object]
    times = 1

    def commit(self, changes: Sequence[Change], *, expecting: WorldHead | None = None) -> None:
        if self.times > 0 and any(isinstance(change, DecisionMade) for change in changes):
            self.times -= 1
            self.before()
        super().commit(changes, expecting=expecting)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "worlds.db"


@pytest.fixture
def service(path: Path) -> Iterator[WorldService]:
    with open_world_store(path) as store:
        made = WorldService(store, metrics=METRICS)
        made.create_world(policy(), actor="ann", now=NOW)  # one seat
        yield made


def interrupted(path: Path, before: Callable[[], object], times: int = 1) -> Interrupted:
    store = Interrupted(open_world_store(path)._engine)
    store.before, store.times = before, times
    return store


def evaluating(service: WorldService, strategy: str) -> str:
    run = service.open_run("w", hypothesis(strategy), actor="ann", now=NOW)
    service.move_run(run.key.run_id, RunAction.START, reason="", actor="ann", now=NOW)
    service.move_run(run.key.run_id, RunAction.MEASURE, reason="", actor="ann", now=NOW)
    return run.key.run_id


def judged(service: WorldService, run_id: str, sharpe: float = 1.4) -> Judgement:
    tried = service.run(run_id).hypothesis
    had = evidence(
        tried, metrics={"sharpe": sharpe}, trial_count=9, day_returns=day_returns(int(digest(tried.strategy)[:6], 16))
    )
    return service.judge(run_id, had, actor="ann", now=NOW)


def test_whoever_is_judged_meanwhile_is_counted(path: Path, service: WorldService) -> None:
    """Proves: WS-3, WS-7"""
    better, worse = evaluating(service, "better"), evaluating(service, "worse")
    with closing(interrupted(path, lambda: judged(service, better, 1.5))) as store:
        told = judged(WorldService(store, metrics=METRICS), worse, 1.2)
    assert (told.rank, told.weight, told.decision.effective_mode) == (2, 0.0, "compute-only")
    assert service.decide("w", "better", now=NOW).effective_mode == "paper"
    assert service.run(worse) == told.run


def test_a_policy_added_meanwhile_is_followed(path: Path, service: WorldService) -> None:
    run = evaluating(service, "cross")
    stricter = policy(version=2, selection={"gates": ["sharpe > 9"]})
    with closing(interrupted(path, lambda: service.add_policy_version(stricter, actor="ann", now=NOW))) as store:
        told = judged(WorldService(store, metrics=METRICS), run)
    assert told.decision.policy_version == 2
    assert told.decision.effective_mode == "compute-only"


def test_two_threads_do_not_both_get_the_only_seat(path: Path, service: WorldService) -> None:
    """Proves: WS-7"""
    runs = [evaluating(service, strategy) for strategy in ("a", "b")]
    both_have_read = Barrier(2)

    def submit(run_id: str) -> Judgement:
        with closing(interrupted(path, lambda: both_have_read.wait(20))) as store:
            return judged(WorldService(store, metrics=METRICS), run_id)

    with ThreadPoolExecutor(2) as threads:
        told = list(threads.map(submit, runs))
    assert sorted(len(one.standings.rows) for one in told) == [1, 2]
    assert service.world_status("w", now=NOW).standings.seated == ("a",)


def test_a_judgement_that_is_always_overtaken_gives_up_and_leaves_the_run(path: Path, service: WorldService) -> None:
    run = evaluating(service, "cross")
    others = iter([evaluating(service, f"other-{number}") for number in range(STEP_TRIES)])
    with (
        closing(interrupted(path, lambda: judged(service, next(others)), STEP_TRIES)) as store,
        pytest.raises(Overtaken, match="world 'w' has moved on"),
    ):
        judged(WorldService(store, metrics=METRICS), run)
    assert next(others, None) is None
    assert service.run(run).status is RunStatus.EVALUATING
    assert judged(service, run).verdict.violations == ()
