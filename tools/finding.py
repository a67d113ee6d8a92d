"""What a checker of this project has to say: a place and a sentence.

Checkers are functions from a tree (its root folder) to findings. They know
nothing of pytest, so the tests run the same function on the project and on a
miniature with one planted fault.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """path: relative to the root that was checked. line: from 1, or 0 for the whole file."""

    path: str
    line: int
    rule: str
    words: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One parsed file. path: relative to the root, with forward slashes."""

    path: str
    text: str
    tree: ast.Module

    def finding(self, where: ast.AST | None, rule: str, words: str) -> Finding:
        return Finding(path=self.path, line=getattr(where, "lineno", 0), rule=rule, words=words)


def python_modules(root: Path, *folders: str) -> Iterator[Module]:
    """Every Python file under the root's folders, parsed, in path order. A folder that is absent has none."""
    for folder in folders:
        for file in sorted((root / folder).rglob("*.py")):
            text = file.read_text(encoding="utf-8")
            yield Module(path=file.relative_to(root).as_posix(), text=text, tree=ast.parse(text, filename=str(file)))
