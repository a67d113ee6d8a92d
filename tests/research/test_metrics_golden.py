"""Our numbers against numbers others made; see tests/golden/metrics/README.md."""

import json
from decimal import Decimal
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from qts.domain.instant import HOUR_MS
from qts.research import significance, trade_metrics
from qts.research.drawdown import episodes
from qts.research.metrics import MarkedEquity, measure_equity
from qts.research.significance import SharpeEstimate

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics"
SERIES = json.loads((GOLDEN / "series.json").read_text())["cases"]
PAPER = json.loads((GOLDEN / "deflated_sharpe.json").read_text())
BY_HAND = json.loads((GOLDEN / "by_hand.json").read_text())


@pytest.mark.parametrize("case", SERIES, ids=lambda case: case["name"])
def test_every_metric_of_a_curve_agrees_with_other_libraries(case):
    """Proves: BX-6, QL-8"""
    sheet = measure_equity(
        MarkedEquity(
            capital=case["capital"],
            started_at=case["started_at"],
            interval_ms=case["interval_ms"],
            closed_at=np.array(case["closed_at"]),
            equity=np.array(case["equity"]),
        )
    )
    ours = {name: sheet.value(name) for name in case["answers"]}
    assert ours == pytest.approx(case["answers"], rel=1e-9)


@pytest.mark.parametrize("case", SERIES, ids=lambda case: case["name"])
def test_psr_and_dsr_agree_with_another_library_on_its_own_moments(case):
    """Proves: BX-3, BX-6"""
    theirs = case["significance"]
    found = SharpeEstimate(**{name: theirs[name] for name in ("sharpe", "observations", "skew", "kurtosis")})
    trials, variance = theirs["trials"], theirs["variance_of_trials"]
    assert significance.probabilistic_sharpe(found, 0.0) == pytest.approx(theirs["psr"], rel=1e-9)
    assert significance.expected_best_of(trials, variance) == pytest.approx(theirs["best_of_trials"], rel=1e-9)
    assert significance.deflated_sharpe(found, trials, variance) == pytest.approx(theirs["dsr"], rel=1e-9)


@pytest.mark.parametrize("case", PAPER["cases"], ids=lambda case: f"{case['trials']} trials")
def test_dsr_gives_the_numbers_printed_in_the_paper(case):
    """Proves: BX-3"""
    year = PAPER["observations_per_year"]
    found = SharpeEstimate(
        sharpe=PAPER["sharpe_annual"] / sqrt(year),
        observations=PAPER["observations"],
        skew=case["skew"],
        kurtosis=case["kurtosis"],
    )
    variance = PAPER["variance_of_trials_annual"] / year
    assert round(significance.deflated_sharpe(found, case["trials"], variance), 4) == case["dsr"]
    if "best_of_trials" in case:
        assert round(significance.expected_best_of(case["trials"], variance), 4) == case["best_of_trials"]


def test_trade_metrics_agree_with_a_list_worked_out_by_hand():
    """Proves: BX-6, QL-8"""
    case = BY_HAND["trades"]
    pnl = [Decimal(amount) for amount in case["net_pnl"]]
    found = {
        "win_rate": trade_metrics.win_rate(pnl),
        "profit_factor": trade_metrics.profit_factor(pnl),
        "payoff": trade_metrics.payoff(pnl),
        "expectancy": trade_metrics.expectancy(pnl, Decimal(case["capital"])),
    }
    assert found == {name: pytest.approx(case[name][0] / case[name][1], rel=1e-15) for name in found}


def test_drawdowns_agree_with_a_curve_worked_out_by_hand():
    """Proves: BX-6"""
    case = BY_HAND["curve"]
    step = case["bar_hours"] * HOUR_MS
    curve = MarkedEquity(
        capital=case["capital"],
        started_at=0,
        interval_ms=step,
        closed_at=step * np.arange(1, len(case["equity"]) + 1),
        equity=np.array(case["equity"], dtype=float),
    )
    sheet = measure_equity(curve)
    assert sheet.value("max_drawdown") == pytest.approx(case["max_drawdown"])
    assert sheet.value("max_drawdown_days") == case["max_drawdown_days"]
    assert sheet.value("ulcer_index") ** 2 == pytest.approx(
        case["ulcer_index_squared"][0] / case["ulcer_index_squared"][1]
    )
    assert sheet.value("time_under_water") == case["time_under_water"][0] / case["time_under_water"][1]
    found = [
        {
            "depth": pytest.approx(fall.depth),
            "peak_close": fall.peak_at // step,
            "trough_close": fall.trough_at // step,
            "recovered_close": None if fall.recovered_at is None else fall.recovered_at // step,
        }
        for fall in episodes(curve.points, curve.instants)
    ]
    assert found == case["episodes"]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.name)
def test_every_golden_file_says_who_computed_it_how_and_from_what(path):
    assert list(json.loads(path.read_text()))[:3] == ["computed_by", "how", "from_what"]
