"""A strategy that knows the future is found and named; one that does not is left in peace."""

from collections.abc import Callable

import numpy as np
import pytest

from qts.domain.errors import StrategyError
from qts.domain.instant import parse_instant
from qts.market.dataset import Dataset
from qts.research.leakage import Leak, LeakCheck, run_checked
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.synthetic import synthetic_market
from qts.strategy.catalogue import CATALOGUE
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy
from tests.research.leaking import (
    Brittle,
    Broken,
    FeaturePeeker,
    Fragile,
    Moody,
    Peeker,
    ProtectionPeeker,
    Rememberer,
    Trailer,
    WorksByTheFuture,
)


@pytest.fixture(scope="module")
def market() -> Dataset:
    return synthetic_market(seed=4, start=parse_instant("2022-01-01"), bars=1500)


def leak_of(market: Dataset, build: Callable[[], Strategy]) -> Leak | None:
    return run_checked(market, build, Terms()).leak


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


@pytest.mark.parametrize(("build", "said"), [(Fragile, "stop_loss is nan"), (Brittle, "LookupError: no data")])
def test_failing_only_without_the_future_is_a_leak(market: Dataset, build: type[Strategy], said: str) -> None:
    leak = leak_of(market, build)
    assert leak is not None
    assert said in leak.sentence()
    assert leak.decided_at == market.bars.closed_at(0)


def test_a_strategy_that_fails_either_way_failed_and_did_not_leak(market: Dataset) -> None:
    """Proves: P6-1"""
    with pytest.raises(StrategyError) as caught:
        run_checked(market, Broken, Terms())
    assert caught.value.cause == "Broken raised ValueError: a bug"
    assert caught.value.place.startswith("leaking.py:")
    assert "bar 30" in caught.value.place


def test_a_future_that_only_chooses_how_an_order_is_worked_is_a_leak(market: Dataset) -> None:
    """Proves: BX-4"""
    leak = leak_of(market, WorksByTheFuture)
    assert leak is not None
    assert "to work its orders in one way" in leak.sentence()
