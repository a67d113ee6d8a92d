"""A run's page in a real browser: it draws, it lists, it asks the network for nothing, and no name becomes markup."""

import json
import os
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from qts.adapters.reports.index_page import IndexRow, render_index_page
from qts.adapters.reports.run_page import Outcome, RuleLine, RunPageVerdict, render_run_page, write_run_page
from qts.research.metrics import measure

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
BROWSERS_OWN = "not an origin"  # how the log marks what the browser itself wants, such as the time
CHARTS = {"equity-chart", "price-chart", "spread-chart", "costs-chart"}
pytestmark = pytest.mark.skipif(CHROMIUM == "", reason="no chromium on this machine")


class Dom(HTMLParser):
    """The document as the browser left it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.title, self.text, self._inside = "", "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        self.title += data if self._inside == "title" else ""
        self.text += "" if self._inside in ("script", "style") else data

    def having(self, **wanted: str) -> list[dict[str, str]]:
        return [a for _, a in self.elements if all(word in a.get(key.rstrip("_"), "") for key, word in wanted.items())]


def opened(page: Path, tmp_path: Path) -> tuple[Dom, list[str], list[str]]:
    """The DOM, what the page said on the console, and every address off the disk that was asked for."""
    log = tmp_path / "net.json"
    command = [
        CHROMIUM,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
        *("--enable-logging=stderr", "--v=0", "--virtual-time-budget=20000", "--window-size=1280,1600"),
        "--host-resolver-rules=MAP * ~NOTFOUND",  # whatever is asked for, nothing leaves this machine
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--log-net-log={log}",
        "--dump-dom",
        page.as_uri(),
    ]
    environment = {**os.environ, "HOME": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True, env=environment)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    asked = [
        params["url"]
        for params in (event.get("params", {}) for event in json.loads(log.read_text())["events"])
        if str(params.get("url", "")).startswith(("http", "ws", "ftp"))
        and params.get("initiator", BROWSERS_OWN) != BROWSERS_OWN
    ]
    return Dom(done.stdout), console, asked


@pytest.fixture(scope="module")
def hostile(make_page_run, tmp_path_factory):
    run = make_page_run(1500, strategy=HOSTILE, reasons=(HOSTILE, "plain"), assumptions=(HOSTILE,))
    line = RuleLine(rule="dsr.min", outcome=Outcome.REJECTED, severity="blocking", sentence=HOSTILE)
    verdict = RunPageVerdict(world=HOSTILE, outcome=Outcome.REJECTED, sentence=f"rejected: {HOSTILE}", rules=(line,))
    folder = tmp_path_factory.mktemp("browser")
    page = write_run_page(folder / "run.html", render_run_page(run, measure(run, 3), verdict=verdict))
    return run, *opened(page, folder)


def test_every_chart_is_drawn_and_the_trades_are_listed(hostile):
    """Proves: QL-12"""
    run, dom, _, _ = hostile
    assert [tag for tag, a in dom.elements if a.get("data-drawn") == "yes"] == ["html"]
    assert {a["id"] for a in dom.having(class_="js-plotly-plot")} == CHARTS
    assert len(dom.having(class_="main-svg")) >= len(CHARTS)
    assert len(dom.having(class_="scatterlayer")) >= 3
    assert len([a for _, a in dom.elements if a.get("class") == "reason"]) == min(25, len(run.trades))
    assert f"of {len(run.trades)}" in dom.text


def test_the_page_is_silent_and_asks_for_nothing(hostile):
    """Proves: QL-12"""
    _, _, console, asked = hostile
    assert console == []
    assert asked == []


def test_banners_show_and_hostile_text_stays_text(hostile):
    """Proves: QL-9, QL-12"""
    run, dom, _, _ = hostile
    assert "SYNTHETIC DATA" in dom.text
    for waiver in run.provenance.waivers:
        assert waiver.meaning in dom.text
    assert "owned" not in dom.title.replace(HOSTILE, "")
    assert HOSTILE in dom.text
    assert [tag for tag, _ in dom.elements].count("script") == 3
    assert not [tag for tag, _ in dom.elements if tag in ("img", "iframe")]
    assert [a["href"] for _, a in dom.elements if "href" in a and not a["href"].startswith("#")] == []


def test_a_page_that_does_ask_and_does_complain_is_caught(tmp_path):
    """The test of the two checks above: they can fail."""
    page = tmp_path / "loud.html"
    page.write_text('<img src="http://127.0.0.1:9/pixel.png"><script>console.error("loud")</script>')
    _, console, asked = opened(page, tmp_path)
    assert any("loud" in line for line in console)
    assert "http://127.0.0.1:9/pixel.png" in asked


def test_the_index_opens_silently_too(make_page_run, tmp_path):
    """Proves: UX-1"""
    run = make_page_run(600)
    row = IndexRow(strategy=HOSTILE, facts="", href="a.html", verdict=None, sheet=measure(run, 1), points=run.equity)
    dom, console, asked = opened(write_run_page(tmp_path / "index.html", render_index_page("All", [row])), tmp_path)
    assert (console, asked) == ([], [])
    assert HOSTILE in dom.text
    assert len(dom.having(class_="spark")) == 1
