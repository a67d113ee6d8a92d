"""Policy and account files: YAML or JSON text to a checked value, with the line of whatever is wrong.

Only data are read: no tags, anchors or aliases, so a file can neither name a
class nor unfold into more than it shows. A key given twice is a mistake, not
the last one winning. Dates stay texts.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from qts.domain.errors import PolicyError
from qts.worlds.account_plan import AccountPlan
from qts.worlds.policy import WorldPolicy
from qts.worlds.policy_parsing import KeyPath, LineOf, no_lines, parse_policy, path_text, read_block

SIZE_MAX = 256 * 1024
"""Bytes; a longer file is not a policy."""
DEPTH_MAX = 32

_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp"))
_TEXT_TAGS = frozenset({"tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp"})


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is called in messages, how one begins, and where somebody gets one."""

    article: str
    noun: str
    begins: str
    found: str


_MEND: Final = "mend what stands there: a mapping is written key: value, a list [a, b]"

POLICY: Final = FileKind(
    "a",
    "policy",
    "begin with world: NAME and extends: conservative",
    "check the path, or begin from a preset: qts world create NAME --preset conservative",
)
ACCOUNT: Final = FileKind(
    "an",
    "account file",
    "begin with account: NAME and strategies: a list",
    "check the path; docs/several-strategies.md has an account file to begin from",
)


ACCOUNT_KEYS: Final = "docs/several-strategies.md lists every key of an account file"


def load_account(path: Path) -> tuple[AccountPlan, LineOf]:
    """The plan in a file, and the line of each of its keys. Raises PolicyError with the file, the line and the key."""
    data, line_of = read_data(path, ACCOUNT)
    return read_block(AccountPlan, data, source=path.name, line_of=line_of, keys_listed=ACCOUNT_KEYS), line_of


def load_policy(path: Path, *, metrics: frozenset[str]) -> WorldPolicy:
    """The policy in a file. Raises PolicyError with the file, the line and the key."""
    data, line_of = read_data(path, POLICY)
    return parse_policy(data, source=path.name, metrics=metrics, line_of=line_of)


def read_policy_data(path: Path) -> tuple[dict[str, object], LineOf]:
    """A policy file's mapping, and the line each of its keys stands on."""
    return read_data(path, POLICY)


def read_data(path: Path, kind: FileKind) -> tuple[dict[str, object], LineOf]:
    """A file's mapping, and the line each of its keys stands on. Raises PolicyError."""
    text = _text(path, kind)
    if path.suffix.lower() == ".json":
        return _from_json(text, path.name, kind)
    return policy_data_from_yaml(text, path.name, kind)


def policy_data_from_yaml(text: str, source: str, kind: FileKind = POLICY) -> tuple[dict[str, object], LineOf]:
    """A YAML text's mapping, and the line each of its keys stands on. Raises PolicyError."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = source if mark is None else f"{source}:{mark.line + 1}"
        raise PolicyError(f"this is not YAML: {error.problem or error.context}", place=place, next_step=_MEND) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise PolicyError(f"this is not YAML: {error}", place=source, next_step=_MEND) from None
    reading = _Reading(source)
    data = None if root is None else reading.value(root, ())
    if not isinstance(data, dict):
        raise PolicyError(
            f"{kind.article} {kind.noun} is a mapping of keys to values, and this is not one",
            place=source,
            next_step=kind.begins,
        )
    return data, reading.line_of


class _Reading:
    """One pass over the composed nodes, keeping the line of every key path."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lines: dict[KeyPath, int] = {}
        self._seen: set[int] = set()
        self._scalars = yaml.constructor.SafeConstructor()

    def line_of(self, path: KeyPath) -> int | None:
        """The line of a key, or of the nearest block around it that the file has."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path)

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._seen:
            raise self._refusal(node, path, "anchors and aliases are not allowed: write the value out")
        if len(path) > DEPTH_MAX:
            raise self._refusal(node, path, f"nested deeper than {DEPTH_MAX} levels")
        self._seen.add(id(node))
        match node:
            case yaml.MappingNode():
                return dict(self._entries(node, path))
            case yaml.SequenceNode():
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _entries(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, object]]:
        met: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                raise self._refusal(key_node, path, f"the key {key_node.value!r} is not a word")
            key = key_node.value
            if key in met:
                raise self._refusal(key_node, (*path, key), f"the key {key!r} is given twice, first on line {met[key]}")
            met[key] = line
            self._lines[(*path, key)] = line
            yield key, self.value(value_node, (*path, key))

    def _scalar(self, node: yaml.Node, path: KeyPath) -> object:
        if node.tag not in _TAGS:
            raise self._refusal(node, path, f"the tag {node.tag!r} is not allowed: a policy holds data only")
        if node.tag in _TEXT_TAGS:
            return node.value
        try:
            return self._scalars.construct_object(node)
        except (ValueError, yaml.YAMLError):
            raise self._refusal(node, path, f"{node.value!r} cannot be read") from None

    def _refusal(self, node: yaml.Node, path: KeyPath, cause: str) -> PolicyError:
        where = f"{self._source}:{node.start_mark.line + 1}"
        return PolicyError(cause, place=f"{where}, {path_text(path)}" if path else where)


def _from_json(text: str, source: str, kind: FileKind) -> tuple[dict[str, object], LineOf]:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in pairs:
            if key in found:
                raise PolicyError(f"the key {key!r} is given twice", place=source)
            found[key] = value
        return found

    try:
        data = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise PolicyError(f"this is not JSON: {error.msg}", place=f"{source}:{error.lineno}") from None
    except (RecursionError, ValueError) as error:
        raise PolicyError(f"this is not JSON: {error}", place=source) from None
    if not isinstance(data, dict):
        raise PolicyError(
            f"{kind.article} {kind.noun} is a mapping of keys to values, and this is not one", place=source
        )
    return data, no_lines


def _text(path: Path, kind: FileKind) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_MAX + 1)
    except OSError as error:
        raise PolicyError(
            f"the {kind.noun} cannot be read: {error.strerror}",
            place=str(path),
            next_step=kind.found,
        ) from None
    if len(raw) > SIZE_MAX:
        raise PolicyError(f"the file is longer than {SIZE_MAX // 1024} KiB: it is no {kind.noun}", place=str(path))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolicyError(f"the file is not UTF-8 text (byte {error.start})", place=str(path)) from None
