"""The loop and the route stay as they are: whoever changes them says why, in a decision record.

Proves: P4-6, P6-6
"""

from hashlib import sha256

import pytest

from tools.finding import PROJECT

FIXED = ("src/qts/execution/loop.py", "src/qts/execution/route.py")


def records() -> str:
    pages = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
    assert len(pages) > 5
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


@pytest.mark.parametrize("name", FIXED)
def test_a_changed_loop_or_route_has_a_decision_record(name: str) -> None:
    digest = sha256((PROJECT / name).read_bytes()).hexdigest()
    assert f"`{name}` {digest}" in records(), (
        f"{name} changed: several strategies, risk in stages and every venue live without that. "
        f"If it must change, write a record in docs/decisions/ that says why and has the line: `{name}` {digest}"
    )
