"""Strategy files that look as if they shared state, and do not."""

FINE = {
    "numbers, text and tuples": """
        A = 1
        B = 'x'
        C = (1, (2.0, 'y'), frozenset({3}))
        class S(Strategy):
            def on_bar(self, view):
                return A, B, C
        """,
    "a proxy of constants": """
        P = MappingProxyType({'a': (1, 2)})
        class S(Strategy):
            def on_bar(self, view):
                P['a']
        """,
    "modules, functions and classes": """
        import math, numpy as np
        from decimal import Decimal
        def f(x):
            return math.sqrt(x) + np.mean([x])
        class S(Strategy):
            def on_bar(self, view):
                return f(2), Decimal(1)
        """,
    "enums": """
        from enum import Enum
        class Side(Enum):
            UP = 1
        class S(Strategy):
            def on_bar(self, view):
                return Side.UP
        """,
    "a frozen dataclass": """
        @dataclass(frozen=True, slots=True)
        class Box:
            n: int
        BOX = Box(1)
        class S(Strategy):
            def on_bar(self, view):
                return BOX
        """,
    "fields with a factory": """
        class S(Strategy):
            seen: list = field(default_factory=list)
            length: int = 3
            def on_bar(self, view):
                self.seen.append(1)
        """,
    "a list nobody reads": """
        SEEN = []
        class S(Strategy):
            def on_bar(self, view):
                pass
        """,
    "closures inside a method": """
        class S(Strategy):
            def on_bar(self, view):
                n = 0
                def up():
                    nonlocal n
                    n += 1
                up()
                return n
        """,
    "a class made with constants": """
        def made(k):
            class S(Strategy):
                def on_bar(self, view):
                    return k
            return S
        S = made(3)
        """,
    "a parent's constructor": """
        class P(Strategy):
            def on_start(self):
                self.n = 0
        class S(P):
            def on_start(self):
                super().on_start()
                self.m = 0
        """,
    "a class in two variables": """
        class Box:
            pass
        class S(Strategy):
            def on_bar(self, view):
                a = b = Box
                return a.__name__, type(self).__name__, type(self)
        """,
    "a read-only array": """
        import numpy as np
        A = np.zeros(3)
        A.flags.writeable = False
        class S(Strategy):
            def on_bar(self, view):
                return A
        """,
    "a named tuple and a pattern": """
        import re
        from typing import NamedTuple
        class P(NamedTuple):
            n: int = 0
        ZERO = P()
        R = re.compile('x')
        class S(Strategy):
            def on_bar(self, view):
                return ZERO, P(2), R
        """,
    "a cached property": """
        from functools import cached_property
        class S(Strategy):
            @cached_property
            def box(self):
                return []
            def on_bar(self, view):
                self.box.append(1)
        """,
    "annotations": """
        from typing import ClassVar, Optional
        class S(Strategy):
            warmup: ClassVar[int] = 3
            a: Optional[int] = None
            b: tuple[int, ...] = ()
            c: 'int | None' = None
        """,
    "functions of libraries, taken by name": """
        import os, sys
        from math import sqrt
        import numpy as np
        from numpy import mean
        from numpy.linalg import norm
        from polars import col
        from talib import RSI
        class S(Strategy):
            def on_bar(self, view):
                return sqrt(mean(norm([1]))), col("a"), RSI, np.random.default_rng(1), os.path.join, sys.stderr.write
        """,
}
