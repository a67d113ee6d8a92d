"""A plan's decisions: the orders the gate allowed, each with the way the strategy wants it worked.

Proves: P6-1, SX-2
"""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from qts.execution.contracts import OrderDecision, SplitAlgorithm, Urgency
from qts.strategy.intent import Intent, Targets, buy, close, sell
from tests.execution.test_cycle import HOUR, NOW, desk, plan


def only(answer: Intent, position: str = "0") -> OrderDecision:
    (decision,) = plan(answer, desk(position)).decisions
    return decision


def test_an_order_of_which_nothing_was_said_is_left_to_the_rule() -> None:
    decision = only(buy(quantity=1))
    assert decision == OrderDecision(decision.order, Decimal(100))
    assert (decision.algorithm, decision.urgency, decision.horizon_ms) == (None, Urgency.NORMAL, 0)


def test_bars_become_a_horizon_and_names_algorithms() -> None:
    decision = only(buy(quantity=1, over_bars=3, algorithm="vwap", urgent=True))
    assert (decision.horizon_ms, decision.algorithm, decision.urgency) == (
        3 * HOUR,
        SplitAlgorithm.VWAP,
        Urgency.URGENT,
    )
    assert only(buy(quantity=1, algorithm="iceberg")).algorithm is SplitAlgorithm.ICEBERG
    assert only(buy(quantity=1, over_bars=3)).algorithm is None
    assert only(close(over_bars=2), "5").horizon_ms == 2 * HOUR


def test_both_halves_of_a_reversal_are_worked_as_asked() -> None:
    made = plan(sell(quantity=3, over_bars=2, algorithm="twap"), desk("1"))
    assert [each.horizon_ms for each in made.decisions] == [2 * HOUR, 2 * HOUR]


def test_a_limit_lives_its_bars_after_the_spread() -> None:
    assert only(buy(quantity=1, limit=99, good_for_bars=2)).good_until == NOW + 2 * HOUR
    assert only(buy(quantity=1, limit=99, good_for_bars=2, over_bars=3)).good_until == NOW + 5 * HOUR
    assert only(close(limit=101, over_bars=3), "1").good_until == NOW + 4 * HOUR
    assert only(buy(quantity=1, over_bars=3)).good_until == NOW


WISHES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({}),
    st.fixed_dictionaries({"over_bars": st.integers(1, 5), "algorithm": st.sampled_from([None, "twap", "vwap"])}),
    st.fixed_dictionaries({"algorithm": st.sampled_from(["iceberg", "single"]), "urgent": st.booleans()}),
)
INTENTS = st.builds(
    lambda say, quantity, limit, wishes: say(quantity=quantity, limit=limit, **wishes),
    st.sampled_from([buy, sell]),
    st.sampled_from([0.0004, 0.01, 1, 7, 400]),
    st.sampled_from([None, 20, 99, 101, 180]),
    WISHES,
)


@given(st.one_of(st.lists(INTENTS, max_size=4), st.builds(lambda w: Targets({"XYZUSDT": w}), st.floats(-4, 4))))
def test_what_is_decided_is_exactly_what_the_gate_allowed(answer: Any) -> None:
    """Whatever a wish says about the way, it neither adds an order nor leaves one out."""
    made = plan(answer, desk("2"))
    assert [each.order for each in made.decisions] == [each.order for each in made.orders]
    assert all(each.arrival_price == 100 for each in made.decisions)
