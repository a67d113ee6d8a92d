"""When the loop stops: policies that look at a few facts and say stop, or nothing.

A policy is a value without memory. It sees how often was executed, since when,
what was lost and whether the kill switch is on, and names itself and its reason
when it says stop. Stopping opens nothing more; what reduces goes on.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from qts.domain.errors import UsageError
from qts.domain.instant import Duration, Instant, format_duration
from qts.domain.money import ZERO, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFacts:
    """executed: executions begun. last_executed_at: None before the first. loss: quote, below 0 for a gain."""

    executed: int
    started_at: Instant
    last_executed_at: Instant | None
    loss: Decimal = ZERO
    kill: bool = False


@dataclass(frozen=True, slots=True)
class StopReason:
    """policy: who says stop, by name. why: the sentence with both numbers."""

    policy: str
    why: str


class StopPolicy(Protocol):
    def verdict(self, facts: LoopFacts, now: Instant) -> StopReason | None:
        """Why to stop now, or None to go on."""
        ...


@dataclass(frozen=True, slots=True)
class StopAfterCount:
    """executions_max: executions the loop may begin, 1 or more."""

    executions_max: int

    def __post_init__(self) -> None:
        if self.executions_max < 1:
            raise UsageError(f"a loop executes at least once, not {self.executions_max} times")

    def verdict(self, facts: LoopFacts, now: Instant) -> StopReason | None:  # noqa: ARG002 - each asks what it needs
        if facts.executed < self.executions_max:
            return None
        return StopReason("count", f"{facts.executed} executions of {self.executions_max} are done")


@dataclass(frozen=True, slots=True)
class StopAfterTime:
    """running_ms: how long the loop may run from its start, above 0."""

    running_ms: Duration

    def __post_init__(self) -> None:
        if self.running_ms <= 0:
            raise UsageError(f"a loop runs for longer than {self.running_ms} ms")

    def verdict(self, facts: LoopFacts, now: Instant) -> StopReason | None:
        running = now - facts.started_at
        if running < self.running_ms:
            return None
        return StopReason("time", f"it runs for {format_duration(running)} of {format_duration(self.running_ms)}")


@dataclass(frozen=True, slots=True)
class StopAtLoss:
    """loss_max: quote, above 0; losing this much stops."""

    loss_max: Decimal

    def __post_init__(self) -> None:
        if not self.loss_max > 0:
            raise UsageError(f"the loss that stops must be above 0, not {self.loss_max}")

    def verdict(self, facts: LoopFacts, now: Instant) -> StopReason | None:  # noqa: ARG002 - each asks what it needs
        if facts.loss < self.loss_max:
            return None
        return StopReason("loss", f"{plain(facts.loss)} is lost, {plain(self.loss_max)} stops")


@dataclass(frozen=True, slots=True)
class StopOnKill:
    def verdict(self, facts: LoopFacts, now: Instant) -> StopReason | None:  # noqa: ARG002 - each asks what it needs
        return StopReason("kill switch", "the kill switch was pressed") if facts.kill else None


@dataclass(frozen=True, slots=True)
class StopWhenIdle:
    """idle_ms: how long the loop may go without an execution, from its start where there was none; above 0."""

    idle_ms: Duration

    def __post_init__(self) -> None:
        if self.idle_ms <= 0:
            raise UsageError(f"a loop may be idle for longer than {self.idle_ms} ms")

    def verdict(self, facts: LoopFacts, now: Instant) -> StopReason | None:
        since = facts.started_at if facts.last_executed_at is None else facts.last_executed_at
        if now - since < self.idle_ms:
            return None
        idle, allowed = format_duration(now - since), format_duration(self.idle_ms)
        return StopReason("idle", f"nothing was executed for {idle}, {allowed} stops")


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Stops as soon as one of its policies does; all that do are named, in their order."""

    policies: tuple[StopPolicy, ...]

    def verdict(self, facts: LoopFacts, now: Instant) -> StopReason | None:
        found = [reason for each in self.policies if (reason := each.verdict(facts, now)) is not None]
        return _together(found, " or ") if found else None


@dataclass(frozen=True, slots=True)
class AllOf:
    """Stops once every one of its policies does."""

    policies: tuple[StopPolicy, ...]

    def verdict(self, facts: LoopFacts, now: Instant) -> StopReason | None:
        found = [reason for each in self.policies if (reason := each.verdict(facts, now)) is not None]
        return _together(found, " and ") if len(found) == len(self.policies) else None


def any_of(*policies: StopPolicy) -> StopPolicy:
    """Raises UsageError for none: a loop that nothing can stop is not asked for by leaving something out."""
    return AnyOf(_some(policies))


def all_of(*policies: StopPolicy) -> StopPolicy:
    """Raises UsageError for none: it would stop before it began."""
    return AllOf(_some(policies))


def _some(policies: tuple[StopPolicy, ...]) -> tuple[StopPolicy, ...]:
    if not policies:
        raise UsageError("a composed stop policy needs at least one policy")
    return policies


def _together(reasons: list[StopReason], word: str) -> StopReason:
    if len(reasons) == 1:
        return reasons[0]
    return StopReason(word.join(_grouped(each.policy) for each in reasons), "; ".join(each.why for each in reasons))


def _grouped(policy: str) -> str:
    """A composed name inside another keeps its brackets."""
    return f"({policy})" if " or " in policy or " and " in policy else policy
