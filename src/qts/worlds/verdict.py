"""What a world says about a run: one answer per rule, and what the answers add up to."""

from dataclasses import dataclass
from enum import StrEnum

from qts.worlds.policy_block import Owner, Severity


class RuleStatus(StrEnum):
    PASS = "pass"  # noqa: S105 - a status, not a password
    WARN = "warn"
    FAIL = "fail"


class ReasonCode(StrEnum):
    """Why a rule answered as it did."""

    OK = "ok"
    BELOW_MINIMUM = "below-minimum"
    ABOVE_MAXIMUM = "above-maximum"
    METRIC_UNDEFINED = "metric-undefined"
    GATE_NOT_PASSED = "gate-not-passed"
    DATA_STALE = "data-stale"
    DATA_FROM_THE_FUTURE = "data-from-the-future"
    HISTORY_TOO_SHORT = "history-too-short"
    DATASET_MISMATCH = "dataset-mismatch"
    TERMS_MISMATCH = "terms-mismatch"
    SYNTHETIC_DATA = "synthetic-data"
    WAIVER_USED = "waiver-used"
    WAIVER_NOT_ADMITTED = "waiver-not-admitted"
    TRIALS_NOT_COUNTED = "trials-not-counted"
    TRIALS_UNDERCOUNTED = "trials-undercounted"
    NO_EDGE = "no-evidence-of-an-edge"


class RuleStep(StrEnum):
    """The order of judgement."""

    DATA = "data"
    SAMPLE = "sample"
    PROFILE = "profile"
    GATE = "gate"
    SCORE = "score"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """One rule's answer.

    rule: the policy key it comes from. status: fail for a missed blocking rule,
    warn for a missed soft one, pass with its sentence for a missed info one.
    value, threshold: in the metric's unit, None when there is none.
    shortfall: how far on the wrong side, above 0; None when met or undefined.
    """

    rule: str
    step: RuleStep
    status: RuleStatus
    severity: Severity
    owner: Owner
    metric: str | None
    value: float | None
    threshold: float | None
    reason_code: ReasonCode
    sentence: str
    shortfall: float | None

    @property
    def is_met(self) -> bool:
        return self.reason_code is ReasonCode.OK

    def facts(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_facts(cls, facts: dict[str, object]) -> "RuleResult":
        """A stored answer. Raises ValueError or KeyError when the facts are not one."""
        return cls(
            rule=str(facts["rule"]),
            step=RuleStep(str(facts["step"])),
            status=RuleStatus(str(facts["status"])),
            severity=Severity(str(facts["severity"])),
            owner=Owner(str(facts["owner"])),
            metric=None if facts["metric"] is None else str(facts["metric"]),
            value=_number(facts["value"]),
            threshold=_number(facts["threshold"]),
            reason_code=ReasonCode(str(facts["reason_code"])),
            sentence=str(facts["sentence"]),
            shortfall=_number(facts["shortfall"]),
        )


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))


def status_when_missed(severity: Severity) -> RuleStatus:
    match severity:
        case Severity.BLOCKING:
            return RuleStatus.FAIL
        case Severity.SOFT:
            return RuleStatus.WARN
        case Severity.INFO:
            return RuleStatus.PASS


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All answers, in order of judgement. score: the ranking value, None when it is undefined."""

    results: tuple[RuleResult, ...]
    score: float | None

    def __post_init__(self) -> None:
        if not self.results:
            raise ValueError("refusing to judge a run by no rules")

    @property
    def status(self) -> RuleStatus:
        statuses = {result.status for result in self.results}
        if RuleStatus.FAIL in statuses:
            return RuleStatus.FAIL
        return RuleStatus.WARN if RuleStatus.WARN in statuses else RuleStatus.PASS

    @property
    def violations(self) -> tuple[RuleResult, ...]:
        """The rules that rejected the run."""
        return tuple(result for result in self.results if result.status is RuleStatus.FAIL)

    @property
    def missed(self) -> tuple[RuleResult, ...]:
        """Every rule that was not met, whatever its severity."""
        return tuple(result for result in self.results if not result.is_met)

    @property
    def sentence(self) -> str:
        """The whole verdict in one sentence, worst news first."""
        failed = self.violations
        match self.status:
            case RuleStatus.FAIL:
                more = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
                return f"rejected: {_headline(failed).sentence}{more}"
            case RuleStatus.WARN:
                warned = [result.sentence for result in self.results if result.status is RuleStatus.WARN]
                return f"passed with {len(warned)} warning{'s' if len(warned) > 1 else ''}: {'; '.join(warned)}"
            case RuleStatus.PASS:
                return f"passed: all {len(self.results)} rules are met"

    def facts(self) -> dict[str, object]:
        return {"score": self.score, "results": [result.facts() for result in self.results]}


def _headline(failed: tuple[RuleResult, ...]) -> RuleResult:
    """The one that says most: no edge before all else, then the first in order of judgement."""
    return next((result for result in failed if result.reason_code is ReasonCode.NO_EDGE), failed[0])
