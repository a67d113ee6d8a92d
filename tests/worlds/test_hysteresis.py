"""Slow to promote, at once to protect, and no credit for repeating oneself."""

import pytest

from qts.worlds.hysteresis import PastRun, standing


def past(story: str) -> list[PastRun]:
    """Newest first. '+1' passed, '-1' failed, '!1' failed a safety rule; the figure is the evidence."""
    return [PastRun(result_digest=one[1:], passed=one[0] == "+", broke_safety=one[0] == "!") for one in story.split()]


@pytest.mark.parametrize(
    ("story", "seat", "promote_after", "demote_after", "competes", "reason"),
    [
        ("", "no", 1, 1, False, "no judged run"),
        ("+1", "no", 1, 1, True, "passed"),
        ("+1", "no", 2, 1, False, "passed 1 of 2"),
        ("+2 +1", "no", 2, 1, True, "passed"),
        ("+1 +1 +1", "no", 2, 1, False, "passed 1 of 2"),  # the same evidence three times
        ("+3 -2 +1", "no", 2, 1, False, "passed 1 of 2"),  # not in a row
        ("+1", "yes", 5, 1, True, "passed"),
        ("-2 +1", "no", 1, 3, False, "latest run failed"),
        ("-2 +1", "yes", 1, 1, False, "failed 1 times in a row"),
        ("-2 +1", "yes", 1, 2, True, "in grace: failed 1 of 2"),
        ("-2 -2 +1", "yes", 1, 2, True, "in grace: failed 1 of 2"),
        ("-3 -2 +1", "yes", 1, 2, False, "failed 2 times in a row"),
        ("!2 +1", "yes", 1, 9, False, "at once"),
    ],
)
def test_who_may_compete(
    story: str, seat: str, promote_after: int, demote_after: int, *, competes: bool, reason: str
) -> None:
    """Proves: WS-4"""
    found = standing(
        past(story),
        promote_after=promote_after,
        demote_after=demote_after,
        seated={"s"} if seat == "yes" else set(),
        strategy="s",
    )
    assert found.competes is competes
    assert reason in found.reason
