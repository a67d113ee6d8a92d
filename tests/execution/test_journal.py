"""The chain and the text of a journal: what went in comes out, and no single edit of the record goes unnamed.

Proves: QL-17
"""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from decimal import Decimal
from itertools import product
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qts.domain.errors import DataError
from qts.execution.events import CancelAck, Event, OrderEnded, TimeReached, VenueStatus
from qts.execution.journal import GENESIS, Journal, JournalRow, RowKind, chained, decode, encode, first_bad_row
from qts.execution.journal_check import check_chain
from tests.execution.journal_entries import KINDS, START, rows, values

pytestmark = pytest.mark.unmeasured

WHOLE = rows(30)


def columns(record: list[JournalRow]) -> list[tuple[int, int, str, str, str]]:
    return [(row.number, row.at, row.kind.value, row.text, row.digest) for row in record]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_event_and_command_comes_back_from_its_text_as_it_was(kind, data):
    entry = data.draw(values(kind))
    text = encode(entry)
    back = decode(text)
    assert type(back) is kind
    assert back == entry
    assert encode(back) == text  # 1.50 stays 1.50: equal decimals are not enough
    assert text.isascii()


def as_json(value: object) -> object:
    """What a general encoder is to make of a value it does not know."""
    if isinstance(value, Decimal):
        return str(value)
    return [getattr(value, field.name) for field in fields(value)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_the_text_is_the_one_a_general_encoder_writes(kind, data):
    entry = data.draw(values(kind))
    assert encode(entry) == json.dumps([kind.__name__, as_json(entry)], separators=(",", ":"), default=as_json)


@pytest.mark.parametrize(
    "text", ["", 'a"b', "a\\b", "\x00\x1f\x7f\n\t", "Ünïcödé 한", "\ud800", "\U0001f600", "{x!s}'", "</a>"]
)
def test_no_character_of_a_text_is_lost(text):
    entry = VenueStatus(connected=True, symbol=text)
    assert encode(entry) == json.dumps(["VenueStatus", [True, True, text]], separators=(",", ":"))
    assert decode(encode(entry)) == entry


def test_what_is_no_member_of_a_declared_enumeration_is_not_written():
    with pytest.raises(KeyError):
        encode(CancelAck("a", "gone"))


def test_every_kind_of_value_was_tried():
    assert len(KINDS) > 15
    assert len({kind.__name__ for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '["TimeReached"]',
        '["TimeReached",[],1]',
        '["TimeReached",[1]]',
        '["Unheard",[]]',
        '["VenueStatus",[1,true,""]]',
        '["VenueStatus",[true,true]]',
        '["AccountUpdate",["much","1"]]',
        '["CancelAck",["a","gone",null,0,""]]',
        '["OrderEnded",["a","filled",null,""]]',
        '["OperatorSaid",["resume","","",""]]',
    ],
)
def test_a_text_that_is_no_entry_is_a_data_error(text):
    with pytest.raises(DataError, match="not a journal entry"):
        decode(text)


@given(st.data())
def test_a_mangled_entry_is_read_as_a_valid_one_or_refused(data):
    text = encode(data.draw(values(OrderEnded)))
    place = data.draw(st.integers(0, len(text)))
    mangled = text[:place] + data.draw(st.sampled_from(["", "0", "]", "null", '"'])) + text[place + 1 :]
    try:
        entry = decode(mangled)
    except DataError:
        return
    assert decode(encode(entry)) == entry


def test_rows_are_numbered_from_one_and_wait_until_they_are_taken():
    journal = Journal()
    journal.add(TimeReached(), START)
    journal.add(TimeReached(), START + 1)
    taken = journal.taken()
    assert [(row.number, row.at) for row in taken] == [(1, START), (2, START + 1)]
    assert journal.taken() == ()
    journal.add(TimeReached(), START + 2)
    assert [row.number for row in journal.taken()] == [3]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_row_holds_the_text_of_its_entry_says_what_it_is_and_follows_from_the_one_before(kind, data):
    entry = data.draw(values(kind))
    journal = Journal()
    journal.add(TimeReached(), START)
    journal.add(entry, START)
    first, row = journal.taken()
    assert row.text == encode(entry)
    assert row.kind is (RowKind.EVENT if kind in get_args(Event) else RowKind.COMMAND)
    assert row.digest == chained(first.digest, 2, START, row.kind, row.text)


def test_it_is_no_matter_when_rows_are_written():
    """Asked for after every entry, or once after many more than are written together."""
    often, once, bare = Journal(), Journal(), Journal(keeps=False)
    heads = []
    for count in range(700):
        for each in (often, once, bare):
            each.add(TimeReached(), START + count)
        heads.append(often.head)
    rows = once.taken()
    assert [row.digest for row in rows] == heads
    assert [row.number for row in rows] == list(range(1, 701))
    assert rows == often.taken()
    assert (bare.number, bare.head, bare.taken()) == (700, heads[-1], ())


def test_a_journal_goes_on_where_another_ended():
    first = Journal()
    before = rows(7, first)
    after = rows(5, Journal(first.number, first.head))
    assert first_bad_row([*before, *after]) is None
    assert first_bad_row(after, first.head, first.number) is None


def test_the_digest_is_the_one_the_page_describes():
    """Worked from the words of docs/journal.md with another implementation in mind: SHA-256 of five fields."""
    from hashlib import sha256

    row = WHOLE[0]
    begin = sha256(b"qts journal 1").hexdigest()
    assert begin == GENESIS
    assert row.digest == sha256(f"{begin}|1|{row.at}|event|{row.text}".encode()).hexdigest()


# -- no edit goes unnamed ---------------------------------------------------------------


def named(record: list[JournalRow], expected_head: str | None = None) -> int | None:
    """What the two walks say, which is the same."""
    check = check_chain(columns(record), expected_head)
    bad = None if check.bad is None else check.bad.number
    if expected_head is None:
        assert bad == first_bad_row(record)
    assert check.rows == (len(record) if bad is None else bad - 1)
    return bad


CHANGES: dict[str, Callable[[JournalRow], JournalRow]] = {
    "number": lambda row: replace(row, number=row.number + 1),
    "number back": lambda row: replace(row, number=row.number - 1),
    "instant": lambda row: replace(row, at=row.at + 1),
    "kind": lambda row: replace(row, kind=RowKind.COMMAND if row.kind is RowKind.EVENT else RowKind.EVENT),
    "text": lambda row: replace(row, text=row.text + " "),
    "digest": lambda row: replace(row, digest=row.digest[::-1]),
    "shorter": lambda row: replace(row, text=row.text[:-1]),
}


@pytest.mark.parametrize("what", CHANGES)
@given(place=st.integers(0, len(WHOLE) - 1))
def test_a_changed_row_is_named(what, place):
    record = list(WHOLE)
    record[place] = CHANGES[what](record[place])
    assert record[place] != WHOLE[place]
    assert named(record) == place + 1


@given(place=st.integers(0, len(WHOLE) - 2))
def test_a_dropped_row_is_named(place):
    record = list(WHOLE)
    del record[place]
    assert named(record) == place + 1


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, len(WHOLE) - 1))
def test_two_rows_that_changed_places_are_named(one, other):
    record = list(WHOLE)
    record[one], record[other] = record[other], record[one]
    assert named(record) == (None if one == other else min(one, other) + 1)


@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE) - 1))
def test_an_inserted_row_is_named(place, which):
    record = list(WHOLE)
    record.insert(place, WHOLE[which])
    # A copy beside its original is found when the original comes a second time.
    assert named(record) == (place + 2 if place == which else place + 1)


@given(st.integers(0, len(WHOLE) - 2))
@example(0)
def test_a_row_changed_and_chained_anew_is_betrayed_by_the_next(place):
    record = list(WHOLE)
    record[place] = _forged(record, place)
    assert named(record) == place + 2


@given(st.integers(0, len(WHOLE) - 1))
def test_a_cut_tail_or_a_new_record_is_seen_with_a_digest_noted_elsewhere(place):
    anchor = WHOLE[place].digest
    assert named(list(WHOLE), anchor) is None  # also when the record grew since
    shorter = list(WHOLE[:place])
    assert named(shorter) is None
    assert named(shorter, anchor) == place + 1
    forged = list(WHOLE)
    for number in range(place, len(forged)):
        forged[number] = _forged(forged, number)
    assert named(forged) is None
    assert named(forged, anchor) == len(WHOLE) + 1


def _forged(record: list[JournalRow], place: int) -> JournalRow:
    """Another text at this place, with the digest that goes with it."""
    row = record[place]
    before = record[place - 1].digest if place else GENESIS
    text = encode(TimeReached())
    return replace(row, text=text, digest=chained(before, row.number, row.at, row.kind, text))


def test_a_check_says_what_holds_and_what_does_not():
    record = list(WHOLE)
    record[9] = replace(record[9], text=json.dumps(["TimeReached", []]))
    check = check_chain(columns(record))
    assert (check.rows, check.first_at, check.last_at) == (9, WHOLE[0].at, WHOLE[8].at)
    assert check.head == WHOLE[8].digest
    assert not check.holds
    assert check.bad is not None
    assert (check.bad.number, check.bad.at) == (10, WHOLE[9].at)
    assert check.bad.what == "row 10 does not follow from row 9: it is not as it was written"
    del record[4]
    gap = check_chain(columns(record)).bad
    assert gap is not None
    assert gap.what == "row 5 is not there: row 6 stands in its place"


def test_an_empty_record_is_whole_and_has_only_the_beginning():
    check = check_chain([])
    assert (check.rows, check.first_at, check.head, check.bad) == (0, None, GENESIS, None)
    assert check_chain([], GENESIS).holds
    assert not check_chain([], WHOLE[0].digest).holds


def test_what_a_damaged_row_holds_stops_no_check():
    for odd in product([None, "x", -5, 2**70, b"\x00", 1.5], repeat=4):
        check = check_chain([(1, *odd)])  # type: ignore[arg-type]
        assert check.bad is not None
        assert check.bad.number == 1


def test_letters_moved_from_one_column_to_the_next_are_seen_though_the_digest_covers_both():
    record = columns(list(WHOLE))
    text = '["OperatorSaid",["pause","a|b","",""]]'
    record[0] = (1, START, "event", text, chained(GENESIS, 1, START, "event", text))
    assert check_chain(record[:1]).holds
    left, right = text.split("|")
    moved = (1, START, f"event|{left}", right, record[0][4])
    check = check_chain([moved])
    assert check.bad is not None
    assert check.bad.what == "row 1 does not follow from the beginning: it is not as it was written"
