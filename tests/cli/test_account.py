"""Several strategies on one account, through the front door: what comes out, what is refused, what is told later.

Proves: P6-5
"""

import gzip
import json
import re
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.cli.front_door import qts, refused, strategy_file

SYMBOLS = ("SYNUSDT", "OTHERUSDT")
KINDS = ("MovingAverageCross", "DonchianBreakout", "RsiReversion")
ALONE = """
interval: 4h
start: 2021-01-01
end: 2021-12-01
waivers: [no-brackets]
frictions: {fee_rate_taker: 0.0004}
"""
STRATEGIES = """
strategies:
  - {id: trend, strategy: MovingAverageCross, symbols: [SYNUSDT, OTHERUSDT], capital: 10000, parameters: {fast: 10}}
  - {id: breakout, strategy: DonchianBreakout, symbols: [SYNUSDT], capital: 30000.5, limits: {symbol_exposure_max: 0.3}}
  - {id: revert, strategy: RsiReversion, symbols: [OTHERUSDT], capital: 20000, priority: 2}
"""
GOOD = f"account: three\nlimits: {{heat_max: 0.2}}\n{ALONE}{STRATEGIES}"


def account_file(folder: Path, text: str, name: str = "account.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def answered(*words: str) -> dict[str, Any]:
    result = qts(*words, "--output", "json")
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def words_of(page: str) -> str:
    return unescape(re.sub(r"<style>.*?</style>|<script.*?</script>", "", page, flags=re.DOTALL))


def test_three_strategies_on_two_symbols_add_up_and_are_kept(markets: Path, tmp_path: Path) -> None:
    """Proves: P6-5"""
    told = answered("account", "backtest", account_file(tmp_path, GOOD))
    assert told["sums_equal"] is True
    for what in ("capital", "equity", "fees", "funding", "liquidation_fees"):
        parts = [sum(Decimal(row[what]) for row in told[rows]) for rows in ("strategies", "symbols")]
        assert parts == [Decimal(told["account"][what])] * 2, what
        assert set(told["sums"][what].values()) == {told["account"][what]}
    assert [row["name"] for row in told["strategies"]] == ["breakout", "revert", "trend"]
    assert [row["name"] for row in told["symbols"]] == sorted(SYMBOLS)
    assert Decimal(told["account"]["capital"]) == Decimal("60000.5")
    assert all(row["fills"] > 0 for row in told["strategies"])
    traded = sum(1 for each in told["postings"] if Decimal(each["quantity"]))
    assert traded == sum(row["fills"] for row in told["strategies"])
    assert told["halted"] == []
    assert [each["waivers"] for each in told["data"]] == [["no-brackets"], []]
    assert told["crossed"] > 0 or told["gate"], "a run in which nothing happened shows nothing"
    record = Path(told["record"])
    assert record == markets / "accounts" / f"{told['run_id']}.json.gz"
    before = record.read_bytes()
    again = answered("account", "backtest", account_file(tmp_path, GOOD))
    assert (again["run_id"], again["digest"]) == (told["run_id"], told["digest"])
    assert record.read_bytes() == before


def test_every_pool_is_told_and_is_its_books_money(markets: Path, tmp_path: Path) -> None:
    """Proves: P4-3"""
    text = GOOD.replace("id: revert,", "id: revert, pool: paused,")
    told = answered("account", "backtest", account_file(tmp_path, text))
    pools = {each["strategy_id"]: each for each in told["pools"]}
    assert {name: each["state"] for name, each in pools.items()} == {
        "": "active",
        "breakout": "active",
        "revert": "paused",
        "trend": "active",
    }
    for name, each in pools.items():
        own = [Decimal(book["wallet"]) for book in told["books"] if book["strategy_id"] == (name or "quarantine")]
        assert Decimal(each["total"]) == sum(own)
        parts = [Decimal(each[what]) for what in ("available", "invested", "reserved")]
        assert sum(parts) == Decimal(each["total"])
    assert {each["codes"][0] for each in told["gate"] if each["strategy_id"] == "revert"} >= {"pool-paused"}
    assert next(row["fills"] for row in told["strategies"] if row["name"] == "revert") == 0


def test_the_page_says_what_happened_and_needs_nothing(markets: Path, tmp_path: Path) -> None:
    """Proves: P6-5"""
    text = GOOD.replace("account: three", "account: three\nrule: hold")
    told = answered("account", "backtest", account_file(tmp_path, text))
    page = Path(told["report"]).read_text()
    assert "default-src 'none'" in words_of(page)
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", words_of(page))
    shown = words_of(page)
    for expected in (
        "SYNTHETIC DATA",
        "no-brackets",
        "breakout",
        "OTHERUSDT",
        "Whether the parts add up",
        told["digest"],
    ):
        assert expected in shown, expected
    for sums in told["sums"].values():
        assert sums["account"] in shown
    for each in told["limits"]:
        assert f"<td>{each['limit']}</td>" in shown
    for reason in {each["reason"] for each in told["withheld"]}:
        assert reason in shown
    assert told["assumptions"][0] in shown


def test_people_are_shown_the_same_numbers(markets: Path, tmp_path: Path, told_of_three: dict[str, Any]) -> None:
    result = qts("account", "backtest", account_file(tmp_path, GOOD))
    assert result.exit_code == 0, result.output
    told = told_of_three
    assert "add up to the account exactly" in result.stdout
    for row in (*told["strategies"], *told["symbols"], told["account"]):
        assert f"{Decimal(row['equity']):,.2f}" in result.stdout
        assert f"{row['max_drawdown']:.2%}" in result.stdout
    assert told["run_id"] in result.stdout


def test_a_world_brings_market_window_and_costs_and_the_file_may_not(markets: Path, tmp_path: Path) -> None:
    under = f"account: three\n{STRATEGIES}"
    told = answered("account", "backtest", account_file(tmp_path, under), "--world", "w")
    assert (told["world"], told["policy_version"]) == ("w", 1)
    message = refused("account", "backtest", account_file(tmp_path, GOOD), "--world", "w", code=6)
    assert "interval, start, end, waivers, frictions" in message
    assert "account.yaml:4, interval" in message


def test_one_that_fails_is_halted_with_its_line_and_the_others_go_on(
    markets: Path, tmp_path: Path, told_of_three: dict[str, Any]
) -> None:
    """Proves: P6-3"""
    bad = strategy_file(
        tmp_path,
        "    def on_bar(self, view):\n"
        "        if view.bar_number < 50:\n"
        "            return buy(stop_loss=view.close * 0.97) if view.is_flat else None\n"
        "        raise RuntimeError('planted')\n",
    )
    worse = tmp_path / "worse.py"
    worse.write_text(
        Path(bad).read_text().replace("class Mine", "class Worse").replace("view.bar_number < 50", "False")
    )
    more = (
        f"  - {{id: broken, strategy: {bad}, symbols: [SYNUSDT], capital: 5000}}\n"
        f"  - {{id: worse, strategy: {worse}, symbols: [OTHERUSDT], capital: 5000}}\n"
    )
    without = told_of_three
    told = answered("account", "backtest", account_file(tmp_path, GOOD + more))
    assert {each["strategy_id"]: each["cause"] for each in told["halted"]} == {
        "broken": "exception",
        "worse": "exception",
    }
    assert all("planted" in each["detail"] for each in told["halted"])
    assert any("mine.py" in each["detail"] for each in told["halted"])
    assert told["sums_equal"] is True
    assert len(told["strategies"]) == len(without["strategies"]) + 2
    assert {row["name"] for row in told["strategies"] if row["fills"]} >= {"trend", "breakout", "revert", "broken"}
    shown = qts("account", "backtest", account_file(tmp_path, GOOD + more))
    assert shown.exit_code == 0
    assert "halted broken on SYNUSDT: exception" in shown.stdout
    page = Path(told["report"]).read_text()
    assert "planted" in words_of(page)


def but(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


BAD = {
    "an unknown key": (but("priority: 2", "priorty: 2"), 6, "Did you mean 'priority'", "account.yaml:13"),
    "an unknown bound": (but("heat_max", "heat_mx"), 6, "Did you mean 'heat_max'", "account.yaml:2"),
    "a bound too far": (but("heat_max: 0.2", "leverage_max: 5"), 6, "leverage_max must be at most 3", "limits"),
    "a bound of a strategy too far": (
        but("symbol_exposure_max: 0.3", "leverage_max: 4"), 6, "leverage_max must be at most 3",
        "account.yaml:12, strategies[1].limits",
    ),
    "a parameter of another kind": (but("fast: 10", "fast: .nan"), 5, "under parameters as fast: VALUE", ":11"),
    "a bound that is null": (but("heat_max: 0.2", "heat_max: null"), 6, "limits.heat_max is None", "account.yaml:2"),
    "a rule there is not": (GOOD + "rule: sum\n", 6, "'net', 'hold' or 'priority'", "rule"),
    "no strategies": ("account: x\ninterval: 4h\nstrategies: []\n", 6, "strategies", "account.yaml:3"),
    "no account": (f"interval: 4h\n{STRATEGIES}", 6, "'account' is missing", "account.yaml"),
    "no interval": (f"account: x\n{STRATEGIES}", 6, "'interval' is missing", "account.yaml"),
    "an id twice": (but("id: revert", "id: trend"), 6, "two strategies are called 'trend'", "account.yaml"),
    "an id of the house": (but("id: revert", "id: account"), 6, "taken by the house", "strategies[2]"),
    "an id out of grammar": (but("id: revert", "id: Re_vert"), 6, "strategies[2].id", "account.yaml:13"),
    "a symbol twice": (but("[SYNUSDT, OTHERUSDT]", "[SYNUSDT, SYNUSDT]"), 6, "named twice", "strategies[0]"),
    "capital of nothing": (but("capital: 20000", "capital: 0"), 6, "greater than 0", "account.yaml:13"),
    "a quoted capital is a text": (but("capital: 20000", "capital: much"), 6, "capital is 'much'", "account.yaml:13"),
    "the end first": (but("end: 2021-12-01", "end: 2020-12-01"), 6, "is not after start", "account.yaml:6, end"),
    "a waiver there is not": (but("[no-brackets]", "[no-bracket]"), 6, "waivers[0]", "account.yaml:7"),
    "not YAML": ("account: [", 6, "not YAML", "account.yaml"),
    "not a mapping": ("- 1\n", 6, "an account file is a mapping", "account.yaml"),
    "a strategy there is not": (but("RsiReversion", "RsiRevrsion"), 5, "'RsiReversion'?", "strategies[2].strategy"),
    "a file there is not": (but("RsiReversion", "gone.py"), 5, "cannot read gone.py", "account.yaml:13"),
    "a parameter there is not": (but("fast: 10", "fsat: 10"), 5, "fsat", "account.yaml:11"),
    "no data": (but("symbols: [OTHERUSDT]", "symbols: [NONEUSDT]"), 4, "NONEUSDT", "next:"),
    "an input without its waiver": (but("[no-brackets]", "[]"), 4, "the leverage brackets are missing", "next:"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_what_is_wrong_with_a_file_is_said_with_its_place(fault: str, markets: Path, tmp_path: Path) -> None:
    """Proves: UX-2"""
    text, code, cause, place = BAD[fault]
    message = refused("account", "backtest", account_file(tmp_path, text), code=code)
    assert cause in message
    assert place in message
    assert not (markets / "accounts").exists(), "nothing is kept of a run that was refused"


def test_a_list_whose_items_are_faulty_is_not_called_empty_too(tmp_path: Path) -> None:
    """Proves: UX-2"""
    one = "strategies:\n  - {id: quarantine, strategy: RsiReversion, symbols: [SYNUSDT], capital: .nan}\n"
    message = refused("account", "backtest", account_file(tmp_path, f"account: x\ninterval: 4h\n{one}"), code=6)
    assert "strategies[0].capital is nan" in message
    assert "at least 1 item" not in message


def test_a_file_that_does_not_load_is_refused_with_its_line(markets: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("from qts import Strategy\n\nclass Bad(Strategy:\n")
    message = refused("account", "backtest", account_file(tmp_path, GOOD.replace("RsiReversion", str(bad))), code=5)
    assert "not valid Python" in message
    assert "bad.py:3" in message
    assert "account.yaml:13, strategies[2].strategy" in message
    made_for_1h = strategy_file(tmp_path, "    interval = '1h'\n    def on_bar(self, view):\n        return None\n")
    text = GOOD.replace("RsiReversion", made_for_1h)
    assert "is made for 1h bars" in refused("account", "backtest", account_file(tmp_path, text), code=5)


def test_there_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read" in refused("account", "backtest", str(tmp_path / "none.yaml"), code=6)


def test_each_strategy_is_counted_as_tried_on_each_symbol(markets: Path, tmp_path: Path) -> None:
    """Proves: BX-3"""
    from qts.app import assembly
    from qts.app.settings import Settings

    for _ in range(2):
        answered("account", "backtest", account_file(tmp_path, GOOD))
    worlds = assembly.world_service(Settings(markets))
    counts = {
        family: worlds.count_trials(family) for family in ("MovingAverageCross", "DonchianBreakout", "RsiReversion")
    }
    assert counts == {"MovingAverageCross": 2, "DonchianBreakout": 1, "RsiReversion": 1}


def test_a_damaged_record_is_refused(markets: Path, tmp_path: Path) -> None:
    told = answered("account", "backtest", account_file(tmp_path, GOOD))
    record = Path(told["record"])
    document = json.loads(gzip.decompress(record.read_bytes()))
    document["result"]["crossed"] += 1
    record.write_bytes(gzip.compress(json.dumps(document).encode()))
    for word in ("explain", "status"):
        assert "does not have the digest" in refused("risk", word, told["run_id"], code=7)
    record.write_bytes(record.read_bytes()[:-20])
    assert "not as it was written" in refused("risk", "status", told["run_id"], code=7)
    record.unlink()
    assert "there is no account run" in refused("risk", "status", told["run_id"], code=7)
