"""What a figure is: contenders that do the same work, and the targets their numbers are held against."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Environment(StrEnum):
    """Which interpreter a contender runs in. A contender whose environment is absent is left out, in words."""

    QTS = "qts"
    COMPILED = "compiled"
    NAUTILUS = "nautilus"


class Quantity(StrEnum):
    """What is compared, and how it reads. Ratios are taken so that more is better."""

    BARS_PER_SECOND = "bars/s"
    PROCESS_SECONDS = "s, whole process"
    MICROSECONDS_PER_ORDER = "us an order"
    EXTRA_BYTES_PER_BAR = "B a bar"
    MILLISECONDS = "ms"
    SCENARIOS_PER_SECOND = "scenarios/s"
    SECONDS_PER_DAY = "s a day"

    @property
    def less_is_better(self) -> bool:
        return self not in (Quantity.BARS_PER_SECOND, Quantity.SCENARIOS_PER_SECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One command that does the work once.

    command: what follows the interpreter; ``{folder}`` is a folder of the
    figure's own. prepare: run once, untimed, before the first round.
    rounds_max: for contenders too slow to be run as often as the others.
    cause: why its equity may differ, when the reason is known.
    reading: which number of its process's report is this contender's, '' for the one the quantity names;
        contenders of one command share its process.
    """

    name: str
    command: tuple[str, ...]
    environment: Environment = Environment.QTS
    prepare: tuple[str, ...] = ()
    rounds_max: int = 100
    cause: str = ""
    reading: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What one number should be.

    against: the peer a ratio is taken to, more is better; '' holds the number
    itself to aim and floor. floor: None where the aim is all there is.
    """

    requirement: str
    subject: str
    against: str = ""
    aim: float
    floor: float | None = None

    @property
    def is_ratio(self) -> bool:
        return self.against != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """reference: the contender whose final equity the others are held against, '' where money is not compared.

    expected_equity: what the reference's own must be, to the cent; None where no other engine has confirmed it.
    """

    name: str
    title: str
    quantity: Quantity
    contenders: tuple[Contender, ...]
    targets: tuple[Target, ...]
    reference: str = ""
    expected_equity: float | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
