"""The registry: ids of a grammar, one instance per symbol, an order of its own, and standings that change by name."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import StrategyError
from qts.market.view import View
from qts.strategy.intent import Answer
from qts.strategy.registry import STRATEGIES_MAX, Standing, StrategyRegistry
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy
from tests.generators import Silent


class ForBitcoin(Strategy):
    symbols = ("BTCUSDT",)

    def on_bar(self, view: View) -> Answer:
        return None


class Hasty(Strategy):
    warmup = -1

    def on_bar(self, view: View) -> Answer:
        return None


def keys(registry: StrategyRegistry) -> list[tuple[str, str]]:
    return [seat.key for seat in registry.seats]


def test_each_symbol_gets_an_instance_of_its_own() -> None:
    """Proves: P6-2"""
    registry = StrategyRegistry()
    registry.register("a", Silent, ["ETHUSDT", "BTCUSDT"])
    first, second = registry.seats
    assert (first.key, second.key) == (("a", "BTCUSDT"), ("a", "ETHUSDT"))
    assert first.strategy is not second.strategy
    assert registry.symbols("a") == ("BTCUSDT", "ETHUSDT")


@given(st.permutations(["b", "a", "a-1", "z9", "a1"]))
def test_the_order_of_registration_changes_nothing(order: list[str]) -> None:
    """Proves: P6-2"""
    registry = StrategyRegistry()
    for strategy_id in order:
        registry.register(strategy_id, Silent, ["Y", "X"])
    assert registry.ids == ("a", "a-1", "a1", "b", "z9")
    assert keys(registry) == sorted(itertools.product(order, ["X", "Y"]))


@pytest.mark.parametrize("strategy_id", ["", "-a", "A", "a b", "a_b", "ä", "a/b", "x" * 25, "a\n", None, 7])
def test_ids_have_a_grammar(strategy_id: Any) -> None:
    """Proves: P6-2"""
    registry = StrategyRegistry()
    with pytest.raises(StrategyError, match="a strategy id is 1 to 24 of"):
        registry.register(strategy_id, Silent, ["X"])
    registry.register("x" * 24, Silent, ["X"])
    assert registry.ids == ("x" * 24,)


@pytest.mark.parametrize("symbols", [[], ["X", "X"], [""], ["a b"], [7], ["X" * 33], ["../x"]])
def test_symbols_are_names_and_different(symbols: list[Any]) -> None:
    registry = StrategyRegistry()
    with pytest.raises(StrategyError, match="a: symbols must be"):
        registry.register("a", Silent, symbols)
    assert registry.ids == ()


def test_an_id_is_taken_once() -> None:
    """Proves: P6-2"""
    registry = StrategyRegistry()
    registry.register("a", Silent, ["X"])
    with pytest.raises(StrategyError, match="there is a strategy 'a' already"):
        registry.register("a", ForBitcoin, ["BTCUSDT"])
    assert keys(registry) == [("a", "X")]
    registry.unregister("a")
    registry.register("a", ForBitcoin, ["BTCUSDT"])
    assert keys(registry) == [("a", "BTCUSDT")]


def refusing() -> Strategy:
    raise ValueError("no file")


def leaving() -> Strategy:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (refusing, r"a: making it raised ValueError: no file"),
        (leaving, "a: making it raised SystemExit: 3"),
        (lambda: 7, "a: make gave a int, not a Strategy"),
        (lambda: Silent, "make gave a type, not a Strategy"),
        (lambda one=Silent(): one, "handed out one instance of Silent twice"),  # noqa: B008
        (
            lambda many=[0, 1, 0]: SignalStrategy(signals=many),
            "two instances of SignalStrategy hold one list in signals",
        ),
        (ForBitcoin, "ForBitcoin is made for BTCUSDT, not for X"),
        (Hasty, "warmup must be a whole number of bars"),
    ],
)
def test_what_is_no_new_strategy_is_refused(make: Callable[[], Any], said: str) -> None:
    """Proves: P6-2"""
    registry = StrategyRegistry()
    with pytest.raises(StrategyError, match=said):
        registry.register("a", make, ["X"])
    assert registry.ids == ()
    assert registry.version == 0


def test_an_error_of_make_names_its_line() -> None:
    with pytest.raises(StrategyError) as caught:
        StrategyRegistry().register("a", refusing, ["X"])
    assert caught.value.place.startswith("test_registry.py:")
    assert caught.value.next_step


COUNTED: list[int] = []


class Counting(Strategy):
    def on_bar(self, view: View) -> Answer:
        COUNTED.append(1)
        return None


def test_shared_state_is_refused_at_registration() -> None:
    """Proves: P6-3"""
    registry = StrategyRegistry()
    with pytest.raises(StrategyError, match=r"Counting shares state .*COUNTED") as caught:
        registry.register("a", Counting, ["X"])
    assert caught.value.place.startswith("test_registry.py:")
    assert registry.ids == ()


def test_standings_change_by_name_at_run_time() -> None:
    """Proves: P6-2"""
    registry = StrategyRegistry()
    for strategy_id in ("a", "b"):
        registry.register(strategy_id, Silent, ["X"])
    before = registry.seats[0].strategy
    registry.disable("a")
    assert registry.standing("a") is Standing.DISABLED
    assert keys(registry) == [("b", "X")]
    registry.enable("a")
    assert keys(registry) == [("a", "X"), ("b", "X")]
    assert registry.seats[0].strategy is not before, "what it remembered missed bars"
    registry.halt("a", "it raised")
    registry.halt("a", "later")
    registry.disable("a")
    assert (registry.standing("a"), registry.why_halted("a")) == (Standing.HALTED, "it raised")
    assert keys(registry) == [("b", "X")]
    registry.enable("a")
    assert (registry.standing("a"), registry.why_halted("a")) == (Standing.ENABLED, "")


def test_enabling_what_is_enabled_changes_nothing() -> None:
    registry = StrategyRegistry()
    registry.register("a", Silent, ["X"])
    before, version = registry.seats[0].strategy, registry.version
    registry.enable("a")
    assert registry.seats[0].strategy is before
    assert registry.version == version


@pytest.mark.parametrize("verb", ["unregister", "enable", "disable", "standing", "symbols", "why_halted"])
def test_unknown_ids_are_named(verb: str) -> None:
    registry = StrategyRegistry()
    registry.register("trend", Silent, ["X"])
    with pytest.raises(StrategyError, match=r"there is no strategy 'trent'. Did you mean 'trend'\?"):
        getattr(registry, verb)("trent")
    with pytest.raises(StrategyError, match="there is no strategy 'trent'"):
        registry.halt("trent", "x")


def test_there_is_a_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qts.strategy.registry.STRATEGIES_MAX", 2)
    registry = StrategyRegistry()
    registry.register("a", Silent, ["X"])
    registry.register("b", Silent, ["X"])
    with pytest.raises(StrategyError, match="there are 2 strategies already"):
        registry.register("c", Silent, ["X"])
    assert STRATEGIES_MAX == 1000
