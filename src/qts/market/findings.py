"""What an audit can say, as values.

A finding states a fact about rows of a series: where it is, what was seen and
what can be done. It never repairs anything. ``BLOCKING`` means the rows cannot
be used as they stand, ``WARNING`` that they can but somebody should look,
``INFO`` that the fact is worth knowing and wrong by no means.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from qts.domain.ids import digest
from qts.domain.instant import Instant, format_instant

FINDINGS_PER_KIND_MAX: Final = 100


class Severity(Enum):
    BLOCKING = "blocking"
    WARNING = "warning"
    INFO = "info"


class Verdict(Enum):
    """The worst severity found; facts worth knowing do not stain a series."""

    CLEAN = "clean"
    WARNINGS = "warnings"
    BLOCKING = "blocking"


class FindingKind(Enum):
    """Every fact an audit looks for; docs/data.md explains each, with its remedy."""

    EMPTY = "empty"
    # time
    TIME_UNIT = "time_unit"
    TIME_SHIFT = "time_shift"
    INTERVAL_MISMATCH = "interval_mismatch"
    OFF_GRID = "off_grid"
    OUT_OF_ORDER = "out_of_order"
    DUPLICATE_EXACT = "duplicate_exact"
    DUPLICATE_CONFLICT = "duplicate_conflict"
    GAP = "gap"
    CLOSE_LABELS = "close_labels"
    # values
    PRICE_NOT_FINITE = "price_not_finite"
    PRICE_NOT_POSITIVE = "price_not_positive"
    HIGH_BELOW_LOW = "high_below_low"
    BODY_OUTSIDE_RANGE = "body_outside_range"
    VOLUME_IMPOSSIBLE = "volume_impossible"
    # activity
    ZERO_VOLUME_RUN = "zero_volume_run"
    FROZEN_PRICE = "frozen_price"
    RETURN_SPIKE = "return_spike"
    EXTREME_MOVE = "extreme_move"
    VOLUME_SPIKE = "volume_spike"
    # funding
    FUNDING_GAP = "funding_gap"
    FUNDING_STEP_CHANGE = "funding_step_change"
    FUNDING_RATE_IMPOSSIBLE = "funding_rate_impossible"
    FUNDING_RATE_IMPLAUSIBLE = "funding_rate_implausible"
    FUNDING_RATE_UNIT = "funding_rate_unit"
    FUNDING_STAMP_LATE = "funding_stamp_late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact about the rows ``row_first`` to ``row_last`` (both included, counted from 0 as stored).

    rows: how many rows it concerns (missing bars for a gap). instant: time of ``row_first``, ms UTC.
    column: the column it is about. weight: how bad it is among its kind, 0 or more; picks the worst for pictures.
    """

    kind: FindingKind
    severity: Severity
    row_first: int
    row_last: int
    rows: int
    column: str
    instant: Instant
    message: str
    remedy: str
    weight: float

    @classmethod
    def about(
        cls,
        instants: npt.NDArray[np.int64],
        kind: FindingKind,
        severity: Severity,
        *,
        first: int,
        last: int,
        column: str,
        message: str,
        remedy: str,
        rows: int | None = None,
        weight: float | None = None,
    ) -> "Finding":
        """A finding about rows ``first`` to ``last`` of a series with these instants; weight defaults to the rows."""
        empty = len(instants) == 0
        concerned = (0 if empty else last - first + 1) if rows is None else rows
        return cls(
            kind=kind,
            severity=severity,
            row_first=first,
            row_last=last,
            rows=concerned,
            column=column,
            instant=0 if empty else int(instants[first]),
            message=message,
            remedy=remedy,
            weight=float(concerned) if weight is None else weight,
        )

    def facts(self) -> dict[str, object]:
        """Plain values, for JSON and digests."""
        return {
            "kind": self.kind.value,
            "severity": self.severity.value,
            "row_first": self.row_first,
            "row_last": self.row_last,
            "rows": self.rows,
            "column": self.column,
            "instant": format_instant(self.instant),
            "message": self.message,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """Everything the audit of one series found, time order within each severity, blocking first.

    counts: findings of each kind there are. Of a kind with more than ``FINDINGS_PER_KIND_MAX`` the weightiest are
        listed and the rest are counted here only.
    source_digest: digest of the raw columns looked at. start, end: time of the earliest and latest row, None if empty.
    """

    symbol: str
    series: str
    rows: int
    start: Instant | None
    end: Instant | None
    findings: tuple[Finding, ...]
    counts: Mapping[FindingKind, int]
    worst: Severity | None
    source_digest: str

    @classmethod
    def of(
        cls, *, symbol: str, series: str, instants: npt.NDArray[np.int64], found: Iterable[Finding], source_digest: str
    ) -> "AuditReport":
        everything = list(found)
        counts = Counter(finding.kind for finding in everything)
        listed: list[Finding] = []
        for kind in counts:
            of_kind = sorted((f for f in everything if f.kind is kind), key=lambda f: -f.weight)
            listed += of_kind[:FINDINGS_PER_KIND_MAX]
        order = list(Severity)
        listed.sort(key=lambda f: (order.index(f.severity), f.row_first, f.kind.value, f.column))
        return cls(
            symbol=symbol,
            series=series,
            rows=len(instants),
            start=int(instants.min()) if len(instants) else None,
            end=int(instants.max()) if len(instants) else None,
            findings=tuple(listed),
            counts=MappingProxyType(dict(counts)),
            worst=min((f.severity for f in everything), key=order.index, default=None),
            source_digest=source_digest,
        )

    @property
    def verdict(self) -> Verdict:
        match self.worst:
            case Severity.BLOCKING:
                return Verdict.BLOCKING
            case Severity.WARNING:
                return Verdict.WARNINGS
            case Severity.INFO | None:
                return Verdict.CLEAN

    def of_severity(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is severity)

    def facts(self) -> dict[str, object]:
        """Plain values, for JSON and digests."""
        return {
            "symbol": self.symbol,
            "series": self.series,
            "rows": self.rows,
            "start": None if self.start is None else format_instant(self.start),
            "end": None if self.end is None else format_instant(self.end),
            "verdict": self.verdict.value,
            "counts": {kind.value: number for kind, number in self.counts.items()},
            "findings": [finding.facts() for finding in self.findings],
            "source_digest": self.source_digest,
        }

    def digest(self) -> str:
        """SHA-256 over everything the report says."""
        return digest(self.facts())


def runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, last) row of every unbroken stretch of True."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]
