"""Which test proves what: the ``Proves: QL-2, BX-6`` lines of the docstrings under tests/.

The line stands in the docstring of a test, of a test class or of a whole file.
An id that nobody declared is an error: a proof of nothing is a typing mistake.
``Reaches: FS090`` lines say in the same way which safety code a test reaches.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from tools.declared import DeclarationError
from tools.finding import python_modules

# id -> tests, each as tests/folder/test_file.py::name, in order.
Proofs: TypeAlias = Mapping[str, tuple[str, ...]]

NOT_BUILT = "not built yet"

_PROVES = re.compile(r"^[ \t]*Proves:[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_REACHES = re.compile(r"^[ \t]*Reaches:[ \t]*(.+?)[ \t]*$", re.MULTILINE)


def proofs(root: Path, known: Collection[str]) -> Proofs:
    """Every id cited under root/tests. Raises DeclarationError for one that is not known."""
    return _citations(root, _PROVES, known, "Proves: {!r} is no requirement or gate line")


def reached(root: Path, known: Collection[str]) -> Proofs:
    """Every safety code that tests under root/tests reach. Raises DeclarationError for one that is not known."""
    return _citations(root, _REACHES, known, "Reaches: {!r} is no safety code")


def _citations(root: Path, line: re.Pattern[str], known: Collection[str], wrong: str) -> Proofs:
    found: dict[str, list[str]] = {}
    for module in python_modules(root, "tests"):
        for name, node in [("", module.tree), *_documented(module.tree, "")]:
            for cited in _cited(node, line):
                if cited not in known:
                    raise DeclarationError(f"{module.path}:{getattr(node, 'lineno', 1)}: {wrong.format(cited)}")
                found.setdefault(cited, []).append(f"{module.path}::{name}" if name else module.path)
    return {cited: tuple(tests) for cited, tests in found.items()}


_Documented: TypeAlias = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _cited(node: _Documented, pattern: re.Pattern[str]) -> list[str]:
    lines: list[str] = pattern.findall(ast.get_docstring(node) or "")
    return [part.strip() for line in lines for part in line.rstrip(".").split(",")]


def _documented(node: ast.AST, prefix: str) -> Iterator[tuple[str, _Documented]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + child.name, child
            yield from _documented(child, f"{prefix}{child.name}::")


def as_links(tests: Collection[str]) -> str:
    """The tests as Markdown for a page in docs/, each file once with its tests; 'not built yet' for none."""
    by_file: dict[str, list[str]] = {}
    for file, _, name in (test.partition("::") for test in tests):
        by_file.setdefault(file, []).extend([f"`{name}`"] if name else [])
    links = (f"[{file}](../{file})" + (f" {', '.join(names)}" if names else "") for file, names in by_file.items())
    return "<br>".join(links) or NOT_BUILT
