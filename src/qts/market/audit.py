"""The audit of bars: looks at raw columns, says what is true of them, changes nothing.

Three looks, each a file: times (``audit_time.py``), values (here) and activity
(``audit_activity.py``); funding has its own (``audit_funding.py``). A series
without a blocking finding is accepted by ``Bars`` as it stands; a test holds
the two together.

A crash is not an error. Big moves are listed as facts (``EXTREME_MOVE``), and
only a close that leaps and comes straight back without volume is suspected
(``RETURN_SPIKE``). What the audit cannot know: whether another venue saw the
same prices, and whether a hole in the file is a hole in the market.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from qts.domain.instant import format_instant
from qts.market.audit_activity import activity_findings
from qts.market.audit_time import time_findings
from qts.market.bars import PRICE_COLUMNS
from qts.market.findings import AuditReport, Finding, FindingKind, Severity, runs
from qts.market.raw import RawBars

DROP_REMEDY = (
    "correct the source file, or drop these rows: qts data clean --drop-impossible (then at most 3 bars are filled)"
)


def audit_bars(raw: RawBars, *, series: str = "bars") -> AuditReport:
    """Every finding about these columns. series: 'bars' or 'mark', for the reader."""
    return AuditReport.of(
        symbol=raw.symbol,
        series=f"{series} {raw.interval}",
        instants=raw.opened_at,
        found=_found(raw),
        source_digest=raw.digest(),
    )


def _found(raw: RawBars) -> Iterator[Finding]:
    if len(raw) == 0:
        yield Finding.about(
            raw.opened_at,
            FindingKind.EMPTY,
            Severity.BLOCKING,
            first=0,
            last=0,
            column="opened_at",
            message="there is not one row",
            remedy="import a file with rows",
        )
        return
    yield from time_findings(raw)
    yield from value_findings(raw)
    yield from activity_findings(raw)


def value_findings(raw: RawBars) -> Iterator[Finding]:
    """Prices and volumes that cannot be: not finite, not above 0, high below low, open or close outside."""
    for name in PRICE_COLUMNS:
        prices = getattr(raw, name)
        yield from _bad(raw, FindingKind.PRICE_NOT_FINITE, name, ~np.isfinite(prices), f"{name} is not a finite number")
        bad = np.isfinite(prices) & (prices <= 0)
        yield from _bad(raw, FindingKind.PRICE_NOT_POSITIVE, name, bad, f"{name} is not above 0")
    yield from _bad(raw, FindingKind.HIGH_BELOW_LOW, "high", raw.high < raw.low, "high is below low")
    ranged = raw.high >= raw.low
    for name in ("open", "close"):
        prices = getattr(raw, name)
        bad = ranged & ((prices > raw.high) | (prices < raw.low))
        yield from _bad(raw, FindingKind.BODY_OUTSIDE_RANGE, name, bad, f"{name} lies outside low to high")
    if raw.volume is not None:
        bad = ~(np.isfinite(raw.volume) & (raw.volume >= 0))
        yield from _bad(raw, FindingKind.VOLUME_IMPOSSIBLE, "volume", bad, "volume is negative or not a finite number")


def impossible_rows(raw: RawBars) -> npt.NDArray[np.bool_]:
    """Rows of which a price or the volume cannot be, shape (n,)."""
    bad = np.zeros(len(raw), dtype=np.bool_)
    for finding in value_findings(raw):
        bad[finding.row_first : finding.row_last + 1] = True
    return bad


def _bad(raw: RawBars, kind: FindingKind, column: str, bad: npt.NDArray[np.bool_], what: str) -> Iterator[Finding]:
    for first, last in runs(bad):
        where = f"row {first}" if first == last else f"rows {first} to {last}"
        value, instant = float(getattr(raw, column)[first]), format_instant(int(raw.opened_at[first]))
        yield Finding.about(
            raw.opened_at,
            kind,
            Severity.BLOCKING,
            first=first,
            last=last,
            column=column,
            message=f"{what}: {value!r} at {instant} ({where})",
            remedy=DROP_REMEDY,
        )
