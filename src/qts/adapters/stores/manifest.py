"""What a stored series is: the one file that makes its partitions count.

``manifest.json`` is written last and by one rename, so a partition the manifest
does not name does not exist. It says where every row came from (sources with
their SHA-256), and for a cleaned series from which raw columns, which audit and
which rules it was made.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

from qts.domain.errors import DataError
from qts.domain.instant import Duration, Instant, format_duration, format_instant, parse_duration

MANIFEST_NAME: Final = "manifest.json"
SCHEMA: Final = 1
EVENTS: Final = "events"


class Layer(Enum):
    RAW = "raw"
    PROCESSED = "processed"


class SeriesKind(Enum):
    BARS = "bars"
    MARK = "mark"
    FUNDING = "funding"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesKey:
    """Which series; interval_ms is None for funding, whose rows are events."""

    layer: Layer
    kind: SeriesKind
    symbol: str
    interval_ms: Duration | None

    @property
    def interval(self) -> str:
        return EVENTS if self.interval_ms is None else format_duration(self.interval_ms)

    def folder(self, root: Path) -> Path:
        return root / self.layer.value / self.kind.value / self.symbol / self.interval

    def __str__(self) -> str:
        return f"{self.symbol} {self.kind.value} {self.interval}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file rows came from. mapping: our column -> the file's. label: what its times name, 'open' or 'close'.

    rows_new: rows this file added to the series. columns_ignored: columns of the file that were not stored.
    """

    file: str
    sha256: str
    rows: int
    rows_new: int = 0
    mapping: Mapping[str, str] = field(default_factory=dict)
    time_unit: str = "ms"
    label: str = "open"
    in_time_order: bool = True
    columns_ignored: tuple[str, ...] = ()

    def same_reading(self, other: "Source") -> bool:
        """Whether the other is the same file read the same way."""
        mine = (self.sha256, dict(self.mapping), self.time_unit, self.label)
        return mine == (other.sha256, dict(other.mapping), other.time_unit, other.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One month's file. first, last: earliest and latest time in it, ms UTC."""

    month: str
    file: str
    rows: int
    first: Instant
    last: Instant
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """How a processed series came about. rules: facts of each rule applied, in order."""

    raw_fingerprint: str
    audit_digest: str
    rules: tuple[Mapping[str, Any], ...]
    rows_filled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """fingerprint: digest of every value and the order of rows, see RawBars.digest and RawFunding.digest.

    columns: names stored, time first. synthetic: made by a generator. instrument: its facts if known at the time.
    """

    key: SeriesKey
    columns: tuple[str, ...]
    partitions: tuple[Partition, ...]
    sources: tuple[Source, ...]
    fingerprint: str
    synthetic: bool = False
    cleaning: Cleaning | None = None
    instrument: Mapping[str, str] | None = None

    @property
    def rows(self) -> int:
        return sum(partition.rows for partition in self.partitions)

    @property
    def first(self) -> Instant:
        return min(partition.first for partition in self.partitions)

    @property
    def last(self) -> Instant:
        return max(partition.last for partition in self.partitions)

    def to_json(self) -> bytes:
        document = {
            "schema": SCHEMA,
            "layer": self.key.layer.value,
            "kind": self.key.kind.value,
            "symbol": self.key.symbol,
            "interval": self.key.interval,
            "rows": self.rows,
            "first": format_instant(self.first),
            "last": format_instant(self.last),
            "columns": self.columns,
            "fingerprint": self.fingerprint,
            "synthetic": self.synthetic,
            "instrument": self.instrument,
            "cleaning": None if self.cleaning is None else asdict(self.cleaning),
            "sources": [asdict(source) for source in self.sources],
            "partitions": [asdict(partition) for partition in self.partitions],
        }
        return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def read_manifest(folder: Path) -> Manifest | None:
    """None where there is none. Raises DataError naming the file if it cannot be read."""
    path = folder / MANIFEST_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        document = json.loads(content)
        if document["schema"] != SCHEMA:
            raise DataError(
                f"{MANIFEST_NAME} is of schema {document['schema']}, this program reads {SCHEMA}",
                place=str(path),
                next_step="use the version of qts that wrote it, or import the data again",
            )
        return _parse(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{MANIFEST_NAME} is damaged: {error}",
            place=str(path),
            next_step="restore it from a backup, or move the folder away and import the data again",
        ) from error


def _parse(document: dict[str, Any]) -> Manifest:
    interval = document["interval"]
    cleaning = document["cleaning"]
    if not document["partitions"]:
        raise ValueError("it names no partition")
    return Manifest(
        key=SeriesKey(
            layer=Layer(document["layer"]),
            kind=SeriesKind(document["kind"]),
            symbol=document["symbol"],
            interval_ms=None if interval == EVENTS else parse_duration(interval),
        ),
        columns=tuple(document["columns"]),
        partitions=tuple(Partition(**item) for item in document["partitions"]),
        sources=tuple(
            Source(**{**item, "columns_ignored": tuple(item["columns_ignored"])}) for item in document["sources"]
        ),
        fingerprint=document["fingerprint"],
        synthetic=document["synthetic"],
        cleaning=None if cleaning is None else Cleaning(**{**cleaning, "rules": tuple(cleaning["rules"])}),
        instrument=document["instrument"],
    )
