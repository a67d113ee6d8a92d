"""What ``qts data`` does, without a terminal: each command takes plain values and returns one.

A result knows its ``facts()`` (plain values for JSON). Progress goes to an
optional callback, so that the terminal may show a bar and a notebook nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeAlias

from qts.adapters.stores.atomic import write_durably
from qts.adapters.stores.catalogue import Catalogue
from qts.adapters.stores.exchange_files import read_brackets, read_instrument_rules
from qts.adapters.stores.imports import Reading, read_bars, read_funding
from qts.adapters.stores.manifest import Layer, Manifest, SeriesKind
from qts.domain.errors import DataError, UsageError
from qts.domain.instant import Duration, Instant, format_date, format_instant
from qts.domain.instrument import Instrument
from qts.market.audit import audit_bars
from qts.market.audit_funding import audit_funding
from qts.market.clean import STANDARD_RULES, Rule, clean_bars
from qts.market.findings import AuditReport
from qts.market.raw import RawBars, RawFunding

Progress: TypeAlias = Callable[[str], None]
"""Called with a few words at the start of each step."""

QUOTES: Final = ("FDUSD", "USDT", "USDC", "BUSD", "USD", "BTC", "ETH", "EUR")


def silent(_step: str) -> None:
    """Progress for those who do not watch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesLine:
    """One series as a list shows it. state: 'cleaned', 'stale' (raw rows came after cleaning) or 'raw'."""

    kind: SeriesKind
    symbol: str
    interval: str
    rows: int
    first: Instant
    last: Instant
    state: str
    rows_filled: int
    synthetic: bool
    sources: tuple[str, ...]
    fingerprint: str

    def facts(self) -> dict[str, object]:
        return {
            "kind": self.kind.value,
            "symbol": self.symbol,
            "interval": self.interval,
            "rows": self.rows,
            "first": format_instant(self.first),
            "last": format_instant(self.last),
            "state": self.state,
            "rows_filled": self.rows_filled,
            "synthetic": self.synthetic,
            "sources": list(self.sources),
            "fingerprint": self.fingerprint,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Everything in a catalogue. brackets: symbol and date of each table."""

    series: tuple[SeriesLine, ...]
    instruments: tuple[Instrument, ...]
    brackets: tuple[tuple[str, str], ...]

    def facts(self) -> dict[str, object]:
        return {
            "series": [line.facts() for line in self.series],
            "instruments": [instrument.facts() for instrument in self.instruments],
            "brackets": [{"symbol": symbol, "as_of": as_of} for symbol, as_of in self.brackets],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did. rows_new 0 means everything was there already and nothing was written."""

    kind: str
    symbol: str
    interval: str
    file: str
    rows_in_file: int
    rows_new: int
    message: str
    columns_ignored: tuple[str, ...] = ()

    def facts(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "symbol": self.symbol,
            "interval": self.interval,
            "file": self.file,
            "rows_in_file": self.rows_in_file,
            "rows_new": self.rows_new,
            "message": self.message,
            "columns_ignored": list(self.columns_ignored),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audited:
    """A report and the raw columns it is about (for pictures)."""

    report: AuditReport
    raw: RawBars | RawFunding


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What cleaning did and where it was stored."""

    manifest: Manifest
    report: AuditReport

    def facts(self) -> dict[str, object]:
        cleaning = self.manifest.cleaning
        assert cleaning is not None
        return {
            "symbol": self.manifest.key.symbol,
            "kind": self.manifest.key.kind.value,
            "interval": self.manifest.key.interval,
            "rows": self.manifest.rows,
            "rows_filled": cleaning.rows_filled,
            "rules": [dict(rule) for rule in cleaning.rules],
            "fingerprint": self.manifest.fingerprint,
            "raw_fingerprint": cleaning.raw_fingerprint,
            "audit_digest": cleaning.audit_digest,
        }


def import_bars(
    catalogue: Catalogue,
    path: Path,
    *,
    symbol: str,
    interval_ms: Duration,
    reading: Reading,
    kind: SeriesKind = SeriesKind.BARS,
    synthetic: bool = False,
    progress: Progress = silent,
) -> Imported:
    """Bars of a CSV or Parquet file into the raw store. kind: last-price bars, or mark-price bars (no volume)."""
    progress(f"reading {path.name}")
    with_volume = kind is SeriesKind.BARS
    raw, source = read_bars(path, symbol=symbol, interval_ms=interval_ms, reading=reading, volume_required=with_volume)
    progress(f"storing {len(raw):,} rows")
    stored = catalogue.store_bars(raw, source, kind=kind, synthetic=synthetic)
    return _imported(stored.manifest, source.file, stored.rows_in_file, stored.rows_new, source.columns_ignored)


def import_funding(
    catalogue: Catalogue,
    path: Path,
    *,
    symbol: str,
    reading: Reading,
    synthetic: bool = False,
    progress: Progress = silent,
) -> Imported:
    """Funding events of a CSV or Parquet file into the raw store."""
    progress(f"reading {path.name}")
    raw, source = read_funding(path, symbol=symbol, reading=reading)
    progress(f"storing {len(raw):,} events")
    stored = catalogue.store_funding(raw, source, synthetic=synthetic)
    return _imported(stored.manifest, source.file, stored.rows_in_file, stored.rows_new, source.columns_ignored)


def import_brackets(catalogue: Catalogue, path: Path, *, symbol: str, as_of: Instant) -> Imported:
    """One symbol's leverage brackets as they stood on a date."""
    table = read_brackets(path, symbol=symbol, as_of=as_of)
    new = len(table.brackets) if catalogue.store_brackets(table) else 0
    date = format_date(as_of)
    message = f"{new} brackets as of {date} stored" if new else f"the brackets of {date} were there already"
    return Imported(
        kind="brackets",
        symbol=symbol,
        interval=date,
        file=path.name,
        rows_in_file=len(table.brackets),
        rows_new=new,
        message=message,
    )


def import_instrument(
    catalogue: Catalogue, path: Path | None, *, symbol: str, given: Instrument | None, replace_existing: bool
) -> Imported:
    """One symbol's tick, lot and smallest notional, from exchangeInfo or as given; exactly one of the two."""
    if (path is None) == (given is None):
        raise UsageError(
            "an instrument comes from an exchangeInfo file or from --tick, --lot and --min-notional",
            next_step="give one of the two",
        )
    instrument = given if path is None or given is not None else read_instrument_rules(path, symbol=symbol)
    assert instrument is not None
    new = catalogue.store_instrument(instrument, replace_existing=replace_existing)
    facts = ", ".join(f"{name} {value}" for name, value in instrument.facts().items() if name != "symbol")
    return Imported(
        kind="instrument",
        symbol=symbol,
        interval="",
        file="" if path is None else path.name,
        rows_in_file=1,
        rows_new=int(new),
        message=f"{facts} {'stored' if new else 'was there already'}",
    )


def instrument_from(
    *, symbol: str, tick: Decimal, lot: Decimal, notional_min: Decimal, base: str | None, quote: str | None
) -> Instrument:
    """An instrument as given; base and quote are read off the symbol if missing. Raises UsageError if they cannot."""
    found = quote or next((known for known in QUOTES if symbol.endswith(known) and len(symbol) > len(known)), None)
    if found is None:
        raise UsageError(f"cannot tell base and quote of {symbol}", next_step="say them: --base and --quote")
    return Instrument(
        symbol=symbol,
        base=base or symbol.removesuffix(found),
        quote=found,
        tick=tick,
        lot=lot,
        notional_min=notional_min,
    )


def list_data(catalogue: Catalogue) -> Inventory:
    """Every series (raw and its cleaned counterpart as one line), instrument and bracket table."""
    manifests = catalogue.list_series()
    cleaned = {(m.key.kind, m.key.symbol, m.key.interval): m for m in manifests if m.key.layer is Layer.PROCESSED}
    lines = []
    for raw in (m for m in manifests if m.key.layer is Layer.RAW):
        made = cleaned.get((raw.key.kind, raw.key.symbol, raw.key.interval))
        cleaning = None if made is None else made.cleaning
        fresh = cleaning is not None and cleaning.raw_fingerprint == raw.fingerprint
        shown = made if made is not None and fresh else raw
        lines.append(
            SeriesLine(
                kind=raw.key.kind,
                symbol=raw.key.symbol,
                interval=raw.key.interval,
                rows=shown.rows,
                first=raw.first,
                last=raw.last,
                state="raw" if cleaning is None else "cleaned" if fresh else "stale",
                rows_filled=cleaning.rows_filled if cleaning is not None and fresh else 0,
                synthetic=raw.synthetic,
                sources=tuple(source.file for source in raw.sources),
                fingerprint=shown.fingerprint,
            )
        )
    brackets = []
    for symbol in catalogue.bracket_symbols():
        history = catalogue.brackets(symbol)
        brackets += [] if history is None else [(symbol, format_date(table.as_of)) for table in history.tables]
    return Inventory(
        series=tuple(lines),
        instruments=tuple(catalogue.instrument(symbol) for symbol in catalogue.instruments()),
        brackets=tuple(brackets),
    )


def audit(
    catalogue: Catalogue,
    *,
    symbol: str,
    kind: SeriesKind,
    interval_ms: Duration | None,
    progress: Progress = silent,
) -> Audited:
    """Audits the raw rows of one series. interval_ms: None for funding, else required."""
    progress(f"reading {symbol} {kind.value}")
    if kind is SeriesKind.FUNDING:
        events = catalogue.raw_funding(symbol)
        progress(f"auditing {len(events):,} events")
        return Audited(report=audit_funding(events), raw=events)
    bars = catalogue.raw_bars(symbol, _required(interval_ms), kind=kind)
    progress(f"auditing {len(bars):,} bars")
    return Audited(report=audit_bars(bars, series=kind.value), raw=bars)


def write_audit_page(audited: Audited, path: Path) -> None:
    """One self-contained HTML file with pictures of the worst places."""
    from qts.adapters.reports.audit_page import audit_page

    write_durably(path, audit_page(audited.report, audited.raw).encode())


def clean(
    catalogue: Catalogue,
    *,
    symbol: str,
    kind: SeriesKind,
    interval_ms: Duration | None,
    rules: tuple[Rule, ...] = STANDARD_RULES,
    progress: Progress = silent,
) -> Cleaned:
    """Audits, cleans by the rules and stores the result. Raises DataError if something is left no rule may mend."""
    if kind is SeriesKind.FUNDING:
        raise DataError(
            "funding is never cleaned: an event is right or it is not there",
            next_step=f"audit it: qts data audit --kind funding --symbol {symbol}",
        )
    raw = catalogue.raw_bars(symbol, _required(interval_ms), kind=kind)
    progress(f"auditing {len(raw):,} bars")
    report = audit_bars(raw, series=kind.value)
    progress("applying rules")
    result = clean_bars(raw, rules=rules)
    progress(f"storing {len(result.bars):,} bars")
    manifest = catalogue.store_cleaned(
        result, kind=kind, raw_fingerprint=report.source_digest, audit_digest=report.digest()
    )
    return Cleaned(manifest=manifest, report=report)


def _required(interval_ms: Duration | None) -> Duration:
    if interval_ms is None:
        raise UsageError("bars have an interval", next_step="name it: --interval 4h")
    return interval_ms


def _imported(
    manifest: Manifest, file: str, rows_in_file: int, rows_new: int, columns_ignored: tuple[str, ...]
) -> Imported:
    key = manifest.key
    if rows_new == 0:
        message = f"nothing to do: all {rows_in_file:,} rows were stored already"
    else:
        message = f"{rows_new:,} of {rows_in_file:,} rows added; {key} now has {manifest.rows:,}"
    return Imported(
        kind=key.kind.value,
        symbol=key.symbol,
        interval=key.interval,
        file=file,
        rows_in_file=rows_in_file,
        rows_new=rows_new,
        message=message,
        columns_ignored=columns_ignored,
    )
