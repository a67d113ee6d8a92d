"""A strategy's way out passes every staged limit of the account, though it raise the net; entries beside it do not.

Proves: P4-1, P6-5, P6-7, P6-8
"""

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.refusal import RefusalCode
from qts.market.dataset import Dataset
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limits import LimitName
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member
from qts.simulation.operator_words import Verb, Word
from qts.strategy.arbitration import Rule
from qts.strategy.intent import Answer, buy, close, protect, sell
from qts.strategy.strategy import Strategy
from tests.generators import INTERVAL, START, SYMBOL
from tests.simulation.test_joint_guard import FRICTIONS, TERMS, WIDE
from tests.simulation.test_shared_account_attacked import FREE, held, market, script, together
from tests.simulation.test_what_rests_goes_with_its_position import nobodys

PATH = [100] * 5 + [90] * 3 + [93] * 3 + [88] * 4
LONG = {1: buy(quantity=3), 2: buy(quantity=3), 3: buy(quantity=3)}
SHORT = {1: sell(quantity=2), 2: sell(quantity=2)}

WAYS_OUT: dict[str, dict[int, Answer]] = {
    "close": {8: close()},
    "own stop": {6: protect(stop_loss=92)},
    "own target": {6: protect(take_profit=89)},
    "trigger": {6: buy(quantity=4, trigger=92, good_for_bars=20)},
    "limit": {8: buy(quantity=4, limit=91, good_for_bars=20)},
    "slowly": {8: close(over_bars=3, algorithm="twap")},
    "in two parts": {8: buy(quantity=1), 9: buy(quantity=3)},
}

# Size, notional, collar and changes of sides are asked of a strategy's own order, and there an exit reduces.
BOUNDS: dict[LimitName, dict[str, object]] = {
    LimitName.SYMBOL_EXPOSURE: {"symbol_exposure_max": Decimal("0.018")},
    LimitName.GROSS_EXPOSURE: {"gross_exposure_max": Decimal("0.018")},
    LimitName.NET_EXPOSURE: {"net_exposure_max": Decimal("0.018")},
    LimitName.LEVERAGE: {"leverage_max": Decimal("0.018")},
    LimitName.HEAT: {"heat_max": Decimal("0.018"), "loss_without_stop": Decimal(1)},
    LimitName.DAILY_LOSS: {"daily_loss_warn": Decimal("0.0005"), "daily_loss_block": Decimal("0.001")},
    LimitName.DRAWDOWN: {"drawdown_warn": Decimal("0.0005"), "drawdown_block": Decimal("0.001")},
    LimitName.OPEN_ORDERS: {"open_orders_max": 1},
    LimitName.ORDERS_PER_SECOND: {"orders_per_second_max": 1},
    LimitName.ORDERS_PER_MINUTE: {"orders_per_minute_max": 1},
    LimitName.LIQUIDATION_DISTANCE: {"liquidation_distance_min": Decimal("0.16")},
}

CROWD: dict[int, Answer] = {
    4: buy(quantity=1, limit=89, good_for_bars=30),
    **{bar: [buy(quantity=4), buy(quantity=4, limit=88, good_for_bars=3)] for bar in (6, 8, 9, 11)},
}
"""Somebody who wants to enter at every close at which somebody leaves, and has an order open since before."""


def limited(bounds: dict[str, object], *strategy_ids: str) -> JointTerms:
    """The account is held to these bounds, and no strategy is."""
    wide = replace(WIDE, price_collar=Decimal("0.5"))
    return replace(
        TERMS,
        policies=LimitPolicies(account=replace(wide, **bounds), strategies=dict.fromkeys(strategy_ids, wide)),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("way", WAYS_OUT)
@pytest.mark.parametrize("limit", BOUNDS)
def test_every_way_out_passes_every_staged_limit_of_the_account(limit: LimitName, way: str) -> None:
    """A long of 9 over a short of 4, which leaves: that takes the net from 5 to 9."""
    kinds: dict[str, type[Strategy]] = {
        "long": script(LONG),
        "short": script({**SHORT, **WAYS_OUT[way]}),
        "more": script(CROWD),
    }
    result = together(market(PATH), limited(BOUNDS[limit], *kinds), **kinds)
    assert held(result, "short") == 0
    assert [each for each in result.withheld if each.strategy_id == "short"] == []
    assert nobodys(result) == []
    told = {each.limit for word in result.gate for each in word.limits if word.strategy_id != "short"}
    assert limit in told, "the limit was at work"
    assert held(result, "long") == 9


# -- an order of the account that is partly a way out -----------------------------------------------------


TOGETHER = pytest.mark.parametrize("way", [{6: protect(stop_loss=92)}, {8: close()}], ids=["beside", "in one order"])
"""A stop that fired is an order beside that of the entries, and what the strategy said itself is a part of it."""


@TOGETHER
def test_an_order_for_several_is_cut_by_its_entries_and_not_by_its_exits(way: dict[int, Answer]) -> None:
    """4 leave, and 0.2 and 0.1 enter at that close, where the net has room for 0.8: the exit is counted first."""
    kinds: dict[str, type[Strategy]] = {
        "long": script(LONG),
        "short": script({**SHORT, **way}),
        "more": script({8: buy(quantity=Decimal("0.2"))}),
        "most": script({8: buy(quantity=Decimal("0.1"))}),
    }
    terms = limited({"symbol_exposure_max": Decimal("0.0135")}, *kinds)
    result = together(market(PATH), terms, **kinds)
    assert held(result, "short") == 0
    assert [held(result, each) for each in ("more", "most")] == [0, 0]
    told = {each.strategy_id: (each.quantity, each.reason) for each in result.withheld}
    assert {who: quantity for who, (quantity, _) in told.items()} == {"more": Decimal("0.2"), "most": Decimal("0.1")}
    assert all("account" in reason and "is allowed" in reason for _, reason in told.values())


@TOGETHER
def test_where_there_is_room_beside_the_exit_the_entries_share_it(way: dict[int, Answer]) -> None:
    """The net may be 10.2: with the exit it is 9, and the entries of 1 and 2 get 0.4 and 0.8."""
    kinds: dict[str, type[Strategy]] = {
        "long": script(LONG),
        "short": script({**SHORT, **way}),
        "more": script({8: buy(quantity=1)}),
        "most": script({8: buy(quantity=2)}),
    }
    worth = Decimal(30_000 + 10_000) - 5 * 7
    terms = limited({"symbol_exposure_max": Decimal("10.2") * 93 / worth}, *kinds)
    result = together(market(PATH), terms, **kinds)
    assert held(result, "short") == 0
    assert [held(result, each) for each in ("more", "most")] == [Decimal("0.4"), Decimal("0.8")]


def leveraged(*, entering: bool) -> JointResult:
    """A long that has lost nearly all it had, over a short of 2 that leaves, and one who enters as large as it may."""
    words = {
        "long": (10_000, {1: buy(quantity=290)}),
        "short": (1_000, {1: sell(quantity=2), 5: close()}),
        "more": (10_000, {5: buy(quantity=300)} if entering else {}),
    }
    members = [
        Member(strategy_id=who, make=script(said), symbols=(SYMBOL,), capital=Decimal(capital))
        for who, (capital, said) in words.items()
    ]
    dataset: Dataset = market([100] * 3 + [70] * 6)
    return run_together({SYMBOL: dataset}, members, replace(FREE, frictions=replace(FRICTIONS, leverage=3)))


def test_what_the_gate_refuses_for_its_entries_leaves_the_exit() -> None:
    """The gate's cap holds for the whole order, which is an ordinary one; without the entry it is below the cap."""
    result = leveraged(entering=True)
    assert held(result, "short") == 0
    assert held(result, "more") == 0
    assert [word.codes for word in result.gate if word.strategy_id == "account"] == [(RefusalCode.LEVERAGE_ABOVE_CAP,)]
    (told,) = result.withheld
    assert (told.strategy_id, told.quantity) == ("more", 300)
    assert held(leveraged(entering=False), "short") == 0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.sets(st.sampled_from(list(BOUNDS)), min_size=1, max_size=4), st.sampled_from(list(Rule))
)
def test_whoever_wants_out_is_out_whatever_limits_are_reached(seed: int, names: set[LimitName], rule: Rule) -> None:
    """Four strategies trade as it comes under tight bounds of the account; whoever says close() at the end is flat."""
    dice = random.Random(seed)  # noqa: S311 - a repeatable script, no secret
    path = [100.0]
    for _ in range(27):
        path.append(max(92, min(108, path[-1] + dice.choice([-2, -1, 0, 0, 1, 2]))))
    kinds = {}
    for who in "abcd":
        words: dict[int, Answer] = dict.fromkeys(range(22, 26), close())
        for bar in range(1, 20):
            size, price = dice.choice([1, 2, 3]), dice.choice([1, 2, 3])
            entry = dice.choice([buy, sell])
            made = [entry(quantity=size), buy(quantity=size, limit=100 - price), sell(quantity=size, limit=100 + price)]
            if dice.random() < 0.6:
                words[bar] = dice.choice([*made, buy(quantity=size, trigger=100 + price), close()])
        kinds[who] = script(words)
    bounds = {name: bound for each in names for name, bound in BOUNDS[each].items()}
    result = together(market(path), replace(limited(bounds, *kinds), rule=rule), **kinds)
    assert {who: held(result, who) for who in kinds} == dict.fromkeys(kinds, 0)
    assert nobodys(result) == []


# -- what does stop one -------------------------------------------------------------------------------------


def test_while_trading_is_closed_an_exit_that_raises_the_net_is_refused_with_its_reason() -> None:
    kinds: dict[str, type[Strategy]] = {"long": script(LONG), "short": script({**SHORT, 8: close()})}
    word = Word(at=START + 7 * INTERVAL, number=0, verb=Verb.PAUSE, subject="account", who="ann")
    result = together(market(PATH), replace(FREE, operator=(word,)), **kinds)
    assert held(result, "short") == -4
    assert [each.reason for each in result.withheld if each.strategy_id == "short"] == [
        "4 withheld: trading is closed, and this exit would raise |net|, which is 5"
    ]
