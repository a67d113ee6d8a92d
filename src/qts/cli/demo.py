"""``qts demo``: the whole journey in one command, offline, on a synthetic market."""

import shutil
import sys
import time
from typing import TYPE_CHECKING

from qts.cli.output import Output, OutputOption, page, print_json, say

if TYPE_CHECKING:
    from pathlib import Path

    from qts.app.submit_result import SubmitResult


def demo(output: OutputOption = Output.TABLE) -> None:
    """Make a synthetic market and a world, submit four strategies and a coin flip, and print the verdicts."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from qts.app.demo import STRATEGIES, demo_index, prepare_demo, submit_demo
    from qts.app.runner import Runner

    started = time.monotonic()
    runner = Runner()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    quiet = output is Output.JSON
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task("preparing", total=len(STRATEGIES) + 1)

        def progress(step: str) -> None:
            bar.update(task, description=step)

        prepare_demo(runner, progress=progress)
        bar.advance(task)
        results = []
        for result in submit_demo(runner, progress=progress):
            results.append(result)
            bar.advance(task)
        index = demo_index(runner, results)
    if quiet:
        print_json({"world": "demo", "index": str(index), "results": [result.facts() for result in results]})
        return
    _print(results, index)
    say(f"done in {time.monotonic() - started:.1f} s")


def _print(results: list["SubmitResult"], index: "Path") -> None:
    from rich.markup import escape
    from rich.table import Table

    from qts.adapters.reports.wording import metric_number

    console = page()
    console.print("[bold yellow]SYNTHETIC DATA[/]  nothing here says anything about a real market\n")
    table = Table("verdict", "strategy", "return", "sharpe", "drawdown", "why", box=None, pad_edge=False)
    for result in results:
        word = "[bold red]rejected[/]" if not result.passed else "[bold green]passed[/]"
        if result.passed and result.weight == 0:
            word = "[green]passed, no seat[/]"
        numbers = [metric_number(name, result.metrics.get(name)) for name in ("total_return", "sharpe", "max_drawdown")]
        table.add_row(word, result.strategy, *numbers, escape(_why(result)))
    console.print(table)
    coin = next(result for result in results if result.strategy == "CoinFlip")
    console.print("\n[bold]Why the coin flip was rejected[/]")
    for violation in coin.violations:
        console.print(f"  - {escape(violation.sentence)}")
    console.print("\n[bold]Reports[/] (they open offline in any browser)")
    for result in results:
        console.print(f"  {result.strategy:20s} {result.report}", soft_wrap=True)
    console.print(f"  {'all together':20s} {index}", soft_wrap=True)
    console.print(
        f"\n[bold]Next[/]\n  {_qts()} world status demo\n"
        f"  {_qts()} run show {results[0].run_id}\n"
        f"  {_qts()} run verify {results[0].run_id}\n"
        "  write your own: README.md has a strategy of 15 lines"
    )


def _qts() -> str:
    """How this person calls qts."""
    return "qts" if shutil.which("qts") else sys.argv[0]


def _why(result: "SubmitResult") -> str:
    if result.passed:
        return f"{result.place_reason}; may go on to {result.mode}"
    return result.verdict.removeprefix("rejected: ")
