"""One planted fault at a time: the audit finds it, names the row, and says nothing about the rest."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.errors import DataError
from qts.domain.instant import DAY_MS, HOUR_MS, MINUTE_MS, format_instant, parse_instant
from qts.market.audit import audit_bars
from qts.market.findings import FINDINGS_PER_KIND_MAX, FindingKind, Severity, Verdict, runs
from qts.market.raw import RawBars

START = parse_instant("2024-01-01")


def quiet(rows: int = 200, interval_ms: int = HOUR_MS, seed: int = 7) -> RawBars:
    """A faultless series: a random walk of about 0.5 % a bar, ordinary volume."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.005, rows)))
    opened = np.concatenate(([100.0], close[:-1]))
    wick = np.abs(rng.normal(0, 0.002, (2, rows)))
    return RawBars(
        symbol="TESTUSDT",
        interval_ms=interval_ms,
        opened_at=START + np.arange(rows, dtype=np.int64) * interval_ms,
        open=opened,
        high=np.maximum(opened, close) * (1 + wick[0]),
        low=np.minimum(opened, close) * (1 - wick[1]),
        close=close,
        volume=rng.lognormal(5, 0.4, rows),
    )


def with_values(raw: RawBars, column: str, rows: object, value: object) -> RawBars:
    values = getattr(raw, column).copy()
    values[rows] = value
    return replace(raw, **{column: values})


def kinds(raw: RawBars) -> set[FindingKind]:
    return set(audit_bars(raw).counts)


def test_a_faultless_series_has_no_finding_at_all() -> None:
    report = audit_bars(quiet())
    assert report.findings == ()
    assert report.verdict is Verdict.CLEAN


K, S = FindingKind, Severity
FAULTS: list[tuple[str, Callable[[RawBars], RawBars], FindingKind, Severity, int]] = [
    ("a NaN close", lambda r: with_values(r, "close", 50, np.nan), K.PRICE_NOT_FINITE, S.BLOCKING, 50),
    (
        "an infinite high",
        lambda r: with_values(r, "high", 9, np.inf),
        K.PRICE_NOT_FINITE,
        S.BLOCKING,
        9,
    ),
    ("a zero low", lambda r: with_values(r, "low", 3, 0.0), K.PRICE_NOT_POSITIVE, S.BLOCKING, 3),
    ("a negative low", lambda r: with_values(r, "low", 3, -1.0), K.PRICE_NOT_POSITIVE, S.BLOCKING, 3),
    ("high below low", lambda r: with_values(r, "high", 40, 1.0), K.HIGH_BELOW_LOW, S.BLOCKING, 40),
    (
        "open above high",
        lambda r: with_values(r, "open", 40, 1e4),
        K.BODY_OUTSIDE_RANGE,
        S.BLOCKING,
        40,
    ),
    (
        "negative volume",
        lambda r: with_values(r, "volume", 8, -1.0),
        K.VOLUME_IMPOSSIBLE,
        S.BLOCKING,
        8,
    ),
    (
        "missing volume",
        lambda r: with_values(r, "volume", 8, np.nan),
        K.VOLUME_IMPOSSIBLE,
        S.BLOCKING,
        8,
    ),
    ("one bar gone", lambda r: r.rows(np.arange(len(r)) != 60), K.GAP, S.WARNING, 60),
    (
        "a row off the grid",
        lambda r: with_values(r, "opened_at", 5, r.opened_at[5] + MINUTE_MS),
        K.OFF_GRID,
        S.BLOCKING,
        5,
    ),
    (
        "two rows swapped",
        lambda r: r.rows(np.array([0, 1, 3, 2, *range(4, len(r))])),
        K.OUT_OF_ORDER,
        S.BLOCKING,
        3,
    ),
    (
        "a row twice",
        lambda r: r.rows(np.array([0, 1, 1, *range(2, len(r))])),
        K.DUPLICATE_EXACT,
        S.BLOCKING,
        1,
    ),
    (
        "a row in seconds",
        lambda r: with_values(r, "opened_at", 0, r.opened_at[0] // 1000),
        K.TIME_UNIT,
        S.BLOCKING,
        0,
    ),
    (
        "twelve bars without volume",
        lambda r: with_values(r, "volume", slice(20, 32), 0.0),
        K.ZERO_VOLUME_RUN,
        S.WARNING,
        20,
    ),
    (
        "volume a thousand times too big",
        lambda r: with_values(r, "volume", 77, r.volume[77] * 1000),  # type: ignore[index]
        K.VOLUME_SPIKE,
        S.INFO,
        77,
    ),
]


@pytest.mark.parametrize(("plant", "kind", "severity", "row"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_each_fault_is_found_where_it_is_and_nothing_else(
    plant: Callable[[RawBars], RawBars], kind: FindingKind, severity: Severity, row: int
) -> None:
    """Proves: QL-2"""
    report = audit_bars(plant(quiet()))
    found = [finding for finding in report.findings if finding.kind is kind]
    assert [(finding.severity, finding.row_first) for finding in found] == [(severity, row)]
    assert set(report.counts) - {kind} <= {FindingKind.GAP, FindingKind.EXTREME_MOVE}
    assert found[0].message
    assert found[0].remedy


def test_a_conflicting_duplicate_names_the_columns_that_differ() -> None:
    raw = quiet().rows(np.array([0, 1, 1, *range(2, 200)]))
    report = audit_bars(with_values(raw, "close", 2, raw.close[2] * 1.0001))
    (finding,) = report.findings
    assert finding.kind is FindingKind.DUPLICATE_CONFLICT
    assert finding.message.endswith("stands in rows 1, 2 with different close")


def test_a_bad_tick_is_suspected_and_a_crash_is_a_fact() -> None:
    """Proves: QL-2"""
    raw = quiet()
    for column in ("close", "high"):
        raw = with_values(raw, column, 100, raw.close[100] * 10)
    report = audit_bars(raw)
    assert [f.row_first for f in report.findings if f.kind is FindingKind.RETURN_SPIKE] == [100]
    assert report.verdict is Verdict.WARNINGS

    fallen = quiet()
    for column in ("open", "high", "low", "close"):
        fallen = with_values(fallen, column, slice(101, None), getattr(fallen, column)[101:] * 0.6)
    fallen = with_values(fallen, "high", 101, fallen.high[101] / 0.6)
    fallen = with_values(fallen, "open", 101, fallen.open[101] / 0.6)
    report = audit_bars(fallen)
    assert set(report.counts) == {FindingKind.EXTREME_MOVE}
    assert report.verdict is Verdict.CLEAN


def test_a_leap_that_comes_back_on_heavy_volume_is_not_called_suspect() -> None:
    raw = quiet()
    for column in ("close", "high"):
        raw = with_values(raw, column, 100, raw.close[100] * 1.5)
    raw = with_values(raw, "volume", 100, 50 * np.median(raw.volume))  # type: ignore[arg-type]
    assert FindingKind.RETURN_SPIKE not in kinds(raw)


@pytest.mark.parametrize(
    ("factor", "unit"),
    [(1 / 1000, "s"), (1000, "us"), (1_000_000, "ns")],
    ids=["seconds", "microseconds", "nanoseconds"],
)
def test_a_whole_series_in_another_unit_is_one_finding_that_names_the_unit(factor: float, unit: str) -> None:
    raw = quiet()
    times = raw.opened_at // 1000 if factor < 1 else raw.opened_at * int(factor)
    report = audit_bars(replace(raw, opened_at=times))
    (finding,) = report.findings
    assert finding.kind is FindingKind.TIME_UNIT
    assert finding.rows == 200
    assert finding.remedy == f"import again with --time-unit {unit}"


def test_a_series_in_another_zone_is_one_finding() -> None:
    raw = quiet(interval_ms=4 * HOUR_MS)
    report = audit_bars(replace(raw, opened_at=raw.opened_at + 3 * HOUR_MS))
    assert {f.kind: f.rows for f in report.findings} == {FindingKind.TIME_SHIFT: 200}
    assert "3h past the 4h grid" in report.findings[0].message


def test_local_time_with_summer_time_shows_itself() -> None:
    raw = quiet(rows=366 * 24)
    spring, autumn = parse_instant("2024-03-31T01:00:00"), parse_instant("2024-11-03T01:00:00")
    local = raw.opened_at + np.where((raw.opened_at >= spring) & (raw.opened_at < autumn), HOUR_MS, 0)
    report = audit_bars(replace(raw, opened_at=local))
    assert FindingKind.TIME_SHIFT in report.counts


def test_hourly_bars_declared_as_15_minutes_are_not_a_thousand_gaps() -> None:
    raw = replace(quiet(), interval_ms=15 * MINUTE_MS)
    report = audit_bars(raw)
    assert set(report.counts) == {FindingKind.INTERVAL_MISMATCH}
    assert report.findings[0].remedy == "import again with --interval 1h"


def test_close_labels_are_suspected_when_the_hour_wakes_up_one_bar_late() -> None:
    raw = quiet(rows=20 * 24 * 60, interval_ms=MINUTE_MS)
    awake = (raw.opened_at % HOUR_MS) == 0
    raw = replace(raw, high=raw.high * np.where(awake, 1.01, 1.0))
    assert kinds(raw) == set()
    shifted = replace(raw, opened_at=raw.opened_at + MINUTE_MS)
    assert kinds(shifted) == {FindingKind.CLOSE_LABELS}


def test_an_empty_series_is_blocking() -> None:
    report = audit_bars(quiet().rows(np.array([], dtype=np.int64)))
    assert (report.verdict, report.start) == (Verdict.BLOCKING, None)


def test_a_price_that_stands_still_without_volume_to_the_end_is_a_dead_contract() -> None:
    raw = quiet()
    for column in ("open", "high", "low", "close"):
        raw = with_values(raw, column, slice(150, None), raw.close[149])
    raw = with_values(raw, "volume", slice(150, None), 0.0)
    report = audit_bars(raw)
    assert {(f.kind, f.row_first, f.row_last) for f in report.findings} == {
        (FindingKind.FROZEN_PRICE, 150, 199),
        (FindingKind.ZERO_VOLUME_RUN, 150, 199),
    }
    assert all("until the end of the series" in f.message for f in report.findings)


def test_a_standing_price_with_volume_is_only_a_fact() -> None:
    raw = quiet()
    for column in ("open", "high", "low", "close"):
        raw = with_values(raw, column, slice(150, 165), raw.close[149])
    report = audit_bars(raw)
    assert [(f.kind, f.severity) for f in report.findings] == [(FindingKind.FROZEN_PRICE, Severity.INFO)]


def test_more_findings_than_can_be_listed_are_still_counted() -> None:
    raw = quiet(rows=1000)
    report = audit_bars(raw.rows(np.arange(1000) % 3 != 1))
    assert report.counts[FindingKind.GAP] == 333
    assert len(report.findings) == FINDINGS_PER_KIND_MAX


def test_the_digest_knows_the_columns_and_the_findings() -> None:
    one, two = audit_bars(quiet(seed=1)), audit_bars(quiet(seed=2))
    assert one.digest() == audit_bars(quiet(seed=1)).digest()
    assert one.digest() != two.digest()


BROKEN_FLOATS = st.sampled_from([1.0, 2.0, 3.0, 0.0, -1.0, np.nan, np.inf])
BROKEN_TIMES = st.sampled_from([START + k * HOUR_MS for k in range(6)] + [START + 1, START // 1000, START * 1000, -5])


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.tuples(BROKEN_TIMES, *[BROKEN_FLOATS] * 5), max_size=8))
def test_what_the_audit_lets_through_bars_accept(rows: list[tuple[float, ...]]) -> None:
    """Proves: QL-2"""
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 6)
    raw = RawBars(
        symbol="X",
        interval_ms=HOUR_MS,
        opened_at=table[:, 0].astype(np.int64),
        **{name: table[:, k] for k, name in enumerate(("open", "high", "low", "close", "volume"), start=1)},
    )
    report = audit_bars(raw)
    try:
        raw.to_bars()
        accepted = True
    except DataError:
        accepted = False
    if report.verdict is not Verdict.BLOCKING:
        assert accepted
    elif accepted:
        assert set(report.counts) & {FindingKind.EMPTY, FindingKind.TIME_UNIT, FindingKind.INTERVAL_MISMATCH}


@given(st.lists(st.booleans(), max_size=20))
def test_runs_are_exactly_the_stretches_of_true(mask: list[bool]) -> None:
    covered = [False] * len(mask)
    for first, last in runs(np.array(mask, dtype=np.bool_)):
        assert first == 0 or not mask[first - 1]
        covered[first : last + 1] = [True] * (last - first + 1)
    assert covered == mask


def test_a_time_that_is_no_time_can_still_be_shown() -> None:
    assert format_instant(10**18) == f"{10**18} ms"
    assert format_instant(START + DAY_MS) == "2024-01-02T00:00:00Z"
