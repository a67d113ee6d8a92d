"""The line between the machine and a venue in the same process: at once, in order, nothing lost.

What the venue answers and what it streams come back as events of the same
instant, one after the other. It is the line of a backtest; the fault campaigns
put a worse one in its place.
"""

from collections import deque
from collections.abc import Callable

from qts.domain.instant import Instant
from qts.execution.commands import CancelOrder, Command, ModifyOrder, QueryOrder, SendOrder, TakeSnapshot
from qts.execution.contracts import ExecutionAlert
from qts.execution.controller import ExecutionController
from qts.execution.events import Event
from qts.simulation.venue import Venue


class DirectLine:
    """now: the instant of whatever is happening, set by who lets it happen. alerts: the codes raised, and when."""

    def __init__(self, controller: ExecutionController, venue_of: Callable[["DirectLine"], Venue]) -> None:
        self.now: Instant = 0
        self.controller = controller
        self.venue = venue_of(self)
        self._news: deque[Event] = deque()
        self._busy = False
        self.alerts: list[tuple[Instant, ExecutionAlert]] = []

    def tell(self, event: Event) -> None:
        """Let the machine handle the event, the venue's own news too, and everything that follows from it."""
        self._news.append(event)
        if self._busy:
            return
        self._busy = True
        news, handle = self._news, self.controller.handle
        while news:
            for command in handle(news.popleft(), self.now):
                if type(command) is SendOrder:  # before all others, since most commands are
                    news.append(self.venue.send(command.order, self.now))
                else:
                    self._perform(command)
        self._busy = False

    def _perform(self, command: Command) -> None:
        match command:
            case SendOrder():
                self._news.append(self.venue.send(command.order, self.now))
            case CancelOrder(client_id):
                self._news.append(self.venue.cancel(client_id, self.now))
            case ModifyOrder():
                self._news.append(self.venue.modify(command.client_id, command.price, command.quantity, self.now))
            case QueryOrder():
                answer = self.venue.query(command.client_id, conditional=command.conditional, now=self.now)
                self._news.append(answer)
            case ExecutionAlert():
                self.alerts.append((self.now, command))
            case TakeSnapshot():
                self._news.append(self.venue.snapshot(command.fills_after, self.now))
