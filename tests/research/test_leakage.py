"""A strategy that knows the future is found and named; one that does not is left in peace."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest

from qts.domain.errors import StrategyError
from qts.domain.instant import parse_instant
from qts.market.bars import Floats
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.research.leakage import Leak, LeakCheck, run_checked
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.synthetic import synthetic_market
from qts.strategy.catalogue import CATALOGUE
from qts.strategy.intent import Answer, buy, close, protect
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy

AHEAD = 12


@pytest.fixture(scope="module")
def market() -> Dataset:
    return synthetic_market(seed=4, start=parse_instant("2022-01-01"), bars=1500)


def leak_of(market: Dataset, build: Callable[[], Strategy]) -> Leak | None:
    return run_checked(market, build, Terms()).leak


def whole(column: Floats) -> Floats:
    """The column a view was cut from, its future included."""
    while isinstance(column.base, np.ndarray):
        column = column.base
    return column


def follow(view: View, later: float) -> Answer:
    """Trades what is already known to come."""
    if view.is_flat and later > view.close:
        return buy(weight=1, reason="peeked")
    if view.is_long and later < view.close:
        return close(reason="peeked")
    return None


class Peeker(Strategy):
    """Follows an array back to the column it was cut from and reads the next close: a one-bar leak."""

    def on_bar(self, view: View) -> Answer:
        column = whole(view.closes(1))
        return follow(view, column[min(view.bar_number + 1, len(column) - 1)])


class FeaturePeeker(Strategy):
    """Reads a feature's column beyond the present."""

    first_row: int = 0

    def on_bar(self, view: View) -> Answer:
        if view.bar_number < self.first_row:
            return None
        column = view._features.column("sma", 2)
        return follow(view, column[min(view.bar_number + AHEAD, len(column) - 1)])


class ProtectionPeeker(Strategy):
    """Enters by the calendar, and looks ahead only to place stop or target."""

    wish: str

    def on_bar(self, view: View) -> Answer:
        row = view.bar_number
        if row % 20 == 0:
            return buy(quantity=0.001)
        coming = whole(view.closes(1))[row + 1 : row + AHEAD]
        if view.is_flat or not np.isfinite(coming).all() or len(coming) == 0:
            return None
        if self.wish == "target" and coming.max() > view.close * 1.004:
            return protect(take_profit=float(coming.max()))
        if self.wish == "stop" and coming.min() < view.close * 0.996:
            return protect(stop_loss=view.close * 0.999)
        return None


class Rememberer(Strategy):
    """Keeps the first column it ever sees beyond its own run; a copy of it, or the memory it lies in."""

    seen: ClassVar[dict[str, Floats]] = {}
    copies: bool

    def on_bar(self, view: View) -> Answer:
        column = whole(view.closes(1))
        kept = self.seen.setdefault("close", column.copy() if self.copies else column)
        return follow(view, kept[min(view.bar_number + AHEAD, len(kept) - 1)])


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
    leak = leak_of(market, Peeker)
    assert leak is not None
    assert leak.decided_at == full.orders[0].created_at
    assert "uses the future" in leak.sentence()
    assert f"to buy {full.orders[0].quantity.normalize():f}, but nothing" in leak.sentence()


@pytest.mark.parametrize("first_row", [0, 200])
def test_a_feature_read_ahead_is_a_leak(market: Dataset, first_row: int) -> None:
    """The blind columns of features end at the present too, whenever they are first asked for. Proves: BX-4"""
    assert run_backtest(market, FeaturePeeker(first_row=first_row), Terms()).orders
    assert leak_of(market, lambda: FeaturePeeker(first_row=first_row)) is not None


@pytest.mark.parametrize("wish", ["stop", "target"])
def test_a_protection_placed_with_the_future_is_a_leak(market: Dataset, wish: str) -> None:
    """Proves: BX-4"""
    full = run_backtest(market, ProtectionPeeker(wish=wish), Terms())
    leak = leak_of(market, lambda: ProtectionPeeker(wish=wish))
    assert leak is not None
    assert leak.decided_at == full.protections[0].occurred_at
    assert f"decided to protect with {wish} " in leak.sentence()
    assert "but nothing when later bars were hidden" in leak.sentence()


def test_what_a_full_run_leaves_behind_is_not_there_for_the_blind_one(market: Dataset) -> None:
    """Proves: BX-4"""
    for copies in (True, False):
        Rememberer.seen.clear()
        assert run_backtest(market, Rememberer(copies=copies), Terms()).orders, "it knows the future when left alone"
        Rememberer.seen.clear()
        checked = run_checked(market, lambda copies=copies: Rememberer(copies=copies), Terms())
        assert checked.leak is not None or not checked.result.orders


def test_a_strategy_that_cannot_repeat_itself_is_named_too(market: Dataset) -> None:
    assert leak_of(market, Moody) is not None


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_the_catalogue_does_not_leak(market: Dataset, name: str) -> None:
    """Proves: BX-4"""
    checked = run_checked(market, CATALOGUE[name], Terms())
    assert checked.result.orders, "a strategy that never decides proves nothing"
    assert checked.leak is None
    assert checked.check is LeakCheck.PASSED
    assert checked.check.sentence.startswith("no leak")
    assert checked.result.digest == run_backtest(market, CATALOGUE[name](), Terms()).digest


class Trailer(Strategy):
    """Honest: features, and a stop that follows the close."""

    def on_bar(self, view: View) -> Answer:
        if view.is_flat:
            return buy(weight=0.5) if view.close > view.feature("sma", 20) else None
        return protect(stop_loss=view.feature("sma", 20) * 0.97)


def test_honest_protection_is_no_leak(market: Dataset) -> None:
    checked = run_checked(market, Trailer, Terms())
    assert len(checked.result.protections) > 100
    assert checked.leak is None


def test_signals_cannot_be_checked_and_nobody_says_they_were(market: Dataset) -> None:
    """Signals made with the future in hand look the same to a blind run. Proves: BX-4"""
    ahead = np.sign(np.diff(market.bars.close, append=market.bars.close[-1])).astype(int)
    checked = run_checked(market, lambda: SignalStrategy(signals=ahead), Terms())
    assert checked.leak is None
    assert checked.check is LeakCheck.NOT_POSSIBLE
    assert "cannot be checked for leaks" in checked.check.sentence


class Fragile(Strategy):
    """Needs the future to answer at all."""

    def on_bar(self, view: View) -> Answer:
        column = whole(view.closes(1))
        following = column[min(view.bar_number + 1, len(column) - 1)]
        return buy(weight=1, stop_loss=following * 0.9) if view.is_flat else None


class Brittle(Strategy):
    """The same, with an error of its own."""

    def on_bar(self, view: View) -> Answer:
        column = whole(view.closes(1))
        if np.isnan(column[min(view.bar_number + 1, len(column) - 1)]):
            raise LookupError("no data")
        return None


@pytest.mark.parametrize(("build", "said"), [(Fragile, "stop_loss is nan"), (Brittle, "LookupError: no data")])
def test_failing_only_without_the_future_is_a_leak(market: Dataset, build: type[Strategy], said: str) -> None:
    leak = leak_of(market, build)
    assert leak is not None
    assert said in leak.sentence()
    assert leak.decided_at == market.bars.closed_at(0)


class Broken(Strategy):
    def on_bar(self, view: View) -> Answer:
        if view.bar_number == 30:
            raise ValueError("a bug")
        return None


def test_a_strategy_that_fails_either_way_failed_and_did_not_leak(market: Dataset) -> None:
    """Proves: P6-1"""
    with pytest.raises(StrategyError) as caught:
        run_checked(market, Broken, Terms())
    assert caught.value.cause == "Broken raised ValueError: a bug"
    assert caught.value.place.startswith("test_leakage.py:")
    assert "bar 30" in caught.value.place


class WorksByTheFuture(Strategy):
    """Buys the same at the same time, and chooses by the next close how the order is worked."""

    def on_bar(self, view: View) -> Answer:
        if view.bar_number != 5:
            return None
        column = whole(view.closes(1))
        knows = bool(np.isfinite(column[6]))
        return buy(quantity=1, over_bars=3, algorithm="twap") if knows else buy(quantity=1)


def test_a_future_that_only_chooses_how_an_order_is_worked_is_a_leak(market: Dataset) -> None:
    """Proves: BX-4"""
    leak = leak_of(market, WorksByTheFuture)
    assert leak is not None
    assert "to work its orders in one way" in leak.sentence()
