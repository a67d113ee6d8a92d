"""Orders at a venue of ticks fill when, as far as, and at the price the ticks say.

Proves: QL-11
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from qts.domain.errors import DataError
from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.events import OrderAck, OrderEnded, SendOutcome
from qts.market.ticks import ASK, BID
from qts.simulation.queue_position import ProportionalQueue, QueueModel, RiskAdverseQueue
from tests.market.tick_cases import BTC, Depth, Top, Trade, asks, bids, ticks_of
from tests.simulation.tick_desk import START, Desk, lots, order

BUY, SELL = Side.BUY, Side.SELL
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
