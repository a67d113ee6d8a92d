"""The answer to a submission, readable by people and programs."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from html import escape
from pathlib import Path

from qts.worlds.verdict import RuleResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule that rejected the run. shortfall: how far off, in the metric's unit; None when there is no number."""

    rule: str
    metric: str | None
    value: float | None
    threshold: float | None
    shortfall: float | None
    reason_code: str
    sentence: str

    @classmethod
    def of(cls, result: RuleResult) -> "Violation":
        return cls(
            rule=result.rule,
            metric=result.metric,
            value=result.value,
            threshold=result.threshold,
            shortfall=result.shortfall,
            reason_code=result.reason_code.value,
            sentence=result.sentence,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitResult:
    """What came of ``Runner.submit``.

    status: of the run on record. verdict: the world's, in one sentence. mode:
    what the strategy may do now. weight, rank, contribution, place_reason: its
    place among the world's strategies. violations: rules that rejected it;
    warnings: rules it missed that do not reject. precheck: what this machine
    noticed by itself, apart from the verdict. safe_mode, downgraded: whether
    less was granted than asked, and why. trial_count: the count its deflated
    Sharpe ratio used. result_digest: what a repetition must come out as.
    """

    run_id: str
    url: str
    world: str
    strategy: str
    status: str
    verdict: str
    mode: str
    decision_reason: str
    weight: float
    rank: int | None
    contribution: float | None
    place_reason: str
    violations: tuple[Violation, ...]
    warnings: tuple[str, ...]
    precheck: tuple[str, ...]
    metrics: Mapping[str, float | None]
    undefined: Mapping[str, str]
    trial_count: int
    waivers: tuple[str, ...]
    safe_mode: bool
    downgraded: bool
    downgrade_reason: str
    synthetic: bool
    report: Path
    result_digest: str

    @property
    def passed(self) -> bool:
        return not self.violations

    @property
    def hints(self) -> tuple[str, ...]:
        """What to do next, most useful first."""
        if self.passed:
            return (f"qts report {self.run_id}", f"qts world status {self.world}")
        by_distance = sorted(self.violations, key=lambda v: (v.shortfall is None, v.rule))
        return (*(violation.sentence for violation in by_distance), f"qts report {self.run_id}")

    def facts(self) -> dict[str, object]:
        """Plain values for JSON."""
        plain: dict[str, object] = {field.name: getattr(self, field.name) for field in fields(self)}
        plain["violations"] = [
            {field.name: getattr(violation, field.name) for field in fields(violation)} for violation in self.violations
        ]
        return plain | {"passed": self.passed, "hints": list(self.hints), "report": str(self.report)}

    def __str__(self) -> str:
        lines = [f"{self.strategy} in {self.world}: {self.verdict}", f"  run {self.run_id}, mode {self.mode}"]
        lines += [f"  - {violation.sentence}" for violation in self.violations]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(violation.sentence)}</li>" for violation in self.violations)
        head = f"<b>{escape(self.strategy)}</b> in <b>{escape(self.world)}</b>: {escape(self.verdict)}"
        return f"<div>{head}<ul>{items}</ul><small>{escape(self.url)}, report {escape(str(self.report))}</small></div>"
