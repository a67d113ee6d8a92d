"""What a run needs to know before it may start, and what it may go without by name.

A missing input is an error that says how to get it, or a waiver somebody gave;
nothing is ever taken to be zero in silence.
"""

from collections.abc import Iterable

import numpy as np

from qts.domain.errors import DataError, StrategyError
from qts.domain.instant import HOUR_MS, format_date, format_duration, format_instant
from qts.domain.waiver import Waiver
from qts.market.dataset import Dataset
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy

FUNDING_GAP_MS_MAX = 8 * HOUR_MS
"""Binance USD-M settles every 8 hours or more often; a longer silence means that events are missing."""


def require_inputs(dataset: Dataset, waivers: Iterable[Waiver]) -> tuple[Waiver, ...]:
    """The waivers this run really uses, in a fixed order. Raises DataError for an input missing without its waiver."""
    given = frozenset(waivers)
    needed = [
        (Waiver.NO_FUNDING, _funding_missing(dataset), "qts data import FILE --kind funding --symbol {symbol}"),
        (Waiver.NO_BRACKETS, _brackets_missing(dataset), "qts data import FILE --kind brackets --symbol {symbol}"),
        (Waiver.BRACKETS_UNDATED, _brackets_undated(dataset), "qts data import FILE --kind brackets --as-of DATE"),
        (Waiver.MARK_FROM_LAST, _mark_missing(dataset), "qts data import FILE --kind mark --symbol {symbol}"),
        (Waiver.GAPS_IN_BARS, _bars_missing(dataset), "import the missing bars, choose a window without the gap"),
    ]
    found = [(waiver, problem, command) for waiver, problem, command in needed if problem]
    missing = [(waiver, problem, command) for waiver, problem, command in found if waiver not in given]
    if missing:
        symbol = dataset.instrument.symbol
        names = [str(waiver) for waiver, _, _ in missing]
        commands = "; ".join(command.format(symbol=symbol) for _, _, command in missing)
        options = " ".join(f"--waive {name}" for name in names)
        raise DataError(
            f"{symbol}: {'; '.join(problem for _, problem, _ in missing)}",
            next_step=f"{commands}; or go without by name: {options}, "
            f"or in a world's policy waivers: [{', '.join(names)}]",
        )
    return tuple(waiver for waiver, _, _ in found)


def _bars_missing(dataset: Dataset) -> str:
    gaps = dataset.bars.gaps()
    if not gaps:
        return ""
    row, count = gaps[0]
    more = f", the first of {len(gaps)} gaps" if len(gaps) > 1 else ""
    before = format_instant(int(dataset.bars.opened_at[row]))
    return f"{count} bar{'s are' if count > 1 else ' is'} missing before {before}{more}"


def _funding_missing(dataset: Dataset) -> str:
    if dataset.funding is None or len(dataset.funding) == 0:
        return "the funding history is missing"
    events = dataset.funding.between(dataset.start, dataset.end)
    edges = np.concatenate(([dataset.start], events.occurred_at, [dataset.end]))
    gaps = np.diff(edges)
    worst = int(np.argmax(gaps))
    if gaps[worst] <= FUNDING_GAP_MS_MAX:
        return ""
    return (
        f"the funding history has no event for {format_duration(int(gaps[worst]))} "
        f"from {format_instant(int(edges[worst]))} to {format_instant(int(edges[worst + 1]))}"
    )


def _brackets_missing(dataset: Dataset) -> str:
    return "the leverage brackets are missing" if dataset.brackets is None else ""


def _brackets_undated(dataset: Dataset) -> str:
    if dataset.brackets is None or dataset.brackets.covers(dataset.start):
        return ""
    oldest = dataset.brackets.tables[0].as_of
    return f"the oldest leverage brackets are of {format_date(oldest)}, the run begins {format_date(dataset.start)}"


def _mark_missing(dataset: Dataset) -> str:
    if dataset.mark is None:
        return "the mark price is missing"
    if dataset.bars.interval_ms % dataset.mark.interval_ms != 0:
        return f"the mark price has {dataset.mark.interval} bars, which do not divide {dataset.bars.interval}"
    per_bar = dataset.bars.interval_ms // dataset.mark.interval_ms
    have = np.searchsorted(dataset.mark.opened_at, dataset.bars.opened_at + dataset.bars.interval_ms, side="left")
    have -= np.searchsorted(dataset.mark.opened_at, dataset.bars.opened_at, side="left")
    short = np.flatnonzero(have < per_bar)
    if len(short) == 0:
        return ""
    return f"the mark price has no bars for {format_instant(int(dataset.bars.opened_at[short[0]]))}"


def refuse_mismatch(dataset: Dataset, strategy: Strategy) -> None:
    """Raises StrategyError for a strategy that is made for other data."""
    name, symbol, interval = type(strategy).__name__, dataset.instrument.symbol, dataset.bars.interval
    if strategy.symbols and symbol not in strategy.symbols:
        raise StrategyError(
            f"{name} is made for {', '.join(strategy.symbols)}, the data are {symbol}",
            next_step=f"run it on {strategy.symbols[0]} data, or remove symbols from the class",
        )
    if strategy.interval not in ("", interval):
        raise StrategyError(
            f"{name} is made for {strategy.interval} bars, the data have {interval} bars",
            next_step=f"use {strategy.interval} data, or change interval in the class",
        )
    if isinstance(strategy, SignalStrategy) and len(strategy.signals) < len(dataset.bars):
        raise StrategyError(
            f"{name} has {len(strategy.signals)} signals, the data have {len(dataset.bars)} bars",
            next_step="give one signal for every bar of the run",
        )
