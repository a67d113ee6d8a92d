"""Equity marked at bar closes, and what UTC days made of it.

Always true here: the first point of an equity curve is the starting capital, at
the open of the first bar; a loss of everything is final (from the first point at
or below 0 on, equity counts as 0); returns are simple, per UTC day, as fractions
(0.01 is one percent); a year has 365 days, since these markets never close; the
risk-free rate is 0.

A day's equity is that of the last bar that closed in it, and a bar that closes
at 00:00:00Z belongs to the day ending there. A day without any bar was still
lived through: its return is 0 and its move falls into the next day with data.
(Leaving such days out would raise every annualised figure.) Runs on bars longer
than a day have no day returns at all.

The functions on returns raise Undefined when there are too few of them, or when
they do not vary by more than rounding noise.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qts.domain.instant import DAY_MS, YEAR_MS, Duration, Instant, format_duration
from qts.market.bars import Floats, Instants
from qts.research.undefined import Undefined
from qts.simulation.result import RunResult

DAYS_PER_YEAR = 365
DAYS_MIN = 30  # an annual figure from less is extrapolation, not measurement
TAIL_DAYS_MIN = 100  # the worst hundredth of fewer days is less than one day
NOISE = 1e-12  # returns closer together than this differ by rounding only


@dataclass(frozen=True, kw_only=True, eq=False)
class MarkedEquity:
    """One equity curve and the instants it was marked at.

    capital: quote, above 0, at ``started_at``. closed_at: int64, shape (n,),
    strictly increasing, ms UTC. equity: float64, shape (n,), quote, finite.
    """

    capital: float
    started_at: Instant
    interval_ms: Duration
    closed_at: Instants
    equity: Floats

    def __post_init__(self) -> None:
        if not (np.isfinite(self.capital) and self.capital > 0):
            raise ValueError(f"starting capital must be finite and above 0, not {self.capital}")
        if self.equity.shape != self.closed_at.shape or self.equity.ndim != 1:
            raise ValueError(f"equity has shape {self.equity.shape}, its instants {self.closed_at.shape}")
        if not np.isfinite(self.equity).all():
            row = int(np.flatnonzero(~np.isfinite(self.equity))[0])
            raise ValueError(f"equity[{row}] is {self.equity[row]}: every bar close must have a finite mark")
        if len(self.closed_at) and (self.closed_at[0] <= self.started_at or (np.diff(self.closed_at) <= 0).any()):
            raise ValueError("equity must be marked at strictly increasing instants after the start")

    @classmethod
    def over(cls, result: RunResult, equity: Floats) -> "MarkedEquity":
        """An equity curve over the bars of ``result``: its own, or one to compare it with."""
        interval_ms = result.provenance.interval_ms
        return cls(
            capital=float(result.capital),
            started_at=int(result.closed_at[0]) - interval_ms if len(result.closed_at) else result.provenance.start,
            interval_ms=interval_ms,
            closed_at=result.closed_at,
            equity=equity,
        )

    @cached_property
    def points(self) -> Floats:
        """float64, shape (n + 1,), quote, 0 or more: the capital, then each close; 0 for ever once all is lost."""
        points = np.concatenate(([self.capital], self.equity))
        lost = np.flatnonzero(points <= 0)
        if len(lost):
            points[lost[0] :] = 0.0
        return points

    @cached_property
    def instants(self) -> Instants:
        """int64, shape (n + 1,), ms UTC, beside ``points``."""
        return np.concatenate((np.array([self.started_at], dtype=np.int64), self.closed_at))

    @property
    def is_total_loss(self) -> bool:
        return bool(self.points[-1] == 0.0)

    @property
    def elapsed_ms(self) -> Duration:
        return int(self.instants[-1] - self.instants[0])

    @cached_property
    def sample_days(self) -> int:
        """UTC days in which at least one bar closed."""
        return len(np.unique((self.closed_at - 1) // DAY_MS))

    @cached_property
    def day_returns(self) -> Floats:
        """float64, shape (days,), one simple return per UTC day; ends with the day everything was lost."""
        if self.interval_ms > DAY_MS:
            raise Undefined(f"bars of {format_duration(self.interval_ms)} are longer than the day returns are made of")
        if len(self.closed_at) == 0:
            return np.empty(0)
        day = (self.closed_at - 1) // DAY_MS
        last = np.flatnonzero(np.diff(day, append=day[-1] + 1))
        every_day = np.arange(day[0], day[-1] + 1)
        marked = self.points[1:][last][np.searchsorted(day[last], every_day, side="right") - 1]
        before = np.concatenate((self.points[:1], marked[:-1]))
        alive = before > 0
        return np.asarray(marked[alive] / before[alive] - 1.0)

    @property
    def total_return(self) -> float:
        """Fraction of the capital; -1 is everything."""
        if len(self.equity) == 0:
            raise Undefined("the run has no bars")
        return float(self.points[-1] / self.points[0] - 1.0)

    @property
    def cagr(self) -> float:
        """Compound growth per 365 days, fraction; -1 after a total loss."""
        if self.elapsed_ms < DAYS_MIN * DAY_MS:
            raise Undefined(f"{self.elapsed_ms / DAY_MS:.1f} days are fewer than the {DAYS_MIN} an annual rate needs")
        growth = float(self.points[-1] / self.points[0])
        return float(growth ** (YEAR_MS / self.elapsed_ms) - 1.0)


def enough(returns: Floats, days_min: int) -> Floats:
    """The returns themselves, when there are enough of them."""
    if len(returns) < days_min:
        raise Undefined(f"{len(returns)} day returns are fewer than the {days_min} needed")
    return returns


def mean_and_deviation(returns: Floats) -> tuple[float, float]:
    """Mean and sample standard deviation (n - 1), of two returns or more that vary."""
    enough(returns, 2)
    if float(np.ptp(returns)) <= NOISE:
        raise Undefined("the day returns do not vary")
    return float(returns.mean()), float(returns.std(ddof=1))


def sharpe_per_day(returns: Floats) -> float:
    """Mean over sample deviation (n - 1) of day returns, not annualised."""
    mean, deviation = mean_and_deviation(returns)
    return mean / deviation


def sharpe(returns: Floats) -> float:
    """Annualised Sharpe ratio, ``sharpe_per_day`` x sqrt(365).

    Scaling by the root of time assumes returns that are not autocorrelated
    (Lo 2002, Financial Analysts Journal 58(4), 36-52).
    """
    return float(sharpe_per_day(returns) * np.sqrt(DAYS_PER_YEAR))


def sortino(returns: Floats) -> float:
    """Annualised mean over downside deviation: root of the mean square of min(r, 0) over all days, target 0.

    Sortino and Price 1994, Journal of Investing 3(3), 59-64: days above the
    target count as zeros in the mean, they are not left out of it.
    """
    enough(returns, 2)
    downside = float(np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2)))
    if downside <= NOISE:
        raise Undefined("no day lost money")
    return float(returns.mean() / downside * np.sqrt(DAYS_PER_YEAR))


def volatility(returns: Floats) -> float:
    """Annualised sample deviation of day returns, fraction per root year; 0 when nothing moved."""
    return float(enough(returns, 2).std(ddof=1) * np.sqrt(DAYS_PER_YEAR))


def skew(returns: Floats) -> float:
    """Third standardised moment of the sample itself (no small-sample correction); 0 is symmetric."""
    mean_and_deviation(returns)
    centred = returns - returns.mean()
    return float(np.mean(centred**3) / np.mean(centred**2) ** 1.5)


def kurtosis(returns: Floats) -> float:
    """Fourth standardised moment of the sample itself; 3 is normal, nothing is subtracted."""
    mean_and_deviation(returns)
    centred = returns - returns.mean()
    return float(np.mean(centred**4) / np.mean(centred**2) ** 2)


def value_at_risk(returns: Floats, probability: float) -> float:
    """Historical VaR as a loss: minus the quantile, interpolated linearly. Below 0 when even that day gained."""
    return -float(np.quantile(enough(returns, 1), probability, method="linear"))


def expected_shortfall(returns: Floats, probability: float) -> float:
    """Historical ES as a loss: minus the mean of the days at or below the same quantile."""
    quantile = -value_at_risk(returns, probability)
    return -float(returns[returns <= quantile + NOISE].mean())  # equal days differ by rounding


def gain_to_pain(returns: Floats) -> float:
    """Sum of day returns over the absolute sum of the negative ones."""
    pain = -float(np.minimum(enough(returns, 1), 0.0).sum())
    if pain <= NOISE:
        raise Undefined("no day lost money")
    return float(returns.sum() / pain)
