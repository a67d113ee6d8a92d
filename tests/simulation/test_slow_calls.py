"""What was slow is told beside a run, and the run is the same as if nobody had looked.

Proves: P6-3
"""

import itertools
import random

import numpy as np
import pytest

from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import Member
from qts.simulation.slow_calls import KEPT, SLOW_NS, SlowCall, SlowCalls
from qts.strategy.multiplexer import Round, Slow
from tests.simulation.joint_members import CAPITAL, NO_LIMITS, averaging, failing, synthetic

DATA = synthetic(4, 200)
SYMBOL = DATA.instrument.symbol


def members() -> list[Member]:
    kinds = {"a": averaging(3), "b": averaging(5), "broken": failing(7)}
    return [Member(strategy_id=each, make=kind, symbols=(SYMBOL,), capital=CAPITAL) for each, kind in kinds.items()]


def moody(seed: int) -> SlowCalls:
    """A machine that takes anything between no time and twice what a call may."""
    dice = random.Random(seed)  # noqa: S311 - a repeatable machine, no secret
    elapsed = itertools.accumulate(dice.choice((0, 1_000, SLOW_NS // 2, SLOW_NS * 2)) for _ in itertools.count())
    return SlowCalls(lambda: next(elapsed))


@pytest.mark.parametrize("seed", range(3))
def test_the_result_is_the_same_on_a_machine_of_any_mood(seed: int) -> None:
    alone = run_together({SYMBOL: DATA}, members(), NO_LIMITS)
    slow = moody(seed)
    result = run_together({SYMBOL: DATA}, members(), NO_LIMITS, slow)
    assert slow.count > 10
    assert result.journal_head == alone.journal_head
    assert (result.postings, result.said, result.halted) == (alone.postings, alone.said, alone.halted)
    np.testing.assert_array_equal(result.equity, alone.equity)


def test_the_slowest_are_kept_and_all_are_counted() -> None:
    slow = SlowCalls(lambda: 0)
    for number in range(50):
        slow.hear(Round(number, slow=(Slow("a", SYMBOL, SLOW_NS + number % 30),)))
    slow.hear(Round(99, slow_round_ns=10 * SLOW_NS))
    slow.hear(Round(100))
    assert slow.count == 51
    assert len(slow.slowest) == KEPT
    assert slow.slowest[0] == SlowCall(99, "", "", 10 * SLOW_NS)
    assert slow.slowest[0].is_of_a_round
    took = [each.took_ns for each in slow.slowest]
    assert took == sorted(took, reverse=True)
    assert slow.slowest[1] == SlowCall(29, "a", SYMBOL, SLOW_NS + 29)
