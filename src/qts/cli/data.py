"""``qts data``: import, list, audit and clean market data.

Tables and messages are for people; ``--output json`` puts one JSON document on
stdout and nothing else there. Errors propagate to the main command, which
prints them and exits with their code; an audit with blocking findings exits 3.
Whatever is slow to import is imported inside the command that needs it.
"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qts.cli.output import Output, OutputOption, page, print_json, say, steps
from qts.domain.errors import CheckFailed, UsageError

if TYPE_CHECKING:
    from qts.adapters.stores.catalogue import Catalogue
    from qts.adapters.stores.imports import Reading
    from qts.app.data_commands import Imported, Inventory
    from qts.domain.instrument import Instrument
    from qts.market.findings import AuditReport

app = typer.Typer(help="Import, look at, audit and clean market data.", no_args_is_help=True)

SHOWN_FINDINGS_MAX = 40


class Kind(StrEnum):
    BARS = "bars"
    MARK = "mark"
    FUNDING = "funding"
    BRACKETS = "brackets"
    INSTRUMENT = "instrument"


class StoredKind(StrEnum):
    BARS = "bars"
    MARK = "mark"
    FUNDING = "funding"


class Unit(StrEnum):
    MS = "ms"
    S = "s"
    US = "us"
    NS = "ns"
    ISO = "iso"


class BarLabel(StrEnum):
    OPEN = "open"
    CLOSE = "close"


SymbolOption = Annotated[str, typer.Option("--symbol", "-s", help="Symbol, such as BTCUSDT.")]
IntervalOption = Annotated[str | None, typer.Option("--interval", "-i", help="Bar interval, such as 4h.")]
KindOption = Annotated[StoredKind, typer.Option("--kind", "-k", help="Which series.")]


@app.command("import")
def import_file(
    *,
    symbol: SymbolOption,
    kind: Annotated[Kind, typer.Option("--kind", "-k", help="What the file holds.")] = Kind.BARS,
    file: Annotated[Path | None, typer.Argument(help="CSV or Parquet (bars, mark, funding), JSON (others).")] = None,
    interval: IntervalOption = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", help="OURS=THEIRS, such as open=Open; may be repeated.")
    ] = None,
    time_column: Annotated[str | None, typer.Option("--time-column", help="The file's time column.")] = None,
    time_unit: Annotated[Unit | None, typer.Option("--time-unit", help="Unit of the times; numbers are ms.")] = None,
    label: Annotated[BarLabel, typer.Option("--label", help="What a bar's time names.")] = BarLabel.OPEN,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Date the brackets held, such as 2024-10-01.")] = None,
    tick: Annotated[str | None, typer.Option("--tick", help="Price step (instrument).")] = None,
    lot: Annotated[str | None, typer.Option("--lot", help="Quantity step (instrument).")] = None,
    min_notional: Annotated[str | None, typer.Option("--min-notional", help="Smallest order value.")] = None,
    base: Annotated[str | None, typer.Option("--base", help="Base asset, if the symbol does not tell.")] = None,
    quote: Annotated[str | None, typer.Option("--quote", help="Quote asset, if the symbol does not tell.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an instrument stored with other facts.")] = False,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="The rows were made by a generator.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Store a file's rows in the raw catalogue. The same file again changes nothing; other values are refused."""
    from qts.adapters.stores.manifest import SeriesKind
    from qts.app import data_commands

    catalogue = _catalogue()
    with steps(output) as progress:
        match kind:
            case Kind.BARS | Kind.MARK:
                result = data_commands.import_bars(
                    catalogue,
                    _file(file, kind),
                    symbol=symbol,
                    interval_ms=_interval(interval),
                    reading=_reading(column, time_column, time_unit, label),
                    kind=SeriesKind(kind.value),
                    synthetic=synthetic,
                    progress=progress,
                )
            case Kind.FUNDING:
                result = data_commands.import_funding(
                    catalogue,
                    _file(file, kind),
                    symbol=symbol,
                    reading=_reading(column, time_column, time_unit, label),
                    synthetic=synthetic,
                    progress=progress,
                )
            case Kind.BRACKETS:
                result = data_commands.import_brackets(catalogue, _file(file, kind), symbol=symbol, as_of=_as_of(as_of))
            case Kind.INSTRUMENT:
                given = _given_instrument(symbol, tick, lot, min_notional, base=base, quote=quote)
                result = data_commands.import_instrument(
                    catalogue, file, symbol=symbol, given=given, replace_existing=replace
                )
    _print_imported(result, output)


@app.command("list")
def list_stored(output: OutputOption = Output.TABLE) -> None:
    """Show what is in the catalogue."""
    from qts.app import data_commands

    inventory = data_commands.list_data(_catalogue())
    if output is Output.JSON:
        print_json(inventory.facts())
    else:
        _print_inventory(inventory)


@app.command("audit")
def audit_series(
    symbol: SymbolOption,
    interval: IntervalOption = None,
    kind: KindOption = StoredKind.BARS,
    html: Annotated[Path | None, typer.Option("--html", help="Also write a page with pictures here.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say what is true of a raw series. Exits 3 when something in it is blocking."""
    from qts.adapters.stores.manifest import SeriesKind
    from qts.app import data_commands
    from qts.market.findings import Severity, Verdict

    with steps(output) as progress:
        audited = data_commands.audit(
            _catalogue(),
            symbol=symbol,
            kind=SeriesKind(kind.value),
            interval_ms=None if interval is None else _interval(interval),
            progress=progress,
        )
        if html is not None:
            progress("writing the page")
            data_commands.write_audit_page(audited, html)
    report = audited.report
    if output is Output.JSON:
        print_json(report.facts() | {"digest": report.digest()})
    else:
        _print_report(report)
        if html is not None:
            say(f"page: {html}")
    if report.verdict is Verdict.BLOCKING:
        worst = report.of_severity(Severity.BLOCKING)[0]
        raise CheckFailed(
            f"{report.symbol} {report.series} cannot be used as it stands: {worst.message}",
            place=f"row {worst.row_first}, column {worst.column}",
            next_step=worst.remedy,
        )


@app.command("clean")
def clean_series(
    symbol: SymbolOption,
    interval: IntervalOption = None,
    kind: KindOption = StoredKind.BARS,
    drop_impossible: Annotated[
        bool, typer.Option("--drop-impossible", help="Also drop rows with impossible prices or volume.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the processed series from the raw one by named rules, each logged with its row counts."""
    from qts.adapters.stores.manifest import SeriesKind
    from qts.app import data_commands
    from qts.market.clean import STANDARD_RULES, Rule

    with steps(output) as progress:
        result = data_commands.clean(
            _catalogue(),
            symbol=symbol,
            kind=SeriesKind(kind.value),
            interval_ms=None if interval is None else _interval(interval),
            rules=(Rule.DROP_IMPOSSIBLE, *STANDARD_RULES) if drop_impossible else STANDARD_RULES,
            progress=progress,
        )
    if output is Output.JSON:
        print_json(result.facts())
        return
    from rich.table import Table

    table = Table(title=f"{result.manifest.key}, cleaned", title_justify="left")
    for heading in ("rule", "rows before", "rows after", "touched", "what it did"):
        table.add_column(heading, justify="right" if "rows" in heading or heading == "touched" else "left")
    cleaning = result.manifest.cleaning
    for rule in () if cleaning is None else cleaning.rules:
        numbers = [f"{rule[name]:,}" for name in ("rows_before", "rows_after", "rows_touched")]
        table.add_row(str(rule["rule"]), *numbers, str(rule["message"]))
    page().print(table)
    typer.echo(f"{result.manifest.rows:,} bars stored, fingerprint {result.manifest.fingerprint[:16]}")


def _catalogue() -> "Catalogue":
    from qts.adapters.stores.catalogue import Catalogue
    from qts.app.settings import Settings

    return Catalogue(Settings.from_environment().data)


def _file(file: Path | None, kind: Kind) -> Path:
    if file is None:
        raise UsageError(f"which file holds the {kind.value}?", next_step="qts data import FILE ...")
    return file


def _as_of(text: str | None) -> int:
    from qts.domain.instant import parse_instant

    if text is None:
        raise UsageError("brackets need the date they held", next_step="name it: --as-of 2024-10-01")
    return parse_instant(text)


def _interval(text: str | None) -> int:
    from qts.domain.instant import parse_duration

    if text is None:
        raise UsageError("bars have an interval", next_step="name it: --interval 4h")
    return parse_duration(text)


def _reading(column: list[str] | None, time_column: str | None, time_unit: Unit | None, label: BarLabel) -> "Reading":
    from qts.adapters.stores.imports import Label, Reading, TimeUnit

    columns = {}
    for text in column or ():
        ours, equals, theirs = text.partition("=")
        if not equals or not theirs:
            raise UsageError(f"--column {text} names no column", next_step="write it as --column open=Open")
        columns[ours.strip()] = theirs
    if time_column is not None:
        columns["time"] = time_column
    unit = None if time_unit is None else TimeUnit(time_unit.value)
    return Reading(columns=columns, time_unit=unit, label=Label(label.value))


def _given_instrument(
    symbol: str, tick: str | None, lot: str | None, min_notional: str | None, *, base: str | None, quote: str | None
) -> "Instrument | None":
    from qts.app.data_commands import instrument_from
    from qts.domain.money import exact

    if tick is None and lot is None and min_notional is None:
        return None
    if tick is None or lot is None or min_notional is None:
        raise UsageError("an instrument needs all three", next_step="give --tick, --lot and --min-notional")
    return instrument_from(
        symbol=symbol, tick=exact(tick), lot=exact(lot), notional_min=exact(min_notional), base=base, quote=quote
    )


def _print_imported(result: "Imported", output: Output) -> None:
    if output is Output.JSON:
        print_json(result.facts())
        return
    typer.echo(f"{result.symbol} {result.kind}: {result.message}")
    if result.columns_ignored:
        say(f"columns not stored: {', '.join(result.columns_ignored)}")


def _print_inventory(inventory: "Inventory") -> None:
    from rich.table import Table

    from qts.domain.instant import format_instant

    if not inventory.series and not inventory.instruments and not inventory.brackets:
        typer.echo("the catalogue is empty; import a file: qts data import FILE --kind bars --symbol S --interval I")
        return
    console = page()
    series = Table(title="series", title_justify="left")
    for heading in ("kind", "symbol", "interval", "rows", "first (UTC)", "last (UTC)", "state"):
        series.add_column(heading, justify="right" if heading == "rows" else "left")
    for line in inventory.series:
        state = line.state + (f", {line.rows_filled} filled" if line.rows_filled > 0 else "")
        state += ", SYNTHETIC" if line.synthetic else ""
        first, last = (format_instant(instant)[:16].replace("T", " ") for instant in (line.first, line.last))
        series.add_row(line.kind.value, line.symbol, line.interval, f"{line.rows:,}", first, last, state)
    console.print(series)
    facts = Table(title="instruments", title_justify="left")
    for heading in ("symbol", "base", "quote", "tick", "lot", "notional_min", "brackets as of"):
        facts.add_column(heading)
    dates: dict[str, list[str]] = {}
    for symbol, as_of in inventory.brackets:
        dates.setdefault(symbol, []).append(as_of)
    for instrument in inventory.instruments:
        facts.add_row(*instrument.facts().values(), ", ".join(dates.pop(instrument.symbol, ["none"])))
    for symbol, as_of_dates in dates.items():
        facts.add_row(symbol, "", "", "", "", "not imported", ", ".join(as_of_dates))
    console.print(facts)


def _print_report(report: "AuditReport") -> None:
    from rich.table import Table
    from rich.text import Text

    console = page()
    if report.findings:
        table = Table(title=f"{report.symbol} {report.series}", title_justify="left")
        table.add_column("severity")
        table.add_column("kind")
        table.add_column("row", justify="right")
        table.add_column("rows", justify="right")
        table.add_column("what, and what to do", overflow="fold")
        for finding in report.findings[:SHOWN_FINDINGS_MAX]:
            what = Text(finding.message).append(f"\n{finding.remedy}", style="dim")
            rows = (str(finding.row_first), f"{finding.rows:,}")
            table.add_row(finding.severity.value, finding.kind.value, *rows, what)
        console.print(table)
    total = sum(report.counts.values())
    if total > SHOWN_FINDINGS_MAX:
        typer.echo(f"{total - SHOWN_FINDINGS_MAX:,} more findings; all kinds: " + _counts(report))
    typer.echo(f"{report.symbol} {report.series}: {report.rows:,} rows, verdict {report.verdict.value}")


def _counts(report: "AuditReport") -> str:
    return ", ".join(f"{kind.value} {number:,}" for kind, number in report.counts.items())
