"""Slow to promote, never slow to protect: who may compete, given how the last runs went.

Passes and failures are counted on distinct evidence, newest first; submitting
the same result again adds nothing. A strategy that holds a seat may be given
grace for a failure, but not for one of a risk or data rule.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile

from qts.worlds.policy_block import Owner
from qts.worlds.verdict import RuleStatus, RuleStep, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One judged run. result_digest: equal digests are one piece of evidence."""

    result_digest: str
    passed: bool
    broke_safety: bool

    @classmethod
    def of(cls, verdict: Verdict, result_digest: str) -> "PastRun":
        safety = any(result.owner is Owner.RISK or result.step is RuleStep.DATA for result in verdict.violations)
        return cls(result_digest=result_digest, passed=verdict.status is not RuleStatus.FAIL, broke_safety=safety)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    competes: bool
    reason: str


def standing(
    newest_first: Sequence[PastRun], *, promote_after: int, demote_after: int, seated: Collection[str], strategy: str
) -> Standing:
    """Whether a strategy may compete for a seat. seated: the strategies that hold one."""
    if not newest_first:
        return Standing(competes=False, reason="it has no judged run")
    newest = newest_first[0]
    streak = takewhile(lambda past: past.passed == newest.passed, newest_first)
    length = len({past.result_digest for past in streak})
    if newest.passed:
        return _after_passing(length, 1 if strategy in seated else promote_after)
    if strategy not in seated:
        return Standing(competes=False, reason="its latest run failed")
    if newest.broke_safety:
        return Standing(competes=False, reason="its latest run broke a risk or data rule: the seat is lost at once")
    if length >= demote_after:
        return Standing(competes=False, reason=f"failed {length} times in a row: the seat is lost")
    return Standing(competes=True, reason=f"in grace: failed {length} of {demote_after} times in a row")


def _after_passing(length: int, promote_after: int) -> Standing:
    if length >= promote_after:
        return Standing(competes=True, reason="passed")
    return Standing(competes=False, reason=f"passed {length} of {promote_after} times in a row")
