"""What an account file says: several strategies on one account, the symbols and capital of each, and their limits.

An account may stand under a world; then market, window, waivers, costs and sizing
are the world's and may not be said here. Without one they stand in the file. A bound
that is left out is the world's, without a world the default, and of a strategy the
account's; one that is said may be stricter than the world's and not looser.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field, model_validator

from qts.domain.money import MONEY_GRID
from qts.domain.virtual_books import QUARANTINE
from qts.domain.waiver import Waiver
from qts.risk.capital_changes import PoolState
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.risk.limit_state import ACCOUNT
from qts.simulation.joint_terms import OnHalt
from qts.strategy.arbitration import Rule
from qts.worlds.operator_block import WordBlock
from qts.worlds.policy_block import DateText, DurationText, Exact, Name, PolicyBlock
from qts.worlds.policy_limits import LimitsBlock, changed, refuse_looser
from qts.worlds.policy_market import FrictionsBlock

OF_A_WORLD: Final = ("interval", "start", "end", "waivers", "frictions")
"""Keys that a world's policy has instead of the file."""


class MemberBlock(PolicyBlock):
    """One strategy of the account."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,23}$")]
    """What it is called in books, tables and order ids."""
    strategy: Annotated[str, Field(min_length=1, max_length=4096)]
    """A catalogue name, `FILE.py` or `FILE.py:Class`, as `qts submit` takes it."""
    symbols: Annotated[tuple[Name, ...], Field(min_length=1, max_length=500)]
    """What it trades."""
    capital: Annotated[Exact, Field(gt=0, ge=MONEY_GRID, le=10**12)]
    """Its money, quote, for all its symbols together."""
    parameters: Mapping[str, object] = {}
    """Parameters of the strategy, by name."""
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    """Under the rule `priority`, the higher one goes first."""
    pool: PoolState = PoolState.ACTIVE
    """The state its capital begins in: `active`, or `paused` or `locked`, which open nothing."""
    limits: LimitsBlock = LimitsBlock()
    """What its own book is held to where that differs from the account's bounds."""

    @model_validator(mode="after")
    def _is_sound(self) -> "MemberBlock":
        if self.id in {ACCOUNT, QUARANTINE}:
            raise ValueError(f"the id {self.id!r} is taken by the house: choose another")
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError(f"a symbol is named twice in {', '.join(self.symbols)}")
        return self


class AccountPlan(PolicyBlock):
    """An account file."""

    account: Name
    """What the account is called."""
    rule: Rule = Rule.NET
    """What becomes of entries that stand against each other: `net`, `hold` or `priority`."""
    on_halt: OnHalt = OnHalt.KEEP
    """What becomes of the position of a strategy that is halted: `keep` or `close`."""
    limits: LimitsBlock = LimitsBlock()
    """What the account is held to."""
    strategies: Annotated[tuple[MemberBlock, ...], Field(min_length=1, max_length=1000)]
    """Who shares the account."""
    operator: Annotated[tuple[WordBlock, ...], Field(max_length=1000)] = ()
    """What is said while it runs."""
    interval: DurationText | None = None
    """Length of a bar. Only without a world, and needed there."""
    start: DateText | None = None
    """First instant of the window. Only without a world; left out, all the data there are."""
    end: DateText | None = None
    """End of the window, not included. Only without a world."""
    waivers: tuple[Waiver, ...] = ()
    """Missing inputs that are accepted, by name. Only without a world."""
    frictions: FrictionsBlock = FrictionsBlock()
    """What trading costs. Only without a world."""

    @model_validator(mode="after")
    def _is_sound(self) -> "AccountPlan":
        ids = [member.id for member in self.strategies]
        twice = sorted({each for each in ids if ids.count(each) > 1})
        if twice:
            raise ValueError(f"two strategies are called {twice[0]!r}: give each an id of its own")
        return self

    @property
    def said_of_a_world(self) -> tuple[str, ...]:
        """Keys of the file that a world would have."""
        return tuple(key for key in OF_A_WORLD if key in self.model_fields_set)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(sorted({symbol for member in self.strategies for symbol in member.symbols}))

    @property
    def capital(self) -> Decimal:
        return sum((member.capital for member in self.strategies), start=Decimal(0))

    def policies(self, world: LimitPolicy | None = None) -> LimitPolicies:
        """The account's bounds, and under them each strategy's.

        world: the bounds of the world it stands under, which hold where nothing is said and which nothing said may
        loosen; None without a world. Raises PolicyError whose place is the key at fault.
        """
        account = self._under(world, LimitPolicy() if world is None else world, self.limits, "limits")
        own = {
            each.id: self._under(world, account, each.limits, f"strategies[{number}].limits")
            for number, each in enumerate(self.strategies)
            if each.limits.changes
        }
        return LimitPolicies(account=account, strategies=own)

    @staticmethod
    def _under(world: LimitPolicy | None, bounds: LimitPolicy, block: LimitsBlock, place: str) -> LimitPolicy:
        found = changed(bounds, block, place)
        if world is not None:
            refuse_looser(found, world, place, "the world")
        return found

    def facts(self) -> dict[str, object]:
        """What the file said, as plain values for JSON; reading them gives this plan again."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)
