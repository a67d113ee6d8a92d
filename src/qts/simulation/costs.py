"""What trading costs: fees, slippage, and how much of a bar one may take.

Assumes: fees are a fixed rate of each fill's notional; slippage moves a taker's
price against it and never helps; a maker pays no slippage.
Ignores: fee discounts, rebates paid in another asset, the order book.
Source: Binance USD-M regular tier of 2024, maker 0.02 %, taker 0.05 %; the
square-root form of impact after Almgren, Thum, Hauptmann and Li (2005), Risk 18(7).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from qts.domain.errors import PolicyError
from qts.domain.fill import Liquidity
from qts.domain.instrument import Instrument
from qts.domain.money import MONEY_GRID, plain
from qts.domain.order import Side


@dataclass(frozen=True, slots=True)
class FixedSlippage:
    """Every taker fill is worse by ``bps`` hundredths of a percent of the price."""

    bps: Decimal

    def facts(self) -> dict[str, str]:
        return {"model": "fixed", "bps": plain(self.bps)}

    def sentence(self) -> str:
        return f"taker fills are {plain(self.bps)} bps worse than the reference price"


@dataclass(frozen=True, slots=True)
class AtrSlippage:
    """Every taker fill is worse by ``fraction`` of the ATR(14) known when the order was decided."""

    fraction: Decimal

    def facts(self) -> dict[str, str]:
        return {"model": "atr", "fraction": plain(self.fraction)}

    def sentence(self) -> str:
        return f"taker fills are worse by {plain(self.fraction)} of the ATR(14) known before the bar"


@dataclass(frozen=True, slots=True)
class ImpactSlippage:
    """Worse by ``coefficient`` x ATR(14) x sqrt(quantity / bar volume): small orders are cheap, large ones are not."""

    coefficient: Decimal

    def facts(self) -> dict[str, str]:
        return {"model": "impact", "coefficient": plain(self.coefficient)}

    def sentence(self) -> str:
        return (
            f"taker fills are worse by {plain(self.coefficient)} x ATR(14) known before the bar "
            "x the square root of the share of the bar's volume taken"
        )


BPS = Decimal("0.0001")
_MAKER = Liquidity.MAKER
Slippage: TypeAlias = FixedSlippage | AtrSlippage | ImpactSlippage
_MODELS: Final[Mapping[str, Callable[..., Slippage]]] = MappingProxyType(
    {"fixed": FixedSlippage, "atr": AtrSlippage, "impact": ImpactSlippage}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frictions:
    """The costs and limits of the simulated venue.

    fee_rate_maker, fee_rate_taker, liquidation_fee_rate: fraction of notional.
    participation_max: largest share of one bar's volume that all our orders
    together may take, 0 < p <= 1; what is left waits for the next bar.
    leverage: the account's leverage setting for the symbol, whole, 1 or more;
    entry margin is notional / leverage, isolated.
    """

    fee_rate_maker: Decimal = Decimal("0.0002")
    fee_rate_taker: Decimal = Decimal("0.0005")
    slippage: Slippage = FixedSlippage(Decimal(1))
    participation_max: Decimal = Decimal("0.1")
    leverage: int = 3
    liquidation_fee_rate: Decimal = Decimal("0.0125")

    def __post_init__(self) -> None:
        if not 0 < self.participation_max <= 1:
            raise PolicyError(f"participation_max must be above 0 and at most 1, not {self.participation_max}")
        if self.leverage < 1:
            raise PolicyError(f"leverage must be 1 or more, not {self.leverage}")
        if self.fee_rate_taker < 0 or self.liquidation_fee_rate < 0:
            raise PolicyError("takers and liquidations pay: fee_rate_taker and liquidation_fee_rate are 0 or more")
        if any(Decimal(size) < 0 for name, size in self.slippage.facts().items() if name != "model"):
            raise PolicyError(f"slippage never helps: it is 0 or more, not {self.slippage.facts()}")

    def facts(self) -> dict[str, object]:
        return {
            "fee_rate_maker": plain(self.fee_rate_maker),
            "fee_rate_taker": plain(self.fee_rate_taker),
            "slippage": self.slippage.facts(),
            "participation_max": plain(self.participation_max),
            "leverage": self.leverage,
            "liquidation_fee_rate": plain(self.liquidation_fee_rate),
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Frictions":
        """What ``facts`` told."""
        slippage, leverage = dict(facts["slippage"]), facts["leverage"]
        kind = _MODELS[slippage.pop("model")]
        sizes = {name: Decimal(size) for name, size in slippage.items()}
        rates = {name: Decimal(rate) for name, rate in facts.items() if name not in ("slippage", "leverage")}
        return cls(slippage=kind(**sizes), leverage=leverage, **rates)

    def fee(self, quantity: Decimal, price: Decimal, liquidity: Liquidity) -> Decimal:
        """Fee of one fill, quote, on the money grid."""
        rate = self.fee_rate_maker if liquidity is _MAKER else self.fee_rate_taker
        return (quantity * price * rate).quantize(MONEY_GRID, ROUND_HALF_EVEN)

    def rounding(self, tick: Decimal) -> Decimal:
        """What a taker's price with its slippage is rounded against him by at most, quote per base; for sizing."""
        is_on_grid = isinstance(self.slippage, FixedSlippage) and not self.slippage.bps
        return Decimal(0) if is_on_grid else tick

    def expected_cost_rate(self) -> Decimal:
        """Fee and slippage of one taker fill as a fraction of notional, as far as known before the bar; for sizing.

        Models that need the bar count with the fixed part only, which is 0.
        """
        slippage = self.slippage.bps * BPS if isinstance(self.slippage, FixedSlippage) else Decimal(0)
        return self.fee_rate_taker + slippage


@dataclass(frozen=True, slots=True, kw_only=True)
class BarLiquidity:
    """What a taker's slippage may depend on. volume: base units. atr: quote per base, known before the bar.

    Where ATR is not known yet, the bar's whole opening price stands in for it:
    trading before the model can judge is made expensive, not free.
    """

    volume: Decimal
    atr: Decimal


def taker_price(
    instrument: Instrument,
    slippage: Slippage,
    liquidity: Callable[[], BarLiquidity],
    *,
    side: Side,
    reference: Decimal,
    quantity: Decimal,
) -> Decimal:
    """The reference made worse for a taker, rounded against it to the tick grid, at least one tick.

    liquidity: asked only by the models that depend on the bar.
    """
    match slippage:  # by kind alone: taking the fields out in the pattern costs four times as much
        case FixedSlippage():
            distance = reference * slippage.bps * BPS
        case AtrSlippage():
            distance = liquidity().atr * slippage.fraction
        case ImpactSlippage():
            bar = liquidity()
            distance = bar.atr * slippage.coefficient * (quantity / bar.volume).sqrt()
    buys = side.sign > 0
    on_grid = instrument.price_up(reference + distance) if buys else instrument.price_down(reference - distance)
    return instrument.tick if on_grid < instrument.tick else on_grid
