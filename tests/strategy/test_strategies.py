"""The protocol: fields are parameters, words are checked where they are said, the catalogue does what it claims."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from qts.domain.errors import StrategyError
from qts.market.view import View
from qts.simulation.backtest import Terms, run_backtest
from qts.strategy.catalogue import CATALOGUE
from qts.strategy.intent import Answer
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, Knobs, market


class Tuned(Strategy):
    length: int
    level: float = 2.0
    name: str = "x"
    fast: bool = False
    size: Decimal = Decimal(1)
    odd: tuple[int, ...] = ()

    def on_bar(self, view: View) -> Answer:
        return None


def test_fields_are_parameters() -> None:
    """Proves: P6-1"""
    assert Tuned(length=3).parameters() == {
        "length": 3,
        "level": 2.0,
        "name": "x",
        "fast": False,
        "size": Decimal(1),
        "odd": (),
    }


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"length": "7"}, {"length": 7}),
        ({"length": 7, "level": 3}, {"level": 3.0}),
        ({"length": 7, "level": "0.5"}, {"level": 0.5}),
        ({"length": 7, "fast": "Yes"}, {"fast": True}),
        ({"length": 7, "fast": "0"}, {"fast": False}),
        ({"length": 7, "fast": True}, {"fast": True}),
        ({"length": 7, "size": "0.25"}, {"size": Decimal("0.25")}),
        ({"length": 7, "name": "7"}, {"name": "7"}),
        ({"length": 7, "odd": (1, 2)}, {"odd": (1, 2)}),
    ],
)
def test_text_is_read_as_the_declared_kind(given: dict[str, Any], read: dict[str, Any]) -> None:
    """Proves: P6-1"""
    made = Tuned.with_parameters(given)
    for name, value in read.items():
        assert getattr(made, name) == value
        assert type(getattr(made, name)) is type(value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lenght": 3}, "Tuned has no parameter 'lenght'. Did you mean 'length'?"),
        ({}, "Tuned needs a value for its parameter 'length'"),
        ({"length": "three"}, "parameter length must be int, not 'three'"),
        ({"length": "3.5"}, "parameter length must be int"),
        ({"length": 3.5}, "parameter length must be int"),
        ({"length": True}, "parameter length must be int"),
        ({"length": 3, "level": "nan"}, "parameter level must be float"),
        ({"length": 3, "level": float("inf")}, "parameter level must be float"),
        ({"length": 3, "size": "NaN"}, "parameter size must be Decimal"),
        ({"length": 3, "size": "many"}, "parameter size must be Decimal"),
        ({"length": 3, "fast": "perhaps"}, "parameter fast must be bool"),
        ({"length": 3, "name": 5}, "parameter name must be str"),
    ],
)
def test_wrong_parameters_are_named(given: dict[str, Any], said: str) -> None:
    """Proves: P6-1"""
    with pytest.raises(StrategyError) as caught:
        Tuned.with_parameters(given)
    assert said in caught.value.cause
    assert caught.value.next_step


def test_a_strategy_without_on_bar_says_so() -> None:
    class Mute(Strategy):
        pass

    with pytest.raises(StrategyError, match="Mute has no on_bar"):
        Mute().on_bar(None)  # type: ignore[arg-type]


MARKET = market(
    Knobs(
        seed=8,
        rows=900,
        tick="0.01",
        wildness=0.01,
        gaps=False,
        silent_bars=False,
        funding=True,
        mark="same",
        brackets="one",
    )
)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_the_catalogue_trades_and_sizes_by_its_stop(name: str) -> None:
    """Each trades in 900 wild bars, with a stop at the venue for every entry sized by one. Proves: P6-1, QL-13"""
    result = run_backtest(MARKET, CATALOGUE[name](), Terms(waivers=ALL_WAIVERS))
    assert result.fills
    entries = [order for order in result.orders if order.effect == "increase"]
    if name == "BuyAndHold":
        assert [order.side for order in result.orders] == ["buy"]
        return
    assert {str(order.side) for order in entries} == {"buy", "sell"}
    sized_by_stop = name != "CoinFlip"  # the coin has none: its distance would be the market's word
    assert all((order.stop_loss is not None) is sized_by_stop for order in entries)


def test_a_run_of_the_same_instance_twice_is_the_same_run() -> None:
    """State is reset in on_start. Proves: P6-1"""
    for kind in CATALOGUE.values():
        strategy = kind()
        first = run_backtest(MARKET, strategy, Terms(waivers=ALL_WAIVERS))
        assert run_backtest(MARKET, strategy, Terms(waivers=ALL_WAIVERS)).digest == first.digest


def test_signals_hold_the_side_they_name() -> None:
    signals = np.repeat([0, 1, -1, -1, 0, 1], 150)
    strategy = SignalStrategy(signals=signals, weight=0.5)
    result = run_backtest(replace(MARKET, brackets=None), strategy, Terms(waivers=ALL_WAIVERS))
    held = np.sign(result.position)
    assert held[200] == held[260] == 1
    assert held[400] == held[550] == -1
    assert held[700] == 0
    assert held[880] == 1
    assert len(result.closed_trades) == 2
    assert strategy.parameters()["signals"] == "900 bars; 150:1 300:-1 600:0 750:1"


def test_signals_may_be_sized_by_their_stop() -> None:
    """weight 0: by the two-percent rule. Proves: QL-13"""
    signals = np.repeat([0, 1, -1], 300)
    result = run_backtest(
        MARKET,
        SignalStrategy(signals=signals, weight=0.0, stop_fraction=0.05, target_fraction=0.1),
        Terms(waivers=ALL_WAIVERS),
    )
    entry = next(order for order in result.orders if order.effect == "increase")
    close = MARKET.bars.close[300]
    assert float(entry.stop_loss or 0) == pytest.approx(close * 0.95, abs=0.01)
    assert float(entry.take_profit or 0) == pytest.approx(close * 1.1, abs=0.01)
    assert float(entry.quantity) * close * (0.05 + 2 * 0.0006) == pytest.approx(2_000, rel=0.01)
