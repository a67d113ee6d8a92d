"""A made-up perpetual future, for demonstrations, drills and tests. Nothing about it is real, and every page says so.

Assumes: log price moves in regimes (rising, falling, ranging, turbulent), each
with its own drift and volatility for a random number of bars; a ranging regime
pulls back to its level; within a bar the price walks in eight steps. Funding
follows the recent trend; mark price trails last price within a few basis points.
Ignores: order flow, jumps, other markets, everything that makes real markets hard.
The same seed gives the same market in every process.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from qts.domain.instant import DAY_MS, HOUR_MS, Instant
from qts.domain.instrument import Instrument
from qts.market.bars import Bars, Floats, Instants
from qts.market.brackets import Bracket, BracketHistory, BracketTable
from qts.market.dataset import Dataset
from qts.market.funding import Funding

_STEPS = 8
_FUNDING_MS = 8 * HOUR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """drift, volatility: of log price per bar. pull: share of the way back to the regime's first price, each bar."""

    name: str
    drift: float
    volatility: float
    pull: float
    bars_mean: int


REGIMES = (
    Regime(name="rising", drift=0.0009, volatility=0.0085, pull=0.0, bars_mean=220),
    Regime(name="ranging", drift=0.0, volatility=0.007, pull=0.02, bars_mean=90),
    Regime(name="falling", drift=-0.0009, volatility=0.0095, pull=0.0, bars_mean=200),
    Regime(name="turbulent", drift=0.0, volatility=0.014, pull=0.01, bars_mean=50),
)

SYNTHETIC_INSTRUMENT = Instrument(
    symbol="SYNUSDT",
    base="SYN",
    quote="USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.001"),
    notional_min=Decimal(5),
)


def synthetic_market(*, seed: int, start: Instant, bars: int, interval_ms: int = 4 * HOUR_MS) -> Dataset:
    """A data set with bars, mark price, funding and brackets. bars: 1 or more; start: on the interval's grid."""
    dice = np.random.default_rng(seed)
    path = _log_path(dice, bars)
    opened_at = start + interval_ms * np.arange(bars, dtype=np.int64)
    tick = float(SYNTHETIC_INSTRUMENT.tick)
    prices = np.maximum(np.round(20_000.0 * np.exp(path) / tick), 1.0) * tick
    prices = np.round(prices, 1)
    last = _bars(opened_at, interval_ms, prices, dice)
    basis = np.repeat(_slow_noise(dice, bars, 2e-4), _STEPS).reshape(bars, _STEPS)
    mark = _bars(opened_at, interval_ms, np.round(prices * (1.0 + basis), 1), dice)
    return Dataset(
        instrument=SYNTHETIC_INSTRUMENT,
        bars=last,
        funding=_funding(dice, last),
        brackets=_brackets(start),
        mark=mark,
        synthetic=True,
        source=f"synthetic market, seed {seed}",
    )


def _log_path(dice: np.random.Generator, bars: int) -> Floats:
    """Log price relative to the start, shape (bars, steps)."""
    path = np.empty((bars, _STEPS))
    level, bar, kind = 0.0, 0, 0
    while bar < bars:
        regime = REGIMES[kind]
        length = min(bars - bar, 20 + int(dice.exponential(regime.bars_mean)))
        shocks = dice.standard_t(5, size=(length, _STEPS)) * np.sqrt(3 / 5)
        home = level
        for row in range(length):
            drift = (regime.drift - regime.pull * (level - home)) / _STEPS
            moves = drift + shocks[row] * regime.volatility / np.sqrt(_STEPS)
            path[bar + row] = level + np.cumsum(moves)
            level = path[bar + row, -1]
        bar += length
        kind = (kind + 1 + int(dice.integers(0, len(REGIMES) - 1))) % len(REGIMES)
    return path


def _slow_noise(dice: np.random.Generator, count: int, size: float) -> Floats:
    shocks = dice.standard_normal(count) * size
    kernel = np.full(12, 1 / 12)
    return np.convolve(shocks, kernel, mode="same")


def _bars(opened_at: Instants, interval_ms: int, steps: Floats, dice: np.random.Generator) -> Bars:
    opens = np.concatenate((steps[:1, 0], steps[:-1, -1]))
    size = np.abs(np.log(steps[:, -1] / opens))
    volume = np.round(dice.lognormal(6.0, 0.5, len(steps)) * (1.0 + 40.0 * size), 3)
    return Bars(
        symbol=SYNTHETIC_INSTRUMENT.symbol,
        interval_ms=interval_ms,
        opened_at=opened_at,
        open=opens,
        high=np.maximum(steps.max(axis=1), opens),
        low=np.minimum(steps.min(axis=1), opens),
        close=steps[:, -1],
        volume=volume,
    )


def _funding(dice: np.random.Generator, bars: Bars) -> Funding:
    """An event every eight hours; its rate follows the return of the two days before it."""
    rows = np.flatnonzero(bars.opened_at % _FUNDING_MS == 0)
    back = max(1, 2 * DAY_MS // bars.interval_ms)
    before = bars.open[np.maximum(rows - back, 0)]
    trend = np.log(bars.open[rows] / before)
    drawn: Floats = 0.0001 + 0.004 * trend + dice.standard_normal(len(rows)) * 5e-5
    return Funding(
        symbol=bars.symbol,
        occurred_at=bars.opened_at[rows],
        rate=np.asarray(np.round(np.clip(drawn, -0.003, 0.003), 6)),
    )


def _brackets(as_of: Instant) -> BracketHistory:
    rows = ((0, "0.004", 125), (50_000, "0.005", 100), (600_000, "0.01", 50), (10_000_000, "0.025", 20))
    caps = [*(row[0] for row in rows[1:]), 1_000_000_000]
    brackets: list[Bracket] = []
    for (floor, rate, leverage), cap in zip(rows, caps, strict=True):
        before = brackets[-1] if brackets else None
        step = Decimal(0) if before is None else before.deduction + floor * (Decimal(rate) - before.maintenance_rate)
        brackets.append(
            Bracket(
                notional_floor=Decimal(floor),
                notional_cap=Decimal(cap),
                maintenance_rate=Decimal(rate),
                deduction=step,
                leverage_max=leverage,
            )
        )
    table = BracketTable(symbol=SYNTHETIC_INSTRUMENT.symbol, as_of=as_of, brackets=tuple(brackets))
    return BracketHistory((table,))
