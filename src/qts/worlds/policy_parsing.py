"""From a mapping to a policy, or one error that says everything that is wrong with it.

The mapping may come from YAML, JSON or a program; other files of the house are
read by the same rules (``read_block``). Whatever is wrong is told together, each
with its key path, its value and, for a word that is not known, the one probably
meant. Exact amounts may be quoted; any other quoted number is a text.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, TypeAlias, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError

from qts.domain.errors import PolicyError, did_you_mean
from qts.domain.money import plain
from qts.worlds.expressions import parse_gate, parse_score
from qts.worlds.policy import WorldPolicy
from qts.worlds.policy_validation import HALF_SHARPE_GAP, ProfileBlock
from qts.worlds.presets import PRESETS

Block = TypeVar("Block", bound=BaseModel)
KeyPath: TypeAlias = tuple[str | int, ...]
LineOf: TypeAlias = Callable[[KeyPath], int | None]

_POLICY_KEYS: Final = "docs/worlds.md lists every key of a policy"

FAULTS_MAX = 8
"""Faults told in one error; a file with more is told so."""


@dataclass(frozen=True, slots=True)
class _Fault:
    path: KeyPath
    sentence: str


def parse_policy(
    data: Mapping[str, object],
    *,
    source: str,
    metrics: frozenset[str],
    line_of: LineOf | None = None,
) -> WorldPolicy:
    """The policy, checked to the last expression.

    source: what the reader calls the place it came from, a file name perhaps.
    metrics: every name a gate, a score or a threshold may use.
    line_of: the line a key stands on, when the source has lines.
    Raises PolicyError.
    """
    locate = line_of or no_lines
    merged = _on_its_preset(data, source, locate)
    policy = read_block(WorldPolicy, merged, source=source, line_of=locate, keys_listed=_POLICY_KEYS)
    faults = list(_metric_faults(policy, metrics))
    if faults:
        raise _policy_error(faults, source, locate, _POLICY_KEYS)
    return policy


def read_block(
    kind: type[Block], data: Mapping[str, object], *, source: str, line_of: LineOf, keys_listed: str
) -> Block:
    """A mapping as ``kind``, or one PolicyError with every fault. keys_listed: where the reader finds the keys."""
    try:
        text = json.dumps(data, default=_as_json)
    except (TypeError, ValueError, RecursionError) as error:
        raise PolicyError(
            f"there is a value that is no policy value: {error}",
            place=source,
            next_step="use texts, numbers, true, false, null, lists and mappings",
        ) from None
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        items = [dict(item) for item in error.errors(include_url=False)]
        faults = [_fault(kind, item, data) for item in items if not _only_lacks_faulty(item, items)]
        raise _policy_error(faults, source, line_of, keys_listed) from None


def _only_lacks_faulty(item: Mapping[str, object], items: Iterable[Mapping[str, object]]) -> bool:
    """Whether it calls a list too short of which faulty items were not counted."""
    here = cast("KeyPath", item["loc"])
    places = (cast("KeyPath", each["loc"]) for each in items)
    return item["type"] == "too_short" and any(place != here and place[: len(here)] == here for place in places)


def no_lines(_path: KeyPath) -> None:
    """Where a source has no lines to point at."""
    return


def path_text(path: KeyPath) -> str:
    """'selection.gates[0]'."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _as_json(value: object) -> object:
    match value:
        case Decimal():
            return plain(value) if value.is_finite() else str(value)
        case datetime() | date():
            return value.isoformat()
        case tuple() | frozenset():
            return list(value)
        case Mapping():
            return dict(value)
    raise TypeError(f"{value!r} of type {type(value).__name__}")


def _on_its_preset(data: Mapping[str, object], source: str, locate: LineOf) -> dict[str, object]:
    name = data.get("extends")
    if name is None:
        return _overlaid({}, data)
    if not isinstance(name, str) or name not in PRESETS:
        hint = did_you_mean(str(name), PRESETS)
        raise PolicyError(
            f"there is no preset {name!r}.{hint}",
            place=place_of(source, ("extends",), locate),
            next_step=f"presets: {', '.join(PRESETS)}",
        )
    return _overlaid(PRESETS[name], data)


def _overlaid(under: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """``over`` laid on ``under``, mapping by mapping; lists and values replace, and so does a block naming a model."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and "model" not in value:
            merged[key] = _overlaid(below, value)
        else:
            merged[key] = value
    return merged


def _fault(kind: type[BaseModel], item: Mapping[str, object], data: Mapping[str, object]) -> _Fault:
    path = _own_path(cast("KeyPath", item["loc"]), data)
    message = str(item["msg"]).removeprefix("Value error, ")
    match item["type"]:
        case "extra_forbidden":
            return _Fault(path, _unknown_key(kind, path))
        case "missing":
            return _Fault(path, f"the key {path_text(path)!r} is missing")
        case "union_tag_not_found":
            return _Fault(path, f"the key '{path_text(path)}.model' is missing: write fixed, atr or impact")
        case "value_error" if path == () or isinstance(item["input"], Mapping):
            where = f"{path_text(path)}: " if path else ""
            return _Fault(path, f"{where}{message}")
    shown = repr(item["input"])
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return _Fault(path, f"{path_text(path)} is {shown}: {message[:1].lower()}{message[1:]}")


def _own_path(location: KeyPath, data: object) -> KeyPath:
    """``location`` without what pydantic adds for unions: only keys of the file, and a last one that is missing."""
    path: list[str | int] = []
    here = data
    for index, part in enumerate(location):
        if isinstance(here, Mapping) and part in here:
            here = here[cast("str", part)]
            path.append(part)
        elif isinstance(here, Sequence) and not isinstance(here, str) and isinstance(part, int) and part < len(here):
            here = here[part]
            path.append(part)
        elif index == len(location) - 1 and isinstance(here, Mapping):
            path.append(part)
    return tuple(path)


def _unknown_key(kind: type[BaseModel], path: KeyPath) -> str:
    wrong = str(path[-1])
    blocks = list(_blocks_at(kind, path[:-1]))
    known = sorted({field.alias or key for block in blocks for key, field in block.model_fields.items()})
    where = f" in {path_text(path[:-1])}" if path[:-1] else ""
    if wrong in known:
        return f"the key {wrong!r}{where} belongs to another model."
    hint = did_you_mean(wrong, known)
    if not hint:
        elsewhere = sorted({path_text(found) for block in blocks for found in _homes(block, wrong, path[:-1])})
        hint = f" It belongs in {elsewhere[0]}." if elsewhere else f" Known keys: {', '.join(known)}."
    return f"unknown key {wrong!r}{where}.{hint}"


def _blocks_at(kind: type[BaseModel], path: KeyPath) -> Iterator[type[BaseModel]]:
    """The blocks that may stand at a path: one, or several where the file chooses a model."""
    blocks: list[type[BaseModel]] = [kind]
    for part in path:
        if isinstance(part, int):
            continue  # the items of a list are its own blocks
        blocks = [
            inner
            for block in blocks
            if part in block.model_fields
            for inner in _blocks_in(block.model_fields[part].annotation)
        ]
    yield from blocks


def _blocks_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for inner in get_args(annotation):
        yield from _blocks_in(inner)


def _homes(block: type[BaseModel], key: str, above: KeyPath) -> Iterator[KeyPath]:
    """Where below ``block`` a key of this name lives."""
    for name, field in block.model_fields.items():
        for inner in _blocks_in(field.annotation):
            if key in inner.model_fields:
                yield (*above, name)
            yield from _homes(inner, key, (*above, name))


def _metric_faults(policy: WorldPolicy, metrics: frozenset[str]) -> Iterator[_Fault]:
    for index, gate in enumerate(policy.selection.gates):
        try:
            parse_gate(gate, metrics)
        except PolicyError as error:
            yield _Fault(("selection", "gates", index), error.cause)
    try:
        parse_score(policy.selection.score, metrics)
    except PolicyError as error:
        yield _Fault(("selection", "score"), error.cause)
    for stage in ("backtest", "paper"):
        profile: ProfileBlock = getattr(policy.validation, stage)
        for part in ProfileBlock.model_fields:
            for key, threshold, _ in getattr(profile, part).thresholds():
                if threshold.metric not in metrics and threshold.metric != HALF_SHARPE_GAP:
                    yield _Fault(
                        ("validation", stage, part, key),
                        f"{key} needs the metric {threshold.metric!r}, which is not known",
                    )


def _policy_error(faults: Sequence[_Fault], source: str, locate: LineOf, keys_listed: str) -> PolicyError:
    first, *others = faults
    cause = first.sentence
    for fault in others[: FAULTS_MAX - 1]:
        line = locate(fault.path)
        cause += f"\n  also{'' if line is None else f' line {line}'}: {fault.sentence}"
    if len(faults) > FAULTS_MAX:
        cause += f"\n  and {len(faults) - FAULTS_MAX} more"
    return PolicyError(
        cause,
        place=place_of(source, first.path, locate),
        next_step=keys_listed,
    )


def place_of(source: str, path: KeyPath, locate: LineOf) -> str:
    """'mine.yaml:7, selection.gates[0]'."""
    line = locate(path)
    where = source if line is None else f"{source}:{line}"
    return f"{where}, {path_text(path)}" if path else where
