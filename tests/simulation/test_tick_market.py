"""Orders at a venue of ticks fill when, as far as, and at the price the ticks say.

Proves: QL-11
"""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.adapters.stores.tick_files import read_ticks
from qts.domain.errors import DataError, UsageError
from qts.domain.fill import Fill
from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.commands import TakeSnapshot
from qts.execution.events import CancelAck, CancelOutcome, OrderAck, OrderEnded, SendOutcome, Snapshot
from qts.market.ticks import ASK, BID, Ticks
from qts.simulation import tick_market
from qts.simulation.latency import Latency
from qts.simulation.queue_position import ProportionalQueue, QueueModel, RiskAdverseQueue
from tests.market.tick_cases import BTC, MS, Depth, Top, Trade, asks, bids, ticks_of
from tests.simulation.tick_desk import Desk, lots, order

BUY, SELL = Side.BUY, Side.SELL
START = Depth(0, 100, 100, 0, bids((100, 10), (99, 8)) + asks((101, 4), (102, 3), (110, 5)), snapshot=True)
RISK, EVEN = RiskAdverseQueue(), ProportionalQueue()


# -- orders that rest --------------------------------------------------------------------

TEN_EVENTS = (
    START,
    Trade(20, 100, 3, ASK),  # 7 ahead
    Top(30, 110, 100, 12, 101, 4),  # 5 join behind
    Trade(40, 101, 2, BID),  # none of our business
    Top(50, 120, 100, 6, 101, 4),  # 6 of 12 leave: 3 of our 7 if evenly; at most 6 can be ahead in any case
    Trade(60, 100, 5, ASK),
    Top(70, 130, 100, 1, 101, 4),
    Trade(80, 100, 2, ASK),
    Depth(90, 98, 140, 97, bids((100, 0)) + asks((101, 9))),
    Trade(100, 99, 5, ASK),  # through our price
)


TEN_EVENTS_FILLS = [
    (RISK, [(80, 1), (100, 3)]),
    (EVEN, [(60, 1), (80, 2), (100, 1)]),
]


@pytest.mark.parametrize(("model", "fills"), TEN_EVENTS_FILLS)
def test_ten_events_and_their_fills(model: QueueModel, fills: list[tuple[int, int]]) -> None:
    desk = Desk(ticks_of(*TEN_EVENTS), model).at(10).send(order("o", BUY, 4, 100)).at(200)
    assert desk.fills() == [(at, "o", size, 100, "maker") for at, size in fills]


def mirrored(event: Trade | Top | Depth) -> Trade | Top | Depth:
    """The same with up for down, about 100.5."""
    match event:
        case Trade():
            return replace(event, price=201 - event.price, aggressor=-event.aggressor)
        case Top(bid=bid, bid_quantity=bid_quantity, ask=ask, ask_quantity=ask_quantity):
            return replace(event, bid=201 - ask, bid_quantity=ask_quantity, ask=201 - bid, ask_quantity=bid_quantity)
        case Depth():
            return replace(event, levels=tuple((-side, 201 - price, size) for side, price, size in event.levels))


@pytest.mark.parametrize(("model", "fills"), TEN_EVENTS_FILLS)
def test_a_sell_order_in_the_mirrored_market_fills_alike(model: QueueModel, fills: list[tuple[int, int]]) -> None:
    desk = Desk(ticks_of(*map(mirrored, TEN_EVENTS)), model).at(10).send(order("o", SELL, 4, 101)).at(200)
    assert desk.fills() == [(at, "o", size, 101, "maker") for at, size in fills]


@pytest.mark.parametrize("turned", [lambda event: event, mirrored])
def test_depth_moves_the_queue_where_no_top_is_recorded(turned) -> None:
    events = (
        START,
        Depth(20, 98, 110, 97, bids((100, 30)) + asks((101, 30))),
        Depth(30, 111, 120, 110, bids((100, 15)) + asks((101, 15))),
        Trade(40, 100, 6, ASK),
    )
    side, price = (BUY, 100) if turned(events[3]).aggressor == ASK else (SELL, 101)
    desk = Desk(ticks_of(*map(turned, events)), EVEN).at(10).send(order("o", side, 4, price)).at(200)
    assert desk.fills() == [(40, "o", 1, price, "maker")]  # half of the ten ahead left


@pytest.mark.parametrize("turned", [lambda event: event, mirrored])
def test_a_price_the_top_left_behind_keeps_what_it_showed_until_the_depth_knows_better(turned) -> None:
    events = (
        START,
        Top(20, 110, 100, 4, 101, 4),
        Top(30, 120, 101, 1, 102, 3),
        Depth(35, 98, 105, 97, bids((95, 1)) + asks((115, 1))),  # older than what the top told of 100
        Depth(50, 106, 130, 105, bids((100, 4), (101, 1)) + asks((101, 0))),
        Trade(60, 100, 5, ASK),
    )
    side, price = (BUY, 100) if turned(events[5]).aggressor == ASK else (SELL, 101)
    desk = Desk(ticks_of(*map(turned, events)), EVEN).at(25).send(order("o", side, 4, price)).at(200)
    assert desk.fills() == [(60, "o", 1, price, "maker")]


@pytest.mark.parametrize("turned", [lambda event: event, mirrored])
def test_what_a_top_told_is_forgotten_once_the_depth_is_newer(turned) -> None:
    events = (
        START,
        Top(20, 110, 100, 4, 101, 4),
        Depth(21, 98, 130, 97, bids((100, 9)) + asks((101, 9))),
        Top(22, 140, 101, 1, 102, 4),
        Trade(60, 100, 10, ASK),
    )
    side, price = (BUY, 100) if turned(events[4]).aggressor == ASK else (SELL, 101)
    desk = Desk(ticks_of(*map(turned, events)), EVEN).at(25).send(order("o", side, 4, price)).at(200)
    assert desk.fills() == [(60, "o", 1, price, "maker")]


@pytest.mark.parametrize("turned", [lambda event: event, mirrored])
def test_a_price_the_top_fell_below_is_empty_though_the_top_told_of_it_before(turned) -> None:
    events = (
        START,
        Top(20, 110, 100, 4, 101, 4),
        Top(21, 111, 99, 4, 100, 4),
        Top(22, 112, 101, 1, 102, 4),
        Trade(60, 100, 3, ASK),
    )
    side, price = (BUY, 100) if turned(events[4]).aggressor == ASK else (SELL, 101)
    desk = Desk(ticks_of(*map(turned, events)), EVEN).at(25).send(order("o", side, 4, price)).at(200)
    assert desk.fills() == [(60, "o", 3, price, "maker")]


def test_a_sell_order_waits_in_the_mirrored_queue() -> None:
    ticks = ticks_of(START, Trade(20, 101, 4, BID), Trade(30, 101, 3, BID), Trade(40, 102, 9, BID))
    desk = Desk(ticks).at(10).send(order("o", SELL, 5, 101)).at(200)
    assert desk.fills() == [(30, "o", 3, 101, "maker"), (40, "o", 2, 101, "maker")]


def test_a_trade_on_the_other_side_of_the_queue_serves_nobody() -> None:
    ticks = ticks_of(START, Trade(20, 100, 500, BID))
    assert Desk(ticks).at(10).send(order("o", BUY, 4, 100)).at(200).fills() == []


def test_a_book_that_moves_over_our_price_without_a_trade_fills_nothing() -> None:
    ticks = ticks_of(START, Top(20, 200, 90, 1, 95, 5), Depth(30, 98, 300, 97, bids((100, 0)) + asks((94, 6))))
    assert Desk(ticks).at(10).send(order("o", BUY, 4, 100)).at(200).fills() == []


def test_a_trade_through_our_price_fills_no_more_than_it_had() -> None:
    ticks = ticks_of(START, Trade(20, 98, 3, ASK), Trade(30, 100, 2, ASK))
    desk = Desk(ticks).at(10).send(order("o", BUY, 9, 100)).at(200)
    assert desk.fills() == [(20, "o", 3, 100, "maker"), (30, "o", 2, 100, "maker")]


def test_our_orders_share_a_trade_best_price_first_then_as_they_came() -> None:
    ticks = ticks_of(START, Trade(20, 99, 14, ASK), Trade(30, 99, 4, ASK))
    orders = [order("low", BUY, 3, 99), order("second", BUY, 3, 99), order("high", BUY, 2, 100)]
    desk = Desk(ticks).at(10).send(*orders).at(200)
    assert desk.fills() == [  # 14: two to the better price, eight ahead at 99, three and one to us
        (20, "high", 2, 100, "maker"),
        (20, "low", 3, 99, "maker"),
        (20, "second", 1, 99, "maker"),
        (30, "second", 2, 99, "maker"),
    ]


def test_a_trade_that_happened_before_we_joined_is_not_ours_though_it_is_told_later() -> None:
    late = Trade(30, 100, 500, ASK, occurred=20)
    ticks = ticks_of(START, Top(25, 110, 100, 4, 101, 4, occurred=21), late, Trade(40, 100, 5, ASK))
    desk = Desk(ticks).at(26).send(order("o", BUY, 9, 100)).at(200)
    assert desk.fills() == [(40, "o", 1, 100, "maker")]


def test_another_price_is_the_end_of_another_queue_and_more_quantity_the_end_of_the_same() -> None:
    ticks = ticks_of(START, Trade(20, 100, 9, ASK), Trade(40, 100, 10, ASK), Trade(50, 100, 2, ASK))
    raised = Desk(ticks).at(10).send(order("o", BUY, 2, 100)).at(30).modify("o", 100, 3).at(200)
    assert raised.fills() == [(50, "o", 2, 100, "maker")]
    lowered = Desk(ticks).at(10).send(order("o", BUY, 2, 100)).at(30).modify("o", 100, 1).at(200)
    assert lowered.fills() == [(40, "o", 1, 100, "maker")]
    moved = Desk(ticks).at(10).send(order("o", BUY, 2, 100)).at(30).modify("o", 99, 2).at(200)
    assert moved.fills() == []


# -- orders that take --------------------------------------------------------------------


def test_a_taker_walks_the_shown_book_and_pays_each_level_its_price() -> None:
    desk = Desk(ticks_of(START)).at(10).send(order("o", BUY, 9)).at(20)
    assert desk.fills() == [(10, "o", 4, 101, "taker"), (10, "o", 3, 102, "taker"), (10, "o", 2, 110, "taker")]
    assert {fill.reference_price for fill in desk.venue.fills} == {101 * BTC.tick}
    assert desk.venue.book.bought == (4 * 101 + 3 * 102 + 2 * 110) * BTC.tick * BTC.lot


def test_what_finds_nothing_shown_ends() -> None:
    desk = Desk(ticks_of(START)).at(10).send(order("o", BUY, 20)).at(20)
    assert sum(lots(fill) for fill in desk.venue.fills) == 12
    ended = [news for _, news in desk.heard if isinstance(news, OrderEnded)]
    assert [(each.state, each.filled) for each in ended] == [(OrderState.EXPIRED, 12 * BTC.lot)]


def test_a_limit_takes_down_to_its_price_and_rests_with_what_is_left() -> None:
    ticks = ticks_of(START, Trade(20, 102, 1, ASK))
    desk = Desk(ticks).at(10).send(order("o", BUY, 9, 102)).at(30)
    assert desk.fills() == [(10, "o", 4, 101, "taker"), (10, "o", 3, 102, "taker"), (20, "o", 1, 102, "maker")]


def test_the_newest_top_of_book_covers_the_depth_below_it() -> None:
    ticks = ticks_of(START, Top(5, 110, 100, 10, 102, 1))
    assert Desk(ticks).at(10).send(order("o", BUY, 4)).at(20).fills() == [
        (10, "o", 1, 102, "taker"),
        (10, "o", 3, 110, "taker"),
    ]


def test_a_taker_finds_behind_the_top_what_an_earlier_top_told_of() -> None:
    ticks = ticks_of(START, Top(5, 110, 100, 10, 101, 1), Top(6, 111, 99, 10, 100, 1), Top(7, 112, 99, 10, 100, 2))
    assert Desk(ticks).at(10).send(order("o", BUY, 5)).at(20).fills() == [
        (10, "o", 2, 100, "taker"),
        (10, "o", 1, 101, "taker"),
        (10, "o", 2, 102, "taker"),
    ]


def test_a_top_of_book_older_than_the_depth_is_not_believed() -> None:
    ticks = ticks_of(START, Depth(4, 98, 130, 97, asks((101, 6))), Top(5, 110, 100, 10, 105, 1))
    assert Desk(ticks).at(10).send(order("o", BUY, 6)).at(20).fills() == [(10, "o", 6, 101, "taker")]


def test_what_we_took_is_not_there_twice_until_the_market_shows_anew() -> None:
    ticks = ticks_of(START, Depth(30, 98, 130, 97, asks((101, 7))))
    desk = Desk(ticks).at(10).send(order("a", BUY, 3), order("b", BUY, 2)).at(40).send(order("c", BUY, 7)).at(50)
    assert desk.fills() == [
        (10, "a", 3, 101, "taker"),
        (10, "b", 1, 101, "taker"),
        (10, "b", 1, 102, "taker"),
        (40, "c", 7, 101, "taker"),
    ]


@pytest.mark.parametrize("levels", [bids((103, 1)), bids((101, 1)), asks((101, 0), (102, 0), (110, 0))])
def test_a_crossed_or_empty_book_is_no_liquidity(levels: tuple[tuple[int, int, int], ...]) -> None:
    ticks = ticks_of(START, Depth(5, 98, 130, 97, levels))
    desk = Desk(ticks).at(10).send(order("m", BUY, 1), order("l", BUY, 1, 105)).at(20)
    assert desk.fills() == []
    acks = {news.client_id: news for _, news in desk.heard if isinstance(news, OrderAck)}
    assert (acks["m"].outcome, acks["m"].code) == (SendOutcome.REJECTED, -4131)
    assert acks["l"].outcome is SendOutcome.ACCEPTED


def test_before_the_first_tick_there_is_nothing_to_trade_with() -> None:
    desk = Desk(ticks_of(Depth(5, *(1, 1, 0), START.levels, snapshot=True))).at(1).send(order("m", BUY, 1)).at(2)
    assert [news.outcome for _, news in desk.heard] == [SendOutcome.REJECTED]
    assert desk.market.quote() is None


def test_a_stop_waits_for_a_trade_at_its_price_and_takes_what_is_shown_then() -> None:
    ticks = ticks_of(
        START, Trade(20, 100, 1, ASK), Trade(30, 99, 1, ASK), Top(35, 200, 97, 5, 98, 5), Trade(40, 98, 1, BID)
    )
    desk = Desk(ticks).at(10).send(order("in", BUY, 4)).at(15).send(order("s", SELL, 4, 98, stop=True)).at(60)
    assert desk.fills()[1:] == [(40, "s", 4, 97, "taker")]


def test_a_protective_stop_is_served_before_other_stops() -> None:
    ticks = ticks_of(START, Trade(20, 98, 1, BID))
    desk = Desk(ticks).at(10).send(order("in", BUY, 4)).at(11).send(order("short", SELL, 3, 98, stop=True))
    desk.send(order("out", SELL, 4, 98, stop=True, reduce_only=True)).at(60)
    assert desk.fills()[1:] == [(20, "out", 4, 100, "taker"), (20, "short", 3, 100, "taker")]


def test_a_stop_that_was_touched_already_is_refused() -> None:
    desk = Desk(ticks_of(START, Trade(5, 100, 1, ASK))).at(10).send(order("s", SELL, 1, 100, stop=True)).at(20)
    assert [(news.outcome, news.code) for _, news in desk.heard] == [(SendOutcome.REJECTED, -2021)]


def test_a_reduce_only_order_takes_no_more_than_the_position() -> None:
    ticks = ticks_of(START, Trade(20, 104, 50, BID))
    desk = Desk(ticks).at(10).send(order("in", BUY, 3)).at(11)
    desk.send(order("out", SELL, 3, 103, reduce_only=True)).at(12).send(order("half", SELL, 2)).at(60)
    assert desk.fills()[1:] == [(12, "half", 2, 100, "taker"), (20, "out", 1, 103, "maker")]
    assert desk.venue.book.position == 0
    assert [news.state for _, news in desk.heard if isinstance(news, OrderEnded)] == [OrderState.EXPIRED]


# -- latency -----------------------------------------------------------------------------

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


def test_a_gap_in_the_depth_stops_the_replay() -> None:
    ticks = ticks_of(START, Depth(5, 150, 160, 149, bids((100, 1))))
    with pytest.raises(DataError, match="the first change after it begins at 150"):
        Desk(ticks).at(10)


def test_the_quote_is_the_top_and_the_last_trade() -> None:
    desk = Desk(ticks_of(START, Trade(20, 99, 1, ASK), Top(30, 200, 97, 5, 98, 5))).at(30)
    quote = desk.market.quote()
    assert quote is not None
    assert (quote.bid, quote.ask, quote.mark) == (Decimal("9.7"), Decimal("9.8"), Decimal("9.9"))
    assert desk.market.is_over


# -- any ticks, any orders ---------------------------------------------------------------

PRICES = st.integers(96, 104)


@st.composite
def recordings(draw: st.DrawFn) -> Ticks:
    events: list[Trade | Top | Depth] = [START]
    update = 100
    for at in range(1, draw(st.integers(5, 40))):
        update += draw(st.integers(1, 3))
        occurred = max(0, at - draw(st.integers(0, 2)))
        match draw(st.integers(0, 2)):
            case 0:
                events.append(Trade(at, draw(PRICES), draw(st.integers(1, 12)), draw(st.sampled_from([BID, ASK]))))
            case 1:
                bid = draw(st.integers(96, 103))
                quantities = draw(st.tuples(st.integers(1, 15), st.integers(1, 15)))
                events.append(Top(at, update, bid, quantities[0], bid + 1, quantities[1], occurred))
            case _:
                before = max((each.final for each in events if isinstance(each, Depth)), default=0)
                level = (draw(st.sampled_from([BID, ASK])), draw(PRICES), draw(st.integers(0, 15)))
                events.append(Depth(at, before + 1, max(update, before + 1), before, (level,), occurred=occurred))
    return ticks_of(*events)


ORDERS = st.lists(
    st.tuples(
        st.integers(0, 30), st.sampled_from([BUY, SELL]), st.integers(1, 9), st.one_of(st.none(), PRICES), st.booleans()
    ),
    min_size=1,
    max_size=8,
)


def played(ticks: Ticks, orders: list[tuple], queue: QueueModel, latency: Latency) -> Desk:
    desk = Desk(ticks, queue, latency)
    for n, (at, side, size, price, stop) in enumerate(sorted(orders, key=lambda each: each[0])):
        desk.at(at).send(order(f"o{n}", side, size, price, stop=stop and price is not None))
    return desk.at(1000)


@given(recordings(), ORDERS, st.sampled_from([RISK, EVEN]), st.integers(0, 4))
def test_whatever_happens_the_ticks_allow_it(ticks: Ticks, orders: list[tuple], queue: QueueModel, delay: int) -> None:
    latency = Latency(delay * MS, MS, entry_jitter_ns=(0, MS, 0, 3 * MS))
    desk = played(ticks, orders, queue, latency)
    assert played(ticks, orders, queue, latency).heard == desk.heard
    traded = {int(at) // MS: row for row, at in enumerate(ticks.trades.known_at)}
    made: dict[int, int] = {}
    wanted = {each.order.client_id: each for each in desk.venue.orders.history}
    for at, client_id, size, paid, liquidity in desk.fills():
        sent = wanted[client_id].order
        if sent.price is not None and not sent.is_conditional:
            assert (paid * BTC.tick - sent.price) * sent.side.sign <= 0
        if liquidity == "maker":
            row = traded[at]
            assert (ticks.trades.price[row] - paid) * sent.side.sign <= 0
            made[at] = made.get(at, 0) + size
    for at, size in made.items():
        assert size <= ticks.trades.quantity[traded[at]]
    for each in wanted.values():
        assert each.filled == sum(f.quantity for f in desk.venue.fills if f.order_id == each.order.client_id)
        assert each.filled <= each.order.quantity


@given(recordings(), ORDERS, st.sampled_from([RISK, EVEN]))
def test_skipping_quiet_ticks_changes_nothing(ticks: Ticks, orders: list[tuple], queue: QueueModel) -> None:
    skipping = played(ticks, orders, queue, Latency(MS, MS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tick_market, "_SKIPPED_MIN", 10**9)
        one_by_one = played(ticks, orders, queue, Latency(MS, MS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tick_market, "_SKIPPED_MIN", 1)
        always = played(ticks, orders, queue, Latency(MS, MS))
    assert skipping.heard == one_by_one.heard == always.heard
    assert skipping.market.quote() == one_by_one.market.quote() == always.market.quote()


@given(recordings(), st.integers(0, 20), st.sampled_from([BUY, SELL]), st.integers(1, 9), PRICES)
def test_the_risk_adverse_order_is_never_filled_further(
    ticks: Ticks, at: int, side: Side, size: int, price: int
) -> None:
    risk, even = (played(ticks, [(at, side, size, price, False)], model, Latency(0, 0)) for model in (RISK, EVEN))
    for ms in range(45):
        filled = [sum(each[2] for each in desk.fills() if each[0] <= ms) for desk in (risk, even)]
        assert filled[0] <= filled[1]


# -- the recorded session ----------------------------------------------------------------


@pytest.fixture(scope="module")
def session(real_data: Path) -> Ticks:
    return read_ticks(real_data / "ticks/binance-um-BTCUSDT-20240808", BTC)


def joined_at_best_bid(ticks: Ticks, queue: QueueModel, delay_ms: int) -> Desk:
    """Every ten seconds a bid of 0.05 at the best bid, cancelled when the next one is sent."""
    desk = Desk(ticks, queue, Latency(delay_ms * MS, delay_ms * MS))
    begin, end = int(ticks.known_at[0]) / MS, int(ticks.known_at[-1]) / MS
    name, at = "", begin + 1000
    while at < end:
        desk.at(at)
        quote = desk.market.quote()
        if name:
            desk.cancel(name)
        if quote is not None:
            name = f"b{round(at - begin)}"
            desk.send(order(name, BUY, 50, int(quote.bid / BTC.tick)))
        at += 10_000
    return desk.at(end)


@pytest.mark.real_data
@pytest.mark.parametrize("queue", [RISK, EVEN])
def test_at_the_real_best_bid_an_order_fills_only_when_the_trades_say_so(session: Ticks, queue: QueueModel) -> None:
    """Each maker fill is one trade's doing, at our price or through it, and takes no more than what traded."""
    desk = joined_at_best_bid(session, queue, delay_ms=5)
    made = [each for each in desk.fills() if each[4] == "maker"]
    assert len(made) >= 10
    assert len(desk.venue.orders.history) >= 30
    trades = session.trades
    at_ms = trades.known_at // MS
    for at, _, size, price, _ in made:
        met = (at_ms == at) & ((trades.price < price) | ((trades.price == price) & (trades.aggressor == ASK)))
        assert met.any()
        assert size <= int(trades.quantity[met].sum())
    untouched = [each for each in desk.venue.orders.history if each.filled == 0]
    assert untouched
    assert desk.heard == joined_at_best_bid(session, queue, delay_ms=5).heard


@pytest.mark.real_data
def test_without_its_trades_the_real_session_fills_no_maker(session: Ticks) -> None:
    silent = Ticks(trades=session.trades.rows(session.trades.trade_id < 0), tops=session.tops, depth=session.depth)
    desk = Desk(silent, RISK).at(int(session.known_at[20_000]) / MS)
    best = desk.market.book.best(BID)
    assert best is not None
    desk.send(order("o", BUY, 5, best), order("above", SELL, 5, best + 30)).at(int(session.known_at[-1]) / MS)
    assert desk.fills() == []
    assert desk.market.is_over


@pytest.mark.real_data
def test_on_the_real_session_a_later_arrival_meets_the_later_book(session: Ticks) -> None:
    prices = set()
    for delay_ms in (0, 60_000, 120_000):
        desk = Desk(session, latency=Latency(delay_ms * MS, 0)).at(int(session.known_at[20_000]) / MS)
        desk.send(order("o", BUY, 20)).at(int(session.known_at[-1]) / MS)
        (fill,) = desk.venue.fills
        row = int((session.tops.known_at <= (int(session.known_at[20_000]) + delay_ms * MS)).sum()) - 1
        assert fill.price == int(session.tops.ask[row]) * BTC.tick
        prices.add(fill.price)
    assert len(prices) == 3
