"""No edge by construction: when it trades is fixed, and in which direction is the toss of a coin.

The coin is a hash of the seed and the bar's instant, so the same run tosses
the same coins everywhere. No price has any say in it: there is no stop, whose
distance would let the market choose how long a trade lasts.
"""

from hashlib import sha256

from qts.market.view import View
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy


class CoinFlip(Strategy):
    """every: bars each toss is held. seed: which coin. weight: notional of each trade as a fraction of equity."""

    every: int = 12
    seed: int = 1
    weight: float = 0.5

    def on_bar(self, view: View) -> Answer:
        if view.bar_number % self.every != 0:
            return None
        heads = sha256(f"{self.seed}:{view.now}".encode()).digest()[0] < 128
        if heads:
            return [close(reason="toss"), buy(weight=self.weight, reason="heads")]
        return [close(reason="toss"), sell(weight=self.weight, reason="tails")]
