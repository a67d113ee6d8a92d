"""A crowd on an account whose bars are too thin for it.

Proves: P6-1, P6-3, P6-5
"""

import re

import pytest

from tests.simulation.thin_crowd import judged_thin, thin_crowd


@pytest.mark.parametrize(("symbols", "strategies", "bars", "seed"), [(1, 40, 160, 7), (2, 30, 300, 4)])
def test_where_bars_are_too_thin_for_all(symbols: int, strategies: int, bars: int, seed: int) -> None:
    """More of them: python -m tests.simulation.thin_crowd."""
    told = judged_thin(thin_crowd(symbols, strategies, bars, seed))
    assert not re.search(r"\b0 (of them filled full|crosses|refused|withheld)", told), "a crowd that shows nothing"
