"""What every journal store promises. A store's test inherits this class and supplies the store."""

from dataclasses import replace

import pytest

from qts.domain.errors import StorageError
from qts.execution.journal import GENESIS, Journal
from qts.execution.ports import JournalStore
from tests.execution.journal_entries import rows


class JournalStoreContract:
    def test_a_new_store_is_at_the_beginning(self, store: JournalStore) -> None:
        assert store.head() == (0, GENESIS)
        assert list(store.rows()) == []

    def test_rows_come_back_as_they_were_appended(self, store: JournalStore) -> None:
        journal = Journal()
        first, second = rows(7, journal), rows(4, journal)
        store.append(first)
        store.append(iter(second))
        assert store.head() == (11, second[-1].digest) == (journal.number, journal.head)
        assert list(store.rows()) == [*first, *second]
        assert [type(row.kind) for row in store.rows()] == [type(row.kind) for row in (*first, *second)]

    @pytest.mark.parametrize("after", [0, 1, 8, 9, 50])
    def test_rows_after_a_number(self, store: JournalStore, after: int) -> None:
        given = rows(9)
        store.append(given)
        assert list(store.rows(after)) == list(given[after:])

    def test_appending_nothing_changes_nothing(self, store: JournalStore) -> None:
        given = rows(3)
        store.append(given)
        store.append(())
        assert store.head() == (3, given[-1].digest)

    def test_a_gap_a_repetition_and_a_stranger_are_refused_whole(self, store: JournalStore) -> None:
        given = rows(12)
        store.append(given[:5])
        stranger = replace(given[7], text=given[7].text + " ")
        for wrong in (
            given[6:8],
            given[4:6],
            given[:5],
            (given[5], given[7]),
            (given[5], given[6], stranger),
            (replace(given[5], digest=given[6].digest),),
        ):
            with pytest.raises(StorageError, match="these rows do not follow: the journal ends with row 5"):
                store.append(wrong)
            assert list(store.rows()) == list(given[:5])
        store.append(given[5:])
        assert list(store.rows()) == list(given)
