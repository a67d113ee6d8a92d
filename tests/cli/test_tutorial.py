"""The tutorial and the README's strategy are run as they stand; a page that drifts from the program fails here."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qts.cli.main import app

PROJECT = Path(__file__).resolve().parents[2]
SEVERAL = (PROJECT / "docs" / "several-strategies.md").read_text()
TUTORIAL = (PROJECT / "docs" / "tutorial.md").read_text()
BLOCK = re.compile(r"(?:Save this as `([\w.]+)`:\s*)?```(\w+)\n(.*?)```", re.DOTALL)


def run(line: str) -> str:
    command, _, comment = line.partition("#")
    words = shlex.split(command)
    assert words[0] == "qts"
    due = re.search(r"exits (\d+)", comment)
    result = CliRunner().invoke(app, words[1:])
    assert result.exit_code == (int(due[1]) if due else 0), f"{line}\n{result.output}"
    return result.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QTS_HOME")
    return tmp_path


def test_every_step_of_the_tutorial_works_as_written(folder: Path) -> None:
    """Proves: UX-6"""
    steps = 0
    for name, language, text in BLOCK.findall(TUTORIAL):
        if name:
            (folder / name).write_text(text)
        elif language == "sh":
            for line in filter(None, text.splitlines()):
                run(line)
                steps += 1
        elif language == "python":
            exec(compile(text, "tutorial", "exec"), {})  # noqa: S102 - the page's own example
            steps += 1
    assert steps >= 10
    assert (folder / ".qts" / "worlds.sqlite").exists()


def test_the_strategy_of_the_readme_works_as_written(folder: Path, after_demo: Path) -> None:
    """Proves: P6-1, UX-6"""
    readme = (PROJECT / "README.md").read_text()
    found = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert found is not None
    assert len(found[1].strip().splitlines()) <= 15
    (folder / "cross.py").write_text(found[1])
    shutil.copytree(after_demo, folder / ".qts")
    for line in re.findall(r"^    (qts .*)$", readme, re.MULTILINE):
        result = CliRunner().invoke(app, shlex.split(line)[1:])
        assert result.exit_code in (0, 3), f"{line}\n{result.output}"


def test_every_step_of_the_page_on_several_strategies_works_as_written(folder: Path) -> None:
    """Proves: UX-6"""
    steps, told = 0, ""
    for name, language, text in BLOCK.findall(SEVERAL):
        if name:
            (folder / name).write_text(text)
        elif language == "sh":
            for line in filter(None, text.splitlines()):
                records = sorted((folder / ".qts" / "accounts").glob("*"))
                told += run(line.replace("RUN", records[0].name.partition(".")[0] if records else "RUN"))
                steps += 1
    assert steps >= 6
    assert "ann: transfer trend to revert, 15000 (revert earns more): done, trend has " in told
    assert "25,000.00" in told, "40,000 less 15,000: trend's capital in the table"


def test_the_page_on_several_strategies_lists_every_key() -> None:
    """Proves: UX-6"""
    from qts.risk.limit_policy import LimitPolicy
    from qts.simulation.operator_words import Verb
    from qts.worlds.account_plan import AccountPlan, LimitsBlock, MemberBlock
    from qts.worlds.operator_block import WordBlock

    keys = [line.split("|")[1] for line in SEVERAL.splitlines() if line.startswith("| `")]
    listed = set(re.findall(r"`(\w+)`", "".join(keys)))
    assert listed == {*AccountPlan.model_fields, *MemberBlock.model_fields, *WordBlock.model_fields}
    words = set(re.findall(r"^\| `(\w+): [^`]*` \|", SEVERAL, re.MULTILINE))
    assert words == set(Verb), "every word is explained"
    tried = {word for word in Verb if re.search(rf"^  - .*\b{word}:", SEVERAL, re.MULTILINE)}
    assert tried == set(Verb), "every word is in the example that is run"
    defaults = LimitPolicy().facts()
    assert LimitsBlock().model_dump() == defaults, "a bound that an account file cannot say, or says otherwise"
