"""What prices and volumes do: stand still, vanish, leap.

Scales come from the whole sample (median absolute deviation of log returns and
of log volume, times 1.4826), which an audit may use because it changes nothing.
Volume around a leap is compared with the median of the 20 bars before it.

Thresholds were set on ten contracts at 4 h over 2020-2024, crash days included:
no genuine move there is called suspect.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from qts.domain.instant import format_instant
from qts.market.bars import PRICE_COLUMNS, Floats
from qts.market.findings import Finding, FindingKind, Severity, runs
from qts.market.raw import RawBars

STILL_BARS_MIN: Final = 12
EXTREME_Z: Final = 20.0
SPIKE_Z: Final = 30.0
SPIKE_REVERSAL_SHARE: Final = 0.9
SPIKE_VOLUME_RATIO_MAX: Final = 2.0
VOLUME_Z: Final = 6.0
VOLUME_WINDOW_BARS: Final = 20
MAD_TO_SIGMA: Final = 1.4826
SAMPLE_MIN: Final = 30


def activity_findings(raw: RawBars) -> Iterator[Finding]:
    yield from _zero_volume(raw)
    yield from _frozen(raw)
    yield from _leaps(raw)
    yield from _volumes(raw)


def robust_sigma(values: Floats) -> float:
    """1.4826 times the median absolute deviation: sigma of a normal sample, blind to outliers. 0 below 30 values."""
    if len(values) < SAMPLE_MIN:
        return 0.0
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))


def _finding(
    raw: RawBars,
    kind: FindingKind,
    severity: Severity,
    *,
    span: tuple[int, int],
    column: str,
    message: str,
    remedy: str,
    weight: float,
) -> Finding:
    return Finding.about(
        raw.opened_at,
        kind,
        severity,
        first=span[0],
        last=span[1],
        column=column,
        message=message,
        remedy=remedy,
        weight=weight,
    )


def _zero_volume(raw: RawBars) -> Iterator[Finding]:
    if raw.volume is None:
        return
    for first, last in runs(raw.volume == 0):
        number = last - first + 1
        yield _finding(
            raw,
            FindingKind.ZERO_VOLUME_RUN,
            Severity.WARNING if number >= STILL_BARS_MIN else Severity.INFO,
            span=(first, last),
            column="volume",
            message=f"no volume for {number} bar{'s' if number > 1 else ''} from "
            + format_instant(int(raw.opened_at[first]))
            + _until_end(raw, last),
            remedy="nobody could have traded there: choose a window without these bars if the stretch is long",
            weight=float(number),
        )


def _frozen(raw: RawBars) -> Iterator[Finding]:
    flat = (raw.high == raw.low) & (raw.open == raw.close) & (raw.open == raw.high)
    same_as_before = np.concatenate(([False], raw.close[1:] == raw.close[:-1]))
    for first, last in runs(flat):
        for start, end in runs(same_as_before[first + 1 : last + 1]):
            rows = (first + start, first + end + 1)
            number = rows[1] - rows[0] + 1
            if number < STILL_BARS_MIN:
                continue
            volume = None if raw.volume is None else raw.volume[rows[0] : rows[1] + 1]
            traded = volume is not None and bool((volume > 0).any())
            yield _finding(
                raw,
                FindingKind.FROZEN_PRICE,
                Severity.INFO if traded else Severity.WARNING,
                span=rows,
                column="close",
                message=f"price stands at {float(raw.close[rows[0]])!r} for {number} bars from "
                f"{format_instant(int(raw.opened_at[rows[0]]))}" + _until_end(raw, rows[1]),
                remedy=f"end the window before {format_instant(int(raw.opened_at[rows[0]]))}: trading is over"
                if rows[1] == len(raw) - 1
                else "check whether the venue was halted; leave the stretch out of the window if so",
                weight=float(number),
            )


def _until_end(raw: RawBars, last: int) -> str:
    return " until the end of the series (a dead contract?)" if last == len(raw) - 1 else ""


def _leaps(raw: RawBars) -> Iterator[Finding]:
    """Close-to-close moves and wicks beyond EXTREME_Z robust sigmas; those that look like a bad tick are suspected."""
    usable = np.all([np.isfinite(getattr(raw, n)) & (getattr(raw, n) > 0) for n in PRICE_COLUMNS], axis=0)
    logs = {n: np.log(np.where(usable, getattr(raw, n), 1.0)) for n in PRICE_COLUMNS}
    moves = np.diff(logs["close"], prepend=logs["close"][:1])
    neighbours = np.diff(raw.opened_at, prepend=raw.opened_at[:1] - raw.interval_ms) == raw.interval_ms
    moves[~(usable & np.concatenate(([False], usable[:-1])) & neighbours)] = 0.0
    sigma = robust_sigma(moves)
    if sigma == 0:
        return
    body_high = np.maximum(logs["open"], logs["close"])
    body_low = np.minimum(logs["open"], logs["close"])
    upper = np.where(usable, np.maximum(logs["high"] - body_high, 0), 0.0)
    lower = np.where(usable, np.maximum(body_low - logs["low"], 0), 0.0)
    back = np.append(moves[1:], 0.0)
    suspect = np.abs(moves) > SPIKE_Z * sigma
    suspect &= np.abs(moves + back) <= (1 - SPIKE_REVERSAL_SHARE) * np.abs(moves)
    coming_back = np.zeros(len(raw), dtype=np.bool_)
    for row in np.flatnonzero(suspect):
        if coming_back[row]:
            continue
        ratio = _volume_ratio(raw, int(row))
        if ratio is not None and ratio <= SPIKE_VOLUME_RATIO_MAX:
            coming_back[row] = coming_back[row + 1] = True
            yield _spike(raw, int(row), moves, sigma, ratio)
    for column, sizes, what in (
        ("close", moves, "close moved"),
        ("high", upper, "high lies"),
        ("low", -lower, "low lies"),
    ):
        for row in np.flatnonzero((np.abs(sizes) > EXTREME_Z * sigma) & ~coming_back):
            yield _extreme(raw, int(row), column=column, size=float(sizes[row]), sigma=sigma, what=what)


def _spike(raw: RawBars, row: int, moves: Floats, sigma: float, ratio: float) -> Finding:
    there, back = np.expm1(moves[row]), np.expm1(moves[row + 1])
    return _finding(
        raw,
        FindingKind.RETURN_SPIKE,
        Severity.WARNING,
        span=(row, row),
        column="close",
        message=f"close leaps {there:+.1%} to {float(raw.close[row])!r} at {format_instant(int(raw.opened_at[row]))} "
        f"and comes back {back:+.1%} in the next bar, on {ratio:.1f} times the usual volume: the mark of a bad price",
        remedy="compare with another source; correct the file and import it again if it is wrong",
        weight=float(abs(moves[row]) / sigma),
    )


def _extreme(raw: RawBars, row: int, *, column: str, size: float, sigma: float, what: str) -> Finding:
    beyond = "" if column == "close" else " from the bar's body"
    ratio = _volume_ratio(raw, row)
    volume = "" if ratio is None else f", on {ratio:.1f} times the usual volume"
    return _finding(
        raw,
        FindingKind.EXTREME_MOVE,
        Severity.INFO,
        span=(row, row),
        column=column,
        message=f"{what} {np.expm1(size):+.1%}{beyond} at {format_instant(int(raw.opened_at[row]))} "
        f"({abs(size) / sigma:.0f} robust sigmas of a bar's return{volume})",
        remedy="genuine or not is for you to judge; compare with another source if in doubt",
        weight=abs(size) / sigma,
    )


def _volume_ratio(raw: RawBars, row: int) -> float | None:
    """Volume of the row over the median of the 20 bars before it; None without volume or history."""
    if raw.volume is None or row == 0:
        return None
    usual = float(np.median(raw.volume[max(0, row - VOLUME_WINDOW_BARS) : row]))
    return float(raw.volume[row]) / usual if usual > 0 else None


def _volumes(raw: RawBars) -> Iterator[Finding]:
    if raw.volume is None:
        return
    traded = np.isfinite(raw.volume) & (raw.volume > 0)
    logs: npt.NDArray[np.float64] = np.log(np.where(traded, raw.volume, 1.0))
    sigma = robust_sigma(logs[traded])
    if sigma == 0:
        return
    median = float(np.median(logs[traded]))
    z = np.where(traded, (logs - median) / sigma, 0.0)
    for row in np.flatnonzero(np.abs(z) > VOLUME_Z):
        ratio = float(np.exp(logs[row] - median))
        size = f"{ratio:,.0f} times" if ratio > 1 else f"1/{1 / ratio:,.0f} of"
        yield _finding(
            raw,
            FindingKind.VOLUME_SPIKE,
            Severity.INFO,
            span=(int(row), int(row)),
            column="volume",
            message=f"volume is {size} the series' median at {format_instant(int(raw.opened_at[row]))} "
            f"({z[row]:+.1f} robust sigmas of log volume)",
            remedy="genuine or not is for you to judge; a change of unit (coins, lots, thousands) looks like this",
            weight=float(abs(z[row])),
        )
