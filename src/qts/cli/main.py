"""The ``qts`` command: what exists, and how it ends.

Every expected failure leaves with the exit code of its kind and a message that
names cause, place and next step. Commands live in files of their own and
import what they need when they run, so that ``qts --help`` stays light.
"""

import signal
import traceback
from typing import Annotated

import typer
from typer.core import TyperGroup

from qts import __version__
from qts.cli import account, backtest, data, demo, doctor, journal, report, risk, run, submit, world
from qts.cli.output import say
from qts.domain.errors import QtsError

FAULT = 1
INTERRUPTED = 130


class _Guarded(TyperGroup):
    """Turns expected failures into messages and exit codes, in one place for all commands."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except QtsError as error:
            say(f"error: {error}")
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt:
            say("interrupted: nothing was left half written")
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if _is_usage(error):
                raise
            traceback.print_exc()
            say(f"fault: {type(error).__name__}: {error}")
            say("  this is a defect of QTS, not of yours; please report it with the lines above")
            raise typer.Exit(FAULT) from error


def _is_usage(error: Exception) -> bool:
    """Whether the command line library will tell the user itself (a wrong option, a missing argument)."""
    return hasattr(error, "exit_code") and hasattr(error, "show")


app = typer.Typer(
    name="qts",
    cls=_Guarded,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Takes a trading strategy from a file to live money, one governed step at a time.",
    epilog="Exit codes: 0 ok, 1 fault of ours, 2 usage, 3 the answer is no, 4 data, 5 strategy, "
    "6 policy or world, 7 storage, 130 interrupted.",
)
app.add_typer(data.app, name="data")
app.command("backtest")(backtest.backtest)
app.add_typer(account.app, name="account")
app.add_typer(risk.app, name="risk")
app.command("submit")(submit.submit)
app.add_typer(world.app, name="world")
app.add_typer(run.app, name="run")
app.add_typer(journal.app, name="journal")
app.command("report")(report.report)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Takes a trading strategy from a file to live money, one governed step at a time."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command("version")
def print_version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Entry point of the console script. A request to end (SIGTERM) ends like ctrl-C: cleanly."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()
