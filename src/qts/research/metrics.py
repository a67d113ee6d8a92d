"""A run's numbers on one sheet, each with the definition that made it or the reason it does not exist.

``measure`` fills the sheet from a run, ``measure_equity`` from an equity curve
alone. A metric is never 0, NaN or large for want of an answer: its value is
None, ``undefined_because`` says why, and asking for it raises Undefined.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qts.domain.errors import UsageError, did_you_mean
from qts.domain.ids import digest
from qts.research.definition import Basis, Better, MetricDefinition, Unit
from qts.research.definitions import DEFINITIONS
from qts.research.returns import MarkedEquity
from qts.research.undefined import Undefined
from qts.simulation.result import RunResult

__all__ = [
    "DEFINITIONS",
    "Better",
    "MarkedEquity",
    "MetricDefinition",
    "MetricSheet",
    "MetricValue",
    "Undefined",
    "Unit",
    "measure",
    "measure_equity",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValue:
    """One number. value: finite, in the definition's unit; None when undefined, and then the reason is not empty.

    definition: digest of the definition that made it.
    """

    name: str
    value: float | None
    undefined_because: str
    definition: str

    def __post_init__(self) -> None:
        if (self.value is None) == (self.undefined_because == ""):
            raise ValueError(f"{self.name}: a metric has either a value or a reason for having none")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.name}: {self.value} is not a finite number")

    @property
    def is_current(self) -> bool:
        """Whether today's definition of this name is the one that made the number."""
        return self.name in DEFINITIONS and DEFINITIONS[self.name].digest == self.definition


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSheet(Mapping[str, MetricValue]):
    """All metrics by name, in the order of their definitions.

    trials, variance_of_trials: what the deflated Sharpe ratio was given; None
    when it was not known.
    """

    values_by_name: Mapping[str, MetricValue]
    trials: int | None
    variance_of_trials: float | None

    def __getitem__(self, name: str) -> MetricValue:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def value(self, name: str) -> float:
        """The number. Raises Undefined with its reason, or UsageError when there is no such metric."""
        if name not in self.values_by_name:
            raise UsageError(
                f"there is no metric {name!r}.{did_you_mean(name, self.values_by_name)}",
                next_step="docs/metrics.md lists every metric",
            )
        found = self.values_by_name[name]
        if found.value is None:
            raise Undefined(f"{name} is undefined: {found.undefined_because}")
        return found.value

    def facts(self) -> dict[str, object]:
        """Plain values for JSON; ``from_facts`` reads them back as the same sheet."""
        return {
            "trials": self.trials,
            "variance_of_trials": self.variance_of_trials,
            "metrics": {
                found.name: {
                    "value": found.value,
                    "undefined_because": found.undefined_because,
                    "definition": found.definition,
                }
                for found in self.values()
            },
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, object]) -> "MetricSheet":
        """A stored sheet as it was, whatever today's definitions are. Raises ValueError when it is not one."""
        match facts:
            case {"trials": int() | None as trials, "variance_of_trials": variance, "metrics": Mapping() as stored}:
                pass
            case _:
                raise ValueError("not the facts of a metric sheet")
        return cls(
            values_by_name={name: MetricValue(name=name, **entry) for name, entry in stored.items()},
            trials=trials,
            variance_of_trials=None if variance is None else float(str(variance)),
        )


def measure(result: RunResult, trials: int | None, *, variance_of_trials: float | None = None) -> MetricSheet:
    """Every metric of a run.

    trials: distinct trials of the strategy's family so far, this one included, 1
    or more; None when they were not counted, which leaves ``dsr`` undefined.
    variance_of_trials: variance of those trials' Sharpe ratios per day, if kept.
    Raises ValueError when the equity curve is not finite or the count below 1.
    """
    if trials is not None and trials < 1:
        raise ValueError(f"a run that was measured is at least one trial, not {trials}")
    equity = MarkedEquity.over(result, result.equity)
    return _fill(Basis(equity=equity, run=result, trials=trials, variance_of_trials=variance_of_trials))


def measure_equity(equity: MarkedEquity) -> MetricSheet:
    """What can be said of an equity curve alone; metrics of trades and ``dsr`` are undefined."""
    return _fill(Basis(equity=equity, run=None, trials=None, variance_of_trials=None))


def definitions_digest() -> str:
    """One digest over every definition, in order of name."""
    return digest([DEFINITIONS[name].digest for name in sorted(DEFINITIONS)])


def _fill(basis: Basis) -> MetricSheet:
    return MetricSheet(
        values_by_name={name: _take(definition, basis) for name, definition in DEFINITIONS.items()},
        trials=basis.trials,
        variance_of_trials=basis.variance_of_trials,
    )


def _take(definition: MetricDefinition, basis: Basis) -> MetricValue:
    value, reason = None, ""
    try:
        number = float(definition.function(basis))
    except Undefined as undefined:
        reason = undefined.cause
    else:
        value, reason = (number, "") if math.isfinite(number) else (None, f"the formula gives {number}")
    return MetricValue(name=definition.name, value=value, undefined_because=reason, definition=definition.digest)
