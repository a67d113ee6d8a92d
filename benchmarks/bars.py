"""Seeded one-minute bars: the same numbers on every machine and in every contender.

A geometric random walk of eight steps a bar through four regimes of drift and
volatility, weakly pulled back to its start, so that prices stay near 1000 and a
fixed size of 1 stays near one percent of the capital. Prices lie on a grid of
0.01, volumes on one of 0.001. The draws are made in a fixed order and in blocks
of a fixed size: changing either changes every figure ever published.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

INTERVAL_MS = 60_000
START_MS = 1_672_531_200_000  # 2023-01-01T00:00:00Z
CAPITAL = 100_000
FEE_RATE = 0.0004
FAST, SLOW = 20, 50

_PRICE_START = 1000.0
_DRIFT = np.array([0.0, 2.0e-5, -2.0e-5, 0.0])
_VOLATILITY = np.array([4e-4, 6e-4, 8e-4, 1.4e-3])
_REGIME_BARS_MEAN = 2000
_STEPS = 8
_PULL = 2e-7
_BLOCK = 100_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeededBars:
    """opened_at: int64, ms UTC. Prices float64, quote per base; volume float64, base units. All of one length."""

    opened_at: npt.NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def seeded_bars(rows: int, seed: int = 7) -> SeededBars:
    """``rows`` bars; the first ones of a longer series are not those of a shorter one."""
    dice = np.random.default_rng(seed)
    regimes = _regimes(dice, rows)
    columns = {name: np.empty(rows) for name in ("open", "high", "low", "close")}
    level = 0.0
    for start in range(0, rows, _BLOCK):
        block = slice(start, min(rows, start + _BLOCK))
        regime = regimes[block]
        moves = dice.standard_normal((len(regime), _STEPS)) * (_VOLATILITY[regime] / np.sqrt(_STEPS))[:, None]
        moves += (_DRIFT[regime] / _STEPS)[:, None]
        moves -= level * _PULL / _STEPS
        path = level + np.cumsum(moves.ravel()).reshape(moves.shape)
        level = path[-1, -1]
        prices = np.round(_PRICE_START * np.exp(path), 2)
        columns["open"][block] = prices[:, 0]
        columns["high"][block] = prices.max(axis=1)
        columns["low"][block] = prices.min(axis=1)
        columns["close"][block] = prices[:, -1]
    volume = np.round(dice.lognormal(3.0, 1.0, rows), 3) + 0.001
    opened_at = START_MS + INTERVAL_MS * np.arange(rows, dtype=np.int64)
    return SeededBars(opened_at=opened_at, volume=volume, **columns)


def _regimes(dice: np.random.Generator, rows: int) -> npt.NDArray[np.int8]:
    """The regime of each bar: stays of exponential length, each followed by one of the three others."""
    regimes = np.empty(rows, np.int8)
    row = regime = 0
    while row < rows:
        stay = int(dice.exponential(_REGIME_BARS_MEAN)) + 1
        regimes[row : row + stay] = regime
        row += stay
        regime = (regime + 1 + int(dice.integers(0, 3))) % 4
    return regimes
