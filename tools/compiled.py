"""Whether the order path runs as machine code here: ``python -m tools.compiled``, in the environment in question.

Exits 1 and names the modules of pyproject.toml's ``[tool.qts.compiled]`` that do not.
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


def main() -> int:
    left = interpreted(ROOT)
    for each in left:
        print(f"{each} is interpreted")
    if not left:
        print(f"{len(modules(ROOT))} modules run as machine code")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
