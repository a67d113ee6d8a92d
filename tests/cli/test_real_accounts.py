"""Three strategies on three real futures markets, 2020 to 2024, on one account."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.front_door import qts

ACCOUNT = """
account: three-on-three
interval: 4h
start: 2020-01-01
end: 2025-01-01
waivers: [no-funding, brackets-undated, no-brackets, mark-from-last]
strategies:
  - {id: cross, strategy: MovingAverageCross, symbols: [BTCUSDT, BNBUSDT, XRPUSDT], capital: 90000}
  - {id: breakout, strategy: DonchianBreakout, symbols: [BTCUSDT, BNBUSDT, XRPUSDT], capital: 90000}
  - {id: revert, strategy: RsiReversion, symbols: [BTCUSDT, BNBUSDT, XRPUSDT], capital: 90000}
"""
RULES = {"BTCUSDT": ("0.01", "0.001"), "BNBUSDT": ("0.01", "0.01"), "XRPUSDT": ("0.0001", "0.1")}


def done(*words: str) -> str:
    result = qts(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def ran(real_data: Path, tmp_path: Path) -> dict[str, Any]:
    for symbol, (tick, lot) in RULES.items():
        words = ("--symbol", symbol, "--tick", tick, "--lot", lot, "--min-notional", "5")
        done("data", "import", "--kind", "instrument", *words)
        bars = real_data / "bars/binance-um-4h" / f"{symbol}.parquet"
        done("data", "import", str(bars), "--symbol", symbol, "--interval", "4h")
    funding = real_data / "funding/binance-um/BTCUSDT.parquet"
    done("data", "import", str(funding), "--kind", "funding", "--symbol", "BTCUSDT")
    tiers = real_data / "binance-messages/freqtrade/binance_leverage_tiers.json"
    done("data", "import", str(tiers), "--kind", "brackets", "--symbol", "BTCUSDT", "--as-of", "2024-10-01")
    path = tmp_path / "account.yaml"
    path.write_text(ACCOUNT)
    told: dict[str, Any] = json.loads(done("account", "backtest", str(path), "--output", "json"))
    return told


@pytest.mark.real_data
def test_three_strategies_on_three_real_markets_add_up(ran: dict[str, Any]) -> None:
    """Proves: P6-5, P6-8, BX-10"""
    assert ran["synthetic"] is False
    assert ran["halted"] == []
    assert ran["sums_equal"] is True
    for what in ("capital", "equity", "fees", "funding", "liquidation_fees"):
        whole = Decimal(ran["account"][what])
        assert sum(Decimal(row[what]) for row in ran["strategies"]) == whole
        assert sum(Decimal(row[what]) for row in ran["symbols"]) == whole
    assert Decimal(ran["account"]["capital"]) == 270_000
    assert all(row["fills"] > 20 for row in (*ran["strategies"], *ran["symbols"]))
    paid = {row["name"]: Decimal(row["funding"]) for row in ran["symbols"]}
    assert paid["BTCUSDT"] != 0
    assert paid["BNBUSDT"] == paid["XRPUSDT"] == 0, "their funding was waived"
    waived = {each["symbol"]: set(each["waivers"]) for each in ran["data"]}
    assert waived["BTCUSDT"] == {"brackets-undated", "mark-from-last"}
    assert waived["XRPUSDT"] == waived["BNBUSDT"] == {"no-funding", "no-brackets", "mark-from-last"}
    assert all(each["rows"] > 10_000 for each in ran["data"])
    page = Path(ran["report"]).read_text()
    assert "SYNTHETIC DATA" not in page
    assert "funding history is missing" in page
    status = json.loads(done("risk", "status", ran["run_id"], "--output", "json"))
    assert {each["whose"] for each in status["distances"]} == {"cross", "breakout", "revert", "account"}
