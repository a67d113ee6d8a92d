"""What a hostile reader tried on a shared account: exits that fill twice, pairs that get lost, crosses that wait.

Proves: P6-1, P6-5, P6-7, QL-13, QL-16
"""

from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pytest

from qts.domain.refusal import RefusalCode
from qts.domain.virtual_books import QUARANTINE
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limits import LimitName
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member
from qts.simulation.operator_words import Verb, Word
from qts.strategy.intent import Answer, buy, close, protect, sell
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, INTERVAL, START, SYMBOL
from tests.simulation.test_joint_guard import FRICTIONS, TERMS, WIDE, market

FREE = replace(TERMS, policies=None)


def script(words: dict[int, Answer]) -> type[Strategy]:
    by_bar = MappingProxyType({bar: tuple(said) if isinstance(said, list) else said for bar, said in words.items()})

    class Script(Strategy):
        def on_bar(self, view: View) -> Answer:
            return by_bar.get(view.bar_number)

    return Script


def together(dataset: Dataset, terms: JointTerms = FREE, **kinds: type[Strategy]) -> JointResult:
    members = [Member(strategy_id=k, make=v, symbols=(SYMBOL,), capital=Decimal(10_000)) for k, v in kinds.items()]
    return run_together({SYMBOL: dataset}, members, terms)


def thin(path: list[float], volumes: dict[int, float], lot: str = "0.001") -> Dataset:
    made = market(path)
    volume = np.full(len(path), 1e9)
    for row, each in volumes.items():
        volume[row] = each
    bars = replace(made.bars, volume=volume)
    return replace(made, bars=bars, mark=bars, instrument=replace(made.instrument, lot=Decimal(lot)))


def limits(**bounds: object) -> JointTerms:
    return replace(TERMS, policies=LimitPolicies(account=replace(WIDE, stop_buffer=Decimal(0), **bounds)))


def held(result: JointResult, whose: str) -> Decimal:
    return result.books[whose, SYMBOL].position


BIG_LONG = script({1: buy(quantity=50)})


@pytest.mark.parametrize("exit_", [{"limit": 105}, {"trigger": 95}])
def test_a_resting_exit_never_turns_its_own_book_round(exit_: dict[str, float]) -> None:
    after = 106 if "limit" in exit_ else 94
    one = script({1: buy(quantity=10), 3: sell(quantity=10, good_for_bars=20, **exit_), 4: close()})
    path = [100] * 6 + [after] * 6
    assert held(together(market(path), one=one), "one") == 0  # alone it is right
    assert held(together(market(path), one=one, two=BIG_LONG), "one") == 0


def test_a_stop_and_a_target_by_hand_fill_both() -> None:
    one = script(
        {
            1: buy(quantity=10, stop_loss=90),
            3: sell(quantity=10, limit=105, good_for_bars=20),
            4: sell(quantity=10, trigger=95, good_for_bars=20),
        }
    )
    two = script({1: buy(quantity=50, stop_loss=85)})
    path = [100] * 6 + [106, 100, 94] + [94] * 6
    default = replace(TERMS, policies=LimitPolicies())
    assert held(together(market(path), default, one=one, two=two), "one") == 0


def test_what_an_operator_had_closed_does_not_come_back_short() -> None:
    one = script({1: buy(quantity=10), 3: sell(quantity=10, limit=105, good_for_bars=20)})
    at = START + 5 * INTERVAL
    words = (
        Word(at=at, number=0, verb=Verb.DISABLE, subject="one", who="ann"),
        Word(at=at, number=1, verb=Verb.CLOSE, subject="one", who="ann"),
    )
    result = together(market([100] * 8 + [106] * 6), replace(FREE, operator=words), one=one, two=BIG_LONG)
    position = np.cumsum([float(p.quantity) for _, p in result.postings[SYMBOL] if p.strategy_id == "one"])
    assert position.min() >= 0


def test_a_reversal_in_a_thin_market_has_its_stop() -> None:
    one = script({1: buy(quantity=10, stop_loss=95), 4: [close(), sell(quantity=1, stop_loss=105)]})
    path = [100] * 12 + [106] * 6
    dataset = thin(path, {5: 10, 6: 1}, lot="1")
    assert held(together(dataset, one=one), "one") == 0  # alone it is stopped
    assert held(together(dataset, one=one, two=BIG_LONG), "one") == 0
    whole = together(thin([100] * 12, {5: 10, 6: 1}, lot="1"), one=one, two=BIG_LONG)
    assert (held(whole, "one"), held(whole, QUARANTINE)) == (-1, 0)


def test_a_moved_stop_stays_when_more_of_the_entry_fills() -> None:
    one = script({1: buy(quantity=9, stop_loss=95), 3: protect(stop_loss=98)})
    dataset = thin([100] * 7 + [97] * 6, {2: 3, 3: 3, 4: 3})
    alone = run_backtest(dataset, one(), Terms(capital=Decimal(10_000), waivers=ALL_WAIVERS, frictions=FRICTIONS))
    assert sum(each.side.sign * each.quantity for each in alone.fills) == 0
    assert held(together(dataset, one=one), "one") == 0


def test_an_addition_with_a_target_only_leaves_the_stop() -> None:
    one = script({1: buy(quantity=10, stop_loss=95), 3: buy(quantity=10, take_profit=120)})
    dataset = market([100] * 6 + [94] * 3)
    alone = run_backtest(dataset, one(), Terms(capital=Decimal(10_000), waivers=ALL_WAIVERS, frictions=FRICTIONS))
    assert sum(each.side.sign * each.quantity for each in alone.fills) == 10  # the first ten are stopped out
    assert held(together(dataset, one=one), "one") <= 10


@pytest.mark.parametrize(
    ("bounds", "size", "bound"),
    [
        ({"symbol_exposure_max": Decimal("0.5")}, 40, 53),
        ({"heat_max": Decimal("0.06")}, 10, 45),
        ({"open_orders_max": 3}, 40, 121),
    ],
)
def test_orders_that_wait_are_counted(bounds: dict[str, object], size: int, bound: int) -> None:
    wish = buy(quantity=size, limit=95, stop_loss=80, good_for_bars=50)
    one = script(dict.fromkeys(range(1, 8), wish))
    result = together(market([100] * 10 + [94] * 4), limits(price_collar=Decimal("0.5"), **bounds), one=one)
    assert held(result, "one") <= bound


def test_drawdown_is_from_the_peak_though_nobody_spoke_at_it() -> None:
    path = [100] * 3 + [110, 120, 140, 160, 150, 130, 112, 110, 108, 108, 108]
    one = script({1: buy(quantity=90, stop_loss=50), 10: buy(quantity=1, stop_loss=50)})
    result = together(market(path), limits(drawdown_warn=Decimal("0.12"), drawdown_block=Decimal("0.2")), one=one)
    assert result.equity.max() * 0.8 > result.equity[10]
    assert RefusalCode.DRAWDOWN_REACHED in {code for word in result.gate for code in word.codes}


def test_the_days_loss_is_from_midnight_though_nobody_spoke_at_it() -> None:
    path = [100] * 12 + [120] * 12 + [120, 118, 116, 114, 112, 112, 112, 112]
    one = script({1: buy(quantity=90, stop_loss=50), 28: buy(quantity=1, stop_loss=50)})
    result = together(market(path), limits(daily_loss_warn=Decimal("0.03"), daily_loss_block=Decimal("0.05")), one=one)
    assert result.equity[28] < result.equity[23] * 0.95
    assert RefusalCode.DAILY_LOSS_REACHED in {code for word in result.gate for code in word.codes}


def test_status_tells_the_drawdown_there_is() -> None:
    path = [100] * 3 + [110, 120, 140, 160, 150, 130, 112, 110, 108, 108, 108]
    result = together(market(path), limits(), one=script({1: buy(quantity=90, stop_loss=50)}))
    told = {each.whose: each.value for each in result.distances if each.limit.name is LimitName.DRAWDOWN}
    assert float(told["account"]) == pytest.approx(1 - result.equity[-1] / result.equity.max())


@pytest.mark.parametrize(
    ("verb", "subject"), [(Verb.KILL, "account"), (Verb.PAUSE, "account"), (Verb.FLATTEN, "OTHER")]
)
def test_nothing_is_crossed_open_after_the_operator_stopped_it(verb: Verb, subject: str) -> None:
    here = market([100] * 12)
    kept = [row for row in range(12) if row not in (3, 4, 5)]
    columns = ("opened_at", "open", "high", "low", "close", "volume")
    bars = replace(here.bars, symbol="OTHER", **{name: getattr(here.bars, name)[kept] for name in columns})
    there = replace(here, bars=bars, mark=bars, brackets=None, instrument=replace(here.instrument, symbol="OTHER"))
    members = [
        Member(strategy_id="x", make=script({2: buy(quantity=5)}), symbols=("OTHER",), capital=Decimal(10_000)),
        Member(strategy_id="y", make=script({2: sell(quantity=5)}), symbols=("OTHER",), capital=Decimal(10_000)),
        Member(strategy_id="z", make=script({}), symbols=(SYMBOL,), capital=Decimal(10_000)),
    ]
    word = Word(at=START + 4 * INTERVAL, number=0, verb=verb, subject=subject, who="ann", why="stop")
    result = run_together({SYMBOL: here, "OTHER": there}, members, replace(FREE, operator=(word,)))
    assert result.books["x", "OTHER"].position == 0
    assert result.books["y", "OTHER"].position == 0


class Ears(Strategy):
    def on_start(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def on_fill(self, fill) -> None:  # type: ignore[no-untyped-def]
        self.seen.append((fill.fill_id, fill.order_id))

    def on_bar(self, view: View) -> Answer:
        if view.bar_number == 8:
            return buy(quantity=1, reason=repr(self.seen))
        return buy(quantity=5) if view.bar_number in (1, 3, 5) else None


def test_a_strategy_does_not_learn_from_its_fills_that_there_are_others() -> None:
    others = script({1: buy(quantity=2), 2: buy(quantity=1), 4: close()})
    dataset = market([100] * 12)
    alone, shared = together(dataset, ears=Ears), together(dataset, ears=Ears, a=others)
    assert alone.said["ears"] == shared.said["ears"]


def test_a_limit_that_rested_is_told_as_a_makers() -> None:
    class Hears(Strategy):
        def on_start(self) -> None:
            self.seen: list[str] = []

        def on_fill(self, fill) -> None:  # type: ignore[no-untyped-def]
            self.seen.append(fill.liquidity.value)

        def on_bar(self, view: View) -> Answer:
            if view.bar_number == 6:
                return buy(quantity=1, reason=repr(self.seen))
            return buy(quantity=5, limit=96, good_for_bars=3) if view.bar_number == 1 else None

    result = together(market([100, 100, 97, 95, 95, 95, 95, 95, 95]), one=Hears)
    assert result.said["one"][-1][2][0].reason == "['maker']"


def test_changes_of_sides_are_counted() -> None:
    made = market([100] * 60)
    bars = replace(made.bars, interval_ms=60_000, opened_at=START + 60_000 * np.arange(60))
    words = {bar: (buy if bar % 2 else sell)(quantity=3 if bar == 1 else 6) for bar in range(1, 40)}
    terms = limits(reversals_per_hour_max=2, orders_per_minute_max=600)
    result = together(replace(made, bars=bars, mark=bars), terms, one=script(words))
    assert LimitName.REVERSALS_PER_HOUR in {each.limit for word in result.gate for each in word.limits}


def test_a_stopped_trade_loses_no_more_than_two_percent_on_a_coarse_grid() -> None:
    from qts.simulation.costs import FixedSlippage

    path = [100.0] * 4 + [99.0] * 4
    made = market(path)
    dataset = replace(made, instrument=replace(made.instrument, tick=Decimal("0.5")))
    frictions = replace(FRICTIONS, fee_rate_taker=Decimal("0.0005"), slippage=FixedSlippage(Decimal(1)), leverage=3)
    one = script({1: buy(stop_loss=99)})
    result = together(dataset, replace(FREE, frictions=frictions), one=one)
    lost = 10_000 - float(result.books["one", SYMBOL].equity)
    assert held(result, "one") == 0
    assert lost <= 200 + 0.01
