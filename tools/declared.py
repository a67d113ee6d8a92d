"""What must be proved: the requirements and the gates, read from docs/requirements.toml and docs/gates.toml."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_ID = re.compile(r"^[A-Z][A-Z0-9]*-\d+$")


class DeclarationError(Exception):
    """A data file or a citation is wrong; the text says which and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLine:
    """One condition of a gate. rests_on: the requirements it comes down to."""

    id: str
    words: str
    rests_on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    title: str
    intro: str
    lines: tuple[GateLine, ...]


def requirements(root: Path) -> Mapping[str, Mapping[str, str]]:
    """Chapter title -> id -> our one-line title, in the order of the file."""
    chapters: dict[str, dict[str, str]] = tomllib.loads((root / "docs/requirements.toml").read_text(encoding="utf-8"))
    _well_formed([cited for chapter in chapters.values() for cited in chapter], "docs/requirements.toml")
    return chapters


def gates(root: Path) -> tuple[Gate, ...]:
    """The gates in the order of the file. Each line rests on declared requirements."""
    read = tomllib.loads((root / "docs/gates.toml").read_text(encoding="utf-8"))
    declared = {cited for chapter in requirements(root).values() for cited in chapter}
    found = tuple(
        Gate(
            title=gate["title"],
            intro=gate["intro"],
            lines=tuple(
                GateLine(id=line["id"], words=line["words"], rests_on=tuple(line["rests_on"])) for line in gate["lines"]
            ),
        )
        for gate in read["gate"]
    )
    lines = [line for gate in found for line in gate.lines]
    _well_formed([line.id for line in lines], "docs/gates.toml")
    for line in lines:
        if unknown := [cited for cited in line.rests_on if cited not in declared]:
            raise DeclarationError(f"docs/gates.toml: {line.id} rests on {', '.join(unknown)}, declared nowhere")
    return found


def known_ids(root: Path) -> frozenset[str]:
    """Every id a test may cite."""
    cited = {cited for chapter in requirements(root).values() for cited in chapter}
    return frozenset(cited | {line.id for gate in gates(root) for line in gate.lines})


def _well_formed(ids: list[str], file: str) -> None:
    if wrong := sorted({cited for cited in ids if not _ID.match(cited) or ids.count(cited) > 1}):
        raise DeclarationError(f"{file}: not an id, or declared twice: {', '.join(wrong)}")
