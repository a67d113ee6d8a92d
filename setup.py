"""The order path as machine code, where ``QTS_COMPILED=1`` asks for it; else there is nothing to build.

mypyc compiles the very modules that Python runs elsewhere: docs/decisions/0011-compiled-order-path.md.
"""

import os
import tomllib
from pathlib import Path

from setuptools import setup


def extensions() -> list[object]:
    if os.environ.get("QTS_COMPILED") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 - whoever compiles has mypy, nobody else needs it

    folders = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["qts"]["compiled"]
    modules = [f"src/qts/{folder}/{name}.py" for folder, names in folders.items() for name in names]
    return list(mypycify(modules, opt_level="2", debug_level="0", group_name="qts_order_path"))


setup(ext_modules=extensions())
