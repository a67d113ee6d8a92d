"""``qts backtest``: run a strategy on stored data, without a world to judge it."""

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from qts.cli.output import Output, OutputOption, page, print_json, steps
from qts.cli.submit import ParamOption, SpecArgument
from qts.domain.errors import UsageError, did_you_mean
from qts.domain.waiver import Waiver

if TYPE_CHECKING:
    from qts.app.backtests import Backtested, Window
    from qts.simulation.backtest import Terms

CAPITAL_MAX = 10**12
_SHOWN = (
    "total_return",
    "cagr",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "max_drawdown_days",
    "profit_factor",
    "win_rate",
    "payoff",
    "n_trades",
    "exposure",
    "turnover",
    "psr",
    "dsr",
)


def backtest(  # noqa: PLR0917 - options of a command
    strategy: SpecArgument,
    data: Annotated[str, typer.Option("--data", "-d", help="SYMBOL/INTERVAL in the catalogue, such as BTCUSDT/4h.")],
    param: ParamOption = None,
    start: Annotated[str | None, typer.Option("--start", help="First instant, 2020-01-01.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="End of the window, not included.")] = None,
    capital: Annotated[str, typer.Option("--capital", help="Starting money, quote.")] = "100000",
    leverage: Annotated[int, typer.Option("--leverage", help="The account's leverage setting.")] = 3,
    fee_maker: Annotated[str, typer.Option("--fee-maker", help="Fraction of notional.")] = "0.0002",
    fee_taker: Annotated[str, typer.Option("--fee-taker", help="Fraction of notional.")] = "0.0005",
    slippage_bps: Annotated[str, typer.Option("--slippage-bps", help="Fixed slippage of takers.")] = "1",
    limits: Annotated[
        str | None, typer.Option("--limits", help="A preset's staged limits; left out, the defaults of docs/limits.md.")
    ] = None,
    waive: Annotated[
        list[str] | None, typer.Option("--waive", help="Go without an input, by name; repeatable.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run a strategy over stored bars and print its numbers. The trial is counted like any other."""
    from qts.app.backtests import backtest as run_and_count
    from qts.app.backtests import limits_of_preset
    from qts.app.settings import Settings
    from qts.cli.parameters import parameters
    from qts.risk.limit_policy import LimitPolicies

    terms = _terms(capital, leverage, (fee_maker, fee_taker), slippage_bps, waive or [])
    terms = replace(terms, policies=LimitPolicies() if limits is None else limits_of_preset(limits))
    with steps(output) as progress:
        done = run_and_count(
            Settings.from_environment(),
            strategy,
            _window(data, start, end),
            terms,
            parameters=parameters(param),
            progress=progress,
        )
    if output is Output.JSON:
        print_json(done.facts())
    else:
        _print(done)


def _window(data: str, start: str | None, end: str | None) -> "Window":
    from qts.app.backtests import Window
    from qts.domain.instant import parse_duration, parse_instant

    symbol, slash, interval = data.partition("/")
    if not slash:
        raise UsageError(f"--data {data!r} is not SYMBOL/INTERVAL", next_step="write --data BTCUSDT/4h")
    return Window(
        symbol=symbol,
        interval_ms=parse_duration(interval),
        start=None if start is None else parse_instant(start),
        end=None if end is None else parse_instant(end),
    )


def _terms(capital: str, leverage: int, fees: tuple[str, str], slippage_bps: str, waive: list[str]) -> "Terms":
    from qts.domain.money import exact
    from qts.simulation.backtest import Terms
    from qts.simulation.costs import FixedSlippage, Frictions

    return Terms(
        capital=_above_zero("--capital", exact(capital)),
        frictions=Frictions(
            fee_rate_maker=exact(fees[0]),
            fee_rate_taker=exact(fees[1]),
            slippage=FixedSlippage(exact(slippage_bps)),
            leverage=leverage,
        ),
        waivers=tuple(_waiver(name) for name in waive),
    )


def _above_zero(option: str, amount: Decimal) -> Decimal:
    if amount <= 0:
        raise UsageError(f"{option} must be above 0, not {amount}")
    if amount > CAPITAL_MAX:
        raise UsageError(f"{option} must be at most {CAPITAL_MAX:,}, not {amount}")
    return amount


def _waiver(name: str) -> Waiver:
    try:
        return Waiver(name)
    except ValueError:
        known = [waiver.value for waiver in Waiver]
        raise UsageError(
            f"there is no waiver {name!r}.{did_you_mean(name, known)}", next_step=f"they are: {', '.join(known)}"
        ) from None


def _print(done: "Backtested") -> None:
    from rich.markup import escape
    from rich.table import Table

    from qts.adapters.reports.wording import metric_number
    from qts.domain.instant import format_date
    from qts.research.metrics import DEFINITIONS

    console, result, facts = page(), done.result, done.result.provenance
    if facts.synthetic:
        console.print("[bold yellow]SYNTHETIC DATA[/]  nothing here says anything about a real market")
    console.print(
        f"[bold]{escape(facts.strategy)}[/] on {facts.symbol}, {format_date(facts.start)} to {format_date(facts.end)}"
    )
    for waiver in facts.waivers:
        console.print(f"  [yellow]waived[/] {waiver.value}: {waiver.meaning}")
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name in _SHOWN:
        value = done.sheet[name].value
        shown = metric_number(name, value) if value is not None else f"undefined: {done.sheet[name].undefined_because}"
        table.add_row(DEFINITIONS[name].title, escape(shown))
    costs = result.costs
    if costs.liquidation_fees != 0:
        table.add_row("paid in liquidation", f"{costs.liquidation_fees:,.2f}")
    for title, amount in (
        ("fees", costs.fees),
        ("slippage (in the prices)", costs.slippage),
        ("funding", costs.funding),
    ):
        table.add_row(f"paid in {title}", f"{amount:,.2f}")
    table.add_row("final equity", f"{result.final_equity:,.2f}")
    table.add_row("trials of this family", str(done.trial_count))
    console.print(table)
    for note in done.notes:
        console.print(f"  noticed: {escape(note)}")
    console.print(f"result   {result.digest}", soft_wrap=True)
    console.print(f"run      {done.run_id}")
    console.print(f"report   {done.report}", soft_wrap=True)
    console.print("next     qts world create NAME --preset moderate, then qts submit: a backtest is not a verdict")
