"""State between strategies is found by looking, with the place and the way out; constants and instances pass."""

import re
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

from qts.adapters.strategy_files import load_strategy
from qts.domain.errors import StrategyError
from qts.market.view import View
from qts.strategy.catalogue import CATALOGUE
from qts.strategy.intent import Answer
from qts.strategy.shared_state import refuse_shared_code, refuse_shared_objects
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy
from tests.generators import Improviser, Late, Listener, Silent
from tests.strategy.harmless_files import FINE
from tests.strategy.shared_state_files import SHARED

HEADER = "from qts import Strategy\nfrom types import MappingProxyType\nfrom dataclasses import dataclass, field\n"


def refusal_of(tmp_path: Path, text: str) -> StrategyError:
    """What is said of a strategy file with this text; the class in question is S."""
    path = tmp_path / "mine.py"
    path.write_text(HEADER + dedent(text).lstrip("\n"))
    with pytest.raises(StrategyError) as caught:
        refuse_shared_code(load_strategy(f"{path}:S").kind)
    return caught.value


def passes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(HEADER + dedent(text).lstrip("\n"))
    refuse_shared_code(load_strategy(f"{path}:S").kind)


@pytest.mark.parametrize("what", SHARED)
def test_shared_state_is_found_with_its_line(tmp_path: Path, what: str) -> None:
    """Proves: P6-3"""
    text, said, line = SHARED[what]
    error = refusal_of(tmp_path, text)
    assert said in error.cause
    assert error.next_step
    assert error.place == (f"mine.py:{line}" if line else error.place)
    assert error.place


@pytest.mark.parametrize("what", FINE)
def test_constants_pass(tmp_path: Path, what: str) -> None:
    passes(tmp_path, FINE[what])


def test_state_in_a_file_beside_the_strategy_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "beside_mux.py").write_text("SEEN = []\ndef keep(x):\n    SEEN.append(x)\n")
    use = "class S(Strategy):\n    def on_bar(self, view):\n        {}\n"
    assert "SEEN" in refusal_of(tmp_path, f"import beside_mux\n{use.format('beside_mux.SEEN.append(1)')}").cause
    error = refusal_of(tmp_path, f"from beside_mux import keep\n{use.format('keep(1)')}")
    assert error.place == "beside_mux.py:3"
    assert "SEEN" in refusal_of(tmp_path, f"import beside_mux\n{use.format('beside_mux.keep(1)')}").cause
    assert "beside_mux.N" in refusal_of(tmp_path, f"import beside_mux\n{use.format('beside_mux.N = 1')}").cause


@pytest.mark.parametrize("kind", [*CATALOGUE.values(), SignalStrategy, Improviser, Listener, Late, Silent])
def test_the_strategies_at_hand_pass(kind: type[Strategy]) -> None:
    refuse_shared_code(kind)


class Holds(Strategy):
    box: object = None

    def on_bar(self, view: View) -> Answer:
        return None


class Slotted:
    __slots__ = ("inner",)

    def __init__(self, inner: object) -> None:
        self.inner = inner


class Side(Enum):
    UP = 1


class Point(NamedTuple):
    at: object


COLUMN = np.zeros(4)
READ_ONLY = np.zeros(4)
READ_ONLY.flags.writeable = False
ONE: Any = [1]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Holds(box=ONE),
        lambda: Holds(box=(1, ONE)),
        lambda: Holds(box=[ONE]),
        lambda: Holds(box={"a": {"b": ONE}}),
        lambda: Holds(box=Slotted(ONE)),
        lambda: Holds(box=Point(ONE)),
        lambda: Holds(box=MappingProxyType({1: ONE})),
        lambda: Holds(box=partial(print, ONE)),
        lambda: Holds(box=ONE.append),
        lambda: Holds(box=COLUMN),
        lambda: Holds(box=COLUMN[1:]),
        lambda: SignalStrategy(signals=COLUMN),
    ],
)
def test_one_mutable_object_in_two_instances_is_found(make: Callable[[], Strategy]) -> None:
    """Proves: P6-3"""
    with pytest.raises(StrategyError, match=r"two instances of .* hold one (list|ndarray) in (box|signals)") as caught:
        refuse_shared_objects("two", [make(), make()])
    assert "test_shared_state.py" in caught.value.place or "signals.py" in caught.value.place
    assert caught.value.next_step


@pytest.mark.parametrize(
    "box",
    [1, "x", None, Side.UP, (1, 2), READ_ONLY, Decimal(1), len, re.compile("x"), MappingProxyType({1: 2}), Point(3)],
)
def test_one_constant_in_two_instances_passes(box: object) -> None:
    refuse_shared_objects("two", [Holds(box=box), Holds(box=box)])


def test_equal_objects_that_are_not_one_pass() -> None:
    refuse_shared_objects("two", [Holds(box=[1]), Holds(box=[1]), Holds(box=[[1], {2: [3]}])])


def test_one_instance_handed_out_twice_is_found() -> None:
    one = Holds()
    with pytest.raises(StrategyError, match="handed out one instance of Holds twice"):
        refuse_shared_objects("two", [one, Holds(), one])


def test_a_function_given_to_an_instance_is_looked_through() -> None:
    def noted(x: int) -> None:
        ONE.append(x)

    with pytest.raises(StrategyError, match="ONE, which noted uses"):
        refuse_shared_code(Holds, [Holds(box=noted)])


def test_nothing_of_the_strategy_is_run_by_looking() -> None:
    ran = []

    class Loud(Strategy):
        def on_bar(self, view: View) -> Answer:
            raise AssertionError

        @property
        def odd(self) -> int:
            ran.append(1)  # also shared, and found to be
            return 1

    with pytest.raises(StrategyError, match="ran"):
        refuse_shared_code(Loud, [Loud()])
    assert ran == []


def test_rings_and_great_numbers_of_objects_come_to_an_end() -> None:
    ring: list[Any] = []
    ring.append(ring)
    other: list[Any] = [[] for _ in range(5000)]
    refuse_shared_objects("two", [Holds(box=ring), Holds(box=other)])
    assert all(not each for each in other)
