"""Who shares an account in a run of several strategies, under what, and what such a run assumes besides a bar's."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from qts.domain.errors import PolicyError
from qts.domain.waiver import Waiver
from qts.risk.capital_changes import PoolState
from qts.risk.limit_policy import LimitPolicies
from qts.risk.policy import RiskLimits
from qts.simulation.costs import Frictions
from qts.simulation.operator_words import Word
from qts.strategy.arbitration import Rule
from qts.strategy.strategy import Strategy

OF_SEVERAL: Final = (
    "the account has one wallet for all symbols, and each strategy one of its own inside it; margin is isolated",
    "what two strategies want of each other is crossed inside at the next bar's open, free of fees and slippage",
    "a strategy's own stop or target that the venue's does not serve is an exit at market, decided at that bar's close",
    "where the leverage brackets of a symbol are waived, no limit asks where liquidation lies",
    "all symbols settle in one asset",
)


class OnHalt(StrEnum):
    """KEEP: its position stays in its own book, under its own stop. CLOSE: it is given back at the next open."""

    KEEP = "keep"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One strategy of the account. capital: quote, for all its symbols together. make: gives a new instance.

    pool: the state its capital begins in; one that is not ACTIVE opens nothing, and its exits go on.
    """

    strategy_id: str
    make: Callable[[], Strategy]
    symbols: tuple[str, ...]
    capital: Decimal
    priority: int = 0
    pool: PoolState = PoolState.ACTIVE

    def __post_init__(self) -> None:
        if not (self.capital.is_finite() and self.capital > 0):
            raise PolicyError(f"{self.strategy_id}: capital must be above 0, not {self.capital}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JointTerms:
    """Under what the account is run. rule: what becomes of entries that stand against each other.

    limits: of each strategy's own book, and of sizing. policies: the staged limits, None for none of them.
    world: under which the capital is kept.
    operator: what is said while it runs.
    """

    rule: Rule = Rule.NET
    on_halt: OnHalt = OnHalt.KEEP
    frictions: Frictions = field(default_factory=Frictions)
    limits: RiskLimits = field(default_factory=RiskLimits)
    policies: LimitPolicies | None = field(default_factory=LimitPolicies)
    waivers: tuple[Waiver, ...] = ()
    world: str = "account"
    operator: tuple[Word, ...] = ()
