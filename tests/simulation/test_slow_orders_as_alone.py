"""What takes time trades on a shared account in the bars, and by the amounts, in which it trades alone.

Proves: P6-3, P6-5
"""

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.market.dataset import Dataset
from qts.strategy.intent import Answer, Intent, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.simulation.test_beside_one_that_fails import failing
from tests.simulation.test_shared_account_attacked import held, market, script, thin, together
from tests.simulation.test_what_rests_goes_with_its_position import alone_by_bar, nobodys
from tests.simulation.test_what_takes_time_meets import by_bar, slowly
from tests.simulation.test_words_of_one_answer import added

FLAT = market([100] * 30)
FALLS = market([100] * 8 + [70] * 22)
BIG_LONG, BIG_SHORT = script({1: buy(quantity=50)}), script({1: sell(quantity=50)})
TURNS = {1: buy(quantity=8), 3: slowly("sell", 10)}


@pytest.mark.parametrize("others", [{}, {"z": BIG_LONG}, {"z": BIG_SHORT}], ids=["by itself", "net long", "net short"])
@pytest.mark.parametrize(
    "words",
    [
        {1: slowly("buy", 8, 7)},
        {1: buy(quantity=9, over_bars=5, algorithm="twap", urgent=True)},
        {1: buy(quantity=9, algorithm="iceberg")},
        {1: buy(quantity=9, over_bars=6)},
        {1: buy(quantity=20), 3: close(over_bars=4, algorithm="twap")},
        {1: buy(quantity=10), 3: slowly("sell", 4), 5: [sell(quantity=3), close()]},
        {1: buy(quantity=10), 3: slowly("sell", 4), 5: [sell(quantity=1), close()]},
        {1: buy(quantity=10), 3: sell(quantity=2), 4: [slowly("sell", 4, 1), close()]},
        TURNS,
    ],
)
def test_it_trades_as_alone(words: dict[int, Answer], others: dict[str, type[Strategy]]) -> None:
    result = together(FLAT, s=script(words), **others)
    assert by_bar(result, "s") == added(alone_by_bar(FLAT, script(words)))
    assert nobodys(result) == []
    assert result.withheld == ()


@pytest.mark.parametrize("other", [buy(quantity=20), slowly("buy", 20), slowly("buy", 3, 9)])
def test_a_turn_over_bars_that_meets_others_ends_where_it_ends_alone(other: Answer) -> None:
    result = together(FLAT, s=script(TURNS), z=script({4: other}))
    assert by_bar(result, "s") == added(alone_by_bar(FLAT, script(TURNS)))


@pytest.mark.parametrize("last", [close(), sell(quantity=10)])
@pytest.mark.parametrize("others", [{}, {"z": BIG_LONG}, {"z": BIG_SHORT}], ids=["by itself", "net long", "net short"])
def test_a_close_gets_out_at_once_though_a_turn_over_bars_is_under_way(
    last: Intent, others: dict[str, type[Strategy]]
) -> None:
    """Before the price falls to where it would be liquidated."""
    one = script({1: buy(quantity=8), 3: slowly("sell", 10, 12), 4: last})
    result = together(FALLS, s=one, **others)
    out = by_bar(result, "s")
    assert out[2] + out[4] + out[5] <= 0
    assert nobodys(result) == []


def test_a_close_in_a_thin_bar_is_out_when_it_is_alone() -> None:
    one = script({1: buy(quantity=10), 3: slowly("sell", 2, 8), 5: sell(quantity=3), 6: close()})
    dataset = thin([100] * 24, {6: 0.2})
    assert max(by_bar(together(dataset, s=one, z=BIG_LONG), "s")) == max(added(alone_by_bar(dataset, one))) == 7


def test_what_is_not_due_of_one_that_was_halted_is_told_and_costs_nobody_an_exit() -> None:
    one, bad = script({0: buy(quantity=3), 5: close()}), failing({1: slowly("buy", 16, 16)}, 4)
    result = together(FLAT, one=one, bad=bad)
    assert by_bar(result, "one") == added(alone_by_bar(FLAT, one))
    assert [(each.strategy_id, each.quantity) for each in result.withheld] == [("bad", 16 - held(result, "bad"))]
    assert held(result, "bad") < 16


def one_way(dice: random.Random) -> dict[int, Answer]:
    """Purchases at once and over bars, then one way out of all of it: nothing overtakes anything."""
    said: dict[int, Answer] = {}
    for bar in range(1, 8):
        if dice.random() < 0.5:
            over = dice.choice([0, 1, 2, 4, 7])
            said[bar] = buy(quantity=dice.choice([1, 2, 5]), over_bars=over, algorithm="twap" if over else None)
    over = dice.choice([0, 3, 6])
    said[20] = close(over_bars=over, algorithm="twap" if over else None)
    return said


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6))
def test_many_of_them_trade_as_each_does_alone(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a repeatable script, no secret
    kinds = {f"s{number}": script(one_way(dice)) for number in range(3)}
    dataset: Dataset = market([100] * 40)
    result = together(dataset, **kinds, z=BIG_SHORT)
    for name, kind in kinds.items():
        assert by_bar(result, name) == added(alone_by_bar(dataset, kind)), name
        assert held(result, name) == Decimal(0)


def test_a_close_leaves_nothing_that_waited_for_the_slices_of_an_exit() -> None:
    """In a run alone what increases waits in the loop for every slice of what reduces."""
    one = script({1: sell(quantity=10), 3: slowly("buy", 2, 7), 4: slowly("sell", 2, 1), 6: close()})
    assert sum(quantity for _, quantity in alone_by_bar(FLAT, one)) == 0
    assert held(together(FLAT, one=one), "one") == 0
