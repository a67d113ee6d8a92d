"""A world's verdict as a page shows it: failures first, each with how far off it was."""

from dataclasses import dataclass
from enum import StrEnum

from qts.adapters.reports import wording
from qts.worlds.verdict import RuleResult, RuleStatus, Verdict


class Outcome(StrEnum):
    PASSED = "passed"
    WARNED = "warned"
    REJECTED = "rejected"

    @property
    def word(self) -> str:
        match self:
            case Outcome.PASSED:
                return "Passed"
            case Outcome.WARNED:
                return "Passed with warnings"
            case Outcome.REJECTED:
                return "Rejected"

    @property
    def mark(self) -> str:
        match self:
            case Outcome.PASSED:
                return "\N{CHECK MARK}"
            case Outcome.WARNED:
                return "!"
            case Outcome.REJECTED:
                return "\N{MULTIPLICATION X}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """One rule. metric: its name, None when the rule is about something else.

    value, threshold, shortfall: in the metric's unit; None when there is none.
    """

    rule: str
    outcome: Outcome
    severity: str
    sentence: str
    metric: str | None = None
    value: float | None = None
    threshold: float | None = None
    shortfall: float | None = None

    @property
    def value_text(self) -> str:
        return "" if self.metric is None and self.value is None else wording.metric_number(self.metric, self.value)

    @property
    def threshold_text(self) -> str:
        return "" if self.threshold is None else wording.metric_number(self.metric, self.threshold)

    @property
    def distance_text(self) -> str:
        """'short by 0.31', 'over by 4.00 %', or '' when the rule is met or has no number."""
        if self.shortfall is None or self.value is None or self.threshold is None:
            return ""
        direction = "short by" if self.value < self.threshold else "over by"
        return f"{direction} {wording.metric_number(self.metric, self.shortfall)}"

    @property
    def bar(self) -> tuple[float, float] | None:
        """Value and threshold as shares (0 to 1) of a bar that has room for both; None when a bar would mislead."""
        if self.value is None or self.threshold is None or self.threshold <= 0:
            return None
        full = 1.12 * max(self.value, self.threshold)
        return max(self.value, 0.0) / full, self.threshold / full


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPageVerdict:
    """What the world said. sentence: the whole of it in one sentence. rules: in order of judgement."""

    world: str
    outcome: Outcome
    sentence: str
    rules: tuple[RuleLine, ...]

    @classmethod
    def of(cls, verdict: Verdict, *, world: str) -> "RunPageVerdict":
        return cls(
            world=world,
            outcome=_OUTCOMES[verdict.status],
            sentence=verdict.sentence,
            rules=tuple(_line(result) for result in verdict.results),
        )

    @property
    def unmet(self) -> tuple[RuleLine, ...]:
        """Every rule that was not met, worst first."""
        order = (Outcome.REJECTED, Outcome.WARNED)
        missed = (line for line in self.rules if line.outcome is not Outcome.PASSED)
        return tuple(sorted(missed, key=lambda line: order.index(line.outcome)))

    @property
    def met(self) -> tuple[RuleLine, ...]:
        return tuple(line for line in self.rules if line.outcome is Outcome.PASSED)

    @property
    def said(self) -> str:
        """The sentence without the word the page has just said in large type."""
        told = self.sentence.removeprefix(f"{self.outcome.value}: ")
        return told[:1].upper() + told[1:]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Sentences of every rule that was not met, worst first."""
        return tuple(line.sentence for line in self.unmet)


_OUTCOMES = {
    RuleStatus.PASS: Outcome.PASSED,
    RuleStatus.WARN: Outcome.WARNED,
    RuleStatus.FAIL: Outcome.REJECTED,
}


def _line(result: RuleResult) -> RuleLine:
    return RuleLine(
        rule=result.rule,
        outcome=_OUTCOMES[result.status],
        severity=result.severity,
        sentence=result.sentence,
        metric=result.metric,
        value=result.value,
        threshold=result.threshold,
        shortfall=result.shortfall,
    )
