"""The parts of a page that compute: thinning, bins, months, wording, the verdict's distances, the index."""

from datetime import UTC, datetime
from html import unescape
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.adapters.reports import wording
from qts.adapters.reports.chart_data import return_bins, spark
from qts.adapters.reports.index_page import IndexRow, render_index_page
from qts.adapters.reports.months import by_year
from qts.adapters.reports.page_verdict import Outcome, RuleLine, RunPageVerdict
from qts.adapters.reports.thinning import thin
from qts.domain.instant import DAY_MS, HOUR_MS, parse_instant
from qts.research.metrics import MarkedEquity, measure
from qts.worlds.policy_block import Owner, Severity
from qts.worlds.verdict import ReasonCode, RuleResult, RuleStatus, RuleStep, Verdict

CURVES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400).map(np.array)


@given(CURVES, st.integers(4, 60))
def test_a_thinned_curve_keeps_its_ends_its_extremes_and_its_order(values, points_max):
    """Proves: QL-12"""
    drawn = thin(np.arange(len(values)), values, points_max)
    assert drawn.of == len(values)
    assert len(drawn.value) <= max(points_max, 4) + 2
    assert (drawn.at[0], drawn.at[-1]) == (0, len(values) - 1)
    assert (drawn.value.max(), drawn.value.min()) == (values.max(), values.min())
    assert all(earlier < later for earlier, later in pairwise(drawn.at.tolist()))
    assert (values[drawn.at] == drawn.value).all()
    if len(values) <= points_max:
        assert len(drawn.value) == len(values)


@given(st.lists(st.floats(-2, 2).map(lambda x: round(x, 5)), max_size=200))
def test_bins_count_every_trade_once_and_never_mix_gains_with_losses(returns):
    bins = return_bins(returns)
    counts, width, first = bins["counts"], bins["width"], bins["first"]
    assert sum(counts) == len(returns)
    if counts:
        assert first / width == pytest.approx(round(first / width), abs=1e-6)
        below = sum(count for i, count in enumerate(counts) if first + (i + 0.5) * width < 0)
        losses = sum(value < 0 for value in returns)
        assert below == losses or bins["beyond"] > 0


def test_months_compound_to_the_whole_and_a_midnight_close_ends_its_month():
    start = parse_instant("2023-11-15")
    closed_at = start + DAY_MS * np.arange(1, 80)
    equity = 1000.0 * np.cumprod(1 + np.sin(np.arange(79)) / 50)
    curve = MarkedEquity(capital=1000.0, started_at=start, interval_ms=DAY_MS, closed_at=closed_at, equity=equity)
    years = by_year(curve)
    assert [row.year for row in years] == [2023, 2024]
    moves = [month for row in years for month in row.months if month is not None]
    assert len(moves) == 4  # the close of 2024-02-01T00:00Z and one more day are January's and February's
    assert np.prod([1 + move for move in moves]) == pytest.approx(equity[-1] / 1000.0)
    assert np.prod([1 + row.whole for row in years]) == pytest.approx(equity[-1] / 1000.0)
    november_end = int(datetime(2023, 12, 1, tzinfo=UTC).timestamp() * 1000)
    assert 1 + years[0].months[10] == pytest.approx(equity[closed_at.tolist().index(november_end)] / 1000.0)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (wording.percent(-0.0123), "\u22121.23\u202f%"),
        (wording.percent(-0.00000001), "0.00\u202f%"),
        (wording.signed_percent(0.5, 0), "+50\u202f%"),
        (wording.money(-1234.5, "USDT"), "\u22121,234.50\u202fUSDT"),
        (wording.days(1.0), "1.0\u202fday"),
        (wording.days(12.4), "12\u202fdays"),
        (wording.span(50 * HOUR_MS), "2\u202fd 2\u202fh"),
        (wording.span(5 * 60_000), "5\u202fmin"),
        (wording.metric_number("sharpe", None), "undefined"),
        (wording.metric_number("max_drawdown", 0.25), "25.00\u202f%"),
        (wording.metric_number("of no registry", 3.0), "3"),
    ],
)
def test_numbers_are_written_as_people_read_them(said, text):
    assert said == text


@pytest.mark.parametrize(
    ("value", "threshold", "shortfall", "says"),
    [(0.9, 1.2, 0.3, "short by 0.30"), (1.5, 1.2, 0.3, "over by 0.30"), (1.3, 1.2, None, ""), (None, 1.2, None, "")],
)
def test_a_rule_says_on_which_side_and_how_far(value, threshold, shortfall, says):
    line = RuleLine(
        rule="r",
        outcome=Outcome.REJECTED,
        severity="blocking",
        sentence="s",
        metric="sharpe",
        value=value,
        threshold=threshold,
        shortfall=shortfall,
    )
    assert line.distance_text == says
    assert (line.value_text == "undefined") == (value is None)


def test_a_worlds_verdict_becomes_the_pages_word_for_word():
    def answer(rule: str, status: RuleStatus, code: ReasonCode) -> RuleResult:
        return RuleResult(
            rule=rule,
            step=RuleStep.PROFILE,
            status=status,
            severity=Severity.BLOCKING,
            owner=Owner.QUANT,
            metric="sharpe",
            value=0.9,
            threshold=1.2,
            reason_code=code,
            sentence=f"about {rule}",
            shortfall=0.3,
        )

    verdict = Verdict(
        results=(
            answer("fine", RuleStatus.PASS, ReasonCode.OK),
            answer("bad", RuleStatus.FAIL, ReasonCode.BELOW_MINIMUM),
        ),
        score=None,
    )
    shown = RunPageVerdict.of(verdict, world="w")
    assert shown.outcome is Outcome.REJECTED
    assert shown.sentence == verdict.sentence
    assert shown.said == "About bad"
    assert [line.rule for line in shown.unmet] == ["bad"]
    assert [line.rule for line in shown.met] == ["fine"]
    assert shown.reasons == ("about bad",)


def test_a_spark_of_a_flat_curve_is_a_line_in_the_middle():
    assert spark(np.array([5.0, 5.0, 5.0]), 100, 40) == "M0.0 20.0L50.0 20.0L100.0 20.0"


def test_the_index_shows_each_run_with_its_verdict_numbers_curve_and_link(make_page_run):
    """Proves: UX-1, QL-12"""
    run = make_page_run(1200, strategy="a <b> & c")
    judged = RunPageVerdict(world="demo", outcome=Outcome.PASSED, sentence="passed: all 3 rules are met", rules=())
    rows = [
        IndexRow(
            strategy="a <b> & c",
            facts="BTCUSDT, 4h",
            href="runs/a b.html",
            verdict=judged,
            sheet=measure(run, 2),
            points=run.equity,
        ),
        IndexRow(strategy="idle", facts="", href="", verdict=None, sheet=measure(run, None), points=run.equity[:1]),
    ]
    html = render_index_page("Demo", rows, synthetic="generated", note="one world")
    assert 'href="runs/a%20b.html"' in html
    assert "a &lt;b&gt; &amp; c" in html
    assert "<b>&" not in html
    for part in ("SYNTHETIC DATA", "Passed", "All 3 rules are met", "not judged", "undefined", '<path d="M0.0 '):
        assert part in html
    assert "<script" not in html
    assert "script-src 'none'" in unescape(html)


@pytest.mark.parametrize("href", ["mailto:somebody", "javascript:alert(1)", "/etc/passwd", "//elsewhere/x"])
def test_the_index_links_only_below_itself(href, make_page_run):
    run = make_page_run(60)
    with pytest.raises(ValueError, match="relative"):
        IndexRow(strategy="s", facts="", href=href, verdict=None, sheet=measure(run, 1), points=run.equity)
