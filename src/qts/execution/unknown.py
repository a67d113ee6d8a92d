"""What is done about one order of which the venue did not say what became of it: a machine of its own.

A case is opened when a request ends without a definite answer, and dropped by the caller at the first word of
the venue about the id, which also cancels whatever try was still to come. Until then silence is answered by
questions, and only evidence concludes. What always holds:

- "Not found" is never proof. NOT_PLACED needs every proof of ``AbsenceProof`` at once, and what is not known is
  not proof.
- An order has a death time: the venue refuses what reaches it later than ``RECEIVE_WINDOW_MS`` after it was sent.
  Nothing is concluded from what was seen before it, and a margin for answers that are older than they look.
- A slice has ``ATTEMPTS_MAX`` attempts in this protocol, and a case allows at most one more. Whether it waits
  for the proof depends on what a mistake costs: an entry twice is exposure nobody wanted, so it waits; a
  reduce-only exit is capped at the position, so the death time is enough; a missing stop is worse than two, so a
  protective order does not even wait for that (protection.py sweeps the surplus).
- After ``QUARANTINE_MS`` without a conclusion a case says so once, and goes on asking.

A step gives one action. While ``due(case) <= now`` there is another one.
Source: reliability, section 2.2.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from qts.domain.instant import Duration, Instant
from qts.execution.contracts import Role

RECEIVE_WINDOW_MS: Final[Duration] = 2_000
ANSWER_AGE_MS: Final[Duration] = 3_000  # how much older than its time stamp the venue's answer may be
EXIT_AGAIN_MS: Final[Duration] = RECEIVE_WINDOW_MS + 1_000
PROTECTIVE_AGAIN_MS: Final[Duration] = 2_000
QUARANTINE_MS: Final[Duration] = 60_000
QUERIES_MS: Final[tuple[Duration, ...]] = (500, 1_000, 2_000, 4_000, 8_000)
QUERY_EVERY_MS: Final[Duration] = 8_000
NOT_FOUND_NEEDED: Final = 3
NOT_FOUND_APART_MS: Final[Duration] = 2_000
ATTEMPTS_MAX: Final = 2


class Bias(StrEnum):
    """Which mistake is the worse one."""

    ENTRY = "entry"
    EXIT = "exit"
    PROTECTIVE = "protective"

    @classmethod
    def of(cls, role: Role) -> "Bias":
        if role is Role.STOP_LOSS:
            return cls.PROTECTIVE
        # A second resting target would block the exit, so a target waits for the proof like an entry.
        return cls.EXIT if role is Role.EXIT or role is Role.ESCAPE else cls.ENTRY


# -- what is heard ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NotFound:
    """The venue answered a query by id with "not found". at: when, venue clock."""

    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one snapshot says about the order; None where it does not say.

    as_of: venue clock. in_open_list: the list it belongs to, regular or conditional, has the id.
    unexplained_trade: there was a trade since the send that belongs to no other order known here.
    position_agrees: the venue's position is the one recorded here.
    """

    as_of: Instant
    in_open_list: bool | None
    unexplained_trade: bool | None
    position_agrees: bool | None

    @property
    def is_absence(self) -> bool:
        return self.in_open_list is False and self.unexplained_trade is False and self.position_agrees is True


# -- what is to be done -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing before ``due(case)``."""


@dataclass(frozen=True, slots=True)
class Query:
    """Ask the venue by id, in the book the order was sent to."""


@dataclass(frozen=True, slots=True)
class ProvedAbsent:
    """The order never reached the matching engine: every proof of it, for one row of the record.

    as_of: of the snapshot that shows it neither open nor traded nor in the position. not_found: the answers
    that count. The case is over; may_retry: whether a new attempt, under a new id, is allowed now.
    """

    client_id: str
    sent_at: Instant
    as_of: Instant
    not_found: tuple[Instant, ...]
    may_retry: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """A new attempt, under a new id, may go out although this one is not proved absent. The case stays open.

    Of a protective order it means: ask protection.py now, which places the second one by the same clock.
    """


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Nobody knows, and it took too long: the symbol only reduces, people are told. The case stays open."""


UnknownAction: TypeAlias = Wait | Query | ProvedAbsent | Retry | Quarantine

_WAIT, _QUERY, _RETRY, _QUARANTINE = Wait(), Query(), Retry(), Quarantine()


# -- the machine ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownCase:
    """One order of unknown outcome.

    attempt: of its slice, from 1. sent_at: when it left, which the death time counts from. since: when it became
    unknown, which the questions count from. not_found: the answers that count, far enough apart. seen: the newest
    evidence from after the death time. next_at: when to ask next. retried, quarantined: already said.
    """

    client_id: str
    bias: Bias
    attempt: int
    sent_at: Instant
    since: Instant
    next_at: Instant
    queries: int = 0
    not_found: tuple[Instant, ...] = ()
    seen: Evidence | None = None
    retried: bool = False
    quarantined: bool = False

    @property
    def settled_at(self) -> Instant:
        """From when on a snapshot tells about this order: it cannot arrive any more, nor be hidden by an old answer."""
        return self.sent_at + RECEIVE_WINDOW_MS + ANSWER_AGE_MS

    @property
    def wants_snapshot(self) -> bool:
        """Whether only a snapshot from after ``settled_at`` is missing to conclude."""
        return len(self.not_found) >= NOT_FOUND_NEEDED and (self.seen is None or not self.seen.is_absence)

    @property
    def retry_at(self) -> Instant | None:
        """When another attempt may go out without proof, None for never."""
        if self.retried or self.attempt >= ATTEMPTS_MAX or self.bias is Bias.ENTRY:
            return None
        after = EXIT_AGAIN_MS if self.bias is Bias.EXIT else PROTECTIVE_AGAIN_MS
        return max(self.since, self.sent_at + after)


def opened(client_id: str, bias: Bias, attempt: int, sent_at: Instant, now: Instant) -> UnknownCase:
    return UnknownCase(
        client_id=client_id, bias=bias, attempt=attempt, sent_at=sent_at, since=now, next_at=now + QUERIES_MS[0]
    )


def step(case: UnknownCase, heard: Evidence | NotFound | None, now: Instant) -> tuple[UnknownCase, UnknownAction]:
    """One step: what is known of the case after ``heard`` (None: only time passed, or no answer), and what to do."""
    if isinstance(heard, NotFound):
        case = _with_not_found(case, heard)
    elif heard is not None:
        case = _with_evidence(case, heard)
    proof = _proof(case)
    if proof is not None:
        return case, proof
    retry_at = case.retry_at
    if retry_at is not None and retry_at <= now:
        return replace(case, retried=True), _RETRY
    if not case.quarantined and case.since + QUARANTINE_MS <= now:
        return replace(case, quarantined=True), _QUARANTINE
    if case.next_at <= now:
        return replace(case, queries=case.queries + 1, next_at=_query_after(case.since, now)), _QUERY
    return case, _WAIT


def due(case: UnknownCase) -> Instant:
    """The earliest instant at which time alone makes a step do something."""
    at = case.next_at if case.quarantined else min(case.next_at, case.since + QUARANTINE_MS)
    retry_at = case.retry_at
    return at if retry_at is None else min(at, retry_at)


def _with_not_found(case: UnknownCase, heard: NotFound) -> UnknownCase:
    """Answers close together are one answer, one that was given before the send is none, and enough is enough."""
    if len(case.not_found) >= NOT_FOUND_NEEDED:
        return case
    after = case.not_found[-1] + NOT_FOUND_APART_MS if case.not_found else case.sent_at
    return case if heard.at < after else replace(case, not_found=(*case.not_found, heard.at))


def _with_evidence(case: UnknownCase, heard: Evidence) -> UnknownCase:
    """The newest counts, so that a snapshot that came late takes back nothing and adds nothing."""
    if heard.as_of <= case.settled_at or (case.seen is not None and heard.as_of < case.seen.as_of):
        return case
    return replace(case, seen=heard)


def _proof(case: UnknownCase) -> ProvedAbsent | None:
    if len(case.not_found) < NOT_FOUND_NEEDED or case.seen is None or not case.seen.is_absence:
        return None
    return ProvedAbsent(
        client_id=case.client_id,
        sent_at=case.sent_at,
        as_of=case.seen.as_of,
        not_found=case.not_found,
        may_retry=not case.retried and case.attempt < ATTEMPTS_MAX,
    )


def _query_after(since: Instant, now: Instant) -> Instant:
    """The first instant of the schedule that lies ahead: what was missed is not made up for."""
    for offset in QUERIES_MS:
        if since + offset > now:
            return since + offset
    return since + ((now - since) // QUERY_EVERY_MS + 1) * QUERY_EVERY_MS
