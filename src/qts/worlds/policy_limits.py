"""The bounds of the staged limits as a policy or an account file says them; docs/limits.md says what each measures.

A world's bounds rule every run in it. An account under a world, and a strategy on
it, may say bounds of their own that are as strict or stricter, and no others.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator

from qts.domain.errors import PolicyError
from qts.domain.money import plain
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.worlds.policy_block import Exact, PolicyBlock

_D: Final = LimitPolicy()
_STRICTER_ABOVE: Final = frozenset({"loss_without_stop", "liquidation_distance_min", "stop_buffer"})
"""Of these the larger bound is the stricter one, of all others the smaller."""

LISTED: Final = "docs/limits.md lists every bound"


class LimitsBlock(PolicyBlock):
    """Bounds of the staged limits. What is not said stays as it was."""

    order_size_max: Exact = _D.order_size_max
    """Largest notional of one order over the strategy's capital, at most 3; a larger one is reduced."""
    order_notional_max: Exact | None = _D.order_notional_max
    """Largest notional of one order, quote; none asks for nothing beside `order_size_max`."""
    symbol_exposure_max: Exact = _D.symbol_exposure_max
    """Largest notional of a symbol's position over equity, at most 3."""
    gross_exposure_max: Exact = _D.gross_exposure_max
    """Largest notional of all positions over equity, at most 3."""
    net_exposure_max: Exact = _D.net_exposure_max
    """Largest notional of longs less shorts over equity, at most 3."""
    leverage_max: Exact = _D.leverage_max
    """Largest notional of all positions over the capital behind them, at most 3."""
    daily_loss_warn: Exact = _D.daily_loss_warn
    """Loss since the UTC day began, fraction of equity then, from which every order is warned of."""
    daily_loss_block: Exact = _D.daily_loss_block
    """The same, from which nothing increases until the day is over."""
    drawdown_warn: Exact = _D.drawdown_warn
    """Fall from peak equity, fraction of it, from which every order is warned of."""
    drawdown_block: Exact = _D.drawdown_block
    """The same, from which nothing increases for the rest of a backtest."""
    heat_max: Exact = _D.heat_max
    """Largest loss, fraction of equity, if every open stop were hit."""
    loss_without_stop: Exact = _D.loss_without_stop
    """What a position without a stop counts in that, fraction of its notional; 1 is all of it."""
    orders_per_second_max: int = _D.orders_per_second_max
    """Most orders within a second."""
    orders_per_minute_max: int = _D.orders_per_minute_max
    """Most orders within a minute."""
    reversals_per_hour_max: int = _D.reversals_per_hour_max
    """Most changes from long to short or back within an hour."""
    open_orders_max: int = _D.open_orders_max
    """Most orders open at once."""
    price_collar: Exact = _D.price_collar
    """Farthest an order's price may be from the last price, fraction of it."""
    data_age_ms_max: int = _D.data_age_ms_max
    """Oldest the price may be when an order is decided, milliseconds."""
    liquidation_distance_min: Exact = _D.liquidation_distance_min
    """Least distance to the liquidation price, fraction of the last price; 0 asks for none."""

    stop_buffer: Exact = _D.stop_buffer
    """How far beyond its price a stop may fill and still come before liquidation, fraction of it; 0 asks nothing."""

    @property
    def changes(self) -> dict[str, object]:
        """The bounds that were said."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}

    def to_policy(self) -> LimitPolicy:
        """All bounds, a bound that was not said at its default. Raises PolicyError."""
        return _D.but({each.name: getattr(self, each.name) for each in fields(LimitPolicy)})

    def to_policies(self) -> LimitPolicies:
        """The same for a run of one strategy, whose book and the account's are one."""
        return LimitPolicies(account=self.to_policy())


def _sound(block: LimitsBlock) -> LimitsBlock:
    try:
        block.to_policy()
    except PolicyError as error:
        raise ValueError(error.cause) from None
    return block


WorldLimits: TypeAlias = Annotated[LimitsBlock, AfterValidator(_sound)]
"""Bounds that hold by themselves, not as changes of others."""


def changed(bounds: LimitPolicy, block: LimitsBlock, place: str) -> LimitPolicy:
    """``bounds`` but for what the block says. place: the block's key, for messages. Raises PolicyError."""
    try:
        return bounds.but(block.changes)
    except PolicyError as error:
        raise PolicyError(error.cause, place=place, next_step=LISTED) from None


def refuse_looser(bounds: LimitPolicy, than: LimitPolicy, place: str, whose: str) -> None:
    """Raises PolicyError, with both numbers, for a bound that is looser than the same of ``than``.

    whose: who stands behind ``than``, for the message.
    """
    for name, bound in bounds.facts().items():
        other = than.facts()[name]
        if _is_looser(name, bound, other):
            raise PolicyError(
                f"{name} is {_shown(bound)}, looser than the {_shown(other)} of {whose}",
                place=f"{place}.{name}",
                next_step=f"leave it out, or say {_shown(other)} or stricter; a looser bound is the world's to give",
            )


def _is_looser(name: str, bound: object, other: object) -> bool:
    if not isinstance(bound, Decimal | int) or not isinstance(other, Decimal | int):
        return bound is None and other is not None
    return bound < other if name in _STRICTER_ABOVE else bound > other


def _shown(bound: object) -> str:
    return plain(bound) if isinstance(bound, Decimal) else "none" if bound is None else str(bound)


def limits_of(preset: Mapping[str, object]) -> LimitPolicy:
    """The staged bounds of a preset."""
    risk = preset.get("risk", {})
    said = risk.get("limits", {}) if isinstance(risk, Mapping) else {}
    return LimitsBlock.model_validate_json(json.dumps(said)).to_policy()
