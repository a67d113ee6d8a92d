"""No edge by construction: every trade's direction is the toss of a coin.

The coin is a hash of the seed and the bar's instant, so the same run tosses
the same coins everywhere and no price has any say in it.
"""

from hashlib import sha256

from qts.market.view import View
from qts.strategy.features import atr
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy


class CoinFlip(Strategy):
    """every: bars between tosses. seed: which coin. stop_atr: stop distance in ATR(14)."""

    every: int = 12
    seed: int = 1
    stop_atr: float = 3.0

    def on_bar(self, view: View) -> Answer:
        if view.bar_number % self.every != 0:
            return None
        heads = sha256(f"{self.seed}:{view.now}".encode()).digest()[0] < 128
        risk = self.stop_atr * atr(view, 14)
        if heads:
            return [close(reason="toss"), buy(stop_loss=view.close - risk, reason="heads")]
        return [close(reason="toss"), sell(stop_loss=view.close + risk, reason="tails")]
