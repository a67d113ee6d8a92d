"""The limits an account trades under. Every limit has a default, and every default is the careful one."""

from dataclasses import dataclass
from decimal import Decimal

from qts.domain.errors import PolicyError
from qts.domain.instant import DAY_MS
from qts.domain.money import plain

LEVERAGE_CEILING = Decimal(3)
"""No limit, multiplier or policy takes an account above three times its equity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """What the gate judges by.

    leverage_max: position notional over equity, above 0, at most 3.
    order_notional_max: one order's notional over equity, above 0.
    price_collar: largest distance of an order's price from the last close, fraction of it.
    data_age_ms_max: oldest a price may be when an order is decided.
    risk_per_trade: fraction of the allocated capital lost, costs included, when a sized order's stop is hit.
    """

    leverage_max: Decimal = LEVERAGE_CEILING
    order_notional_max: Decimal = LEVERAGE_CEILING
    price_collar: Decimal = Decimal("0.1")
    data_age_ms_max: int = DAY_MS
    risk_per_trade: Decimal = Decimal("0.02")

    def __post_init__(self) -> None:
        if not 0 < self.leverage_max <= LEVERAGE_CEILING:
            raise PolicyError(f"leverage_max must be above 0 and at most 3, not {plain(self.leverage_max)}")
        for name in ("order_notional_max", "price_collar", "data_age_ms_max", "risk_per_trade"):
            if not getattr(self, name) > 0:
                raise PolicyError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.risk_per_trade > Decimal("0.02"):
            raise PolicyError(f"risk_per_trade must be at most 0.02, not {plain(self.risk_per_trade)}")

    def facts(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}
