"""An exit that takes time is no reason for a faster one to wait.

Proves: P6-5, QL-14
"""

from decimal import Decimal

import pytest

from qts.domain.virtual_books import QUARANTINE
from qts.market.dataset import Dataset
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.joint_result import JointResult
from qts.strategy.intent import Answer, buy, close, protect, sell
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, SYMBOL
from tests.simulation.test_joint_guard import FRICTIONS, TERMS, market
from tests.simulation.test_shared_account_attacked import script, thin, together

SLOWLY = close(over_bars=100, algorithm="twap")


def traded(result: JointResult, whose: str) -> list[Decimal]:
    return [each.quantity for _, each in result.postings[SYMBOL] if each.strategy_id == whose and each.quantity]


def alone(dataset: Dataset, kind: type[Strategy], **terms: object) -> list[Decimal]:
    under = Terms(capital=Decimal(10_000), waivers=ALL_WAIVERS, frictions=FRICTIONS, **terms)  # type: ignore[arg-type]
    return [each.side.sign * each.quantity for each in run_backtest(dataset, kind(), under).fills]


def test_a_stop_fires_while_a_slow_exit_is_under_way() -> None:
    """The net is short, so that the strategy's own stop fires as an exit."""
    one = script({1: buy(quantity=10, stop_loss=95), 3: SLOWLY})
    result = together(market([100] * 7 + [94, 90, 80, 70, 60, 60]), one=one, other=script({1: sell(quantity=30)}))
    left = 10 + sum(quantity for quantity in traded(result, "one")[1:-1])
    assert traded(result, "one")[-1] == -left, "all that the slices had left, in one piece"
    assert sum(traded(result, "one")) == 0
    assert traded(result, QUARANTINE) == []


@pytest.mark.parametrize(
    "then", [close(), sell(quantity=4), sell(quantity=1), SLOWLY], ids=["close", "part", "little", "slow"]
)
def test_a_quick_exit_takes_the_place_of_a_slow_one(then: Answer) -> None:
    """By itself on an account it ends flat as in a run of its own; what a part leaves goes on slowly."""
    one = script({1: buy(quantity=8), 3: close(over_bars=4, algorithm="twap"), 5: then})
    dataset = market([100] * 130)
    result = together(dataset, one=one)
    assert sum(traded(result, "one")) == sum(alone(dataset, one)) == 0
    assert traded(result, QUARANTINE) == []


def test_what_its_stop_no_longer_protects_is_given_back_beside_a_slow_exit() -> None:
    """A stop that is moved behind liquidation; nobody waits a hundred bars for it."""
    one = script({1: buy(quantity=100, stop_loss=90), 3: SLOWLY, 5: protect(stop_loss=70)})
    dataset = market([100] * 10 + [79, 79])
    result = together(dataset, TERMS, one=one)
    assert sum(traded(result, "one")) == 0
    assert result.account.equity == 10_000
    assert sum(alone(dataset, one, policies=TERMS.policies)) == 0


def test_exits_offered_again_are_together_no_more_than_is_held() -> None:
    """Two ways out are under way in a thin market when the net's stop leaves 3 of 26."""
    one = script({1: buy(quantity=20, stop_loss=95), 5: buy(quantity=6)})
    dataset = thin([100] * 5 + [94] * 8, {5: 0, 6: 0, 7: 0})
    result = together(dataset, one=one, other=script({1: sell(quantity=3)}))
    assert traded(result, QUARANTINE) == []
    assert sum(traded(result, "one")) == 0
