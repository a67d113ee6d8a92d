"""Strategy files that share state, with what is said of them, and the line (0: not looked at)."""

SHARED = {
    "a list it reads": (
        """
        SEEN = []
        class S(Strategy):
            def on_bar(self, view):
                SEEN.append(1)
        """,
        "SEEN",
        7,
    ),
    "a dict a function of its module reads": (
        """
        KEPT = {}
        def keep(x):
            KEPT[1] = x
        class S(Strategy):
            def on_bar(self, view):
                keep(1)
        """,
        "KEPT",
        6,
    ),
    "a function reached through two others": (
        """
        KEPT = {}
        def a():
            return KEPT
        def b():
            return a()
        class S(Strategy):
            def on_fill(self, fill):
                b()
        """,
        "KEPT",
        6,
    ),
    "a global it counts in": (
        """
        COUNT = 0
        class S(Strategy):
            def on_bar(self, view):
                global COUNT
                COUNT += 1
        """,
        "writes the global COUNT",
        8,
    ),
    "a mutable class attribute": (
        """
        class S(Strategy):
            seen = []
            def on_bar(self, view):
                pass
        """,
        "S.seen",
        6,
    ),
    "a mutable class attribute of its parent": (
        """
        class P(Strategy):
            seen = {}
        class S(P):
            def on_bar(self, view):
                pass
        """,
        "P.seen",
        0,
    ),
    "a counter in its class": (
        """
        class S(Strategy):
            n = 0
            def on_bar(self, view):
                S.n += 1
        """,
        "writes S.n",
        7,
    ),
    "a counter through type(self)": (
        """
        class S(Strategy):
            n = 0
            def on_bar(self, view):
                type(self).n = 3
        """,
        "writes its own class.n",
        7,
    ),
    "a counter through __class__": (
        """
        class S(Strategy):
            n = 0
            def on_bar(self, view):
                self.__class__.n += 3
        """,
        "writes its own class.n",
        7,
    ),
    "a counter through cls": (
        """
        class S(Strategy):
            n = 0
            @classmethod
            def up(cls):
                cls.n += 1
            def on_bar(self, view):
                self.up()
        """,
        "writes its own class.n",
        8,
    ),
    "a closure's list": (
        """
        def made():
            seen = []
            class S(Strategy):
                def on_bar(self, view):
                    seen.append(1)
            return S
        S = made()
        """,
        "seen, which made.<locals>.S.on_bar closes over",
        7,
    ),
    "a closure's counter": (
        """
        def made():
            n = 0
            class S(Strategy):
                def on_bar(self, view):
                    def up():
                        nonlocal n
                        n += 1
                    up()
            return S
        S = made()
        """,
        "writes n, which it closes over",
        10,
    ),
    "a default argument": (
        """
        class S(Strategy):
            def on_bar(self, view, seen=[]):
                seen.append(1)
        """,
        "a default argument of S.on_bar",
        5,
    ),
    "a keyword default": (
        """
        class S(Strategy):
            def on_bar(self, view, *, seen={}):
                pass
        """,
        "a default argument of S.on_bar",
        5,
    ),
    "an attribute of a function": (
        """
        class S(Strategy):
            def on_bar(self, view):
                pass
        S.on_bar.seen = []
        """,
        "S.on_bar.seen",
        5,
    ),
    "an attribute it writes to a function": (
        """
        def f():
            pass
        class S(Strategy):
            def on_bar(self, view):
                f.n = 1
        """,
        "writes f.n",
        8,
    ),
    "a cache": (
        """
        from functools import lru_cache
        @lru_cache
        def box():
            return []
        class S(Strategy):
            def on_bar(self, view):
                box().append(1)
        """,
        "box",
        10,
    ),
    "an object as default of a field": (
        """
        class Box: pass
        class S(Strategy):
            box: object = Box()
            def on_bar(self, view):
                pass
        """,
        "S.box",
        0,
    ),
    "a default factory that hands out one object": (
        """
        ONE = []
        class S(Strategy):
            box: list = field(default_factory=lambda: ONE)
            def on_bar(self, view):
                pass
        """,
        "ONE",
        6,
    ),
    "an open dataclass": (
        """
        @dataclass
        class Box:
            n: int = 0
        BOX = Box()
        class S(Strategy):
            def on_bar(self, view):
                BOX.n += 1
        """,
        "BOX",
        10,
    ),
    "a list inside a tuple": (
        """
        PAIR = (1, [2])
        class S(Strategy):
            def on_bar(self, view):
                PAIR
        """,
        "holds a list",
        7,
    ),
    "a list inside a frozen dataclass": (
        """
        @dataclass(frozen=True)
        class Box:
            n: object
        BOX = Box([])
        class S(Strategy):
            def on_bar(self, view):
                BOX
        """,
        "holds a list",
        10,
    ),
    "a dict behind a proxy's value": (
        """
        P = MappingProxyType({'a': []})
        class S(Strategy):
            def on_bar(self, view):
                P
        """,
        "holds a list",
        7,
    ),
    "an iterator": (
        """
        import itertools
        TICKS = itertools.count()
        class S(Strategy):
            def on_bar(self, view):
                next(TICKS)
        """,
        "holds a count",
        8,
    ),
    "numpy's dice": (
        """
        import numpy as np
        DICE = np.random.default_rng(1)
        class S(Strategy):
            def on_bar(self, view):
                DICE.random()
        """,
        "holds a Generator",
        8,
    ),
    "an array": (
        """
        import numpy as np
        A = np.zeros(3)
        class S(Strategy):
            def on_bar(self, view):
                A[0] += 1
        """,
        "holds a ndarray",
        8,
    ),
    "a bound method of a list": (
        """
        say = [].append
        class S(Strategy):
            def on_bar(self, view):
                say(1)
        """,
        "say",
        7,
    ),
    "a class it reaches": (
        """
        class Box:
            seen = []
        class S(Strategy):
            def on_bar(self, view):
                Box.seen.append(1)
        """,
        "Box.seen",
        0,
    ),
    "a generator inside a method": (
        """
        SEEN = []
        class S(Strategy):
            def on_bar(self, view):
                return [SEEN for _ in range(2)]
        """,
        "SEEN",
        7,
    ),
    "a property": (
        """
        SEEN = []
        class S(Strategy):
            @property
            def p(self):
                return SEEN
            def on_bar(self, view):
                self.p
        """,
        "SEEN",
        8,
    ),
    "a decorator's memory": (
        """
        def counted(f):
            calls = []
            def inner(*a):
                calls.append(1)
                return f(*a)
            return inner
        class S(Strategy):
            @counted
            def on_bar(self, view):
                pass
        """,
        "calls",
        6,
    ),
    "the dice of a library": (
        """
        import random
        class S(Strategy):
            def on_bar(self, view):
                return random.random()
        """,
        "random.random, which on_bar uses, holds a Random",
        7,
    ),
    "numpy's global dice": (
        """
        import numpy as np
        class S(Strategy):
            def on_bar(self, view):
                return np.random.rand()
        """,
        "np.random.rand, which on_bar uses, holds a RandomState",
        7,
    ),
    "dice taken by name": (
        """
        from random import randint
        class S(Strategy):
            def on_bar(self, view):
                return randint(1, 6)
        """,
        "randint",
        7,
    ),
}
