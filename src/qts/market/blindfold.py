"""What a view is made of: history as it is, or history whose later rows are not there.

A view reads columns in place, and whoever follows an array back to the memory it
lies in finds the whole column there. Under a blindfold the columns, bars and
features alike, lie in memory of their own: rows after the present hold NaN, and
each is written when it is shown. When bars open is no secret.
"""

from dataclasses import replace
from typing import Any, Protocol, cast

import numpy as np

from qts.market.bars import PRICE_COLUMNS, Bars, Floats
from qts.market.ports import FeatureSource

_HIDDEN = (*PRICE_COLUMNS, "volume")


class Sight(Protocol):
    """Columns for views, and the word that a row is known by now."""

    @property
    def bars(self) -> Bars: ...

    @property
    def features(self) -> FeatureSource: ...

    def show(self, row: int) -> None:
        """The present is ``row``, which is not before the row shown last."""


class WholeHistory:
    """Everything is there from the beginning."""

    def __init__(self, bars: Bars, features: FeatureSource) -> None:
        self.bars = bars
        self.features = features

    def show(self, row: int) -> None:
        """Nothing is hidden."""


class Blindfold:
    """Of ``bars`` and ``features`` only what was shown is there."""

    def __init__(self, bars: Bars, features: FeatureSource) -> None:
        columns = {name: getattr(bars, name).copy() for name in _HIDDEN}
        self.bars = replace(bars, **columns)
        for column in columns.values():
            column[:] = np.nan
        self.features = _BlindFeatures(features)
        self._memory = [_memory(getattr(bars, name), column) for name, column in columns.items()]
        self._shown = 0

    def show(self, row: int) -> None:
        end = row + 1
        for whole, blind in self._memory:
            blind[self._shown : end] = whole[self._shown : end]
        self.features.show(end)
        self._shown = end


class _BlindFeatures:
    """The ``FeatureSource`` of a blindfold: columns in memory of their own, NaN from the row ``shown`` on."""

    def __init__(self, source: FeatureSource) -> None:
        self._source = source
        self._columns: dict[tuple[str, tuple[float, ...]], Floats] = {}
        self._memory: list[tuple[memoryview, ...]] = []
        self._shown = 0

    def column(self, name: str, *parameters: float) -> Floats:
        key = (name, parameters)
        if key not in self._columns:
            whole = np.ascontiguousarray(self._source.column(name, *parameters))
            blind = self._columns[key] = np.full(len(whole), np.nan)
            blind[: self._shown] = whole[: self._shown]
            self._memory.append(_memory(whole, blind))
        return self._columns[key]

    def warmup(self, name: str, *parameters: float) -> int:
        return self._source.warmup(name, *parameters)

    def show(self, end: int) -> None:
        """Write every column up to the row before ``end``."""
        for whole, blind in self._memory:
            blind[self._shown : end] = whole[self._shown : end]
        self._shown = end


def _memory(*columns: Floats) -> tuple[memoryview, ...]:
    """A slice of a row or two is copied faster between memoryviews than between arrays."""
    return tuple(memoryview(cast("Any", column)) for column in columns)
