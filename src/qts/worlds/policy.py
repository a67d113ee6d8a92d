"""What a world wants, in one immutable value: the policy file, version 1.

Absence means no. Every key left out takes its restrictive value; live trading,
automatic promotion and waivers have to be written down. A policy never changes:
an edit is the next version. This file knows nothing of YAML, files or presets;
``policy_parsing`` reads mappings into it.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from qts.domain.ids import digest
from qts.domain.instant import format_duration, parse_duration
from qts.domain.waiver import Waiver
from qts.worlds.decision import DECISION_TTL_MAX
from qts.worlds.policy_block import DurationText, Exact, Fraction, Name, PolicyBlock
from qts.worlds.policy_market import DataCurrencyBlock, DatasetBlock, FrictionsBlock, RiskBlock
from qts.worlds.policy_validation import ValidationBlock


class CorrelationBlock(PolicyBlock):
    """How alike two seated strategies may be."""

    max_pairwise: Fraction = 0.5
    """Largest absolute correlation of day returns between two seated strategies; an unknown one counts as too large."""
    min_overlap_days: Annotated[int, Field(ge=2, le=100_000)] = 60
    """Fewest common days for a correlation to be known."""


class ConstraintsBlock(PolicyBlock):
    """What the seated must satisfy together."""

    correlation: CorrelationBlock = CorrelationBlock()
    """How alike two seated strategies may be."""


class TopKBlock(PolicyBlock):
    """How many may sit."""

    total: Annotated[int, Field(ge=1, le=1000)] = 1
    """Seats."""


class HysteresisBlock(PolicyBlock):
    """Slow to promote. Nothing here delays a demotion for safety."""

    promote_after: Annotated[int, Field(ge=1, le=100)] = 1
    """Consecutive passes, on distinct evidence, before a newcomer competes for a seat."""
    demote_after: Annotated[int, Field(ge=1, le=100)] = 1
    """Consecutive failures before the holder of a seat loses it; a failed risk or data rule does not wait."""


class SelectionBlock(PolicyBlock):
    """Who, of those that passed validation, gets a seat."""

    gates: Annotated[tuple[str, ...], Field(max_length=32)] = ()
    """Comparisons over metrics; every one must hold. Example: `sharpe >= 0.8 and n_trades >= 60`."""
    score: str = "sharpe"
    """Arithmetic over metrics; the ranking value, higher is better."""
    topk: TopKBlock = TopKBlock()
    """How many may sit."""
    constraints: ConstraintsBlock = ConstraintsBlock()
    """What the seated must satisfy together."""
    hysteresis: HysteresisBlock = HysteresisBlock()
    """How many passes make a candidate, how many failures lose a seat."""


class WindowBlock(PolicyBlock):
    """How long a stage must have been watched."""

    window: DurationText
    """Time with data that must be covered; gaps do not count."""


class CampaignCommonBlock(PolicyBlock):
    """What every stage's window must hold."""

    min_sample_days: Annotated[int, Field(ge=1, le=100_000)] = 30
    """Fewest UTC days with data in a window."""
    min_trades_per_window: Annotated[int, Field(ge=0, le=1_000_000)] = 20
    """Fewest closed trades in a window."""


class CampaignBlock(PolicyBlock):
    """How long each stage lasts."""

    backtest: WindowBlock = WindowBlock(window="180d")
    """The backtest's window."""
    paper: WindowBlock = WindowBlock(window="30d")
    """The paper window."""
    common: CampaignCommonBlock = CampaignCommonBlock()
    """What every stage's window must hold."""


def _short_enough(decision_ttl: str) -> str:
    if parse_duration(decision_ttl) > DECISION_TTL_MAX:
        raise ValueError(f"no decision may be acted on for longer than {format_duration(DECISION_TTL_MAX)}")
    return decision_ttl


class GovernanceBlock(PolicyBlock):
    """Who may say yes to real money, and how much of it."""

    allow_live: bool = False
    """Whether this world can ever trade live."""
    live_auto_apply: bool = False
    """Whether an approved plan is carried out without a second command."""
    live_requires_manual_approval: bool = True
    """Whether every promotion needs a person."""
    approvers: Annotated[tuple[Name, ...], Field(max_length=64)] = ()
    """Who may approve. Nobody unless named."""
    four_eyes: bool = True
    """Whether the submitter is barred from approving."""
    approval_ttl: DurationText = "24h"
    """How long an approval may wait to be applied."""
    decision_ttl: Annotated[DurationText, AfterValidator(_short_enough)] = "5m"
    """How long a decision may be acted on, at most an hour."""
    max_live_slots: Annotated[int, Field(ge=0, le=100)] = 0
    """Strategies that may be live at once."""
    canary_fraction: Annotated[float, Field(gt=0, le=0.05)] = 0.01
    """Share of capital a strategy starts live with."""
    cooldown: DurationText = "7d"
    """Least time between two promotions to live."""

    @model_validator(mode="after")
    def _live_is_thought_through(self) -> "GovernanceBlock":
        if self.allow_live and not self.approvers:
            raise ValueError("allow_live is true and approvers is empty: name who may approve")
        if self.live_auto_apply and not self.allow_live:
            raise ValueError("live_auto_apply is true and allow_live is false: one of them is a mistake")
        return self


class WorldPolicy(PolicyBlock):
    """A world's policy, one version of it."""

    world: Name
    """The world this policy belongs to."""
    version: Annotated[int, Field(ge=1)] = 1
    """1 for the first; each change is the next."""
    extends: str | None = None
    """The preset this policy was written on top of: `sandbox`, `conservative`, `moderate` or `aggressive`."""
    simulated: bool = False
    """Whether synthetic data count as evidence here. A simulated world can never go live, and stays simulated."""
    dataset: DatasetBlock
    """The bars every strategy of this world is judged on."""
    data_currency: DataCurrencyBlock = DataCurrencyBlock()
    """How fresh and how long the data must be."""
    capital: Annotated[Exact, Field(gt=0, le=10**12)]
    """Money a strategy starts with, in the symbol's quote asset."""
    frictions: FrictionsBlock = FrictionsBlock()
    """What trading costs."""
    risk: RiskBlock = RiskBlock()
    """The limits the gate holds every order to."""
    waivers: tuple[Waiver, ...] = ()
    """Missing inputs this world accepts, by name. A run under a waiver is never better than a warning."""
    campaign: CampaignBlock = CampaignBlock()
    """How long each stage lasts."""
    validation: ValidationBlock = ValidationBlock()
    """What a run must prove."""
    selection: SelectionBlock = SelectionBlock()
    """Who gets a seat."""
    governance: GovernanceBlock = GovernanceBlock()
    """Who may say yes to real money."""

    @model_validator(mode="after")
    def _simulated_is_never_live(self) -> "WorldPolicy":
        if self.simulated and self.governance.allow_live:
            raise ValueError("simulated and governance.allow_live are both true: a simulated world can never go live")
        return self

    def facts(self) -> dict[str, object]:
        """Every key with its value, defaults included, as plain values for JSON."""
        return self.model_dump(mode="json")


def ruleset_hash(policy: WorldPolicy) -> str:
    """Digest of everything the policy demands: equal hashes judge alike, whatever the name and the version."""
    demands = {key: value for key, value in policy.facts().items() if key not in {"world", "version", "extends"}}
    return f"sha256:{digest(demands)}"


def policy_schema() -> dict[str, object]:
    """The policy file's JSON Schema, for editors and for docs/policy.schema.json."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **WorldPolicy.model_json_schema()}
