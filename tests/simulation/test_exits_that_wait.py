"""An exit that waits keeps its own quantity and its trigger, whatever becomes of the position and of the net.

Proves: P6-5, P6-7
"""

from decimal import Decimal

import pytest

from qts.simulation.joint_result import JointResult
from qts.simulation.joint_withdrawing import POSITION_GONE
from qts.simulation.operator_words import Verb, Word
from qts.strategy.arbitration import Rule
from qts.strategy.intent import Answer, Intent, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.generators import INTERVAL, START, SYMBOL
from tests.simulation.test_shared_account_attacked import BIG_LONG, FREE, market, replace, script, thin, together
from tests.simulation.test_what_rests_goes_with_its_position import SHORT, alone_by_bar, nobodys, own

OTHERS = pytest.mark.parametrize("others", [{}, {"z": BIG_LONG}, {"z": SHORT}], ids=["alone", "net long", "net short"])


def below(quantity: float, trigger: float = 95, bars: int = 30) -> Intent:
    return sell(quantity=quantity, trigger=trigger, good_for_bars=bars)


def rows(result: JointResult, who: str) -> list[tuple[int, Decimal]]:
    return [(row, each.quantity) for row, each in result.postings[SYMBOL] if each.strategy_id == who and each.quantity]


def added(traded: list[tuple[int, Decimal]]) -> dict[int, Decimal]:
    found: dict[int, Decimal] = {}
    for row, quantity in traded:
        found[row] = found.get(row, Decimal(0)) + quantity
    return found


# -- an exit that was cut ---------------------------------------------------------------------------

GROWING: dict[str, dict[int, Answer]] = {
    "a trigger": {1: buy(quantity=10), 3: below(10), 4: sell(quantity=4), 6: buy(quantity=4)},
    "a trigger, beyond its own size": {1: buy(quantity=10), 3: below(10), 4: sell(quantity=4), 6: buy(quantity=9)},
    "a trigger, twice": {
        1: buy(quantity=10),
        3: below(10),
        4: sell(quantity=8),
        5: buy(quantity=3),
        6: buy(quantity=3),
    },
    "a limit, cut by a trigger": {
        1: buy(quantity=10),
        3: [sell(quantity=5, limit=105, good_for_bars=30), below(6, 99)],
        7: buy(quantity=6),
    },
    "a position that went": {1: buy(quantity=10), 3: below(10), 4: sell(quantity=4), 5: close(), 6: buy(quantity=4)},
}


@OTHERS
@pytest.mark.parametrize("said", GROWING)
def test_an_exit_that_was_cut_closes_up_to_its_own_quantity(said: str, others: dict[str, type[Strategy]]) -> None:
    for path in ([100] * 8 + [94] * 4, [100] * 4 + [99] * 4 + [106] * 4):
        one, dataset = script(GROWING[said]), market(path)
        result = together(dataset, one=one, **others)
        assert rows(result, "one") == alone_by_bar(dataset, one)
        assert nobodys(result) == []


def test_a_part_that_sleeps_does_not_wake_for_another_position() -> None:
    """It was cut to 6 and closed the rest itself; what is bought afterwards is none of its business."""
    one = script({1: buy(quantity=10), 3: below(10), 4: sell(quantity=4), 7: buy(quantity=5)})
    dataset = market([100] * 6 + [94] * 8)
    result = together(dataset, one=one, z=BIG_LONG)
    assert rows(result, "one") == alone_by_bar(dataset, one)
    assert sum(own(result, "one")) == 5


def test_all_of_an_exit_is_told_when_its_position_has_gone() -> None:
    one = script({1: buy(quantity=10, stop_loss=90), 3: below(10, 80), 4: sell(quantity=4)})
    told = together(market([100] * 8 + [89] * 4), one=one).withheld
    assert [(each.quantity, each.reason) for each in told] == [(10, POSITION_GONE)]


def test_one_that_has_to_wait_for_a_slow_close_goes_with_it() -> None:
    """Ten go out in three bars; a trigger said meanwhile is for what is left, and not for what is bought afterwards."""
    one = script({1: buy(quantity=10), 4: close(), 5: below(6), 6: buy(quantity=10)})
    dataset = thin([100] * 8 + [94] * 6, {5: 4, 6: 4})
    result = together(dataset, one=one, z=BIG_LONG)
    assert added(rows(result, "one")) == added(alone_by_bar(dataset, one))


# -- triggers that find too little of the net ---------------------------------------------------------

SHORTED = {"short": script({1: sell(quantity=10)})}
"""Under it two longs of ten are a net of ten, which has room for one of two ways out."""


def longs(a: Intent, b: Intent) -> dict[str, type[Strategy]]:
    """Two strategies with a way out each, said at two closes: either finds the net as if it were its own."""
    return {"a": script({1: buy(quantity=10), 3: a}), "b": script({1: buy(quantity=10), 4: b})}


def left(result: JointResult, who: str) -> list[tuple[int, Decimal]]:
    return [each for each in rows(result, who) if each[0] > 2]


@pytest.mark.parametrize("after", [93, 100], ids=["it stays below", "it comes back"])
@pytest.mark.parametrize("bars", [30, 4], ids=["much life left", "its last bar"])
def test_a_trigger_that_was_touched_and_found_no_room_leaves_at_the_next_open(after: float, bars: int) -> None:
    """Alone both are out in bar 8, at whose close the shorter life of b is over."""
    kinds = longs(below(10, 95), below(10, 94, bars))
    dataset = market([100] * 8 + [93] + [after] * 5)
    for kind in kinds.values():
        assert alone_by_bar(dataset, kind) == [(2, 10), (8, -10)]
    result = together(dataset, **kinds, **SHORTED)
    assert {who: left(result, who) for who in kinds} == {"a": [(8, -10)], "b": [(9, -10)]}
    assert nobodys(result) == []
    assert result.withheld == ()


@pytest.mark.parametrize("rule", list(Rule))
def test_entries_at_triggers_are_not_lost_either(rule: Rule) -> None:
    kinds = {
        "a": script({3: sell(quantity=10, trigger=95, good_for_bars=5)}),
        "b": script({4: sell(quantity=10, trigger=94, good_for_bars=4)}),
    }
    dataset = market([100] * 8 + [93] + [100] * 5)
    result = together(dataset, replace(FREE, rule=rule), **kinds, long=script({1: buy(quantity=10)}))
    for who, kind in kinds.items():
        assert sum(own(result, who)) == sum(quantity for _, quantity in alone_by_bar(dataset, kind)) == -10


def test_one_that_was_not_touched_goes_on_waiting() -> None:
    """b's trigger lies lower: when a's exit has taken the net, b waits as before, with the life it had."""
    result = together(market([100] * 8 + [94] * 3 + [89] * 3), **longs(below(10, 95), below(10, 90)), **SHORTED)
    assert {who: left(result, who) for who in "ab"} == {"a": [(8, -10)], "b": [(11, -10)]}
    ended = together(market([100] * 8 + [94] * 3 + [89] * 3), **longs(below(10, 95), below(10, 90, 6)), **SHORTED)
    assert left(ended, "b") == [], "as alone: its life ended before its trigger was touched"


def test_one_that_was_touched_and_half_filled_goes_on_at_market() -> None:
    """The bar had 14 for the two; the net is flat after ten."""
    dataset = thin([100] * 8 + [94] + [100] * 6, {8: 14})
    result = together(dataset, **longs(below(10, 95), below(10, 95)), **SHORTED)
    assert {who: sum(quantity for _, quantity in left(result, who)) for who in "ab"} == {"a": -10, "b": -10}
    assert max(row for row, _ in left(result, "b")) == 9
    assert nobodys(result) == []


def test_one_that_was_touched_leaves_room_for_what_its_strategy_closes_itself() -> None:
    """b says close() at the close of the bar that touched its trigger: it leaves once."""
    kinds = longs(below(10, 95), below(10, 94))
    kinds["b"] = script({1: buy(quantity=10), 4: below(10, 94), 8: close()})
    result = together(market([100] * 8 + [93] * 5), **kinds, **SHORTED)
    assert left(result, "b") == [(9, -10)]
    assert nobodys(result) == []


# -- nothing goes without a word ------------------------------------------------------------------------


def test_what_the_machine_gives_up_is_told_with_its_reason() -> None:
    """A pause ends entries that wait. The record has the operator's word, and whom it cost what."""
    one = script({1: buy(quantity=10, limit=95, good_for_bars=20)})
    word = Word(at=START + 4 * INTERVAL, number=0, verb=Verb.PAUSE, subject="account", who="ann")
    told = together(market([100] * 8), replace(FREE, operator=(word,)), one=one).withheld
    assert [(each.strategy_id, each.quantity, each.reason) for each in told] == [("one", 10, "executions are paused")]


def test_an_order_whose_own_life_ends_is_no_loss() -> None:
    one = script({1: buy(quantity=10, limit=95, good_for_bars=2)})
    assert together(market([100] * 8), one=one).withheld == ()
