"""What an account's limits did, told afterwards: by limit, with and without them, and how far each one is.

Proves: P6-8, BX-10
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qts.domain.money import exact_arithmetic
from qts.risk.limits import LIMITS
from tests.cli.front_door import qts, refused
from tests.cli.test_account import GOOD, account_file, answered

TIGHT = GOOD.replace("limits: {heat_max: 0.2}", "limits: {heat_max: 0.03, drawdown_warn: 0.01, drawdown_block: 0.06}")


@pytest.fixture
def run(markets: Path, tmp_path: Path) -> dict[str, Any]:
    assert markets.is_dir()
    return answered("account", "backtest", account_file(tmp_path, TIGHT))


def test_each_limit_says_how_often_when_and_how_deep_it_cut(run: dict[str, Any]) -> None:
    """Proves: P6-8"""
    told = answered("risk", "explain", run["run_id"])
    limits = {(each["whose"], each["limit"]): each for each in told["limits"]}
    assert ("account", "heat") in limits
    assert ("breakout", "symbol-exposure") in limits, "its own bound, tighter than the account's"
    assert ("revert", "symbol-exposure") not in limits or limits["revert", "symbol-exposure"]["blocks"] == 0
    words = {"warnings": "warn", "reductions": "reduce", "blocks": "block"}
    for each in told["limits"]:
        judged = [
            (word, said)
            for word in run["gate"]
            for said in word["limits"]
            if (said["whose"], said["limit"]) == (each["whose"], each["limit"])
        ]
        for counted, stage in words.items():
            assert each[counted] == sum(said["stage"] == stage for _, said in judged)
        cuts = [1 - Decimal(s["allowed"]) / Decimal(w["asked"]) for w, s in judged if s["stage"] == "reduce"]
        assert (each["largest_cut"] is None) == (cuts == [])
        if cuts:
            assert float(each["largest_cut"]["share"]) == pytest.approx(float(max(cuts)), abs=1e-6)
        assert each["first"] <= each["last"]
    assert sum(each["reductions"] + each["blocks"] for each in told["limits"]) > 0


def test_the_run_is_shown_with_its_limits_and_without(run: dict[str, Any]) -> None:
    told = answered("risk", "explain", run["run_id"])
    assert told["with_limits"]["account"] == run["account"]
    without = told["without_limits"]
    assert without["sums_equal"] is True
    assert without["account"]["capital"] == run["account"]["capital"]
    assert without["account"]["fees"] != run["account"]["fees"]
    shown = qts("risk", "explain", run["run_id"]).stdout
    for side in (run, without):
        assert f"{Decimal(side['account']['equity']):,.2f}" in shown
        assert f"{side['account']['max_drawdown']:.2%}" in shown
    for each in told["limits"]:
        assert each["sentence"] in shown


def test_wide_limits_change_nothing(markets: Path, tmp_path: Path) -> None:
    wide = "heat_max: 0.99, symbol_exposure_max: 3, gross_exposure_max: 3, net_exposure_max: 3, order_size_max: 3"
    wide += ", drawdown_block: 0.99, daily_loss_block: 0.99, leverage_max: 3, liquidation_distance_min: 0"
    text = GOOD.replace("heat_max: 0.2", wide).replace(", limits: {symbol_exposure_max: 0.3}", "")
    told = answered("account", "backtest", account_file(tmp_path, text))
    explained = answered("risk", "explain", told["run_id"])
    assert [each for each in explained["limits"] if each["reductions"] or each["blocks"]] == []
    assert explained["without_limits"] == explained["with_limits"]


def test_every_book_says_how_far_it_is_from_every_limit(run: dict[str, Any]) -> None:
    """Proves: BX-10"""
    told = answered("risk", "status", run["run_id"])
    assert told["distances"] == run["distances"]
    books = {each["whose"] for each in told["distances"]}
    assert books == {"trend", "breakout", "revert", "account"}
    for whose in books:
        named = {each["limit"] for each in told["distances"] if each["whose"] == whose}
        assert {"drawdown", "daily-loss", "heat", "gross-exposure", "symbol-exposure", "leverage"} <= named
        assert named <= {name.value for name in LIMITS}
    equity = {row["name"]: row for row in (*run["strategies"], run["account"])}
    for each in told["distances"]:
        if each["value"] is not None and each["limit"] != "liquidation-distance":
            with exact_arithmetic():
                assert Decimal(each["distance"]) == Decimal(each["bound"]) - Decimal(each["value"])
        if each["limit"] == "drawdown":
            assert Decimal(each["value"]) <= Decimal(str(equity[each["whose"]]["max_drawdown"])) + Decimal("0.02")
        bound = {"heat": {"account": "0.03"}, "symbol-exposure": {"breakout": "0.3", "trend": "1"}}
        if wanted := bound.get(each["limit"], {}).get(each["whose"]):
            assert each["bound"] == wanted
    shown = qts("risk", "status", run["run_id"]).stdout
    for each in told["distances"]:
        assert f"{each['sentence']}; {each['away']}" in shown


def test_code_that_changed_is_not_compared_with_what_it_was(markets: Path, tmp_path: Path) -> None:
    spec = tmp_path / "mine.py"
    spec.write_text(
        "from qts import Strategy, buy\n\n\nclass Mine(Strategy):\n"
        "    def on_bar(self, view):\n        return buy(stop_loss=view.close * 0.9) if view.is_flat else None\n"
    )
    more = f"  - {{id: mine, strategy: {spec}, symbols: [SYNUSDT], capital: 5000}}\n"
    told = answered("account", "backtest", account_file(tmp_path, GOOD + more))
    answered("risk", "explain", told["run_id"])
    spec.write_text(spec.read_text().replace("0.9", "0.8"))
    assert "the code of mine is not what run" in refused("risk", "explain", told["run_id"], code=4)
    assert json.loads(qts("risk", "status", told["run_id"], "--output", "json").stdout)["distances"]


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("run-1", "there is no run 'run-1'", 6),
        ("account-../../x", "is no run of an account", 2),
        ("account-", "is no run of an account", 2),
        ("backtest-../../x", "is no run of a backtest", 2),
        ("backtest-0", "the record of the run is not there", 7),
    ],
)
def test_what_is_no_run_is_refused(name: str, words: str, code: int) -> None:
    for command in ("status", "explain"):
        assert words in refused("risk", command, name, code=code)
