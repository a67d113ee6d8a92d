"""Adding a file's rows to a raw series: new rows extend it, equal rows change nothing, other rows are refused.

Everything is compared before anything is written, so a refused file leaves no
trace.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from qts.adapters.stores.manifest import Manifest, SeriesKind, Source
from qts.adapters.stores.series import Columns, Prepared, Series, by_month
from qts.domain.errors import DataError
from qts.domain.instant import format_instant
from qts.market.raw import raw_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What storing a file did. rows_new 0: every row was there already and nothing was written."""

    manifest: Manifest
    rows_in_file: int
    rows_new: int


def extend(series: Series, columns: Columns, source: Source, manifest: Manifest) -> Stored:
    """Adds the rows of one file. manifest: what is to be stored about the series apart from rows and sources.

    Raises DataError naming the first row that disagrees with a stored one, StorageError if the disk does not take it;
    the series is then as it was.
    """
    rows_in_file = len(next(iter(columns.values())))
    if rows_in_file == 0:
        raise DataError(f"{source.file} has no rows", next_step="check the file; nothing was changed")
    with series.locked():
        before = series.manifest()
        if before is not None:
            if any(source.same_reading(earlier) for earlier in before.sources):
                return Stored(manifest=before, rows_in_file=rows_in_file, rows_new=0)
            _refuse_other_shape(before, columns, source, manifest)
        stored = {} if before is None else series.columns(before)
        months = {name: _taken(stored, rows) for name, rows in by_month(stored, series.key)} if stored else {}
        changed, rows_new = [], 0
        for month, rows in by_month(columns, series.key):
            offered = _taken(columns, rows)
            together, number = merged(months[month], offered, rows, source) if month in months else (offered, len(rows))
            if number > 0:
                months[month] = together
                changed.append(Prepared(month=month, columns=together))
                rows_new += number
        if before is not None and rows_new == 0:
            return Stored(manifest=before, rows_in_file=rows_in_file, rows_new=0)
        written = {prepared.month for prepared in changed}
        whole = [months[month] for month in sorted(months)]
        described = replace(
            manifest,
            fingerprint=_fingerprint(series, {name: np.concatenate([m[name] for m in whole]) for name in columns}),
            sources=(*(() if before is None else before.sources), replace(source, rows_new=rows_new)),
        )
        keep = () if before is None else tuple(p for p in before.partitions if p.month not in written)
        result = series.write(changed, keep, described)
    return Stored(manifest=result, rows_in_file=rows_in_file, rows_new=rows_new)


def merged(stored: Columns, new: Columns, row_numbers: npt.NDArray[np.int64], source: Source) -> tuple[Columns, int]:
    """Stored rows and those new ones whose time is not stored yet, and how many these are.

    Times both have must carry equal rows, else DataError naming the first differing row of the source.
    In order of time if both sides are, else stored rows first.
    """
    time = next(iter(stored))
    known: dict[int, list[int]] = {}
    for row, instant in enumerate(stored[time].tolist()):
        known.setdefault(instant, []).append(row)
    fresh = np.array([instant not in known for instant in new[time].tolist()], dtype=np.bool_)
    offered: dict[int, list[int]] = {}
    for row in np.flatnonzero(~fresh).tolist():
        offered.setdefault(int(new[time][row]), []).append(row)
    for instant, rows in offered.items():
        _refuse_difference(
            {name: values[known[instant]] for name, values in stored.items()},
            {name: values[rows] for name, values in new.items()},
            source,
            row=int(row_numbers[rows[0]]),
        )
    number = int(fresh.sum())
    together = {name: np.concatenate((stored[name], new[name][fresh])) for name in stored}
    if _increasing(stored[time]) and _increasing(new[time]):
        order = np.argsort(together[time], kind="stable")
        together = {name: values[order] for name, values in together.items()}
    return together, number


def _refuse_difference(stored: Columns, new: Columns, source: Source, *, row: int) -> None:
    """stored, new: the rows of one instant on either side."""
    for name in stored:
        mine, theirs = np.sort(stored[name]), np.sort(new[name])
        if not np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f"):
            instant = int(next(iter(new.values()))[0])
            raise DataError(
                f"{source.file} disagrees with what is stored: at {format_instant(instant)} its {name} is "
                f"{', '.join(str(v) for v in theirs.tolist())}, stored is {', '.join(str(v) for v in mine.tolist())}",
                place=f"row {row} of {source.file}",
                next_step="nothing was changed, raw data never are; if the file is right, move the stored series "
                "away and import again",
            )


def _increasing(times: npt.NDArray[np.generic]) -> bool:
    return bool((np.diff(times.astype(np.int64, copy=False)) > 0).all())


def _taken(columns: Columns, rows: npt.NDArray[np.int64]) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def _fingerprint(series: Series, columns: Columns) -> str:
    """What RawBars.digest and RawFunding.digest say of the same columns."""
    key = series.key
    head = f"funding:{key.symbol}" if key.kind is SeriesKind.FUNDING else f"bars:{key.symbol}:{key.interval_ms}"
    return raw_digest(head, columns.items())


def _refuse_other_shape(before: Manifest, columns: Columns, source: Source, new: Manifest) -> None:
    if before.columns != tuple(columns):
        raise DataError(
            f"{source.file} has the columns {', '.join(columns)}, the stored series has {', '.join(before.columns)}",
            next_step="import a file with the same columns; nothing was changed",
        )
    if before.synthetic != new.synthetic:
        raise DataError(
            f"{source.file} would mix synthetic and recorded rows of {before.key}",
            next_step="keep synthetic data under a symbol of its own; nothing was changed",
        )
