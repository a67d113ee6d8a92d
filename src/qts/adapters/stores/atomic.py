"""Files that are either wholly there or not there at all.

A file is written beside its place under a temporary name, synced, renamed, and
the folder is synced: after a crash or a full disk the old file stands, or the
new one, never a part. Temporary names begin with ``TEMP_PREFIX``; whoever holds
the lock of a folder may sweep away what a killed process left of them.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from qts.domain.errors import StorageError

TEMP_PREFIX: Final = ".tmp-"
LOCK_WAIT_SECONDS_MAX: Final = 60.0
LOCK_POLL_SECONDS: Final = 0.02


def write_durably(path: Path, content: bytes) -> None:
    """Puts ``content`` at ``path``; on any failure the old file stands and no temporary one is left.

    Raises StorageError naming the file and the cause.
    """
    temporary = path.with_name(f"{TEMP_PREFIX}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error("cannot write", path, error) from error
    finally:
        with suppress(OSError):  # the cause above is the news; a folder that is none has no leftovers either
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes renames and new files of a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_error(what: str, path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{what} {path.name}: {error.strerror or error}",
        place=str(path),
        next_step="nothing was changed; make room or fix the permissions of the folder, then run the command again",
    )


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """One process at a time. Waits up to 60 s for the other one, then raises StorageError."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise storage_error("cannot open", lock, error) from error
    try:
        _wait_for(descriptor, lock)
        yield
    finally:
        os.close(descriptor)  # closing lets go of the lock


def _wait_for(descriptor: int, lock: Path) -> None:
    give_up_at = time.monotonic() + LOCK_WAIT_SECONDS_MAX
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                raise StorageError(
                    f"another process has been writing {lock.stem} for {LOCK_WAIT_SECONDS_MAX:.0f} s",
                    place=str(lock),
                    next_step="wait for it to end, then run the command again",
                ) from None
            time.sleep(LOCK_POLL_SECONDS)
        else:
            return
