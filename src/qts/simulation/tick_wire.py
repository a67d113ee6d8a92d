"""The way between a trader and a venue of ticks: requests out, answers and news back, each with its delay.

A request meets the venue as it is when the request arrives, not as it was when it
was decided: ticks known in between happen first. What the venue tells while a
request is still on its way, the trader learns only when that news arrives.

Whoever trades calls ``next_event`` for the next piece of news, answers it with
commands, and calls again. At one instant ticks come before news, and news before
requests.
"""

from heapq import heappop, heappush
from typing import TypeAlias

from qts.domain.fill import Fill
from qts.execution.commands import CancelOrder, ModifyOrder, QueryOrder, SendOrder, TakeSnapshot
from qts.execution.events import CancelAck, ModifyAck, OrderAck, OrderEnded, QueryAnswer, Snapshot
from qts.simulation.latency import Latency
from qts.simulation.tick_market import NS_PER_MS, TickMarket
from qts.simulation.venue import Venue

Request: TypeAlias = SendOrder | CancelOrder | ModifyOrder | QueryOrder | TakeSnapshot
News: TypeAlias = OrderAck | CancelAck | ModifyAck | QueryAnswer | Snapshot | Fill | OrderEnded


class TickWire:
    """A broker port over a venue of ticks. now_ns: where the trader's clock, the recorder's, stands."""

    def __init__(self, latency: Latency) -> None:
        self.now_ns = 0
        self._latency = latency
        self._requests: list[tuple[int, int, Request]] = []
        self._news: list[tuple[int, int, News]] = []
        self._requested = 0
        self._told = 0
        self._stream_at = 0
        self._venue: Venue | None = None
        self._market: TickMarket | None = None

    def connect(self, venue: Venue, market: TickMarket) -> None:
        """``venue``'s stream must be this wire's ``tell``."""
        self._venue, self._market = venue, market

    def tell(self, news: Fill | OrderEnded) -> None:
        """The venue's stream. It keeps its order: nothing overtakes what was told before."""
        assert self._market is not None
        at = max(self._stream_at, self._market.now_ns + self._latency.response(self._told))
        self._stream_at = at
        self._put_news(at, news)

    def send_order(self, command: SendOrder) -> None:
        self._request(command)

    def modify_order(self, command: ModifyOrder) -> None:
        self._request(command)

    def cancel_order(self, command: CancelOrder) -> None:
        self._request(command)

    def query_order(self, command: QueryOrder) -> None:
        self._request(command)

    def take_snapshot(self, command: TakeSnapshot) -> None:
        self._request(command)

    def next_event(self, until_ns: int) -> News | None:
        """The next news that arrives at ``until_ns`` or before, the clock then at its arrival.

        None when there is none; the clock is then at ``until_ns``.
        """
        assert self._market is not None
        while True:
            horizon = until_ns
            if self._requests:
                horizon = min(horizon, self._requests[0][0])
            if self._news:
                horizon = min(horizon, self._news[0][0])
            if self._market.advance(horizon):
                continue  # what the venue just told may arrive before the horizon
            if self._news and self._news[0][0] <= horizon:
                self.now_ns, _, news = heappop(self._news)
                return news
            if self._requests and self._requests[0][0] <= horizon:
                at, _, request = heappop(self._requests)
                answer = self._perform(request, at // NS_PER_MS)
                self._put_news(at + self._latency.response(self._told), answer)
                continue
            self.now_ns = max(self.now_ns, until_ns)
            return None

    def _request(self, command: Request) -> None:
        heappush(self._requests, (self.now_ns + self._latency.entry(self._requested), self._requested, command))
        self._requested += 1

    def _put_news(self, at: int, news: News) -> None:
        heappush(self._news, (at, self._told, news))
        self._told += 1

    def _perform(self, request: Request, now: int) -> News:
        venue = self._venue
        assert venue is not None
        venue.ledger.reach(now)
        match request:
            case SendOrder():
                return venue.send(request.order, now)
            case CancelOrder():
                return venue.cancel(request.client_id, now)
            case ModifyOrder():
                return venue.modify(request.client_id, request.price, request.quantity, now)
            case QueryOrder():
                return venue.query(request.client_id, conditional=request.conditional, now=now)
            case TakeSnapshot():
                return venue.snapshot(request.fills_after, now)
