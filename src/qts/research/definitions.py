"""Every number a run is judged by, each defined once.

``DEFINITIONS`` is the single place: name, formula in words, unit, the convention
for sign and compounding, which way is better, and the function. Gates, reports
and ``docs/metrics.md`` read it; nothing else computes a metric. The digest of a
definition travels with every number it made.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import numpy as np

from qts.domain.instant import YEAR_MS
from qts.research import drawdown, significance, trade_metrics
from qts.research import returns as day
from qts.research.definition import Basis, Better, MetricDefinition, Unit
from qts.research.returns import DAYS_MIN, TAIL_DAYS_MIN
from qts.research.undefined import Undefined


def _exposure(basis: Basis) -> float:
    position = basis.traded.position
    if len(position) == 0:
        raise Undefined("the run has no bars")
    return float(np.mean(position != 0))


def _turnover(basis: Basis) -> float:
    traded = float(sum((fill.quantity * fill.price for fill in basis.traded.fills), Decimal(0)))
    day.enough(basis.equity.day_returns, DAYS_MIN)
    mean_equity = float(basis.equity.points[1:].mean())
    if mean_equity <= 0:
        raise Undefined("all was lost before the first bar closed")
    return traded / mean_equity / (basis.equity.elapsed_ms / YEAR_MS)


def _calmar(basis: Basis) -> float:
    deepest = drawdown.max_drawdown(basis.equity.points)
    if deepest == 0:
        raise Undefined("equity never fell below a peak")
    return basis.equity.cagr / deepest


def _deflated(basis: Basis) -> float:
    if basis.trials is None:
        raise Undefined("nobody counted the trials, and without their number luck cannot be told from skill")
    return significance.deflated_sharpe(basis.sharpe_estimate, basis.trials, basis.variance_of_trials)


_DAY = (
    "simple returns of UTC days from marked equity, after all costs; a bar closing at 00:00:00Z belongs to the day "
    "ending there; a day without bars returns 0"
)
_MEAN = f"{_DAY}; at least {DAYS_MIN} days; undefined after a total loss"
_ANNUAL = f"{_MEAN}; 365 days a year, risk-free rate 0"
_TAIL = f"{_DAY}; a loss is positive; at least {TAIL_DAYS_MIN} days"
_FALL = (
    "positive fraction of the running peak of marked equity at bar closes, compounded; the first peak is the capital"
)
_TRADES = "closed trades, net of fees and funding; a trade still open at the end is not counted"

_ALL: Final = (
    MetricDefinition(
        name="total_return",
        title="Total return",
        formula="final equity / capital - 1",
        convention="marked equity after all costs, compounded; -1 once everything is lost",
        unit=Unit.FRACTION,
        better=Better.HIGHER,
        function=lambda basis: basis.equity.total_return,
    ),
    MetricDefinition(
        name="cagr",
        title="CAGR",
        formula="(final equity / capital) ^ (365 days / elapsed time) - 1",
        convention=(
            f"compound growth from the open of the first bar to the last close; -1 after a total loss; at least "
            f"{DAYS_MIN} days"
        ),
        unit=Unit.FRACTION_ANNUAL,
        better=Better.HIGHER,
        function=lambda basis: basis.equity.cagr,
    ),
    MetricDefinition(
        name="sharpe",
        title="Sharpe ratio",
        formula="mean(r) / deviation(r, n - 1) x sqrt(365)",
        convention=_ANNUAL,
        unit=Unit.RATIO_ANNUAL,
        better=Better.HIGHER,
        function=lambda basis: day.sharpe(basis.days),
    ),
    MetricDefinition(
        name="sortino",
        title="Sortino ratio",
        formula="mean(r) / sqrt(mean(min(r, 0)^2)) x sqrt(365)",
        convention=f"{_ANNUAL}; target 0, the mean of squares is over all days",
        unit=Unit.RATIO_ANNUAL,
        better=Better.HIGHER,
        function=lambda basis: day.sortino(basis.days),
    ),
    MetricDefinition(
        name="calmar",
        title="Calmar ratio",
        formula="CAGR / max drawdown",
        convention=f"both over the whole run; at least {DAYS_MIN} days",
        unit=Unit.RATIO_ANNUAL,
        better=Better.HIGHER,
        function=_calmar,
    ),
    MetricDefinition(
        name="volatility",
        title="Volatility",
        formula="deviation(r, n - 1) x sqrt(365)",
        convention=_ANNUAL,
        unit=Unit.FRACTION_ANNUAL,
        better=Better.LOWER,
        function=lambda basis: day.volatility(basis.days),
    ),
    MetricDefinition(
        name="max_drawdown",
        title="Max drawdown",
        formula="max(1 - equity / running peak)",
        convention=_FALL,
        unit=Unit.FRACTION,
        better=Better.LOWER,
        function=lambda basis: drawdown.max_drawdown(basis.equity.points),
    ),
    MetricDefinition(
        name="max_drawdown_days",
        title="Longest drawdown",
        formula="longest time from a peak to the first close back at it",
        convention=f"days of 24 hours, to the end of the run when it did not recover; {_FALL}",
        unit=Unit.DAYS,
        better=Better.LOWER,
        function=lambda basis: drawdown.max_drawdown_days(basis.equity.points, basis.equity.instants),
    ),
    MetricDefinition(
        name="ulcer_index",
        title="Ulcer index",
        formula="sqrt(mean(drawdown^2))",
        convention=f"{_FALL}; over all bar closes",
        unit=Unit.FRACTION,
        better=Better.LOWER,
        function=lambda basis: drawdown.ulcer_index(basis.equity.points),
    ),
    MetricDefinition(
        name="time_under_water",
        title="Time under water",
        formula="share of bar closes with equity below its running peak",
        convention=_FALL,
        unit=Unit.FRACTION,
        better=Better.LOWER,
        function=lambda basis: drawdown.time_under_water(basis.equity.points),
    ),
    MetricDefinition(
        name="gain_to_pain",
        title="Gain to pain",
        formula="sum(r) / |sum(r below 0)|",
        convention=_MEAN,
        unit=Unit.RATIO,
        better=Better.HIGHER,
        function=lambda basis: day.gain_to_pain(basis.days),
    ),
    MetricDefinition(
        name="var_p01",
        title="VaR 1 %",
        formula="-(1 % quantile of r, linear interpolation)",
        convention=_TAIL,
        unit=Unit.FRACTION,
        better=Better.LOWER,
        function=lambda basis: day.value_at_risk(basis.tail_days, 0.01),
    ),
    MetricDefinition(
        name="es_p01",
        title="ES 1 %",
        formula="-mean(r at or below the 1 % quantile)",
        convention=_TAIL,
        unit=Unit.FRACTION,
        better=Better.LOWER,
        function=lambda basis: day.expected_shortfall(basis.tail_days, 0.01),
    ),
    MetricDefinition(
        name="best_day",
        title="Best day",
        formula="max(r)",
        convention=_DAY,
        unit=Unit.FRACTION,
        better=Better.NEITHER,
        function=lambda basis: float(day.enough(basis.equity.day_returns, 1).max()),
    ),
    MetricDefinition(
        name="worst_day",
        title="Worst day",
        formula="min(r)",
        convention=f"{_DAY}; a loss is negative",
        unit=Unit.FRACTION,
        better=Better.HIGHER,
        function=lambda basis: float(day.enough(basis.equity.day_returns, 1).min()),
    ),
    MetricDefinition(
        name="skew",
        title="Skew",
        formula="mean((r - mean)^3) / mean((r - mean)^2)^1.5",
        convention=_MEAN,
        unit=Unit.RATIO,
        better=Better.NEITHER,
        function=lambda basis: day.skew(basis.days),
    ),
    MetricDefinition(
        name="kurtosis",
        title="Kurtosis",
        formula="mean((r - mean)^4) / mean((r - mean)^2)^2",
        convention=f"{_MEAN}; 3 is normal, nothing is subtracted",
        unit=Unit.RATIO,
        better=Better.NEITHER,
        function=lambda basis: day.kurtosis(basis.days),
    ),
    MetricDefinition(
        name="sharpe_first_half",
        title="Sharpe, first half",
        formula="Sharpe ratio of the first floor(n / 2) days",
        convention=f"{_ANNUAL} in each half",
        unit=Unit.RATIO_ANNUAL,
        better=Better.HIGHER,
        function=lambda basis: day.sharpe(basis.halves[0]),
    ),
    MetricDefinition(
        name="sharpe_second_half",
        title="Sharpe, second half",
        formula="Sharpe ratio of the remaining days",
        convention=f"{_ANNUAL} in each half",
        unit=Unit.RATIO_ANNUAL,
        better=Better.HIGHER,
        function=lambda basis: day.sharpe(basis.halves[1]),
    ),
    MetricDefinition(
        name="psr",
        title="Probabilistic Sharpe",
        formula="Phi(SR sqrt(n - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2))",
        convention=f"probability that the true Sharpe ratio is above 0; SR per day; {_ANNUAL}",
        unit=Unit.PROBABILITY,
        better=Better.HIGHER,
        function=lambda basis: significance.probabilistic_sharpe(basis.sharpe_estimate, 0.0),
    ),
    MetricDefinition(
        name="dsr",
        title="Deflated Sharpe",
        formula="as the probabilistic Sharpe, against SR* = sqrt(V) [(1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e))]",
        convention=(
            "probability that the true Sharpe ratio is above the best to expect of N worthless trials; N counts every "
            "distinct trial of the family; V is the variance of the trials' daily Sharpe ratios when known, else of "
            f"the estimator; SR per day; {_ANNUAL}"
        ),
        unit=Unit.PROBABILITY,
        better=Better.HIGHER,
        function=_deflated,
    ),
    MetricDefinition(
        name="sample_days",
        title="Days with data",
        formula="UTC days in which at least one bar closed",
        convention="whole days",
        unit=Unit.COUNT,
        better=Better.HIGHER,
        function=lambda basis: float(basis.equity.sample_days),
    ),
    MetricDefinition(
        name="n_trades",
        title="Trades",
        formula="number of closed trades",
        convention=_TRADES,
        unit=Unit.COUNT,
        better=Better.HIGHER,
        function=lambda basis: float(len(basis.pnl)),
    ),
    MetricDefinition(
        name="win_rate",
        title="Win rate",
        formula="trades above 0 / trades",
        convention=f"{_TRADES}; exactly 0 is not a win",
        unit=Unit.FRACTION,
        better=Better.HIGHER,
        function=lambda basis: trade_metrics.win_rate(basis.pnl),
    ),
    MetricDefinition(
        name="profit_factor",
        title="Profit factor",
        formula="sum of gains / |sum of losses|",
        convention=_TRADES,
        unit=Unit.RATIO,
        better=Better.HIGHER,
        function=lambda basis: trade_metrics.profit_factor(basis.pnl),
    ),
    MetricDefinition(
        name="payoff",
        title="Payoff",
        formula="mean gain of the winners / |mean loss of the losers|",
        convention=_TRADES,
        unit=Unit.RATIO,
        better=Better.HIGHER,
        function=lambda basis: trade_metrics.payoff(basis.pnl),
    ),
    MetricDefinition(
        name="expectancy",
        title="Expectancy",
        formula="mean net P&L per trade / capital",
        convention=_TRADES,
        unit=Unit.FRACTION,
        better=Better.HIGHER,
        function=lambda basis: trade_metrics.expectancy(basis.pnl, basis.traded.capital),
    ),
    MetricDefinition(
        name="exposure",
        title="Exposure",
        formula="share of bar closes with a position",
        convention="long or short, of any size",
        unit=Unit.FRACTION,
        better=Better.NEITHER,
        function=_exposure,
    ),
    MetricDefinition(
        name="turnover",
        title="Turnover",
        formula="sum of |quantity x price| of all fills / mean equity / years",
        convention=f"both sides of a round trip count; years of 365 days; at least {DAYS_MIN} days",
        unit=Unit.TIMES_PER_YEAR,
        better=Better.LOWER,
        function=_turnover,
    ),
)

DEFINITIONS: Final[Mapping[str, MetricDefinition]] = MappingProxyType({found.name: found for found in _ALL})
