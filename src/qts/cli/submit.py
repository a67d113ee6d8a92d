"""``qts submit``: a strategy and a world in, a verdict out."""

from typing import TYPE_CHECKING, Annotated

import typer

from qts.cli.output import Output, OutputOption, page, print_json, steps

if TYPE_CHECKING:
    from qts.app.submit_result import SubmitResult

SpecArgument = Annotated[str, typer.Argument(metavar="STRATEGY", help="FILE.py, FILE.py:Class, or a catalogue name.")]
ParamOption = Annotated[list[str] | None, typer.Option("--param", help="Strategy parameter, name=value; repeatable.")]


def submit(
    strategy: SpecArgument,
    world: Annotated[str, typer.Option("--world", "-w", help="The world that judges it.")],
    param: ParamOption = None,
    mode: Annotated[
        str | None, typer.Option("--mode", help="Advanced: a hint the world may lower, never raise.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Evaluate a strategy in a world and print the verdict. Exits 3 when the world says no."""
    from qts.app.runner import Runner
    from qts.cli.parameters import parameters

    with steps(output) as progress:
        result = Runner().submit(strategy, world=world, parameters=parameters(param), mode=mode, progress=progress)
    if output is Output.JSON:
        print_json(result.facts())
    else:
        print_result(result)
    if not result.passed:
        raise typer.Exit(3)


def print_result(result: "SubmitResult") -> None:
    """The verdict first, then the numbers, then what to do next."""
    from rich.markup import escape
    from rich.table import Table

    console = page()
    if result.synthetic:
        console.print("[bold yellow]SYNTHETIC DATA[/]  nothing here says anything about a real market")
    colour = "green" if result.passed else "red"
    word = "passed" if result.passed else "rejected"
    console.print(f"[bold {colour}]{word}[/]  [bold]{escape(result.strategy)}[/] in [bold]{escape(result.world)}[/]")
    for violation in result.violations:
        console.print(f"  [red]x[/] {escape(violation.sentence)}")
    for warning in result.warnings:
        console.print(f"  [yellow]![/] {escape(warning)}")
    numbers = Table(box=None, show_header=False, padding=(0, 2))
    for title, value in headline(result):
        numbers.add_row(title, value)
    console.print(numbers)
    for waiver in result.waivers:
        console.print(f"  waived: {waiver}")
    for note in result.precheck:
        console.print(f"  noticed here: {escape(note)}")
    console.print(f"mode     {result.mode}" + (f" ({escape(result.decision_reason)})" if result.passed else ""))
    if result.passed:
        console.print(f"place    {escape(result.place_reason)}, weight {result.weight:g}")
    console.print(f"run      {result.url}")
    console.print(f"report   {result.report}", soft_wrap=True)


def headline(result: "SubmitResult") -> list[tuple[str, str]]:
    """The numbers people look at first, with their names."""
    from qts.adapters.reports.wording import metric_number
    from qts.research.metrics import DEFINITIONS

    names = ("total_return", "sharpe", "max_drawdown", "profit_factor", "n_trades", "dsr")
    rows = [(DEFINITIONS[name].title, metric_number(name, result.metrics.get(name))) for name in names]
    return [*rows, ("trials of this family", str(result.trial_count))]
