"""The documents are true: generated pages are current, commands exist, links lead somewhere, the example runs."""

import re
import subprocess
from pathlib import Path

import pytest

from qts.domain import errors
from qts.domain.errors import QtsError
from tools import cli_page
from tools.committed import committed_files
from tools.docs import pages, stale
from tools.finding import PROJECT, python_modules

README = PROJECT / "README.md"
DOCUMENTS = [file for file in committed_files(PROJECT) if file.suffix == ".md"]

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def without_fences(text: str) -> str:
    return _FENCE.sub("", text)


def shown(program: str) -> list[tuple[str, str]]:
    """(document, 'qts data import ...') for every such line of a code block and every such `code span`."""
    found = []
    for file in DOCUMENTS:
        text = file.read_text(encoding="utf-8")
        fenced = [line for _, block in _FENCE.findall(text) for line in block.splitlines()]
        indented = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
        spans = re.findall(r"`([^`\n]+)`", without_fences(text))
        lines = (line.strip().removeprefix("$ ").removeprefix(".venv/bin/") for line in [*fenced, *indented, *spans])
        found += [(file.name, line) for line in lines if line.startswith(f"{program} ")]
    return found


def test_the_documents_are_there():
    named = {file.relative_to(PROJECT).as_posix() for file in DOCUMENTS}
    assert {"README.md", "CHANGELOG.md", "docs/architecture.md", "docs/glossary.md", "docs/cli.md"} <= named


def test_generated_pages_say_what_they_would_say_now():
    """Proves: UX-6"""
    assert stale(PROJECT, pages(PROJECT)) == []


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.relative_to(PROJECT).as_posix())
def test_relative_links_lead_somewhere(file: Path):
    links = [link.partition("#")[0] for link in _LINK.findall(without_fences(file.read_text(encoding="utf-8")))]
    dead = [link for link in links if link and ":" not in link and not (file.parent / link).exists()]
    assert dead == []


def test_every_exit_code_is_documented():
    """Proves: UX-2"""
    kinds = [QtsError, *QtsError.__subclasses__()]
    raised = {kind.exit_code for kind in kinds if kind.__module__ == errors.__name__}
    assert raised | {0, 130} == set(cli_page.EXIT_CODES)
    readme = README.read_text(encoding="utf-8")
    for code, (name, _) in cli_page.EXIT_CODES.items():
        assert re.search(rf"\b{code} {name}\b", readme), f"README does not say what exit code {code} means"


def test_every_make_target_a_document_shows_exists():
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    lines = shown("make")
    assert {"demo", "test"} <= {line.split()[1] for document, line in lines if document == "README.md"}
    assert [line for line in lines if line[1].split()[1] not in targets] == []


def test_every_qts_command_a_document_shows_exists():
    """Proves: UX-6"""
    root = cli_page.root_command()
    assert root is not None, "there is no qts.cli.main:app"
    lines = shown("qts")
    assert len(lines) > 5
    assert [line for line in lines if cli_page.unknown_word(line[1], root) is not None] == []


def test_every_environment_variable_is_documented():
    text = "".join(file.read_text(encoding="utf-8") for file in DOCUMENTS)
    read = {
        name
        for module in python_modules(PROJECT, "src", "tests")
        for name in re.findall(r"[\"'](QTS_[A-Z_]+)[\"']", module.text)
    }
    assert "QTS_HOME" in read
    assert [name for name in sorted(read) if name not in text] == []


def test_make_help_lists_every_target_meant_for_people():
    printed = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "demo", "test", "check", "bench", "docs", "help"):
        assert re.search(rf"^  make {target}\s+\S", printed, re.MULTILINE), target


def test_the_strategy_in_the_readme_is_one():
    blocks = [code for language, code in _FENCE.findall(README.read_text(encoding="utf-8")) if language == "python"]
    assert len(blocks) == 1
    from qts import Strategy

    scope: dict[str, object] = {"__name__": "readme"}
    exec(compile(blocks[0], "README.md", "exec"), scope)  # noqa: S102 - it is our own page
    made = [each for each in scope.values() if isinstance(each, type) and issubclass(each, Strategy)]
    assert [each.__name__ for each in made if each is not Strategy] == ["Cross"]
