"""What takes time trades on a shared account in the bars, and by the amounts, in which it trades alone.

Proves: P6-3, P6-5
"""

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.refusal import RefusalCode
from qts.domain.virtual_books import QUARANTINE
from qts.market.dataset import Dataset
from qts.risk.limit_policy import LimitPolicies
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import Member
from qts.simulation.operator_words import Verb, Word
from qts.strategy.arbitration import Rule
from qts.strategy.intent import Answer, Intent, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.generators import INTERVAL, START, SYMBOL
from tests.simulation.test_beside_one_that_fails import failing
from tests.simulation.test_joint_guard import WIDE
from tests.simulation.test_shared_account_attacked import FREE, held, market, script, thin, together
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


# -- what a second hostile reader found ---------------------------------------------------------


def with_gap() -> tuple[Dataset, Dataset]:
    """A market of every bar, and OTHER of which the bars 5 to 9 are missing."""
    here = market([100] * 24)
    kept = [row for row in range(24) if not 5 <= row <= 9]
    columns = ("opened_at", "open", "high", "low", "close", "volume")
    bars = replace(here.bars, symbol="OTHER", **{name: getattr(here.bars, name)[kept] for name in columns})
    there = replace(here, bars=bars, mark=bars, brackets=None, instrument=replace(here.instrument, symbol="OTHER"))
    return here, there


@pytest.mark.parametrize(
    ("one", "two", "ends"),
    [
        ({3: slowly("buy", 8, 8)}, {3: slowly("sell", 8, 8)}, (8, -8)),
        ({1: buy(quantity=8), 3: close(over_bars=8, algorithm="twap")}, {3: slowly("buy", 8, 8)}, (0, 8)),
        ({3: slowly("buy", 4, 4)}, {1: buy(quantity=10), 4: close()}, (4, 0)),
        ({2: slowly("buy", 8, 8)}, {4: sell(quantity=10)}, (8, -10)),
    ],
)
def test_what_waits_to_be_crossed_over_a_gap_is_crossed_once(
    one: dict[int, Answer], two: dict[int, Answer], ends: tuple[int, int]
) -> None:
    here, there = with_gap()
    members = [
        Member(strategy_id=name, make=script(words), symbols=("OTHER",), capital=Decimal(10_000))
        for name, words in (("one", one), ("two", two))
    ]
    members.append(Member(strategy_id="z", make=script({}), symbols=(SYMBOL,), capital=Decimal(10_000)))
    result = run_together({SYMBOL: here, "OTHER": there}, members, FREE)
    assert (result.books["one", "OTHER"].position, result.books["two", "OTHER"].position) == ends
    assert result.books[QUARANTINE, "OTHER"].position == 0


def said_by(*verbs: tuple[int, Verb, str]) -> tuple[Word, ...]:
    return tuple(
        Word(at=START + (bar + 1) * INTERVAL, number=number, verb=verb, subject=subject, who="ann", why="test")
        for number, (bar, verb, subject) in enumerate(verbs)
    )


@pytest.mark.parametrize(
    "words",
    [
        ((5, Verb.FLATTEN, SYMBOL),),
        ((5, Verb.PAUSE, "account"), (7, Verb.RESUME, "account")),
        ((5, Verb.PAUSE, "account"), (6, Verb.RESUME, "account")),
        ((5, Verb.KILL, "account"), (8, Verb.RESUME, "account")),
    ],
)
@pytest.mark.parametrize("bars", [4, 8, 16])
def test_a_word_that_stops_the_account_stops_what_sleeps_too(
    words: tuple[tuple[int, Verb, str], ...], bars: int
) -> None:
    """Told once, never traded afterwards, and its money is free again."""
    one = script({2: slowly("buy", 8, bars)})
    result = together(FLAT, replace(FREE, operator=said_by(*words)), s=one)
    bought = sum((each.quantity for _, each in result.postings[SYMBOL] if each.quantity > 0), start=Decimal(0))
    assert max(row for row, each in result.postings[SYMBOL] if each.quantity > 0) <= 6
    assert bought + sum(each.quantity for each in result.withheld) == 8
    assert all(pool.reserved == 0 for pool in result.capital.pools.values())


def test_what_sleeps_is_an_open_order() -> None:
    bounds = LimitPolicies(account=replace(WIDE, open_orders_max=1))
    one = script(dict.fromkeys((2, 4, 6), slowly("buy", 8, 16)))
    result = together(market([100] * 40), replace(FREE, policies=bounds), s=one)
    assert held(result, "s") == 8
    assert {word.codes[0] for word in result.gate} == {RefusalCode.OPEN_ORDERS_ABOVE_LIMIT}


@pytest.mark.parametrize("says", [{}, {6: buy(quantity=1)}, {8: buy(quantity=1)}])
def test_when_the_other_half_of_a_turn_begins_is_nobody_elses_business(says: dict[int, Answer]) -> None:
    dataset = market([100] * 6 + [94] * 24)
    one = script({1: buy(quantity=8, stop_loss=95), 3: slowly("sell", 20, 10)})
    assert by_bar(together(dataset, s=one, z=script(says)), "s") == by_bar(together(dataset, s=one), "s")


@pytest.mark.parametrize("others", [1, 2, 3])
def test_what_the_nets_stop_ends_is_told_once(others: int) -> None:
    holders = {f"z{number}": script({1: buy(quantity=2, stop_loss=95)}) for number in range(others)}
    result = together(market([100] * 6 + [94] * 24), s=script({3: slowly("buy", 8, 8)}), **holders)
    bought = sum(each.quantity for _, each in result.postings[SYMBOL] if each.strategy_id == "s" and each.quantity > 0)
    assert [each.quantity for each in result.withheld if each.strategy_id == "s"] == [8 - bought]


def test_a_part_that_is_too_small_for_an_order_is_told_and_not_made_up_for() -> None:
    result = together(FLAT, s=script({3: slowly("buy", 5, 5)}), z=script({1: buy(quantity=20), 3: sell(quantity=0.96)}))
    assert held(result, "s") + sum(each.quantity for each in result.withheld) == 5
    assert [each.quantity for each in result.withheld] == [Decimal("0.040")]


def test_to_say_out_again_makes_nobody_slower() -> None:
    once = script({1: buy(quantity=10), 3: close(over_bars=5, algorithm="twap")})
    again = script({1: buy(quantity=10)} | dict.fromkeys(range(3, 20), close(over_bars=5, algorithm="twap")))
    assert by_bar(together(FLAT, s=again), "s") == by_bar(together(FLAT, s=once), "s")
    quicker = script(
        {1: buy(quantity=10), 3: close(over_bars=20, algorithm="twap"), 5: close(over_bars=2, algorithm="twap")}
    )
    assert max(by_bar(together(FLAT, s=quicker), "s")) < 10


# -- and a third ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "bought"), [(sell(quantity=4), 1.2), ([sell(quantity=1), sell(quantity=3)], 1.4)])
def test_the_other_half_of_a_turn_does_not_go_before_an_exit_that_waits(words: Answer, bought: float) -> None:
    """In a thin bar most of the first exit waits; what somebody buys meets that, and no entry behind it."""
    dataset = thin([100] * 26, {6: 0.5})
    one = script({1: buy(quantity=5), 5: words, 6: sell(quantity=5)})
    result = together(dataset, one=one, two=script({6: buy(quantity=bought)}))
    assert held(result, "one") == sum(quantity for _, quantity in alone_by_bar(dataset, one)) == Decimal("-0.5")
    assert nobodys(result) == []


@pytest.mark.parametrize("others", [{6: sell(quantity=2)}, {6: buy(quantity=5)}])
def test_a_turn_that_a_trigger_began_in_the_flattening_bar_opens_nothing(others: dict[int, Answer]) -> None:
    dataset = market([100] * 11 + [103] * 10)
    one = script({7: sell(quantity=2), 8: buy(quantity=8, trigger=103, good_for_bars=6)})
    operator = said_by((10, Verb.FLATTEN, SYMBOL))
    result = together(dataset, replace(FREE, operator=operator), one=one, two=script(others))
    assert held(result, "one") == held(result, "two") == 0
    assert max(row for row, each in result.postings[SYMBOL] if each.quantity) == 11


def test_what_was_withheld_at_its_first_close_is_not_told_by_the_nets_stop() -> None:
    one = script({1: buy(quantity=2, stop_loss=93), 5: slowly("buy", 5)})
    dataset = market([100] * 6 + [92] * 10)
    result = together(dataset, replace(FREE, rule=Rule.HOLD), one=one, two=script({5: sell(quantity=1)}))
    assert [each.quantity for each in result.withheld if each.strategy_id == "one"] == [5]
