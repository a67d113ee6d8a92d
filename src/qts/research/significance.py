"""How likely a Sharpe ratio is to be more than luck, and more than the best of many tries.

Everything is per observation (per UTC day), never annualised: the formulas'
variance is that of one sample of n observations.

Sources: Bailey and Lopez de Prado 2012, The Sharpe Ratio Efficient Frontier,
Journal of Risk 15(2) (probabilistic Sharpe ratio); Bailey and Lopez de Prado
2014, The Deflated Sharpe Ratio, Journal of Portfolio Management 40(5), 94-107.
"""

from dataclasses import dataclass
from math import e, isfinite, sqrt
from statistics import NormalDist

import numpy as np

from qts.market.bars import Floats
from qts.research import returns as day
from qts.research.undefined import Undefined

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeEstimate:
    """A Sharpe ratio as a sample statistic.

    sharpe: per observation. observations: n, 2 or more. skew: third, kurtosis:
    fourth standardised moment (3 is normal) of the returns it was taken from.
    """

    sharpe: float
    observations: int
    skew: float
    kurtosis: float

    @property
    def variance(self) -> float:
        """Of the estimator: (1 - skew SR + (kurtosis - 1) / 4 SR^2) / (n - 1)."""
        if self.observations < 2:
            raise Undefined(f"{self.observations} observations are fewer than the 2 a Sharpe ratio needs")
        shape = 1.0 - self.skew * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2
        if not (isfinite(shape) and shape > 0):
            raise Undefined("the moments of these returns leave the Sharpe ratio no variance")
        return shape / (self.observations - 1)


def estimate(returns: Floats) -> SharpeEstimate:
    """The estimate of one series. returns: float64, shape (n,), n >= 2, that vary."""
    return SharpeEstimate(
        sharpe=day.sharpe_per_day(returns),
        observations=len(returns),
        skew=day.skew(returns),
        kurtosis=day.kurtosis(returns),
    )


def probabilistic_sharpe(found: SharpeEstimate, benchmark: float) -> float:
    """Probability that the true Sharpe ratio exceeds ``benchmark`` (per observation, like ``found``)."""
    return _NORMAL.cdf((found.sharpe - benchmark) / sqrt(found.variance))


def expected_best_of(trials: int, variance: float) -> float:
    """The highest Sharpe ratio to expect of ``trials`` worthless strategies whose ratios vary by ``variance``.

    sqrt(V) [(1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e))] with g Euler's constant and Z
    the normal quantile. One trial has been chosen from nothing: 0.
    """
    if trials < 1:
        raise ValueError(f"a strategy that was measured was tried at least once, not {trials} times")
    if trials == 1:
        return 0.0
    return sqrt(variance) * (
        (1.0 - np.euler_gamma) * -_NORMAL.inv_cdf(1.0 / trials) + np.euler_gamma * -_NORMAL.inv_cdf(1.0 / (trials * e))
    )


def deflated_sharpe(found: SharpeEstimate, trials: int, variance_of_trials: float | None) -> float:
    """Probability that the true Sharpe ratio exceeds what the best of ``trials`` worthless ones would show.

    trials: N, every distinct trial of the family, 1 or more. variance_of_trials:
    variance of the trials' Sharpe ratios per observation; None when they were
    not kept, and then the estimator's own variance stands in for it.
    """
    if variance_of_trials is not None and not (isfinite(variance_of_trials) and variance_of_trials >= 0):
        raise ValueError(f"a variance is finite and not negative, not {variance_of_trials}")
    variance = found.variance if variance_of_trials is None else variance_of_trials
    return probabilistic_sharpe(found, expected_best_of(trials, variance))
