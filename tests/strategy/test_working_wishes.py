"""What a strategy may say about how its order is worked, and what it is told when it contradicts itself.

Proves: P6-1
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import StrategyError
from qts.execution.contracts import SplitAlgorithm
from qts.strategy.intent import ALGORITHMS, Action, Intent, buy, close, sell


def test_every_algorithm_there_is_can_be_asked_for_and_no_other() -> None:
    assert set(ALGORITHMS) == {each.value for each in SplitAlgorithm}


@pytest.mark.parametrize("say", [buy, sell, close])
def test_what_is_said_is_kept(say: Any) -> None:
    made = say(over_bars=3, algorithm="twap", urgent=True)
    assert (made.over_bars, made.algorithm, made.urgent, made.says_how) == (3, "twap", True, True)
    assert not say().says_how


@pytest.mark.parametrize(
    ("wishes", "why"),
    [
        ({"algorithm": "twop", "over_bars": 3}, "there is no algorithm 'twop'. Did you mean 'twap'?"),
        ({"algorithm": "zzz"}, "there is no algorithm 'zzz'.\n  next: it is one of: single, twap, vwap, iceberg"),
        ({"algorithm": 3}, "algorithm must be text, not 3"),
        ({"algorithm": "twap"}, "twap spreads an order over time and needs over_bars of 1 or more"),
        ({"algorithm": "vwap"}, "vwap spreads an order over time and needs over_bars of 1 or more"),
        ({"algorithm": "single", "over_bars": 2}, "single is not spread over time, and over_bars is 2"),
        ({"algorithm": "iceberg", "over_bars": 2}, "iceberg is not spread over time, and over_bars is 2"),
        ({"over_bars": -1}, "over_bars must be a whole number from 0 to 100000, not -1"),
        ({"over_bars": 100_001}, "over_bars must be a whole number from 0 to 100000, not 100001"),
        ({"over_bars": 1.0}, "over_bars must be a whole number from 0 to 100000, not 1.0"),
        ({"over_bars": 0.0}, "over_bars must be a whole number from 0 to 100000, not 0.0"),
        ({"over_bars": None}, "over_bars must be a whole number from 0 to 100000, not None"),
        ({"over_bars": True}, "over_bars must be a whole number from 0 to 100000, not True"),
        ({"urgent": 1}, "urgent must be True or False, not 1"),
        ({"urgent": None}, "urgent must be True or False, not None"),
        ({"trigger": 101, "over_bars": 1}, "a trigger order waits for its trigger as one order and cannot be split"),
        ({"trigger": 101, "algorithm": "iceberg"}, "a trigger order waits for its trigger as one order"),
    ],
)
@pytest.mark.parametrize("say", [buy, sell])
def test_a_contradiction_is_refused_on_the_line_that_says_it(say: Any, wishes: dict[str, Any], why: str) -> None:
    with pytest.raises(StrategyError) as told:
        say(quantity=1, **wishes)
    assert why in str(told.value)


def test_what_is_harmless_may_be_said() -> None:
    for wishes in ({"algorithm": "single", "trigger": 101}, {"urgent": True, "trigger": 101}, {"over_bars": 100_000}):
        assert buy(quantity=1, **wishes).says_how


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.floats(), st.text(max_size=5), st.sampled_from(ALGORITHMS)
)


@given(ODD, ODD, ODD)
def test_whatever_is_said_is_a_valid_wish_or_a_strategy_error(over_bars: Any, algorithm: Any, urgent: Any) -> None:
    try:
        made = Intent(action=Action.BUY, over_bars=over_bars, algorithm=algorithm, urgent=urgent)
    except StrategyError:
        return
    assert type(made.over_bars) is int
    assert type(made.urgent) is bool
    assert made.algorithm is None or made.algorithm in ALGORITHMS
    assert (made.over_bars > 0) or made.algorithm not in ("twap", "vwap")
