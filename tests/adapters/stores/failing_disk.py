"""A disk to be cruel to: SQLite's layer to the operating system, with a power switch and a plan of failures.

What is written reaches the real file at once, and beside it this disk keeps two
images of each file: as written, and as it was when it was last synced. When the
power is cut at an operation, the synced image survives, and of every 512-byte
sector written since, chance decides. What the process does after the cut goes
nowhere. Independent of the power, the n-th operation may fail, or every one
from the n-th on.
"""

from pathlib import Path
from random import Random

import apsw

SECTOR = 512


class Plates:
    """One file: as written and as synced. synced_size None: it was never synced, and may not exist after a cut."""

    def __init__(self, content: bytes) -> None:
        self.written = bytearray(content)
        self.synced = bytearray(content)
        self.exists_for_sure = bool(content)
        self.dirty: set[int] = set()

    def write(self, data: bytes, offset: int) -> None:
        if len(self.written) < offset:
            self.written.extend(bytes(offset - len(self.written)))
        self.written[offset : offset + len(data)] = data
        self.dirty.update(range(offset // SECTOR, (offset + len(data) - 1) // SECTOR + 1))

    def sync(self) -> None:
        self.synced = bytearray(self.written)
        self.exists_for_sure = True
        self.dirty.clear()

    def after_cut(self, dice: Random) -> bytes | None:
        """The file when the power is back; None when it never came to be."""
        if not self.exists_for_sure and dice.random() < 0.5:
            return None
        image = bytearray(self.synced)
        shorter, longer = sorted((len(self.synced), len(self.written)))
        size = dice.choice([shorter, longer, dice.randint(shorter, longer)])
        image = image[:size] + bytes(max(0, size - len(image)))
        keep = dice.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for sector in sorted(self.dirty):
            begin = sector * SECTOR
            if dice.random() < keep:
                image[begin : begin + SECTOR] = self.written[begin : begin + SECTOR]
        return bytes(image[:size])


class Disk(apsw.VFS):
    """cut_at: the operation at which the power goes. fail_at: the operation that fails. Both count from 1."""

    def __init__(self, name: str, *, dice: Random, read_only: bool = False) -> None:
        super().__init__(name, "")
        self.name = name
        self.files: dict[str, Plates] = {}
        self.after_cut: dict[str, bytes] | None = None
        self.operations = 0
        self.cut_at = 0
        self.fail_at = 0
        self.fails_forever = False
        self.read_only = read_only
        self.dice = dice

    @property
    def is_dark(self) -> bool:
        return self.after_cut is not None

    def heal(self) -> None:
        self.fail_at = 0

    def operation(self) -> None:
        self.operations += 1
        if self.operations == self.cut_at:
            images = {name: plates.after_cut(self.dice) for name, plates in self.files.items()}
            self.after_cut = {name: image for name, image in images.items() if image is not None}
        if self.fail_at and (
            self.operations == self.fail_at or (self.fails_forever and self.operations > self.fail_at)
        ):
            raise apsw.IOError("the disk does not answer")

    def restore(self, folder: Path) -> None:
        """Writes what survived the cut into a folder."""
        assert self.after_cut is not None
        folder.mkdir()
        for name, image in self.after_cut.items():
            (folder / Path(name).name).write_bytes(image)

    def xOpen(self, name, flags):  # noqa: N802 - SQLite's word
        self.operation()
        if self.read_only and flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            flags[0] = flags[0] & ~(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE) | apsw.SQLITE_OPEN_READONLY
        return DiskFile(self, name, flags)

    def xDelete(self, filename, syncdir):  # noqa: N802 - SQLite's word
        self.operation()
        super().xDelete(filename, syncdir)
        self.files.pop(filename, None)


class DiskFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name, flags) -> None:
        super().__init__("", name, flags)
        self.disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path not in disk.files:
            disk.files[path] = Plates(Path(path).read_bytes())
        self.plates = disk.files[path]

    def xRead(self, amount, offset):  # noqa: N802 - SQLite's word
        self.disk.operation()
        return super().xRead(amount, offset)

    def xWrite(self, data, offset):  # noqa: N802 - SQLite's word
        self.plates.write(bytes(data), offset)
        self.disk.operation()
        super().xWrite(data, offset)

    def xTruncate(self, newsize):  # noqa: N802 - SQLite's word
        del self.plates.written[newsize:]
        self.disk.operation()
        super().xTruncate(newsize)

    def xSync(self, flags):  # noqa: N802 - SQLite's word
        self.disk.operation()  # no real sync: the images stand for it
        self.plates.sync()
