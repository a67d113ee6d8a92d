"""A folder of ticks is read exactly, or refused by file, column and row.

Proves: QL-11
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from qts.adapters.stores.tick_files import read_ticks
from qts.domain.errors import DataError
from qts.market.ticks import ASK, BID
from tests.market.tick_cases import BTC

TRADES = pl.DataFrame(
    {
        "timestamp": [10, 11, 12],
        "local_ns": [100, 200, 300],
        "trade_id": [1, 2, 3],
        "price": [61800.3, 61800.2, 61800.2],
        "qty": [0.006, 1.0, 2.5],
        "buyer_is_maker": [False, True, True],
        "order_kind": ["MARKET", "INSURANCE_FUND", "MARKET"],
    }
)
BOOK_TICKER = pl.DataFrame(
    {
        "timestamp": [10],
        "local_ns": [150],
        "update_id": [7],
        "bid": [61800.2],
        "bid_qty": [2.507],
        "ask": [61800.3],
        "ask_qty": [2.51],
    }
)
DEPTH = pl.DataFrame(
    {
        "timestamp": [9, 9],
        "local_ns": [120, 120],
        "first_id": [5, 5],
        "final_id": [8, 8],
        "prev_final_id": [-1, -1],
        "side": ["b", "a"],
        "price": [560.0, 621368.7],
        "qty": [0.014, 0.0],
        "is_snapshot": [True, True],
    }
)
FILES = {"trades": TRADES, "book_ticker": BOOK_TICKER, "depth": DEPTH}


def folder_of(folder: Path, **changed: pl.DataFrame | None) -> Path:
    for name, table in {**FILES, **changed}.items():
        if table is not None:
            table.write_parquet(folder / f"{name}.parquet")
    return folder


def test_three_files_become_ticks_in_whole_ticks_and_lots(tmp_path: Path) -> None:
    ticks = read_ticks(folder_of(tmp_path), BTC)
    assert ticks.trades.price.tolist() == [618003, 618002]
    assert ticks.trades.quantity.tolist() == [6, 2500]
    assert ticks.trades.aggressor.tolist() == [BID, ASK]
    assert ticks.trades.occurred_at.tolist() == [10, 12]
    tops, depth = ticks.tops, ticks.depth
    assert [int(c[0]) for c in (tops.bid, tops.bid_quantity, tops.ask, tops.ask_quantity)] == [
        618002,
        2507,
        618003,
        2510,
    ]
    assert (depth.side.tolist(), depth.price.tolist(), depth.quantity.tolist()) == (
        [BID, ASK],
        [5600, 6213687],
        [14, 0],
    )
    assert ticks.known_at.tolist() == [100, 120, 150, 300]


def test_what_never_met_the_book_is_no_trade(tmp_path: Path) -> None:
    assert read_ticks(folder_of(tmp_path), BTC).trades.trade_id.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"depth": None}, r"cannot read depth\.parquet.*next: a folder of ticks holds"),
        ({"trades": TRADES.drop("trade_id")}, r"column trade_id is missing.*trades\.parquet"),
        ({"trades": TRADES.rename({"qty": "qt"})}, r"column qty is missing.*Did you mean 'qt'"),
        ({"trades": TRADES.cast({"local_ns": pl.Float64})}, r"column local_ns holds Float64, not whole numbers"),
        ({"depth": DEPTH.cast({"is_snapshot": pl.Int8})}, r"column is_snapshot holds Int8, not true or false"),
        ({"trades": TRADES.cast({"price": pl.String})}, r"column price holds String, not numbers"),
        (
            {"trades": TRADES.with_columns(qty=pl.Series([1.0, None, 2.0]))},
            r"column qty has an empty cell.*trades\.parquet, row 1",
        ),
        (
            {"trades": TRADES.with_columns(price=pl.Series([1.0, 2.0, 2.05]))},
            r"column price: 2\.05 is not a whole number of 0\.1.*trades\.parquet, row 2",
        ),
        (
            {"book_ticker": BOOK_TICKER.with_columns(ask=pl.col("bid"))},
            r"bid is not below ask.*book_ticker\.parquet, row 0",
        ),
        ({"depth": DEPTH.with_columns(side=pl.Series(["b", "x"]))}, r"column side holds 'x'.*depth\.parquet, row 1"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changed: dict[str, pl.DataFrame | None], words: str) -> None:
    with pytest.raises(DataError, match=f"(?s){words}"):
        read_ticks(folder_of(tmp_path, **changed), BTC)


@pytest.mark.parametrize("spoil", [lambda content: content[:50], lambda content: b"not parquet at all"])
def test_a_broken_file_is_refused(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = folder_of(tmp_path) / "trades.parquet"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=r"trades\.parquet is not a Parquet file"):
        read_ticks(tmp_path, BTC)


@pytest.mark.real_data
def test_the_recorded_session_is_read_whole(real_data: Path) -> None:
    ticks = read_ticks(real_data / "ticks/binance-um-BTCUSDT-20240808", BTC)
    assert (len(ticks.trades), len(ticks.tops), len(ticks.depth)) == (21_313, 66_089, 445_521)
    assert ticks.depth.messages == 6_552
    assert len(ticks) == 21_313 + 66_089 + 6_552
