"""What the times of a series say: units, zone, grid, order, duplicates, gaps, labels.

Rows whose time cannot be in the declared unit are found once and then left out
of the other looks, so that one wrong unit is not also a gap of fifty years. A
whole series shifted off its grid by one amount is one finding, not n.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from qts.domain.instant import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Instant, format_duration, format_instant
from qts.market.bars import PRICE_COLUMNS
from qts.market.findings import Finding, FindingKind, Severity, runs
from qts.market.raw import RawBars

# Seconds written where milliseconds were meant fall into January 1970; microseconds fall after the year 50000.
EARLIEST_SENSIBLE: Final = 365 * DAY_MS
LATEST_SENSIBLE: Final = 230 * 365 * DAY_MS
FILLABLE_BARS_MAX: Final = 3
SAME_SHIFT_SHARE: Final = 0.95
STEP_SHARE: Final = 0.5
STEPS_MIN: Final = 10
LABEL_HOURS_MIN: Final = 200
LABEL_EXCESS: Final = 1.15


def time_findings(raw: RawBars) -> Iterator[Finding]:
    sensible = (raw.opened_at >= EARLIEST_SENSIBLE) & (raw.opened_at < LATEST_SENSIBLE)
    yield from _unit(raw, ~sensible)
    yield from _order(raw)
    yield from _duplicates(raw)
    rows = np.flatnonzero(sensible)
    if len(rows) == 0:
        return
    order = rows[np.argsort(raw.opened_at[rows], kind="stable")]
    times = raw.opened_at[order]
    distinct = np.flatnonzero(np.diff(times, prepend=times[0] - 1))
    order, times = order[distinct], times[distinct]
    mismatch = list(_interval(raw, order, times))
    yield from mismatch
    yield from _grid(raw, sensible)
    if not mismatch:
        yield from _gaps(raw, order, times)
        yield from _daylight_saving(raw, order, times)
    yield from _close_labels(raw)


def likely_unit(stamp: int) -> str | None:
    """The unit which would make this number a sensible time; None if none does. A stamp in ms gives 'ms'."""
    for unit, scaled in (
        ("ms", stamp),
        ("s", stamp * SECOND_MS),
        ("us", stamp // 1_000),
        ("ns", stamp // 1_000_000),
    ):
        if EARLIEST_SENSIBLE <= scaled < LATEST_SENSIBLE:
            return unit
    return None


def _finding(
    raw: RawBars,
    kind: FindingKind,
    severity: Severity,
    *,
    first: int,
    last: int,
    message: str,
    remedy: str,
    rows: int | None = None,
) -> Finding:
    return Finding.about(
        raw.opened_at,
        kind,
        severity,
        first=first,
        last=last,
        column="opened_at",
        message=message,
        remedy=remedy,
        rows=rows,
    )


def _unit(raw: RawBars, bad: npt.NDArray[np.bool_]) -> Iterator[Finding]:
    for first, last in runs(bad):
        stamp = int(raw.opened_at[first])
        unit = likely_unit(stamp)
        guess = f"it looks like {unit}" if unit else "no usual unit makes it a sensible time"
        yield _finding(
            raw,
            FindingKind.TIME_UNIT,
            Severity.BLOCKING,
            first=first,
            last=last,
            message=f"{stamp} is not a time in milliseconds: {guess}",
            remedy=f"import again with --time-unit {unit}" if unit else "correct the time column of the source file",
        )


def _order(raw: RawBars) -> Iterator[Finding]:
    for row in np.flatnonzero(np.diff(raw.opened_at) < 0) + 1:
        yield _finding(
            raw,
            FindingKind.OUT_OF_ORDER,
            Severity.BLOCKING,
            first=int(row),
            last=int(row),
            message=f"row {row} ({format_instant(int(raw.opened_at[row]))}) comes after row {row - 1} "
            f"({format_instant(int(raw.opened_at[row - 1]))})",
            remedy="qts data clean sorts rows by time",
        )


def duplicate_groups(raw: RawBars) -> Iterator[tuple[npt.NDArray[np.int64], bool]]:
    """(rows, all equal) of every time that occurs more than once; rows ascending."""
    order = np.argsort(raw.opened_at, kind="stable")
    times = raw.opened_at[order]
    starts = np.flatnonzero(np.diff(times, prepend=times[:1] - 1))
    ends = np.append(starts[1:], len(times))
    for start, end in zip(starts[ends - starts > 1], ends[ends - starts > 1], strict=True):
        rows = order[start:end].astype(np.int64)
        same = all(np.array_equal(v[rows], np.repeat(v[rows[:1]], len(rows)), equal_nan=True) for _, v in raw.columns())
        yield rows, same


def _duplicates(raw: RawBars) -> Iterator[Finding]:
    for rows, same in duplicate_groups(raw):
        first, last = int(rows[0]), int(rows[-1])
        where = f"{format_instant(int(raw.opened_at[first]))} stands in rows {', '.join(str(r) for r in rows[:5])}"
        if same:
            kind, what, remedy = FindingKind.DUPLICATE_EXACT, "with equal values", "qts data clean keeps one of them"
        else:
            differing = [n for n, v in raw.columns() if len(np.unique(v[rows])) > 1]
            kind, what = FindingKind.DUPLICATE_CONFLICT, f"with different {', '.join(differing)}"
            remedy = "only the source can say which row is true: correct the file and import it again"
        yield _finding(
            raw,
            kind,
            Severity.BLOCKING,
            first=first,
            last=last,
            message=f"{where} {what}",
            remedy=remedy,
            rows=len(rows) - (1 if same else 0),
        )


def _interval(raw: RawBars, order: npt.NDArray[np.int64], times: npt.NDArray[np.int64]) -> Iterator[Finding]:
    if len(times) <= STEPS_MIN:
        return
    steps, numbers = np.unique(np.diff(times), return_counts=True)
    usual, share = int(steps[np.argmax(numbers)]), float(numbers.max() / numbers.sum())
    if usual != raw.interval_ms and share > STEP_SHARE:
        yield _finding(
            raw,
            FindingKind.INTERVAL_MISMATCH,
            Severity.BLOCKING,
            first=int(order[0]),
            last=int(order[-1]),
            message=f"declared as {raw.interval} bars, but {share:.0%} of the steps are {format_duration(usual)}",
            remedy=f"import again with --interval {format_duration(usual)}",
            rows=len(times),
        )


def _grid(raw: RawBars, sensible: npt.NDArray[np.bool_]) -> Iterator[Finding]:
    offsets = raw.opened_at % raw.interval_ms
    off = sensible & (offsets != 0)
    if not off.any():
        return
    shifts, numbers = np.unique(offsets[off], return_counts=True)
    shift, share = int(shifts[np.argmax(numbers)]), float(numbers.max() / sensible.sum())
    if share >= SAME_SHIFT_SHARE:
        rows = np.flatnonzero(off & (offsets == shift))
        yield _finding(
            raw,
            FindingKind.TIME_SHIFT,
            Severity.BLOCKING,
            first=int(rows[0]),
            last=int(rows[-1]),
            message=f"{share:.0%} of the rows lie {format_duration(shift)} past the {raw.interval} grid of UTC: "
            "another time zone or day cut, or labels that are not bar opens",
            remedy="import again with the time in UTC (ISO text with its zone), "
            "or with --label close if rows name bar closes",
            rows=len(rows),
        )
        off = off & (offsets != shift)
    for first, last in runs(off):
        yield _finding(
            raw,
            FindingKind.OFF_GRID,
            Severity.BLOCKING,
            first=first,
            last=last,
            message=f"{format_instant(int(raw.opened_at[first]))} (row {first}) is not on the {raw.interval} grid",
            remedy="correct the source file and import it again",
        )


def _gaps(raw: RawBars, order: npt.NDArray[np.int64], times: npt.NDArray[np.int64]) -> Iterator[Finding]:
    missing = np.diff(times) // raw.interval_ms - 1
    for before in np.flatnonzero(missing > 0):
        number = int(missing[before])
        after = int(order[before + 1])
        fillable = number <= FILLABLE_BARS_MAX
        yield _finding(
            raw,
            FindingKind.GAP,
            Severity.WARNING,
            first=after,
            last=after,
            message=f"{number} bar{'s' if number > 1 else ''} missing between {format_instant(int(times[before]))} "
            f"and {format_instant(int(times[before + 1]))}",
            remedy="qts data clean carries the last close forward, volume 0, marked as filled"
            if fillable
            else f"import the missing bars; more than {FILLABLE_BARS_MAX} in a row are never invented and stay a gap",
            rows=number,
        )


def _daylight_saving(raw: RawBars, order: npt.NDArray[np.int64], times: npt.NDArray[np.int64]) -> Iterator[Finding]:
    """Local time shows itself twice a year: an hour missing on a Sunday in March, an hour twice in autumn."""
    if raw.interval_ms > HOUR_MS:
        return
    hour_bars = HOUR_MS // raw.interval_ms
    skipped = [
        int(row) for row in np.flatnonzero(np.diff(times) == HOUR_MS + raw.interval_ms) if _sunday(times[row], (3, 4))
    ]
    repeated = [rows for rows, _ in duplicate_groups(raw) if _sunday(int(raw.opened_at[rows[0]]), (10, 11))]
    if skipped and len(repeated) >= hour_bars:
        after = int(order[skipped[0] + 1])
        yield _finding(
            raw,
            FindingKind.TIME_SHIFT,
            Severity.WARNING,
            first=after,
            last=after,
            message=f"an hour is missing on {format_instant(int(times[skipped[0]]))[:10]} and one is there twice on "
            f"{format_instant(int(raw.opened_at[repeated[0][0]]))[:10]}: the file may be in a local time",
            remedy="import again with the time in UTC (ISO text with its zone)",
        )


def _sunday(instant: Instant, months: tuple[int, int]) -> bool:
    if not EARLIEST_SENSIBLE <= instant < LATEST_SENSIBLE:
        return False
    moment = datetime.fromtimestamp(int(instant) / 1000, UTC)
    return moment.weekday() == 6 and moment.month in months


def _close_labels(raw: RawBars) -> Iterator[Finding]:
    """Trading wakes up at the full hour. If the busiest label is one interval later, labels may name bar closes.

    Looks at mean (high - low) / low by place in the hour over the whole sample, for bars of 5 minutes or less with at
    least 200 hours; the label one interval past the hour must lead all others, and the full hour by 15 %. A hint, no
    proof.
    """
    if raw.interval_ms > 5 * MINUTE_MS or HOUR_MS % raw.interval_ms != 0:
        return
    places = HOUR_MS // raw.interval_ms
    if len(raw) < LABEL_HOURS_MIN * places:
        return
    usable = np.all([np.isfinite(getattr(raw, n)) & (getattr(raw, n) > 0) for n in PRICE_COLUMNS], axis=0)
    usable &= raw.opened_at % raw.interval_ms == 0
    place = (raw.opened_at[usable] % HOUR_MS) // raw.interval_ms
    size = (raw.high[usable] - raw.low[usable]) / raw.low[usable]
    numbers = np.bincount(place, minlength=places)
    if numbers.min() == 0:
        return
    mean = np.bincount(place, weights=size, minlength=places) / numbers
    if int(np.argmax(mean)) == 1 and mean[1] >= LABEL_EXCESS * mean[0]:
        yield _finding(
            raw,
            FindingKind.CLOSE_LABELS,
            Severity.WARNING,
            first=0,
            last=len(raw) - 1,
            message=f"the widest bars of the hour carry the label {format_duration(raw.interval_ms)} past it "
            f"({mean[1] / mean[0]:.2f} times the range of the full hour): labels may be bar closes, not opens",
            remedy="ask the source; if they are closes, import again with --label close",
        )
