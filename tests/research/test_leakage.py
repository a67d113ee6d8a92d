"""A strategy that knows the future is found and named; one that does not is left in peace."""

from typing import ClassVar

import numpy as np
import pytest

from qts.domain.instant import parse_instant
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.research.leakage import find_leak
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.synthetic import synthetic_market
from qts.strategy.catalogue import CATALOGUE
from qts.strategy.intent import Answer, buy, close
from qts.strategy.strategy import Strategy


@pytest.fixture(scope="module")
def market() -> Dataset:
    return synthetic_market(seed=4, start=parse_instant("2022-01-01"), bars=1500)


class Peeker(Strategy):
    """Follows an array back to the column it was cut from and reads the next close: a one-bar leak."""

    def on_bar(self, view: View) -> Answer:
        column = view.closes(1)
        while isinstance(column.base, np.ndarray):
            column = column.base
        following = column[min(view.bar_number + 1, len(column) - 1)]
        if view.is_flat and following > view.close:
            return buy(weight=1, reason="peeked")
        if view.is_long and following < view.close:
            return close(reason="peeked")
        return None


class Moody(Strategy):
    """Remembers, in its class, how often it was started: the same data do not give the same decisions."""

    starts: ClassVar[list[int]] = []

    def on_start(self) -> None:
        self.starts.append(1)

    def on_bar(self, view: View) -> Answer:
        return buy(weight=0.1) if view.bar_number == 10 + len(self.starts) else None


def test_a_one_bar_leak_is_named_with_its_bar(market: Dataset) -> None:
    """Proves: BX-4"""
    full = run_backtest(market, Peeker(), Terms())
    leak = find_leak(market, Peeker, Terms(), full)
    assert leak is not None
    assert leak.decided_at == full.orders[0].created_at
    assert "uses the future" in leak.sentence()
    assert f"to buy {full.orders[0].quantity.normalize():f}" in leak.sentence()


def test_a_strategy_that_cannot_repeat_itself_is_named_too(market: Dataset) -> None:
    full = run_backtest(market, Moody(), Terms())
    assert find_leak(market, Moody, Terms(), full) is not None


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_the_catalogue_does_not_leak(market: Dataset, name: str) -> None:
    """Proves: BX-4"""
    kind = CATALOGUE[name]
    full = run_backtest(market, kind(), Terms())
    assert full.orders, "a strategy that never decides proves nothing"
    assert find_leak(market, kind, Terms(), full) is None


def test_failing_only_without_the_future_is_a_leak(market: Dataset) -> None:
    class Fragile(Peeker):
        def on_bar(self, view: View) -> Answer:
            column = view.closes(1)
            while isinstance(column.base, np.ndarray):
                column = column.base
            following = column[min(view.bar_number + 1, len(column) - 1)]
            return buy(weight=1, stop_loss=following * 0.9) if view.is_flat else None

    leak = find_leak(market, Fragile, Terms(), run_backtest(market, Fragile(), Terms()))
    assert leak is not None
    assert "stop_loss is nan" in leak.sentence()
