"""The trade that docs/worked-example.md follows by hand is the trade the engine made, number for number."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from qts.adapters.stores.catalogue import Catalogue
from qts.adapters.stores.imports import Reading
from qts.app import data_commands
from qts.domain.fill import Cause
from qts.domain.instant import HOUR_MS, format_instant, parse_instant
from qts.domain.order import Side
from qts.domain.waiver import Waiver
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.result import RunResult
from qts.strategy.catalogue import DonchianBreakout

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "worked-example.md").read_text()
WAIVERS = (Waiver.BRACKETS_UNDATED, Waiver.MARK_FROM_LAST)


@pytest.fixture(scope="module")
def run(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    catalogue = Catalogue(tmp_path_factory.mktemp("data"))
    rules = {"tick": Decimal("0.01"), "lot": Decimal("0.001"), "notional_min": Decimal(100)}
    given = data_commands.instrument_from(symbol="BTCUSDT", base=None, quote=None, **rules)
    data_commands.import_instrument(catalogue, None, symbol="BTCUSDT", given=given, replace_existing=False)
    data_commands.import_bars(
        catalogue,
        real_data / "bars/binance-um-4h/BTCUSDT.parquet",
        symbol="BTCUSDT",
        interval_ms=4 * HOUR_MS,
        reading=Reading(),
    )
    funding = real_data / "funding/binance-um/BTCUSDT.parquet"
    data_commands.import_funding(catalogue, funding, symbol="BTCUSDT", reading=Reading())
    tiers = real_data / "binance-messages/freqtrade/binance_leverage_tiers.json"
    data_commands.import_brackets(catalogue, tiers, symbol="BTCUSDT", as_of=parse_instant("2024-10-01"))
    dataset = catalogue.load_dataset("BTCUSDT", 4 * HOUR_MS)
    return run_backtest(dataset, DonchianBreakout(), Terms(waivers=WAIVERS))


def _number(pattern: str) -> Decimal:
    found = re.search(pattern, PAGE)
    assert found is not None, f"the page no longer says {pattern}"
    return Decimal(found[1])


@pytest.mark.real_data
def test_the_page_tells_the_trade_the_engine_made(run: RunResult) -> None:
    """Proves: QL-9, QL-10, QL-13"""
    trade = run.trades[1]
    entry, exit_ = (fill for fill in run.fills if trade.entered_at <= fill.occurred_at <= (trade.exited_at or 0))
    assert (trade.side, trade.exit_cause) == (Side.SELL, Cause.STOP_LOSS)
    assert trade.quantity == _number(r"rounded down to the lot: ([\d.]+)")
    assert entry.price == _number(r"sold at .*rounded down to the tick: ([\d.]+)")
    assert entry.fee == _number(r"fee += 7\.220 x 8365\.65 x 0\.0005 = ([\d.]+)")
    assert exit_.price == _number(r"bought at .*rounded up to the tick: ([\d.]+)")
    assert exit_.fee == _number(r"fee += 7\.220 x 8632\.47 x 0\.0005 = ([\d.]+)")
    assert trade.slippage == _number(r"8365\.65\) = ([\d.]+)") + _number(r"8631\.60\) = ([\d.]+)")
    assert trade.gross_pnl == _number(r"price: .* \| (-[\d.]+) \|")
    assert -trade.fees == _number(r"fees: .* \| (-[\d.]+) \|")
    assert -trade.funding == _number(r"funding received \| ([\d.]+) \|")
    assert trade.net_pnl == _number(r"\| net \| (-[\d.]+) \|")


@pytest.mark.real_data
def test_the_page_lists_every_funding_payment(run: RunResult) -> None:
    """Proves: QL-9"""
    rows = re.findall(r"\| (\d{4}-\d\d-\d\d) (\d\d:\d\d) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", PAGE)
    trade = run.trades[1]
    paid = [p for p in run.funding_payments if trade.entered_at < p.occurred_at <= (trade.exited_at or 0)]
    told = [(f"{day}T{time}:00Z", Decimal(rate), Decimal(price), Decimal(got)) for day, time, rate, price, got in rows]
    assert told == [(format_instant(p.occurred_at), p.rate, p.price, -p.amount) for p in paid]


def test_the_arithmetic_of_the_page_adds_up() -> None:
    """Every line of the form ``a op b ... = c`` is true as written, rounded where the page says so."""
    sold, bought, quantity = Decimal("8365.65"), Decimal("8632.47"), Decimal("7.220")
    fees = (quantity * sold + quantity * bought) * Decimal("0.0005")
    assert round(quantity * (sold - bought), 8) == _number(r"price: .* \| (-[\d.]+) \|")
    assert round(-fees, 8) == _number(r"fees: .* \| (-[\d.]+) \|")
    payments = [Decimal(row) for row in re.findall(r"\d\d:\d\d \| [\d.]+ \| [\d.]+ \| ([\d.]+) \|", PAGE)]
    assert sum(payments) == _number(r"\| sum \| \| \| ([\d.]+) \|")
