"""Walking down a journal's chain: how far it holds, and what is wrong where it stops holding.

The walk takes rows as plain tuples, as a store reads them, and keeps none. It
sees every row that was changed, dropped, moved or put in. It cannot see that
rows at the end are gone, nor that somebody wrote the whole record anew: for
that it needs a digest which was noted elsewhere while the record was whole.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from qts.domain.instant import Instant
from qts.execution.journal import GENESIS, RowKind, chained

RowColumns: TypeAlias = tuple[int, Instant, str, str, str]
"""number, at, kind, text, digest: a JournalRow before it is one."""

# Checked apart: the digest covers the columns together and would not tell "event|a", "b" from "event", "a|b".
_KINDS: Final = frozenset(kind.value for kind in RowKind)


@dataclass(frozen=True, slots=True)
class BadRow:
    """number: the first row that is not as it was written. at: of the row that stands there, None when none does."""

    number: int
    at: Instant | None
    what: str


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What holds, from the first row on: how many rows, their first and last instant, the last one's digest."""

    rows: int
    first_at: Instant | None
    last_at: Instant | None
    head: str
    bad: BadRow | None

    @property
    def holds(self) -> bool:
        return self.bad is None


def check_chain(lines: Iterable[RowColumns], expected_head: str | None = None) -> ChainCheck:
    """Walks the rows from the first. expected_head: a digest noted earlier, which one of the rows must have.

    A record that grew since then still has it; one that lost the row has not.
    """
    number, head = 0, GENESIS
    first_at: Instant | None = None
    last_at: Instant | None = None
    bad: BadRow | None = None
    is_met = expected_head is None or expected_head == GENESIS
    for found, at, kind, text, digest in lines:
        if found != number + 1:
            bad = BadRow(number + 1, _instant(at), f"row {number + 1} is not there: row {found} stands in its place")
            break
        if kind not in _KINDS or chained(head, found, at, kind, text) != digest:
            what = f"row {found} does not follow from {_before(number)}: it is not as it was written"
            bad = BadRow(found, _instant(at), what)
            break
        number, head, last_at = found, digest, at
        if number == 1:
            first_at = at
        if digest == expected_head:
            is_met = True
    if bad is None and not is_met:
        what = f"no row has the digest {expected_head}: rows after {number} are gone, or the record was written anew"
        bad = BadRow(number + 1, None, what)
    return ChainCheck(number, first_at, last_at, head, bad)


def _before(number: int) -> str:
    return f"row {number}" if number else "the beginning"


def _instant(at: object) -> Instant | None:
    """A damaged row may hold anything."""
    return at if isinstance(at, int) else None
