"""A chain of rows: each row's hash covers the row before it, so a changed digit anywhere names its row.

What it proves: nobody altered, removed or reordered rows without recomputing
every hash after them. What it does not: that the last rows were not cut off,
or the whole chain rewritten; for that its head must be kept somewhere else.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from qts.domain.ids import digest
from qts.domain.money import plain

GENESIS: Final = "0" * 64
"""What stands before the first row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainedRow:
    """sequence: 1 for the first row, then without gaps. facts: everything the row says."""

    sequence: int
    facts: Mapping[str, object]
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainBreak:
    """The first row that is not as it was written."""

    sequence: int
    sentence: str


def document(value: object) -> str:
    """A JSON text, keys sorted, that reads back as the same texts, numbers, lists and mappings; decimals as texts.

    Raises ValueError for NaN and infinities, TypeError for anything JSON does not know.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_as_json
    )


def _as_json(value: object) -> object:
    match value:
        case Decimal():
            return plain(value)
        case Mapping():
            return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be written down")


def row_hash(sequence: int, previous_hash: str, facts: Mapping[str, object]) -> str:
    """The hash a row must carry, 64 hex digits."""
    return digest([previous_hash, sequence, facts])


def chained(facts: Mapping[str, object], after: ChainedRow | None) -> ChainedRow:
    """The row that says ``facts`` behind ``after``; behind nothing for the first."""
    sequence = 1 if after is None else after.sequence + 1
    previous = GENESIS if after is None else after.hash
    return ChainedRow(sequence=sequence, facts=facts, previous_hash=previous, hash=row_hash(sequence, previous, facts))


def first_break(rows: Iterable[ChainedRow]) -> ChainBreak | None:
    """The first bad row of a chain read from its beginning, or None when all of it holds."""
    previous, expected = GENESIS, 1
    for row in rows:
        if row.sequence != expected:
            return ChainBreak(sequence=row.sequence, sentence=f"row {expected} is missing: row {row.sequence} follows")
        if row.previous_hash != previous:
            return ChainBreak(sequence=row.sequence, sentence=f"row {row.sequence} does not follow the row before it")
        if row.hash != row_hash(row.sequence, row.previous_hash, row.facts):
            return ChainBreak(sequence=row.sequence, sentence=f"row {row.sequence} was changed after it was written")
        previous, expected = row.hash, expected + 1
    return None
