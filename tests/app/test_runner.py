"""What the app layer joins: a policy's terms reach the run, and the count on record is the one that was used."""

from decimal import Decimal
from pathlib import Path

import pytest

from qts.app import assembly
from qts.app.demo import demo_policy, prepare_demo
from qts.app.runner import Runner, terms_of
from qts.app.settings import Settings
from qts.app.trial import Tried, carry_out, prepare, strategy_from, tried_so_far
from qts.domain.errors import StrategyError
from qts.domain.waiver import Waiver
from qts.research.significance import deflated_sharpe, estimate
from qts.simulation.backtest import Terms
from qts.simulation.costs import AtrSlippage
from qts.strategy.catalogue import CoinFlip, MovingAverageCross
from qts.strategy.strategy import Strategy

ODD = {
    "capital": 31_337,
    "waivers": ["gaps-in-bars"],
    "frictions": {
        "fee_rate_maker": "0.0011",
        "fee_rate_taker": "0.0013",
        "slippage": {"model": "atr", "fraction": "0.07"},
        "participation_max": "0.03",
        "leverage": 2,
        "liquidation_fee_rate": "0.017",
    },
    "risk": {
        "leverage_max": "1.7",
        "order_notional_max": "1.1",
        "price_collar": "0.03",
        "data_age_max": "7h",
        "risk_per_trade": "0.013",
    },
}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    runner = Runner(Settings(tmp_path_factory.mktemp("home")), actor="tester")
    prepare_demo(runner, progress=lambda _step: None)
    return runner


def test_every_term_of_a_policy_reaches_the_run(runner: Runner) -> None:
    """Proves: QL-9, WS-1"""
    base = runner.worlds.policy("demo").facts()
    policy = assembly.parsed_policy({**base, **ODD}, source="test")
    terms = terms_of(policy)
    assert terms.capital == Decimal(31_337)
    assert terms.waivers == (Waiver.GAPS_IN_BARS,)
    frictions, limits = terms.frictions, terms.limits
    assert (frictions.fee_rate_maker, frictions.fee_rate_taker) == (Decimal("0.0011"), Decimal("0.0013"))
    assert frictions.slippage == AtrSlippage(Decimal("0.07"))
    assert (frictions.participation_max, frictions.leverage) == (Decimal("0.03"), 2)
    assert frictions.liquidation_fee_rate == Decimal("0.017")
    assert (limits.leverage_max, limits.order_notional_max) == (Decimal("1.7"), Decimal("1.1"))
    assert (limits.price_collar, limits.risk_per_trade) == (Decimal("0.03"), Decimal("0.013"))
    assert limits.data_age_ms_max == 7 * 3_600_000


def test_other_terms_give_another_result_and_another_trial(runner: Runner) -> None:
    """Proves: BX-3"""
    here = runner.submit(MovingAverageCross, world="demo")
    dear = {**runner.worlds.policy("demo").facts(), "world": "dear", "frictions": {"fee_rate_taker": "0.002"}}
    runner.worlds.create_world(assembly.parsed_policy(dear, source="test"), actor="tester", now=1)
    there = runner.submit(MovingAverageCross, world="dear")
    assert there.metrics["total_return"] is not None
    assert here.metrics["total_return"] is not None
    assert there.metrics["total_return"] < here.metrics["total_return"]
    assert there.trial_count == here.trial_count + 1


def test_a_deflated_sharpe_ratio_used_the_count_on_record(runner: Runner) -> None:
    """Proves: BX-3, BX-6"""
    for seed in (101, 102, 103):
        told = runner.submit(CoinFlip, world="demo", parameters={"seed": seed})
    assert told.trial_count >= 3
    judged = runner.worlds.run(told.run_id).judged
    assert judged is not None
    returns = judged.evidence.day_returns.values
    assert told.metrics["dsr"] == pytest.approx(deflated_sharpe(estimate(returns), told.trial_count, None), rel=1e-12)


def test_the_more_trials_differ_the_higher_the_bar(runner: Runner) -> None:
    """The spread of finished trials counts where it is wider than one sample's, and there are enough. Proves: BX-3"""
    market = prepare_demo(runner, progress=lambda _step: None)
    trial = prepare(market, strategy_from(CoinFlip, {}), Terms())

    def dsr(*sharpes: float) -> float:
        return carry_out(trial, Tried(20, sharpes), progress=lambda _step: None).sheet.value("dsr")

    alone = dsr()
    assert dsr(-3.0, -1.5, 0.0, 1.5, 3.0) < alone, "wide trials raise the bar"
    assert dsr(1.0, 1.01, 1.02, 1.03, 1.04) == alone, "near copies do not lower it"
    assert dsr(-3.0, 3.0) == alone, "two trials say nothing about a spread"


def test_the_spread_is_that_of_the_finished_trials_on_record(runner: Runner) -> None:
    """Proves: BX-3"""
    told = [
        runner.submit(MovingAverageCross, world="demo", parameters={"fast": fast, "slow": 4 * fast})
        for fast in (5, 8, 13)
    ]
    tried = tried_so_far(runner.worlds, "MovingAverageCross")
    assert tried.count == told[-1].trial_count
    assert {result.metrics["sharpe"] for result in told} <= set(tried.sharpes)


def test_a_fault_of_our_own_ends_the_run_as_failed(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: WS-7"""

    def broken(*_given: object, **_named: object) -> None:
        raise AssertionError("the book does not add up")

    monkeypatch.setattr("qts.app.runner.carry_out", broken)
    with pytest.raises(AssertionError):
        runner.submit(CoinFlip, world="demo", parameters={"seed": 999})
    last = runner.worlds.history("demo", "CoinFlip")[-1]
    assert (last.status.value, last.reason) == ("rejected", "error: AssertionError: the book does not add up")


def test_an_instance_a_class_and_a_name_are_the_same_trial(runner: Runner) -> None:
    """Proves: BX-3"""
    given: tuple[str | type[Strategy] | Strategy, ...] = ("CoinFlip", CoinFlip, CoinFlip())
    assert len({runner.submit(strategy, world="demo").result_digest for strategy in given}) == 1


def test_the_demos_policy_is_parsed_from_its_own_facts(runner: Runner, tmp_path: Path) -> None:
    market = prepare_demo(Runner(Settings(tmp_path), actor="other"), progress=lambda _step: None)
    assert demo_policy(market).dataset.symbol == "SYNUSDT"


def test_a_parameter_without_a_fixed_text_is_refused_before_anything_is_counted(runner: Runner) -> None:
    class Odd(Strategy):
        model: object = None

    with pytest.raises(StrategyError, match="parameter model cannot be put on record: object has no canonical text"):
        runner.submit(Odd(model=object()), world="demo")
    assert runner.worlds.history("demo", Odd.__qualname__) == ()
