"""The blocks that say what a world trades on, with how much money, at what cost, under which limits."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from qts.domain.instant import DAY_MS, Duration, Instant, parse_duration, parse_instant
from qts.risk.limit_policy import risk_facts
from qts.risk.policy import LEVERAGE_CEILING, RiskLimits
from qts.simulation.costs import AtrSlippage, FixedSlippage, Frictions, ImpactSlippage, Slippage
from qts.worlds.policy_block import DateText, DurationText, Exact, Name, PolicyBlock, Rate
from qts.worlds.policy_limits import LimitsBlock, WorldLimits


def _a_day_at_most(interval: str) -> str:
    if parse_duration(interval) > DAY_MS:
        raise ValueError("a world is judged on day returns, which need bars of a day or less")
    return interval


class DatasetBlock(PolicyBlock):
    """The bars every strategy of this world is judged on."""

    symbol: Name
    """What is traded, as the exchange spells it."""
    interval: Annotated[DurationText, AfterValidator(_a_day_at_most)]
    """Length of a bar, at most a day."""
    start: DateText
    """First instant of the window, included (a date is its midnight UTC)."""
    end: DateText
    """End of the window, not included."""

    @model_validator(mode="after")
    def _in_order(self) -> "DatasetBlock":
        if self.end_instant <= self.start_instant:
            raise ValueError(f"end {self.end} is not after start {self.start}")
        return self

    @property
    def interval_ms(self) -> Duration:
        return parse_duration(self.interval)

    @property
    def start_instant(self) -> Instant:
        return parse_instant(self.start)

    @property
    def end_instant(self) -> Instant:
        return parse_instant(self.end)


class DataCurrencyBlock(PolicyBlock):
    """How fresh and how long the data must be."""

    max_lag: DurationText = "1d"
    """Oldest the newest bar may be. Staler data leaves the world in `validate`: judged, but nothing may trade on it."""
    min_history: DurationText = "365d"
    """Shortest span from the first to the last bar. Less is a blocking failure."""


class FixedSlippageBlock(PolicyBlock):
    """Every taker fill is worse by a fixed share of the price."""

    model: Literal["fixed"]
    """`fixed`"""
    bps: Annotated[Exact, Field(ge=0, lt=1000)]
    """Hundredths of a percent of the price."""


class AtrSlippageBlock(PolicyBlock):
    """Every taker fill is worse by a share of the recent range."""

    model: Literal["atr"]
    """`atr`"""
    fraction: Annotated[Exact, Field(ge=0, le=10)]
    """Share of ATR(14) known at the decision."""


class ImpactSlippageBlock(PolicyBlock):
    """Larger orders pay more, with the square root of the share of volume taken."""

    model: Literal["impact"]
    """`impact`"""
    coefficient: Annotated[Exact, Field(ge=0, le=10)]
    """Multiplies ATR(14) x sqrt(quantity / bar volume)."""


class FrictionsBlock(PolicyBlock):
    """What trading costs in this world. All strategies pay the same."""

    fee_rate_maker: Rate = Decimal("0.0002")
    """Fraction of notional a resting order pays."""
    fee_rate_taker: Rate = Decimal("0.0005")
    """Fraction of notional an order pays that takes what is there."""
    slippage: Annotated[FixedSlippageBlock | AtrSlippageBlock | ImpactSlippageBlock, Field(discriminator="model")] = (
        FixedSlippageBlock(model="fixed", bps=Decimal(1))
    )
    """How much worse than its reference a taker fill is: `fixed` {bps}, `atr` {fraction} or `impact` {coefficient}."""
    participation_max: Annotated[Exact, Field(gt=0, le=1)] = Decimal("0.1")
    """Largest share of one bar's volume all orders together may take."""
    leverage: Annotated[int, Field(ge=1, le=125)] = 3
    """The account's leverage setting for the symbol, which decides entry margin; not a limit on exposure."""
    liquidation_fee_rate: Rate = Decimal("0.0125")
    """Fraction of notional a liquidation costs."""

    def to_frictions(self) -> Frictions:
        """The costs as the simulation takes them."""
        return Frictions(
            fee_rate_maker=self.fee_rate_maker,
            fee_rate_taker=self.fee_rate_taker,
            slippage=_slippage(self.slippage),
            participation_max=self.participation_max,
            leverage=self.leverage,
            liquidation_fee_rate=self.liquidation_fee_rate,
        )


def _slippage(block: FixedSlippageBlock | AtrSlippageBlock | ImpactSlippageBlock) -> Slippage:
    match block:
        case FixedSlippageBlock():
            return FixedSlippage(block.bps)
        case AtrSlippageBlock():
            return AtrSlippage(block.fraction)
        case ImpactSlippageBlock():
            return ImpactSlippage(block.coefficient)


class RiskBlock(PolicyBlock):
    """The limits the gate holds every order of this world to."""

    leverage_max: Annotated[Exact, Field(gt=0, le=LEVERAGE_CEILING)] = Decimal(1)
    """Largest position notional over equity. No world goes above 3."""
    position_notional_max: Annotated[Exact, Field(gt=0, le=LEVERAGE_CEILING)] | None = None
    """Largest notional of one symbol's position over equity; the smaller of this and `leverage_max` holds."""
    order_notional_max: Annotated[Exact, Field(gt=0, le=LEVERAGE_CEILING)] = Decimal(1)
    """Largest notional of one order over equity."""
    price_collar: Annotated[Exact, Field(gt=0, lt=1)] = Decimal("0.1")
    """Farthest an order's price may be from the last close, fraction of it."""
    data_age_max: DurationText = "1d"
    """Oldest a price may be when an order is decided."""
    risk_per_trade: Annotated[Exact, Field(gt=0, le=Decimal("0.02"))] = Decimal("0.02")
    """Fraction of the allocated capital lost, costs included, when a sized order's stop is hit. At most 2 %."""
    limits: WorldLimits = LimitsBlock()
    """The staged limits, asked after the gate: they warn, reduce or stop what increases."""

    def to_limits(self) -> RiskLimits:
        """The limits as the gate takes them."""
        position = self.leverage_max if self.position_notional_max is None else self.position_notional_max
        return RiskLimits(
            leverage_max=min(self.leverage_max, position),
            order_notional_max=self.order_notional_max,
            price_collar=self.price_collar,
            data_age_ms_max=parse_duration(self.data_age_max),
            risk_per_trade=self.risk_per_trade,
        )

    def facts(self) -> dict[str, object]:
        """All bounds as a run's provenance has them."""
        return risk_facts(self.to_limits(), self.limits.to_policies())
