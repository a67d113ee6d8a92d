"""Strategies load from files; whatever is wrong with a file is said with its line."""

import hashlib
import sys
from pathlib import Path

import pytest

from qts.adapters.strategy_files import code_digest, load_strategy
from qts.domain.errors import StrategyError
from qts.strategy.catalogue import MovingAverageCross

GOOD = """
from qts import Strategy, buy

class First(Strategy):
    size: float = 0.5

    def on_bar(self, view):
        return buy(weight=self.size)
"""


def _file(folder: Path, text: str) -> str:
    path = folder / "mine.py"
    path.write_text(text)
    return str(path)


def test_the_only_strategy_of_a_file_needs_no_name(tmp_path: Path) -> None:
    """Proves: UX-2"""
    loaded = load_strategy(_file(tmp_path, GOOD))
    assert loaded.kind.__name__ == "First"
    assert loaded.kind().parameters() == {"size": 0.5}
    assert loaded.code_digest == hashlib.sha256(GOOD.encode()).hexdigest()


def test_one_of_several_is_chosen_by_name(tmp_path: Path) -> None:
    spec = _file(tmp_path, GOOD + "\nclass Second(First):\n    size: float = 0.1\n")
    assert load_strategy(f"{spec}:Second").kind().parameters() == {"size": 0.1}
    with pytest.raises(StrategyError, match="2 strategies: First, Second") as caught:
        load_strategy(spec)
    assert caught.value.next_step == f"name exactly one, such as {spec}:First"
    with pytest.raises(StrategyError, match=r"no strategy 'Secnd'. Did you mean 'Second'?"):
        load_strategy(f"{spec}:Secnd")


def test_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    spec = _file(tmp_path, "from qts import Strategy\nclass A(Strategy)\n    pass\n")
    with pytest.raises(StrategyError, match="not valid Python") as caught:
        load_strategy(spec)
    assert caught.value.place == f"{spec}:2"


def test_a_file_that_fails_while_loading_names_its_line(tmp_path: Path) -> None:
    spec = _file(tmp_path, "import math\n\nx = math.sqrt(-1)\n")
    with pytest.raises(StrategyError, match="raised ValueError while it was loaded") as caught:
        load_strategy(spec)
    assert caught.value.place == f"{spec}:3"


def test_missing_files_and_files_without_a_strategy_say_so(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match=r"cannot read .*absent.py: No such file"):
        load_strategy(str(tmp_path / "absent.py"))
    with pytest.raises(StrategyError, match="no class derived from Strategy"):
        load_strategy(_file(tmp_path, "x = 1\n"))


def test_imported_strategies_are_not_the_files_own(tmp_path: Path) -> None:
    text = "from qts.strategy.catalogue import CoinFlip, BuyAndHold\nclass Mine(CoinFlip):\n    pass\n"
    assert load_strategy(_file(tmp_path, text)).kind.__name__ == "Mine"


def test_catalogue_strategies_load_by_name() -> None:
    loaded = load_strategy("MovingAverageCross")
    assert loaded.kind is MovingAverageCross
    assert loaded.code_digest == code_digest(MovingAverageCross) != ""
    with pytest.raises(StrategyError, match=r"Did you mean 'MovingAverageCross'?"):
        load_strategy("MovingAverageCros")


def test_a_changed_helper_beside_the_file_is_changed_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: BX-3"""
    monkeypatch.setattr(sys, "path", list(sys.path))
    text = "import qts_test_helper\n" + GOOD
    spec = _file(tmp_path, text)
    (tmp_path / "qts_test_helper.py").write_text("SIZE = 1\n")
    before = load_strategy(spec).code_digest
    assert before != hashlib.sha256(text.encode()).hexdigest()
    assert load_strategy(spec).code_digest == before
    (tmp_path / "qts_test_helper.py").write_text("SIZE = 2\n")
    assert load_strategy(spec).code_digest != before


def test_a_file_that_ends_the_process_while_loading_is_told_off(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="raised SystemExit while it was loaded"):
        load_strategy(_file(tmp_path, "import sys\nsys.exit(0)\n"))


def test_a_changed_file_has_another_digest(tmp_path: Path) -> None:
    before = load_strategy(_file(tmp_path, GOOD)).code_digest
    assert load_strategy(_file(tmp_path, GOOD.replace("0.5", "0.6"))).code_digest != before
