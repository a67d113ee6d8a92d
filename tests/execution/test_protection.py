"""Stop and target as our own pair, rule by rule.

Proves: QL-16
"""

from decimal import Decimal

import pytest

from qts.domain.order import OrderType
from qts.domain.order_lifecycle import OrderEvent
from qts.execution.contracts import Role
from qts.execution.protection import (
    BACKSTOP_AFTER_MS,
    CONFIRM_MAX_MS,
    STOPS_MAX,
    CancelLeg,
    EscapeNow,
    PlaceLeg,
    Unprotected,
    due,
)
from tests.execution.protected_venue import T0, Venue


def held(position="2", **wishes):
    """A venue with the position and its accepted pair."""
    venue = Venue(position, **wishes)
    venue.settle()
    return venue


def shown(steps):
    """Steps as short text."""
    words = []
    for each in steps:
        if isinstance(each, PlaceLeg):
            order = each.order
            words.append(f"place {order.role.value} {order.side.value} {order.quantity.normalize()} at {order.price}")
        elif isinstance(each, CancelLeg):
            words.append(f"cancel {each.client_id.rpartition('-')[2]}")
        else:
            words.append(f"escape: {each.why}")
    return words


# -- the pair ------------------------------------------------------------------------------


def test_a_position_gets_its_pair_at_once_sized_to_what_is_held():
    venue = Venue("2")
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 90", "place take-profit sell 2 at 110"]
    orders = [each.order for each in venue.records]
    assert [each.type for each in orders] == [OrderType.STOP, OrderType.LIMIT]
    assert all(each.reduce_only and each.parent_id == venue.epoch_id for each in orders)
    assert venue.ask() == ()


def test_a_short_position_is_protected_by_buying():
    assert shown(Venue("-2", stop="110", target="90").ask()) == [
        "place stop-loss buy 2 at 110",
        "place take-profit buy 2 at 90",
    ]


def test_nothing_is_asked_for_twice():
    venue = held()
    assert venue.ask() == ()
    assert due(venue.facts(), venue.now) is None


def test_what_is_below_one_lot_is_not_a_position():
    venue = held("2.0004")
    assert venue.stops[0].order.quantity == 2
    venue.hold("0.0004")
    assert shown(venue.ask()) == ["cancel e1.sl1", "cancel e1.tp2"]


def test_a_stop_alone_goes_when_less_than_a_lot_is_left():
    venue = held(target=None)
    venue.hold("0.0004")
    assert shown(venue.ask()) == ["cancel e1.sl1"]


def test_the_target_fills_and_the_stop_goes():
    venue = held()
    venue.fill(venue.targets[0], Decimal(2))
    assert shown(venue.ask()) == ["cancel e1.sl1"]


def test_the_stop_fills_and_the_target_goes():
    venue = held()
    venue.fill(venue.stops[0], Decimal(2))
    assert shown(venue.ask()) == ["cancel e1.tp2"]


def test_a_stop_that_fills_in_parts_covers_what_is_left():
    venue = held()
    venue.fill(venue.stops[0], Decimal("0.5"))
    assert shown(venue.ask()) == ["cancel e1.tp2"], "only the target is too large now"


def test_a_cancellation_that_nobody_confirmed_is_asked_for_again():
    venue = held()
    venue.hold("0")
    assert len(venue.ask()) == 2
    assert due(venue.facts(), venue.now) == venue.now + 2_000
    venue.now += 1_999
    assert venue.ask() == ()
    venue.now += 1
    assert len(venue.ask()) == 2


def test_legs_of_the_last_position_go_before_the_next_ones_come():
    venue = held()
    venue.hold("-1")
    venue.stop, venue.target = Decimal(120), Decimal(80)
    assert shown(venue.ask()) == [
        "cancel e1.sl1",
        "cancel e1.tp2",
        "place stop-loss buy 1 at 120",
        "place take-profit buy 1 at 80",
    ]


# -- growing, moving ------------------------------------------------------------------------


def test_a_stop_is_replaced_by_placing_first_and_cancelling_once_it_is_accepted():
    venue = held(target=None)
    venue.stop = Decimal(95)
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 95"]
    assert venue.ask() == ()
    venue.hear(venue.stops[1], OrderEvent.ACCEPT)
    assert shown(venue.ask()) == ["cancel e1.sl1"]


def test_a_position_that_grows_is_covered_whole():
    venue = held("1", target=None)
    venue.hold("3")
    assert shown(venue.ask()) == ["place stop-loss sell 3 at 90"]
    venue.settle()
    assert [each.order.quantity for each in venue.stops] == [3]


def test_two_stops_may_cover_together_while_fills_are_faster_than_answers():
    venue = Venue("1", target=None)
    venue.ask()
    venue.hold("2")
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 90"]
    venue.hold("3")
    assert venue.ask() == (), "1 and 2 on their way cover 3"
    venue.settle()
    assert [each.order.quantity for each in venue.stops] == [1, 2]
    venue.hold("4")
    assert shown(venue.ask()) == ["cancel e1.sl1"], "there is room for two"
    venue.settle()
    assert [each.order.quantity for each in venue.stops] == [4]


def test_a_position_that_shrinks_keeps_its_stop_and_resizes_its_target():
    venue = held()
    venue.hold("1")
    assert shown(venue.ask()) == ["cancel e1.tp2"]
    assert venue.ask() == (), "the target is placed again only once the old one is gone"
    venue.hear(venue.targets[0], OrderEvent.CANCEL)
    assert shown(venue.ask()) == ["place take-profit sell 1 at 110"]


def test_the_target_gives_way_to_an_exit_and_comes_back():
    venue = held()
    venue.release = True
    venue.settle()
    assert venue.targets == []
    assert len(venue.stops) == 1
    venue.release = False
    assert shown(venue.ask()) == ["place take-profit sell 2 at 110"]


def test_a_wish_of_none_keeps_the_stop_and_takes_the_target_away():
    venue = held()
    venue.stop = venue.target = None
    assert shown(venue.ask()) == ["cancel e1.tp2"]


# -- refusals --------------------------------------------------------------------------------


def refuse(venue, code=-4120):
    venue.hear(venue.stops[-1], OrderEvent.REJECT, code)


def test_a_refused_stop_is_tried_three_times_within_two_seconds_and_then_given_up():
    venue = Venue("2", target=None)
    venue.ask()
    refuse(venue)
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 90"], "again, at once"
    refuse(venue)
    assert venue.ask() == ()
    assert due(venue.facts(), venue.now) == venue.now + 1_000
    venue.now += 1_000
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 90"], "again, a second later"
    refuse(venue)
    assert venue.ask() == (EscapeNow(Unprotected.REFUSED),)
    assert venue.ask() == ()


def test_a_refusal_nobody_could_act_on_for_two_seconds_is_given_up():
    venue = Venue("2", target=None)
    venue.ask()
    refuse(venue)
    venue.now += 2_001
    assert venue.ask() == (EscapeNow(Unprotected.REFUSED),)


@pytest.mark.parametrize("code", [-2021, -4142])
def test_a_stop_that_would_trigger_at_once_is_an_exit(code):
    venue = Venue("2", target=None, mark=None)
    venue.ask()
    refuse(venue, code)
    assert venue.ask() == (EscapeNow(Unprotected.WOULD_TRIGGER),)


@pytest.mark.parametrize(("position", "stop", "mark"), [("2", "90", "90"), ("2", "90", "85"), ("-2", "110", "111")])
def test_a_stop_beyond_the_mark_is_not_even_sent(position, stop, mark):
    assert Venue(position, stop=stop, target=None, mark=mark).ask() == (EscapeNow(Unprotected.WOULD_TRIGGER),)


@pytest.mark.parametrize("event", [OrderEvent.REJECT, OrderEvent.EXPIRE])
def test_a_stop_that_ended_while_the_position_stands_is_an_exit(event):
    venue = held(target=None)
    venue.hear(venue.stops[0], event)
    assert venue.ask() == (EscapeNow(Unprotected.ENDED),)


def test_a_stop_somebody_cancelled_is_placed_again():
    venue = held(target=None)
    venue.now += 60_000
    venue.hear(venue.stops[0], OrderEvent.CANCEL)
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 90"]


def test_a_venue_that_cancels_every_stop_is_given_up():
    venue = Venue("2", target=None)
    for _ in range(3):
        venue.now += 1_000
        venue.ask()
        venue.hear(venue.stops[0], OrderEvent.ACCEPT)
        venue.hear(venue.stops[0], OrderEvent.CANCEL)
    assert venue.ask() == (EscapeNow(Unprotected.REFUSED),)


def test_a_refused_replacement_leaves_the_stop_that_covers():
    venue = held(target=None)
    venue.stop = Decimal(95)
    for _ in range(3):
        assert shown(venue.ask()) == ["place stop-loss sell 2 at 95"]
        refuse(venue)
        venue.now += 1_000
    assert venue.ask() == ()
    venue.now += 3_600_000
    assert venue.ask() == ()
    venue.stop = Decimal(96)
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 96"], "a new wish is a new try"
    refuse(venue)
    venue.now += 3_600_000
    venue.hold("3")
    assert shown(venue.ask()) == ["place stop-loss sell 3 at 96"], "what is missing now is new"


def test_a_target_that_is_refused_is_no_emergency():
    venue = Venue("2")
    for _ in range(5):
        venue.ask()
        for each in venue.targets:
            venue.hear(each, OrderEvent.REJECT, -2022)
        venue.now += 1_000
    assert [type(each) for each in venue.said].count(EscapeNow) == 0
    assert sum("take-profit" in words for words in shown(venue.said)) == 3


# -- silence ---------------------------------------------------------------------------------


def test_a_stop_nobody_confirms_gets_a_second_and_the_surplus_is_swept():
    venue = Venue("2", target=None)
    venue.ask()
    venue.hear(venue.stops[0], OrderEvent.LOSE)
    assert venue.ask() == ()
    assert due(venue.facts(), venue.now) == venue.now + 2_000
    venue.now += 2_000
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 90"]
    venue.hear(venue.stops[0], OrderEvent.ACCEPT)
    assert venue.ask() == (), "the second may yet prove not to be there"
    venue.hear(venue.stops[1], OrderEvent.ACCEPT)
    assert shown(venue.ask()) == ["cancel e1.sl1"]


def test_a_position_nobody_confirms_a_stop_for_is_given_back():
    venue = Venue("2", target=None)
    venue.ask()
    venue.now += 2_000
    venue.ask()
    assert len(venue.stops) == STOPS_MAX
    venue.now += 2_000
    assert venue.ask() == (), "a third would be one too many"
    venue.now = T0 + CONFIRM_MAX_MS
    assert venue.ask() == (EscapeNow(Unprotected.UNCONFIRMED),)


@pytest.mark.parametrize(
    ("position", "stop", "mark", "price"),
    [("2", "90", "100", "90"), ("2", "90", "85", "83.3"), ("-2", "110", "115", "117.3")],
)
def test_an_escape_that_lasts_gets_a_stop_where_it_was_wished_or_at_the_collar(position, stop, mark, price):
    venue = Venue(position, stop=stop, target=None, mark=mark)
    venue.escaping_since = venue.now
    assert venue.ask() == ()
    assert due(venue.facts(), venue.now) == T0 + BACKSTOP_AFTER_MS
    venue.now = T0 + BACKSTOP_AFTER_MS
    (step,) = venue.ask()
    assert (step.order.price, step.order.quantity, step.order.role) == (Decimal(price), Decimal(2), Role.STOP_LOSS)
    venue.settle()
    venue.now += 60_000
    assert venue.ask() == (), "it covers"
    venue.hear(venue.stops[0], OrderEvent.EXPIRE)
    assert venue.ask() == (), "an escape is not escaped from"
    venue.now += BACKSTOP_AFTER_MS
    assert len(venue.ask()) == 1


def test_a_stop_of_an_earlier_position_stays_while_this_one_is_escaped_from_without_its_own():
    venue = Venue("2", target=None)
    venue.settle()
    venue.epoch, venue.placed = 2, 0
    assert len(venue.ask()) == 1
    venue.hear(venue.stops[0], OrderEvent.REJECT, -2021)
    assert venue.ask() == (EscapeNow(Unprotected.WOULD_TRIGGER),)
    assert venue.ask() == ()
    venue.now += BACKSTOP_AFTER_MS
    assert venue.ask() == (), "what stands in covers"
    venue.hold("0")
    assert shown(venue.ask()) == ["cancel e1.sl1"]


def test_while_escaping_the_stop_stays_and_the_target_goes():
    venue = held()
    venue.escaping_since = venue.now
    assert shown(venue.ask()) == ["cancel e1.tp2"]
    venue.hold("1")
    venue.settle()
    assert len(venue.stops) == 1
    venue.hold("0")
    assert shown(venue.ask()) == ["cancel e1.sl1"]
