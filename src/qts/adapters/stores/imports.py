"""Reading bars and funding from CSV and Parquet files that others made.

Which column is what, what unit the times are in and whether they name a bar's
open or close is declared by the caller; usual names are recognised. What the
file says is kept as it says it: rows in their order, duplicates, gaps and
impossible prices included, so that the audit can show them. An empty cell
becomes NaN. Only what cannot be stored at all is refused, with row and column:
a time that is no time, a cell that is no number, another symbol's rows, a file
without rows, a truncated file.

Nothing here writes.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from qts.adapters.stores.manifest import Source
from qts.domain.errors import DataError, UsageError, did_you_mean
from qts.domain.instant import Duration, format_instant, parse_instant
from qts.market.audit_time import likely_unit
from qts.market.raw import RawBars, RawFunding

if TYPE_CHECKING:
    import polars as pl

MISSING: Final = ("", "nan", "null", "none", "na", "n/a")
KNOWN_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": (
        "timestamp",
        "time",
        "date",
        "datetime",
        "open_time",
        "opentime",
        "opened_at",
        "funding_time",
        "fundingtime",
        "calc_time",
    ),
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price"),
    "volume": ("volume", "vol", "v", "base_volume", "volume_base"),
    "rate": ("funding_rate", "fundingrate", "rate", "last_funding_rate"),
}
SYMBOL_NAMES: Final = ("symbol", "pair", "ticker", "instrument")
KLINE_COLUMNS: Final = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count"),
    *("taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)


class TimeUnit(Enum):
    """How a file writes its times."""

    MILLISECONDS = "ms"
    SECONDS = "s"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"
    ISO = "iso"


class Label(Enum):
    """What a bar's time names. Bars labelled by their close are moved back by one interval."""

    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to read a file. columns: our name (time, open, high, low, close, volume, rate) -> the file's.

    time_unit: None means text is read as ISO, numbers as milliseconds, and a Parquet date type as what it is.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    time_unit: TimeUnit | None = None
    label: Label = Label.OPEN

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in KNOWN_NAMES:
                raise UsageError(
                    f"{name!r} is not a column of ours.{did_you_mean(name, KNOWN_NAMES)}",
                    next_step=f"use --column OURS=THEIRS with OURS one of {', '.join(KNOWN_NAMES)}",
                )


def read_bars(
    path: Path, *, symbol: str, interval_ms: Duration, reading: Reading, volume_required: bool
) -> tuple[RawBars, Source]:
    """The file's bars as it gives them. volume_required: False for mark prices, which have none."""
    table, sha256 = _read_table(path)
    _refuse_other_symbol(table, symbol, path)
    needed = ("time", "open", "high", "low", "close", *(("volume",) if volume_required else ()))
    mapping = _mapping(table, needed, reading, path)
    times, unit = _times(table[mapping["time"]], reading.time_unit, path)
    if reading.label is Label.CLOSE:
        times = times - interval_ms
    _refuse_wrong_unit(times, path)
    raw = RawBars(
        symbol=symbol,
        interval_ms=interval_ms,
        opened_at=times,
        open=_numbers(table[mapping["open"]], path),
        high=_numbers(table[mapping["high"]], path),
        low=_numbers(table[mapping["low"]], path),
        close=_numbers(table[mapping["close"]], path),
        volume=_numbers(table[mapping["volume"]], path) if volume_required else None,
    )
    return raw, _source(path, sha256, table, mapping, times, unit=unit, label=reading.label)


def read_funding(path: Path, *, symbol: str, reading: Reading) -> tuple[RawFunding, Source]:
    """The file's funding events as it gives them, stamps untouched."""
    table, sha256 = _read_table(path)
    _refuse_other_symbol(table, symbol, path)
    mapping = _mapping(table, ("time", "rate"), reading, path)
    times, unit = _times(table[mapping["time"]], reading.time_unit, path)
    _refuse_wrong_unit(times, path)
    raw = RawFunding(symbol=symbol, published_at=times, rate=_numbers(table[mapping["rate"]], path))
    return raw, _source(path, sha256, table, mapping, times, unit=unit, label=Label.OPEN)


def read_bytes(path: Path) -> bytes:
    """The file's content. Raises DataError if there is no such file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror}", place=str(path)) from error


def _read_table(path: Path) -> "tuple[pl.DataFrame, str]":
    import polars as pl

    content = read_bytes(path)
    parquet = path.suffix.lower() in (".parquet", ".pq") or content[:4] == b"PAR1"
    form = "Parquet" if parquet else "CSV"
    try:
        table = pl.read_parquet(content) if parquet else _read_csv(content)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"{path.name} is no readable {form} file, perhaps cut off: {str(error).splitlines()[0]}",
            place=str(path),
            next_step="fetch the file again; nothing was changed",
        ) from error
    if len(table) == 0:
        raise DataError(f"{path.name} has no rows", place=str(path), next_step="check the file; nothing was changed")
    return table, hashlib.sha256(content).hexdigest()


def _read_csv(content: bytes) -> "pl.DataFrame":
    """Every cell as text: numbers are parsed where a bad one can still be named. No header: Binance's kline columns."""
    import polars as pl

    first_line = content.split(b"\n", 1)[0].decode("utf-8", "replace").strip().lstrip("\ufeff")
    cells = first_line.split(",")
    headless = len(cells) == len(KLINE_COLUMNS) and all(_is_number(cell) for cell in cells)
    separator = max(",;\t", key=first_line.count)
    table = pl.read_csv(content, infer_schema=False, has_header=not headless, separator=separator)
    return table.rename(dict(zip(table.columns, KLINE_COLUMNS, strict=True))) if headless else table


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _plain_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def _mapping(table: "pl.DataFrame", needed: tuple[str, ...], reading: Reading, path: Path) -> dict[str, str]:
    """Our name to the file's, declared or recognised. Raises DataError listing the columns there are."""
    there = {_plain_name(name): name for name in table.columns}
    mapping, missing = {}, []
    for ours in needed:
        declared = reading.columns.get(ours)
        if declared is not None:
            if declared not in table.columns:
                raise DataError(
                    f"{path.name} has no column {declared!r}.{did_you_mean(declared, table.columns)}",
                    place=f"columns found: {', '.join(table.columns)}",
                    next_step=f"name another one: --column {ours}=NAME",
                )
            mapping[ours] = declared
            continue
        found = next((there[name] for name in KNOWN_NAMES[ours] if name in there), None)
        if found is None:
            missing.append(ours)
        else:
            mapping[ours] = found
    if missing:
        options = " ".join(f"--column {ours}=NAME" for ours in missing)
        raise DataError(
            f"{path.name}: no column recognised as {', '.join(missing)}",
            place=f"columns found: {', '.join(table.columns)}",
            next_step=f"say which it is: {options}",
        )
    return mapping


def _refuse_other_symbol(table: "pl.DataFrame", symbol: str, path: Path) -> None:
    column = next((name for name in table.columns if _plain_name(name) in SYMBOL_NAMES), None)
    if column is None:
        return
    for row, value in enumerate(table[column].to_list()):
        if _letters(str(value)) != _letters(symbol):
            raise DataError(
                f"{path.name} holds {value}, not {symbol}",
                place=f"row {row}, column {column}",
                next_step="name the symbol the file holds, or take its rows apart; nothing was changed",
            )


def _letters(symbol: str) -> str:
    """'BTC/USDT:USDT' and 'btc-usdt' are BTCUSDT."""
    return re.sub(r"[^A-Z0-9]", "", symbol.upper().partition(":")[0])


def _times(series: "pl.Series", unit: TimeUnit | None, path: Path) -> tuple[npt.NDArray[np.int64], str]:
    """(ms UTC, the unit they were read as). Raises DataError naming the row whose time is no time."""
    import polars as pl

    place = f"column {series.name}"
    if series.null_count():
        row = int(series.is_null().arg_max() or 0)
        raise DataError(f"{path.name}: there is no time in row {row}", place=place, next_step="correct the file")
    if series.dtype in (pl.Date, pl.Datetime):
        in_ms = series.cast(pl.Datetime("ms", getattr(series.dtype, "time_zone", None)))
        return in_ms.to_physical().cast(pl.Int64).to_numpy().copy(), str(series.dtype)
    if series.dtype == pl.String:
        texts = series.to_list()
        if unit is TimeUnit.ISO or (unit is None and not _is_number(texts[0])):
            return np.array([_iso(text, row, place, path) for row, text in enumerate(texts)], dtype=np.int64), "iso"
        # Whole numbers are parsed as such: a float cannot hold every nanosecond stamp.
        numbers = series.cast(pl.Int64, strict=False)
        if numbers.null_count():
            numbers = pl.Series(series.name, _numbers(series, path))
    else:
        numbers = series
    chosen = TimeUnit.MILLISECONDS if unit is None or unit is TimeUnit.ISO else unit
    return _scaled(numbers, chosen, path), chosen.value


def _scaled(numbers: "pl.Series", unit: TimeUnit, path: Path) -> npt.NDArray[np.int64]:
    values = numbers.to_numpy()
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            raise DataError(f"{path.name}: there is no time in row {row}", place=f"column {numbers.name}")
        if unit is TimeUnit.SECONDS:
            return np.round(values * 1000).astype(np.int64)
    elif values.dtype.kind not in "iu":
        raise DataError(f"{path.name}: {numbers.dtype} is no time", place=f"column {numbers.name}")
    whole = values.astype(np.int64)
    match unit:
        case TimeUnit.SECONDS:
            return whole * 1000
        case TimeUnit.MICROSECONDS:
            return whole // 1_000
        case TimeUnit.NANOSECONDS:
            return whole // 1_000_000
        case TimeUnit.MILLISECONDS | TimeUnit.ISO:
            return whole


def _iso(text: str, row: int, place: str, path: Path) -> int:
    try:
        return parse_instant(text.strip())
    except (UsageError, OverflowError):
        raise DataError(
            f"{path.name}: {text!r} is not a time",
            place=f"row {row}, {place}",
            next_step="write times as 2024-01-31T16:00:00Z, or name the unit: --time-unit ms, s, us or ns",
        ) from None


def _refuse_wrong_unit(times: npt.NDArray[np.int64], path: Path) -> None:
    """The middle row must be a sensible time; single odd rows are for the audit to show."""
    middle = int(np.sort(times)[len(times) // 2])
    unit = likely_unit(middle)
    if unit != "ms":
        advice = f"they look like {unit}: --time-unit {unit}" if unit else "check the time column: --column time=NAME"
        raise DataError(
            f"{path.name}: its times read as milliseconds are around {format_instant(middle)}",
            place=str(path),
            next_step=advice,
        )


def _numbers(series: "pl.Series", path: Path) -> npt.NDArray[np.float64]:
    """float64, NaN for empty cells. Raises DataError naming the first cell that is no number."""
    import polars as pl

    if series.dtype != pl.String:
        if not series.dtype.is_numeric():
            raise DataError(f"{path.name}: {series.dtype} is no number", place=f"column {series.name}")
        return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    text = series.str.strip_chars()
    missing = text.is_null() | text.str.to_lowercase().is_in(MISSING)
    numbers = text.cast(pl.Float64, strict=False)
    bad = numbers.is_null() & ~missing
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise DataError(
            f"{path.name}: {series[row]!r} is no number",
            place=f"row {row}, column {series.name}",
            next_step="correct the file; an empty cell means missing; nothing was changed",
        )
    return numbers.fill_null(float("nan")).to_numpy()


def _source(
    path: Path,
    sha256: str,
    table: "pl.DataFrame",
    mapping: Mapping[str, str],
    times: npt.NDArray[np.int64],
    *,
    unit: str,
    label: Label,
) -> Source:
    return Source(
        file=path.name,
        sha256=sha256,
        rows=len(table),
        mapping=dict(mapping),
        time_unit=unit,
        label=label.value,
        in_time_order=bool((np.diff(times) >= 0).all()),
        columns_ignored=tuple(name for name in table.columns if name not in mapping.values()),
    )
