"""Time as QTS keeps it: whole milliseconds since 1970-01-01T00:00:00Z, always UTC.

An ``Instant`` is a plain int, so it compares, hashes and stores exactly and a
column of them is an int64 array. Durations are ints of milliseconds too. There
is no "now" in this file: whoever needs the present is given it.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from qts.domain.errors import UsageError

Instant: TypeAlias = int
Duration: TypeAlias = int

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
YEAR_MS = 365 * DAY_MS

_UNIT_MS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
_YEAR_1_MS, _YEAR_10000_MS = -62_135_596_800_000, 253_402_300_800_000
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC by convention, as every Instant is
_DURATION = re.compile(r"([1-9][0-9]*)([smhdw])")


def parse_duration(text: str) -> Duration:
    """'15m', '4h', '180d' in milliseconds. Raises UsageError for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r} is not a duration",
            next_step="write a whole number and one of s, m, h, d, w, such as 15m, 4h or 180d",
        )
    return int(match[1]) * _UNIT_MS[match[2]]


def format_duration(duration: Duration) -> str:
    """The shortest text ``parse_duration`` reads back as the same duration, weeks written in days."""
    for unit in ("d", "h", "m", "s"):
        if duration % _UNIT_MS[unit] == 0:
            return f"{duration // _UNIT_MS[unit]}{unit}"
    return f"{duration}ms"


def parse_instant(text: str) -> Instant:
    """An ISO date or date-time; without a zone it is UTC. '2024-01-31' is its midnight."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a date",
            next_step="write it as 2024-01-31 or 2024-01-31T16:00:00Z",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def format_instant(instant: Instant) -> str:
    """'2024-01-31T16:00:00Z', with milliseconds only when there are any.

    An int that is no time of the years 1 to 9999 (a broken row must still be named) reads as '<number> ms'.
    """
    if not _YEAR_1_MS <= instant < _YEAR_10000_MS:
        return f"{instant} ms"
    moment = _EPOCH + timedelta(milliseconds=instant)  # exact, where a float of seconds is not
    return moment.isoformat(timespec="milliseconds" if instant % 1000 else "seconds") + "Z"


def format_date(instant: Instant) -> str:
    return (_EPOCH + timedelta(milliseconds=instant)).date().isoformat()
