"""Buy once, hold for ever: what every other strategy has to beat."""

from qts.market.view import View
from qts.strategy.intent import Answer, buy
from qts.strategy.strategy import Strategy


class BuyAndHold(Strategy):
    """weight: notional of the one purchase as a fraction of equity."""

    weight: float = 1.0

    def on_start(self) -> None:
        self._asked = False

    def on_bar(self, view: View) -> Answer:  # noqa: ARG002
        if self._asked:
            return None
        self._asked = True
        return buy(weight=self.weight, reason="hold")
