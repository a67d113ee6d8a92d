"""Whether the order path runs as machine code here: ``python -m tools.compiled``, in the environment in question.

Exits 1 and names the modules of pyproject.toml's ``[tool.qts.compiled]`` that do not, or that were compiled from other
sources than stand in this checkout.
"""

import sys
import tomllib
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def modules(root: Path) -> list[str]:
    """What is compiled where that is asked for, by the names Python imports."""
    folders = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["qts"]["compiled"]
    return [f"qts.{folder.replace('/', '.')}.{name}" for folder, names in folders.items() for name in names]


def interpreted(root: Path) -> list[str]:
    """Those of them that Python interprets in this environment."""
    return [each for each in modules(root) if not str(import_module(each).__file__).endswith(tuple(EXTENSION_SUFFIXES))]


def outdated(root: Path) -> list[str]:
    """Modules of the package whose source in this environment is another than the checkout's."""
    here, installed = root / "src" / "qts", Path(str(import_module("qts").__file__)).parent
    sources = {each.relative_to(here) for each in here.rglob("*.py")}
    return [str(each) for each in sorted(sources) if _read(installed / each) != _read(here / each)]


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def main() -> int:
    wrong = [f"{each} is interpreted" for each in interpreted(ROOT)]
    wrong += [f"{each} is not the checkout's: make compiled" for each in outdated(ROOT)]
    for each in wrong:
        print(each, file=sys.stderr)
    if not wrong:
        print(f"{len(modules(ROOT))} modules run as machine code")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
