"""One series on disk: a folder of monthly Parquet files and the manifest that makes them count.

A file, once the manifest names it, is never written again. A month that grows
gets a new file (``2024-09-2.parquet``), the manifest is renamed into place, and
only then is the old file removed; a reader holds either the old set or the new
one. Whatever fails before that rename leaves the series as it was.

Rows of a month keep the order they came in. Months stand in order of time, so
disorder across months does not survive storing; the source's manifest entry
(``in_time_order``) remembers it.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from qts.adapters.stores.atomic import TEMP_PREFIX, exclusive, storage_error, write_durably
from qts.adapters.stores.manifest import MANIFEST_NAME, Manifest, Partition, SeriesKey, read_manifest
from qts.domain.errors import DataError
from qts.domain.instant import Instant

Columns: TypeAlias = Mapping[str, npt.NDArray[np.generic]]
"""Column name to values, all of one length, time (int64, ms UTC) first."""

LATEST_STORABLE: Instant = 253_402_300_800_000  # the year 10000


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Columns that are to become one month's file."""

    month: str
    columns: Columns


class Series:
    """Reads and writes the folder of one key under the catalogue's root."""

    def __init__(self, root: Path, key: SeriesKey) -> None:
        self.key = key
        self.folder = key.folder(root)
        self._root = root
        self._lock = root / ".locks" / f"{key.layer.value}-{key.kind.value}-{key.symbol}-{key.interval}.lock"

    def manifest(self) -> Manifest | None:
        return read_manifest(self.folder)

    def columns(self, manifest: Manifest, start: Instant | None = None, end: Instant | None = None) -> Columns:
        """Every row of the months that touch [start, end); all rows without a window. Rows outside are not cut off.

        Raises DataError naming the file when one is missing, damaged or not the one the manifest names.
        """
        wanted = [
            partition
            for partition in manifest.partitions
            if (start is None or partition.last >= start) and (end is None or partition.first < end)
        ]
        contents = [self._content(partition) for partition in wanted]
        return self._parse(contents, manifest.columns)

    def write(self, months: list[Prepared], keep: tuple[Partition, ...], manifest: Manifest) -> Manifest:
        """Puts the months' files down, then the manifest naming ``keep`` and them; call inside ``locked``.

        manifest: everything but its partitions. Raises StorageError with the series as it was.
        """
        before = self.manifest()
        old = {} if before is None else {partition.month: partition for partition in before.partitions}
        partitions = list(keep)
        try:
            for prepared in months:
                content = _parquet(prepared.columns)
                partition = _partition(prepared, content, old.get(prepared.month))
                if partition != old.get(prepared.month):
                    write_durably(self.folder / partition.file, content)
                partitions.append(partition)
            partitions.sort(key=lambda partition: partition.month)
            result = replace(manifest, partitions=tuple(partitions))
            write_durably(self.folder / MANIFEST_NAME, result.to_json())
        except BaseException:
            self.sweep()  # by what the manifest on disk says now, which is the truth whatever failed
            self._remove_empty_folders()
            raise
        self.sweep()
        return result

    def locked(self) -> "_Locked":
        """A context in which no other process writes this series; leftovers of killed writers are swept first."""
        return _Locked(self, self._lock)

    def sweep(self) -> None:
        """Removes files the manifest does not name; only under the lock."""
        manifest = self.manifest()
        named = set() if manifest is None else {partition.file for partition in manifest.partitions}
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            left_over = path.suffix == ".parquet" and path.name not in named
            if left_over or path.name.startswith(TEMP_PREFIX):
                path.unlink(missing_ok=True)

    def _remove_empty_folders(self) -> None:
        for folder in (self.folder, *self.folder.parents):
            if folder == self._root:
                return
            try:
                folder.rmdir()
            except OSError:
                return  # not empty, or not there: either way nothing to tidy further up

    def _content(self, partition: Partition) -> bytes:
        path = self.folder / partition.file
        again = f"move {self.folder} away and import the data again"
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise _VanishedError(f"{partition.file} is missing", place=str(path), next_step=again) from None
        except OSError as error:
            raise storage_error("cannot read", path, error) from error
        found = hashlib.sha256(content).hexdigest()
        if found != partition.sha256:
            raise DataError(
                f"{partition.file} is damaged or was changed: its SHA-256 is {found[:12]}..., "
                f"the manifest says {partition.sha256[:12]}...",
                place=str(path),
                next_step=f"restore the file from a backup, or {again}",
            )
        return content

    def _parse(self, contents: list[bytes], names: tuple[str, ...]) -> Columns:
        import polars as pl

        if not contents:
            return {name: np.zeros(0, dtype=_kind(name)) for name in names}
        try:
            table = pl.read_parquet(contents)
            return {name: table[name].to_numpy() for name in names}
        except pl.exceptions.PolarsError as error:
            raise DataError(
                f"the Parquet files of {self.key} cannot be read: {error}", place=str(self.folder)
            ) from error


class _VanishedError(DataError):
    """A file the manifest named is gone: it was replaced while we read, or lost."""


def read_series(series: Series, start: Instant | None = None, end: Instant | None = None) -> tuple[Manifest, Columns]:
    """Manifest and rows that belong together, also while another process is writing.

    Raises DataError when there is no such series.
    """
    manifest = series.manifest()
    while manifest is not None:
        try:
            return manifest, series.columns(manifest, start, end)
        except _VanishedError:
            newer = series.manifest()
            if newer == manifest:
                raise
            manifest = newer  # each turn sees a newer manifest, so this ends when writers do
    raise DataError(
        f"there are no {series.key}", place=str(series.folder), next_step="import them: qts data import FILE"
    )


class _Locked:
    def __init__(self, series: Series, lock: Path) -> None:
        self._series = series
        self._held = exclusive(lock)

    def __enter__(self) -> None:
        self._held.__enter__()
        self._series.sweep()

    def __exit__(self, *failure: object) -> None:
        self._held.__exit__(None, None, None)


def by_month(columns: Columns, key: SeriesKey) -> list[tuple[str, npt.NDArray[np.int64]]]:
    """(month, row numbers in their order) of every month there is."""
    times = next(iter(columns.values())).astype(np.int64, copy=False)
    unstorable = np.flatnonzero((times < 0) | (times >= LATEST_STORABLE))
    if len(unstorable):
        row = int(unstorable[0])
        raise DataError(
            f"{key}: {int(times[row])} is not a time in milliseconds",
            place=f"row {row}",
            next_step="check the time column and its unit: --time-unit s, ms, us, ns or iso",
        )
    months = times.astype("datetime64[ms]").astype("datetime64[M]")
    names, inverse = np.unique(months, return_inverse=True)
    return [(str(name), np.flatnonzero(inverse == number)) for number, name in enumerate(names)]


def _kind(name: str) -> npt.DTypeLike:
    if name == "filled":
        return np.bool_
    return np.int64 if name.endswith("_at") else np.float64


def _parquet(columns: Columns) -> bytes:
    import polars as pl

    buffer = io.BytesIO()
    pl.DataFrame(dict(columns)).write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _partition(prepared: Prepared, content: bytes, old: Partition | None) -> Partition:
    """The month's entry; the old one if the content is the same, else under a name not used yet."""
    sha256 = hashlib.sha256(content).hexdigest()
    if old is not None and old.sha256 == sha256:
        return old
    times = next(iter(prepared.columns.values()))
    return Partition(
        month=prepared.month,
        file=_next_name(prepared.month, old),
        rows=len(times),
        first=int(times.min()),
        last=int(times.max()),
        sha256=sha256,
    )


def _next_name(month: str, old: Partition | None) -> str:
    if old is None:
        return f"{month}.parquet"
    number = Path(old.file).stem.removeprefix(month).removeprefix("-")
    return f"{month}-{int(number or 1) + 1}.parquet"
