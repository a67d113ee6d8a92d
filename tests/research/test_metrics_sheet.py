"""What is measured, what is refused, and how a sheet is kept."""

import json
from decimal import Decimal

import numpy as np
import pytest

from qts.domain.errors import UsageError
from qts.domain.instant import DAY_MS, HOUR_MS, format_duration
from qts.research.benchmark import buy_and_hold
from qts.research.metrics import DEFINITIONS, MarkedEquity, MetricSheet, MetricValue, Undefined, measure

MIDNIGHT = 19_723 * DAY_MS  # 2024-01-01T00:00:00Z


def wave(n: int) -> np.ndarray:
    return 10_000.0 + 50.0 * np.arange(n) + 400.0 * np.sin(np.arange(n) / 3.0)


def test_a_run_with_everything_leaves_nothing_undefined(make_run):
    """Proves: BX-6, QL-8, QL-12"""
    run = make_run(wave(900), net_pnl=[Decimal(5), Decimal(-2)], position=[1.0] * 450 + [0.0] * 450)
    sheet = measure(run, trials=4)
    assert {name for name in sheet if sheet[name].value is None} == set()
    assert sheet.value("exposure") == 0.5
    assert sheet.value("n_trades") == 2
    assert sheet.value("sample_days") == 150


UNDEFINED = {
    "did nothing": (lambda run: run([10_000.0] * 600), 1, "sharpe sortino calmar psr dsr skew kurtosis gain_to_pain"),
    "never traded": (lambda run: run(wave(900)), 1, "win_rate profit_factor payoff expectancy"),
    "never lost": (lambda run: run(wave(900), net_pnl=[Decimal(5)]), 1, "profit_factor payoff"),
    "never won": (lambda run: run(wave(900), net_pnl=[Decimal(-5)]), 1, "payoff"),
    "only rose": (lambda run: run(10_000.0 + np.arange(900)), 1, "calmar sortino gain_to_pain"),
    "nobody counted": (lambda run: run(wave(900)), None, "dsr"),
    "29 days": (lambda run: run(wave(29 * 6)), 1, "sharpe sortino calmar cagr volatility psr dsr skew turnover"),
    "59 days": (lambda run: run(wave(59 * 6)), 1, "sharpe_first_half sharpe_second_half"),
    "99 days": (lambda run: run(wave(99 * 6)), 1, "var_p01 es_p01"),
    "weekly bars": (lambda run: run(wave(90), interval_ms=7 * DAY_MS), 1, "sharpe sortino volatility psr dsr"),
    "no bars": (lambda run: run([]), 1, "total_return cagr max_drawdown ulcer_index time_under_water exposure"),
}


@pytest.mark.parametrize("story", UNDEFINED)
def test_what_does_not_exist_is_a_reason_and_never_a_number(story, make_run):
    """Proves: BX-6"""
    build, trials, names = UNDEFINED[story]
    sheet = measure(build(make_run), trials=trials)
    for name in names.split():
        assert sheet[name].value is None, f"{name} of a run that {story}"
        assert len(sheet[name].undefined_because) > 10
        with pytest.raises(Undefined, match=name):
            sheet.value(name)


def test_one_day_more_is_enough(make_run):
    for days, name in ((30, "sharpe"), (30, "cagr"), (60, "sharpe_first_half"), (100, "var_p01")):
        assert measure(make_run(wave(days * 6)), trials=1)[name].value is not None


def test_the_bar_that_closes_at_midnight_belongs_to_the_day_that_ends(make_run):
    """Proves: BX-6"""
    run = make_run([101.0, 102.0, 103.0], capital="100", closed_at=[MIDNIGHT + DAY_MS - 1, MIDNIGHT + DAY_MS,
                                                                   MIDNIGHT + DAY_MS + 1])  # fmt: skip
    assert MarkedEquity.over(run, run.equity).day_returns == pytest.approx([0.02, 103 / 102 - 1])


def test_a_day_without_bars_returns_nothing_and_its_move_falls_into_the_next_day(make_run):
    run = make_run([110.0, 121.0], capital="100", closed_at=[MIDNIGHT + DAY_MS, MIDNIGHT + 4 * DAY_MS])
    curve = MarkedEquity.over(run, run.equity)
    assert curve.day_returns == pytest.approx([0.1, 0.0, 0.0, 0.1])
    assert curve.sample_days == 2


@pytest.mark.parametrize("interval_ms", [HOUR_MS // 4, HOUR_MS, 4 * HOUR_MS, DAY_MS], ids=format_duration)
def test_the_same_equity_seen_on_other_bars_has_the_same_day_metrics(interval_ms, make_run):
    """Proves: BX-6"""
    per_day = DAY_MS // interval_ms
    level = 10_000.0 * np.exp(np.cumsum(np.sin(np.arange(120) * 2.1) / 40 + 0.001))
    sheet = measure(make_run(np.repeat(level, per_day), interval_ms=interval_ms), trials=3)
    daily = measure(make_run(level, interval_ms=DAY_MS), trials=3)
    for name in ("sharpe", "sortino", "volatility", "psr", "dsr", "max_drawdown", "cagr", "var_p01", "sample_days"):
        assert sheet.value(name) == pytest.approx(daily.value(name), rel=1e-12), name


def test_a_total_loss_is_final_and_says_so_in_every_number(make_run):
    """Proves: BX-6"""
    equity = wave(900)
    equity[600], equity[601:] = -250.0, 5_000.0
    sheet = measure(make_run(equity), trials=1)
    assert sheet.value("total_return") == -1.0
    assert sheet.value("cagr") == -1.0
    assert sheet.value("max_drawdown") == 1.0
    assert sheet.value("worst_day") == -1.0
    assert sheet.value("calmar") == -1.0
    for name in ("sharpe", "sortino", "sharpe_first_half", "psr", "dsr", "gain_to_pain"):
        assert "everything was lost" in sheet[name].undefined_because


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_equity_that_is_no_number_is_refused(bad, make_run):
    with pytest.raises(ValueError, match=r"equity\[2\]"):
        measure(make_run([10_000.0, 10_001.0, bad]), trials=1)


def test_the_open_trade_is_not_counted(make_run):
    """Proves: BX-6"""
    sheet = measure(make_run(wave(900), net_pnl=[Decimal(6), Decimal(-2)], open_pnl=[Decimal(-500)]), trials=1)
    assert sheet.value("n_trades") == 2
    assert sheet.value("profit_factor") == 3.0
    assert "still open" in DEFINITIONS["profit_factor"].convention


def test_a_trial_count_below_one_is_a_mistake(make_run):
    with pytest.raises(ValueError, match="at least one trial"):
        measure(make_run(wave(200)), trials=0)


def test_a_sheet_survives_storage_word_for_word(make_run):
    """Proves: BX-6"""
    sheet = measure(make_run(wave(900)), trials=4, variance_of_trials=0.001)
    again = MetricSheet.from_facts(json.loads(json.dumps(sheet.facts(), allow_nan=False)))
    assert again == sheet
    assert again.trials == 4
    assert all(found.is_current for found in again.values())


def test_a_number_made_under_another_definition_is_noticed():
    kept = MetricValue(name="sharpe", value=3.0, undefined_because="", definition="of last year")
    assert not kept.is_current


def test_an_unknown_metric_is_named_with_the_one_that_was_meant(make_run):
    with pytest.raises(UsageError, match="Did you mean 'sharpe'"):
        measure(make_run(wave(200)), trials=1).value("sharp")


def test_a_metric_has_a_value_or_a_reason_and_not_both():
    for value, reason in ((None, ""), (1.0, "because"), (float("nan"), "")):
        with pytest.raises(ValueError, match="x"):
            MetricValue(name="x", value=value, undefined_because=reason, definition="d")


def test_buy_and_hold_pays_its_entry_fee_once_and_follows_the_closes(make_run):
    """Proves: QL-8"""
    run = make_run([10_000.0] * 5)  # closes 100, 125, 150, 175, 200; taker fee 0.05 %
    held = buy_and_hold(run)
    units = 10_000 / 100 / 1.0005
    assert held == pytest.approx(units * run.close)
