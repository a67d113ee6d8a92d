"""What a journal's file says when it cannot, in words somebody can act on."""

from typing import Final

import apsw

from qts.domain.errors import StorageError

_NOTHING: Final = "nothing was written"
_KEEP: Final = "keep the file as it is, trade on it no more, and restore the last copy that qts journal verify passes"
_KNOWN: Final[tuple[tuple[type[apsw.Error], str, str], ...]] = (
    (apsw.FullError, "the disk is full", f"free some space and try again; {_NOTHING}"),
    (
        apsw.BusyError,
        "the journal is locked: another process has been writing to it for longer than the wait allows",
        f"a journal has one writer: stop the other one, then try again; {_NOTHING}",
    ),
    (
        apsw.ReadOnlyError,
        "the journal cannot be written: the file or its folder is read-only",
        f"give yourself write permission on both; {_NOTHING}",
    ),
    (
        apsw.CantOpenError,
        "the journal cannot be opened: its file or folder is closed to you",
        "check path and permissions; to read a journal where you may not write, copy it to a folder of your own",
    ),
    (apsw.NotADBError, "this file is not a journal", "check the path"),
    (
        apsw.CorruptError,
        "the journal is damaged",
        _KEEP,
    ),
    (apsw.IOError, "the disk failed", f"check the disk before you trust it again; {_NOTHING}"),
)


def journal_error(error: apsw.Error, place: str) -> StorageError:
    """The error a person should see for what SQLite raised."""
    for kind, cause, next_step in _KNOWN:
        if isinstance(error, kind):
            return StorageError(f"{cause} ({error})", place=place, next_step=next_step)
    return StorageError(f"the journal refused: {error}", place=place, next_step=f"qts journal verify {place}")


def damaged(place: str, what: str) -> StorageError:
    """A file that SQLite still reads, though not as it was written."""
    return StorageError(
        f"the journal is damaged: {what}",
        place=place,
        next_step=_KEEP,
    )
