"""A run's page as text: what it says, in which order, and that nothing said to it can become markup."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.adapters.reports.page_shell import inert_json
from qts.adapters.reports.run_page import Outcome, RuleLine, RunPageVerdict, render_run_page, write_run_page
from qts.domain.errors import StorageError
from qts.research.metrics import measure

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"


class Page(HTMLParser):
    """Elements with their attributes, and the text of everything but styles and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data


def verdict() -> RunPageVerdict:
    return RunPageVerdict(
        world="crypto-4h",
        outcome=Outcome.REJECTED,
        sentence="rejected: Sharpe ratio 0.62 is below 1.20 (1 more failed)",
        rules=(
            RuleLine(
                rule="sample.days.min",
                outcome=Outcome.PASSED,
                severity="blocking",
                sentence="1,095 days",
                metric="sample_days",
                value=1095,
                threshold=180,
            ),
            RuleLine(
                rule="risk.max_drawdown.max",
                outcome=Outcome.REJECTED,
                severity="blocking",
                sentence="Max drawdown is above",
                metric="max_drawdown",
                value=0.412,
                threshold=0.25,
                shortfall=0.162,
            ),
            RuleLine(
                rule="robustness.gap.max",
                outcome=Outcome.WARNED,
                severity="soft",
                sentence="The halves differ",
                value=1.1,
                threshold=0.8,
                shortfall=0.3,
            ),
        ),
    )


@pytest.fixture(scope="module")
def run(make_page_run):
    return make_page_run(2400)


@pytest.fixture(scope="module")
def page(run) -> Page:
    return Page(render_run_page(run, measure(run, 37), verdict=verdict(), run_id="run-1"))


def test_the_verdict_comes_first_and_says_how_far_off_each_failed_rule_was(page):
    """Proves: QL-12"""
    order = ("SYNTHETIC DATA", "Rejected by world crypto-4h", "Total return", "Equity and drawdown", "Trades")
    places = [page.text.index(part) for part in order]
    assert places == sorted(places)
    for part in ("Sharpe ratio 0.62 is below 1.20", "over by 16.20", "25.00", "41.20", "soft rule"):
        assert part in page.text, part
    assert (
        page.text.index("Max drawdown is above") < page.text.index("The halves differ") < page.text.index("1,095 days")
    )


def test_everything_a_run_yields_is_on_its_page(page, run):
    """Proves: QL-12"""
    for title in (
        "Equity and drawdown",
        "Price, entries and exits",
        "Monthly returns",
        "Worst drawdowns",
        "How trades ended",
        "What trading cost",
        "Every metric and its definition",
        "What this run assumed",
        "How to find this result again",
    ):
        assert title in page.text, title
    provenance = run.provenance
    for fact in (provenance.code_digest, provenance.data_fingerprint, provenance.trial_key, run.digest, "run-1", "37"):
        assert fact in page.text
    for sentence in run.assumptions:
        assert sentence in page.text
    for name in ("entry_bars", "fee_rate_taker", "leverage_max"):
        assert name in page.text
    data = json.loads(page.scripts[0])
    assert len(data["trades"]) == len(run.trades)
    assert sum(row[10] for row in data["trades"]) == pytest.approx(float(sum(t.net_pnl for t in run.trades)))


def test_the_steps_from_price_moves_to_the_result_add_up(page, run):
    steps = [amount for _, amount in json.loads(page.scripts[0])["costs"]]
    assert sum(steps[:-1]) == pytest.approx(steps[-1])
    assert steps[-1] == pytest.approx(float(run.final_equity - run.capital))
    assert steps[2] == -float(run.costs.fees)


def test_waivers_and_synthetic_data_are_printed_and_only_when_they_are_there(page, run, make_page_run):
    """Proves: QL-9, QL-12"""
    for waiver in run.provenance.waivers:
        assert waiver.value in page.text
        assert waiver.meaning in page.text
    real = make_page_run(600, synthetic=False, waivers=(), halted="liquidated at 2021-02-03")
    text = Page(render_run_page(real, measure(real, 1), verdict=None)).text
    assert "SYNTHETIC" not in text
    assert "Waiver" not in text.split("Total return", 1)[0]
    assert "liquidated at 2021-02-03" in text


def test_an_undefined_metric_shows_its_reason_and_no_number(make_page_run):
    """Proves: BX-6"""
    short = make_page_run(60)
    text = Page(render_run_page(short, measure(short, None), verdict=None)).text
    assert "10 day returns are fewer than the 30 needed" in text
    assert "nobody counted the trials" in text
    assert "not counted" in text


@pytest.mark.parametrize("bars", [0, 1, 7])
def test_a_run_of_next_to_nothing_still_has_a_page(bars, run):
    empty = replace(
        run,
        opened_at=run.opened_at[:bars],
        close=run.close[:bars],
        equity=run.equity[:bars],
        size_changes=((0, 0.0),) if bars else (),
        fills=(),
        trades=(),
        refusals=(),
    )
    text = Page(render_run_page(empty, measure(empty, 1), verdict=None)).text
    assert "undefined" in text


def test_a_total_loss_has_a_page(run):
    equity = run.equity.copy()
    equity[1000:] = -5.0
    ruined = replace(run, equity=equity)
    text = Page(render_run_page(ruined, measure(ruined, 1), verdict=None)).text
    assert "\N{MINUS SIGN}100.00" in text
    assert "everything was lost" in text


def test_the_same_run_gives_the_same_bytes(run):
    sheet = measure(run, 3)
    assert render_run_page(run, sheet, verdict=verdict()) == render_run_page(run, sheet, verdict=verdict())


def test_whatever_a_name_or_a_reason_says_it_stays_text(make_page_run):
    """Proves: QL-12"""
    run = make_page_run(400, strategy=HOSTILE, reasons=(HOSTILE,), assumptions=(HOSTILE,), halted=HOSTILE)
    line = RuleLine(rule=HOSTILE, outcome=Outcome.REJECTED, severity=HOSTILE, sentence=HOSTILE)
    judged = RunPageVerdict(world=HOSTILE, outcome=Outcome.REJECTED, sentence=HOSTILE, rules=(line,))
    html = render_run_page(
        run, measure(run, 1), verdict=judged, run_id=HOSTILE, quote=HOSTILE, facts={HOSTILE: HOSTILE}
    )
    page = Page(html)
    assert [name for name, _ in page.elements].count("script") == 3
    assert not [name for name, _ in page.elements if name in ("img", "iframe", "object", "link", "base", "form")]
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
    assert HOSTILE in page.text
    assert json.loads(page.scripts[0])["reasons"] == [HOSTILE]


def test_nothing_on_the_page_points_outside_and_only_its_own_scripts_may_run(page):
    """Proves: QL-12"""
    pointing = [a.get("src") or a.get("href") for _, a in page.elements if a.get("src") or a.get("href")]
    assert pointing == ["#verdict"]
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in page.scripts[1:]]
    assert re.findall(r"'sha256-([^']+)'", policy) == digests
    assert "unsafe-inline" not in policy.split("style-src")[0]
    assert "http" not in policy


def test_a_hundred_thousand_bars_stay_below_eight_megabytes_and_keep_their_extremes(make_page_run):
    """Proves: QL-12"""
    run = make_page_run(105_000, every=12)
    html = render_run_page(run, measure(run, 1), verdict=None)
    assert len(html.encode()) < 8_000_000
    page = Page(html)
    data = json.loads(page.scripts[0])
    assert len(data["equity"]["value"]) < 6_100
    assert max(data["equity"]["value"]) == pytest.approx(run.equity.max(), rel=1e-6)
    assert min(data["price"]["value"]) == pytest.approx(run.close.min(), rel=1e-6)
    assert data["equity"]["start"] + sum(data["equity"]["step"]) == run.closed_at[-1]
    assert "Drawn thinned from 105,001 points" in page.text


def test_a_short_curve_is_not_called_thinned(page):
    assert "thinned" not in page.text


@given(st.dictionaries(st.text(), st.text()))
def test_data_inside_a_page_reads_back_and_cannot_end_its_element(value):
    text = inert_json(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&")


def test_importing_the_page_imports_neither_plotly_nor_jinja():
    code = "import sys, qts.adapters.reports.run_page, qts.adapters.reports.index_page\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"plotly", "jinja2"} & set(loaded)


def test_a_page_is_written_whole_and_an_unwritable_place_leaves_the_older_one(tmp_path):
    path = tmp_path / "reports" / "run.html"
    assert write_run_page(path, "one") == path
    write_run_page(path, "two \N{CHECK MARK}")
    assert path.read_text(encoding="utf-8") == "two \N{CHECK MARK}"
    assert [entry.name for entry in path.parent.iterdir()] == ["run.html"]
    with pytest.raises(StorageError, match="run"):
        write_run_page(path / "below-a-file.html", "three")
    assert path.read_text(encoding="utf-8") == "two \N{CHECK MARK}"


def test_the_equity_of_the_fixture_is_what_its_money_says(run):
    """The pages above are judged on runs whose curve, trades and costs agree."""
    assert float(run.final_equity) == pytest.approx(run.equity[-1], rel=1e-6)
    assert np.isfinite(run.equity).all()
