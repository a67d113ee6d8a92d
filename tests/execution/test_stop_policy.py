"""Stop policies: each stops at its limit and not before, names itself, and composes.

Proves: P4-5
"""

from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import UsageError
from qts.domain.instant import HOUR_MS, MINUTE_MS
from qts.execution.stop_policy import (
    LoopFacts,
    StopAfterCount,
    StopAfterTime,
    StopAtLoss,
    StopOnKill,
    StopPolicy,
    StopReason,
    StopWhenIdle,
    all_of,
    any_of,
)

T0 = 1_700_000_000_000
FACTS = LoopFacts(executed=2, started_at=T0, last_executed_at=T0 + MINUTE_MS)

# name: policy, facts and now at which it goes on, facts and now at which it stops
EDGES = {
    "count": (StopAfterCount(3), (FACTS, T0), (replace(FACTS, executed=3), T0)),
    "time": (StopAfterTime(HOUR_MS), (FACTS, T0 + HOUR_MS - 1), (FACTS, T0 + HOUR_MS)),
    "loss": (
        StopAtLoss(Decimal(10)),
        (replace(FACTS, loss=Decimal("9.99999999")), T0),
        (replace(FACTS, loss=Decimal(10)), T0),
    ),
    "kill switch": (StopOnKill(), (FACTS, T0), (replace(FACTS, kill=True), T0)),
    "idle": (
        StopWhenIdle(HOUR_MS),
        (FACTS, T0 + MINUTE_MS + HOUR_MS - 1),
        (FACTS, T0 + MINUTE_MS + HOUR_MS),
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_each_stops_at_its_limit_and_not_before(name: str):
    policy, goes_on, stops = EDGES[name]
    assert policy.verdict(*goes_on) is None
    reason = policy.verdict(*stops)
    assert isinstance(reason, StopReason)
    assert reason.policy == name
    assert reason.why


@pytest.mark.parametrize("name", EDGES)
def test_past_the_limit_it_still_stops(name: str):
    """A policy that was not asked at the very instant is not past it for good."""
    policy, _, (stops, at) = EDGES[name]
    further = replace(stops, executed=stops.executed + 5, loss=stops.loss + 5)
    assert policy.verdict(further, at + HOUR_MS) is not None


def test_a_loop_that_never_executed_is_idle_since_its_start():
    facts = replace(FACTS, executed=0, last_executed_at=None)
    assert StopWhenIdle(HOUR_MS).verdict(facts, T0 + HOUR_MS - 1) is None
    assert StopWhenIdle(HOUR_MS).verdict(facts, T0 + HOUR_MS) is not None


def test_a_gain_is_no_loss():
    assert StopAtLoss(Decimal(1)).verdict(replace(FACTS, loss=Decimal(-1000)), T0) is None


def test_the_reason_has_both_numbers():
    assert StopAfterCount(2).verdict(FACTS, T0) == StopReason("count", "2 executions of 2 are done")
    lost = StopAtLoss(Decimal(10)).verdict(replace(FACTS, loss=Decimal("12.50")), T0)
    assert lost == StopReason("loss", "12.5 is lost, 10 stops")
    assert StopAfterTime(HOUR_MS).verdict(FACTS, T0 + 2 * HOUR_MS) == StopReason("time", "it runs for 2h of 1h")


def test_composed_policies_name_all_who_say_stop():
    count, kill, idle = StopAfterCount(2), StopOnKill(), StopWhenIdle(HOUR_MS)
    killed = replace(FACTS, kill=True)
    assert any_of(count, kill).verdict(FACTS, T0) == count.verdict(FACTS, T0)
    both = any_of(kill, count).verdict(killed, T0)
    assert both == StopReason("kill switch or count", "the kill switch was pressed; 2 executions of 2 are done")
    assert all_of(count, kill).verdict(FACTS, T0) is None
    nested = any_of(all_of(count, kill), idle).verdict(killed, T0 + 2 * HOUR_MS)
    assert nested is not None
    assert nested.policy == "(count and kill switch) or idle"


class Fixed:
    """Says the same whatever it sees."""

    def __init__(self, reason: StopReason | None) -> None:
        self._reason = reason

    def verdict(self, facts: LoopFacts, now: int) -> StopReason | None:
        return self._reason


def fixed(answers: list[bool]) -> list[StopPolicy]:
    return [Fixed(StopReason(str(place), "so") if yes else None) for place, yes in enumerate(answers)]


@given(st.lists(st.booleans(), min_size=1, max_size=5))
def test_any_and_all_are_any_and_all(answers: list[bool]):
    anyone = any_of(*fixed(answers)).verdict(FACTS, T0)
    everyone = all_of(*fixed(answers)).verdict(FACTS, T0)
    assert (anyone is not None) == any(answers)
    assert (everyone is not None) == all(answers)
    if anyone is not None:
        assert anyone.policy.split(" or ") == [str(place) for place, yes in enumerate(answers) if yes]


@pytest.mark.parametrize(("outer", "inner"), list(product([any_of, all_of], repeat=2)))
def test_compositions_nest(outer, inner):
    policy = outer(inner(StopOnKill()), StopOnKill())
    assert policy.verdict(FACTS, T0) is None
    assert policy.verdict(replace(FACTS, kill=True), T0) is not None


@pytest.mark.parametrize("compose", [any_of, all_of])
def test_a_composition_of_nothing_is_refused(compose):
    with pytest.raises(UsageError, match="at least one"):
        compose()


@pytest.mark.parametrize(
    "make",
    [
        lambda: StopAfterCount(0),
        lambda: StopAfterTime(0),
        lambda: StopAtLoss(Decimal(0)),
        lambda: StopAtLoss(Decimal("NaN")),
        lambda: StopWhenIdle(-1),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(make):
    with pytest.raises((UsageError, ArithmeticError)):
        make()


def test_policies_are_values():
    assert StopAfterCount(3) == StopAfterCount(3)
    assert any_of(StopOnKill(), StopAfterCount(1)) == any_of(StopOnKill(), StopAfterCount(1))
    with pytest.raises(FrozenInstanceError):
        StopAfterCount(3).executions_max = 4  # type: ignore[misc]
