"""What each answer of the venue proves, row by row of the classifier, and that nothing else proves anything.

Proves: SX-3
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.execution.events import CancelOutcome, SendOutcome
from qts.execution.send_outcome import SENDS, Again, Signal, banned_until, classify, classify_cancel

O, A = SendOutcome, Again  # noqa: E741
UNAVAILABLE, UNSURE = "Service Unavailable.", "Unknown error, please check your request or try again later."
INTERNAL = "Internal error; unable to process your request. Please try again."

# status, code, message, echoed, was_sent -> outcome, again, further tries, and what else follows
TABLE = [
    (200, None, "", True, True, O.ACCEPTED, A.NEVER, 0, ""),
    (201, 200, "success", True, True, O.ACCEPTED, A.NEVER, 0, ""),
    (200, None, "", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (200, None, "<html>", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (200, -2019, "refused inside a success", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (None, None, "connection refused", False, False, O.NOT_SENT, A.SAME_ATTEMPT, 5, ""),
    (None, None, "name not known", False, False, O.NOT_SENT, A.SAME_ATTEMPT, 5, ""),
    (400, -1021, "", False, True, O.REFUSED, A.NEW_ATTEMPT, 1, "clock"),
    (400, -5028, "", False, True, O.REFUSED, A.NEW_ATTEMPT, 1, "clock"),
    (400, -1022, "", False, True, O.REFUSED, A.NEVER, 0, "halt clock"),
    (429, None, "", False, True, O.REFUSED, A.NEW_ATTEMPT, 2, "hold"),
    (429, -1003, "", False, True, O.REFUSED, A.NEW_ATTEMPT, 2, "hold"),
    (400, -1003, "", False, True, O.REFUSED, A.NEW_ATTEMPT, 2, "hold"),
    (400, -1015, "", False, True, O.REFUSED, A.NEW_ATTEMPT, 2, "hold"),
    (418, -1003, "IP banned until 1704067200000.", False, True, O.REFUSED, A.NEW_ATTEMPT, 1, "hold ban"),
    (503, None, UNAVAILABLE, False, True, O.REFUSED, A.NEW_ATTEMPT, 5, ""),
    (503, -1008, "overloaded", False, True, O.REFUSED, A.NEW_ATTEMPT, 5, ""),
    (400, -1008, "overloaded", False, True, O.REFUSED, A.NEW_ATTEMPT, 5, ""),
    (503, -1001, INTERNAL, False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (503, None, INTERNAL, False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (503, None, UNSURE, False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (503, None, "<html>Service Unavailable.</html>", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (503, -1000, UNSURE, False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    *[(400, code, "", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, "") for code in (-1000, -1001, -1006, -1007)],
    *[(status, None, "", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, "") for status in (408, 500, 502, 504, 520)],
    (504, -2019, "a refusal that came with a timeout", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (408, -2019, "", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (None, None, "timeout", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (None, -2019, "a code that no status carried", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (400, None, "not JSON", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (400, -9999, "a code nobody described", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (400, -2011, "", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (400, -2013, "", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, ""),
    (400, -4116, "ClientOrderId is duplicated.", False, True, O.EXISTS, A.NEVER, 0, ""),
    *[
        (400, code, "", False, True, O.REJECTED, A.NEVER, 0, "")
        for code in (-2010, -2018, -2019, -2021, -2022, -2025, -2027, -1111, -1121, -4164, -5022)
    ],
    *[(400, code, "", False, True, O.REJECTED, A.NEVER, 0, "") for code in (-4000, -4005, -4099, -4100, -4120, -4199)],
    *[
        (status, code, "", False, True, O.REFUSED, A.NEVER, 0, "halt")
        for status, code in ((401, -2014), (401, -2015), (400, -2017), (400, -4088), (400, -4192))
    ],
    (403, None, "WAF", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, "halt"),
    (451, None, "region", False, True, O.UNKNOWN, A.BY_PROTOCOL, 0, "halt"),
]


@pytest.mark.parametrize("case", TABLE)
def test_each_signal_means_what_the_table_says(case):
    status, code, text, echoed, was_sent, outcome, again, tries, rest = case
    found = classify(status, code, text, echoed=echoed, was_sent=was_sent)
    flags = {"halt": found.halts, "hold": found.holds_all, "ban": found.is_ban, "clock": found.resyncs_clock}
    assert (found.outcome, found.again, len(found.delays)) == (outcome, again, tries)
    assert {name for name, is_set in flags.items() if is_set} == set(rest.split())


def test_every_row_is_reached_by_a_case():
    reached = set()
    for status, code, text, echoed, was_sent, *_ in TABLE:
        signal = Signal(status=status, code=code, message=text, echoed=echoed, was_sent=was_sent)
        reached.add(next(name for name, fits, _ in SENDS if fits(signal)))
    assert reached == {name for name, _, _ in SENDS}


CANCELS = [
    (200, None, True, True, CancelOutcome.CANCELED),
    (200, None, False, True, CancelOutcome.UNKNOWN),
    (400, -2011, False, True, CancelOutcome.UNKNOWN),
    (400, -2013, False, True, CancelOutcome.UNKNOWN),
    (400, -4116, False, True, CancelOutcome.UNKNOWN),
    (None, None, False, True, CancelOutcome.UNKNOWN),
    (503, -1000, False, True, CancelOutcome.UNKNOWN),
    (504, None, False, True, CancelOutcome.UNKNOWN),
    (None, None, False, False, CancelOutcome.REFUSED),
    (429, None, False, True, CancelOutcome.REFUSED),
    (400, -1021, False, True, CancelOutcome.REFUSED),
    (401, -2015, False, True, CancelOutcome.REFUSED),
    (400, -1111, False, True, CancelOutcome.REFUSED),
]


@pytest.mark.parametrize(("status", "code", "echoed", "was_sent", "outcome"), CANCELS)
def test_a_cancellation_is_done_only_when_the_venue_says_so(status, code, echoed, was_sent, outcome):
    assert classify_cancel(status, code, "", echoed=echoed, was_sent=was_sent).outcome is outcome


def test_an_account_that_may_not_trade_halts_when_a_cancellation_finds_out():
    assert classify_cancel(401, -2015, "", echoed=False).halts
    assert classify_cancel(418, -1003, "", echoed=False).is_ban


statuses = st.one_of(st.none(), st.integers(100, 599))
codes = st.one_of(st.none(), st.integers(-6000, 0), st.sampled_from([-1000, -1008, -2015, -2019, -4116]))


@given(statuses, codes, st.sampled_from(["", UNAVAILABLE, UNSURE, INTERNAL]), st.booleans())
def test_nothing_is_definite_that_the_venue_could_have_executed(status, code, text, echoed):
    """Whatever comes under a timeout, a server error or no status is unknown, unless it is the one documented text."""
    found = classify(status, code, text, echoed=echoed)
    vague = status is None or status == 408 or status >= 500
    documented = status == 503 and (text == UNAVAILABLE or code == -1008)
    if vague and not documented:
        assert found.outcome is SendOutcome.UNKNOWN
    if found.outcome is SendOutcome.ACCEPTED:
        assert echoed
    if found.outcome in (SendOutcome.REJECTED, SendOutcome.UNKNOWN, SendOutcome.EXISTS):
        assert found.retry_at(1, 1_000) is None, "only what is definitely not placed goes out again"


def test_waiting_grows_and_ends():
    busy = classify(503, None, UNAVAILABLE, echoed=False)
    assert [busy.retry_at(tries, 1_000) for tries in (1, 2, 3, 4, 5, 6)] == [1_200, 1_400, 1_800, 1_800, 1_800, None]


def test_the_instant_the_venue_names_is_waited_for():
    ban = classify(418, -1003, "Way too many requests; IP(1.2.3.4) banned until 1704067200000.", echoed=False)
    until = banned_until("Way too many requests; IP(1.2.3.4) banned until 1704067200000.")
    assert until == 1_704_067_200_000
    assert ban.retry_at(1, until - 5_000, until) == until
    assert ban.retry_at(1, until + 5_000, until) == until + 5_000
    assert ban.retry_at(1, 0) == 120_000
    assert banned_until("Too many requests") is None
