"""What waits of a strategy goes with its own position and with nobody else's, on a shared account as alone.

Proves: P6-5, P6-7
"""

import random
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate
from typing import Any

import pytest

from qts.domain.virtual_books import QUARANTINE
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_withdrawing import NET_TAKEN, POSITION_GONE
from qts.strategy.arbitration import Rule
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, INTERVAL, START, SYMBOL
from tests.simulation.test_joint_guard import FRICTIONS, market
from tests.simulation.test_shared_account_attacked import BIG_LONG, FREE, script, thin, together

pytestmark = pytest.mark.unmeasured

EXIT = sell(quantity=10, limit=105, good_for_bars=50)
UP = [100] * 8 + [106] * 4
SHORT = script({1: sell(quantity=30)})


def own(result: JointResult, who: str) -> list[Decimal]:
    """What one book traded, in order."""
    return [each.quantity for _, each in result.postings[SYMBOL] if each.strategy_id == who and each.quantity]


def nobodys(result: JointResult) -> list[Decimal]:
    return own(result, QUARANTINE)


def alone_by_bar(dataset: Dataset, kind: type[Strategy]) -> list[tuple[int, Decimal]]:
    terms = Terms(capital=Decimal(10_000), waivers=ALL_WAIVERS, frictions=FRICTIONS)
    fills = run_backtest(dataset, kind(), terms).fills
    return [((each.occurred_at - START) // INTERVAL, each.side.sign * each.quantity) for each in fills]


def alone(dataset: Dataset, kind: type[Strategy]) -> list[Decimal]:
    return [quantity for _, quantity in alone_by_bar(dataset, kind)]


@pytest.mark.parametrize(
    ("words", "path", "other"),
    [
        # the net is short, so its own stop is not at the venue and fires as an exit
        ({1: buy(quantity=10, stop_loss=95), 3: EXIT}, [100] * 6 + [94] * 3 + [106] * 3, SHORT),
        ({1: buy(quantity=10), 3: EXIT, 5: close()}, UP, BIG_LONG),
        ({1: buy(quantity=10), 3: EXIT, 5: close()}, UP, SHORT),
        ({1: buy(quantity=10), 3: EXIT, 5: sell(quantity=6)}, UP, BIG_LONG),
    ],
    ids=["its stop fired", "it closed", "it closed under a short net", "a part was closed"],
)
def test_a_resting_exit_whose_position_has_gone_fills_nothing(
    words: dict[int, Any], path: list[float], other: type[Strategy]
) -> None:
    one, dataset = script(words), market(path)
    result = together(dataset, one=one, other=other)
    assert nobodys(result) == []
    assert own(result, "one") == alone(dataset, one)


def test_an_exit_of_the_whole_net_leaves_the_entry_of_another() -> None:
    leaves, enters = script({1: buy(quantity=10), 5: close()}), script({4: buy(quantity=10)})
    dataset = thin([100] * 10, {5: 0.0005})
    assert own(together(dataset, leaves=leaves, enters=enters), "enters") == alone(dataset, enters)


def test_an_exit_withdraws_the_rest_of_its_own_entry_whatever_others_hold() -> None:
    one, dataset = script({1: buy(quantity=10), 2: close()}), thin([100] * 10, {2: 4})
    assert own(together(dataset, one=one, other=script({0: buy(quantity=3)})), "one") == alone(dataset, one)


# -- orders of several, and what the net ends ----------------------------------------------------


@pytest.mark.parametrize("rule", list(Rule))
def test_who_shares_an_order_keeps_what_another_gives_up(rule: Rule) -> None:
    """One order of 20 fills 10, five each. One of the two closes; the other one's five come all the same."""
    leaves, stays = script({1: buy(quantity=10), 2: close()}), script({1: buy(quantity=10, stop_loss=90)})
    dataset = thin([100] * 6 + [89] * 4, {2: 10})
    result = together(dataset, replace(FREE, rule=rule), leaves=leaves, stays=stays)
    assert sum(own(result, "leaves")) == 0
    assert max(own(result, "leaves")) == 5  # and no more of its own entry
    bought = [each for each in own(result, "stays") if each > 0]
    assert (sum(bought), sum(own(result, "stays"))) == (10, 0)  # its stop is that of all of it
    assert result.withheld == ()


def test_who_shares_a_resting_exit_keeps_it_when_another_closes() -> None:
    leaves, stays = script({1: buy(quantity=10), 3: EXIT, 5: close()}), script({1: buy(quantity=10), 3: EXIT})
    result = together(market(UP), leaves=leaves, stays=stays)
    assert own(result, "leaves") == [10, -10]
    assert own(result, "stays") == [10, -10]
    assert [row for row, each in result.postings[SYMBOL] if each.strategy_id == "stays" and each.quantity] == [2, 8]


def test_a_resting_exit_stays_when_the_net_is_flat_and_its_position_is_not() -> None:
    one, other = script({1: buy(quantity=10), 3: EXIT}), script({5: sell(quantity=10)})
    result = together(market(UP), one=one, other=other)
    assert own(result, "one") == alone(market(UP), one) == [10, -10]


def test_an_exit_that_needs_the_room_of_anothers_leaves_it_standing() -> None:
    """Longs of 10 and 10 under a short of 5: the net has no room for both exits as reductions."""
    one, two = script({1: buy(quantity=10), 3: EXIT}), script({1: buy(quantity=10), 5: close()})
    result = together(market(UP), one=one, two=two, short=script({1: sell(quantity=5)}))
    assert (sum(own(result, "one")), sum(own(result, "two")), nobodys(result)) == (0, 0, [])
    assert {row for row, each in result.postings[SYMBOL] if each.strategy_id == "one" and each.quantity} == {2, 8}


def test_an_order_worked_over_time_is_offered_for_what_is_left_of_it() -> None:
    leaves = script({1: buy(quantity=8, over_bars=4, algorithm="twap"), 3: close()})
    stays = script({1: buy(quantity=8, over_bars=4, algorithm="twap")})
    dataset = market([100] * 14)
    result = together(dataset, leaves=leaves, stays=stays)
    assert sum(own(result, "stays")) == sum(alone(dataset, stays)) == 8
    rows = [row for row, each in result.postings[SYMBOL] if each.strategy_id == "stays" and each.quantity]
    assert max(rows) == max(row for row, _ in alone_by_bar(dataset, stays))
    assert sum(own(result, "leaves")) == 0


def test_what_is_lost_otherwise_than_by_its_own_word_is_told() -> None:
    stopped = script({1: buy(quantity=10, stop_loss=95), 3: EXIT})
    told = together(market([100] * 6 + [94] * 6), one=stopped).withheld
    assert [(each.strategy_id, each.quantity, each.reason) for each in told] == [("one", 10, POSITION_GONE)]
    enters = script({2: buy(quantity=10, limit=99, good_for_bars=20)})
    dataset = thin([100] * 3 + [98] + [100] * 2 + [94] * 6, {3: 4})
    told = together(dataset, one=script({1: buy(quantity=10, stop_loss=95)}), two=enters).withheld
    assert [(each.quantity, each.reason) for each in told if each.strategy_id == "two"] == [(6, NET_TAKEN)]


def test_an_entry_that_waits_for_volume_meets_a_stop_that_does() -> None:
    """Neither has traded in a bar without volume: they meet at the next open, where alone the entry fills too."""
    enters, dataset = script({5: buy(quantity=10)}), thin([100] * 6 + [94] * 6, {6: 0})
    result = together(dataset, one=script({1: buy(quantity=10, stop_loss=95)}), two=enters)
    assert own(result, "two") == alone(dataset, enters) == [10]
    assert own(result, "one") == [10, -10]
    assert result.withheld == ()


# -- anything -------------------------------------------------------------------------------------


def anything(seed: int) -> type[Strategy]:
    """One that enters on one side, at market and at limits, and leaves in every way but by a protective pair."""
    is_long = seed % 2 == 0

    class Anything(Strategy):
        def on_bar(self, view: View) -> Answer:
            dice = random.Random(seed * 1000 + view.bar_number)  # noqa: S311 - a repeatable script, no secret
            enter, leave, sign = (buy, sell, 1) if is_long else (sell, buy, -1)
            size, price = Decimal(dice.choice([4, 6, 10])), sign * dice.choice([1, 2, 3, 4])
            out = min(size, abs(view.position))
            entries = [enter(quantity=size), enter(quantity=size, limit=100 - price, good_for_bars=10)]
            if dice.random() > 0.4 or not out:
                return dice.choice(entries) if dice.random() < 0.2 else None
            exits = [
                close(),
                leave(quantity=out),
                leave(quantity=out, limit=100 + price, good_for_bars=20),
                leave(quantity=out, trigger=100 - price, good_for_bars=20),
            ]
            return dice.choice([*entries, *exits, exits[2]])

    return Anything


@pytest.mark.parametrize("volume", [1e9, 80])
@pytest.mark.parametrize("first", [0, 50])
def test_no_exit_fills_beyond_its_position_whoever_shares_the_account(first: int, volume: float) -> None:
    """Each trades on one side and asks to close no more than it holds: no book turns round, nothing is nobody's."""
    for seed in range(first, first + 50):
        dice = random.Random(seed)  # noqa: S311 - a repeatable script, no secret
        path = [100.0]
        for _ in range(29):
            path.append(max(90, min(110, path[-1] + dice.choice([-2, -1, 0, 0, 1, 2]))))
        dataset = thin(path, {row: volume for row in range(len(path)) if dice.random() < 0.5})
        seeds = {f"s{number}": dice.randrange(10**6) for number in range(dice.choice([2, 3]))}
        result = together(dataset, **{who: anything(each) for who, each in seeds.items()})
        assert nobodys(result) == [], seed
        for who, each in seeds.items():
            sign = 1 if each % 2 == 0 else -1
            assert all(sign * held >= 0 for held in accumulate(own(result, who))), (seed, who)
