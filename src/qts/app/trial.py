"""One trial: a strategy under stated terms, run, searched for leaks, and measured.

Both doors use it, ``backtest`` without a world and ``submit`` with one. The
caller puts the trial on the ledger before it calls, and is told what came of it.
"""

import copy
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import dataclass, replace
from statistics import variance

from qts.adapters.strategy_files import LoadedStrategy, code_digest, load_strategy
from qts.domain.errors import StrategyError
from qts.domain.ids import canonical_json
from qts.market.dataset import Dataset
from qts.research.leakage import NEXT_STEP, LeakCheck, run_checked
from qts.research.metrics import MetricSheet, measure
from qts.research.returns import DAYS_PER_YEAR, MarkedEquity
from qts.research.significance import estimate
from qts.research.undefined import Undefined
from qts.risk.stages import StageWord
from qts.simulation.backtest import Terms, provenance_of
from qts.simulation.result import Provenance, RunResult
from qts.strategy.strategy import Strategy
from qts.worlds.ledger import closed_sharpes, count_trials
from qts.worlds.service import WorldService

SHARPES_MIN = 5
"""Fewest finished trials of a family whose Sharpe ratios say how much they vary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is about to be tried. build: makes the strategy anew, without memory of an earlier run."""

    dataset: Dataset
    build: Callable[[], Strategy]
    terms: Terms
    provenance: Provenance

    @property
    def family(self) -> str:
        return self.provenance.strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it. leak_check: what it means that no leak was found."""

    result: RunResult
    sheet: MetricSheet
    leak_check: LeakCheck


@dataclass(frozen=True, slots=True)
class Tried:
    """count: distinct trials of the family so far, this one included. sharpes: annual, of those that ended with one."""

    count: int
    sharpes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ReadyStrategy:
    """A strategy with its parameters set. code_digest: SHA-256 of its source, '' when there is none to read."""

    strategy: Strategy
    code_digest: str


def stdout_kept_clean() -> AbstractContextManager[object]:
    """What a strategy prints goes to stderr: stdout belongs to the answer."""
    return redirect_stdout(sys.stderr)


def strategy_from(given: str | type[Strategy] | Strategy, parameters: dict[str, object]) -> ReadyStrategy:
    """A strategy by file, catalogue name, class or instance, with parameters set."""
    if isinstance(given, Strategy):
        if parameters:
            raise StrategyError(
                "parameters were given beside a strategy that has its own", next_step="set them on the strategy"
            )
        return ReadyStrategy(given, code_digest(type(given)))
    with stdout_kept_clean():
        loaded = load_strategy(given) if isinstance(given, str) else LoadedStrategy(given, code_digest(given))
        return ReadyStrategy(loaded.kind.with_parameters(parameters), loaded.code_digest)


def prepare(dataset: Dataset, loaded: ReadyStrategy, terms: Terms) -> Trial:
    """Everything that is known before there is a result. Raises DataError for a missing input without its waiver."""
    terms = replace(terms, code_digest=loaded.code_digest)
    pristine = loaded.strategy
    refuse_unrecordable(pristine)
    return Trial(
        dataset=dataset,
        build=lambda: copy.deepcopy(pristine),
        terms=terms,
        provenance=provenance_of(dataset, pristine, terms),
    )


def tried_so_far(worlds: WorldService, family: str) -> Tried:
    """What the ledger says of a family, verified from its first entry."""
    entries = worlds.trials()
    return Tried(count_trials(entries, family), tuple(closed_sharpes(entries, family).values()))


def carry_out(trial: Trial, tried: Tried, *, progress: Callable[[str], None]) -> Outcome:
    """Run, search for leaks, measure. Raises StrategyError when the strategy fails or knows the future."""
    progress("running the backtest, first with later bars hidden")
    with stdout_kept_clean():
        checked = run_checked(trial.dataset, trial.build, trial.terms)
    result, leak = checked.result, checked.leak
    if leak is not None:
        raise StrategyError(
            f"{trial.family} failed the leak check: {leak.sentence()}",
            place=f"run on {result.provenance.symbol}",
            next_step=NEXT_STEP,
        )
    progress("measuring")
    return Outcome(result=result, sheet=_measured(result, tried), leak_check=checked.check)


def noticed(outcome: Outcome) -> tuple[str, ...]:
    """What this machine noticed by itself; advice, never a verdict."""
    result = outcome.result
    notes = [outcome.leak_check.sentence]
    if not result.trades:
        notes.append("it never traded")
    liquidations = sum(fill.cause.value == "liquidation" for fill in result.fills)
    if liquidations:
        notes.append(f"it was liquidated {liquidations} time{'s' if liquidations > 1 else ''}")
    reduced = sum(word.stage is StageWord.REDUCE for word in result.gate)
    if reduced:
        notes.append(f"{reduced} order{'s were' if reduced > 1 else ' was'} made smaller by the staged limits")
    for code, count in result.refusal_counts.items():
        notes.append(f"{count} order{'s were' if count > 1 else ' was'} refused: {code}")
    if result.halted is not None:
        notes.append(result.halted)
    return tuple(notes)


def _measured(result: RunResult, tried: Tried) -> MetricSheet:
    return measure(result, tried.count, variance_of_trials=_variance_of_trials(result, tried))


def _variance_of_trials(result: RunResult, tried: Tried) -> float | None:
    """Variance of the family's daily Sharpe ratios, never below the estimator's own; None with too few of them.

    Trials that are near copies of each other vary little, and their variance
    alone would make the best of them look better than it is.
    """
    if len(tried.sharpes) < SHARPES_MIN:
        return None
    try:
        own = estimate(MarkedEquity.over(result, result.equity).day_returns).variance
    except Undefined:
        return None
    return max(own, variance(tried.sharpes) / DAYS_PER_YEAR)


def refuse_unrecordable(strategy: Strategy) -> None:
    """Raises StrategyError naming a parameter that has no fixed text and so cannot be put on record."""
    for name, value in strategy.parameters().items():
        try:
            canonical_json(value)
        except ValueError as error:
            raise StrategyError(
                f"{type(strategy).__name__}: parameter {name} cannot be put on record: {error}",
                next_step="make it a number, a text, true or false, or a list of these",
            ) from None
