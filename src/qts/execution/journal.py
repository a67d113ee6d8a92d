"""The record of everything that came in and everything that went out, in order, each row bound to the one before.

A row is an event with the instant it was handled at, or a command that followed
from it. ``digest`` of a row is SHA-256 over the previous digest and the row's
text, so that no row can be changed, dropped or moved without every later digest
telling. The machine is a pure function of its events: handling a journal's
events again gives its commands again, which is how a journal is checked and how
a process comes back to where it was.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from types import NoneType, UnionType
from typing import Final, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from qts.domain.errors import DataError, QtsError
from qts.domain.instant import Instant
from qts.domain.plain_enum import plain_members
from qts.domain.value import value
from qts.execution.commands import Command
from qts.execution.entry_text import entry_writer
from qts.execution.events import Event

GENESIS: Final = sha256(b"qts journal 1").hexdigest()
_WRITTEN_TOGETHER: Final = 256
"""Entries that may wait: one after the other they cost less than each in the midst of other work."""


@plain_members
class RowKind(StrEnum):
    EVENT = "event"
    COMMAND = "command"


@value
class JournalRow:
    """number: from 1, without gaps. at: when it was handled, ms UTC. text: kind, type and fields, as JSON."""

    number: int
    at: Instant
    kind: RowKind
    text: str
    digest: str


class Journal:
    """Gives each entry its number and its digest, at the latest when somebody asks for them.

    Entries are values, so that nothing is lost by writing many of them at once: a
    backtest asks for the last digest only. keeps: False for who wants no rows, as it does.
    """

    def __init__(self, number: int = 0, head: str = GENESIS, *, keeps: bool = True) -> None:
        self._head, self._head_number = head, number
        self._unwritten: list[tuple[Event | Command, Instant]] = []
        self._rows: list[JournalRow] = []
        self._keeps = keeps

    def add(self, entry: Event | Command, at: Instant) -> None:
        unwritten = self._unwritten
        unwritten.append((entry, at))
        if len(unwritten) >= _WRITTEN_TOGETHER:
            self._write()

    @property
    def number(self) -> int:
        """Of the last row."""
        return self._head_number + len(self._unwritten)

    @property
    def head(self) -> str:
        """The digest of the last row."""
        self._write()
        return self._head

    def taken(self) -> tuple[JournalRow, ...]:
        """Everything not yet handed to the store, which now has it."""
        self._write()
        rows, self._rows = tuple(self._rows), []
        return rows

    def _write(self) -> None:
        head, number = self._head, self._head_number
        for entry, at in self._unwritten:
            number += 1
            line = _LINES[type(entry)](entry)
            head = sha256(f"{head}|{number}|{at}|{line}".encode()).hexdigest()  # ``chained``, without its call
            if self._keeps:
                kind, _, text = line.partition("|")
                self._rows.append(JournalRow(number, at, _KINDS[kind], text, head))
        self._head, self._head_number = head, number
        self._unwritten.clear()


def chained(previous: str, number: int, at: Instant, kind: str, text: str) -> str:
    return sha256(f"{previous}|{number}|{at}|{kind!s}|{text}".encode()).hexdigest()


def first_bad_row(rows: Iterable[JournalRow], previous: str = GENESIS, number: int = 0) -> int | None:
    """The number of the first row that does not follow from the ones before it, or None."""
    for row in rows:
        number += 1
        if row.number != number or row.digest != chained(previous, row.number, row.at, row.kind, row.text):
            return number
        previous = row.digest
    return None


# -- text and back --------------------------------------------------------------------


def encode(entry: Event | Command) -> str:
    """The entry as JSON in ASCII: its type's name and its fields in order. Decimals are text and keep their digits."""
    return _LINES[type(entry)](entry).partition("|")[2]


def decode(text: str) -> Event | Command:
    """The entry that ``encode`` wrote. Raises DataError for a type or a shape this version does not know."""
    try:
        name, values = json.loads(text)
        entry = _ENTRIES[name](values)
    except (KeyError, TypeError, ValueError, ArithmeticError, QtsError) as error:
        raise DataError(f"not a journal entry: {text[:80]} ({error})") from error
    return cast("Event | Command", entry)


_ROOTS: Final = (*get_args(Event), *get_args(Command))
_KINDS: Final = {kind.value: kind for kind in RowKind}
_LINES: Final = {kind: entry_writer(kind, f"{RowKind.EVENT}|") for kind in get_args(Event)} | {
    kind: entry_writer(kind, f"{RowKind.COMMAND}|") for kind in get_args(Command)
}

_Read: TypeAlias = Callable[[object], object]


def _types() -> dict[str, type]:
    """Every value of the contracts and what they are made of, by name."""
    found: dict[str, type] = {}
    waiting: list[type] = list(_ROOTS)
    while waiting:
        kind = waiting.pop()
        if kind.__name__ in found:
            continue
        found[kind.__name__] = kind
        for hint in get_type_hints(kind).values():
            waiting += [each for each in _parts(hint) if is_dataclass(each)]
    return found


def _parts(hint: object) -> list[type]:
    arguments = get_args(hint)
    if not arguments:
        return [hint] if isinstance(hint, type) else []
    return [part for argument in arguments for part in _parts(argument)]


_TYPES: Final = _types()


def _reader(hint: object) -> _Read:
    """What reads a value of the type back from JSON. Raises TypeError for a type that a journal cannot hold."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        some = _reader(next(each for each in arguments if each is not NoneType))
        return _optional(some) if NoneType in arguments else some
    if origin is tuple:
        return _several(_reader(arguments[0]))
    if hint is Decimal:
        return _decimal
    if hint is bool or hint is int or hint is str:
        return _exactly(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _held(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _member(hint)
    raise TypeError(f"{hint} cannot be read back")


def _held(kind: type) -> _Read:
    """Asked for when something is read: contracts may hold each other."""

    def read(values: object) -> object:
        return _READERS[kind](values)

    return read


def _optional(some: _Read) -> _Read:
    return lambda value: None if value is None else some(value)


def _several(one: _Read) -> _Read:
    return lambda values: tuple([one(each) for each in _listed(values)])


def _decimal(value: object) -> Decimal:
    return Decimal(value if type(value) is str else str(value))


def _exactly(kind: type) -> _Read:
    def read(value: object) -> object:
        if type(value) is not kind:
            raise TypeError(f"{value!r} is not {kind.__name__}")
        return value

    return read


def _member(kind: type[StrEnum]) -> _Read:
    members = {each.value: each for each in kind}

    def read(value: object) -> object:
        found = members.get(value) if type(value) is str else None
        return kind(str(value)) if found is None else found

    return read


def _whole(kind: type) -> _Read:
    """Of a value of the contracts: as many parts as it has fields, each of its field's type."""
    hints = get_type_hints(kind)
    members = fields(kind)
    names = [each.name for each in members]
    parts = [_reader(hints[name]) for name in names]
    if any(each.kw_only for each in members):
        return lambda values: kind(**{n: part(v) for n, part, v in zip(names, parts, _listed(values), strict=True)})
    return lambda values: kind(*[part(v) for part, v in zip(parts, _listed(values), strict=True)])


def _listed(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return value


_READERS: Final[dict[type, _Read]] = {kind: _whole(kind) for kind in _TYPES.values()}
_ENTRIES: Final[dict[str, _Read]] = {kind.__name__: read for kind, read in _READERS.items()}
