"""``qts risk``: what the limits of a run did, and how far every limit was when it ended."""

from typing import TYPE_CHECKING, Annotated

import typer

from qts.cli.account import cells
from qts.cli.output import Output, OutputOption, page, print_json, print_whole, steps

if TYPE_CHECKING:
    from qts.app.limits_answer import Explained, LimitStatus

app = typer.Typer(help="The limits of a run.", no_args_is_help=True)

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's name, as qts submit, backtest or account backtest prints it.")
]


@app.command("explain")
def explain(
    run: RunArgument,
    strategy: Annotated[
        str | None, typer.Option("--strategy", help="The file a single strategy's run was made from, FILE.py.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say what each limit did in a run, and run it again without them to see what they cost or saved."""
    from qts.app.limits import explain_limits
    from qts.app.settings import Settings

    with steps(output) as progress:
        explained = explain_limits(Settings.from_environment(), run, strategy=strategy, progress=progress)
    if output is Output.JSON:
        print_json(explained.facts())
    else:
        _print_explained(explained)


@app.command("status")
def status(run: RunArgument, output: OutputOption = Output.TABLE) -> None:
    """Say how far every book was from every limit when the run ended."""
    from qts.app.limits import limit_status
    from qts.app.settings import Settings

    found = limit_status(Settings.from_environment(), run)
    if output is Output.JSON:
        print_json(found.facts())
    else:
        _print_status(found)


def _print_explained(explained: "Explained") -> None:
    from rich.markup import escape
    from rich.table import Table

    console = page()
    if not explained.limits:
        console.print("No limit said anything in this run.")
    for each in explained.limits:
        console.print(escape(each.sentence), soft_wrap=True)
    for code, count in explained.refused_before.items():
        console.print(f"before the limits: {count} refused, {code}")
    table = Table("", "limits", "capital", "equity", "return", "drawdown", "fees", "funding", "fills", box=None)
    for column in table.columns[2:]:
        column.justify = "right"
    for given, without in explained.sides:
        name, *numbers = cells(given)
        style = "bold" if given.name == "account" else ""
        table.add_row(name, "with", *numbers, style=style)
        table.add_row("", "without", *cells(without)[1:], style=style)
    print_whole(console, table)


def _print_status(found: "LimitStatus") -> None:
    from rich.markup import escape

    console = page()
    console.print(f"[bold]{found.run_id}[/] as it ended, {found.ended_at}")
    if not found.distances:
        console.print("The gate alone judged this run: there are no staged limits to be near to.")
    for whose, measures in found.books.items():
        console.print(f"[bold]{escape(whose)}[/]")
        for each in measures:
            colour = "red" if each.is_reached else "yellow" if each.warns else ""
            mark = f"[{colour}]![/] " if colour else "  "
            console.print(f"{mark}{escape(each.sentence)}; {each.away}", soft_wrap=True)
