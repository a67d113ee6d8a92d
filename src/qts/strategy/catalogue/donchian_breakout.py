"""Buy a new high, sell a new low, and leave when the shorter channel breaks the other way."""

from qts.market.view import View
from qts.strategy.features import atr, highest, lowest
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy


class DonchianBreakout(Strategy):
    """entry, exit: channel lengths in bars. stop_atr: stop distance in ATR(14). Sized by the two-percent rule."""

    entry: int = 55
    exit: int = 20
    stop_atr: float = 2.0

    def on_bar(self, view: View) -> Answer:
        price = view.close
        if view.is_flat:
            risk = self.stop_atr * atr(view, 14)
            if price > highest(view, self.entry, ago=1):
                return buy(stop_loss=price - risk, reason="new high")
            if price < lowest(view, self.entry, ago=1):
                return sell(stop_loss=price + risk, reason="new low")
            return None
        if view.is_long and price < lowest(view, self.exit, ago=1):
            return close(reason="channel low")
        if view.is_short and price > highest(view, self.exit, ago=1):
            return close(reason="channel high")
        return None
