"""What is compiled where that is asked for: modules that exist, on the path of an order, all of them pure."""

from pathlib import Path

import pytest

from tools.compiled import interpreted, modules, outdated

ROOT = Path(__file__).resolve().parents[2]
PURE = {"domain", "market", "strategy", "risk", "execution", "simulation"}


@pytest.mark.parametrize("name", modules(ROOT))
def test_what_is_to_be_compiled_is_a_module_of_the_core(name: str) -> None:
    assert (ROOT / "src" / Path(*name.split("."))).with_suffix(".py").is_file()
    assert name.split(".")[1] in PURE


def test_each_is_named_once() -> None:
    assert len(set(modules(ROOT))) == len(modules(ROOT))


def test_a_plain_install_is_interpreted() -> None:
    assert interpreted(ROOT) == modules(ROOT)
    assert outdated(ROOT) == []


def test_a_build_of_other_sources_is_named(tmp_path: Path) -> None:
    package = tmp_path / "src" / "qts"
    package.mkdir(parents=True)
    (package / "__init__.py").write_bytes((ROOT / "src" / "qts" / "__init__.py").read_bytes())
    (package / "added.py").write_text('"""New."""')
    assert outdated(tmp_path) == ["added.py"]
