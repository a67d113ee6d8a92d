"""How much: the bounds an account trades under, and those a strategy has instead.

Every bound has a default, and every default is the careful one. A strategy says
only what it wants otherwise. Whatever is said, sizes have ceilings that no
policy and no multiplier passes (``CEILINGS``), and a multiplier scales sizes
only: it never widens a loss limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from qts.domain.errors import PolicyError, did_you_mean
from qts.domain.instant import MINUTE_MS, Duration
from qts.domain.money import plain
from qts.risk.policy import LEVERAGE_CEILING, RiskLimits

CEILINGS: Final[Mapping[str, Decimal]] = MappingProxyType(
    {
        "order_size_max": LEVERAGE_CEILING,
        "symbol_exposure_max": LEVERAGE_CEILING,
        "gross_exposure_max": LEVERAGE_CEILING,
        "net_exposure_max": LEVERAGE_CEILING,
        "leverage_max": LEVERAGE_CEILING,
    }
)
"""The most a size may be, as a multiple of its base, whatever is asked for."""

_BELOW_ONE = ("daily_loss_warn", "daily_loss_block", "drawdown_warn", "drawdown_block", "heat_max", "price_collar")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPolicy:
    """The bounds. Shares are fractions: 1 is all of the base; what the base is stands in ``limits.py``.

    order_notional_max: quote, None for no bound besides the share. loss_without_stop:
    what a position without a stop counts in heat, as a fraction of its notional.
    liquidation_distance_min: 0 asks for none. stop_buffer: how far beyond its price a stop may fill, of that price,
    and still come before liquidation; 0 does not ask whether it does. Rates count orders, this one included.
    """

    order_size_max: Decimal = Decimal(1)
    order_notional_max: Decimal | None = None
    symbol_exposure_max: Decimal = Decimal(1)
    gross_exposure_max: Decimal = Decimal(2)
    net_exposure_max: Decimal = Decimal(1)
    leverage_max: Decimal = LEVERAGE_CEILING
    daily_loss_warn: Decimal = Decimal("0.03")
    daily_loss_block: Decimal = Decimal("0.05")
    drawdown_warn: Decimal = Decimal("0.12")
    drawdown_block: Decimal = Decimal("0.2")
    heat_max: Decimal = Decimal("0.06")
    loss_without_stop: Decimal = Decimal(1)
    orders_per_second_max: int = 5
    orders_per_minute_max: int = 60
    reversals_per_hour_max: int = 6
    open_orders_max: int = 20
    price_collar: Decimal = Decimal("0.02")
    data_age_ms_max: Duration = MINUTE_MS
    liquidation_distance_min: Decimal = Decimal("0.1")
    stop_buffer: Decimal = Decimal("0.01")

    def __post_init__(self) -> None:
        for each in fields(self):
            number = getattr(self, each.name)
            may_be_0 = each.name in ("liquidation_distance_min", "stop_buffer", "reversals_per_hour_max")
            if number is not None and not (number > 0 or (may_be_0 and number == 0)):
                raise PolicyError(f"{each.name} must be above 0, not {number}", place=f"risk.{each.name}")
        for name, ceiling in CEILINGS.items():
            if getattr(self, name) > ceiling:
                raise PolicyError(
                    f"{name} must be at most {plain(ceiling)}, not {plain(getattr(self, name))}", place=f"risk.{name}"
                )
        for name in (*_BELOW_ONE, "liquidation_distance_min", "stop_buffer"):
            if not getattr(self, name) < 1:
                raise PolicyError(f"{name} must be below 1, not {plain(getattr(self, name))}", place=f"risk.{name}")
        if self.loss_without_stop > 1:
            raise PolicyError(f"loss_without_stop must be at most 1, not {plain(self.loss_without_stop)}")
        for what in ("daily_loss", "drawdown"):
            warn, block = getattr(self, f"{what}_warn"), getattr(self, f"{what}_block")
            if warn > block:
                raise PolicyError(f"{what} warns at {plain(warn)}, after it has stopped at {plain(block)}")

    def but(self, changes: Mapping[str, object]) -> "LimitPolicy":
        """These bounds where nothing else is said. Raises PolicyError for a bound there is not."""
        known = [each.name for each in fields(self)]
        for name in changes:
            if name not in known:
                raise PolicyError(f"there is no limit {name!r}.{did_you_mean(name, known)}", place=f"risk.{name}")
        given: dict[str, Any] = dict(changes)
        return replace(self, **given)

    def scaled(self, multiplier: Decimal) -> "LimitPolicy":
        """Sizes times ``multiplier`` (above 0), never above their ceilings. Losses, rates and distances stay."""
        if not multiplier > 0:
            raise PolicyError(f"a multiplier must be above 0, not {plain(multiplier)}")
        sizes: dict[str, Any] = {
            name: min(getattr(self, name) * multiplier, ceiling) for name, ceiling in CEILINGS.items()
        }
        return replace(self, **sizes)

    def facts(self) -> dict[str, object]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPolicies:
    """The account's bounds, and what strategies, by id, have instead of them.

    A strategy's own book is held to its own bounds and the account to the
    account's, so no strategy's policy loosens what the account may do.
    """

    account: LimitPolicy = field(default_factory=LimitPolicy)
    strategies: Mapping[str, LimitPolicy] = field(default_factory=dict)

    def of(self, strategy_id: str) -> LimitPolicy:
        return self.strategies.get(strategy_id, self.account)

    def without_liquidation(self) -> "LimitPolicies":
        """The same where brackets were waived by name: nobody can know how far liquidation is, and none is asked."""
        nothing = Decimal(0)
        return replace(self, account=replace(self.account, liquidation_distance_min=nothing, stop_buffer=nothing))

    def facts(self) -> dict[str, object]:
        own = {name: policy.facts() for name, policy in sorted(self.strategies.items())}
        return self.account.facts() | ({"strategies": own} if own else {})

    @staticmethod
    def from_facts(facts: Mapping[str, Any]) -> "LimitPolicies":
        """What ``facts`` told."""
        account = {name: bound for name, bound in facts.items() if name != "strategies"}
        own = {name: LimitPolicy(**each) for name, each in facts.get("strategies", {}).items()}
        return LimitPolicies(account=LimitPolicy(**account), strategies=own)


def risk_facts(limits: RiskLimits, policies: LimitPolicies | None) -> dict[str, object]:
    """All bounds of a run, the gate's and, under ``limits``, the staged ones; without these as if there were none."""
    return limits.facts() | ({} if policies is None else {"limits": policies.facts()})
