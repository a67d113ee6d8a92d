"""The pools of several strategies, step by step: who reserves what, what becomes of it, and whom a state stops.

Proves: P4-3
"""

from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pytest

from qts.domain.refusal import RefusalCode
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.risk.capital_changes import (
    Deposited,
    Earned,
    Filled,
    PoolKey,
    PoolOpened,
    PoolState,
    Released,
    Reserved,
    Returned,
    StateSet,
)
from qts.simulation.costs import FixedSlippage, Frictions
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member, OnHalt
from qts.simulation.operator_words import Verb
from qts.strategy.arbitration import Rule
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, INTERVAL, START, SYMBOL, instrument, make_bars
from tests.simulation.scripted import script

FRICTIONS = Frictions(
    fee_rate_maker=Decimal("0.001"),
    fee_rate_taker=Decimal("0.001"),
    slippage=FixedSlippage(Decimal(0)),
    participation_max=Decimal(1),
    leverage=2,
)
TERMS = JointTerms(frictions=FRICTIONS, waivers=ALL_WAIVERS, policies=None, world="drill")
OTHER = "ABCUSDT"


def flat_at(prices: list[float], symbol: str = SYMBOL, volume: float = 1e9) -> Dataset:
    """Each bar stays at one price."""
    path = np.array(prices)
    columns = dict.fromkeys(("open", "high", "low", "close"), path)
    bars = make_bars(START + INTERVAL * np.arange(len(path)), columns, np.full(len(path), volume))
    return Dataset(
        instrument=replace(instrument(), symbol=symbol),
        bars=replace(bars, symbol=symbol),
        funding=None,
        brackets=None,
        mark=None,
        synthetic=True,
        source="made",
    )


def saying(**words: Answer) -> type[Strategy]:
    """What is said at the close of which bar: b0=buy(...), b3=close()."""

    class Saying(Strategy):
        def on_bar(self, view: View) -> Answer:
            return by_bar.get(f"b{view.bar_number}") if view.symbol == SYMBOL else None

    by_bar = MappingProxyType(words)
    return Saying


def member(name: str, make: type[Strategy], capital: str = "1000", **more) -> Member:
    return Member(strategy_id=name, make=make, symbols=(SYMBOL,), capital=Decimal(capital), **more)


def run(prices: list[float], *members: Member, terms: JointTerms = TERMS, volume: float = 1e9) -> JointResult:
    return run_together({SYMBOL: flat_at(prices, volume=volume)}, members, terms)


def of(result: JointResult, name: str) -> list[object]:
    """What happened to a strategy's pool after it was opened and funded."""
    key = PoolKey("drill", name)
    own = [change for _, change in result.changes if getattr(change, "pool", None) == key]
    assert [type(each) for each in own[:2]] == [PoolOpened, Deposited]
    return own[2:]


def test_a_trade_reserves_invests_pays_and_returns() -> None:
    """2 at 100 at leverage 2: 100 of margin and 0.2 of fee are reserved at 100.1, the worse price; sold at 110."""
    result = run([100, 100, 110, 110, 110], member("one", saying(b0=buy(quantity=2), b2=close())))
    key, order = PoolKey("drill", "one"), f"{SYMBOL}-{START + INTERVAL}-1"
    assert of(result, "one") == [
        Reserved(key, order, Decimal("100.3002")),
        Filled(key, order, Decimal("100.3002"), Decimal(100)),
        Earned(key, Decimal("-0.2")),
        Returned(key, Decimal(100)),
        Earned(key, Decimal("19.78")),  # 20 less 0.22
    ]
    pool = result.capital.pools[key]
    assert (pool.total, pool.available, pool.invested, pool.reserved) == (Decimal("1019.58"),) * 2 + (0, 0)
    assert result.capital.of_world("drill").total == result.capital.account == Decimal("1019.58")


def test_an_order_that_ends_releases_what_it_held() -> None:
    result = run([100] * 6, member("one", saying(b0=buy(quantity=1, limit=95, good_for_bars=2), b4=buy(quantity=1))))
    reserved, released, again, *_ = of(result, "one")
    assert isinstance(reserved, Reserved)
    assert released == Released(reserved.pool, reserved.order_id, reserved.amount)
    assert isinstance(again, Reserved)
    assert not result.capital.pools[PoolKey("drill", "one")].reservations


def test_an_order_still_at_work_holds_what_it_may_cost() -> None:
    result = run([100] * 4, member("one", saying(b0=buy(quantity=1, limit=95, good_for_bars=20))))
    (held,) = result.capital.pools[PoolKey("drill", "one")].reservations
    assert held.amount == Decimal("47.642595")  # 95.095 / 2 of margin, 0.095095 of fee


def test_what_a_pool_cannot_pay_is_refused_before_routing_with_both_numbers() -> None:
    """Another strategy's money is none of its own, though the account has it."""
    poor, rich = member("poor", saying(b1=buy(quantity=3)), "100"), member("rich", saying(b1=buy(quantity=1)), "10000")
    result = run([100] * 4, poor, rich)
    (word,) = result.gate
    assert (word.strategy_id, word.codes) == ("poor", (RefusalCode.MARGIN_INSUFFICIENT,))
    assert "150.4503 is wanted, 100 of drill/poor is available" in word.reason
    assert result.venue[SYMBOL].position == 1
    assert of(result, "poor") == []


def test_margin_reserved_for_one_symbol_is_not_there_for_another() -> None:
    """Two orders of one round, each of 60 % of the pool: the second is refused and names both numbers."""

    class Everywhere(Strategy):
        def on_bar(self, view: View) -> Answer:
            return buy(quantity=12) if view.bar_number == 1 else None

    both = Member(strategy_id="both", make=Everywhere, symbols=(OTHER, SYMBOL), capital=Decimal(1000))
    datasets = {OTHER: flat_at([100] * 4, OTHER), SYMBOL: flat_at([100] * 4)}
    result = run_together(datasets, [both], TERMS)
    (word,) = result.gate
    assert (word.symbol, word.codes) == (SYMBOL, (RefusalCode.MARGIN_INSUFFICIENT,))
    assert "601.8012 is wanted, 398.1988 of drill/both is available" in word.reason
    assert [result.venue[each].position for each in (OTHER, SYMBOL)] == [12, 0]
    journalled = [change.order_id for _, change in result.changes if isinstance(change, Reserved)]
    assert len(journalled) == 1


@pytest.mark.parametrize("others", [0, 100], ids=["the net turns with it", "one fill for both halves"])
def test_a_fully_invested_position_may_be_turned_round(others: int) -> None:
    """What it closes pays for what it opens."""
    one = member("one", saying(b0=buy(quantity=19), b2=sell(quantity=37)))
    more = [member("other", saying(b0=buy(quantity=others)), "10000")] if others else []
    result = run([100] * 6, one, *more)
    assert result.gate == ()
    assert result.venue[SYMBOL].position == others - 18
    assert result.capital.pools[PoolKey("drill", "one")].invested == 900
    turned = [each for each in of(result, "one") if isinstance(each, Returned | Filled)]
    assert [each.amount if isinstance(each, Returned) else each.invested for each in turned] == [950, 950, 900]


def test_what_is_withheld_or_cut_is_released_at_once() -> None:
    """Opposite wants under the rule HOLD: neither is sent, and nothing stays reserved."""
    members = member("long", saying(b0=buy(quantity=1))), member("short", saying(b0=sell(quantity=1)))
    result = run([100] * 3, *members, terms=replace(TERMS, rule=Rule.HOLD))
    for name in ("long", "short"):
        assert [type(each) for each in of(result, name)] == [Reserved, Released]
    instants = {type(change): at for at, change in result.changes}
    assert instants[Released] == instants[Reserved]


def test_two_that_cross_inside_reserve_and_invest_like_anybody() -> None:
    members = member("long", saying(b0=buy(quantity=3))), member("short", saying(b0=sell(quantity=2)))
    result = run([100] * 3, *members)
    assert result.crossed == 1
    assert {name: result.capital.pools[PoolKey("drill", name)].invested for name in ("long", "short")} == {
        "long": 150,
        "short": 100,
    }
    assert result.venue[SYMBOL].position == 1


@pytest.mark.parametrize("state", [PoolState.PAUSED, PoolState.LOCKED])
def test_a_state_stops_the_increases_of_its_own_strategy_only(state: PoolState) -> None:
    words = saying(b0=buy(quantity=1), b2=close())
    result = run([100] * 5, member("free", words), member("stopped", words, pool=state))
    assert {each.strategy_id: each.codes for each in result.gate if each.strategy_id == "stopped" and each.codes} == {
        "stopped": (RefusalCode(f"pool-{state.value}"),)
    }
    kinds = [each.strategy_id for _, each in result.postings[SYMBOL]]
    assert kinds == ["free", "free"]
    assert [type(each) for each in of(result, "stopped")] == [StateSet]


def test_a_halted_strategy_is_paused_and_its_exit_goes() -> None:
    class Breaks(Strategy):
        def on_bar(self, view: View) -> Answer:
            if view.bar_number == 0:
                return buy(quantity=1)
            raise RuntimeError("planted")

    result = run([100] * 5, member("one", Breaks), terms=replace(TERMS, on_halt=OnHalt.CLOSE))
    assert [type(each) for each in of(result, "one")] == [Reserved, Filled, Earned, StateSet, Returned, Earned]
    assert result.venue[SYMBOL].position == 0


def test_an_exit_that_fills_in_parts_is_wanted_once() -> None:
    """The market takes 2 a bar: whoever says close() on every bar gives back what it holds and nothing of others."""
    words = {f"b{number}": close() for number in range(8, 16)}
    leaves, stays = saying(b0=buy(quantity=5), **words), saying(b0=buy(quantity=5))
    result = run([100] * 20, member("leaves", leaves), member("stays", stays), volume=2.0)
    assert result.books["leaves", SYMBOL].position == 0
    assert result.books["stays", SYMBOL].position == 5


def test_an_own_stop_that_is_touched_again_while_its_exit_fills_is_one_exit() -> None:
    """Long and short meet inside, so the venue holds no stop; the exit of the long opens the net, 2 a bar."""
    long = member("long", saying(b0=buy(quantity=5, stop_loss=95)))
    short = member("short", saying(b0=sell(quantity=5)))
    result = run([100, 100, 100, *[94] * 8], long, short, volume=2.0)
    assert result.crossed == 1
    assert [result.books[each, SYMBOL].position for each in ("long", "short")] == [0, -5]


def test_who_is_asked_again_may_open_again_and_nobody_loosens_what_was_stricter() -> None:
    class Every(Strategy):
        def on_bar(self, view: View) -> Answer:
            return buy(quantity=1) if view.bar_number in (1, 6) else None

    dataset = flat_at([100] * 9)
    words = script(
        dataset, (3, Verb.DISABLE, "one"), (3, Verb.DISABLE, "two"), (5, Verb.ENABLE, "one"), (5, Verb.ENABLE, "two")
    )
    members = member("one", Every), member("two", Every, pool=PoolState.LOCKED)
    result = run_together({SYMBOL: dataset}, members, replace(TERMS, operator=words))
    states = {name: [each.state for each in of(result, name) if isinstance(each, StateSet)] for name in ("one", "two")}
    assert states == {"one": [PoolState.PAUSED, PoolState.ACTIVE], "two": [PoolState.LOCKED] * 3}
    assert [result.books[name, SYMBOL].position for name in ("one", "two")] == [2, 0]
