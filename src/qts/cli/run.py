"""``qts run``: look at a run's record, and prove it by making it again."""

from typing import TYPE_CHECKING, Annotated

import typer

from qts.cli.output import Output, OutputOption, page, print_json, steps

if TYPE_CHECKING:
    from qts.worlds.evaluation_run import EvaluationRun

app = typer.Typer(help="Evaluation runs: the record behind every verdict.", no_args_is_help=True)

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Run id or qts:// address.")]


@app.command("list")
def list_runs(
    world: Annotated[str, typer.Option("--world", "-w", help="Whose runs.")],
    strategy: Annotated[str | None, typer.Option("--strategy", help="Only this strategy's.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List a world's runs, oldest first."""
    from qts.app.queries import history
    from qts.app.settings import Settings

    found = history(Settings.from_environment(), world, strategy)
    if output is Output.JSON:
        print_json(
            [
                {
                    "run_id": run.key.run_id,
                    "strategy": run.key.strategy,
                    "status": run.status.value,
                    "opened_at": run.opened_at,
                    "reason": run.reason,
                }
                for run in found
            ]
        )
        return
    from rich.markup import escape
    from rich.table import Table

    from qts.domain.instant import format_instant

    table = Table("opened", "run", "strategy", "status", "why", box=None)
    for run in found:
        names = (run.key.run_id, escape(run.key.strategy), run.status.value)
        table.add_row(format_instant(run.opened_at), *names, escape(run.reason))
    page().print(table)


@app.command("show")
def show(run: RunArgument, output: OutputOption = Output.TABLE) -> None:
    """Show a run: what was tried, under which rules, what came out, and every step."""
    from qts.app.queries import run_facts, stored_run
    from qts.app.settings import Settings

    found = stored_run(Settings.from_environment(), run)
    if output is Output.JSON:
        print_json(run_facts(found))
    else:
        _print_run(found)


@app.command("verify")
def verify(
    run: RunArgument,
    strategy: Annotated[
        str | None, typer.Option("--strategy", help="The file the run was made from; catalogue strategies need none.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a run again from its record and compare the digests. Exits 3 when they differ."""
    from qts.app.runner import Runner

    with steps(output) as progress:
        progress("making the run again")
        verified = Runner().verify(run, strategy)
    if output is Output.JSON:
        print_json(
            {
                "run_id": verified.run_id,
                "agrees": verified.agrees,
                "recorded": verified.recorded,
                "recomputed": verified.recomputed,
            }
        )
    elif verified.agrees:
        page().print(f"[green]agrees[/]  run {verified.run_id} comes out as {verified.recomputed}", soft_wrap=True)
    else:
        page().print(f"[red]differs[/]  recorded {verified.recorded}, now {verified.recomputed}", soft_wrap=True)
    if not verified.agrees:
        raise typer.Exit(3)


def _print_run(run: "EvaluationRun") -> None:
    from rich.markup import escape
    from rich.table import Table

    from qts.adapters.reports.wording import metric_number
    from qts.domain.instant import format_instant

    console, tried = page(), run.hypothesis
    console.print(f"[bold]{run.key.url}[/]  {run.stage.value}  [bold]{run.status.value}[/]", soft_wrap=True)
    facts = Table(box=None, show_header=False)
    facts.add_row("parameters", escape(", ".join(f"{k}={v}" for k, v in tried.parameters.items())) or "none")
    facts.add_row("data", f"{tried.symbol} {format_instant(tried.start)} to {format_instant(tried.end)}")
    facts.add_row("fingerprint", tried.data_fingerprint)
    facts.add_row("code", tried.code_digest or "no source")
    facts.add_row("policy", f"version {run.policy_version}, rules {run.ruleset_hash}")
    facts.add_row("waivers", ", ".join(tried.waivers) or "none")
    if run.judged is not None:
        facts.add_row("result", run.judged.evidence.result_digest)
        facts.add_row("trials", str(run.judged.evidence.trial_count))
    console.print(facts)
    if run.judged is not None:
        rules = Table("", "rule", "what it says", box=None)
        for result in run.judged.verdict.results:
            rules.add_row(result.status.value, result.rule, escape(result.sentence))
        console.print(rules)
        metrics = Table(box=None, show_header=False)
        for name, value in run.judged.evidence.metrics.items():
            why = escape(run.judged.evidence.undefined.get(name, ""))
            metrics.add_row(name, metric_number(name, value) if value is not None else f"undefined: {why}")
        console.print(metrics)
    for move in run.moves:
        console.print(f"{format_instant(move.at)}  {move.status.value}  {escape(move.reason)}  ({escape(move.actor)})")
