"""Features: causal columns of numbers computed from bars, read through a view one value at a time.

    fast = sma(view, 20)
    before = sma(view, 20, ago=1)

Each is computed once per run over the whole column and shown only up to the
present bar; ``registry.py`` lists them, ``columns.py`` hands them to views.
"""

from qts.market.view import feature_reader

sma = feature_reader("sma", "Simple mean of the last ``length`` closes, exact in ticks: equal averages compare equal.")
ema = feature_reader(
    "ema", "Exponential mean of closes, smoothing 2 / (length + 1), seeded with the first simple mean."
)
rsi = feature_reader("rsi", "Wilder's relative strength index of closes, 0 to 100.")
atr = feature_reader("atr", "Wilder's average true range, quote per base.")
highest = feature_reader("highest", "Highest high of the last ``length`` bars.")
lowest = feature_reader("lowest", "Lowest low of the last ``length`` bars.")

__all__ = ["atr", "ema", "highest", "lowest", "rsi", "sma"]
