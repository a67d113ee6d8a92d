"""The blocks that say what a run must prove, stage by stage.

A threshold is a key whose annotation names the metric it holds against and the
direction, so the key, the metric and the comparison are written once and
``validation`` needs no table of its own. A key set to null lifts its threshold;
a profile with every threshold lifted would judge by nothing and is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import Field, model_validator

from qts.worlds.policy_block import Fraction, Owner, PolicyBlock, Severity


class Bound(StrEnum):
    AT_LEAST = "at least"
    AT_MOST = "at most"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The metric a policy key is compared with, and which side of it is good."""

    metric: str
    bound: Bound


HALF_SHARPE_GAP = "half_sharpe_gap"
"""|sharpe_first_half - sharpe_second_half|, the one threshold that holds against two metrics."""

Number: TypeAlias = Annotated[float, Field(ge=-1000, le=1000)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=10_000_000)]


def _at_least(metric: str) -> Threshold:
    return Threshold(metric, Bound.AT_LEAST)


def _at_most(metric: str) -> Threshold:
    return Threshold(metric, Bound.AT_MOST)


class ThresholdBlock(PolicyBlock):
    """Thresholds of one kind; what missing one of them does, and who answers for them."""

    severity: Severity
    owner: Owner

    def thresholds(self) -> Iterator[tuple[str, Threshold, float]]:
        """Key, what it holds against, and the limit, for every threshold that is set."""
        for key, field in type(self).model_fields.items():
            limit = getattr(self, key)
            for mark in field.metadata:
                if isinstance(mark, Threshold) and limit is not None:
                    yield key, mark, float(limit)


class SampleBlock(ThresholdBlock):
    """Whether there is enough to judge by."""

    severity: Severity = Severity.BLOCKING
    """What missing one of these does."""
    owner: Owner = Owner.QUANT
    """Who answers for these."""
    min_days: Annotated[Count | None, _at_least("sample_days")] = 365
    """Fewest UTC days with data."""
    min_trades: Annotated[Count | None, _at_least("n_trades")] = 100
    """Fewest closed trades."""


class PerformanceBlock(ThresholdBlock):
    """Whether it earned."""

    severity: Severity = Severity.BLOCKING
    """What missing one of these does."""
    owner: Owner = Owner.QUANT
    """Who answers for these."""
    sharpe_min: Annotated[Number | None, _at_least("sharpe")] = 1.0
    """Smallest annual Sharpe ratio."""
    max_drawdown_max: Annotated[Fraction | None, _at_most("max_drawdown")] = 0.15
    """Deepest fall from a peak, a positive fraction."""
    profit_factor_min: Annotated[Number | None, _at_least("profit_factor")] = 1.5
    """Smallest sum of gains over sum of losses."""
    calmar_min: Annotated[Number | None, _at_least("calmar")] = None
    """Smallest CAGR over max drawdown."""
    sortino_min: Annotated[Number | None, _at_least("sortino")] = None
    """Smallest annual Sortino ratio."""
    cagr_min: Annotated[Number | None, _at_least("cagr")] = None
    """Smallest compound annual growth."""
    total_return_min: Annotated[Number | None, _at_least("total_return")] = None
    """Smallest return over the whole window."""
    win_rate_min: Annotated[Fraction | None, _at_least("win_rate")] = None
    """Smallest share of winning trades."""
    payoff_min: Annotated[Number | None, _at_least("payoff")] = None
    """Smallest mean gain over mean loss."""
    expectancy_min: Annotated[Number | None, _at_least("expectancy")] = None
    """Smallest mean profit of a trade, fraction of capital."""
    gain_to_pain_min: Annotated[Number | None, _at_least("gain_to_pain")] = None
    """Smallest sum of day returns over the sum of losing ones."""


class RiskProfileBlock(ThresholdBlock):
    """Whether the way there was bearable."""

    severity: Severity = Severity.BLOCKING
    """What missing one of these does."""
    owner: Owner = Owner.RISK
    """Who answers for these."""
    es_p01_max: Annotated[Fraction | None, _at_most("es_p01")] = 0.1
    """Largest mean loss of the worst hundredth of days, a positive fraction."""
    var_p01_max: Annotated[Fraction | None, _at_most("var_p01")] = None
    """Largest loss not exceeded on 99 of 100 days, a positive fraction."""
    worst_day_min: Annotated[Number | None, _at_least("worst_day")] = None
    """Worst single day allowed, a negative fraction."""
    volatility_max: Annotated[Number | None, _at_most("volatility")] = None
    """Largest annual volatility."""
    ulcer_index_max: Annotated[Fraction | None, _at_most("ulcer_index")] = None
    """Largest ulcer index."""
    max_drawdown_days_max: Annotated[Count | None, _at_most("max_drawdown_days")] = None
    """Longest time below a peak, in days."""
    time_under_water_max: Annotated[Fraction | None, _at_most("time_under_water")] = None
    """Largest share of time below a peak."""
    exposure_max: Annotated[Fraction | None, _at_most("exposure")] = None
    """Largest share of time with a position."""
    turnover_max: Annotated[Annotated[float, Field(ge=0)] | None, _at_most("turnover")] = None
    """Largest yearly turnover over mean equity."""


class RobustnessBlock(ThresholdBlock):
    """Whether it could be luck."""

    severity: Severity = Severity.BLOCKING
    """What missing one of these does."""
    owner: Owner = Owner.QUANT
    """Who answers for these."""
    dsr_min: Annotated[Fraction | None, _at_least("dsr")] = 0.95
    """Smallest chance that the Sharpe ratio is better than the luckiest of all counted trials."""
    psr_min: Annotated[Fraction | None, _at_least("psr")] = None
    """Smallest chance that the Sharpe ratio is above 0, as if this were the only trial."""
    half_sharpe_gap_max: Annotated[Annotated[float, Field(ge=0)] | None, _at_most(HALF_SHARPE_GAP)] = 2.0
    """Largest difference between the Sharpe ratios of the two halves."""


class ProfileBlock(PolicyBlock):
    """What one stage demands before the next one opens."""

    sample: SampleBlock = SampleBlock()
    """Whether there is enough to judge by."""
    performance: PerformanceBlock = PerformanceBlock()
    """Whether it earned."""
    risk: RiskProfileBlock = RiskProfileBlock()
    """Whether the way there was bearable."""
    robustness: RobustnessBlock = RobustnessBlock()
    """Whether it could be luck."""

    @model_validator(mode="after")
    def _judges_by_something(self) -> "ProfileBlock":
        if not any(True for block in (self.performance, self.risk, self.robustness) for _ in block.thresholds()):
            raise ValueError("every threshold is lifted: a profile that asks for nothing judges nothing")
        return self


class ValidationBlock(PolicyBlock):
    """One profile per stage."""

    backtest: ProfileBlock = ProfileBlock()
    """What a backtest must prove before the strategy may trade on paper."""
    paper: ProfileBlock = ProfileBlock()
    """What paper trading must prove before the strategy may be proposed for live."""
