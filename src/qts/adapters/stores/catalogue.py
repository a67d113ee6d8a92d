"""The Parquet catalogue: every series, instrument and bracket table under one folder.

    <root>/raw/<kind>/<symbol>/<interval>/YYYY-MM.parquet, manifest.json     as imported, never changed
    <root>/processed/<kind>/<symbol>/<interval>/...                          cleaned, with a ``filled`` column
    <root>/instruments/<SYMBOL>.json
    <root>/brackets/<SYMBOL>/<as_of>.json

kind is bars, mark or funding (whose interval folder is ``events``). Raw rows
are immutable: the same file again changes nothing, more rows extend a series,
rows that disagree with stored ones are refused. Every change is all or
nothing, and two processes may import at once (``series.py``).

``load_dataset`` gives the cleaned bars if there are any, else the raw ones if
they are valid as they stand. A cleaned set older than its raw set is refused.
"""

import re
from pathlib import Path
from typing import Final

import numpy as np

from qts.adapters.stores.extension import Stored, extend
from qts.adapters.stores.instrument_files import (
    read_bracket_table,
    read_instrument,
    write_bracket_table,
    write_instrument,
)
from qts.adapters.stores.manifest import Cleaning, Layer, Manifest, SeriesKey, SeriesKind, Source, read_manifest
from qts.adapters.stores.series import Columns, Prepared, Series, by_month, read_series
from qts.domain.errors import DataError, UsageError, did_you_mean
from qts.domain.instant import Duration, Instant, format_date, format_instant
from qts.domain.instrument import Instrument
from qts.market.bars import PRICE_COLUMNS, Bars
from qts.market.brackets import BracketHistory, BracketTable
from qts.market.clean import CleanResult
from qts.market.dataset import Dataset
from qts.market.funding import Funding
from qts.market.raw import RawBars, RawFunding

SYMBOL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class Catalogue:
    """Reads and writes market data under ``root``; the folder need not exist until something is stored."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # storing

    def store_bars(self, raw: RawBars, source: Source, *, kind: SeriesKind, synthetic: bool = False) -> Stored:
        """Adds rows to a raw bar or mark series. Raises DataError if they disagree with stored ones."""
        key = self._key(Layer.RAW, kind, raw.symbol, raw.interval_ms)
        return self._extend(key, dict(raw.columns()), source, synthetic=synthetic)

    def store_funding(self, raw: RawFunding, source: Source, *, synthetic: bool = False) -> Stored:
        """Adds events to a raw funding series. Raises DataError if they disagree with stored ones."""
        key = self._key(Layer.RAW, SeriesKind.FUNDING, raw.symbol, None)
        return self._extend(key, dict(raw.columns()), source, synthetic=synthetic)

    def store_cleaned(
        self, result: CleanResult, *, kind: SeriesKind, raw_fingerprint: str, audit_digest: str
    ) -> Manifest:
        """Puts the cleaned series in place of any earlier one of the same symbol and interval."""
        bars = result.bars
        key = self._key(Layer.PROCESSED, kind, bars.symbol, bars.interval_ms)
        raw_manifest = self._series(self._key(Layer.RAW, kind, bars.symbol, bars.interval_ms)).manifest()
        if raw_manifest is None or raw_manifest.fingerprint != raw_fingerprint:
            raise DataError(
                f"the raw {key} changed while they were being cleaned",
                next_step=f"clean again: qts data clean --symbol {bars.symbol} --interval {bars.interval}",
            )
        columns = {**dict(RawBars.of(bars).columns()), "filled": result.filled}
        series = self._series(key)
        manifest = Manifest(
            key=key,
            columns=tuple(columns),
            partitions=(),
            sources=raw_manifest.sources,
            fingerprint=RawBars.of(bars).digest(),
            synthetic=raw_manifest.synthetic,
            cleaning=Cleaning(
                raw_fingerprint=raw_fingerprint,
                audit_digest=audit_digest,
                rules=tuple(applied.facts() for applied in result.log),
                rows_filled=int(np.count_nonzero(result.filled)),
            ),
            instrument=self._instrument_facts(bars.symbol),
        )
        with series.locked():
            months = [
                Prepared(month=name, columns={c: v[rows] for c, v in columns.items()})
                for name, rows in by_month(columns, key)
            ]
            return series.write(months, (), manifest)

    def store_instrument(self, instrument: Instrument, *, replace_existing: bool = False) -> bool:
        """False if it was there already. Raises DataError if other facts are stored, unless they are to be replaced."""
        path = self._instrument_path(instrument.symbol)
        if path.exists():
            stored = self.instrument(instrument.symbol)
            if stored == instrument:
                return False
            if not replace_existing:
                old, new = stored.facts(), instrument.facts()
                different = [f"{name} {old[name]}, now {new[name]}" for name in old if old[name] != new[name]]
                raise DataError(
                    f"{instrument.symbol} is stored with other facts: {'; '.join(different)}",
                    place=str(path),
                    next_step="check which is right; import with --replace to take the new ones",
                )
        write_instrument(path, instrument)
        return True

    def store_brackets(self, table: BracketTable) -> bool:
        """False if it was there already. Raises DataError if another table of the same date is stored."""
        path = self._brackets_folder(table.symbol) / f"{format_date(table.as_of)}.json"
        if path.exists():
            if read_bracket_table(path) == table:
                return False
            raise DataError(
                f"{table.symbol} has other brackets as of {format_date(table.as_of)}",
                place=str(path),
                next_step="check the date; move the stored file away if the new one is right",
            )
        write_bracket_table(path, table)
        return True

    # looking

    def list_series(self) -> tuple[Manifest, ...]:
        """The manifest of every series, sorted by layer, kind, symbol, interval."""
        found = []
        for layer in Layer:
            for path in sorted((self.root / layer.value).glob("*/*/*/manifest.json")):
                manifest = read_manifest(path.parent)
                if manifest is not None:
                    found.append(manifest)
        return tuple(found)

    def instruments(self) -> tuple[str, ...]:
        return tuple(sorted(path.stem for path in (self.root / "instruments").glob("*.json")))

    def bracket_symbols(self) -> tuple[str, ...]:
        return tuple(sorted({path.parent.name for path in (self.root / "brackets").glob("*/*.json")}))

    def manifest(self, layer: Layer, kind: SeriesKind, symbol: str, interval_ms: Duration | None) -> Manifest | None:
        return self._series(self._key(layer, kind, symbol, interval_ms)).manifest()

    def raw_bars(self, symbol: str, interval_ms: Duration, *, kind: SeriesKind) -> RawBars:
        """The rows as imported. Raises DataError, saying what there is, if there are none."""
        key = self._key(Layer.RAW, kind, symbol, interval_ms)
        self._require(key)
        return _raw_bars(key, read_series(self._series(key))[1])

    def raw_funding(self, symbol: str) -> RawFunding:
        """The events as imported. Raises DataError, saying what there is, if there are none."""
        key = self._key(Layer.RAW, SeriesKind.FUNDING, symbol, None)
        self._require(key)
        columns = read_series(self._series(key))[1]
        return RawFunding(symbol=symbol, **columns)  # type: ignore[arg-type]  # names and kinds are the manifest's

    def instrument(self, symbol: str) -> Instrument:
        """Raises DataError naming the command that imports it."""
        path = self._instrument_path(symbol)
        try:
            return read_instrument(path)
        except FileNotFoundError:
            known = self.instruments()
            raise DataError(
                f"the instrument {symbol} is not known.{did_you_mean(symbol, known)}",
                place=str(path),
                next_step=f"import it: qts data import exchangeInfo.json --kind instrument --symbol {symbol} "
                "(or without a file, with --tick, --lot and --min-notional)",
            ) from None

    def brackets(self, symbol: str) -> BracketHistory | None:
        """Every table of the symbol, oldest first; None if none was imported."""
        paths = sorted(self._brackets_folder(symbol).glob("*.json"))
        return BracketHistory(tuple(read_bracket_table(path) for path in paths)) if paths else None

    def funding(self, symbol: str) -> Funding | None:
        """The events on their minutes; None if none were imported. Raises DataError if they are not valid."""
        manifest = self.manifest(Layer.RAW, SeriesKind.FUNDING, symbol, None)
        if manifest is None:
            return None
        raw = self.raw_funding(symbol)
        return Funding.from_published(symbol, raw.published_at, raw.rate)

    def load_dataset(
        self, symbol: str, interval_ms: Duration, *, start: Instant | None = None, end: Instant | None = None
    ) -> Dataset:
        """Bars of [start, end) and what belongs to them; parts never imported are None.

        Only months that touch the window are read. Raises DataError if there are no bars there, or if they are not
        valid, or if the cleaned set is older than the raw one.
        """
        manifest, bars = self._best(symbol, interval_ms, SeriesKind.BARS, start, end)
        inside = bars.between(manifest.first if start is None else start, _end(manifest, interval_ms, end))
        if len(inside) == 0:
            last_close = format_instant(_end(manifest, interval_ms))
            raise DataError(
                f"there are no {manifest.key} in the window",
                place=f"the data run from {format_instant(manifest.first)} to {last_close}",
                next_step="choose another window or import more data",
            )
        mark = self._mark(symbol, interval_ms, start, end)
        whole = Dataset(
            instrument=self.instrument(symbol),
            bars=inside,
            funding=self.funding(symbol),
            brackets=self.brackets(symbol),
            mark=mark,
            synthetic=manifest.synthetic,
            source=_source_line(manifest),
            rows_filled=0 if manifest.cleaning is None else manifest.cleaning.rows_filled,
        )
        return whole.between(int(inside.opened_at[0]), whole.end)

    # inside

    def _key(self, layer: Layer, kind: SeriesKind, symbol: str, interval_ms: Duration | None) -> SeriesKey:
        _refuse_odd_symbol(symbol)
        return SeriesKey(layer=layer, kind=kind, symbol=symbol, interval_ms=interval_ms)

    def _series(self, key: SeriesKey) -> Series:
        return Series(self.root, key)

    def _instrument_path(self, symbol: str) -> Path:
        _refuse_odd_symbol(symbol)
        return self.root / "instruments" / f"{symbol}.json"

    def _brackets_folder(self, symbol: str) -> Path:
        _refuse_odd_symbol(symbol)
        return self.root / "brackets" / symbol

    def _instrument_facts(self, symbol: str) -> dict[str, str] | None:
        return self.instrument(symbol).facts() if self._instrument_path(symbol).exists() else None

    def _extend(self, key: SeriesKey, columns: Columns, source: Source, *, synthetic: bool) -> Stored:
        manifest = Manifest(
            key=key,
            columns=tuple(columns),
            partitions=(),
            sources=(),
            fingerprint="",
            synthetic=synthetic,
            instrument=self._instrument_facts(key.symbol),
        )
        return extend(self._series(key), columns, source, manifest)

    def _require(self, key: SeriesKey) -> None:
        """Raises DataError, with what there is, if the series does not exist."""
        if self._series(key).manifest() is not None:
            return
        same_kind = [m.key for m in self.list_series() if m.key.layer is key.layer and m.key.kind is key.kind]
        symbols = sorted({other.symbol for other in same_kind})
        intervals = [other.interval for other in same_kind if other.symbol == key.symbol]
        if intervals:
            exists = f"of {key.symbol} there are {', '.join(intervals)}"
        else:
            exists = f"there are {', '.join(symbols)}" if symbols else "nothing of this kind was imported yet"
        hint = "" if intervals else did_you_mean(key.symbol, symbols)
        interval = "" if key.interval_ms is None else f" --interval {key.interval}"
        raise DataError(
            f"there are no {key} in the catalogue.{hint}",
            place=f"{self.root}; {exists}",
            next_step=f"import them: qts data import FILE --kind {key.kind.value} --symbol {key.symbol}{interval}",
        )

    def _best(
        self, symbol: str, interval_ms: Duration, kind: SeriesKind, start: Instant | None, end: Instant | None
    ) -> tuple[Manifest, Bars]:
        """Cleaned bars, else raw ones that are valid, of the months touching the window."""
        raw_key = self._key(Layer.RAW, kind, symbol, interval_ms)
        self._require(raw_key)
        clean_command = f"qts data clean --kind {kind.value} --symbol {symbol} --interval {raw_key.interval}"
        cleaned = self._series(self._key(Layer.PROCESSED, kind, symbol, interval_ms))
        if cleaned.manifest() is None:
            manifest, columns = read_series(self._series(raw_key), start, end)
            return manifest, _raw_bars(raw_key, columns).to_bars()
        manifest, columns = read_series(cleaned, start, end)
        raw_manifest = self._series(raw_key).manifest()
        made_from = None if manifest.cleaning is None else manifest.cleaning.raw_fingerprint
        if raw_manifest is None or raw_manifest.fingerprint != made_from:
            raise DataError(
                f"the cleaned {raw_key} were made before rows were added to the raw ones",
                place=str(cleaned.folder),
                next_step=f"clean again: {clean_command}",
            )
        return manifest, _raw_bars(manifest.key, columns).to_bars()

    def _mark(self, symbol: str, interval_ms: Duration, start: Instant | None, end: Instant | None) -> Bars | None:
        """Mark bars at the same interval, else at the coarsest finer one that divides it; None if there are none."""
        intervals = [
            other.key.interval_ms
            for other in self.list_series()
            if other.key.layer is Layer.RAW and other.key.kind is SeriesKind.MARK and other.key.symbol == symbol
        ]
        usable = [ms for ms in intervals if ms is not None and interval_ms % ms == 0]
        return self._best(symbol, max(usable), SeriesKind.MARK, start, end)[1] if usable else None


def _refuse_odd_symbol(symbol: str) -> None:
    if not SYMBOL.fullmatch(symbol):
        raise UsageError(
            f"{symbol!r} cannot be a symbol here",
            next_step="use letters, digits, '.', '_' and '-', at most 40, such as BTCUSDT",
        )


def _end(manifest: Manifest, interval_ms: Duration, end: Instant | None = None) -> Instant:
    """Where a window without an end ends: the close of the last bar."""
    return manifest.last + interval_ms if end is None else end


def _raw_bars(key: SeriesKey, columns: Columns) -> RawBars:
    assert key.interval_ms is not None
    named = {name: values for name, values in columns.items() if name in ("opened_at", *PRICE_COLUMNS, "volume")}
    return RawBars(symbol=key.symbol, interval_ms=key.interval_ms, **{"volume": None, **named})  # type: ignore[arg-type]


def _source_line(manifest: Manifest) -> str:
    files = ", ".join(source.file for source in manifest.sources)
    state = "cleaned" if manifest.key.layer is Layer.PROCESSED else "as imported"
    return f"{manifest.key} from {files}, {state}"
