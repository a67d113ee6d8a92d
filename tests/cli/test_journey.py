"""The journey a new user takes, through the front door: demo, world, submit, run, report, verify."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from qts.app.evidence import sheet_of
from qts.app.queries import stored_run
from qts.app.settings import Settings
from qts.cli.main import app
from qts.research.definitions import DEFINITIONS

STRATEGY = """
from qts import Strategy, buy, close
from qts.strategy.features import sma


class Cross(Strategy):
    interval = "4h"
    fast: int = 20
    slow: int = 50

    def on_bar(self, view):
        fast, slow = sma(view, self.fast), sma(view, self.slow)
        if view.is_flat and fast > slow:
            return buy(stop_loss=view.close * 0.95)
        if view.is_long and fast < slow:
            return close()
"""


def qts(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def answer(*words: str, code: int = 0) -> dict[str, object]:
    result = qts(*words, "--output", "json")
    assert result.exit_code == code, result.output
    document: dict[str, object] = json.loads(result.stdout)
    return document


@pytest.fixture(scope="module")
def home(after_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the demo has run."""
    folder = tmp_path_factory.mktemp("journey") / "home"
    shutil.copytree(after_demo, folder)
    first = (after_demo / "demo.json").read_text()
    (folder / "demo.json").write_text(first.replace(str(after_demo), str(folder)))
    (folder / "cross.py").write_text(STRATEGY)
    return folder


@pytest.fixture(autouse=True)
def in_home(home: Path, qts_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QTS_HOME", str(home))


def test_the_demo_rejects_the_coin_and_says_why(home: Path) -> None:
    """Proves: UX-1, WS-8"""
    demo = json.loads((home / "demo.json").read_text())
    verdicts = {result["strategy"]: result for result in demo["results"]}
    assert len(verdicts) == 5
    coin = verdicts["CoinFlip"]
    assert not coin["passed"]
    assert any("no evidence of an edge" in violation["sentence"] for violation in coin["violations"])
    assert any(violation["shortfall"] and violation["shortfall"] > 0 for violation in coin["violations"])
    assert any(result["passed"] for result in demo["results"]), "a world that passes nobody shows nothing"
    assert all(result["synthetic"] for result in demo["results"])


def test_every_report_of_the_demo_is_there_and_says_synthetic(home: Path) -> None:
    """Proves: QL-12, UX-1"""
    demo = json.loads((home / "demo.json").read_text())
    for result in demo["results"]:
        page = Path(result["report"]).read_text()
        assert "SYNTHETIC" in page
        assert result["run_id"] in page
    index = Path(demo["index"]).read_text()
    assert "SYNTHETIC" in index
    assert all(f"{result['run_id']}.html" in index for result in demo["results"])


def test_a_strategy_of_fifteen_lines_gets_a_verdict(home: Path) -> None:
    """Proves: WS-8, P6-1"""
    result = qts("submit", str(home / "cross.py"), "--world", "demo", "--output", "json")
    assert result.exit_code in (0, 3), result.output
    told = json.loads(result.stdout)
    assert told["strategy"] == "Cross"
    assert told["url"] == f"qts://demo/Cross/{told['run_id']}"
    assert told["status"] == ("evaluated" if told["passed"] else "rejected")
    assert (result.exit_code == 0) == told["passed"]
    shown = answer("run", "show", told["url"])
    assert shown["status"] == told["status"]
    hypothesis = shown["hypothesis"]
    assert isinstance(hypothesis, dict)
    assert hypothesis["parameters"] == {"fast": 20, "slow": 50}


def test_a_run_made_again_comes_out_the_same_and_a_changed_file_is_refused(home: Path) -> None:
    """Proves: WS-7"""
    spec = home / "again.py"
    spec.write_text(STRATEGY)
    submitted = qts("submit", str(spec), "--world", "demo", "--param", "fast=10", "--output", "json")
    told = json.loads(submitted.stdout)
    verified = answer("run", "verify", told["run_id"], "--strategy", str(spec))
    assert verified["agrees"] is True
    assert verified["recomputed"] == told["result_digest"]
    spec.write_text(STRATEGY.replace("0.95", "0.94"))
    refused = qts("run", "verify", told["run_id"], "--strategy", str(spec))
    assert refused.exit_code == 4
    assert "the code of run" in refused.output


def test_a_lost_report_is_made_again(home: Path) -> None:
    """Proves: QL-12"""
    demo = json.loads((home / "demo.json").read_text())
    run_id = demo["results"][0]["run_id"]
    path = Path(str(answer("report", run_id)["report"]))
    before = path.read_text()
    path.unlink()
    assert Path(str(answer("report", run_id)["report"])).read_text() == before


def test_a_page_is_drawn_from_the_record_alone(home: Path) -> None:
    """Without the record there is no page, and another run's record is refused. Proves: WS-7"""
    demo = json.loads((home / "demo.json").read_text())
    run_id, other = demo["results"][1]["run_id"], demo["results"][2]["run_id"]
    record, page = home / "runs" / f"{run_id}.json.gz", home / "reports" / f"{run_id}.html"
    kept, drawn = record.read_bytes(), page.read_bytes()
    page.unlink()
    record.write_bytes((home / "runs" / f"{other}.json.gz").read_bytes())
    refused = qts("report", run_id)
    assert refused.exit_code == 7
    assert "is of another run" in refused.output
    record.unlink()
    assert qts("report", run_id).exit_code == 7
    record.write_bytes(kept)
    assert qts("report", run_id).exit_code == 0
    assert page.read_bytes() == drawn


def test_trials_are_counted_by_distinct_trial(home: Path) -> None:
    """Proves: BX-3"""
    spec = home / "counted.py"
    spec.write_text(STRATEGY.replace("class Cross", "class Counted"))

    def trials(*parameters: str) -> int:
        words = ["submit", str(spec), "--world", "demo", "--output", "json"]
        for parameter in parameters:
            words += ["--param", parameter]
        return int(json.loads(qts(*words).stdout)["trial_count"])

    assert trials() == 1
    assert trials() == 1, "the same trial again is no new trial"
    assert trials("fast=21") == 2
    tested = answer("backtest", str(spec), "--data", "SYNUSDT/4h", "--param", "fast=22")
    assert tested["trial_count"] == 3, "a backtest outside the world is a trial as well"
    spec.write_text(spec.read_text().replace("0.95", "0.96"))
    assert trials() == 4, "edited code is another trial"


def test_a_backtest_prints_what_it_found(home: Path) -> None:
    """Proves: QL-12, UX-2"""
    result = qts("backtest", str(home / "cross.py"), "--data", "SYNUSDT/4h", "--start", "2022-01-01")
    assert result.exit_code == 0, result.output
    for words in ("SYNTHETIC DATA", "Sharpe ratio", "paid in funding", "final equity", "report", "not a verdict"):
        assert words in result.output
    again = answer("backtest", str(home / "cross.py"), "--data", "SYNUSDT/4h", "--start", "2022-01-01")
    assert str(again["result_digest"]) in result.output.replace("\n", "")


def test_a_world_shows_its_standings(home: Path) -> None:
    """Proves: WS-3"""
    status = answer("world", "status", "demo")
    standings = status["standings"]
    assert isinstance(standings, list)
    seated = [row for row in standings if row["seated"]]
    assert seated
    assert all(row["decision"]["effective_mode"] == "paper" for row in seated)
    assert all(row["decision"]["effective_mode"] == "compute-only" for row in standings if not row["seated"])
    assert "DonchianBreakout" in qts("world", "status", "demo").output
    assert "demo" in qts("world", "list").output


def test_a_worlds_runs_are_listed_oldest_first(home: Path) -> None:
    """Proves: WS-7"""
    demo = json.loads((home / "demo.json").read_text())
    listed = json.loads(qts("run", "list", "--world", "demo", "--output", "json").stdout)
    assert [run["run_id"] for run in listed[:5]] == [result["run_id"] for result in demo["results"]]
    coins = json.loads(qts("run", "list", "--world", "demo", "--strategy", "CoinFlip", "-o", "json").stdout)
    assert {run["strategy"] for run in coins} == {"CoinFlip"}
    assert "no evidence of an edge" in " ".join(qts("run", "list", "--world", "demo").output.split())


def test_a_world_is_made_from_a_preset_on_the_only_bars_there_are(home: Path) -> None:
    """Proves: WS-1"""
    created = answer("world", "create", "strict", "--preset", "conservative", "--simulated")
    window = created["dataset"]
    assert isinstance(window, dict)
    assert (window["symbol"], window["interval"], window["start"]) == ("SYNUSDT", "4h", "2021-01-01")
    result = qts("submit", "DonchianBreakout", "--world", "strict")
    assert result.exit_code == 3
    assert "Max drawdown" in result.output


def test_the_demo_can_be_run_again(home: Path) -> None:
    """Proves: UX-1"""
    again = answer("demo")
    results = again["results"]
    assert isinstance(results, list)
    first = json.loads((home / "demo.json").read_text())
    digests = {result["strategy"]: result["result_digest"] for result in first["results"]}
    assert {result["strategy"]: result["result_digest"] for result in results} == digests
    trials = {result["strategy"]: result["trial_count"] for result in results}
    assert trials["CoinFlip"] == 1, "the same trial again is no new trial"


def test_a_hint_never_raises_the_mode(home: Path) -> None:
    """Proves: WS-5"""
    told = json.loads(qts("submit", "DonchianBreakout", "--world", "demo", "--mode", "live", "-o", "json").stdout)
    assert told["mode"] == "paper"
    lowered = json.loads(
        qts("submit", "DonchianBreakout", "--world", "demo", "--mode", "backtest", "-o", "json").stdout
    )
    assert lowered["mode"] != "paper"


def test_doctor_finds_nothing_wrong(home: Path) -> None:
    """Proves: OP-12"""
    checks = json.loads(qts("doctor", "--output", "json").stdout)
    assert all(check["ok"] for check in checks), [check for check in checks if not check["ok"]]


def test_a_run_keeps_the_definitions_its_numbers_follow(home: Path) -> None:
    """Proves: WS-7"""
    demo = json.loads((home / "demo.json").read_text())
    evidence = answer("run", "show", demo["results"][0]["run_id"])["evidence"]
    assert isinstance(evidence, dict)
    assert evidence["definitions"] == {name: definition.digest for name, definition in DEFINITIONS.items()}
    assert set(evidence["definitions"]) == set(evidence["metrics"])


def test_a_sheet_from_a_record_says_which_definition_made_its_numbers(home: Path) -> None:
    demo = json.loads((home / "demo.json").read_text())
    run = stored_run(Settings.from_environment(), demo["results"][0]["run_id"])
    assert run.judged is not None
    evidence = run.judged.evidence
    assert all(metric.is_current for metric in sheet_of(evidence).values())
    older = sheet_of(replace(evidence, definitions={**evidence.definitions, "sharpe": "older"}))
    assert [name for name, metric in older.items() if not metric.is_current] == ["sharpe"]
    assert not any(metric.is_current for metric in sheet_of(replace(evidence, definitions={})).values())


def test_a_policy_is_previewed_and_then_added(home: Path) -> None:
    """Proves: WS-1"""
    document = answer("world", "status", "demo")["policy"]
    assert isinstance(document, dict)
    spec = home / "mine.json"

    def write(version: int, gates: list[str]) -> str:
        selection = {**document["selection"], "gates": gates}
        spec.write_text(json.dumps({**document, "world": "mine", "version": version, "selection": selection}))
        return str(spec)

    answer("world", "create", "mine", "--policy", write(1, []))
    assert "no run was judged" in qts("world", "update", "mine", "--policy", write(2, []), "--preview").output
    run_id = answer("submit", "DonchianBreakout", "--world", "mine")["run_id"]
    words = ("world", "update", "mine", "--policy", write(2, ["sharpe > 99"]))
    seen = answer(*words, "--preview")
    impacts = seen.pop("impacts")
    assert isinstance(impacts, list)
    (impact,) = impacts
    assert impact.pop("sentence").startswith("rejected: sharpe > 99 does not hold")
    assert impact.pop("before") in {"pass", "warn"}
    strategy = {"strategy": "DonchianBreakout", "run_id": run_id, "stage": "backtest"}
    assert impact == {**strategy, "after": "fail", "flips": True}
    assert (seen["world"], seen["version"], seen["added"]) == ("mine", 2, False)
    assert answer("world", "status", "mine")["policy_version"] == 1
    told = qts(*words)
    assert told.exit_code == 0, told.output
    assert "DonchianBreakout" in told.output
    assert "world mine is at policy version 2" in told.output
    status = answer("world", "status", "mine")
    assert status["policy_version"] == 2
    standings = status["standings"]
    assert isinstance(standings, list)
    assert [row["seated"] for row in standings] == [False]
    for wrong in (words, ("world", "update", "demo", "--policy", str(spec))):
        refused = qts(*wrong)
        assert refused.exit_code != 0
        assert "is at policy version 2" in refused.output or "not 'demo'" in refused.output
