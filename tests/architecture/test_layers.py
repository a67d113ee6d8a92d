"""The walls stand: the import contracts hold, and their lists leave nothing out."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools import purity
from tools.finding import PROJECT

PYPROJECT: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS: dict[str, dict[str, Any]] = {each["id"]: each for each in PYPROJECT["tool"]["importlinter"]["contracts"]}
LIBRARY_CONTRACTS = {name: each for name, each in CONTRACTS.items() if name.startswith("libraries-")}

# Where a distribution's name is not the name one imports.
IMPORT_NAMES = {"pyyaml": "yaml", "scikit-learn": "sklearn", "ta-lib": "talib"}


def direct_dependencies() -> set[str]:
    """Import names of everything the product itself requires."""
    names = [re.split(r"[<>=!~;\[ ]", line, maxsplit=1)[0].lower() for line in PYPROJECT["project"]["dependencies"]]
    return {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names}


def layers_on_disk() -> set[str]:
    return {folder.name for folder in (PROJECT / "src/qts").iterdir() if any(folder.glob("**/*.py"))}


def test_every_import_contract_is_kept():
    linted = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert f"{len(CONTRACTS)} kept, 0 broken" in linted.stdout


def test_a_layer_that_exists_stands_in_no_parentheses():
    layers = CONTRACTS["layers"]["layers"]
    assert layers_on_disk() == {layer for layer in layers if not layer.startswith("(")}


def test_the_contracts_hold_for_every_layer_below_adapters():
    layers = [layer.strip("()") for layer in CONTRACTS["layers"]["layers"]]
    below = set(layers[layers.index("adapters") + 1 :])
    assert below == set(purity.PURE_LAYERS)
    assert set(CONTRACTS["pure"]["source_modules"]) == {f"qts.{layer}" for layer in below & layers_on_disk()}
    named = [source for each in LIBRARY_CONTRACTS.values() for source in each["source_modules"]]
    assert sorted(named) == sorted(f"qts.{layer}" for layer in below & layers_on_disk())


@pytest.mark.parametrize("name", LIBRARY_CONTRACTS)
def test_a_library_contract_names_every_dependency_it_does_not_allow(name):
    contract = LIBRARY_CONTRACTS[name]
    for source in contract["source_modules"]:
        allowed = purity.LIBRARIES[source.removeprefix("qts.")]
        assert direct_dependencies() - allowed <= set(contract["forbidden_modules"])
        assert not allowed & set(contract["forbidden_modules"])


def test_below_adapters_nothing_acts():
    modules = list(purity.pure_modules(PROJECT))
    assert len(modules) > 30
    found = [str(finding) for finding in purity.acts(modules)]
    assert not found, "\n".join(found)


def test_no_layer_imports_a_library_its_line_does_not_name():
    found = [str(finding) for finding in purity.foreign_libraries(PROJECT)]
    assert not found, "\n".join(found)
