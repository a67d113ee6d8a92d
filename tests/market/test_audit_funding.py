"""The audit of funding events: one planted fault at a time."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import DataError
from qts.domain.instant import HOUR_MS, MINUTE_MS, parse_instant
from qts.market.audit_funding import audit_funding
from qts.market.findings import FindingKind, Severity, Verdict
from qts.market.funding import Funding
from qts.market.raw import RawFunding

START = parse_instant("2024-01-01")
K, S = FindingKind, Severity


def events(number: int = 60, step_ms: int = 8 * HOUR_MS) -> RawFunding:
    return RawFunding(
        symbol="TESTUSDT",
        published_at=START + np.arange(number, dtype=np.int64) * step_ms,
        rate=np.where(np.arange(number) % 3 == 0, -0.00005, 0.0001),
    )


def with_rate(raw: RawFunding, row: int, rate: float) -> RawFunding:
    rates = raw.rate.copy()
    rates[row] = rate
    return replace(raw, rate=rates)


def with_stamp(raw: RawFunding, row: int, stamp: int) -> RawFunding:
    stamps = raw.published_at.copy()
    stamps[row] = stamp
    return replace(raw, published_at=stamps)


def without(raw: RawFunding, row: int) -> RawFunding:
    keep = np.arange(len(raw)) != row
    return replace(raw, published_at=raw.published_at[keep], rate=raw.rate[keep])


def twice(raw: RawFunding, row: int) -> RawFunding:
    rows = np.sort(np.append(np.arange(len(raw)), row))
    return replace(raw, published_at=raw.published_at[rows], rate=raw.rate[rows])


def test_a_faultless_history_has_no_finding() -> None:
    assert audit_funding(events()).findings == ()


@pytest.mark.parametrize(
    ("plant", "kind", "severity", "row"),
    [
        (lambda r: without(r, 30), K.FUNDING_GAP, S.WARNING, 30),
        (lambda r: with_rate(r, 7, 0.05), K.FUNDING_RATE_IMPLAUSIBLE, S.WARNING, 7),
        (lambda r: with_rate(r, 7, 1.5), K.FUNDING_RATE_IMPOSSIBLE, S.BLOCKING, 7),
        (lambda r: with_rate(r, 7, np.nan), K.FUNDING_RATE_IMPOSSIBLE, S.BLOCKING, 7),
        (lambda r: replace(r, rate=r.rate * 100), K.FUNDING_RATE_UNIT, S.WARNING, 0),
        (lambda r: with_stamp(r, 5, r.published_at[5] + 47), K.FUNDING_STAMP_LATE, S.INFO, 5),
        (lambda r: with_stamp(r, 5, r.published_at[5] + 9_000), K.FUNDING_STAMP_LATE, S.WARNING, 5),
        (lambda r: replace(r, published_at=r.published_at + 3 * HOUR_MS), K.TIME_SHIFT, S.WARNING, 0),
        (lambda r: replace(r, published_at=r.published_at // 1000), K.TIME_UNIT, S.BLOCKING, 0),
        (lambda r: twice(r, 4), K.DUPLICATE_EXACT, S.BLOCKING, 5),
        (lambda r: with_rate(twice(r, 4), 5, 0.0003), K.DUPLICATE_CONFLICT, S.BLOCKING, 5),
        (lambda r: with_stamp(r, 9, START), K.OUT_OF_ORDER, S.BLOCKING, 9),
    ],
    ids=lambda value: value.value if isinstance(value, FindingKind) else None,
)
def test_each_fault_is_found_where_it_is_and_nothing_else(
    plant: Callable[[RawFunding], RawFunding], kind: FindingKind, severity: Severity, row: int
) -> None:
    """Proves: QL-2"""
    report = audit_funding(plant(events()))
    assert [(f.kind, f.severity, f.row_first) for f in report.findings] == [(kind, severity, row)]


def test_a_venue_that_changes_its_schedule_is_a_fact_and_no_hole() -> None:
    before, after = events(30), events(30, step_ms=4 * HOUR_MS)
    joined = RawFunding(
        symbol="TESTUSDT",
        published_at=np.concatenate(
            (before.published_at, before.published_at[-1] + 4 * HOUR_MS + after.published_at - START)
        ),
        rate=np.concatenate((before.rate, after.rate)),
    )
    (finding,) = audit_funding(joined).findings
    assert (finding.kind, finding.row_first) == (K.FUNDING_STEP_CHANGE, 30)
    assert "every 4h, before every 8h" in finding.message


def test_no_events_at_all_is_blocking() -> None:
    assert audit_funding(events(0)).verdict is Verdict.BLOCKING


STAMPS = st.sampled_from([START, START + 40, START + HOUR_MS, START + HOUR_MS + MINUTE_MS // 2, START // 1000, -7])
RATES = st.sampled_from([0.0, 0.0001, -0.5, 1.0, 1.01, float("nan"), float("inf")])


@given(st.lists(st.tuples(STAMPS, RATES), max_size=6))
def test_what_the_audit_lets_through_funding_accepts(rows: list[tuple[int, float]]) -> None:
    stamps = np.array([stamp for stamp, _ in rows], dtype=np.int64)
    rates = np.array([rate for _, rate in rows], dtype=np.float64)
    report = audit_funding(RawFunding(symbol="X", published_at=stamps, rate=rates))
    try:
        Funding.from_published("X", stamps, rates)
        accepted = True
    except DataError:
        accepted = False
    if report.verdict is not Verdict.BLOCKING:
        assert accepted
    elif accepted:
        assert set(report.counts) & {K.EMPTY, K.TIME_UNIT}
