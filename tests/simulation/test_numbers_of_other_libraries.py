"""A strategy may reckon with numbers of any library: what it says comes to the same, however the engine was built.

Proves: P6-1
"""

import pickle

import numpy as np
import pytest

from qts.domain.errors import StrategyError
from qts.simulation.backtest import run_backtest
from qts.strategy.features import sma
from qts.strategy.intent import buy, close
from qts.strategy.strategy import Strategy
from tests.simulation.test_bad_input import COMPLETE, TERMS


class Plain(Strategy):
    def number(self, value):
        return value

    def whole(self, value):
        return value

    def on_bar(self, view):
        view.closes(self.whole(5))
        average = sma(view, 3, ago=self.whole(1))
        if view.is_flat and self.number(view.close) > average:
            return buy(weight=self.number(0.5))
        return close() if view.close < average else None


class OfNumpy(Plain):
    warmup = np.int64(4)

    def number(self, value):
        return np.float64(value)

    def whole(self, value):
        return np.int64(value)


class OfFloat32(OfNumpy):
    def number(self, value):
        return np.float32(value)


class Warm(Plain):
    warmup = 4


@pytest.mark.parametrize("kind", [OfNumpy, OfFloat32])
def test_a_number_of_numpy_is_a_number(kind):
    told, plain = run_backtest(COMPLETE, kind(), TERMS), run_backtest(COMPLETE, Warm(), TERMS)
    assert told.fills, "there is something to compare"
    assert told.fills == plain.fills


def test_a_symbol_that_is_no_text_is_the_strategys_fault():
    with pytest.raises(StrategyError, match="symbol must be text, not 5"):
        buy(5, weight=0.5)


def test_the_cause_of_a_failure_stays_with_it():
    class Fails(Strategy):
        def on_bar(self, view):
            raise LookupError("no data")

    with pytest.raises(StrategyError) as found:
        run_backtest(COMPLETE, Fails(), TERMS)
    assert isinstance(found.value.__cause__, LookupError)


def test_terms_go_to_another_process_and_back():
    assert pickle.loads(pickle.dumps(TERMS)) == TERMS  # noqa: S301 - our own
