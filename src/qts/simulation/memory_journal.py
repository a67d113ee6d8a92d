"""A journal that lives in memory: for backtests, and for simulations that cut the power.

It keeps the promises of the journal on disk. ``append`` is two steps here,
``write`` and ``commit``, so that a simulation may crash between them: ``cut``
leaves what was committed, as a disk would.
"""

from collections.abc import Iterable, Iterator

from qts.domain.errors import StorageError
from qts.execution.journal import GENESIS, JournalRow, first_bad_row
from qts.execution.journal_check import ChainCheck, check_chain


class MemoryJournal:
    """durable: how many of the rows would survive a cut."""

    __slots__ = ("_rows", "durable")

    def __init__(self) -> None:
        self._rows: list[JournalRow] = []
        self.durable = 0

    def append(self, rows: Iterable[JournalRow]) -> None:
        """Raises StorageError, and keeps none of them, when a row does not follow from the last one."""
        self.write(rows)
        self.commit()

    def write(self, rows: Iterable[JournalRow]) -> None:
        """Takes the rows without promising anything. Raises StorageError as ``append`` does."""
        rows = tuple(rows)
        number, head = self.head()
        bad = first_bad_row(rows, head, number)
        if bad is not None:
            raise StorageError(
                f"these rows do not follow: the journal ends with row {number}, and row {bad} does not chain",
                place="journal in memory",
                next_step="go on from the journal's head",
            )
        self._rows += rows

    def commit(self) -> None:
        self.durable = len(self._rows)

    def cut(self) -> int:
        """The power goes: rows after the last commit are gone. Returns how many."""
        lost = len(self._rows) - self.durable
        del self._rows[self.durable :]
        return lost

    def rows(self, after: int = 0) -> Iterator[JournalRow]:
        """Rows with a number above ``after``, in order."""
        return iter(self._rows[after:])

    def head(self) -> tuple[int, str]:
        return (self._rows[-1].number, self._rows[-1].digest) if self._rows else (0, GENESIS)

    def check(self, expected_head: str | None = None) -> ChainCheck:
        return check_chain(((r.number, r.at, r.kind, r.text, r.digest) for r in self._rows), expected_head)

    def verify(self, expected_head: str | None = None) -> int | None:
        """The number of the first row that is not as it was written, or None."""
        bad = self.check(expected_head).bad
        return None if bad is None else bad.number
