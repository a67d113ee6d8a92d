"""Trials are counted, chained and never forgotten."""

from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.worlds.chain import GENESIS, ChainedRow, chained, document, first_break
from qts.worlds.ledger import (
    TrialEntry,
    TrialKind,
    TrialNote,
    closed_sharpes,
    closing,
    count_at_opening,
    count_trials,
    opening,
    verify,
)
from tests.worlds.world_cases import NOW, hypothesis


def ledger(*notes: TrialNote) -> list[TrialEntry]:
    entries: list[TrialEntry] = []
    last: ChainedRow | None = None
    for note in notes:
        last = chained(note.facts(), last)
        entries.append(TrialEntry(sequence=last.sequence, note=note, previous_hash=last.previous_hash, hash=last.hash))
    return entries


def opened(trial_key: str, family: str = "Cross", run_id: str | None = None) -> TrialNote:
    tried = hypothesis(family=family, trial_key=trial_key)
    return opening(tried, world="w", run_id=run_id, held_to={"gates": ["sharpe > 1"]}, at=NOW)


def closed(trial_key: str, sharpe: float | None = 1.0, family: str = "Cross") -> TrialNote:
    tried = hypothesis(family=family, trial_key=trial_key)
    return closing(tried, world="w", run_id=None, result_digest="r", sharpe=sharpe, at=NOW + 1)


def test_distinct_trials_count_and_repeats_do_not() -> None:
    """Proves: BX-3"""
    entries = ledger(opened("a"), closed("a"), opened("b"), opened("a"), opened("c", family="Other"), closed("c"))
    assert count_trials(entries, "Cross") == 2
    assert count_trials(entries, "Other") == 1
    assert count_trials(entries, "Nobody") == 0


def test_an_abandoned_trial_counts() -> None:
    """Proves: BX-3"""
    assert count_trials(ledger(opened("a"), opened("b")), "Cross") == 2


def test_a_run_is_held_to_the_count_at_its_opening() -> None:
    entries = ledger(opened("a"), opened("b", run_id="run-b"), opened("c"))
    assert count_at_opening(entries, "Cross", "run-b") == 2
    assert count_at_opening(entries, "Cross", "run-unknown") == 0


def test_the_hypothesis_is_written_before_its_result() -> None:
    note = opened("a")
    assert note.kind is TrialKind.OPENED
    assert note.hypothesis["held_to"] == {"gates": ["sharpe > 1"]}
    assert note.result_digest is None
    with pytest.raises(ValueError, match="not before"):
        replace(note, result_digest="r")
    with pytest.raises(ValueError, match="not before"):
        replace(closed("a"), result_digest=None)


def test_closed_sharpes_keep_the_last_defined_one() -> None:
    entries = ledger(opened("a"), closed("a", 0.5), closed("a", 0.7), closed("b", None), closed("c", float("nan")))
    assert closed_sharpes(entries, "Cross") == {"a": 0.7}


def test_a_whole_ledger_holds() -> None:
    assert verify(ledger(opened("a"), closed("a"), opened("b"))) is None
    assert verify([]) is None


@given(at=st.integers(0, 4), where=st.sampled_from(["family", "trial_key", "recorded_at", "world"]))
def test_any_changed_entry_is_named(at: int, where: str) -> None:
    """Proves: BX-3"""
    entries = ledger(*(opened(letter) for letter in "abcde"))
    changed = {where: NOW + 9 if where == "recorded_at" else "forged"}
    entries[at] = replace(entries[at], note=replace(entries[at].note, **changed))  # type: ignore[arg-type]
    broken = verify(entries)
    assert broken is not None
    assert broken.sequence == at + 1
    assert broken.sentence == f"row {at + 1} was changed after it was written"


@given(at=st.integers(0, 3))
def test_a_removed_or_swapped_entry_is_named(at: int) -> None:
    """Proves: BX-3"""
    entries = ledger(*(opened(letter) for letter in "abcde"))
    removed = entries[:at] + entries[at + 1 :]
    broken = verify(removed)
    assert broken is not None
    assert broken.sentence == f"row {at + 1} is missing: row {at + 2} follows"
    swapped = [*entries[:at], entries[at + 1], entries[at], *entries[at + 2 :]]
    assert verify(swapped) is not None


def test_a_row_rewritten_with_a_fresh_hash_breaks_the_one_behind_it() -> None:
    entries = ledger(opened("a"), opened("b"), opened("c"))
    forged_row = chained(opened("x").facts(), entries[0].row)
    entries[1] = TrialEntry(sequence=2, note=opened("x"), previous_hash=forged_row.previous_hash, hash=forged_row.hash)
    broken = verify(entries)
    assert broken is not None
    assert broken.sequence == 3
    assert "does not follow" in broken.sentence


def test_the_first_row_stands_on_nothing() -> None:
    first = chained({"a": 1}, None)
    assert (first.sequence, first.previous_hash) == (1, GENESIS)
    assert first_break([first]) is None


def test_a_document_reads_back_the_same_and_refuses_what_it_cannot_say() -> None:
    assert document({"price": Decimal("1.50"), "more": MappingProxyType({"a": 1})}) == '{"more":{"a":1},"price":"1.5"}'
    assert document({"b": 0.1, "a": ("x", None)}) == '{"a":["x",null],"b":0.1}'
    with pytest.raises(ValueError, match="Out of range"):
        document({"a": float("nan")})
    with pytest.raises(TypeError, match="cannot be written down"):
        document({"a": object()})
