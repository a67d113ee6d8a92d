"""What a database says when it cannot, in words somebody can act on."""

from qts.domain.errors import StorageError

_KNOWN = (
    (
        "database is locked",
        "the database is locked: another qts process has been writing to it for longer than the wait allows",
        "wait for that process (a submit, perhaps) to end or stop it, then try again; nothing was written",
    ),
    (
        "database or disk is full",
        "the disk is full",
        "free some space and try again; nothing was written",
    ),
    (
        "readonly database",
        "the database cannot be written: the file or its folder is read-only",
        "give yourself write permission on both, or set QTS_HOME to a folder of your own",
    ),
    (
        "unable to open database file",
        "the database cannot be opened: its folder is missing or closed to you",
        "check the path and its permissions, or set QTS_HOME to a folder of your own",
    ),
    (
        "file is not a database",
        "this file is not a database",
        "move it away, or restore it from a backup",
    ),
    (
        "database disk image is malformed",
        "the database is damaged",
        "restore it from a backup; do not write to it",
    ),
)


def storage_error(error: Exception, place: str) -> StorageError:
    """The error a person should see for what the driver raised."""
    said = str(getattr(error, "orig", None) or error)
    for mark, cause, next_step in _KNOWN:
        if mark in said:
            return StorageError(cause, place=place, next_step=next_step)
    return StorageError(f"the database refused: {said}", place=place, next_step="qts doctor checks the database")
