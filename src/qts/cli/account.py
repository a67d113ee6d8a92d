"""``qts account``: several strategies on one account."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qts.cli.output import Output, OutputOption, page, print_json, print_whole, steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

    from qts.app.account_answer import AccountRan
    from qts.research.account_tables import AccountRow
    from qts.simulation.operator_words import WordTold

app = typer.Typer(help="Several strategies on one account, netted at the venue.", no_args_is_help=True)

HALTED_SHOWN = 20
WORDS_SHOWN = 50
SLOW_SHOWN = 5


@app.command("backtest")
def backtest(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The account file, YAML or JSON.")],
    world: Annotated[
        str | None, typer.Option("--world", "-w", help="Whose market, window, waivers, costs and sizing are used.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run an account file over stored bars, and say what its operator's script has to say.

    A strategy that fails is halted and told of; the others go on.
    """
    from qts.app.accounts import backtest_account
    from qts.app.settings import Settings

    with steps(output) as progress:
        ran = backtest_account(Settings.from_environment(), file, world=world, progress=progress)
    if output is Output.JSON:
        print_json(ran.facts())
    else:
        _print(ran)


def _print(ran: "AccountRan") -> None:
    from rich.markup import escape

    from qts.domain.instant import format_duration
    from qts.research.account_tables import TRANSFERS_TOLD

    console, record, tables, result = page(), ran.record, ran.tables, ran.record.result
    if record.synthetic:
        console.print("[bold yellow]SYNTHETIC DATA[/]  nothing here says anything about a real market")
    under = f", world {record.world}" if record.world else ""
    console.print(
        f"[bold]{escape(record.plan.account)}[/]: {len(record.members)} strategies, {len(record.data)} symbols, "
        f"{format_duration(record.interval_ms)} bars, rule {record.plan.rule.value}{under}"
    )
    for waiver, symbols in record.waivers.items():
        console.print(f"  [yellow]waived[/] {waiver.value} on {', '.join(symbols)}: {waiver.meaning}")
    print_whole(console, _table("strategy", tables.strategies, tables.account))
    if result.transfers:
        console.print(TRANSFERS_TOLD)
    print_whole(console, _table("symbol", tables.symbols, tables.account))
    if tables.differences:
        console.print(f"[bold red]the sums differ[/]: {', '.join(tables.differences)}; please report it")
    else:
        console.print("Strategies, and symbols, add up to the account exactly. Fills do not: one may")
        console.print("be for several strategies, and the venue never saw what two of them crossed.")
    _print_events(console, ran)
    console.print(f"run      {record.run_id}")
    console.print(f"digest   {ran.digest}", soft_wrap=True)
    console.print(f"record   {ran.record_path}", soft_wrap=True)
    console.print(f"report   {ran.report}", soft_wrap=True)
    console.print(f"next     qts risk explain {record.run_id}, then qts risk status {record.run_id}", soft_wrap=True)
    if result.halted:
        console.print("         mend what was halted")


def _print_events(console: "Console", ran: "AccountRan") -> None:
    from rich.markup import escape

    from qts.domain.money import plain

    result = ran.record.result
    words = {"warn": 0, "reduce": 0, "block": 0}
    for word in result.gate:
        words[word.stage.value] += 1
    console.print(
        f"limits   {words['warn']} orders warned of, {words['reduce']} reduced, {words['block']} stopped; "
        f"{len(result.withheld)} wants withheld by arbitration; {result.crossed} crosses inside",
        soft_wrap=True,
    )
    for each in result.halted[:HALTED_SHOWN]:
        console.print(
            f"  [red]halted[/] {each.strategy_id} on {each.symbol}: {each.cause.value}, {escape(each.detail)}"
        )
    if len(result.halted) > HALTED_SHOWN:
        console.print(f"  and {len(result.halted) - HALTED_SHOWN} more; the report lists them all")
    for whose, symbol in result.in_care[:HALTED_SHOWN]:
        held = plain(result.books[whose, symbol].position)
        console.print(f"  {whose} is asked no more; the guardian looks after its {held} {symbol}", soft_wrap=True)
    _print_words(console, result.operator)
    _print_slow(console, ran)


def _print_words(console: "Console", told: "Sequence[WordTold]") -> None:
    from rich.markup import escape

    from qts.domain.instant import format_instant

    for each in told[:WORDS_SHOWN]:
        word = each.word
        said = format_instant(word.at if each.said_at is None else each.said_at)
        who = word.who or "somebody else"
        why = f" ({word.why})" if word.why else ""
        words = escape(f"{who}: {word.verb.value} {word.about}{why}")
        console.print(f"  {said} {words}: [bold]{each.outcome.value}[/], {escape(each.detail)}", soft_wrap=True)
    if len(told) > WORDS_SHOWN:
        console.print(f"  and {len(told) - WORDS_SHOWN} more words; the report lists them all")


def _print_slow(console: "Console", ran: "AccountRan") -> None:
    """What this machine did this time; the record knows nothing of it."""
    from qts.domain.instant import format_instant
    from qts.simulation.slow_calls import SLOW_NS

    if not ran.slow_count:
        return
    bound = SLOW_NS // 1_000_000
    console.print(
        f"slow     {ran.slow_count} times longer than {bound} ms on this machine; here nothing follows from it",
        soft_wrap=True,
    )
    for each in ran.slow_calls[:SLOW_SHOWN]:
        who = "all strategies together" if each.is_of_a_round else f"{each.strategy_id} on {each.symbol}"
        console.print(f"  {format_instant(each.at)} {who}: {each.took_ns // 1_000_000} ms", soft_wrap=True)


def _table(title: str, rows: "tuple[AccountRow, ...]", account: "AccountRow") -> "Table":
    from rich.table import Table

    table = Table(title, "capital", "equity", "return", "drawdown", "fees", "funding", "fills", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*cells(row))
    table.add_row(*cells(account), style="bold")
    return table


def cells(row: "AccountRow") -> tuple[str, ...]:
    """A row of an account's tables as people read it."""
    from rich.markup import escape

    shown = ["-" if number is None else f"{number:.2%}" for number in (row.total_return, row.max_drawdown)]
    money = [f"{amount:,.2f}" for amount in (row.capital, row.equity, row.fees, row.funding)]
    return escape(row.name), money[0], money[1], *shown, money[2], money[3], f"{row.fills:,}"
