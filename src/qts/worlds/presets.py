"""Four policies to start from, as plain mappings to extend and override.

They differ in what they demand, never in who may say yes: none of them allows
live trading, which a world's own file has to do by name. Their Sharpe,
drawdown, profit factor, seat and correlation numbers are working values, not
findings; a world that matters sets its own.
"""

from collections.abc import Mapping
from typing import Final


def _profile(
    *,
    days: int,
    trades: int,
    performance: Mapping[str, float | None],
    risk: Mapping[str, float | None],
    robustness: Mapping[str, float | str | None],
) -> Mapping[str, object]:
    return {
        "sample": {"min_days": days, "min_trades": trades},
        "performance": dict(performance),
        "risk": dict(risk),
        "robustness": dict(robustness),
    }


def _strict(
    performance: Mapping[str, float | None], risk: Mapping[str, float | None], robustness: Mapping[str, float]
) -> Mapping[str, object]:
    """The same demands in both stages, on the sample each stage can have."""
    return {
        "backtest": _profile(days=365, trades=50, performance=performance, risk=risk, robustness=robustness),
        "paper": _profile(days=30, trades=20, performance=performance, risk=risk, robustness=robustness),
    }


_LENIENT = _profile(
    days=30,
    trades=5,
    performance={"sharpe_min": 0.0, "max_drawdown_max": 0.5, "profit_factor_min": None},
    risk={"es_p01_max": None},
    robustness={"severity": "soft", "dsr_min": 0.5, "half_sharpe_gap_max": None},
)

PRESETS: Final[Mapping[str, Mapping[str, object]]] = {
    # Somewhere to try things: old data will do, little is asked, nothing counts.
    "sandbox": {
        "capital": 10000,
        "data_currency": {"max_lag": "5200w", "min_history": "30d"},
        "campaign": {
            "backtest": {"window": "30d"},
            "paper": {"window": "7d"},
            "common": {"min_sample_days": 30, "min_trades_per_window": 5},
        },
        "waivers": ["no-funding", "no-brackets", "brackets-undated", "mark-from-last"],
        "validation": {"backtest": _LENIENT, "paper": _LENIENT},
        "selection": {"topk": {"total": 10}, "constraints": {"correlation": {"max_pairwise": 1.0}}},
    },
    "conservative": {
        "capital": 10000,
        "data_currency": {"max_lag": "12h", "min_history": "1095d"},
        "campaign": {"backtest": {"window": "730d"}, "paper": {"window": "60d"}},
        "validation": _strict(
            {"sharpe_min": 1.0, "max_drawdown_max": 0.15, "profit_factor_min": 1.5, "win_rate_min": 0.55},
            {"es_p01_max": 0.05},
            {"dsr_min": 0.95, "half_sharpe_gap_max": 1.0},
        ),
        "selection": {
            "topk": {"total": 3},
            "constraints": {"correlation": {"max_pairwise": 0.5}},
            "hysteresis": {"promote_after": 2},
        },
    },
    "moderate": {
        "capital": 10000,
        "risk": {"leverage_max": 2, "order_notional_max": 2},
        "data_currency": {"max_lag": "1d", "min_history": "730d"},
        "campaign": {"backtest": {"window": "365d"}, "paper": {"window": "30d"}},
        "validation": _strict(
            {"sharpe_min": 0.7, "max_drawdown_max": 0.25, "profit_factor_min": 1.2, "win_rate_min": None},
            {"es_p01_max": 0.08},
            {"dsr_min": 0.9, "half_sharpe_gap_max": 1.5},
        ),
        "selection": {"topk": {"total": 5}, "constraints": {"correlation": {"max_pairwise": 0.7}}},
    },
    "aggressive": {
        "capital": 10000,
        "risk": {"leverage_max": 3, "order_notional_max": 3},
        "data_currency": {"max_lag": "1d", "min_history": "365d"},
        "campaign": {"backtest": {"window": "180d"}, "paper": {"window": "30d"}},
        "validation": _strict(
            {"sharpe_min": 0.5, "max_drawdown_max": 0.4, "profit_factor_min": 1.0},
            {"es_p01_max": 0.12},
            {"dsr_min": 0.8, "half_sharpe_gap_max": 2.0},
        ),
        "selection": {"topk": {"total": 8}, "constraints": {"correlation": {"max_pairwise": 0.85}}},
    },
}
