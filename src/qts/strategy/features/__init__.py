"""Features: causal columns of numbers computed from bars, read through a view one value at a time.

    fast = sma(view, 20)
    before = sma(view, 20, ago=1)

Each is computed once per run over the whole column and shown only up to the
present bar; ``registry.py`` lists them, ``columns.py`` hands them to views.
"""

from qts.market.view import View


def sma(view: View, length: int, *, ago: int = 0) -> float:
    """Simple mean of the last ``length`` closes, exact in ticks: equal averages compare equal."""
    return view.feature("sma", length, ago)


def ema(view: View, length: int, *, ago: int = 0) -> float:
    """Exponential mean of closes, smoothing 2 / (length + 1), seeded with the first simple mean."""
    return view.feature("ema", length, ago)


def rsi(view: View, length: int, *, ago: int = 0) -> float:
    """Wilder's relative strength index of closes, 0 to 100."""
    return view.feature("rsi", length, ago)


def atr(view: View, length: int, *, ago: int = 0) -> float:
    """Wilder's average true range, quote per base."""
    return view.feature("atr", length, ago)


def highest(view: View, length: int, *, ago: int = 0) -> float:
    """Highest high of the last ``length`` bars."""
    return view.feature("highest", length, ago)


def lowest(view: View, length: int, *, ago: int = 0) -> float:
    """Lowest low of the last ``length`` bars."""
    return view.feature("lowest", length, ago)


__all__ = ["atr", "ema", "highest", "lowest", "rsi", "sma"]
