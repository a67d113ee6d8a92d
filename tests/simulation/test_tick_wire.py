"""Requests meet the venue of their arrival, news is heard when it has come back, in order.

Proves: QL-11
"""

import pytest

from qts.domain.errors import UsageError
from qts.domain.fill import Fill
from qts.domain.order import Side
from qts.execution.commands import TakeSnapshot
from qts.execution.events import CancelAck, CancelOutcome, OrderAck, Snapshot
from qts.market.ticks import ASK, BID
from qts.simulation.latency import Latency
from tests.market.tick_cases import BTC, MS, Top, Trade, ticks_of
from tests.simulation.tick_desk import START, Desk, order

BUY = Side.BUY

MOVED = ticks_of(START, Top(30, 200, 104, 5, 105, 5))


@pytest.mark.parametrize(("entry_ms", "price"), [(0, 101), (20, 105), (19.999999, 101)])
def test_an_order_meets_the_book_of_its_arrival(entry_ms: float, price: int) -> None:
    latency = Latency(round(entry_ms * MS), 7 * MS)
    desk = Desk(MOVED, latency=latency).at(10).send(order("o", BUY, 2)).at(100)
    assert [fill[2:4] for fill in desk.fills()] == [(2, price)]
    assert [at for at, _ in desk.heard] == pytest.approx([10 + entry_ms + 7] * 2)


def test_news_arrives_after_the_response_delay_and_not_before() -> None:
    ticks = ticks_of(START, Trade(20, 99, 5, ASK), Trade(90, 120, 1, BID))
    desk = Desk(ticks, latency=Latency(5 * MS, 8 * MS)).at(10).send(order("o", BUY, 2, 100)).at(27)
    assert [(at, type(news)) for at, news in desk.heard] == [(23, OrderAck)]
    assert len(desk.venue.fills) == 1  # at 20, and not heard yet
    assert [(at, type(news)) for at, news in desk.at(28).heard[1:]] == [(28, Fill)]


def test_a_fill_on_the_way_does_not_let_a_request_arrive_early() -> None:
    ticks = ticks_of(START, Trade(20, 99, 5, ASK), Top(25, 200, 104, 5, 105, 5))
    desk = Desk(ticks, latency=Latency(0, 90 * MS, entry_jitter_ns=(0, 20 * MS))).at(10)
    desk.send(order("rests", BUY, 2, 100), order("takes", BUY, 2)).at(200)
    assert desk.fills() == [(20, "rests", 2, 100, "maker"), (30, "takes", 2, 105, "taker")]


def test_a_cancellation_can_come_too_late() -> None:
    ticks = ticks_of(START, Trade(20, 99, 5, ASK))
    desk = Desk(ticks, latency=Latency(5 * MS, 8 * MS)).at(1).send(order("o", BUY, 2, 100)).at(16).cancel("o").at(99)
    assert [type(news) for _, news in desk.heard] == [OrderAck, Fill, CancelAck]
    assert desk.heard[-1] == (29, CancelAck("o", CancelOutcome.UNKNOWN, None, -2011, "unknown order"))


def test_jitter_is_given_and_used_in_turn() -> None:
    latency = Latency(5 * MS, 0, entry_jitter_ns=(0, 20 * MS, 1 * MS))
    desk = Desk(MOVED, latency=latency).at(10)
    desk.send(*(order(name, BUY, 1) for name in "abcd")).at(99)
    assert [(fill[0], fill[1], fill[3]) for fill in desk.fills()] == [
        (15, "a", 101),
        (15, "d", 101),
        (16, "c", 101),
        (35, "b", 105),
    ]


def test_news_of_the_stream_does_not_overtake() -> None:
    ticks = ticks_of(START, Trade(20, 99, 1, ASK), Trade(21, 99, 1, ASK))
    latency = Latency(0, 1 * MS, response_jitter_ns=(0, 50 * MS, 0))
    desk = Desk(ticks, latency=latency).at(1).send(order("o", BUY, 5, 100)).at(200)
    assert [at for at, news in desk.heard if isinstance(news, Fill)] == [71, 71]
    assert [news.fill_id for _, news in desk.heard if isinstance(news, Fill)] == ["o/1", "o/2"]


def test_a_negative_delay_is_refused() -> None:
    with pytest.raises(UsageError, match="-1 ns"):
        Latency(0, 0, response_jitter_ns=(3, -1))


def test_a_snapshot_of_the_account_is_as_old_as_its_way_back() -> None:
    desk = Desk(ticks_of(START, Trade(20, 99, 5, ASK)), latency=Latency(0, 15 * MS)).at(10)
    desk.send(order("o", BUY, 2, 100)).wire.take_snapshot(TakeSnapshot(BTC.symbol, ""))
    snapshot = next(news for at, news in desk.at(99).heard if isinstance(news, Snapshot))
    assert (snapshot.position, len(snapshot.orders), snapshot.as_of) == (0, 1, 10)
