"""Every guard fails when what it guards is broken: the same checker, run on a miniature with planted faults."""

import os
import subprocess
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import pytest

from tools import cli_page, docs, purity, tidy
from tools.committed import unfit_to_commit
from tools.declared import DeclarationError, gates
from tools.evidence import proofs
from tools.finding import PROJECT, python_modules
from tools.tidy import Exceptions

BIN = Path(sys.executable).parent
LAYERS = (*purity.PURE_LAYERS, "adapters", "app", "cli")

# Put together here, so that this file does not hold what it plants.
MACHINE_PATH = "/" + "work/data.csv"
ADDRESS = "https:" + "//example.org/x.tar.gz"
REGISTRY = "py" + "pi.org"
UNFINISHED = "TO" + "DO"


def plant(root: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A miniature with every layer and nothing wrong."""
    files = {f"src/qts/{layer}/__init__.py": '"""A layer."""\n' for layer in LAYERS}
    return plant(tmp_path / "house", {"src/qts/__init__.py": '"""The house."""\n', **files})


def run(command: list[str | Path], cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, **env})


def lint_imports(house: Path) -> subprocess.CompletedProcess[str]:
    command = [BIN / "lint-imports", "--no-cache", "--config", PROJECT / "pyproject.toml"]
    return run(command, house, PYTHONPATH=str(house / "src"))


def test_the_import_contracts_pass_on_a_house_in_order(house):
    linted = lint_imports(house)
    assert linted.returncode == 0, linted.stdout
    assert "0 broken" in linted.stdout


def test_every_import_contract_breaks_on_what_it_forbids(house):
    linted = lint_imports(
        plant(
            house,
            {
                "src/qts/domain/upward.py": '"""Up."""\nimport qts.market\n',
                "src/qts/risk/arrays.py": '"""Libraries."""\nimport numpy\n',
                "src/qts/simulation/models.py": '"""Libraries."""\nimport pydantic\n',
                "src/qts/research/page.py": '"""Libraries."""\nimport plotly.graph_objects\n',
                "src/qts/worlds/files.py": '"""Libraries."""\nimport yaml\n',
                "src/qts/worlds/clock.py": '"""Acts."""\nimport time\n',
            },
        )
    )
    assert linted.returncode == 1
    assert "0 kept, 6 broken" in linted.stdout, linted.stdout


def test_a_folder_nobody_declared_breaks_the_layers(house):
    linted = lint_imports(plant(house, {"src/qts/sundries/__init__.py": '"""Undeclared."""\n'}))
    assert linted.returncode == 1
    assert "sundries" in linted.stdout


TIDY_FAULTS = {
    "vague module": ({"src/qts/market/utils.py": '"""M."""\n'}, "vague-name"),
    "vague folder": ({"src/qts/common/bars.py": '"""M."""\n'}, "vague-name"),
    "vague class": ({"src/qts/market/bars.py": '"""M."""\nclass OrderManager:\n    pass\n'}, "vague-name"),
    "no docstring": ({"src/qts/market/bars.py": "A = 1\n"}, "no-docstring"),
    "long file": ({"src/qts/market/bars.py": '"""M."""\n' + "\n" * 400}, "size"),
    "long test": ({"tests/test_x.py": "\n" * 401}, "size"),
    "long function": ({"src/qts/market/bars.py": '"""M."""\ndef f():\n' + "    a = 1\n" * 60}, "size"),
    "boolean by position": ({"src/qts/market/bars.py": '"""M."""\ndef f(fast: bool): ...\n'}, "flag"),
    "mutable global": ({"src/qts/market/bars.py": '"""M."""\nseen: list[int] = []\n'}, "state"),
    "constant changed": ({"src/qts/market/bars.py": '"""M."""\nA = {}\ndef f():\n    A["x"] = 1\n'}, "state"),
    "constant appended to": ({"src/qts/market/bars.py": '"""M."""\nA = []\ndef f():\n    A.append(1)\n'}, "state"),
    "global statement": ({"src/qts/market/bars.py": '"""M."""\nA = 1\ndef f():\n    global A\n    A = 2\n'}, "state"),
    "no __init__": ({"src/qts/market/deep/bars.py": '"""M."""\n'}, "package"),
    "dead file": ({"src/qts/market/bars.py": '"""M."""\n'}, "dead-file"),
}


@pytest.mark.parametrize("fault", TIDY_FAULTS)
def test_tidiness_fails_on(fault, house):
    files, rule = TIDY_FAULTS[fault]
    assert tidy.everything(house) == []
    assert rule in {finding.rule for finding in tidy.everything(plant(house, files))}


def test_the_size_ratchet_only_turns_one_way(house):
    path = "src/qts/market/__init__.py"
    modules = list(python_modules(plant(house, {path: '"""M."""\n' + "\n" * 449}), "src"))

    def found(lines: int, place: str = path) -> list[str]:
        exceptions = Exceptions(files={place: (lines, "2026-11-21", "planted")}, functions={})
        return [finding.words for finding in tidy.sizes(modules, exceptions)]

    assert found(450) == []
    assert "grew" in found(449)[0]
    assert "shrank" in found(451)[0]
    assert any("is gone" in words for words in found(450, "src/qts/market/gone.py"))


ACTS = {
    "a file opened": "open('x')",
    "a line printed": "print('x')",
    "the present moment": "from datetime import datetime\nNOW = datetime.now()",
    "the present day": "import datetime as d\nTODAY = d.date.today()",
    "numpy's own dice": "import numpy as np\nX = np.random.rand()",
    "dice from numpy": "from numpy.random import default_rng\nX = default_rng(1)",
    "a file through numpy": "import numpy as np\nX = np.load('x')",
    "a file through polars": "import polars as pl\nX = pl.read_parquet('x')",
    "a stream": "import sys\nsys.stderr.write('x')",
    "a hash that changes": "X = hash('x')",
}


@pytest.mark.parametrize("act", ACTS)
def test_purity_fails_on(act, house):
    planted = plant(house, {"src/qts/market/bars.py": f'"""M."""\n{ACTS[act]}\n'})
    assert [finding.path for finding in purity.acts(purity.pure_modules(planted))] != []
    allowed = plant(house, {"src/qts/market/bars.py": '"""M."""\n', "src/qts/app/bars.py": f"{ACTS[act]}\n"})
    assert list(purity.acts(purity.pure_modules(allowed))) == []


@pytest.mark.parametrize(
    ("dice", "allowed"),
    [
        ("X = np.random.default_rng(7)", True),
        ("def f(dice: np.random.Generator): ...", True),
        ("X = np.random.default_rng()", False),
        ("X = np.random.default_rng(None)", False),
        ("np.random.seed(7)", False),
        ("X = np.random.normal()", False),
    ],
)
def test_the_synthetic_market_has_dice_only_with_a_given_seed(house, dice, allowed):
    planted = plant(house, {"src/qts/simulation/synthetic.py": f'"""M."""\nimport numpy as np\n{dice}\n'})
    assert (list(purity.acts(purity.pure_modules(planted))) == []) is allowed


def test_an_unknown_library_is_refused(house):
    planted = plant(house, {"src/qts/market/bars.py": '"""M."""\nimport requests\n'})
    assert [finding.words for finding in purity.foreign_libraries(planted)] == ["market may not import requests"]


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("a.py", f"X = '{MACHINE_PATH}'", "machine-path"),
        ("a.md", f"see {MACHINE_PATH}", "machine-path"),
        ("a.py", f"X = '{ADDRESS}'", "address"),
        ("a.md", f"from {REGISTRY}", "registry"),
        ("a.txt", "--extra-in" + "dex-url x", "registry"),
        ("a.py", f"# {UNFINISHED}: later", "unfinished"),
    ],
)
def test_what_may_not_be_committed_is_found(tmp_path, file, line, rule):
    run(["git", "init", "-q"], tmp_path)
    plant(tmp_path, {"fine.py": "X = 'qts:" + "//world/strategy/run'\n", "fine.md": f"see {ADDRESS}\n"})
    assert list(unfit_to_commit(tmp_path)) == []
    found = list(unfit_to_commit(plant(tmp_path, {file: line + "\n"})))
    assert [(finding.path, finding.rule) for finding in found] == [(file, rule)]


def test_a_tree_git_does_not_know_fails_instead_of_passing(tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        list(unfit_to_commit(tmp_path))


def test_a_proof_of_nothing_is_an_error(tmp_path):
    cites = 'def test_x():\n    """Fine.\n\n    Proves: QL-2, {}\n    """\n'
    planted = plant(tmp_path, {"tests/test_x.py": cites.format("BX-6")})
    assert proofs(planted, {"QL-2", "BX-6"}) == {
        "QL-2": ("tests/test_x.py::test_x",),
        "BX-6": ("tests/test_x.py::test_x",),
    }
    planted = plant(tmp_path, {"tests/test_x.py": cites.format("QL-99")})
    with pytest.raises(DeclarationError, match=r"tests/test_x\.py:1: .*'QL-99'"):
        proofs(planted, {"QL-2", "BX-6"})


def test_a_gate_that_rests_on_nothing_declared_is_an_error(tmp_path):
    gate = '[[gate]]\ntitle = "E"\nintro = "x"\nlines = [{ id = "E-1", words = "x", rests_on = ["QL-99"] }]\n'
    plant(tmp_path, {"docs/requirements.toml": '[x]\nQL-1 = "x"\n', "docs/gates.toml": gate})
    with pytest.raises(DeclarationError, match="QL-99"):
        gates(tmp_path)


def test_a_stale_page_is_named(tmp_path):
    plant(tmp_path, {"docs/cli.md": "old\n"})
    assert docs.stale(tmp_path, {"docs/cli.md": "old\n"}) == []
    assert docs.stale(tmp_path, {"docs/cli.md": "new\n", "docs/gates.md": "x\n"}) == ["docs/cli.md", "docs/gates.md"]


class Direction(StrEnum):
    ASCENDING = "up"
    DESCENDING = "down"


def test_a_command_is_known_and_its_options_are_on_the_page():
    import typer

    app = typer.Typer()

    @app.command()
    def rows(
        symbol: str,
        since: str = typer.Option("2020-01-01", help="first day | UTC"),
        sort: Direction = Direction.ASCENDING,
        rows_max: int | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        """List rows."""

    @app.callback()
    def program() -> None:
        """The program."""

    root = typer.main.get_command(app)
    assert cli_page.unknown_word("qts rows BTCUSDT", root) is None
    assert cli_page.unknown_word("qts rwos BTCUSDT", root) == "rwos"
    found = dict(cli_page.commands(root))
    assert list(found) == ["qts", "qts rows"]
    section = cli_page.section("qts rows", found["qts rows"])
    assert "    qts rows SYMBOL [OPTIONS]" in section
    assert "| `--since TEXT` | first day \\| UTC | `2020-01-01` |" in section
    assert "| `--sort up\\|down` |" in section
    assert "| `--rows-max INTEGER` |" in section
    assert "| `--quiet / --no-quiet` |" in section


def test_ruff_runs_with_our_rules_and_fails(tmp_path):
    planted = plant(tmp_path, {"a.py": '"""M."""\n\n\ndef f(fast=True):\n    print(fast)\n'})
    linted = run([BIN / "ruff", "check", "--no-cache", "--config", PROJECT / "pyproject.toml", "a.py"], planted)
    assert linted.returncode == 1
    assert "FBT002" in linted.stdout
    assert "T201" in linted.stdout


def test_the_type_checker_runs_strict_and_fails(tmp_path):
    planted = plant(tmp_path, {"src/a.py": "def half(x):\n    return x / 2\n"})
    checked = run([BIN / "mypy", "--config-file", PROJECT / "pyproject.toml", "src/a.py"], planted, MYPY_CACHE_DIR="c")
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert "[no-untyped-def]" in checked.stdout


SKIPS = {
    "test_mark.py": "@pytest.mark.skip(reason='by a mark')\ndef test_x(): ...\n",
    "test_call.py": "def test_x():\n    pytest.skip('by a call')\n",
    "test_fixture.py": "def test_x(real_data): ...\n",
    "test_file.py": "pytest.skip('a whole file', allow_module_level=True)\n",
}


def test_in_ci_a_skip_is_a_failure_and_says_why(tmp_path):
    tests = {f"tests/{name}": f"import pytest\n{text}" for name, text in SKIPS.items()}
    conftest = (PROJECT / "tests/conftest.py").read_text(encoding="utf-8")
    plant(tmp_path, {"tests/conftest.py": conftest, **tests})
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--continue-on-collection-errors", "tests"]
    elsewhere = run(command, tmp_path, CI="", QTS_TEST_DATA=str(tmp_path / "absent"))
    assert "4 skipped in" in elsewhere.stdout
    in_ci = run(command, tmp_path, CI="true", QTS_TEST_DATA=str(tmp_path / "absent"))
    assert in_ci.returncode == 1
    assert "1 failed, 3 errors in" in in_ci.stdout, in_ci.stdout
    assert in_ci.stdout.count("with CI=true a skipped test is a failure") >= 4
    for reason in ("by a mark", "by a call", "a whole file", "real market data absent"):
        assert reason in in_ci.stdout
