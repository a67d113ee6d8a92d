"""Feature columns of one run, computed when first asked for and kept."""

import numpy as np

from qts.domain.errors import StrategyError, did_you_mean
from qts.market.bars import Bars, Floats
from qts.strategy.features.registry import FEATURES, Feature

_LENGTH_MAX = 100_000


class FeatureColumns:
    """The ``FeatureSource`` of a run. tick: the instrument's price step, quote per base."""

    def __init__(self, bars: Bars, tick: float) -> None:
        self._bars = bars
        self._tick = tick
        self._columns: dict[tuple[str, int], Floats] = {}

    def column(self, name: str, *parameters: float) -> Floats:
        feature, length = _feature(name, parameters)
        key = (name, length)
        if key not in self._columns:
            self._columns[key] = np.ascontiguousarray(self._compute(feature, length))
        return self._columns[key]

    def _compute(self, feature: Feature, length: int) -> Floats:
        if len(self._bars) < feature.warmup(length):
            return np.full(len(self._bars), np.nan)
        return feature.compute(self._bars, self._tick, length)

    def warmup(self, name: str, *parameters: float) -> int:
        feature, length = _feature(name, parameters)
        return feature.warmup(length)


def _feature(name: str, parameters: tuple[float, ...]) -> tuple[Feature, int]:
    if name not in FEATURES:
        raise StrategyError(
            f"there is no feature {name!r}.{did_you_mean(name, FEATURES)}",
            next_step=f"the features are: {', '.join(FEATURES)}",
        )
    if len(parameters) != 1 or parameters[0] != int(parameters[0]) or not 2 <= parameters[0] <= _LENGTH_MAX:
        raise StrategyError(f"{name} takes one length, a whole number from 2 to {_LENGTH_MAX}, not {parameters}")
    return FEATURES[name], int(parameters[0])
