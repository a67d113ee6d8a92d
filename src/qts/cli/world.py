"""``qts world``: make worlds and look at them."""

from typing import TYPE_CHECKING, Annotated

import typer

from qts.cli.output import Output, OutputOption, page, print_json
from qts.domain.errors import UsageError

if TYPE_CHECKING:
    from qts.app.commands import NextPolicy
    from qts.worlds.service import WorldStatus

app = typer.Typer(help="Worlds: the policies that judge strategies.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The world's name.")]


@app.command("create")
def create(  # noqa: PLR0917 - options of a command
    name: NameArgument,
    policy: Annotated[str | None, typer.Option("--policy", "-p", help="A policy file, YAML or JSON.")] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="sandbox, conservative, moderate or aggressive.")
    ] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", "-s", help="With --preset: what is traded.")] = None,
    interval: Annotated[str | None, typer.Option("--interval", "-i", help="With --preset: bar interval.")] = None,
    start: Annotated[str | None, typer.Option("--start", help="With --preset: first day, 2020-01-01.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="With --preset: the day after the last.")] = None,
    waive: Annotated[list[str] | None, typer.Option("--waive", help="A waiver the world admits; repeatable.")] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="For synthetic data; can never go live.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Create a world from a policy file or a preset. Without --symbol a preset takes the only bars there are."""
    from qts.app.commands import create_world
    from qts.app.settings import Settings

    if (policy is None) == (preset is None):
        raise UsageError("a world needs a policy file or a preset, one of the two", next_step="--preset moderate")
    dataset = {"symbol": symbol, "interval": interval, "start": start, "end": end}
    created = create_world(
        Settings.from_environment(),
        name,
        policy_path=policy,
        preset=preset,
        dataset={key: value for key, value in dataset.items() if value is not None},
        waivers=waive or [],
        simulated=simulated,
    )
    if output is Output.JSON:
        print_json(created.facts())
        return
    window = created.dataset
    page().print(
        f"world {name}: {window.symbol} {window.interval} bars from {window.start} to {window.end}\n"
        f"next: qts submit STRATEGY --world {name}"
    )


@app.command("update")
def update(
    name: NameArgument,
    policy: Annotated[str, typer.Option("--policy", "-p", help="The next policy, YAML or JSON.")],
    preview: Annotated[bool, typer.Option("--preview", help="Show what it would do and add nothing.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Add a world's next policy version, after showing what it says to every strategy's latest run."""
    from qts.app.commands import add_policy, next_policy
    from qts.app.settings import Settings

    settings = Settings.from_environment()
    following = next_policy(settings, name, policy)
    if output is Output.TABLE:
        _print_impact(following)
    if not preview:
        add_policy(settings, following.policy)
    if output is Output.JSON:
        print_json({**following.facts(), "added": not preview})
        return
    version = following.policy.version
    if preview:
        page().print(f"version {version} was not added; without --preview it is", soft_wrap=True)
    else:
        page().print(f"world {name} is at policy version {version}; next: qts world status {name}", soft_wrap=True)


@app.command("status")
def status(name: NameArgument, output: OutputOption = Output.TABLE) -> None:
    """Show a world's policy, standings and decisions."""
    from qts.app.queries import world_status
    from qts.app.settings import Settings

    found = world_status(Settings.from_environment(), name)
    if output is Output.JSON:
        from qts.app.queries import status_facts

        print_json(status_facts(found))
    else:
        _print_status(found)


@app.command("list")
def list_worlds(output: OutputOption = Output.TABLE) -> None:
    """List the worlds there are."""
    from qts.app.queries import worlds
    from qts.app.settings import Settings
    from qts.domain.instant import format_instant

    found = worlds(Settings.from_environment())
    if output is Output.JSON:
        print_json(
            [{"name": world.name, "simulated": world.simulated, "created_at": world.created_at} for world in found]
        )
        return
    for world in found:
        page().print(f"{world.name}  created {format_instant(world.created_at)} by {world.created_by}")
    if not found:
        page().print("no worlds yet; next: qts world create NAME --preset moderate")


def _print_impact(following: "NextPolicy") -> None:
    from rich.markup import escape
    from rich.table import Table

    if not following.impacts:
        page().print("no run was judged in this world yet")
        return
    table = Table("strategy", "stage", "now", f"version {following.policy.version}", "why", box=None)
    for impact in following.impacts:
        then = f"[bold]{impact.after.status}[/]" if impact.flips else str(impact.after.status)
        strategy, why = escape(impact.run.key.strategy), escape(impact.after.sentence)
        table.add_row(strategy, impact.run.stage.value, impact.before.status.value, then, why)
    page().print(table)


def _print_status(found: "WorldStatus") -> None:
    from rich.markup import escape
    from rich.table import Table

    console, policy = page(), found.policy
    window = policy.dataset
    console.print(
        f"[bold]{found.world.name}[/]  policy version {policy.version}  {window.symbol} {window.interval} "
        f"{window.start} to {window.end}" + ("  [yellow]simulated[/]" if found.world.simulated else "")
    )
    if not found.standings.rows:
        console.print(f"nothing was submitted yet; next: qts submit STRATEGY --world {found.world.name}")
        return
    table = Table("rank", "strategy", "status", "mode", "weight", "why", box=None)
    for row in found.standings.rows:
        placing, strategy = row.placing, row.run.key.strategy
        decision = found.decisions[strategy]
        table.add_row(
            "" if placing is None else str(placing.rank),
            escape(strategy),
            row.run.status.value,
            decision.effective_mode,
            "" if placing is None else f"{placing.weight:g}",
            escape(row.reason if row.placing is not None else row.verdict.sentence),
        )
    console.print(table)
    for run in found.unfinished:
        console.print(f"unfinished: {run.key.run_id} is {run.status}")
