"""What the answer to a request proves about the request: a table, read from the top, the first row that fits.

The venue has many words for "no" and a few for "I do not know", and its client
library gives both the same exception. So a signal is judged by three facts: HTTP
status, error code, and text. Always:

- Silence, and whatever is not in the table, is UNKNOWN; nothing defaults to "not placed".
- ACCEPTED needs both our client id and the venue's number in the body. It makes no fill; fills have trade ids.
- A definite answer is definite only under a status that the venue itself sends with it: a code of refusal
  inside a 504 proves nothing.
- Only NOT_SENT and REFUSED may be tried again from here. UNKNOWN goes to unknown.py; REJECTED never goes out again.

The file does not know the order: what a refusal of a protective order leads to stands in protection.py.
Source: Binance USD-M error codes and general info (HTTP return codes); requirements in reliability, section 2.2.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from qts.domain.instant import Duration, Instant
from qts.execution.events import CancelOutcome, SendOutcome

WOULD_TRIGGER: Final = frozenset({-2021, -4142})
"""Refusals of a conditional order that say: the price is there already."""

BACK_OFF_MS: Final[tuple[Duration, ...]] = (200, 400, 800, 800, 800)
THROTTLED_MS: Final[Duration] = 10_000  # the shorter window of the venue's order limits, when it names no instant
BANNED_MS: Final[Duration] = 120_000  # the venue's shortest ban, when it names no instant


class Again(StrEnum):
    """Whether the request may go out once more."""

    NEVER = "never"
    SAME_ATTEMPT = "same-attempt"  # no byte left: the same id, since it was never used
    NEW_ATTEMPT = "new-attempt"  # a new id, after ``delays`` or the instant the venue named
    BY_PROTOCOL = "by-protocol"  # only what unknown.py allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a signal proves, and what follows from it.

    delays: how long to wait before each further try, ms; as many tries as there are delays.
    holds_all: nothing is sent at all until the instant the venue named (a throttle or a ban).
    is_ban: that instant outlives the process and is stored. halts: nothing new is opened until an operator
    looks, since the reason is the account's. resyncs_clock: our clock is measured anew before the next try.
    """

    outcome: SendOutcome
    again: Again
    delays: tuple[Duration, ...] = ()
    holds_all: bool = False
    is_ban: bool = False
    halts: bool = False
    resyncs_clock: bool = False

    def retry_at(self, tries: int, now: Instant, named: Instant | None = None) -> Instant | None:
        """The earliest instant of the next try after this many failed ones, or None when there is none.

        tries: failed so far with this verdict, from 1. named: the instant the venue gave (Retry-After, end of a ban).
        """
        if self.again is not Again.SAME_ATTEMPT and self.again is not Again.NEW_ATTEMPT:
            return None
        if tries > len(self.delays):
            return None
        return now + self.delays[tries - 1] if named is None else max(now, named)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelVerdict:
    """What a signal proves about a cancellation. The rest as in Verdict; UNKNOWN is followed by a query."""

    outcome: CancelOutcome
    again: Again
    delays: tuple[Duration, ...] = ()
    holds_all: bool = False
    is_ban: bool = False
    halts: bool = False
    resyncs_clock: bool = False


_ACCEPTED: Final = Verdict(outcome=SendOutcome.ACCEPTED, again=Again.NEVER)
_REJECTED: Final = Verdict(outcome=SendOutcome.REJECTED, again=Again.NEVER)
_EXISTS: Final = Verdict(outcome=SendOutcome.EXISTS, again=Again.NEVER)
_UNKNOWN: Final = Verdict(outcome=SendOutcome.UNKNOWN, again=Again.BY_PROTOCOL)
_UNKNOWN_HALT: Final = Verdict(outcome=SendOutcome.UNKNOWN, again=Again.BY_PROTOCOL, halts=True)
_NOT_SENT: Final = Verdict(outcome=SendOutcome.NOT_SENT, again=Again.SAME_ATTEMPT, delays=BACK_OFF_MS)
_LATE: Final = Verdict(outcome=SendOutcome.REFUSED, again=Again.NEW_ATTEMPT, delays=(0,), resyncs_clock=True)
_BAD_SIGNATURE: Final = Verdict(outcome=SendOutcome.REFUSED, again=Again.NEVER, halts=True, resyncs_clock=True)
_BUSY: Final = Verdict(outcome=SendOutcome.REFUSED, again=Again.NEW_ATTEMPT, delays=BACK_OFF_MS)
_THROTTLED: Final = Verdict(
    outcome=SendOutcome.REFUSED, again=Again.NEW_ATTEMPT, delays=(THROTTLED_MS,) * 2, holds_all=True
)
_BANNED: Final = Verdict(
    outcome=SendOutcome.REFUSED, again=Again.NEW_ATTEMPT, delays=(BANNED_MS,), holds_all=True, is_ban=True
)
_NOT_ALLOWED: Final = Verdict(outcome=SendOutcome.REFUSED, again=Again.NEVER, halts=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """status, code: None when there was none. echoed: the body has our client id and a numeric order id.

    was_sent: False when the connection failed before the first byte of the request.
    """

    status: int | None
    code: int | None
    message: str
    echoed: bool
    was_sent: bool = True

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    def has_code(self, *codes: int) -> bool:
        """Whether the venue refused with one of these, under a status of refusal (4xx but 408, which is a timeout)."""
        return self.code in codes and self.status is not None and 400 <= self.status < 500 and self.status != 408

    def has_code_between(self, low: int, high: int) -> bool:
        return self.code is not None and low <= self.code <= high and self.has_code(self.code)


Row: TypeAlias = tuple[str, Callable[[Signal], bool], Verdict]

SENDS: Final[tuple[Row, ...]] = (
    ("nothing left", lambda s: not s.was_sent, _NOT_SENT),
    ("2xx that names our order and theirs", lambda s: s.is_success and s.echoed, _ACCEPTED),
    ("2xx that does not", lambda s: s.is_success, _UNKNOWN),
    ("banned", lambda s: s.status == 418, _BANNED),
    ("too many requests", lambda s: s.status == 429, _THROTTLED),
    ("a wall in front of the venue", lambda s: s.status in (403, 451), _UNKNOWN_HALT),
    ("the venue is down", lambda s: s.status == 503 and s.message.strip() == "Service Unavailable.", _BUSY),
    ("the venue is overloaded", lambda s: s.has_code(-1008) or (s.status == 503 and s.code == -1008), _BUSY),
    # -1001 is documented as a failure; its text also covers disconnects, so it proves nothing.
    ("the venue does not know", lambda s: s.code in (-1000, -1001, -1006, -1007), _UNKNOWN),
    ("came too late", lambda s: s.has_code(-1021, -5028), _LATE),
    ("wrong signature", lambda s: s.has_code(-1022), _BAD_SIGNATURE),
    ("too many orders", lambda s: s.has_code(-1003, -1015), _THROTTLED),
    ("our id is live", lambda s: s.has_code(-4116), _EXISTS),
    ("the account may not", lambda s: s.has_code(-2014, -2015, -2017, -4088, -4192), _NOT_ALLOWED),
    (
        "the order is at fault",
        lambda s: s.has_code(-2010, -2018, -2019, -2021, -2022, -2025, -2027, -1111, -1121, -5022),
        _REJECTED,
    ),
    ("a filter, or a rule of orders", lambda s: s.has_code_between(-4199, -4000), _REJECTED),
    ("timeouts, 5xx, resets, and all the rest", lambda _: True, _UNKNOWN),
)


def classify(
    http_status: int | None, code: int | None, message: str, *, echoed: bool, was_sent: bool = True
) -> Verdict:
    """What the answer to a send or a modification proves. Arguments as in Signal."""
    signal = Signal(status=http_status, code=code, message=message, echoed=echoed, was_sent=was_sent)
    return next(verdict for _, fits, verdict in SENDS if fits(signal))


# A rejected cancellation is one that did not happen; one that "exists" makes no sense and proves nothing.
_OF_CANCEL: Final = {
    SendOutcome.ACCEPTED: CancelOutcome.CANCELED,
    SendOutcome.REJECTED: CancelOutcome.REFUSED,
    SendOutcome.REFUSED: CancelOutcome.REFUSED,
    SendOutcome.NOT_SENT: CancelOutcome.REFUSED,
    SendOutcome.UNKNOWN: CancelOutcome.UNKNOWN,
    SendOutcome.EXISTS: CancelOutcome.UNKNOWN,
}


def classify_cancel(
    http_status: int | None, code: int | None, message: str, *, echoed: bool, was_sent: bool = True
) -> CancelVerdict:
    """What the answer to a cancellation proves.

    "Unknown order" (-2011, -2013) is UNKNOWN like every code that is not in the table: the order may have filled.
    """
    found = classify(http_status, code, message, echoed=echoed, was_sent=was_sent)
    return CancelVerdict(
        outcome=_OF_CANCEL[found.outcome],
        again=found.again,
        delays=found.delays,
        holds_all=found.holds_all,
        is_ban=found.is_ban,
        halts=found.halts,
        resyncs_clock=found.resyncs_clock,
    )


_BANNED_UNTIL = re.compile(r"banned until (\d{13})\b")


def banned_until(message: str) -> Instant | None:
    """The instant, ms UTC, at which the venue says a ban ends, or None when the text names none."""
    found = _BANNED_UNTIL.search(message)
    return None if found is None else int(found.group(1))
