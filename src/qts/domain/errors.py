"""Every way QTS says no to its user.

    QtsError
      UsageError       the command or call itself is wrong             exit 2
      CheckFailed      the answer is no: a verdict, an audit, a leak    exit 3
      DataError        market data missing, broken or not as declared   exit 4
      StrategyError    the strategy's file or its behaviour             exit 5
      PolicyError      a world's policy or the world itself             exit 6
      StorageError     the disk or the database                         exit 7

An error names the cause, the place and the next step, and nothing is lost by
it: whoever raises one has left every file and record as it found them. Exit
code 1 is kept for faults of our own, 130 for an interrupt.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class QtsError(Exception):
    """Base of every expected failure.

    cause: what is wrong, with the offending value.
    place: where: a file and line, a column and row, a policy key.
    next_step: what the reader can do about it, preferably a command.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, cause: str, *, place: str = "", next_step: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.place = place
        self.next_step = next_step

    def __str__(self) -> str:
        place = f" ({self.place})" if self.place else ""
        step = f"\n  next: {self.next_step}" if self.next_step else ""
        return f"{self.cause}{place}{step}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.cause, self.place, self.next_step))


def _rebuild(kind: type[QtsError], cause: str, place: str, next_step: str) -> QtsError:
    return kind(cause, place=place, next_step=next_step)


class UsageError(QtsError):
    exit_code = 2


class CheckFailed(QtsError):  # noqa: N818 - the answer is no; nothing went wrong
    exit_code = 3


class DataError(QtsError):
    exit_code = 4


class StrategyError(QtsError):
    exit_code = 5


class PolicyError(QtsError):
    exit_code = 6


class StorageError(QtsError):
    exit_code = 7


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """'' or ' Did you mean ...?' for the known word closest to the wrong one."""
    close = get_close_matches(wrong, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
