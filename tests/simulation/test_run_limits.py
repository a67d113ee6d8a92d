"""The staged limits in a backtest of one strategy: each stops what increases, none stops the way out, and it is told.

Proves: P6-9, P6-7
"""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from qts.domain.instant import DAY_MS
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.risk.limit_state import ACCOUNT
from qts.risk.limits import LIMITS, LimitName
from qts.risk.policy import RiskLimits
from qts.risk.stages import StageWord
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.costs import FixedSlippage, Frictions
from qts.simulation.result import RunResult
from qts.simulation.run_limits import OWN
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, START, SYMBOL, instrument, make_bars
from tests.simulation.joint_members import synthetic

CAPITAL = Decimal(10_000)
WIDE = LimitPolicy(
    order_size_max=Decimal(3),
    symbol_exposure_max=Decimal(3),
    gross_exposure_max=Decimal(3),
    net_exposure_max=Decimal(3),
    daily_loss_block=Decimal("0.99"),
    drawdown_block=Decimal("0.99"),
    heat_max=Decimal("0.99"),
    loss_without_stop=Decimal("0.01"),
    reversals_per_hour_max=60,
    price_collar=Decimal("0.5"),
    liquidation_distance_min=Decimal(0),
    stop_buffer=Decimal(0),
)
FREE = Frictions(
    fee_rate_maker=Decimal(0),
    fee_rate_taker=Decimal(0),
    slippage=FixedSlippage(Decimal(0)),
    participation_max=Decimal(1),
    leverage=10,
)


def days(*closes: float, minutes: int = 60) -> Dataset:
    """Bars that open where the last one closed. minutes: of a bar."""
    close_ = np.array(closes, dtype=np.float64)
    open_ = np.concatenate(([closes[0]], close_[:-1]))
    interval = minutes * 60_000
    opened = START + interval * np.arange(len(closes), dtype=np.int64)
    prices = {"open": open_, "high": np.maximum(open_, close_), "low": np.minimum(open_, close_), "close": close_}
    bars = make_bars(opened, prices, np.full(len(closes), 1e9), interval)
    return Dataset(
        instrument=instrument(), bars=bars, funding=None, brackets=None, mark=None, synthetic=True, source="written"
    )


def ran(dataset: Dataset, script: dict[int, Answer], **narrow: object) -> RunResult:
    """What is said on which bar, under wide bounds but for those that are named."""

    class Scripted(Strategy):
        def on_bar(self, view: View) -> Answer:
            return script.get(view.bar_number)

    policy = LimitPolicies(account=replace(WIDE, **narrow))  # type: ignore[arg-type]
    terms = Terms(
        capital=CAPITAL,
        frictions=FREE,
        limits=RiskLimits(price_collar=Decimal("0.9")),
        policies=policy,
        waivers=ALL_WAIVERS,
    )
    return run_backtest(dataset, Scripted(), terms)


def stopping(result: RunResult) -> set[LimitName]:
    return {one.limit for word in result.gate for one in word.limits if one.stage in ("reduce", "block")}


FLAT = days(*[100.0] * 8)
REDUCES = [
    (LimitName.ORDER_SIZE, {"order_size_max": Decimal("0.5")}, "50"),
    (LimitName.ORDER_NOTIONAL, {"order_notional_max": Decimal(4200)}, "42"),
    (LimitName.SYMBOL_EXPOSURE, {"symbol_exposure_max": Decimal("0.3")}, "30"),
    (LimitName.GROSS_EXPOSURE, {"gross_exposure_max": Decimal("0.2")}, "20"),
    (LimitName.NET_EXPOSURE, {"net_exposure_max": Decimal("0.25")}, "25"),
    (LimitName.LEVERAGE, {"leverage_max": Decimal("0.7")}, "70"),
    (LimitName.HEAT, {"heat_max": Decimal("0.02"), "loss_without_stop": Decimal("0.05")}, "40"),
]


@pytest.mark.parametrize(("limit", "narrow", "allowed"), REDUCES, ids=str)
def test_a_size_is_reduced_all_the_way_to_the_wire(limit: LimitName, narrow: dict[str, object], allowed: str) -> None:
    """100 units at 100 are asked for with 10,000: the venue fills what the limit left, and the exit takes it out."""
    result = ran(FLAT, {1: buy(quantity=100), 5: close()}, **narrow)
    assert [fill.quantity for fill in result.fills] == [Decimal(allowed)] * 2
    assert [order.quantity for order in result.orders] == [Decimal(allowed)] * 2
    assert stopping(result) == {limit}
    first = result.gate[0]
    assert (first.stage, first.asked, first.allowed) == (StageWord.REDUCE, 100, Decimal(allowed))
    assert result.refusals == ()
    free = ran(FLAT, {1: buy(quantity=100), 5: close()})
    assert ([fill.quantity for fill in free.fills], free.gate) == ([100, 100], ())


def falling(*then: float) -> Dataset:
    """Ten percent down after the entry, then as said."""
    return days(100, 100, 100, 95, 90, *then)


BLOCKS = [
    (LimitName.PRICE_COLLAR, FLAT, {1: buy(quantity=10, limit=96)}, {"price_collar": Decimal("0.03")}),
    (
        LimitName.DAILY_LOSS,
        falling(90, 90, 90),
        {1: buy(quantity=50), 4: buy(quantity=1), 5: close()},
        {"daily_loss_warn": Decimal("0.01"), "daily_loss_block": Decimal("0.05")},
    ),
    (
        LimitName.DRAWDOWN,
        falling(90, 90, 90),
        {1: buy(quantity=50), 4: buy(quantity=1), 5: close()},
        {"drawdown_warn": Decimal("0.01"), "drawdown_block": Decimal("0.05")},
    ),
    (
        LimitName.ORDERS_PER_SECOND,
        FLAT,
        {1: [buy(quantity=1), buy(quantity=1), buy(quantity=1)], 4: close()},
        {"orders_per_second_max": 2},
    ),
    (
        LimitName.ORDERS_PER_MINUTE,
        FLAT,
        {1: [buy(quantity=1), buy(quantity=1), buy(quantity=1)], 4: close()},
        {"orders_per_minute_max": 2},
    ),
    (
        LimitName.REVERSALS_PER_HOUR,
        days(*[100.0] * 30, minutes=5),
        {1: buy(quantity=1), 3: [close(), sell(quantity=1)], 5: [close(), buy(quantity=1)], 8: close()},
        {"reversals_per_hour_max": 1},
    ),
    (
        LimitName.OPEN_ORDERS,
        FLAT,
        {
            1: buy(quantity=1, limit=90, good_for_bars=6),
            2: buy(quantity=1, limit=91, good_for_bars=6),
            3: buy(quantity=1),
        },
        {"open_orders_max": 2},
    ),
]


@pytest.mark.parametrize(("limit", "dataset", "script", "narrow"), BLOCKS, ids=lambda each: str(each)[:20])
def test_each_other_limit_refuses_with_its_code_and_lets_everybody_out(
    limit: LimitName, dataset: Dataset, script: dict[int, Answer], narrow: dict[str, object]
) -> None:
    result = ran(dataset, script, **narrow)
    assert stopping(result) == {limit}
    blocked = [word for word in result.gate if word.stage is StageWord.BLOCK]
    assert [word.codes for word in blocked] == [(LIMITS[limit].code,)]
    assert [(each.codes, each.occurred_at) for each in result.refusals] == [
        ((LIMITS[limit].code.value,), blocked[0].at)
    ]
    assert result.position[-1] == 0 or limit in (LimitName.PRICE_COLLAR, LimitName.OPEN_ORDERS)
    assert len(ran(dataset, script).orders) > len(result.orders)


def test_a_peak_between_two_orders_is_a_peak() -> None:
    """Up a fifth and back while nobody speaks: 10,000 is a sixth below the 12,000 that nobody was asked at."""
    there_and_back = days(100, 100, 110, 120, 110, 100, 100, 100)
    script: dict[int, Answer] = {0: buy(quantity=100), 6: buy(quantity=1)}
    bounds = {"drawdown_warn": Decimal("0.05"), "drawdown_block": Decimal("0.15")}
    result = ran(there_and_back, script, **bounds)
    assert [word.stage for word in result.gate] == [StageWord.BLOCK]
    assert "drawdown of account is 16.67%" in result.gate[0].reason
    assert ran(days(100, 100, 110, 110, 110, 100, 100, 100), script, **bounds).gate[0].stage is StageWord.WARN


def test_a_day_begins_with_what_there_was_at_midnight() -> None:
    """Lost before midnight: another day. Lost since, before anybody spoke: today."""
    closes = [100.0] * 20 + [94.0] * 3 + [94.0] + [94.0] * 4 + [88.0] * 4
    script: dict[int, Answer] = {0: buy(quantity=100), 22: buy(quantity=1), 26: buy(quantity=1), 30: buy(quantity=1)}
    result = ran(days(*closes), script, daily_loss_block=Decimal("0.05"))
    assert [(word.at, word.stage) for word in result.gate] == [
        (START + 23 * 3_600_000, StageWord.BLOCK),
        (START + 31 * 3_600_000, StageWord.BLOCK),
    ]
    assert START % DAY_MS == 0
    assert len(result.orders) == 2
    nobody_spoke_at_midnight = ran(days(*closes), {0: script[0], 30: script[30]}, daily_loss_block=Decimal("0.05"))
    assert [(word.at, word.stage) for word in nobody_spoke_at_midnight.gate] == [(result.gate[1].at, StageWord.BLOCK)]


def test_a_closing_and_an_opening_order_of_one_answer_are_not_counted_as_two_positions() -> None:
    """What is gained at an old stop is no heat of the position that replaces it."""
    rising = days(100, 100, 100, 130, 130, 130, 130)
    turn: dict[int, Answer] = {1: buy(quantity=20, stop_loss=95), 4: [close(), sell(quantity=5, stop_loss=140)]}
    for market in (
        rising,
        days(100, 100, 100, 132, 130, 130, 130),
    ):  # the second one is warned of, and looked at closely
        result = ran(market, turn, heat_max=Decimal("0.06"), drawdown_warn=Decimal("0.001"))
        assert [order.quantity for order in result.orders] == [20, 20, 5]
        assert all(word.stage is StageWord.WARN for word in result.gate)
    assert any(one.limit is LimitName.DRAWDOWN for word in result.gate for one in word.limits)


def test_the_distances_at_the_end_are_those_of_what_is_held() -> None:
    """Proves: BX-10"""
    result = ran(days(100, 100, 100, 90, 90), {1: buy(quantity=50, stop_loss=80)})
    by_name = {(each.limit.name, each.whose): each for each in result.distances}
    for whose in (OWN, ACCOUNT):
        for limit, notional in ((LimitName.SYMBOL_EXPOSURE, 4500), (LimitName.HEAT, 500)):
            value = by_name[limit, whose].value
            assert value is not None
            assert round(value * (CAPITAL - 500), 20) == notional
        assert by_name[LimitName.DRAWDOWN, whose].value == Decimal("0.05")
    assert {name for name, whose in by_name if whose == OWN} >= {LimitName.ORDER_SIZE, LimitName.REVERSALS_PER_HOUR}
    assert run_backtest(FLAT, Silent(), Terms(waivers=ALL_WAIVERS)).distances == ()


class Silent(Strategy):
    def on_bar(self, view: View) -> Answer:
        return None


def test_who_is_refused_by_the_gate_is_told_apart_from_who_is_stopped_by_a_limit() -> None:
    result = ran(FLAT, {1: buy(), 2: buy(quantity=1000, limit=1)}, price_collar=Decimal("0.5"))
    assert [(word.codes[0].value, bool(word.limits)) for word in result.gate] == [
        ("size-needs-stop", False),
        ("price-outside-collar", False),
    ]


def test_a_run_with_limits_is_another_trial_and_its_facts_say_under_which() -> None:
    dataset = synthetic(3, 200)
    plain = run_backtest(dataset, Silent(), Terms(waivers=ALL_WAIVERS))
    bounded = run_backtest(dataset, Silent(), Terms(waivers=ALL_WAIVERS, policies=LimitPolicies()))
    assert "limits" not in plain.provenance.risk_limits
    assert bounded.provenance.risk_limits["limits"] == LimitPolicies().facts()
    assert bounded.provenance.trial_key != plain.provenance.trial_key
    assert LimitPolicies.from_facts(LimitPolicies(strategies={"a": WIDE}).facts()) == LimitPolicies(
        strategies={"a": WIDE}
    )
    assert dataset.instrument.symbol != SYMBOL
