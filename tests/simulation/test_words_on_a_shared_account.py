"""What a word promises on a shared account is kept whoever else is there: each test was a way round one.

Proves: P6-4, P6-5
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from qts.domain.order import Side
from qts.domain.virtual_books import QUARANTINE
from qts.risk.limit_state import ACCOUNT
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import Member
from qts.simulation.operator_words import Verb, Word
from qts.strategy.intent import Intent, buy, close, sell
from tests.generators import INTERVAL, START, SYMBOL
from tests.simulation.test_exits_that_wait import rows
from tests.simulation.test_shared_account_attacked import FREE, held, market, script, thin, together
from tests.simulation.test_slow_orders_as_alone import said_by
from tests.simulation.test_what_rests_goes_with_its_position import alone_by_bar

LONG_LIFE = {"good_for_bars": 30}
NET_LONG, NET_SHORT = {1: buy(quantity=40)}, {1: sell(quantity=40)}
OTHERS = pytest.mark.parametrize("others", [{}, NET_LONG, NET_SHORT], ids=["itself", "net long", "net short"])
Words = dict[int, object]


def of(words: Words, others: Words, data, terms=FREE):
    """A run of the strategy ``s``, with somebody who makes the net what it is."""
    return together(data, terms, s=script(words), **({"z": script(others)} if others else {}))


def traded(result) -> list[tuple[int, Decimal]]:
    return [(bar, Decimal(quantity)) for bar, quantity in rows(result, "s")]


@pytest.mark.parametrize(
    ("words", "out_in"),
    [
        ({3: sell(quantity=250), 11: close()}, 12),
        ({3: sell(quantity=250, stop_loss=102)}, 13),
        ({3: sell(quantity=250), 11: buy(quantity=250)}, 12),
        ({11: buy(quantity=250)}, 12),
    ],
    ids=["close", "stop", "exit", "entry"],
)
def test_a_limit_over_bars_holds_up_nobody(words: Words, out_in: int) -> None:
    data = market([100] * 12 + [102 + 2 * bar for bar in range(13)] + [128] * 10)
    slow = script({10: sell(quantity=6, limit=105, over_bars=12, algorithm="twap")})
    result = together(data, s=script(words), big=script({2: buy(quantity=280)}), slow=slow)
    assert traded(result)[-1] == (out_in, 250)


@OTHERS
@pytest.mark.parametrize("quantities", [(1, 2), (2, 1), (2, 2)])
def test_exits_at_one_trigger_close_no_more_than_is_held(others: Words, quantities: tuple[int, ...]) -> None:
    exits = [sell(quantity=each, trigger=95, good_for_bars=20) for each in quantities]
    result = of({1: buy(quantity=2), 3: exits}, others, market([100] * 8 + [94] * 12))
    assert held(result, "s") == held(result, QUARANTINE) == 0
    assert {bar for bar, _ in traded(result)[1:]} <= {8, 9}, "what was cut is offered at the close that touched it"


@OTHERS
def test_an_exit_that_was_cut_still_closes_what_is_left(others: Words) -> None:
    words = {
        1: buy(quantity=2),
        3: sell(quantity=2, trigger=97, **LONG_LIFE),
        4: sell(quantity=1, limit=105, **LONG_LIFE),
    }
    data = market([100] * 6 + [106] * 4 + [94] * 8)
    assert traded(of(words, others, data)) == [(2, 2), (6, -1), (10, -1)]


@OTHERS
def test_an_exit_touched_in_the_bar_of_its_entry_closes_that_too_at_the_next_open(others: Words) -> None:
    words = {1: buy(quantity=3), 4: [buy(quantity=5), sell(quantity=8, trigger=98, good_for_bars=12)]}
    result = of(words, others, market([100] * 5 + [97] * 4 + [90] * 6))
    assert traded(result) == [(2, 3), (5, 5), (5, -3), (6, -5)]


@OTHERS
@pytest.mark.parametrize("second", [6, 9])
def test_no_older_entry_goes_before_an_exit_that_waits(others: Words, second: int) -> None:
    words = {1: sell(quantity=5), 4: buy(quantity=10), 5: buy(quantity=second)}
    data = thin([100] * 20, {5: 0})
    ends = sum(quantity for _, quantity in alone_by_bar(data, script(words)))
    assert held(of(words, others, data), "s") == ends == second


PAUSED = said_by((8, Verb.PAUSE, "account"))
STRANGER = (
    Word(
        at=START + 9 * INTERVAL, number=0, verb=Verb.FOREIGN_TRADE, subject=SYMBOL, side=Side.BUY, quantity=Decimal(1)
    ),
)


@OTHERS
@pytest.mark.parametrize(
    ("said", "entry", "thin_bars", "then"),
    [
        (PAUSED, {3: sell(quantity=2, limit=103, good_for_bars=20)}, (), 104),
        (PAUSED, {3: sell(quantity=2, trigger=98, good_for_bars=20)}, (), 97),
        (PAUSED, {7: sell(quantity=2)}, (8,), 97),
        (PAUSED, {5: sell(quantity=2, over_bars=8, algorithm="twap")}, (6, 7, 8), 97),
        (STRANGER, {3: sell(quantity=2, limit=103, good_for_bars=20)}, (), 104),
        (STRANGER, {3: sell(quantity=2, trigger=98, good_for_bars=20)}, (), 97),
    ],
    ids=["limit", "trigger", "at market", "over bars", "limit, a stranger", "trigger, a stranger"],
)
def test_entries_that_wait_go_with_a_word_that_forbids_them(
    others: Words, said: tuple[Word, ...], entry: Words, thin_bars: tuple[int, ...], then: float
) -> None:
    data = thin([100] * 10 + [then] * 6, dict.fromkeys(thin_bars, 0))
    result = of(entry, others, data, replace(FREE, operator=said))
    assert traded(result) == []
    assert sum(each.quantity for each in result.withheld if each.strategy_id == "s") == 2


@pytest.mark.parametrize(
    "entry",
    [
        buy(quantity=4),
        buy(quantity=4, limit=99, good_for_bars=15),
        buy(quantity=4, trigger=101, good_for_bars=15),
        buy(quantity=4, over_bars=8, algorithm="twap"),
        buy(quantity=4, algorithm="iceberg"),
    ],
    ids=["at market", "limit", "trigger", "twap", "iceberg"],
)
def test_what_waits_on_a_flat_symbol_goes_with_flatten(entry: Intent) -> None:
    data = thin([100] * 24, dict.fromkeys((5, 6), 0))
    result = of({4: entry}, {}, data, replace(FREE, operator=said_by((6, Verb.FLATTEN, SYMBOL))))
    assert traded(result) == []
    assert sum(each.quantity for each in result.withheld) == 4


@OTHERS
@pytest.mark.parametrize("last", [9, 13, 14, 15])
def test_close_ends_what_was_due_of_a_slow_exit_with_it(others: Words, last: int) -> None:
    data = thin([100] * 10 + [98 - 2 * bar for bar in range(8)] + [80] * 14, dict.fromkeys(range(4, last + 1), 0))
    words = {1: buy(quantity=5), 3: close(over_bars=16, algorithm="twap"), last: close()}
    out = traded(of(words, others, data))[1:]
    assert {bar for bar, _ in out} == {last + 1}
    assert sum(quantity for _, quantity in out) == -5


def test_a_trigger_that_the_gate_finds_too_far_off_waits_and_closes_once_touched() -> None:
    """It would raise the net, so the account's gate measures its price, as it does not of an order that reduces."""
    words = {1: sell(quantity=5), 3: buy(quantity=5, trigger=99.5, good_for_bars=30)}
    result = of(words, NET_LONG, market([90] * 5 + [100] * 2 + [115] * 5))
    assert traded(result) == [(2, -5), (6, 5)], "the bar after the one that touched it"
    assert any("10.00% is allowed" in word.reason for word in result.gate)


def test_a_close_that_the_gate_refuses_is_asked_for_again_at_every_close() -> None:
    """The net at its leverage limit: the strategy is out once the price lets it, and not never."""
    data = market([100] * 5 + [85] * 5 + [100] * 2 + [115] * 5)
    members = [
        Member(strategy_id=name, make=script(words), symbols=(SYMBOL,), capital=Decimal(capital))
        for name, words, capital in (
            ("long", {1: buy(quantity=290)}, 10_000),
            ("s", {1: sell(quantity=25), 6: close()}, 1_000),
        )
    ]
    result = run_together({SYMBOL: data}, members, FREE)
    assert traded(result) == [(2, -25), (11, 25)]
    refused = [word.at for word in result.gate if word.strategy_id == ACCOUNT and word.codes]
    assert refused == [START + bar * INTERVAL for bar in range(7, 11)], "said at each close that it waited"


def test_a_transfer_between_others_takes_nothing_with_it() -> None:
    """Capital is counted at that close; what a bar has just touched and still sleeps has not ended."""
    words = {2: sell(quantity=2), 4: close(), 5: [sell(quantity=3), buy(quantity=5, trigger=97.6)]}
    data = thin([100] * 20, {5: 0.5})
    moved = Word(at=START + 7 * INTERVAL, number=0, verb=Verb.TRANSFER, subject="x", target="y", amount=Decimal(1))
    runs = [
        together(data, terms, s=script(words), x=script({}), y=script({}))
        for terms in (FREE, replace(FREE, operator=(moved,)))
    ]
    assert traded(runs[0]) == traded(runs[1])
    assert held(runs[0], "s") == 0
