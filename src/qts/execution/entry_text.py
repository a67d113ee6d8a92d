"""The text of a journal's entries: a writer per class, compiled once from the types of its fields.

A value is written as JSON: the list of its fields in order, ASCII only, so that
whatever a venue says, half a character included, can be hashed and stored.
Decimals are text and keep their digits, enumerations are their words. The text
is the one a general JSON encoder writes, which tests hold; the general one asks
every value what it is, every time, and a journal is written on every order's way.

A writer goes by what its class declares. A field that holds something else is
an error, at the latest when the text is read.
"""

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints

Writer: TypeAlias = Callable[[Any], str]

_WORDS: Final[dict[str, object]] = {
    "string": json.encoder.encode_basestring_ascii,
    "joined": ",".join,
    "null": "null",
    "true": "true",
    "false": "false",
}
"""What the source of a writer speaks of besides the writers and enumerations it needs."""


def entry_writer(kind: type, before: str = "") -> Writer:
    """Writes an entry as its type's name and its fields: '["TimeReached",[]]'. before: what stands in front of it."""
    return _writer(kind, f'{before}["{kind.__name__}",', "]")


def _writer(hint: object, head: str = "", tail: str = "") -> Writer:
    """Writes a value of the declared type between the two. Raises TypeError for a type that has no text."""
    lines, scope = ["def write(value):"], dict(_WORDS)
    lines.append(f" return f'{head}{_piece(hint, 'value', lines, scope)}{tail}'")
    exec("\n".join(lines), scope)  # noqa: S102 - as dataclasses does it
    write: Writer = scope["write"]  # type: ignore[assignment]
    return write


def _piece(hint: object, source: str, lines: list[str], scope: dict[str, object]) -> str:  # noqa: PLR0911
    """The part of an f-string that writes what ``source`` gives; what it needs before it goes to lines and scope."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _piece_or_null(hint, source, lines, scope)
    if origin is tuple:
        each = _named(_writer(get_args(hint)[0]), scope)
        return f"[{{joined(map({each}, {source}))}}]"
    if hint is str:
        return f"{{string({source})}}"
    if hint is int:
        return f"{{{source}}}"
    if hint is bool:
        return f"{{true if {source} else false}}"
    if hint is Decimal:
        return f'"{{{source}!s}}"'
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        words = _named({member: json.dumps(member.value) for member in hint}, scope)
        return f"{{{words}[{source}]}}"
    if isinstance(hint, type) and is_dataclass(hint):
        held = _held(source, lines)
        hints = get_type_hints(hint)
        return f"[{','.join(_piece(hints[each.name], f'{held}.{each.name}', lines, scope) for each in fields(hint))}]"
    raise TypeError(f"{hint} has no text in a journal")


def _piece_or_null(hint: object, source: str, lines: list[str], scope: dict[str, object]) -> str:
    (inner,) = (each for each in get_args(hint) if each is not NoneType)
    held = _held(source, lines)
    # A value's own fields may be looked at only once it is known to be there.
    piece = f"{{{_named(_writer(inner), scope)}({held})}}" if is_dataclass(inner) else _piece(inner, held, lines, scope)
    lines.append(f" {held} = null if {held} is None else f'{piece}'")
    return f"{{{held}}}"


def _held(source: str, lines: list[str]) -> str:
    """A local name for what is looked at more than once."""
    name = f"held_{len(lines)}"
    lines.append(f" {name} = {source}")
    return name


def _named(thing: object, scope: dict[str, object]) -> str:
    name = f"made_{len(scope)}"
    scope[name] = thing
    return name
