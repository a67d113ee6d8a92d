"""How commands answer: one JSON document or a page of text on stdout; progress and messages on stderr."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from qts.domain.money import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


WIDTH_MAX = 1_000
"""Columns of a terminal that a table may ask for."""


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to answer: text for people, or JSON.")]


def print_json(document: object) -> None:
    """One document, keys in the order given, decimals as text."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False, default=_plain)
    sys.stdout.write("\n")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    return str(value)


def page() -> "Console":
    """The console for results."""
    from rich.console import Console

    return Console(highlight=False)


def print_whole(console: "Console", table: "Table") -> None:
    """A table of numbers at its full width: a number that is cut off is another number."""
    from rich.measure import Measurement

    width = console.width
    wanted = Measurement.get(console, console.options.update(width=WIDTH_MAX), table).maximum
    console.width = max(width, wanted)
    console.print(table)
    console.width = width


def say(message: str) -> None:
    """A message beside the result, for people."""
    sys.stderr.write(message + "\n")


@contextmanager
def steps(output: Output) -> Iterator[Callable[[str], None]]:
    """A way to name the step being worked on: a spinner on a terminal, nothing when piped or answering in JSON."""
    if output is Output.JSON or not sys.stderr.isatty():
        yield lambda _step: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield status.update
