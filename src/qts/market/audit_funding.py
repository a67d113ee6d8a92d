"""The audit of funding events: holes, rates that cannot be, units, zone and lateness of stamps.

Stamps are judged as ``Funding.from_published`` will read them, rounded to the
minute. A venue may change its schedule (8 h to 4 h): a new step that then
stays for three events is a fact, a single longer step is a hole. Funding is
never repaired: every remedy is a better file.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from qts.domain.instant import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Duration, format_duration, format_instant
from qts.market.audit_time import EARLIEST_SENSIBLE, LATEST_SENSIBLE, likely_unit
from qts.market.findings import AuditReport, Finding, FindingKind, Severity, runs
from qts.market.raw import RawFunding

RATE_PLAUSIBLE_MAX: Final = 0.04  # above the widest per-event cap a large venue has published (3 %)
MEDIAN_RATE_PLAUSIBLE_MAX: Final = 0.003  # a typical event is about 0.0001; in percent it would read 0.01
SCHEDULE_STEPS_MIN: Final = 3


def audit_funding(raw: RawFunding) -> AuditReport:
    """Every finding about these events."""
    return AuditReport.of(
        symbol=raw.symbol,
        series="funding",
        instants=raw.published_at,
        found=_found(raw),
        source_digest=raw.digest(),
    )


def _found(raw: RawFunding) -> Iterator[Finding]:
    if len(raw) == 0:
        yield _finding(
            raw,
            FindingKind.EMPTY,
            Severity.BLOCKING,
            first=0,
            last=0,
            message="there is not one event",
            remedy="import a file with rows",
        )
        return
    yield from _rates(raw)
    stamps = raw.published_at
    sensible = (stamps >= EARLIEST_SENSIBLE) & (stamps < LATEST_SENSIBLE)
    for first, last in runs(~sensible):
        unit = likely_unit(int(stamps[first]))
        guess = f"it looks like {unit}" if unit else "no usual unit makes it a sensible time"
        remedy = f"import again with --time-unit {unit}" if unit else "correct the time column of the source file"
        message = f"{int(stamps[first])} is not a time in milliseconds: {guess}"
        yield _finding(
            raw, FindingKind.TIME_UNIT, Severity.BLOCKING, first=first, last=last, message=message, remedy=remedy
        )
    if not sensible.all():
        return
    minutes = (stamps + MINUTE_MS // 2) // MINUTE_MS * MINUTE_MS
    disorder = list(_order(raw, minutes))
    yield from disorder
    yield from _lateness(raw, minutes)
    if not disorder:
        yield from _steps(raw, minutes)


def _finding(
    raw: RawFunding,
    kind: FindingKind,
    severity: Severity,
    *,
    first: int,
    last: int,
    message: str,
    remedy: str,
    column: str = "published_at",
    weight: float | None = None,
) -> Finding:
    return Finding.about(
        raw.published_at,
        kind,
        severity,
        first=first,
        last=last,
        column=column,
        message=message,
        remedy=remedy,
        weight=weight,
    )


def _rates(raw: RawFunding) -> Iterator[Finding]:
    possible = np.abs(raw.rate) <= 1.0
    for first, last in runs(~possible):
        message = (
            f"rate {float(raw.rate[first])!r} at {format_instant(int(raw.published_at[first]))} is not within -1 and 1"
        )
        yield _finding(
            raw,
            FindingKind.FUNDING_RATE_IMPOSSIBLE,
            Severity.BLOCKING,
            first=first,
            last=last,
            message=message,
            remedy="correct the file; rates are fractions (0.0001 is 0.01 %)",
            column="rate",
        )
    sizes = np.abs(raw.rate[possible])
    if len(sizes) and float(np.median(sizes)) > MEDIAN_RATE_PLAUSIBLE_MAX:
        yield _finding(
            raw,
            FindingKind.FUNDING_RATE_UNIT,
            Severity.WARNING,
            first=0,
            last=len(raw) - 1,
            message=f"half of the rates are beyond {float(np.median(sizes)):.4f} per event: "
            "they may be percent, not fractions",
            remedy="ask the source; divide by 100 and import again if they are percent",
            column="rate",
        )
        return
    for first, last in runs(possible & (np.abs(raw.rate) > RATE_PLAUSIBLE_MAX)):
        worst = float(raw.rate[first : last + 1][np.argmax(np.abs(raw.rate[first : last + 1]))])
        yield _finding(
            raw,
            FindingKind.FUNDING_RATE_IMPLAUSIBLE,
            Severity.WARNING,
            first=first,
            last=last,
            message=f"rate {worst:+.4%} at {format_instant(int(raw.published_at[first]))} "
            f"is beyond {RATE_PLAUSIBLE_MAX:.0%} per event",
            remedy="compare with the venue's history",
            column="rate",
            weight=abs(worst),
        )


def _order(raw: RawFunding, minutes: npt.NDArray[np.int64]) -> Iterator[Finding]:
    steps = np.diff(minutes)
    for row in np.flatnonzero(steps <= 0) + 1:
        now, before = format_instant(int(minutes[row])), format_instant(int(minutes[row - 1]))
        if steps[row - 1] < 0:
            kind, what = FindingKind.OUT_OF_ORDER, f"row {row} ({now}) comes after row {row - 1} ({before})"
        elif raw.rate[row] == raw.rate[row - 1]:
            kind, what = FindingKind.DUPLICATE_EXACT, f"{now} stands in rows {row - 1} and {row} with one rate"
        else:
            kind, what = (
                FindingKind.DUPLICATE_CONFLICT,
                f"{now} stands in rows {row - 1} and {row} with different rates",
            )
        remedy = "correct the file and import it again; funding is never repaired"
        yield _finding(raw, kind, Severity.BLOCKING, first=int(row), last=int(row), message=what, remedy=remedy)


def _lateness(raw: RawFunding, minutes: npt.NDArray[np.int64]) -> Iterator[Finding]:
    off = np.abs(raw.published_at - minutes)
    if not off.any():
        return
    worst = int(off.max())
    rows = np.flatnonzero(off)
    ordinary = worst <= SECOND_MS
    yield _finding(
        raw,
        FindingKind.FUNDING_STAMP_LATE,
        Severity.INFO if ordinary else Severity.WARNING,
        first=int(rows[0]),
        last=int(rows[-1]),
        message=f"{len(rows)} of {len(raw)} stamps lie off the whole minute, the worst by {worst} ms",
        remedy="none needed: each event counts at its nearest minute"
        if ordinary
        else "check that these are the venue's own stamps; each event counts at its nearest minute",
        weight=float(worst),
    )


def _steps(raw: RawFunding, minutes: npt.NDArray[np.int64]) -> Iterator[Finding]:
    steps = np.diff(minutes)
    if len(steps) < SCHEDULE_STEPS_MIN:
        return
    schedules = [(a, b) for a, b in _stretches(steps) if b - a + 1 >= SCHEDULE_STEPS_MIN]
    if not schedules:
        usual = int(np.median(steps))
    else:
        usual = int(steps[max(schedules, key=lambda s: s[1] - s[0])[0]])
        yield from _zone(raw, minutes, usual)
    expected = usual if not schedules else int(steps[schedules[0][0]])
    planned = {a: int(steps[a]) for a, _ in schedules}
    for number, step in enumerate(steps):
        row, size = number + 1, int(step)
        if number in planned and planned[number] != expected:
            message = (
                f"from {format_instant(int(minutes[number]))} on, events come every {format_duration(size)}, "
                f"before every {format_duration(expected)}"
            )
            yield _finding(
                raw,
                FindingKind.FUNDING_STEP_CHANGE,
                Severity.INFO,
                first=row,
                last=row,
                message=message,
                remedy="none if the venue changed its schedule",
            )
            expected = planned[number]
        elif size > expected:
            yield _finding(
                raw,
                FindingKind.FUNDING_GAP,
                Severity.WARNING,
                first=row,
                last=row,
                message=f"{format_duration(size)} without an event before {format_instant(int(minutes[row]))}; "
                f"usual is {format_duration(expected)}",
                remedy="import the missing events; a missing event is never taken as a rate of 0",
                weight=float(size / expected),
            )


def _stretches(steps: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """(first, last) position of every stretch of equal steps."""
    starts = np.flatnonzero(np.diff(steps, prepend=steps[0] - 1))
    ends = np.append(starts[1:], len(steps)) - 1
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True)]


def _zone(raw: RawFunding, minutes: npt.NDArray[np.int64], usual: Duration) -> Iterator[Finding]:
    """Schedules count from midnight UTC; one shift shared by every event is a sign of local time."""
    if usual <= HOUR_MS or DAY_MS % usual != 0:
        return
    shifts = np.unique(minutes % usual)
    if len(shifts) == 1 and shifts[0] != 0:
        shift = int(shifts[0])
        yield _finding(
            raw,
            FindingKind.TIME_SHIFT,
            Severity.WARNING,
            first=0,
            last=len(raw) - 1,
            message=f"every event lies {format_duration(shift)} past the {format_duration(usual)} schedule counted "
            "from midnight UTC: the stamps may be local time",
            remedy="check one event against the venue; import again with the time in UTC",
        )
