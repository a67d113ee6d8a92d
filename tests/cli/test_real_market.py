"""Five years of real futures bars, from file to verdict, through the front door."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qts.cli.main import app

WORLD = """
world: btc-4h
version: 1
extends: moderate
capital: 100000
dataset: {symbol: BTCUSDT, interval: 4h, start: 2020-01-01, end: 2025-01-01}
data_currency: {max_lag: 5200w}
waivers: [brackets-undated, mark-from-last]
risk: {limits: {drawdown_warn: 0.3, drawdown_block: 0.6}}
"""


def qts(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.mark.real_data
def test_real_bars_are_imported_audited_cleaned_and_judged(real_data: Path, tmp_path: Path) -> None:
    """Proves: QL-1, QL-2, QL-3, QL-9, WS-8"""
    qts("data", "import", "--kind", "instrument", "--symbol", "BTCUSDT", "--tick", "0.01", "--lot", "0.001",
        "--min-notional", "100")  # fmt: skip
    bars, funding = real_data / "bars/binance-um-4h/BTCUSDT.parquet", real_data / "funding/binance-um/BTCUSDT.parquet"
    qts("data", "import", str(bars), "--symbol", "BTCUSDT", "--interval", "4h")
    qts("data", "import", str(funding), "--kind", "funding", "--symbol", "BTCUSDT")
    tiers = real_data / "binance-messages/freqtrade/binance_leverage_tiers.json"
    qts("data", "import", str(tiers), "--kind", "brackets", "--symbol", "BTCUSDT", "--as-of", "2024-10-01")
    audit = json.loads(qts("data", "audit", "--symbol", "BTCUSDT", "--interval", "4h", "--output", "json"))
    assert {finding["kind"] for finding in audit["findings"]} == {"extreme_move"}
    assert {finding["severity"] for finding in audit["findings"]} == {"info"}
    qts("data", "clean", "--symbol", "BTCUSDT", "--interval", "4h")
    (tmp_path / "w.yaml").write_text(WORLD)
    qts("world", "create", "btc-4h", "--policy", str(tmp_path / "w.yaml"))
    told = json.loads(qts("submit", "DonchianBreakout", "--world", "btc-4h", "--output", "json", code=3))
    assert told["waivers"] == ["brackets-undated", "mark-from-last"]
    assert [violation["metric"] for violation in told["violations"]] == ["max_drawdown"]
    assert told["metrics"]["n_trades"] == 144
    page = Path(told["report"]).read_text()
    assert "leverage brackets of another date were used for the whole period" in page
    assert "SYNTHETIC" not in re.sub(r"<style>.*?</style>|<script.*?</script>", "", page, flags=re.DOTALL)
    coin = json.loads(qts("submit", "CoinFlip", "--world", "btc-4h", "--output", "json", code=3))
    assert any("no evidence of an edge" in violation["sentence"] for violation in coin["violations"])
    verified = json.loads(qts("run", "verify", told["run_id"], "--output", "json"))
    assert verified["agrees"]
