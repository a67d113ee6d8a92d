"""Long while the fast average is above the slow one, short while it is below."""

from qts.market.view import View
from qts.strategy.features import atr, sma
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy


class MovingAverageCross(Strategy):
    """fast, slow: lengths in bars. stop_atr: stop distance in ATR(14). Sized by the two-percent rule."""

    fast: int = 20
    slow: int = 50
    stop_atr: float = 3.0

    def on_bar(self, view: View) -> Answer:
        fast, slow = sma(view, self.fast), sma(view, self.slow)
        fast_before, slow_before = sma(view, self.fast, ago=1), sma(view, self.slow, ago=1)
        if fast > slow and fast_before <= slow_before:
            stop = view.close - self.stop_atr * atr(view, 14)
            return [close(reason="cross up"), buy(stop_loss=stop, reason="cross up")]
        if fast < slow and fast_before >= slow_before:
            stop = view.close + self.stop_atr * atr(view, 14)
            return [close(reason="cross down"), sell(stop_loss=stop, reason="cross down")]
        return None
