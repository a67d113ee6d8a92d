"""The pages drawn from tables: every state and every step is on them, and every code with the tests that reach it.

Proves: P4-4, P4-7
"""

import re
from pathlib import Path

import pytest

from qts.domain.order_lifecycle import TRANSITIONS, OrderState
from qts.domain.safety_code import REGISTRY, SafetyCode
from qts.execution.contracts import ExecutionState
from qts.execution.state_machine import SUCCESSORS
from tools import execution_states_page, order_lifecycle_page, safety_codes_page
from tools.declared import DeclarationError
from tools.state_diagram import diagram

_ARROW = re.compile(r"^    (\w+) --> (\w+)", re.MULTILINE)


def arrows(page: str) -> set[tuple[str, str]]:
    return {(source.replace("_", "-"), to.replace("_", "-")) for source, to in _ARROW.findall(page)}


def test_a_diagram_joins_what_goes_the_same_way_and_leaves_out_what_stays():
    steps = [("a-b", "x", "c"), ("a-b", "y", "c"), ("c", "z", "c"), ("c", "", "d")]
    assert diagram(["a-b", "c", "d"], steps, begins="a-b", ends=["d"]).splitlines() == [
        "```mermaid",
        "stateDiagram-v2",
        '    state "a-b" as a_b',
        "    [*] --> a_b",
        "    a_b --> c : x, y",
        "    c --> d",
        "    d --> [*]",
        "```",
    ]


def test_an_orders_page_has_every_step_that_moves_and_every_state():
    page = order_lifecycle_page.render()
    assert arrows(page) == {(state.value, to.value) for (state, _), to in TRANSITIONS.items() if to is not state}
    assert all(f"- `{state}`: " in page and f"\n| `{state}` | " in page for state in OrderState)


def test_an_executions_page_has_every_step():
    page = execution_states_page.render()
    assert arrows(page) == {(state.value, to.value) for state, after in SUCCESSORS.items() for to in after}
    assert all(f"\n| `{state}` | " in page for state in ExecutionState)


def planted(root: Path, line: str) -> Path:
    (root / "tests").mkdir()
    text = f'"""A file."""\n\n\ndef test_one():\n    """It holds.\n\n    {line}\n    """\n'
    (root / "tests/test_planted.py").write_text(text, encoding="utf-8")
    return root


def rows(page: str) -> dict[str, str]:
    """Code -> its last cell."""
    found = re.findall(r"^\| ([A-Z]{2}\d{3}) \|.*\| (.+?) \|$", page, re.MULTILINE)
    assert len(found) == len(dict(found))
    return dict(found)


def test_a_codes_row_names_the_tests_that_reach_it_and_a_dash_where_there_are_none(tmp_path):
    reached = rows(safety_codes_page.page(planted(tmp_path, "Reach" + "es: FS090, GR064")))
    assert set(reached) == {code.value for code in SafetyCode} == {code.value for code in REGISTRY}
    link = "[tests/test_planted.py](../tests/test_planted.py) `test_one`"
    assert {code: cell for code, cell in reached.items() if cell != "-"} == {"FS090": link, "GR064": link}


def test_reaching_a_code_that_is_not_one_is_a_typing_mistake(tmp_path):
    with pytest.raises(DeclarationError, match=r"tests/test_planted.py:4: Reaches: 'FS999' is no safety code"):
        safety_codes_page.page(planted(tmp_path, "Reach" + "es: FS999"))
