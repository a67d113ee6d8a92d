"""The journal in memory keeps the promises of the one on disk, and loses what was not committed.

Proves: QL-17
"""

import pytest

from qts.execution.journal import Journal
from qts.simulation.memory_journal import MemoryJournal
from tests.contracts.journal_store_contract import JournalStoreContract
from tests.execution.journal_entries import rows


class TestMemoryJournal(JournalStoreContract):
    @pytest.fixture
    def store(self) -> MemoryJournal:
        return MemoryJournal()


def test_a_cut_leaves_what_was_committed():
    journal, store = Journal(), MemoryJournal()
    kept, lost = rows(5, journal), rows(3, journal)
    store.append(kept)
    store.write(lost)
    assert store.head() == (8, lost[-1].digest)
    assert store.durable == 5
    assert store.cut() == 3
    assert list(store.rows()) == list(kept)
    store.append(lost)
    assert store.durable == 8
    assert store.cut() == 0


def test_it_says_whether_it_is_whole():
    store = MemoryJournal()
    given = rows(6)
    store.append(given)
    assert store.verify() is None
    assert store.check().rows == 6
    assert store.verify(given[3].digest) is None
    assert store.verify("0" * 64) == 7
