"""Bad input gets one message with cause, place and next step, the right exit code, and loses nothing."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.cli.front_door import POLICY, policy_file, qts, refused, runs, strategy_file

# -- policies ---------------------------------------------------------------------------------------------------------


def test_an_unknown_policy_key_is_named_with_its_line_and_the_word_meant(home: Path) -> None:
    """Proves: WS-1"""
    text = POLICY.format(world="x") + "frictions: {fee_rate_makr: 0.0002}\n"
    message = refused("world", "create", "x", "--policy", policy_file(home, text), code=6)
    assert "fee_rate_makr" in message
    assert "Did you mean 'fee_rate_maker'?" in message
    assert re.search(r"policy\.yaml:\d+", message)
    assert refused("world", "status", "x", code=6), "nothing was created"


def test_an_unknown_metric_in_a_gate_is_named(home: Path) -> None:
    """Proves: WS-2"""
    text = POLICY.format(world="x") + "selection: {gates: ['sharp >= 1']}\n"
    message = refused("world", "create", "x", "--policy", policy_file(home, text), code=6)
    assert "sharp" in message
    assert "Did you mean 'sharpe'?" in message


def test_an_unknown_world_is_named(home: Path) -> None:
    message = refused("submit", "CoinFlip", "--world", "ww", code=6)
    assert "there is no world 'ww'. Did you mean 'w'?" in message


def test_a_world_needs_a_policy_or_a_preset(home: Path) -> None:
    assert "one of the two" in refused("world", "create", "x", code=2)


# -- data -------------------------------------------------------------------------------------------------------------


def test_missing_funding_names_the_command_and_the_waiver(home: Path) -> None:
    """Proves: QL-9"""
    shutil.rmtree(home / "data" / "raw" / "funding")
    message = refused("submit", "CoinFlip", "--world", "w", code=4)
    assert "the funding history is missing" in message
    assert "--kind funding --symbol SYNUSDT" in message
    assert "no-funding" in message
    assert runs(home) == []


def test_missing_brackets_name_the_command_and_the_waiver(home: Path) -> None:
    """Proves: QL-9"""
    shutil.rmtree(home / "data" / "brackets")
    message = refused("backtest", "CoinFlip", "--data", "SYNUSDT/4h", code=4)
    assert "the leverage brackets are missing" in message
    assert "--kind brackets" in message
    waived = qts("backtest", "CoinFlip", "--data", "SYNUSDT/4h", "--waive", "no-brackets")
    assert waived.exit_code == 0, waived.output
    assert "liquidation was not simulated" in re.sub(r"\s+", " ", waived.output)


def test_missing_mark_price_names_the_command_and_the_waiver(home: Path) -> None:
    """Proves: QL-9"""
    shutil.rmtree(home / "data" / "raw" / "mark")
    message = refused("backtest", "CoinFlip", "--data", "SYNUSDT/4h", code=4)
    assert "the mark price is missing" in message
    assert "--waive mark-from-last" in message


def test_a_gap_in_the_window_is_named_with_its_place(home: Path, tmp_path: Path) -> None:
    """Proves: QL-9"""
    source = pl.DataFrame(
        {
            "timestamp": [1_609_459_200_000 + hour * 3_600_000 for hour in range(300) if not 100 <= hour < 110],
            **{name: [100.0] * 290 for name in ("open", "high", "low", "close", "volume")},
        }
    )
    source.write_csv(tmp_path / "gap.csv")
    for words in (
        ("--kind", "instrument", "--tick", "0.1", "--lot", "0.01", "--min-notional", "5"),
        (str(tmp_path / "gap.csv"), "--interval", "1h"),
    ):
        stored = qts("data", "import", *words, "--symbol", "GAPUSDT")
        assert stored.exit_code == 0, stored.output
    waivers = [word for name in ("no-funding", "no-brackets", "mark-from-last") for word in ("--waive", name)]
    message = refused("backtest", "BuyAndHold", "--data", "GAPUSDT/1h", *waivers, code=4)
    assert "10 bars are missing before 2021-01-05T14:00:00Z" in message
    allowed = qts("backtest", "BuyAndHold", "--data", "GAPUSDT/1h", *waivers, "--waive", "gaps-in-bars")
    assert allowed.exit_code == 0, allowed.output


def test_an_unknown_symbol_is_named_with_what_there_is(home: Path) -> None:
    message = refused("backtest", "CoinFlip", "--data", "SYNUSD/4h", code=4)
    assert "SYNUSDT" in message


def test_an_empty_file_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("timestamp,open,high,low,close,volume\n")
    message = refused("data", "import", str(tmp_path / "empty.csv"), "--symbol", "E", "--interval", "1h", code=4)
    assert "empty.csv" in message


def test_time_that_runs_backwards_is_audited_and_stops_a_backtest(home: Path, tmp_path: Path) -> None:
    """Proves: QL-2"""
    rows = [f"{1_609_459_200_000 + hour * 3_600_000},1,1,1,1,5" for hour in (0, 2, 1, 3)]
    (tmp_path / "back.csv").write_text("timestamp,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    stored = qts("data", "import", str(tmp_path / "back.csv"), "--symbol", "BACKUSDT", "--interval", "1h")
    assert stored.exit_code == 0, stored.output
    audited = qts("data", "audit", "--symbol", "BACKUSDT", "--interval", "1h")
    assert audited.exit_code == 3
    message = refused("backtest", "CoinFlip", "--data", "BACKUSDT/1h", code=4)
    assert "qts data" in message


def test_a_truncated_partition_is_named(home: Path) -> None:
    """Proves: QL-1"""
    partition = next((home / "data" / "raw" / "bars").rglob("*.parquet"))
    partition.write_bytes(partition.read_bytes()[:200])
    message = refused("backtest", "CoinFlip", "--data", "SYNUSDT/4h", code=4)
    assert partition.name in message


def test_options_that_make_no_sense_are_refused(home: Path) -> None:
    assert "SYMBOL/INTERVAL" in refused("backtest", "CoinFlip", "--data", "SYNUSDT", code=2)
    assert "name=value" in refused("backtest", "CoinFlip", "--data", "SYNUSDT/4h", "--param", "fast", code=2)
    assert "not a duration" in refused("backtest", "CoinFlip", "--data", "SYNUSDT/4x", code=2)
    assert "Did you mean 'no-funding'?" in refused(
        "backtest", "CoinFlip", "--data", "SYNUSDT/4h", "--waive", "no-fundin", code=2
    )


# -- strategies -------------------------------------------------------------------------------------------------------

BODIES = {
    "syntax": ("    def on_bar(self, view)\n        pass\n", "not valid Python", "mine.py:5"),
    "raises": ("    def on_bar(self, view):\n        return 1 / 0\n", "raised ZeroDivisionError", "mine.py:6"),
    "nan": (
        "    def on_bar(self, view):\n        return buy(weight=1, stop_loss=float('nan'))\n",
        "stop_loss is nan",
        "mine.py:6",
    ),
    "nan weight": (
        "    def on_bar(self, view):\n        return buy(weight=float('nan'))\n",
        "weight must be a number above 0",
        "mine.py:6",
    ),
    "beyond": (
        "    def on_bar(self, view):\n        return sma(view, 5, ago=-1) and None\n",
        "looks beyond the view",
        "bar",
    ),
    "leak": (
        (
            "    def on_bar(self, view):\n"
            "        rest = view._close\n"
            "        after = rest[min(view.bar_number + 1, len(rest) - 1)]\n"
            "        return buy(weight=0.5) if view.is_flat and after > view.close else None\n"
        ),
        "failed the leak check",
        "SYNUSDT",
    ),
    "exits": (
        "    def on_bar(self, view):\n        raise SystemExit(0)\n",
        "raised SystemExit",
        "mine.py:6",
    ),
    "wrong type": ("    def on_bar(self, view):\n        return 'buy'\n", "on_bar returned str 'buy'", "bar"),
    "wrong symbol": (
        "    symbols = ('BTCUSDT',)\n    def on_bar(self, view):\n        return None\n",
        "made for BTCUSDT",
        "",
    ),
    "speaks of another": (
        "    def on_bar(self, view):\n        return buy('ETHUSDT', weight=1)\n",
        "speaks of 'ETHUSDT'",
        "bar",
    ),
    "wrong interval": (
        "    interval = '1h'\n    def on_bar(self, view):\n        return None\n",
        "made for 1h bars, the data have 4h bars",
        "",
    ),
    "never warm": (
        "    def on_bar(self, view):\n        return sma(view, 9000) and None\n",
        "never had enough history",
        "",
    ),
    "misspelt wish": (
        "    def on_bar(self, view):\n        return buy(weight=1, stoploss=3)\n",
        "Did you mean 'stop_loss'?",
        "mine.py:6",
    ),
}


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_strategy_that_misbehaves_is_told_where(home: Path, tmp_path: Path, name: str) -> None:
    """Proves: P6-1"""
    body, cause, place = BODIES[name]
    message = refused("submit", strategy_file(tmp_path, body), "--world", "w", code=5)
    assert cause in message
    assert place in message
    assert all(status == "rejected" and reason.startswith("error: ") for status, reason in runs(home))


def test_wrong_parameters_are_told(home: Path) -> None:
    message = refused("submit", "MovingAverageCross", "--world", "w", "--param", "fsat=3", code=5)
    assert "no parameter 'fsat'. Did you mean 'fast'?" in message
    message = refused("submit", "MovingAverageCross", "--world", "w", "--param", "fast=soon", code=5)
    assert "must be int, not 'soon'" in message
    assert runs(home) == []


@pytest.fixture(autouse=True)
def no_leftovers(tmp_path: Path) -> Iterator[None]:
    """No command leaves temporary files behind."""
    yield
    assert not [path for path in tmp_path.rglob("*.tmp") if path.is_file()]
