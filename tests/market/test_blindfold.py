"""Under a blindfold a row is there from when it is shown, in bars and features alike, and never before."""

import numpy as np
import pytest

from qts.domain.instant import parse_instant
from qts.market.blindfold import Blindfold, WholeHistory
from qts.market.dataset import Dataset
from qts.simulation.synthetic import synthetic_market
from qts.strategy.features.columns import FeatureColumns

COLUMNS = ("open", "high", "low", "close", "volume")
ROWS = 60


@pytest.fixture(scope="module")
def market() -> Dataset:
    return synthetic_market(seed=9, start=parse_instant("2022-01-01"), bars=ROWS)


def features(market: Dataset) -> FeatureColumns:
    return FeatureColumns(market.bars, float(market.instrument.tick))


def test_what_was_not_shown_is_not_in_memory(market: Dataset) -> None:
    """Rows are shown singly and several at once; features are asked for at any time. Proves: BX-4"""
    blindfold = Blindfold(market.bars, features(market))
    asked = {("sma", 2): blindfold.features.column("sma", 2)}
    for row in (0, 1, 2, 7, 8, 30):
        blindfold.show(row)
        asked["sma", row + 3] = blindfold.features.column("sma", row + 3)
        for name in COLUMNS:
            column = getattr(blindfold.bars, name)
            np.testing.assert_array_equal(column[: row + 1], getattr(market.bars, name)[: row + 1])
            assert np.isnan(column.base[row + 1 :]).all()
        for (name, length), column in asked.items():
            whole = features(market).column(name, length)
            np.testing.assert_array_equal(column[: row + 1], whole[: row + 1])
            assert np.isnan(column[row + 1 :]).all()
            assert column is blindfold.features.column(name, length)
    blindfold.show(ROWS - 1)
    np.testing.assert_array_equal(blindfold.bars.close, market.bars.close)
    assert blindfold.features.warmup("sma", 5) == features(market).warmup("sma", 5)


def test_with_the_whole_history_everything_is_there_whatever_is_shown(market: Dataset) -> None:
    whole = WholeHistory(market.bars, features(market))
    whole.show(3)
    assert whole.bars is market.bars
    assert np.isfinite(whole.features.column("sma", 2)[1:]).all()
