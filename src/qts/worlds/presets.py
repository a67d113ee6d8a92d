"""Four policies to start from, as plain mappings to extend and override.

They differ in what they demand, never in who may say yes: none of them allows
live trading, which a world's own file has to do by name. Their Sharpe,
drawdown, profit factor, seat and correlation numbers are working values, not
findings; a world that matters sets its own.

What they say of staged limits: ``moderate`` is the defaults, ``conservative`` lies
at or below them, ``aggressive`` beyond, ``sandbox`` hardly stops anything. One bound has a
default that few strategies could live with: a position without a stop counts in
heat as if all of it were lost. ``conservative`` leaves it so, which makes it a
preset for strategies with stops; the others say by name that such a position
counts as if it were left 5 % away, what a day may lose by default.
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

_LOOSE: Final = {
    "order_size_max": 3,
    "symbol_exposure_max": 3,
    "gross_exposure_max": 3,
    "net_exposure_max": 3,
    "daily_loss_warn": 0.1,
    "daily_loss_block": 0.5,
    "drawdown_warn": 0.3,
    "drawdown_block": 0.9,
    "heat_max": 0.5,
    "loss_without_stop": 0.05,
    "reversals_per_hour_max": 60,
    "price_collar": 0.1,
    "liquidation_distance_min": 0,
    "stop_buffer": 0,
}
_CAREFUL: Final = {
    "gross_exposure_max": 1,
    "leverage_max": 1,
    "daily_loss_warn": 0.02,
    "daily_loss_block": 0.03,
    "drawdown_warn": 0.08,
    "drawdown_block": 0.15,
    "heat_max": 0.04,
    "reversals_per_hour_max": 2,
    "liquidation_distance_min": 0.2,
}
"""What a position without a stop counts is left out: all of it."""
_BOLD: Final = {
    "order_size_max": 2,
    "symbol_exposure_max": 2,
    "gross_exposure_max": 3,
    "net_exposure_max": 2,
    "daily_loss_warn": 0.05,
    "daily_loss_block": 0.1,
    "drawdown_warn": 0.2,
    "drawdown_block": 0.4,
    "heat_max": 0.12,
    "loss_without_stop": 0.05,
    "reversals_per_hour_max": 12,
    "price_collar": 0.05,
    "liquidation_distance_min": 0.08,
}

PRESETS: Final[Mapping[str, Mapping[str, object]]] = {
    # Somewhere to try things: old data will do, little is asked, nothing counts.
    "sandbox": {
        "capital": 10000,
        "risk": {"limits": _LOOSE},
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
        "risk": {"limits": _CAREFUL},
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
        "risk": {"leverage_max": 2, "order_notional_max": 2, "limits": {"loss_without_stop": 0.05}},
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
        "risk": {"leverage_max": 3, "order_notional_max": 3, "limits": _BOLD},
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
