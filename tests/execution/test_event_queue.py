"""What waits before the machine: the urgent first, whole and in order; of quotes the last; nothing lost unsaid.

Proves: SX-11
"""

from collections import Counter
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.errors import UsageError
from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.contracts import OrderDecision
from qts.execution.event_queue import LANE_OF, EventQueue, Lane, QueueBounds, Shown, Waiting
from qts.execution.events import (
    AccountUpdate,
    CancelAck,
    CancelOutcome,
    Decided,
    Event,
    NetProtection,
    OperatorSaid,
    OperatorVerb,
    OrderAck,
    OrderEnded,
    ProtectionWanted,
    QueueOverflow,
    Quote,
    SendOutcome,
    TimeReached,
    VenueStatus,
    Withdrawn,
)

T0 = 1_700_000_000_000


def quote(symbol: str, price: int) -> Quote:
    at = Decimal(price)
    return Quote(symbol, at, at, at + 1, T0)


def fill(number: int) -> Fill:
    return Fill(
        fill_id=str(number),
        order_id="o",
        symbol="X",
        side=Side.BUY,
        quantity=Decimal(1),
        price=Decimal(1),
        reference_price=Decimal(1),
        fee=Decimal(0),
        liquidity=Liquidity.TAKER,
        cause=Cause.ORDER,
        realized_pnl=Decimal(0),
        occurred_at=T0,
    )


def decided(number: int, strategy: str = "s", *effects: Effect) -> Decided:
    return Decided(
        tuple(
            OrderDecision(
                Order(
                    order_id=f"{number}.{place}",
                    symbol="X",
                    side=Side.BUY,
                    type=OrderType.MARKET,
                    quantity=Decimal(1),
                    effect=effect,
                    price=None,
                    stop_loss=None,
                    take_profit=None,
                    created_at=T0,
                    good_until=None,
                    reason="",
                ),
                Decimal(1),
                strategy,
            )
            for place, effect in enumerate(effects or (Effect.INCREASE,))
        )
    )


def drained(queue: EventQueue) -> list[Waiting]:
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
    assert len(queue) == 0
    return taken


def filled(queue: EventQueue, *items: Waiting) -> EventQueue:
    for item in items:
        queue.put(item)
    return queue


def test_every_kind_of_event_has_a_lane():
    assert set(LANE_OF) == {*get_args(Event), Shown}
    for kind in (Fill, OrderAck, OrderEnded, OperatorSaid, VenueStatus, AccountUpdate):
        assert LANE_OF[kind] is Lane.URGENT
    assert {kind for kind, lane in LANE_OF.items() if lane is Lane.MARKET} == {Quote, TimeReached}
    assert {kind for kind, lane in LANE_OF.items() if lane is Lane.EVALUATION} == {
        Decided,
        NetProtection,
        ProtectionWanted,
        Withdrawn,
    }


def test_what_is_neither_event_nor_shown_is_not_taken_in():
    with pytest.raises(KeyError):
        EventQueue().put("news")  # type: ignore[arg-type]


def test_lanes_are_served_in_their_order_whatever_order_they_were_filled_in():
    shown, wish, price, news = Shown("pnl", "1"), decided(1), quote("X", 1), fill(1)
    kill = OperatorSaid(OperatorVerb.KILL, "kim")
    queue = filled(EventQueue(), shown, wish, price, news, kill)
    assert [queue.depth(lane) for lane in Lane] == [2, 1, 1, 1]
    assert len(queue) == 5
    assert drained(queue) == [news, kill, price, wish, shown]


def test_of_a_symbols_quotes_the_last_waits_in_the_place_of_the_first():
    queue = EventQueue()
    assert queue.put(quote("X", 1)) is None
    assert queue.put(quote("Y", 1)) is None
    assert queue.put(quote("X", 2)) == quote("X", 1)
    assert queue.quotes_replaced == 1
    assert drained(queue) == [quote("X", 2), quote("Y", 1)]


def test_time_waits_once():
    queue = filled(EventQueue(), TimeReached(), quote("X", 1), TimeReached())
    assert queue.quotes_replaced == 0
    assert drained(queue) == [TimeReached(), quote("X", 1)]


# -- urgent ---------------------------------------------------------------------------


def test_past_its_bound_the_urgent_lane_keeps_all_and_tells_once_ahead_of_all():
    queue = EventQueue(QueueBounds(urgent=4))
    for number in range(7):
        assert queue.put(fill(number)) is None
    assert queue.overflowed
    assert queue.take() == QueueOverflow(5)
    assert drained(queue) == [fill(number) for number in range(7)]
    assert not queue.overflowed


def test_at_its_bound_it_has_not_run_over():
    queue = filled(EventQueue(QueueBounds(urgent=4)), *map(fill, range(4)))
    assert not queue.overflowed
    assert queue.take() == fill(0)


def test_it_tells_again_only_after_it_fell_to_half():
    queue = filled(EventQueue(QueueBounds(urgent=4)), *map(fill, range(5)))
    assert queue.take() == QueueOverflow(5)
    for number in range(2):
        assert queue.take() == fill(number)
    queue = filled(queue, *map(fill, range(5, 8)))  # 3 were left: six wait, and it is still the same overflow
    assert queue.overflowed
    assert queue.take() == fill(2)
    for number in range(3, 6):
        assert queue.take() == fill(number)
    assert not queue.overflowed  # two of four are left
    filled(queue, *map(fill, range(8, 11)))
    assert queue.take() == QueueOverflow(5)
    assert drained(queue) == [fill(number) for number in range(6, 11)]


# -- decisions ------------------------------------------------------------------------


def test_a_full_lane_gives_up_the_oldest_of_the_same_strategy():
    queue = EventQueue(QueueBounds(evaluation=2))
    assert queue.put(decided(1, "a")) is None
    assert queue.put(decided(2, "b")) is None
    assert queue.put(decided(3, "b")) == decided(2, "b")
    assert queue.decisions_dropped == 1
    assert queue.put(decided(4, "c")) == decided(1, "a")  # its own has none waiting: the oldest
    assert drained(queue) == [decided(3, "b"), decided(4, "c")]


def test_what_reduces_or_protects_is_never_given_up():
    exit_ = decided(1, "a", Effect.INCREASE, Effect.REDUCE)
    stop = ProtectionWanted("X", Decimal(1), None)
    queue = filled(EventQueue(QueueBounds(evaluation=2)), exit_, stop)
    assert queue.put(stop) is None
    assert queue.put(decided(2, "a", Effect.REDUCE)) is None
    assert queue.put(decided(3, "a")) == decided(3, "a")  # the only one that may go is the newest itself
    assert queue.decisions_dropped == 1
    assert drained(queue) == [exit_, stop, stop, decided(2, "a", Effect.REDUCE)]


# -- what is shown --------------------------------------------------------------------


def test_past_its_bound_one_in_ten_is_shown_the_oldest_making_room():
    queue = EventQueue(QueueBounds(shown=3, shown_one_in=10))
    items = [Shown("pnl", str(number)) for number in range(23)]
    given_back = [queue.put(item) for item in items]
    assert given_back[:3] == [None] * 3
    assert given_back[3:12] == items[3:12]
    assert given_back[12] == items[0]
    assert given_back[22] == items[1]
    assert queue.shown_dropped == 20
    assert drained(queue) == [items[2], items[12], items[22]]


# -- who waits for whom ---------------------------------------------------------------


def test_quotes_without_end_delay_a_decision_and_do_not_starve_it():
    queue = filled(EventQueue(QueueBounds(passed_max=5)), decided(1), Shown("pnl", "1"))
    served = []
    for number in range(20):
        queue.put(quote("X", number))
        served.append(queue.take())
    assert served.index(decided(1)) == 5
    assert Shown("pnl", "1") in served[5:8]


def test_the_urgent_are_served_even_when_another_lanes_turn_has_come():
    queue = filled(EventQueue(QueueBounds(passed_max=2)), decided(1), quote("X", 1), quote("Y", 1), quote("Z", 1))
    assert queue.take() == quote("X", 1)
    assert queue.take() == quote("Y", 1)
    queue.put(fill(1))
    assert queue.take() == fill(1)
    assert queue.take() == decided(1)


@pytest.mark.parametrize("field", ["urgent", "evaluation", "shown", "shown_one_in", "passed_max"])
def test_a_bound_too_low_is_refused(field: str):
    with pytest.raises(UsageError):
        QueueBounds(**{field: 1 if field == "passed_max" else 0})


# -- whatever comes -------------------------------------------------------------------

URGENT = st.one_of(
    st.builds(fill, st.integers(0, 10**6)),
    st.builds(OrderAck, st.text("ab", max_size=3), st.sampled_from(SendOutcome)),
    st.builds(CancelAck, st.text("ab", max_size=3), st.sampled_from(CancelOutcome)),
    st.builds(OrderEnded, st.text("ab", max_size=3), st.just(OrderState.CANCELED)),
    st.builds(VenueStatus, st.booleans()),
    st.builds(OperatorSaid, st.sampled_from(OperatorVerb), st.just("kim")),
)
BELOW = st.one_of(
    st.builds(quote, st.sampled_from("XYZ"), st.integers(1, 9)),
    st.just(TimeReached()),
    st.builds(decided, st.integers(0, 99), st.sampled_from("ab"), st.sampled_from(Effect)),
    st.builds(ProtectionWanted, st.sampled_from("XYZ"), st.none(), st.none()),
    st.builds(Shown, st.just("pnl"), st.text("01", max_size=2)),
)
MOVES = st.lists(st.one_of(st.none(), URGENT, BELOW), max_size=80)
BOUNDS = st.builds(
    QueueBounds,
    urgent=st.integers(1, 5),
    evaluation=st.integers(1, 4),
    shown=st.integers(1, 4),
    shown_one_in=st.integers(1, 3),
    passed_max=st.integers(2, 6),
)


def played(bounds: QueueBounds, moves: list[Waiting | None]) -> tuple[list[Waiting], list[Waiting], EventQueue]:
    """Put what is not None, take at each None, then take the rest: what was taken, what was given back."""
    queue, taken, back = EventQueue(bounds), [], []
    for move in moves:
        if move is None:
            urgent_waited = queue.depth(Lane.URGENT) > 0
            item = queue.take()
            if item is not None:
                taken.append(item)
                assert not urgent_waited or LANE_OF[type(item)] is Lane.URGENT
        else:
            dropped = queue.put(move)
            assert dropped is None or LANE_OF[type(dropped)] is not Lane.URGENT
            back += [] if dropped is None else [dropped]
        assert queue.depth(Lane.MARKET) <= 4  # three symbols and the clock
        assert queue.depth(Lane.SHOWN) <= bounds.shown
    return taken + drained(queue), back, queue


def kept(items: list[Waiting | None], *kinds: type) -> list[Waiting]:
    return [item for item in items if isinstance(item, kinds)]


@settings(max_examples=300)
@given(BOUNDS, MOVES)
def test_no_urgent_event_is_ever_lost_or_comes_out_of_order(bounds, moves):
    taken, _, _ = played(bounds, moves)
    urgent = [item for item in taken if LANE_OF[type(item)] is Lane.URGENT and not isinstance(item, QueueOverflow)]
    assert urgent == [move for move in moves if move is not None and LANE_OF[type(move)] is Lane.URGENT]


@settings(max_examples=300)
@given(BOUNDS, MOVES)
def test_everything_that_came_in_comes_out_or_is_given_back(bounds, moves):
    taken, back, queue = played(bounds, moves)
    out = Counter(map(repr, [*taken, *back])) - Counter(map(repr, kept(taken, QueueOverflow)))
    assert out == Counter(repr(move) for move in moves if move is not None)
    assert queue.quotes_replaced == len(kept(back, Quote))
    assert queue.decisions_dropped == len(kept(back, Decided))
    assert queue.shown_dropped == len(kept(back, Shown))
    assert kept(back, ProtectionWanted) == []


@given(BOUNDS, MOVES)
def test_a_lane_keeps_its_order(bounds, moves):
    """Of decisions and stops what came out is what came in, less what was given back, in its order."""
    taken, _, _ = played(bounds, moves)
    came = [move for move in moves if isinstance(move, Decided | ProtectionWanted)]
    rest = iter(came)
    assert all(any(item == each for each in rest) for item in kept(taken, Decided, ProtectionWanted))


@given(BOUNDS, MOVES)
def test_of_each_symbol_the_last_quote_is_handled_and_handled_last(bounds, moves):
    taken, _, _ = played(bounds, moves)
    for symbol in "XYZ":
        came = [move for move in moves if isinstance(move, Quote) and move.symbol == symbol]
        out = [item for item in taken if isinstance(item, Quote) and item.symbol == symbol]
        assert out[-1:] == came[-1:]


@given(BOUNDS, MOVES)
def test_the_same_in_gives_the_same_out(bounds, moves):
    assert played(bounds, moves)[:2] == played(bounds, moves)[:2]


@given(BOUNDS, MOVES)
def test_no_lane_below_waits_longer_than_it_must(bounds, moves):
    """Urgent ones aside: a decision sees at most passed_max others served before its lane is, a screen one more."""
    queue = EventQueue(bounds)
    passed = {Lane.MARKET: 0, Lane.EVALUATION: 0, Lane.SHOWN: 0}
    limits = {Lane.MARKET: 2, Lane.EVALUATION: bounds.passed_max, Lane.SHOWN: bounds.passed_max + 1}
    for move in [*moves, *[None] * 100]:
        if move is not None:
            queue.put(move)
            continue
        waits = {lane: queue.depth(lane) > 0 for lane in passed}
        item = queue.take()
        served = None if item is None else LANE_OF[type(item)]
        if served is Lane.URGENT:
            continue
        passed = {lane: 0 if not waits[lane] or lane is served else times + 1 for lane, times in passed.items()}
        assert all(times <= limits[lane] for lane, times in passed.items()), passed
