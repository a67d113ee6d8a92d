"""Reading files others made: what is recognised, what is kept as it is, what is refused and how it says so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.adapters.stores.imports import Label, Reading, TimeUnit, read_bars, read_funding
from qts.adapters.stores.manifest import Source
from qts.domain.errors import DataError, UsageError
from qts.domain.instant import HOUR_MS, parse_instant
from qts.market.raw import RawBars

START = parse_instant("2024-01-01")


def csv(tmp_path: Path, text: str, name: str = "bars.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def bars(path: Path, *, volume_required: bool = True, **reading: object) -> tuple[RawBars, Source]:
    return read_bars(
        path,
        symbol="BTCUSDT",
        interval_ms=HOUR_MS,
        reading=Reading(**reading),  # type: ignore[arg-type]
        volume_required=volume_required,
    )


ROW = "1.5,3,1,2,10"
PRICES = {name: [1] for name in ("open", "high", "low", "close", "volume")}
USUAL = "timestamp,open,high,low,close,volume\n"


@pytest.mark.parametrize(
    "header",
    [
        "timestamp,open,high,low,close,volume",
        "Open time,Open,High,Low,Close,Volume",
        "DATE,o,h,l,c,vol",
        "open_time;Open;High;Low;Close;Base Volume",
    ],
)
def test_usual_names_are_recognised(tmp_path: Path, header: str) -> None:
    """Proves: QL-1"""
    separator = ";" if ";" in header else ","
    raw, _ = bars(csv(tmp_path, f"{header}\n{START}{separator}{ROW.replace(',', separator)}\n"))
    assert [values.tolist() for _, values in raw.columns()] == [[START], [1.5], [3.0], [1.0], [2.0], [10.0]]


def test_declared_names_win_and_the_source_remembers_how_it_was_read(tmp_path: Path) -> None:
    """Proves: QL-1"""
    path = csv(tmp_path, f"when,first,high,low,close,volume,open,note\n{START},{ROW},99,x\n")
    raw, source = bars(path, columns={"time": "when", "open": "first"})
    assert raw.open.tolist() == [1.5]
    assert source.mapping["open"] == "first"
    assert source.columns_ignored == ("open", "note")
    assert (source.file, source.rows, source.time_unit, source.label, len(source.sha256)) == (
        "bars.csv",
        1,
        "ms",
        "open",
        64,
    )


def test_unrecognised_columns_are_listed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"bars\.csv: no column recognised as high, volume") as caught:
        bars(csv(tmp_path, f"timestamp,open,hi,low,close,amount\n{START},{ROW}\n"))
    assert caught.value.place == "columns found: timestamp, open, hi, low, close, amount"
    assert caught.value.next_step == "say which it is: --column high=NAME --column volume=NAME"


def test_a_declared_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'Opne'\. Did you mean 'Open'"):
        bars(csv(tmp_path, f"timestamp,Open,high,low,close,volume\n{START},{ROW}\n"), columns={"open": "Opne"})
    with pytest.raises(UsageError, match=r"'opn' is not a column of ours\. Did you mean 'open'"):
        Reading(columns={"opn": "Open"})


UNITS = [
    (str(START), None),
    (str(START), TimeUnit.MILLISECONDS),
    (str(START // 1000), TimeUnit.SECONDS),
    (f"{START // 1000}.0", TimeUnit.SECONDS),
    (str(START * 1000), TimeUnit.MICROSECONDS),
    (str(START * 1_000_000), TimeUnit.NANOSECONDS),
    ("2024-01-01", None),
    ("2024-01-01 00:00:00", None),
    ("2024-01-01T00:00:00Z", TimeUnit.ISO),
    ("2024-01-01T03:00:00+03:00", None),
]


@pytest.mark.parametrize(("text", "unit"), UNITS)
def test_times_in_any_unit_are_the_same_instant(tmp_path: Path, text: str, unit: TimeUnit | None) -> None:
    """Proves: QL-1"""
    raw, _ = bars(csv(tmp_path, f"{USUAL}{text},{ROW}\n"), time_unit=unit)
    assert raw.opened_at.tolist() == [START]


@pytest.mark.parametrize(
    ("text", "advice"),
    [(str(START // 1000), "--time-unit s"), (str(START * 1000), "--time-unit us"), ("17", "check the time column")],
)
def test_a_wrong_unit_is_refused_with_the_right_one(tmp_path: Path, text: str, advice: str) -> None:
    with pytest.raises(DataError, match="its times read as milliseconds are around") as caught:
        bars(csv(tmp_path, f"{USUAL}{text},{ROW}\n"))
    assert advice in caught.value.next_step


@pytest.mark.parametrize("text", ["yesterday", "2024-13-01", "", "12:00"])
def test_a_time_that_is_none_is_named_with_its_row(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"is not a time|no time in row 1") as caught:
        bars(csv(tmp_path, f"{USUAL}2024-01-01,{ROW}\n{text},{ROW}\n"))
    assert "timestamp" in caught.value.place


def test_close_labels_move_back_by_one_interval(tmp_path: Path) -> None:
    raw, source = bars(csv(tmp_path, f"{USUAL}{START + HOUR_MS},{ROW}\n"), label=Label.CLOSE)
    assert raw.opened_at.tolist() == [START]
    assert source.label == "close"


@pytest.mark.parametrize("cell", ["", "NaN", "null", " "])
def test_an_empty_cell_is_kept_as_missing(tmp_path: Path, cell: str) -> None:
    raw, _ = bars(csv(tmp_path, f"{USUAL}{START},1.5,3,1,{cell},10\n"))
    assert np.isnan(raw.close).tolist() == [True]


@pytest.mark.parametrize("cell", ["abc", "1.2.3", "12 USD", "0x10"])
def test_a_cell_that_is_no_number_is_named(tmp_path: Path, cell: str) -> None:
    with pytest.raises(DataError, match="is no number") as caught:
        bars(csv(tmp_path, f"{USUAL}{START},{ROW}\n{START + 1},1.5,3,1,{cell},10\n"))
    assert caught.value.place == "row 1, column close"


def test_rows_stay_in_their_order_with_their_faults(tmp_path: Path) -> None:
    """Proves: QL-1"""
    times = [START + k * HOUR_MS for k in (3, 1, 1, 0)]
    raw, source = bars(csv(tmp_path, USUAL + "".join(f"{time},-1,0,5,inf,-3\n" for time in times)))
    assert raw.opened_at.tolist() == times
    assert not source.in_time_order
    assert raw.low.tolist() == [5.0] * 4


@pytest.mark.parametrize("text", ["", USUAL, "\n\n"])
def test_a_file_without_rows_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"has no rows|no readable CSV"):
        bars(csv(tmp_path, text))


def test_rows_of_another_symbol_are_refused(tmp_path: Path) -> None:
    header = "timestamp,symbol,open,high,low,close,volume\n"
    raw, _ = bars(csv(tmp_path, f"{header}{START},BTC/USDT:USDT,{ROW}\n{START},btc-usdt,{ROW}\n"))
    assert len(raw) == 2
    with pytest.raises(DataError, match="holds ETHUSDT, not BTCUSDT") as caught:
        bars(csv(tmp_path, f"{header}{START},BTCUSDT,{ROW}\n{START},ETHUSDT,{ROW}\n"))
    assert caught.value.place == "row 1, column symbol"


def test_a_kline_dump_without_a_header_is_recognised(tmp_path: Path) -> None:
    """Column order as Binance documents its klines: open time, OHLC, volume, close time, ..."""
    raw, source = bars(csv(tmp_path, f"{START},1.5,3,1,2,10,{START + HOUR_MS - 1},15.5,7,4,6.2,0\n" * 2))
    assert [values.tolist()[0] for _, values in raw.columns()] == [START, 1.5, 3.0, 1.0, 2.0, 10.0]
    assert len(raw) == 2
    assert "taker_buy_volume" in source.columns_ignored


def test_a_truncated_parquet_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    pl.DataFrame({"timestamp": [START], "open": [1.0]}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"bars\.parquet is no readable Parquet file, perhaps cut off"):
        bars(path)
    with pytest.raises(DataError, match=r"cannot read nowhere\.csv"):
        bars(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    "times",
    [
        pl.Series([datetime(2024, 1, 1, tzinfo=UTC)], dtype=pl.Datetime("us", "UTC")),
        pl.Series([datetime(2024, 1, 1)], dtype=pl.Datetime("ns")),  # noqa: DTZ001
        pl.Series([datetime(2024, 1, 1).date()]),  # noqa: DTZ001
        pl.Series([START], dtype=pl.UInt64),
        pl.Series([float(START)]),
    ],
    ids=["zoned", "naive", "date", "unsigned", "float"],
)
def test_parquet_times_of_any_type_are_the_same_instant(tmp_path: Path, times: pl.Series) -> None:
    path = tmp_path / "bars.parquet"
    pl.DataFrame({"time": times, **PRICES}).write_parquet(path)
    raw, _ = bars(path)
    assert raw.opened_at.tolist() == [START]


def test_times_in_another_zone_become_utc(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    seoul = pl.Series([datetime(2024, 1, 1, tzinfo=UTC) + timedelta()]).dt.convert_time_zone("Asia/Seoul")
    pl.DataFrame({"time": seoul, **PRICES}).write_parquet(path)
    assert bars(path)[0].opened_at.tolist() == [START]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_every_float_written_as_text_is_read_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    text = USUAL + "".join(f"{START},{v!r},{v!r},{v!r},{v!r},{v!r}\n" for v in values)
    raw, _ = bars(csv(tmp_path_factory.mktemp("csv"), text))
    assert raw.close.tobytes() == np.array(values).tobytes()


def test_funding_is_read_with_its_stamps_untouched(tmp_path: Path) -> None:
    """Proves: QL-1"""
    path = csv(tmp_path, f"symbol,fundingTime,fundingRate\nBTCUSDT,{START + 47},-0.000124\n")
    raw, _ = read_funding(path, symbol="BTCUSDT", reading=Reading())
    assert (raw.published_at.tolist(), raw.rate.tolist()) == ([START + 47], [-0.000124])
