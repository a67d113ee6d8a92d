"""What is said in one answer comes to the same on a shared account as in a run of one's own.

Proves: P6-5, P6-7
"""

from decimal import Decimal

import pytest

from qts.domain.virtual_books import QUARANTINE
from qts.execution.contracts import NOTHING_TO_REDUCE
from qts.market.dataset import Dataset
from qts.strategy.arbitration import Rule
from qts.strategy.intent import Answer, Intent, buy, close, sell
from tests.generators import SYMBOL
from tests.simulation.test_shared_account_attacked import BIG_LONG, FREE, market, replace, script, thin, together
from tests.simulation.test_what_rests_goes_with_its_position import SHORT, alone_by_bar, nobodys

HELD = {1: buy(quantity=10)}
ROOMY = {
    "flat": market([100] * 20),
    "up": market([100] * 8 + [106] * 12),
    "down": market([100] * 8 + [94] * 12),
    "down and up": market([100] * 5 + [98] * 3 + [94] * 3 + [106] * 9),
}
THIN = {
    "thin and up": thin([100] * 8 + [106] * 12, {5: 4, 6: 4}),
    "thin and down": thin([100] * 8 + [94] * 12, {5: 4, 6: 4, 8: 2, 9: 2}),
}


def at(quantity: float, limit: float = 105) -> Intent:
    return sell(quantity=quantity, limit=limit, good_for_bars=12)


def below(quantity: float, trigger: float = 95) -> Intent:
    return sell(quantity=quantity, trigger=trigger, good_for_bars=12)


def slowly(quantity: float) -> Intent:
    return sell(quantity=quantity, over_bars=4, algorithm="twap")


ANSWERS: dict[str, dict[int, Answer]] = {
    "buy, close": {**HELD, 4: [buy(quantity=3), close()]},
    "close, buy": {**HELD, 4: [close(), buy(quantity=3)]},
    "buy, sell all": {**HELD, 4: [buy(quantity=3), sell(quantity=13)]},
    "buy, sell nearly all": {**HELD, 4: [buy(quantity=3), sell(quantity=12)]},
    "buy, sell a part": {**HELD, 4: [buy(quantity=3), sell(quantity=5)]},
    "buy, turn round": {**HELD, 4: [buy(quantity=3), sell(quantity=15)]},
    "buy, close, buy": {**HELD, 4: [buy(quantity=3), close(), buy(quantity=2)]},
    "buy, close, sell": {**HELD, 4: [buy(quantity=3), close(), sell(quantity=2)]},
    "close, buy, close": {**HELD, 4: [close(), buy(quantity=3), close()]},
    "sell, buy, close": {**HELD, 4: [sell(quantity=4), buy(quantity=3), close()]},
    "turn round, close": {**HELD, 4: [sell(quantity=14), close()]},
    "buy and close while flat": {4: [buy(quantity=3), close()]},
    "buy, close, and again": {**HELD, 4: [buy(quantity=3), close()], 5: close()},
    "buy below, close": {**HELD, 4: [buy(quantity=3, limit=95, good_for_bars=9), close()]},
    "buy, limit for all": {**HELD, 4: [buy(quantity=3), at(13)]},
    "buy, trigger for all": {**HELD, 4: [buy(quantity=3), below(13)]},
    "limit, trigger": {**HELD, 4: [at(10), below(10)]},
    "trigger, limit": {**HELD, 4: [below(10), at(10)]},
    "limit, limit": {**HELD, 4: [at(10), at(10, 104)]},
    "halves": {**HELD, 4: [at(5), at(5, 104)]},
    "more than halves": {**HELD, 4: [at(6), at(6, 104)]},
    "limit, close": {**HELD, 4: [at(5), close()]},
    "limit, sell": {**HELD, 4: [at(10), sell(quantity=4)]},
    "sell, limit": {**HELD, 4: [sell(quantity=4), at(10)]},
    "trigger, sell": {**HELD, 4: [below(10), sell(quantity=4)]},
    "limit, slowly": {**HELD, 4: [at(10), slowly(8)]},
    "slowly, close": {**HELD, 4: [slowly(5), close()]},
    "close, close": {**HELD, 4: [close(), close()]},
    "buy, buy, close": {**HELD, 4: [buy(quantity=3), buy(quantity=2), close()]},
    "buy slowly, close": {**HELD, 4: [buy(quantity=8, over_bars=4, algorithm="twap"), close()]},
}


def by_bar(dataset: Dataset, words: dict[int, Answer], others: dict[str, type]) -> dict[int, Decimal]:
    result = together(dataset, one=script(words), **others)
    assert nobodys(result) == []
    return added((row, each.quantity) for row, each in result.postings[SYMBOL] if each.strategy_id == "one")


def added(traded) -> dict[int, Decimal]:  # type: ignore[no-untyped-def]
    found: dict[int, Decimal] = {}
    for row, quantity in traded:
        found[row] = found.get(row, Decimal(0)) + quantity
    return {row: quantity for row, quantity in found.items() if quantity}


@pytest.mark.parametrize("said", ANSWERS)
@pytest.mark.parametrize("others", [{}, {"z": BIG_LONG}, {"z": SHORT}], ids=["by itself", "net long", "net short"])
def test_an_answer_comes_to_what_it_comes_to_alone(said: str, others: dict[str, type]) -> None:
    words = ANSWERS[said]
    for name, dataset in ROOMY.items():
        assert by_bar(dataset, words, others) == added(alone_by_bar(dataset, script(words))), name
    for name, dataset in THIN.items():
        mine = sum(by_bar(dataset, words, others).values())
        assert mine == sum(quantity for _, quantity in alone_by_bar(dataset, script(words))), name


@pytest.mark.parametrize("said", [name for name in ANSWERS if name.endswith("close")])
def test_what_ends_with_a_close_ends_flat(said: str) -> None:
    result = together(market([100] * 20), one=script(ANSWERS[said]))
    assert result.books["one", SYMBOL].position == 0
    assert sum(quantity for _, quantity in alone_by_bar(market([100] * 20), script(ANSWERS[said]))) == 0


@pytest.mark.parametrize("rule", list(Rule))
def test_what_an_answer_opens_and_closes_is_not_traded_and_is_no_ones_loss(rule: Rule) -> None:
    """Somebody sells at the same close: under no rule does that keep the answer from ending flat."""
    one = script({**HELD, 4: [buy(quantity=3), close()]})
    result = together(market([100] * 8), replace(FREE, rule=rule), one=one, two=script({4: sell(quantity=6)}))
    assert result.books["one", SYMBOL].position == 0
    assert [each for each in result.withheld if each.strategy_id == "one"] == []
    assert result.books[QUARANTINE, SYMBOL].position == 0


def test_what_its_answer_closes_again_reserves_nothing() -> None:
    """Half of its money would stay reserved by the purchase, and the next one wants more than the other half."""
    one = script({4: buy(quantity=1), 6: [buy(quantity=250), close()], 7: [buy(quantity=270)]})
    result = together(market([100] * 12), one=one)
    assert result.books["one", SYMBOL].position == 270
    assert result.gate == ()


def test_an_exit_that_has_nothing_to_close_is_told() -> None:
    """Alone the machine refuses it with the same words: nothing is held when it goes out."""
    result = together(market([100] * 8), one=script({4: [buy(quantity=3), sell(quantity=3)]}))
    assert [(each.quantity, each.reason) for each in result.withheld] == [(3, NOTHING_TO_REDUCE)]
