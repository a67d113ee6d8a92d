"""The line between one machine and the venue's books of several symbols: at once, in order, nothing lost.

What DirectLine is for one symbol. Whatever a venue streams is shown to ``hears``
first, so that whoever keeps the strategies' books has posted a fill before the
machine acts on it.
"""

from collections import deque
from collections.abc import Callable, Mapping

from qts.domain.fill import Fill
from qts.domain.instant import Instant
from qts.execution.commands import CancelOrder, ModifyOrder, QueryOrder, SendOrder, TakeSnapshot
from qts.execution.contracts import ExecutionAlert
from qts.execution.controller import ExecutionController
from qts.execution.events import Event, OrderEnded
from qts.simulation.venue import Venue


class AccountLine:
    """now: the instant of whatever is happening. venues: by symbol. alerts: the codes raised, and when."""

    def __init__(self, controller: ExecutionController, hears: Callable[[Fill | OrderEnded], None]) -> None:
        self.now: Instant = 0
        self.controller = controller
        self.venues: Mapping[str, Venue] = {}
        self.alerts: list[tuple[Instant, ExecutionAlert]] = []
        self._hears = hears
        self._news: deque[Event] = deque()
        self._busy = False

    def streamed(self, news: Fill | OrderEnded) -> None:
        self._news.append(news)
        self._hears(news)
        self._run()

    def tell(self, event: Event) -> None:
        """Let the machine handle the event, and everything that follows from it."""
        self._news.append(event)
        self._run()

    def _run(self) -> None:
        if self._busy:
            return
        self._busy = True
        while self._news:
            for command in self.controller.handle(self._news.popleft(), self.now):
                match command:
                    case SendOrder(order):
                        self._news.append(self.venues[order.symbol].send(order, self.now))
                    case CancelOrder(client_id, symbol):
                        self._news.append(self.venues[symbol].cancel(client_id, self.now))
                    case ModifyOrder(client_id, symbol, price, quantity):
                        self._news.append(self.venues[symbol].modify(client_id, price, quantity, self.now))
                    case QueryOrder(client_id, symbol, conditional):
                        self._news.append(self.venues[symbol].query(client_id, conditional=conditional, now=self.now))
                    case TakeSnapshot(symbol, fills_after):
                        self._news.append(self.venues[symbol].snapshot(fills_after, self.now))
                    case ExecutionAlert():
                        self.alerts.append((self.now, command))
        self._busy = False
