"""docs/metrics.md is what the registry says."""

from pathlib import Path

from qts.research.definitions import DEFINITIONS
from tools import metrics_page

ROOT = Path(__file__).parents[2]


def test_the_page_is_current_and_has_every_metric():
    """Proves: BX-6"""
    text = (ROOT / "docs" / "metrics.md").read_text()
    assert text == metrics_page.render(), "run: make docs"
    for name, found in DEFINITIONS.items():
        assert f"| `{name}` |" in text
        assert found.digest[:12] in text
        assert found.convention.replace("|", "\\|") in text
