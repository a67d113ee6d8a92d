"""Buy what fell too far, sell what rose too far, and leave in the middle."""

from qts.market.view import View
from qts.strategy.features import atr, rsi
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy


class RsiReversion(Strategy):
    """length: bars. low, high: RSI levels of entry; exits at 50. stop_atr: stop distance in ATR(14)."""

    length: int = 14
    low: float = 25.0
    high: float = 75.0
    stop_atr: float = 3.0

    def on_bar(self, view: View) -> Answer:
        level = rsi(view, self.length)
        if view.is_flat:
            risk = self.stop_atr * atr(view, 14)
            if level < self.low:
                return buy(stop_loss=view.close - risk, reason="oversold")
            if level > self.high:
                return sell(stop_loss=view.close + risk, reason="overbought")
            return None
        if (view.is_long and level >= 50) or (view.is_short and level <= 50):
            return close(reason="back to the middle")
        return None
