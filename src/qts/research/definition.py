"""What a metric is, and what it may be a function of."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from qts.domain.ids import digest
from qts.market.bars import Floats
from qts.research import returns as day
from qts.research import significance
from qts.research.returns import DAYS_MIN, TAIL_DAYS_MIN, MarkedEquity
from qts.research.undefined import Undefined
from qts.simulation.result import RunResult


class Unit(StrEnum):
    FRACTION = "fraction"  # 0.01 is one percent
    FRACTION_ANNUAL = "fraction per year"
    RATIO = "ratio"
    RATIO_ANNUAL = "annualised ratio"
    PROBABILITY = "probability"
    DAYS = "days"
    COUNT = "count"
    TIMES_PER_YEAR = "times per year"


class Better(StrEnum):
    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True, kw_only=True, eq=False)
class Basis:
    """What metrics are functions of.

    run: None when only an equity curve is known, as of buy-and-hold.
    trials: every distinct trial of the family so far, this one included; None
    when nobody counted. variance_of_trials: of their Sharpe ratios per day;
    None when they were not kept.
    """

    equity: MarkedEquity
    run: RunResult | None
    trials: int | None
    variance_of_trials: float | None

    @cached_property
    def days(self) -> Floats:
        """The day returns, when there are enough for an annual figure and money to go on with."""
        return day.enough(self._solvent_days, DAYS_MIN)

    @property
    def _solvent_days(self) -> Floats:
        if self.equity.is_total_loss:  # the plain mean of the days before can still be above 0, which would flatter
            raise Undefined("everything was lost, and no average of days speaks of that")
        return self.equity.day_returns

    @property
    def tail_days(self) -> Floats:
        """The day returns, when there are enough to speak of the worst hundredth."""
        return day.enough(self.equity.day_returns, TAIL_DAYS_MIN)

    @property
    def halves(self) -> tuple[Floats, Floats]:
        returns = self._solvent_days
        if len(returns) < 2 * DAYS_MIN:
            raise Undefined(f"{len(returns)} day returns do not make two halves of {DAYS_MIN}")
        return returns[: len(returns) // 2], returns[len(returns) // 2 :]

    @property
    def traded(self) -> RunResult:
        if self.run is None:
            raise Undefined("an equity curve alone has no trades")
        return self.run

    @cached_property
    def pnl(self) -> tuple[Decimal, ...]:
        return tuple(trade.net_pnl for trade in self.traded.closed_trades)

    @property
    def sharpe_estimate(self) -> significance.SharpeEstimate:
        return significance.estimate(self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDefinition:
    """One metric. ``formula`` and ``convention`` are for people; all but title and function enter the digest."""

    name: str
    title: str
    formula: str
    convention: str
    unit: Unit
    better: Better
    function: Callable[[Basis], float]

    @property
    def digest(self) -> str:
        return digest([self.name, self.formula, self.convention, self.unit, self.better])
