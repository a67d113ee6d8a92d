"""The features that exist, each with its formula and warm-up.

Indicators come from TA-Lib. The simple mean does not: summed in whole ticks it
has no float noise, so a tie between two averages is a tie (every engine that
sums floats decides ties by rounding error, differently each).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from qts.market.bars import Bars, Floats


@dataclass(frozen=True, slots=True)
class Feature:
    """compute(bars, tick, length) -> float64 column, NaN until warm. warmup(length): bars for the first value."""

    compute: Callable[[Bars, float, int], Floats]
    warmup: Callable[[int], int]
    meaning: str


def _sma(bars: Bars, tick: float, length: int) -> Floats:
    totals = np.rint(bars.close / tick).astype(np.int64)
    np.cumsum(totals, out=totals)
    column = np.full(len(bars), np.nan)
    if len(bars) >= length:
        sums = totals[length - 1 :].copy()
        sums[1:] -= totals[: len(bars) - length]
        warm = column[length - 1 :]
        np.divide(sums, length, out=warm)
        warm *= tick
    return column


def _ema(bars: Bars, tick: float, length: int) -> Floats:  # noqa: ARG001
    import talib

    return np.asarray(talib.EMA(bars.close, length))


def _rsi(bars: Bars, tick: float, length: int) -> Floats:  # noqa: ARG001
    import talib

    return np.asarray(talib.RSI(bars.close, length))


def _atr(bars: Bars, tick: float, length: int) -> Floats:  # noqa: ARG001
    import talib

    return np.asarray(talib.ATR(bars.high, bars.low, bars.close, length))


def _highest(bars: Bars, tick: float, length: int) -> Floats:  # noqa: ARG001
    import talib

    return np.asarray(talib.MAX(bars.high, length))


def _lowest(bars: Bars, tick: float, length: int) -> Floats:  # noqa: ARG001
    import talib

    return np.asarray(talib.MIN(bars.low, length))


def _same(length: int) -> int:
    return length


def _one_more(length: int) -> int:
    return length + 1


FEATURES: Mapping[str, Feature] = {
    "sma": Feature(_sma, _same, "simple mean of closes, exact in ticks"),
    "ema": Feature(_ema, _same, "exponential mean of closes"),
    "rsi": Feature(_rsi, _one_more, "Wilder's relative strength index of closes"),
    "atr": Feature(_atr, _one_more, "Wilder's average true range"),
    "highest": Feature(_highest, _same, "highest high"),
    "lowest": Feature(_lowest, _same, "lowest low"),
}
