"""``qts journal`` as a person or a script uses it.

Proves: QL-17
"""

import json
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from qts.adapters.stores.journal_store import SqliteJournal
from qts.domain.order import OrderType, Side
from qts.domain.safety_code import SafetyCode
from qts.execution.commands import SendOrder, TakeSnapshot
from qts.execution.contracts import ExecutionAlert, Role, SplitOrder
from qts.execution.events import OperatorSaid, OperatorVerb
from qts.execution.journal import Journal
from tests.cli.front_door import qts, refused
from tests.execution.journal_entries import START, rows

GIVEN = rows(30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite"
    with SqliteJournal(path) as store:
        store.append(GIVEN)
    return path


def tampered(path: Path, statement: str) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("DROP TRIGGER journal_rows_stay; DROP TRIGGER journal_rows_keep")
        connection.execute(statement)


def test_a_whole_journal_says_how_long_from_when_to_when_and_its_head(path):
    told = qts("journal", "verify", str(path))
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines() == [
        "whole: 30 rows",
        "from 2024-01-01T00:00:00.250Z to 2024-01-01T00:00:07.500Z",
        f"head {GIVEN[-1].digest}",
    ]
    facts = json.loads(qts("journal", "verify", str(path), "-o", "json").stdout)
    assert (facts["holds"], facts["rows"], facts["head"], facts["bad"]) == (True, 30, GIVEN[-1].digest, None)


def test_a_changed_row_is_named_with_its_instant_and_exit_code_3(path):
    tampered(path, "UPDATE journal_rows SET text = replace(text, 'o-12', 'o-13') WHERE number = 12")
    told = refused_after_result("journal", "verify", str(path))
    assert "holds up to here: 11 rows" in told
    assert f"head {GIVEN[10].digest}" in told
    assert "row 12 does not follow from row 11: it is not as it was written" in told
    assert "row 12, 2024-01-01T00:00:03Z" in told
    facts = json.loads(qts("journal", "verify", str(path), "-o", "json").stdout)
    assert (facts["holds"], facts["bad"]["number"], facts["bad"]["at"]) == (False, 12, "2024-01-01T00:00:03Z")


def test_a_missing_row_is_named(path):
    tampered(path, "DELETE FROM journal_rows WHERE number = 7")
    assert "row 7 is not there: row 8 stands in its place" in refused_after_result("journal", "verify", str(path))


def test_a_cut_tail_is_seen_with_a_head_noted_earlier(path):
    tampered(path, "DELETE FROM journal_rows WHERE number > 20")
    assert qts("journal", "verify", str(path)).exit_code == 0
    assert qts("journal", "verify", str(path), "--head", GIVEN[19].digest).exit_code == 0
    told = refused_after_result("journal", "verify", str(path), "--head", GIVEN[29].digest)
    assert f"no row has the digest {GIVEN[29].digest}: rows after 20 are gone" in told


def refused_after_result(*words: str) -> str:
    """A result on stdout, then the error; exit code 3."""
    told = qts(*words)
    assert told.exit_code == 3, told.output
    assert "error: " in told.stderr
    assert "next: " in told.stderr
    return " ".join(told.output.split())


@pytest.mark.parametrize("head", ["", "abc", "G" * 64, GIVEN[0].digest.upper()])
def test_what_is_no_digest_is_refused(path, head):
    assert "is not a digest" in refused("journal", "verify", str(path), "--head", head, code=2)


def test_a_file_that_is_no_journal_is_a_storage_error(tmp_path):
    assert "there is no journal here" in refused("journal", "verify", str(tmp_path / "none"), code=7)
    (tmp_path / "text").write_text("hello " * 1000)
    assert "not a journal" in refused("journal", "show", str(tmp_path / "text"), code=7)
    assert not (tmp_path / "none").exists()


def test_rows_are_shown_in_words(path):
    quote, command = qts("journal", "show", str(path), "--last", "2").stdout.splitlines()
    assert quote.startswith("      29  2024-01-01T00:00:07.250Z  event    Quote symbol=XYZUSDT bid=100.29 ask=101.29 ")
    assert command == (
        "      30  2024-01-01T00:00:07.500Z  command  CancelOrder client_id=o-30 symbol=XYZUSDT conditional=False"
    )
    assert len(qts("journal", "show", str(path)).stdout.splitlines()) == 20
    assert len(qts("journal", "show", str(path), "--from", "26").stdout.splitlines()) == 5
    assert qts("journal", "show", str(path), "--from", "31").stdout == ""
    documents = json.loads(qts("journal", "show", str(path), "--from", "30", "-o", "json").stdout)
    assert [(row["number"], row["kind"], row["digest"]) for row in documents] == [(30, "command", GIVEN[-1].digest)]
    assert documents[0]["text"] == GIVEN[-1].text
    assert "one of the two" in refused("journal", "show", str(path), "--from", "1", "--last", "2", code=2)


def test_what_a_venue_or_a_person_said_does_not_steer_the_terminal(tmp_path):
    path = tmp_path / "j.sqlite"
    journal = Journal()
    journal.add(OperatorSaid(OperatorVerb.PAUSE, "ann", "\x1b[2Jlook: two words\n"), START)
    journal.add(TakeSnapshot("XYZUSDT", "\ud800"), START)
    with SqliteJournal(path) as store:
        store.append(journal.taken())
    said, asked = qts("journal", "show", str(path)).stdout.splitlines()
    assert said.endswith('OperatorSaid verb=pause who=ann why="\\u001b[2Jlook: two words\\n" symbol=""')
    assert asked.endswith('TakeSnapshot symbol=XYZUSDT fills_after="\\ud800"')


def test_a_row_this_version_cannot_read_is_shown_as_it_was_written(path):
    tampered(path, """UPDATE journal_rows SET text = '["Tomorrow",["\x1b[2J"]]' WHERE number = 30""")
    (shown,) = qts("journal", "show", str(path), "--last", "1").stdout.splitlines()
    assert shown.endswith(json.dumps('["Tomorrow",["\x1b[2J"]]'))


def test_values_inside_values_are_shown_too(tmp_path):
    order = SplitOrder(
        client_id="c-1",
        parent_id="p-1",
        symbol="XYZUSDT",
        side=Side.BUY,
        type=OrderType.MARKET,
        quantity=Decimal("0.50"),
        price=None,
        reduce_only=False,
        role=Role.ENTRY,
        sequence=0,
        attempt=1,
        send_at=START,
    )
    journal = Journal()
    journal.add(SendOrder(order), START)
    journal.add(ExecutionAlert(next(iter(SafetyCode)), "c-1", "send", "late"), START)
    path = tmp_path / "j.sqlite"
    with SqliteJournal(path) as store:
        store.append(journal.taken())
    sent, alert = qts("journal", "show", str(path)).stdout.splitlines()
    assert "SendOrder order=SplitOrder(client_id=c-1 " in sent
    assert "quantity=0.50 price=None " in sent
    assert alert.endswith("subject=c-1 stage=send message=late")
