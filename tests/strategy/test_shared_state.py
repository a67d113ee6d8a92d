"""State between strategies is found by looking, with the place and the way out; constants and instances pass."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from functools import cached_property, lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from qts.adapters.strategy_files import load_strategy
from qts.domain.errors import StrategyError
from qts.market.view import View
from qts.strategy.catalogue import CATALOGUE
from qts.strategy.intent import Answer, buy
from qts.strategy.shared_state import refuse_shared_code, refuse_shared_objects
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy
from tests.generators import Improviser, Late, Listener, Silent

HEADER = "from qts import Strategy\nfrom types import MappingProxyType\nfrom dataclasses import dataclass, field\n"


def refusal_of(tmp_path: Path, text: str) -> StrategyError:
    """What is said of a strategy file with this text; the class in question is S."""
    path = tmp_path / "mine.py"
    path.write_text(HEADER + text)
    with pytest.raises(StrategyError) as caught:
        refuse_shared_code(load_strategy(f"{path}:S").kind)
    return caught.value


def passes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(HEADER + text)
    refuse_shared_code(load_strategy(f"{path}:S").kind)


SHARED = {
    "a list it reads": ("SEEN = []\nclass S(Strategy):\n    def on_bar(self, view):\n        SEEN.append(1)\n", "SEEN", 7),
    "a dict a function of its module reads": (
        "KEPT = {}\ndef keep(x):\n    KEPT[1] = x\nclass S(Strategy):\n    def on_bar(self, view):\n        keep(1)\n",
        "KEPT",
        6,
    ),
    "a function reached through two others": (
        "KEPT = {}\ndef a():\n    return KEPT\ndef b():\n    return a()\nclass S(Strategy):\n    def on_fill(self, fill):\n        b()\n",
        "KEPT",
        6,
    ),
    "a global it counts in": (
        "COUNT = 0\nclass S(Strategy):\n    def on_bar(self, view):\n        global COUNT\n        COUNT += 1\n",
        "writes the global COUNT",
        8,
    ),
    "a mutable class attribute": ("class S(Strategy):\n    seen = []\n    def on_bar(self, view):\n        pass\n", "S.seen", 6),
    "a mutable class attribute of its parent": (
        "class P(Strategy):\n    seen = {}\nclass S(P):\n    def on_bar(self, view):\n        pass\n",
        "P.seen",
        0,
    ),
    "a counter in its class": (
        "class S(Strategy):\n    n = 0\n    def on_bar(self, view):\n        S.n += 1\n",
        "writes S.n",
        7,
    ),
    "a counter through type(self)": (
        "class S(Strategy):\n    n = 0\n    def on_bar(self, view):\n        type(self).n = 3\n",
        "writes its own class.n",
        7,
    ),
    "a counter through __class__": (
        "class S(Strategy):\n    n = 0\n    def on_bar(self, view):\n        self.__class__.n += 3\n",
        "writes its own class.n",
        7,
    ),
    "a counter through cls": (
        "class S(Strategy):\n    n = 0\n    @classmethod\n    def up(cls):\n        cls.n += 1\n    def on_bar(self, view):\n        self.up()\n",
        "writes its own class.n",
        8,
    ),
    "a closure's list": (
        "def made():\n    seen = []\n    class S(Strategy):\n        def on_bar(self, view):\n            seen.append(1)\n    return S\nS = made()\n",
        "seen, which made.<locals>.S.on_bar closes over",
        7,
    ),
    "a closure's counter": (
        "def made():\n    n = 0\n    class S(Strategy):\n        def on_bar(self, view):\n            def up():\n                nonlocal n\n"
        "                n += 1\n            up()\n    return S\nS = made()\n",
        "writes n, which it closes over",
        10,
    ),
    "a default argument": (
        "class S(Strategy):\n    def on_bar(self, view, seen=[]):\n        seen.append(1)\n",
        "a default argument of S.on_bar",
        5,
    ),
    "a keyword default": (
        "class S(Strategy):\n    def on_bar(self, view, *, seen={}):\n        pass\n",
        "a default argument of S.on_bar",
        5,
    ),
    "an attribute of a function": (
        "class S(Strategy):\n    def on_bar(self, view):\n        pass\nS.on_bar.seen = []\n",
        "S.on_bar.seen",
        5,
    ),
    "an attribute it writes to a function": (
        "def f(): pass\nclass S(Strategy):\n    def on_bar(self, view):\n        f.n = 1\n",
        "writes f.n",
        7,
    ),
    "a cache": (
        "from functools import lru_cache\n@lru_cache\ndef box(): return []\nclass S(Strategy):\n    def on_bar(self, view):\n        box().append(1)\n",
        "box",
        9,
    ),
    "an object as default of a field": (
        "class Box: pass\nclass S(Strategy):\n    box: object = Box()\n    def on_bar(self, view):\n        pass\n",
        "S.box",
        0,
    ),
    "a default factory that hands out one object": (
        "ONE = []\nclass S(Strategy):\n    box: list = field(default_factory=lambda: ONE)\n    def on_bar(self, view):\n        pass\n",
        "ONE",
        6,
    ),
    "an open dataclass": (
        "@dataclass\nclass Box:\n    n: int = 0\nBOX = Box()\nclass S(Strategy):\n    def on_bar(self, view):\n        BOX.n += 1\n",
        "BOX",
        10,
    ),
    "a list inside a tuple": ("PAIR = (1, [2])\nclass S(Strategy):\n    def on_bar(self, view):\n        PAIR\n", "holds a list", 7),
    "a list inside a frozen dataclass": (
        "@dataclass(frozen=True)\nclass Box:\n    n: object\nBOX = Box([])\nclass S(Strategy):\n    def on_bar(self, view):\n        BOX\n",
        "holds a list",
        10,
    ),
    "a dict behind a proxy's value": (
        "P = MappingProxyType({'a': []})\nclass S(Strategy):\n    def on_bar(self, view):\n        P\n",
        "holds a list",
        7,
    ),
    "an iterator": (
        "import itertools\nTICKS = itertools.count()\nclass S(Strategy):\n    def on_bar(self, view):\n        next(TICKS)\n",
        "holds a count",
        8,
    ),
    "numpy's dice": (
        "import numpy as np\nDICE = np.random.default_rng(1)\nclass S(Strategy):\n    def on_bar(self, view):\n        DICE.random()\n",
        "holds a Generator",
        8,
    ),
    "an array": (
        "import numpy as np\nA = np.zeros(3)\nclass S(Strategy):\n    def on_bar(self, view):\n        A[0] += 1\n",
        "holds a ndarray",
        8,
    ),
    "a bound method of a list": (
        "say = [].append\nclass S(Strategy):\n    def on_bar(self, view):\n        say(1)\n",
        "say",
        7,
    ),
    "a class it reaches": (
        "class Box:\n    seen = []\nclass S(Strategy):\n    def on_bar(self, view):\n        Box.seen.append(1)\n",
        "Box.seen",
        0,
    ),
    "a generator inside a method": (
        "SEEN = []\nclass S(Strategy):\n    def on_bar(self, view):\n        return [SEEN for _ in range(2)]\n",
        "SEEN",
        7,
    ),
    "a property": (
        "SEEN = []\nclass S(Strategy):\n    @property\n    def p(self):\n        return SEEN\n    def on_bar(self, view):\n        self.p\n",
        "SEEN",
        8,
    ),
    "a decorator's memory": (
        "def counted(f):\n    calls = []\n    def inner(*a):\n        calls.append(1)\n        return f(*a)\n    return inner\n"
        "class S(Strategy):\n    @counted\n    def on_bar(self, view):\n        pass\n",
        "calls",
        6,
    ),
}


@pytest.mark.parametrize("what", SHARED)
def test_shared_state_is_found_with_its_line(tmp_path: Path, what: str) -> None:
    """Proves: P6-3"""
    text, said, line = SHARED[what]
    error = refusal_of(tmp_path, text)
    assert said in error.cause
    assert error.next_step
    assert error.place == (f"mine.py:{line}" if line else error.place)
    assert error.place


FINE = {
    "numbers, text and tuples": "A = 1\nB = 'x'\nC = (1, (2.0, 'y'), frozenset({3}))\nclass S(Strategy):\n    def on_bar(self, view):\n        return A, B, C\n",
    "a proxy of constants": "P = MappingProxyType({'a': (1, 2)})\nclass S(Strategy):\n    def on_bar(self, view):\n        P['a']\n",
    "modules, functions and classes": "import math, numpy as np\nfrom decimal import Decimal\ndef f(x): return math.sqrt(x) + np.mean([x])\n"
    "class S(Strategy):\n    def on_bar(self, view):\n        return f(2), Decimal(1)\n",
    "enums": "from enum import Enum\nclass Side(Enum):\n    UP = 1\nclass S(Strategy):\n    def on_bar(self, view):\n        return Side.UP\n",
    "a frozen dataclass": "@dataclass(frozen=True, slots=True)\nclass Box:\n    n: int\nBOX = Box(1)\nclass S(Strategy):\n    def on_bar(self, view):\n        return BOX\n",
    "fields with a factory": "class S(Strategy):\n    seen: list = field(default_factory=list)\n    length: int = 3\n    def on_bar(self, view):\n        self.seen.append(1)\n",
    "a list nobody reads": "SEEN = []\nclass S(Strategy):\n    def on_bar(self, view):\n        pass\n",
    "closures inside a method": "class S(Strategy):\n    def on_bar(self, view):\n        n = 0\n        def up():\n            nonlocal n\n            n += 1\n        up()\n        return n\n",
    "a class made with constants": "def made(k):\n    class S(Strategy):\n        def on_bar(self, view):\n            return k\n    return S\nS = made(3)\n",
    "a parent's constructor": "class P(Strategy):\n    def on_start(self):\n        self.n = 0\nclass S(P):\n    def on_start(self):\n        super().on_start()\n        self.m = 0\n",
    "a class in two variables": "class Box:\n    pass\nclass S(Strategy):\n    def on_bar(self, view):\n        a = b = Box\n        return a.__name__, type(self).__name__, type(self)\n",
    "a read-only array": "import numpy as np\nA = np.zeros(3)\nA.flags.writeable = False\nclass S(Strategy):\n    def on_bar(self, view):\n        return A\n",
    "a named tuple and a pattern": "import re\nfrom typing import NamedTuple\nclass P(NamedTuple):\n    n: int = 0\nZERO = P()\nR = re.compile('x')\n"
    "class S(Strategy):\n    def on_bar(self, view):\n        return ZERO, P(2), R\n",
    "a cached property": "from functools import cached_property\nclass S(Strategy):\n    @cached_property\n    def box(self):\n        return []\n    def on_bar(self, view):\n        self.box.append(1)\n",
    "annotations": "from typing import ClassVar, Optional\nclass S(Strategy):\n    warmup: ClassVar[int] = 3\n    a: Optional[int] = None\n    b: tuple[int, ...] = ()\n    c: 'int | None' = None\n",
}


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
    with pytest.raises(StrategyError, match="two instances of .* hold one (list|ndarray) in (box|signals)") as caught:
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
