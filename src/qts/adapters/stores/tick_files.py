"""Reading recorded ticks: a folder with trades.parquet, book_ticker.parquet and depth.parquet.

Columns are those of Binance USD-M streams: ``timestamp`` (the venue's
transaction time, ms UTC), ``local_ns`` (the recorder's clock), ids, prices and
quantities as numbers. Prices and quantities must lie on the instrument's grids,
to the last digit.

Of the trades only those of kind MARKET are kept: what the insurance fund or
auto-deleveraging exchanged never met the book. Nothing here writes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from qts.domain.errors import DataError, did_you_mean
from qts.domain.instrument import Instrument
from qts.market.ticks import ASK, BID, DepthDiffs, Ints, Ticks, TopOfBook, TradeTicks, on_grid

if TYPE_CHECKING:
    import polars as pl

_WHOLE, _NUMBER, _TEXT, _FLAG = "whole numbers", "numbers", "text", "true or false"

TRADES: Final[Mapping[str, str]] = {
    "timestamp": _WHOLE,
    "local_ns": _WHOLE,
    "trade_id": _WHOLE,
    "price": _NUMBER,
    "qty": _NUMBER,
    "buyer_is_maker": _FLAG,
    "order_kind": _TEXT,
}
BOOK_TICKER: Final[Mapping[str, str]] = {
    "timestamp": _WHOLE,
    "local_ns": _WHOLE,
    "update_id": _WHOLE,
    "bid": _NUMBER,
    "bid_qty": _NUMBER,
    "ask": _NUMBER,
    "ask_qty": _NUMBER,
}
DEPTH: Final[Mapping[str, str]] = {
    "timestamp": _WHOLE,
    "local_ns": _WHOLE,
    "first_id": _WHOLE,
    "final_id": _WHOLE,
    "prev_final_id": _WHOLE,
    "side": _TEXT,
    "price": _NUMBER,
    "qty": _NUMBER,
    "is_snapshot": _FLAG,
}


def read_ticks(folder: Path, instrument: Instrument) -> Ticks:
    """The three files of a folder. Raises DataError naming file, column and row of what is missing or wrong."""
    return Ticks(
        trades=read_trades(folder / "trades.parquet", instrument),
        tops=read_top_of_book(folder / "book_ticker.parquet", instrument),
        depth=read_depth(folder / "depth.parquet", instrument),
    )


def read_trades(path: Path, instrument: Instrument) -> TradeTicks:
    table = _table(path, TRADES)
    met_the_book = (table["order_kind"] == "MARKET").to_numpy()
    with _named(path):
        every = TradeTicks(
            known_at=table["local_ns"].to_numpy(),
            occurred_at=table["timestamp"].to_numpy(),
            trade_id=table["trade_id"].to_numpy(),
            price=_steps(table, "price", instrument),
            quantity=_steps(table, "qty", instrument),
            aggressor=np.where(table["buyer_is_maker"].to_numpy(), ASK, BID),
        )
    return every.rows(met_the_book)


def read_top_of_book(path: Path, instrument: Instrument) -> TopOfBook:
    table = _table(path, BOOK_TICKER)
    with _named(path):
        return TopOfBook(
            known_at=table["local_ns"].to_numpy(),
            occurred_at=table["timestamp"].to_numpy(),
            update_id=table["update_id"].to_numpy(),
            bid=_steps(table, "bid", instrument),
            bid_quantity=_steps(table, "bid_qty", instrument),
            ask=_steps(table, "ask", instrument),
            ask_quantity=_steps(table, "ask_qty", instrument),
        )


def read_depth(path: Path, instrument: Instrument) -> DepthDiffs:
    table = _table(path, DEPTH)
    is_bid, is_ask = (table["side"] == "b").to_numpy(), (table["side"] == "a").to_numpy()
    if not (is_bid | is_ask).all():
        row = int(np.argmin(is_bid | is_ask))
        raise DataError(f"column side holds {table['side'][row]!r}, not 'b' or 'a'", place=f"{path}, row {row}")
    with _named(path):
        return DepthDiffs(
            known_at=table["local_ns"].to_numpy(),
            occurred_at=table["timestamp"].to_numpy(),
            first_id=table["first_id"].to_numpy(),
            final_id=table["final_id"].to_numpy(),
            prev_final_id=table["prev_final_id"].to_numpy(),
            side=np.where(is_bid, BID, ASK),
            price=_steps(table, "price", instrument),
            quantity=_steps(table, "qty", instrument),
            is_snapshot=table["is_snapshot"].to_numpy(),
        )


def _table(path: Path, schema: Mapping[str, str]) -> "pl.DataFrame":
    import polars as pl

    try:
        content = path.read_bytes()
    except OSError as fault:
        raise DataError(
            f"cannot read {path.name}: {fault.strerror}",
            place=str(path.parent),
            next_step="a folder of ticks holds trades.parquet, book_ticker.parquet and depth.parquet",
        ) from fault
    try:
        table = pl.read_parquet(content)
    except pl.exceptions.PolarsError as fault:
        raise DataError(f"{path.name} is not a Parquet file that can be read: {fault}", place=str(path)) from fault
    for name, kind in schema.items():
        if name not in table.columns:
            raise DataError(f"column {name} is missing.{did_you_mean(name, table.columns)}", place=str(path))
        if not _is(table.schema[name], kind):
            raise DataError(f"column {name} holds {table.schema[name]}, not {kind}", place=str(path))
        if table[name].null_count() > 0:
            row = int(table[name].is_null().arg_max() or 0)
            raise DataError(f"column {name} has an empty cell", place=f"{path}, row {row}")
    return table


def _is(found: "pl.DataType", wanted: str) -> bool:
    import polars as pl

    if wanted == _WHOLE:
        return found.is_integer()
    if wanted == _NUMBER:
        return found.is_float() or found.is_integer()
    return found == (pl.String if wanted == _TEXT else pl.Boolean)


def _steps(table: "pl.DataFrame", column: str, instrument: Instrument) -> Ints:
    import polars as pl

    step = instrument.lot if column.endswith("qty") else instrument.tick
    return on_grid(table[column].cast(pl.Float64).to_numpy(), step, f"column {column}")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What is wrong with the columns is wrong with the file: its name is put in front of the place."""
    try:
        yield
    except DataError as fault:
        place = f"{path}, {fault.place}" if fault.place else str(path)
        raise DataError(fault.cause, place=place, next_step=fault.next_step) from fault
