"""docs/worlds.md and the published schema are what the policy model says, and the example there is a policy."""

from pathlib import Path

from qts.adapters.stores.policy_files import policy_data_from_yaml
from qts.research.definitions import DEFINITIONS
from qts.worlds.policy_parsing import parse_policy
from qts.worlds.verdict import ReasonCode
from tools import worlds_page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_and_the_schema_are_current():
    """Proves: WS-1"""
    assert (DOCS / "worlds.md").read_text() == worlds_page.render(), "run: make docs"
    assert (DOCS / "policy.schema.json").read_text() == worlds_page.schema(), "run: make docs"


def test_the_example_is_a_policy():
    data, line_of = policy_data_from_yaml(worlds_page.EXAMPLE, "example")
    policy = parse_policy(data, source="example", metrics=frozenset(DEFINITIONS), line_of=line_of)
    assert policy.validation.backtest.performance.sharpe_min == 0.8
    assert policy.validation.backtest.performance.win_rate_min is None
    assert policy.selection.topk.total == 5


def test_every_threshold_and_reason_is_on_the_page():
    text = (DOCS / "worlds.md").read_text()
    for key in ("validation.backtest.robustness.dsr_min", "governance.four_eyes", "frictions.slippage", "world"):
        assert f"| `{key}` |" in text
    for code in ReasonCode:
        assert f"`{code}`" in text
