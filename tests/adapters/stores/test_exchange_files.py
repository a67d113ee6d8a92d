"""Brackets and instruments from the JSON of venues and libraries."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from qts.adapters.stores.exchange_files import read_brackets, read_instrument_rules
from qts.domain.errors import DataError
from qts.domain.instant import parse_instant

AS_OF = parse_instant("2024-10-01")
VENUE = [
    {
        "bracket": 1,
        "initialLeverage": 125,
        "notionalCap": 50000,
        "notionalFloor": 0,
        "maintMarginRatio": 0.004,
        "cum": 0.0,
    },
    {
        "bracket": 2,
        "initialLeverage": 100,
        "notionalCap": 600000,
        "notionalFloor": 50000,
        "maintMarginRatio": 0.005,
        "cum": 50.0,
    },
]


def write(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "file.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    "document",
    [
        [{"symbol": "ETHUSDT", "brackets": []}, {"symbol": "BTCUSDT", "brackets": VENUE}],
        {"symbol": "BTCUSDT", "brackets": VENUE[::-1]},
        {"BTC/USDT:USDT": [{"tier": 9.0, "info": {k: str(v) for k, v in item.items()}} for item in VENUE]},
    ],
    ids=["venue list", "venue object, reversed", "library tiers"],
)
def test_every_form_gives_the_same_table(tmp_path: Path, document: object) -> None:
    """Proves: QL-1"""
    table = read_brackets(write(tmp_path, document), symbol="BTCUSDT", as_of=AS_OF)
    assert (table.symbol, table.as_of) == ("BTCUSDT", AS_OF)
    assert [(b.notional_floor, b.maintenance_rate, b.deduction, b.leverage_max) for b in table.brackets] == [
        (0, Decimal("0.004"), 0, 125),
        (50000, Decimal("0.005"), 50, 100),
    ]


def test_a_symbol_the_file_has_not_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, [{"symbol": "BTCUSDT", "brackets": VENUE}])
    with pytest.raises(DataError, match=r"nothing about BTCUSD\. Did you mean 'BTCUSDT'"):
        read_brackets(path, symbol="BTCUSD", as_of=AS_OF)


def test_brackets_that_do_not_join_are_refused(tmp_path: Path) -> None:
    broken = [VENUE[0], {**VENUE[1], "cum": 51}]
    with pytest.raises(DataError, match="do not join: bracket 2"):
        read_brackets(write(tmp_path, {"symbol": "X", "brackets": broken}), symbol="X", as_of=AS_OF)


@pytest.mark.parametrize("document", [3, {"a": 1}, [{"symbol": "X"}], {"X": [{}]}, {"symbol": "X", "brackets": [{}]}])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, document: object) -> None:
    path = write(tmp_path, document)
    with pytest.raises(DataError, match=r"file\.json is no bracket file"):
        read_brackets(path, symbol="X", as_of=AS_OF)
    with pytest.raises(DataError, match=r"file\.json is no exchangeInfo file"):
        read_instrument_rules(path, symbol="X")


def test_a_file_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text('[{"symbol": "BTC')
    with pytest.raises(DataError, match="is no JSON, perhaps cut off"):
        read_brackets(path, symbol="BTCUSDT", as_of=AS_OF)


@pytest.mark.real_data
def test_the_recorded_exchange_info_gives_the_rules_of_its_day(real_data: Path) -> None:
    """Proves: QL-1"""
    path = real_data / "binance-messages/cryptofeed-um-20210722/exchangeInfo.json"
    found = read_instrument_rules(path, symbol="XRPUSDT")
    assert found.facts() == {
        "symbol": "XRPUSDT",
        "base": "XRP",
        "quote": "USDT",
        "tick": "0.0001",
        "lot": "0.1",
        "notional_min": "5",
    }


@pytest.mark.real_data
def test_every_perpetual_of_the_bracket_file_joins(real_data: Path) -> None:
    path = real_data / "binance-messages/freqtrade/binance_leverage_tiers.json"
    document = json.loads(path.read_text())
    symbols = [name for name in document if name.endswith("/USDT:USDT")]
    for name in symbols[:: max(1, len(symbols) // 12)]:
        table = read_brackets(path, symbol=name.replace("/USDT:USDT", "USDT"), as_of=AS_OF)
        assert len(table.brackets) == len(document[name])
