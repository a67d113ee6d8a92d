"""``qts journal``: whether a journal's record is whole, and what it says."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qts.cli.output import Output, OutputOption, print_json, steps
from qts.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qts.execution.journal import JournalRow
    from qts.execution.journal_check import ChainCheck

app = typer.Typer(help="Journals: the record of every event and every command.", no_args_is_help=True)

PathArgument = Annotated[Path, typer.Argument(metavar="PATH", help="The journal's file.")]
SHOWN_ROWS = 20


@app.command("verify")
def verify(
    path: PathArgument,
    head: Annotated[
        str | None, typer.Option("--head", help="A digest noted earlier, which the record must still have.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Walk the whole chain of a journal. Exits 3, naming the first bad row, when the record is not as it was written.

    Rows cut off at the end leave a chain that holds: give --head to see them.
    """
    from qts.app import journal_commands

    if head is not None and not re.fullmatch("[0-9a-f]{64}", head):
        raise UsageError(f"{head!r} is not a digest", next_step="give the head that qts journal verify printed")
    with steps(output) as progress:
        progress("walking the chain")
        check = journal_commands.verify(path, head)
    if output is Output.JSON:
        print_json(journal_commands.check_facts(check))
    else:
        _print_check(check)
    journal_commands.require_whole(path, check)


@app.command("show")
def show(
    path: PathArgument,
    start: Annotated[int | None, typer.Option("--from", min=1, help="First row to show.")] = None,
    last: Annotated[
        int | None,
        typer.Option("--last", min=1, help="How many rows from the end.", show_default=str(SHOWN_ROWS)),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print rows of a journal, each with its number, instant, kind and entry. The chain is not checked."""
    from qts.app import journal_commands

    if start is not None and last is not None:
        raise UsageError("--from and --last are two ways to choose rows", next_step="give one of the two")
    rows: Iterable[JournalRow]
    if start is None:
        rows = journal_commands.last_rows(path, SHOWN_ROWS if last is None else last)
    else:
        rows = journal_commands.rows_from(path, start)
    if output is Output.JSON:
        print_json([journal_commands.row_facts(row) for row in rows])
        return
    from qts.domain.instant import format_instant

    for row in rows:
        typer.echo(
            f"{row.number:>8}  {format_instant(row.at)}  {row.kind:<7}  {journal_commands.entry_words(row.text)}"
        )


def _print_check(check: "ChainCheck") -> None:
    from qts.domain.instant import format_instant

    typer.echo(f"{'whole' if check.holds else 'holds up to here'}: {check.rows:,} rows")
    if check.first_at is not None and check.last_at is not None:
        typer.echo(f"from {format_instant(check.first_at)} to {format_instant(check.last_at)}")
    typer.echo(f"head {check.head}")
