"""What ``qts journal`` does, without a terminal: walk a journal's chain, and read its rows as words."""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

from qts.adapters.stores.journal_store import JournalReader
from qts.domain.errors import CheckFailed, DataError
from qts.domain.instant import Instant, format_instant
from qts.execution.journal import JournalRow, decode
from qts.execution.journal_check import ChainCheck


def verify(path: Path, expected_head: str | None) -> ChainCheck:
    """Walks the chain of the journal at ``path``. Raises StorageError when it cannot be read."""
    with JournalReader(path) as journal:
        return journal.check(expected_head)


def check_facts(check: ChainCheck) -> dict[str, object]:
    """What a check found as plain values."""
    bad = check.bad
    return {
        "holds": check.holds,
        "rows": check.rows,
        "first": _shown(check.first_at),
        "last": _shown(check.last_at),
        "head": check.head,
        "bad": None if bad is None else {"number": bad.number, "at": _shown(bad.at), "what": bad.what},
    }


def require_whole(path: Path, check: ChainCheck) -> None:
    """Raises CheckFailed naming the first bad row, its instant and what is wrong with it."""
    bad = check.bad
    if bad is None:
        return
    at = "" if bad.at is None else f", {format_instant(bad.at)}"
    raise CheckFailed(
        bad.what,
        place=f"{path}, row {bad.number}{at}",
        next_step="keep the file as it is, trade on it no more, and compare it with a copy from elsewhere",
    )


def rows_from(path: Path, number: int) -> Iterator[JournalRow]:
    """The rows from a number on. The journal is open until the last one is taken."""
    with JournalReader(path) as journal:
        yield from journal.rows(number - 1)


def last_rows(path: Path, count: int) -> tuple[JournalRow, ...]:
    with JournalReader(path) as journal:
        head, _ = journal.head()
        return tuple(deque(journal.rows(max(0, head - count)), maxlen=count))


def row_facts(row: JournalRow) -> dict[str, object]:
    """A row as plain values; entry is what the chain covers, as it was written."""
    return {
        "number": row.number,
        "at": _shown(row.at),
        "kind": row.kind.value,
        "entry": entry_words(row.text),
        "text": row.text,
        "digest": row.digest,
    }


def entry_words(text: str) -> str:
    """'Quote symbol=BTCUSDT bid=100.1 ...'; an entry this version does not know is shown as it was written."""
    try:
        entry = decode(text)
    except DataError:
        return json.dumps(text)
    return " ".join([type(entry).__name__, *(f"{f.name}={_words(getattr(entry, f.name))}" for f in fields(entry))])


def _words(value: object) -> str:
    if is_dataclass(value):
        inner = " ".join(f"{each.name}={_words(getattr(value, each.name))}" for each in fields(value))
        return f"{type(value).__name__}({inner})"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_words, value))}]"
    text = str(value)
    is_word = text != "" and text.isascii() and text.isprintable() and " " not in text
    return text if is_word else json.dumps(text)  # what a venue said must not steer a terminal


def _shown(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)
