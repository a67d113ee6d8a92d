"""What was held during a run, from its first bar on, and the equity that follows from it.

It is kept as columns of numbers: an object a change would be walked by the
garbage collector again and again while the run lasts.
"""

import numpy as np

from qts.domain.book import Holding
from qts.market.bars import Floats


class HeldColumns:
    """One entry a change, with the row at whose close it is first seen; ``first`` is held from row 0 on."""

    __slots__ = ("_bases", "_rows", "_sizes", "_wallets")

    def __init__(self, first: Holding) -> None:
        self._rows: list[int] = []
        self._sizes: list[float] = []
        self._bases: list[float] = []
        self._wallets: list[float] = []
        self.add(0, first)

    def add(self, row: int, holding: Holding) -> None:
        """row: not less than the one before."""
        self._rows.append(row)
        self._sizes.append(holding.size)
        self._bases.append(holding.basis)
        self._wallets.append(holding.wallet)

    def size_changes(self) -> tuple[tuple[int, float], ...]:
        """(row, signed base units held at its close and from then on)."""
        return tuple(zip(self._rows, self._sizes, strict=True))

    def mark(self, mark_close: Floats, equity: Floats) -> None:
        """Fill ``equity`` with ``Holding.marked`` of every row's close. Both: float64, shape (n,), quote."""
        rows = np.diff(self._rows, append=len(equity))
        np.multiply(np.repeat(self._sizes, rows), mark_close, out=equity)
        equity -= np.repeat(self._bases, rows)
        equity += np.repeat(self._wallets, rows)
