"""What takes time meets others bar by bar, and the account never trades with itself at the venue.

Proves: P6-4, P6-5
"""

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.virtual_books import PostingKind
from qts.market.dataset import Dataset
from qts.simulation.joint_result import JointResult
from qts.strategy.arbitration import Rule
from qts.strategy.intent import Answer, Intent, buy, close, sell
from tests.generators import SYMBOL
from tests.simulation.test_exits_that_wait import rows
from tests.simulation.test_shared_account_attacked import FREE, held, market, script, thin, together
from tests.simulation.test_what_rests_goes_with_its_position import alone, alone_by_bar, nobodys
from tests.simulation.test_words_of_one_answer import added


def slowly(side: str, quantity: float, bars: int = 4) -> Intent:
    return {"buy": buy, "sell": sell}[side](quantity=quantity, over_bars=bars, algorithm="twap")


def sides(result: JointResult) -> dict[int, set[bool]]:
    """On which sides the venue filled, by bar."""
    found: dict[int, set[bool]] = {}
    for row, each in result.postings[SYMBOL]:
        if each.kind is PostingKind.FILL:
            found.setdefault(row, set()).add(each.quantity > 0)
    return found


def by_bar(result: JointResult, who: str) -> dict[int, Decimal]:
    found: dict[int, Decimal] = {}
    for row, quantity in rows(result, who):
        found[row] = found.get(row, Decimal(0)) + quantity
    return found


def in_bars(quantity: float, side: str, dataset: Dataset) -> dict[int, Decimal]:
    """What an order over four bars trades in a run of its own."""
    return added(alone_by_bar(dataset, script({1: slowly(side, quantity)})))


@pytest.mark.parametrize("said", [1, 2, 3], ids=["at the same close", "a bar later", "two bars later"])
def test_only_what_is_due_of_it_meets_what_stands_against_it(said: int) -> None:
    """Eight are bought over four bars; somebody sells ten, and has them all at the next open."""
    result = together(market([100] * 12), a=script({1: slowly("buy", 8)}), b=script({said: sell(quantity=10)}))
    assert by_bar(result, "b") == {said + 1: -10}
    assert by_bar(result, "a") == in_bars(8, "buy", market([100] * 12)), "as alone: a fifth of it in each of five bars"
    met = [each for row, each in result.postings[SYMBOL] if each.kind is PostingKind.CROSS and row == said + 1]
    assert met, "what was due met inside"
    assert all(len(each) == 1 for each in sides(result).values())
    assert result.withheld == ()


def test_two_that_take_time_meet_a_part_in_every_bar() -> None:
    result = together(market([100] * 12), a=script({1: slowly("buy", 8)}), b=script({1: slowly("sell", 8)}))
    assert sum(result.fills.values()) == 0
    assert by_bar(result, "a") == {row: -quantity for row, quantity in by_bar(result, "b").items()}
    assert by_bar(result, "a") == in_bars(8, "buy", market([100] * 12))


def test_the_larger_of_two_that_take_time_trades_a_part_in_every_bar() -> None:
    """What is due beyond the other's is sent at each close."""
    result = together(market([100] * 12), a=script({1: slowly("buy", 8)}), b=script({1: slowly("sell", 16)}))
    assert by_bar(result, "a") == in_bars(8, "buy", market([100] * 12)) == dict.fromkeys(range(2, 7), Decimal("1.6"))
    assert by_bar(result, "b") == in_bars(16, "sell", market([100] * 12)) == dict.fromkeys(range(2, 7), Decimal("-3.2"))
    assert result.fills[SYMBOL] == 5


def test_what_is_not_due_is_given_up_with_the_position_it_builds() -> None:
    """All that was due so far met inside, so that no order of the account is for it; it closes, and is out."""
    one = script({1: buy(quantity=5), 2: slowly("buy", 8), 4: close()})
    result = together(market([100] * 12), one=one, other=script({2: slowly("sell", 8)}))
    assert held(result, "one") == sum(alone(market([100] * 12), one))
    assert max(by_bar(result, "one")) == 5


def test_an_urgent_one_is_due_in_half_of_its_time() -> None:
    urgent = buy(quantity=8, over_bars=8, algorithm="twap", urgent=True)
    dataset, one = market([100] * 14), script({1: urgent})
    result = together(dataset, a=one, b=script({1: sell(quantity=10)}))
    assert by_bar(result, "a") == added(alone_by_bar(dataset, one)) == dict.fromkeys(range(2, 7), Decimal("1.6"))


def test_a_limit_that_is_worked_over_bars_is_not_due_by_time() -> None:
    """It meets nobody at market, so that what stands against others leaves it as it is."""
    at_limit = script({1: sell(quantity=8, limit=100, over_bars=4, algorithm="twap", good_for_bars=8)})
    dataset = market([100] * 3 + [102] * 12)
    kinds = {"a": script({1: slowly("buy", 8)}), "b": script({1: sell(quantity=1)}), "limit": at_limit}
    assert by_bar(together(dataset, **kinds), "limit") == by_bar(together(dataset, limit=at_limit), "limit")


def test_an_entry_does_not_wait_for_what_another_closes_slowly() -> None:
    """The machine lets what increases wait for every slice of what reduces; here that is somebody else's."""
    leaves = script({1: buy(quantity=10), 3: close(over_bars=4, algorithm="twap")})
    enters = script({4: buy(quantity=3)})
    result = together(market([100] * 12), leaves=leaves, enters=enters)
    assert rows(result, "enters")[0][0] == 5
    assert by_bar(result, "enters") == {5: 3}
    assert held(result, "leaves") == 0


@pytest.mark.parametrize("rule", [Rule.HOLD, Rule.PRIORITY])
def test_what_the_rule_withholds_is_withheld_whole(rule: Rule) -> None:
    """Two entries at one close, of one priority: nobody trades now, nor a part of it later."""
    kinds = {"a": script({1: slowly("buy", 8)}), "b": script({1: sell(quantity=10)})}
    result = together(market([100] * 12), replace(FREE, rule=rule), **kinds)
    assert result.fills[SYMBOL] == 0
    assert {each.strategy_id: each.quantity for each in result.withheld} == {"a": 8, "b": 10}


def test_what_of_an_entry_is_not_due_is_counted_and_paid_for() -> None:
    """Nothing else may be bought with its money, and its reservation goes as it fills."""
    one = script({1: slowly("buy", 80), 2: buy(quantity=50)})
    dataset = market([100] * 12)
    for other in ({}, {"z": script({1: sell(quantity=30), 2: sell(quantity=30)})}):
        result = together(dataset, replace(FREE, frictions=replace(FREE.frictions, leverage=1)), one=one, **other)
        assert held(result, "one") == 80
        assert [word.codes[0].value for word in result.gate] == ["margin-insufficient"]


def words_of(dice: random.Random, side: str) -> dict[int, Answer]:
    enter, leave = (buy, sell) if side == "buy" else (sell, buy)
    said: dict[int, Answer] = {}
    for bar in range(1, 16):
        size, over = dice.choice([2, 3, 5, 8]), dice.choice([1, 2, 4, 7])
        if dice.random() < 0.5:
            said[bar] = dice.choice(
                [
                    enter(quantity=size),
                    enter(quantity=size, over_bars=over, algorithm="twap"),
                    leave(quantity=2, over_bars=over, algorithm="twap"),
                    close(),
                    close(over_bars=over, algorithm="twap"),
                ]
            )
    return said


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from(list(Rule)))
def test_the_account_never_trades_with_itself(seed: int, is_thin: bool, rule: Rule) -> None:  # noqa: FBT001 - generated
    dice = random.Random(seed)  # noqa: S311 - a repeatable script, no secret
    kinds = {f"s{number}": script(words_of(dice, "buy" if number % 2 else "sell")) for number in range(4)}
    volumes = {row: float(dice.choice([0, 1, 4])) for row in range(2, 24) if is_thin and dice.random() < 0.5}
    result = together(thin([100.0] * 40, volumes), replace(FREE, rule=rule), **kinds)
    assert all(len(each) == 1 for each in sides(result).values())
    assert nobodys(result) == []
