"""What the market layer needs from above, in its own words."""

from typing import Protocol

from qts.market.bars import Floats


class FeatureSource(Protocol):
    """Columns computed from bars, each value from bars up to its own row only.

    Changing any bar after row i changes no value up to row i; rows before a
    feature is warm are NaN.
    """

    def column(self, name: str, *parameters: float) -> Floats:
        """float64, one value a bar. Raises StrategyError for an unknown name or parameters out of range."""

    def warmup(self, name: str, *parameters: float) -> int:
        """Bars needed for the first value, that bar included."""
