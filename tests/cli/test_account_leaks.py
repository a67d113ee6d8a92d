"""A strategy of an account that knows the future, through the front door: named, kept, shown; and the run stands.

Proves: BX-4
"""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.front_door import qts, strategy_file
from tests.cli.test_account import GOOD, account_file, answered, words_of

PEEKS = """
    def on_bar(self, view):
        column = view.closes(1)
        while hasattr(column.base, "base"):
            column = column.base
        later = column[min(view.bar_number + 1, len(column) - 1)]
        if view.symbol == "OTHERUSDT" and view.is_flat and later > view.close:
            return buy(weight=0.5)
        return close() if view.is_long else None
"""


@pytest.fixture
def leaking(tmp_path: Path) -> str:
    """An account file of three honest strategies and one that leaks on the second of its symbols."""
    peeks = strategy_file(tmp_path, PEEKS)
    more = f"  - {{id: peeks, strategy: {peeks}, symbols: [SYNUSDT, OTHERUSDT], capital: 5000}}\n"
    return account_file(tmp_path, GOOD + more)


def told(path: str) -> dict[str, Any]:
    result = qts("account", "backtest", path, "--output", "json")
    assert result.exit_code == 3, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_an_account_without_leaks_says_so(markets: Path, tmp_path: Path) -> None:
    assert markets.is_dir()
    path = account_file(tmp_path, GOOD)
    checks = answered("account", "backtest", path)["leak_check"]
    assert [(each["strategy_id"], each["check"], each["leak"]) for each in checks] == [
        ("breakout", "passed", None),
        ("revert", "passed", None),
        ("trend", "passed", None),
    ]
    bars = 334 * 6  # of 4 h, from the first of January to the first of December
    assert [each["asked"] for each in checks] == [bars, bars, 2 * bars]
    shown = qts("account", "backtest", path)
    assert shown.exit_code == 0
    assert "3 of 3 strategies say the same whether or not later bars are hidden" in shown.stdout
    assert re.search(r"^ +leak ", shown.stdout, re.MULTILINE) is None


def test_a_leak_is_named_with_strategy_symbol_bar_and_line(markets: Path, leaking: str) -> None:
    assert markets.is_dir()
    answer = told(leaking)
    checks = {each["strategy_id"]: each for each in answer["leak_check"]}
    assert {name: each["check"] for name, each in checks.items()} == {
        "breakout": "passed",
        "peeks": "leak",
        "revert": "passed",
        "trend": "passed",
    }
    peeks = checks["peeks"]
    assert (peeks["symbol"], peeks["place"]) == ("OTHERUSDT", "mine.py:6")
    assert (peeks["leak"]["with_future"], peeks["leak"]["without_future"]) == ("to buy (weight 0.5)", "nothing")
    assert next(row["fills"] for row in answer["strategies"] if row["name"] == "peeks") == 0, "the run hides later bars"
    assert answer["sums_equal"] is True
    shown = qts("account", "backtest", leaking)
    assert shown.exit_code == 3
    assert f"leak {peeks['sentence']}" in re.sub(r"\s+", " ", shown.stdout)
    assert "3 of 4 strategies say the same" in shown.stdout
    assert "use only what the view gives" in shown.stdout
    page = words_of(Path(answer["report"]).read_text())
    assert page.count(peeks["sentence"]) == 2, "above everything, and in its place"


def test_the_others_are_what_they_are_beside_one_that_says_nothing(markets: Path, leaking: str, tmp_path: Path) -> None:
    """What leaks does not trade on it, so nobody's figures are of a run that could not have been."""
    assert markets.is_dir()
    answer = told(leaking)
    silent = Path(leaking).read_text().replace("mine.py", "silent.py")
    (tmp_path / "silent.py").write_text(
        (tmp_path / "mine.py").read_text().replace(PEEKS, "\n    def on_bar(self, view):\n        return None\n")
    )
    without = answered("account", "backtest", account_file(tmp_path, silent, "silent.yaml"))
    assert answer["strategies"] == without["strategies"]
    assert answer["journal_head"] == without["journal_head"]


def test_a_run_with_a_leak_is_on_record_and_the_same_again(markets: Path, leaking: str) -> None:
    from qts.adapters.stores.account_files import read_account

    answer, again = told(leaking), told(leaking)
    assert (answer["run_id"], answer["digest"]) == (again["run_id"], again["digest"])
    record = read_account(markets / "accounts" / f"{answer['run_id']}.json.gz")
    assert [each.sentence() for each in record.checks] == [each["sentence"] for each in answer["leak_check"]]
    assert [each.strategy_id for each in record.leaks] == ["peeks"]
    explained = answered("risk", "explain", answer["run_id"])
    assert Decimal(explained["with_limits"]["account"]["equity"]) == Decimal(answer["account"]["equity"])


def test_the_search_for_leaks_counts_no_trial(markets: Path, leaking: str) -> None:
    """Proves: BX-3"""
    from qts.app import assembly
    from qts.app.settings import Settings

    told(leaking)
    worlds = assembly.world_service(Settings(markets))
    counts = [worlds.count_trials(family) for family in ("Mine", "MovingAverageCross", "DonchianBreakout")]
    assert counts == [2, 2, 1], "one for each symbol"


def test_one_that_is_halted_is_searched_up_to_there(markets: Path, tmp_path: Path) -> None:
    assert markets.is_dir()
    fails = strategy_file(
        tmp_path,
        "    def on_bar(self, view):\n"
        "        if view.bar_number == 50:\n"
        "            raise RuntimeError('planted')\n"
        "        return buy(weight=0.1) if view.is_flat else close()\n",
    )
    more = f"  - {{id: fails, strategy: {fails}, symbols: [SYNUSDT], capital: 5000}}\n"
    answer = answered("account", "backtest", account_file(tmp_path, GOOD + more))
    assert [each["strategy_id"] for each in answer["halted"]] == ["fails"]
    checks = {each["strategy_id"]: (each["check"], each["asked"]) for each in answer["leak_check"]}
    assert checks["fails"] == ("passed", 51)
    assert {check for check, _ in checks.values()} == {"passed"}
