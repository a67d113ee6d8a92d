"""The audit page: self-contained, complete, and safe with whatever a file contains."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from qts.adapters.reports.audit_page import PICTURES_MAX, audit_page, worst_places
from qts.domain.instant import HOUR_MS, parse_instant
from qts.market.audit import audit_bars
from qts.market.audit_funding import audit_funding
from qts.market.raw import RawBars, RawFunding

START = parse_instant("2024-01-01")


def walk(rows: int = 2000) -> RawBars:
    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.005, rows)))
    return RawBars(
        symbol="TESTUSDT",
        interval_ms=HOUR_MS,
        opened_at=START + np.arange(rows, dtype=np.int64) * HOUR_MS,
        open=close,
        high=close * 1.001,
        low=close * 0.999,
        close=close,
        volume=rng.lognormal(5, 0.4, rows),
    )


class Loads(HTMLParser):
    """Every address a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.charts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action"}]
        self.charts += ("class", "chart") in attrs


def test_the_page_lists_every_finding_and_fetches_nothing() -> None:
    """Proves: QL-2"""
    raw = walk()
    close = raw.close.copy()
    close[[100, 600, 601, 1500]] = [np.nan, np.inf, -1.0, 0.0]
    raw = replace(raw, close=close).rows(np.arange(2000) % 400 != 7)
    report = audit_bars(raw)
    page = audit_page(report, raw)
    loads = Loads()
    loads.feed(page)
    assert loads.addresses == []
    assert loads.charts == len(worst_places(report)) > 3
    for finding in report.findings:
        assert finding.kind.value in page
    assert "not usable as it stands" in page
    assert report.digest() in page


def test_the_worst_places_are_few_and_apart() -> None:
    raw = walk().rows(np.arange(2000) % 50 != 7)
    chosen = worst_places(audit_bars(raw))
    assert len(chosen) == PICTURES_MAX
    rows = sorted(finding.row_first for finding in chosen)
    assert min(np.diff(rows)) > 40


@pytest.mark.parametrize("rows", [0, 1, 2000])
def test_a_page_can_be_made_of_any_series(rows: int) -> None:
    raw = walk(rows) if rows != 0 else walk(1).rows(np.array([], dtype=np.int64))
    assert "Audit of TESTUSDT" in audit_page(audit_bars(raw), raw)


def test_what_a_file_says_cannot_become_part_of_the_page() -> None:
    raw = replace(walk(100).rows(np.arange(100) != 50), symbol="<script>alert(1)</script>")
    assert "<script>alert" not in audit_page(audit_bars(raw), raw)


def test_funding_has_a_page_too() -> None:
    raw = RawFunding(
        symbol="TESTUSDT",
        published_at=START + np.array([0, 8, 16, 32]) * HOUR_MS,
        rate=np.array([1e-4, 2.0, 1e-4, np.nan]),
    )
    assert "funding_rate_impossible" in audit_page(audit_funding(raw), raw)
