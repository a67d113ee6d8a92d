"""What the staged limits did in a run of one strategy, told afterwards: of a world's run and of a plain backtest.

Proves: P6-9, BX-10
"""

import gzip
import json
import re
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.cli.front_door import POLICY, policy_file, qts, refused, strategy_file

BODY = (
    "    def on_bar(self, view):\n"
    "        if view.is_flat:\n"
    "            return buy(weight=0.9) if view.bar_number % 5 == 0 else None\n"
    "        return close() if view.bar_number % 7 == 0 else None\n"
)


def answered(*words: str, code: int = 0) -> dict[str, Any]:
    result = qts(*words, "--output", "json")
    assert result.exit_code == code, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.fixture
def spec(home: Path, tmp_path: Path) -> str:
    assert home.is_dir()
    return strategy_file(tmp_path, BODY)


def submitted(spec: str, limits: str = "{heat_max: 0.02, drawdown_warn: 0.01}") -> dict[str, Any]:
    world = "tight" if "0.02" in limits else "wide"
    text = POLICY.format(world=world) + f"risk: {{limits: {limits}}}\n"
    made = qts("world", "create", world, "--policy", policy_file(Path(spec).parent, text))
    assert made.exit_code == 0, made.output
    return answered("submit", spec, "--world", world, code=3)


def test_a_worlds_run_is_explained_with_its_limits_and_without(spec: str, home: Path) -> None:
    run = submitted(spec)
    told = answered("risk", "explain", run["run_id"], "--strategy", spec)
    heat = next(each for each in told["limits"] if (each["whose"], each["limit"]) == ("strategy", "heat"))
    assert heat["reductions"] > 3
    assert heat["first"] < heat["last"]
    given, without = (told[side]["account"] for side in ("with_limits", "without_limits"))
    assert given["capital"] == without["capital"]
    assert Decimal(given["fees"]) < Decimal(without["fees"])
    record = json.loads(gzip.decompress((home / "runs" / f"{run['run_id']}.json.gz").read_bytes()))
    assert len(record["gate"]) >= heat["reductions"]
    shown = qts("risk", "explain", run["run_id"], "--strategy", spec).stdout
    assert heat["sentence"] in shown
    for side in (given, without):
        assert f"{Decimal(side['equity']):,.2f}" in shown
    assert "made from a file" in refused("risk", "explain", run["run_id"], code=2)
    Path(spec).write_text(Path(spec).read_text().replace("0.9", "0.8"))
    assert "the code of run" in refused("risk", "explain", run["run_id"], "--strategy", spec, code=4)


def test_its_report_says_what_each_limit_did(spec: str) -> None:
    run = submitted(spec)
    page = unescape(
        re.sub(r"<style>.*?</style>|<script.*?</script>", "", Path(run["report"]).read_text(), flags=re.DOTALL)
    )
    told = answered("risk", "explain", run["run_id"], "--strategy", spec)
    assert "What the limits did" in page
    assert f"qts risk explain {run['run_id']}" in page
    for each in told["limits"]:
        cells = rf"{each['whose']}</th><td>{each['limit']}</td><td class=\"n\">{each['warnings']}</td><td class=\"n\">"
        assert re.search(cells + rf"{each['reductions']}</td><td class=\"n\">{each['blocks']}<", page)
    status = answered("risk", "status", run["run_id"])
    for each in status["distances"]:
        assert f"{each['sentence']}; {each['away']}" in page


def test_wide_limits_change_nothing_and_say_nothing(spec: str) -> None:
    wide = (
        "{order_size_max: 3, symbol_exposure_max: 3, gross_exposure_max: 3, net_exposure_max: 3, heat_max: 0.99,"
        " loss_without_stop: 0.01, daily_loss_warn: 0.98, daily_loss_block: 0.99, drawdown_warn: 0.98,"
        " drawdown_block: 0.99, liquidation_distance_min: 0}"
    )
    run = submitted(spec, wide)
    told = answered("risk", "explain", run["run_id"], "--strategy", spec)
    assert told["limits"] == []
    assert told["with_limits"] == told["without_limits"]
    assert "No limit said anything in this run." in qts("risk", "explain", run["run_id"], "--strategy", spec).stdout


def test_a_plain_backtest_has_a_name_a_record_and_the_careful_defaults(home: Path) -> None:
    """A position without a stop counts whole: six percent of equity is what fits, unless a preset says otherwise."""
    assert home.is_dir()
    told = answered("backtest", "BuyAndHold", "--data", "SYNUSDT/4h")
    assert told["run_id"].startswith("backtest-")
    assert Path(told["record"]) == home / "runs" / f"{told['run_id']}.json.gz"
    assert [each["reductions"] for each in told["limits"] if each["limit"] == "heat"] == [1, 1]
    assert any("made smaller by the staged limits" in note for note in told["notes"])
    explained = answered("risk", "explain", told["run_id"])
    assert explained["limits"] == told["limits"]
    assert (
        Decimal(explained["with_limits"]["account"]["fees"])
        < Decimal(explained["without_limits"]["account"]["fees"]) / 10
    )
    status = answered("risk", "status", told["run_id"])
    assert {each["whose"] for each in status["distances"]} == {"strategy", "account"}
    loose = answered("backtest", "BuyAndHold", "--data", "SYNUSDT/4h", "--limits", "sandbox")
    assert loose["limits"] == []
    assert loose["run_id"] != told["run_id"]
    assert loose["trial_count"] == told["trial_count"] + 1
    assert "there is no preset 'sandbag'. Did you mean" in refused(
        "backtest", "BuyAndHold", "--data", "SYNUSDT/4h", "--limits", "sandbag", code=2
    )


def test_an_account_may_not_loosen_its_world(home: Path, tmp_path: Path) -> None:
    assert home.is_dir()
    path = tmp_path / "account.yaml"
    text = (
        "account: a\nlimits: {{{limits}}}\nstrategies:\n"
        "  - {{id: s, strategy: RsiReversion, symbols: [SYNUSDT], capital: 1000, limits: {{{own}}}}}\n"
    )
    path.write_text(text.format(limits="heat_max: 0.07", own=""))
    message = refused("account", "backtest", str(path), "--world", "w", code=6)
    assert "heat_max is 0.07, looser than the 0.06 of the world" in message
    assert "account.yaml:2, limits.heat_max" in message
    path.write_text(text.format(limits="heat_max: 0.05", own="loss_without_stop: 0.01"))
    message = refused("account", "backtest", str(path), "--world", "w", code=6)
    assert "loss_without_stop is 0.01, looser than the 0.05 of the world" in message
    assert "account.yaml:4, strategies[0].limits.loss_without_stop" in message
    path.write_text(text.format(limits="heat_max: 0.05", own="symbol_exposure_max: 0.5"))
    told = answered("account", "backtest", str(path), "--world", "w")
    of = {(each["whose"], each["limit"]): each["bound"] for each in told["distances"]}
    assert (of["account", "heat"], of["s", "heat"], of["s", "symbol-exposure"]) == ("0.05", "0.05", "0.5")
