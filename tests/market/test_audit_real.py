"""Real exchange data: crash days are facts, a dead contract is found, nothing untrue is said."""

from pathlib import Path

import polars as pl
import pytest

from qts.domain.instant import parse_duration, parse_instant
from qts.market.audit import audit_bars
from qts.market.audit_funding import audit_funding
from qts.market.clean import clean_bars
from qts.market.findings import FindingKind, Severity, Verdict
from qts.market.raw import RawBars, RawFunding

pytestmark = pytest.mark.real_data
K = FindingKind


def read(path: Path, symbol: str, interval: str, volume: str = "volume") -> RawBars:
    table = pl.read_parquet(path)
    return RawBars(
        symbol=symbol,
        interval_ms=parse_duration(interval),
        opened_at=table["timestamp"].to_numpy(),
        volume=table[volume].to_numpy() if volume in table.columns else None,
        **{name: table[name].to_numpy() for name in ("open", "high", "low", "close")},
    )


def test_bitcoin_2020_to_2024_is_clean_and_its_crashes_are_facts(real_data: Path) -> None:
    """Proves: QL-2, QL-3"""
    raw = read(real_data / "bars/binance-um-4h/BTCUSDT.parquet", "BTCUSDT", "4h")
    report = audit_bars(raw)
    assert report.verdict is Verdict.CLEAN
    assert set(report.counts) == {K.EXTREME_MOVE}
    days = {finding.message.partition(" at ")[2][:10] for finding in report.findings}
    assert days == {"2020-03-12", "2020-03-13", "2021-05-19", "2021-07-26"}
    result = clean_bars(raw)
    assert not result.filled.any()
    assert RawBars.of(result.bars).digest() == raw.digest()


@pytest.mark.parametrize("symbol", ["BNBUSDT", "XRPUSDT", "ADAUSDT", "LINKUSDT", "LTCUSDT", "DOGEUSDT", "DOTUSDT"])
def test_no_genuine_crash_is_called_an_error(real_data: Path, symbol: str) -> None:
    report = audit_bars(read(real_data / f"bars/binance-um-4h/{symbol}.parquet", symbol, "4h"))
    assert {finding.severity for finding in report.findings} == {Severity.INFO}


def test_the_genuine_wick_of_ada_is_listed_as_a_fact(real_data: Path) -> None:
    report = audit_bars(read(real_data / "bars/binance-um-4h/ADAUSDT.parquet", "ADAUSDT", "4h"))
    worst = max(report.findings, key=lambda finding: finding.weight)
    assert (worst.column, worst.instant) == ("low", parse_instant("2020-02-28T16:00:00"))
    assert "-52." in worst.message


def test_the_settled_matic_contract_is_found_dead(real_data: Path) -> None:
    """Proves: QL-2"""
    report = audit_bars(read(real_data / "bars/binance-um-4h/MATICUSDT.parquet", "MATICUSDT", "4h"))
    assert {(f.kind, f.severity, f.instant, f.rows) for f in report.findings} == {
        (kind, Severity.WARNING, parse_instant("2024-09-04T12:00:00"), 42)
        for kind in (K.FROZEN_PRICE, K.ZERO_VOLUME_RUN)
    }


def test_prices_of_a_thousandth_are_nothing_special(real_data: Path) -> None:
    report = audit_bars(read(real_data / "bars/binance-um-4h/1000PEPEUSDT.parquet", "1000PEPEUSDT", "4h"))
    assert report.findings == ()


def test_close_labels_are_suspected_in_the_one_file_that_has_them(real_data: Path) -> None:
    """Proves: QL-2"""
    ftx = audit_bars(read(real_data / "bars/ftx-1m/BTC-PERP.parquet", "BTC-PERP", "1m", volume="quote_volume"))
    assert [f.kind for f in ftx.findings if f.severity is not Severity.INFO] == [K.CLOSE_LABELS]
    binance = audit_bars(read(real_data / "bars/binance-um-5m/XRPUSDT.parquet", "XRPUSDT", "5m"))
    assert K.CLOSE_LABELS not in binance.counts


def test_outages_filled_by_the_provider_show_as_zero_volume(real_data: Path) -> None:
    report = audit_bars(read(real_data / "bars/coinbase-1h/BTCUSD.parquet", "BTCUSD", "1h"))
    assert sum(f.rows for f in report.findings if f.kind is K.ZERO_VOLUME_RUN) == 28


@pytest.mark.parametrize(("symbol", "late_ms"), [("BTCUSDT", 47), ("XRPUSDT", 19)])
def test_published_funding_is_clean_with_stamps_some_ms_late(real_data: Path, symbol: str, late_ms: int) -> None:
    table = pl.read_parquet(real_data / f"funding/binance-um/{symbol}.parquet")
    raw = RawFunding(symbol=symbol, published_at=table["timestamp"].to_numpy(), rate=table["funding_rate"].to_numpy())
    (finding,) = audit_funding(raw).findings
    assert (finding.kind, finding.severity) == (K.FUNDING_STAMP_LATE, Severity.INFO)
    assert finding.message.endswith(f"the worst by {late_ms} ms")
