"""docs/data.md names every finding and every rule there is, and none there is not."""

import re
from pathlib import Path

from qts.market.clean import Rule
from qts.market.findings import FindingKind

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


def named_in_tables(heading: str) -> set[str]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_every_finding_is_explained() -> None:
    """Proves: UX-6"""
    assert named_in_tables("Auditing") == {kind.value for kind in FindingKind}


def test_every_rule_is_explained() -> None:
    """Proves: UX-6"""
    assert named_in_tables("Cleaning") == {rule.value for rule in Rule}
