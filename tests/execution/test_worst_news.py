"""The worst that news can do, through the front door: counted and unheard, too much, twice, contradicting, absurd.

Proves: SX-5, SX-6, QL-16, P4-7
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.account import ExecutionSettings
from qts.execution.commands import CancelOrder, TakeSnapshot
from qts.execution.contracts import Role
from qts.execution.events import (
    OperatorVerb,
    OrderAck,
    Restarted,
    SendOutcome,
)
from qts.execution.stages.precheck import PreCheckLimits
from tests.execution.front_desk import BTC, SYMBOL, Desk


def stops(desk):
    return [order for order in desk.all_sent if order.role is Role.STOP_LOSS]


def escapes(desk):
    return [order for order in desk.all_sent if order.role is Role.ESCAPE]


def test_kill_takes_over_a_partial_escape_and_its_resting_limit_is_cancelled():
    desk = Desk()
    desk.hold("2")
    desk.quote("100", "100.1")
    desk.decide(desk.decision(limit="100", loss_limit="1", good_for=600_000))
    entry = desk.only_sent
    desk.accept(entry)
    desk.fill(entry, "0.5")
    desk.quote("94", "94.1")
    desk.cancelled(entry, "0.5")
    x = desk.only_sent
    desk.accept(x)  # sell 0.5 limit 92.2, the collar
    desk.quote("90", "90.1")
    desk.operator(OperatorVerb.KILL)  # the market is below it: it rests
    desk.after(60_000)
    assert x.client_id in [command.client_id for command in desk.said if isinstance(command, CancelOrder)]


@pytest.mark.parametrize(("held", "is_in_the_way"), [("0.5", True), ("2", False)])
def test_an_escape_of_one_execution_takes_a_resting_exit_out_of_its_way_where_there_is_no_room(held, is_in_the_way):
    desk = Desk()
    desk.hold(held)
    desk.quote("100", "100.1")
    desk.decide(desk.decision(limit="100", loss_limit="1", good_for=600_000))
    entry = desk.only_sent
    desk.accept(entry)
    desk.fill(entry, "0.5")
    resting = desk.decision(Side.SELL, "1", limit="120", reduce=True)
    desk.decide(resting)
    leaving = desk.only_sent
    desk.accept(leaving)
    desk.quote("94", "94.1")
    assert desk.asked_to_cancel == [leaving.client_id, entry.client_id][not is_in_the_way :]
    desk.cancelled(entry, "0.5")
    assert (desk.sent == []) is is_in_the_way, "the venue would refuse it"
    if is_in_the_way:
        desk.cancelled(leaving, "0")
        assert desk.results[-1].reason == "the position is being given back"
    assert [(each.role, each.quantity) for each in desk.sent] == [(Role.ESCAPE, Decimal("0.5"))]


def test_an_escape_does_not_wait_for_ever_for_the_end_of_what_it_cancelled():
    desk = Desk()
    desk.hold("1")
    desk.decide(desk.decision(limit="90"))
    entry = desk.only_sent
    desk.accept(entry)
    desk.operator(OperatorVerb.ESCAPE, symbol=SYMBOL)
    desk.after(14_999)
    assert not escapes(desk)
    desk.after(2_001)
    (leaving,) = escapes(desk)
    desk.fill(leaving)
    desk.after(10_000)
    assert entry.client_id in desk.asked_to_cancel, "asked for again, and the escape lasts until it is over"
    desk.fill(entry, price="90")
    desk.after(2_000)
    assert escapes(desk)[1:], "what it built meanwhile goes back too"
    desk.fill(escapes(desk)[-1], price="90")
    assert (desk.position, desk.machine.account.escaping) == (0, {})


def test_an_escape_does_not_count_the_time_in_which_it_could_not_ask():
    desk = Desk()
    _, target = desk.hold("1", stop="80", target="120")
    desk.operator(OperatorVerb.ESCAPE, symbol=SYMBOL)
    assert target.client_id in desk.asked_to_cancel
    desk.now += 600_000
    desk.tell(Restarted())
    assert target.client_id in desk.asked_to_cancel
    desk.after(10_000)
    assert not escapes(desk), "the venue would refuse it"


def test_an_escape_does_not_wait_for_ever_for_the_end_of_its_own_collar():
    desk = Desk()
    desk.hold("1")
    desk.quote("100", "100.1")
    desk.operator(OperatorVerb.ESCAPE, symbol=SYMBOL)
    (collar,) = escapes(desk)
    desk.accept(collar)
    desk.quote("90", "90.1")
    desk.after(16_000)
    assert escapes(desk) == [collar]
    desk.after(4_000)
    leaving = escapes(desk)[1]
    desk.fill(leaving, price="90")
    assert desk.machine.account.escaping, "the collar may still rest"
    desk.cancelled(collar, "0")
    assert (desk.position, desk.machine.account.escaping) == (0, {})


def test_kill_during_broker_unstable_flattens():
    desk = Desk()
    desk.hold("1")
    desk.decide(desk.decision(limit="50"))
    order = desk.only_sent
    desk.accept(order)
    desk.decide(desk.decision(limit="51"))
    other = desk.only_sent
    desk.tell(OrderAck(other.client_id, SendOutcome.REFUSED, code=-2015, halts=True))
    desk.operator(OperatorVerb.KILL)
    desk.cancelled(order, "0")
    desk.after(60_000)
    assert escapes(desk), "position 1, LOCKDOWN, and nothing was sent to close it"


def test_kill_waits_for_a_fill_the_venue_has_counted():
    desk = Desk()
    desk.decide(desk.decision(limit="99"))
    order = desk.only_sent
    desk.accept(order)
    desk.operator(OperatorVerb.KILL)
    desk.cancelled(order, "0.3")
    desk.fill(order, "0.3", "99")
    desk.after(60_000)
    assert escapes(desk)


def test_loss_limit_escape_gives_back_what_the_cancel_ack_counted():
    desk = Desk()
    desk.quote("100", "100.1")
    desk.decide(desk.decision(limit="100", loss_limit="1", good_for=600_000))
    entry = desk.only_sent
    desk.accept(entry)
    desk.fill(entry, "0.5")
    desk.quote("94", "94.1")
    desk.cancelled(entry, "0.8")
    x = desk.only_sent
    desk.accept(x)
    desk.fill(x)
    desk.fill(entry, "0.3")
    desk.after(60_000)
    assert sum(order.quantity for order in escapes(desk)) == Decimal("0.8")


def test_position_limit_counts_what_the_venue_counted():
    desk = Desk(ExecutionSettings(instruments={SYMBOL: BTC}, limits=PreCheckLimits(position_max=Decimal(1))))
    desk.decide(desk.decision(limit="99"))
    order = desk.only_sent
    desk.accept(order)
    desk.operator(OperatorVerb.ESCAPE)
    desk.cancelled(order, "1")
    desk.decide(desk.decision())
    new = desk.sent
    assert not [each for each in new if each.role is Role.ENTRY], "worst case is 2, the limit 1"


def test_late_fill_after_a_kill_is_not_kept_naked_in_lockdown():
    desk = Desk()
    desk.decide(desk.decision(limit="99"))
    order = desk.only_sent
    desk.accept(order)
    desk.operator(OperatorVerb.KILL)
    desk.cancelled(order)
    desk.fill(order, "1", "99")
    desk.after(60_000)
    assert escapes(desk)


def test_a_silent_stop_is_asked_about_in_time():
    desk = Desk()
    desk.decide(desk.decision(stop="90"))
    entry = desk.only_sent
    desk.accept(entry)
    desk.fill(entry)
    assert desk.machine.due is not None, "CONFIRM_MAX_MS, PROTECTIVE_AGAIN_MS"


def test_a_silent_top_up_stop_leaves_half_uncovered():
    desk = Desk()
    desk.hold(stop="90")
    desk.decide(desk.decision(stop="90"))
    entry = desk.only_sent
    desk.accept(entry)
    desk.fill(entry)
    desk.after(60_000)
    assert escapes(desk) or len(stops(desk)) > 2


def test_counted_but_unheard_fill_is_asked_for_until_heard():
    desk = Desk()
    desk.decide(desk.decision(limit="99", stop="90"))
    order = desk.only_sent
    desk.accept(order)
    trade = desk.trade(order, "0.5", "99")
    desk.ended(order, OrderState.CANCELED, "0.5")
    assert desk.snapshots_asked
    desk.snapshot("0")  # REST is one beat behind the stream
    for _ in range(60):
        if any(isinstance(command, TakeSnapshot) for command in desk.after(1_000)):
            desk.snapshot("0.5", fills=(trade,))
    assert desk.position == Decimal("0.5")


def test_a_snapshot_that_failed_is_asked_for_again():
    desk = Desk()
    desk.decide(desk.decision(limit="99", stop="90"))
    order = desk.only_sent
    desk.accept(order)
    desk.ended(order, OrderState.CANCELED, "1")
    desk.after(3_600_000)
    assert sum(isinstance(command, TakeSnapshot) for command in desk.said) > 1


def with_an_order_of_the_phone(desk):
    """Lists that never agree: somebody else's order rests in them. Told so for half a minute."""
    desk.quote("100", "100.1")
    (stop,) = desk.hold("1", stop="90")
    listed = (desk.listed(stop), replace(desk.listed(stop), client_id="phone", reduce_only=False))
    for _ in range(30):
        desk.after(1_000)
        desk.snapshot("1", orders=listed)
    return listed


def test_a_position_that_is_off_once_is_not_put_right_because_something_else_was_off_before():
    desk = Desk()
    listed = with_an_order_of_the_phone(desk)
    for position in (1, 1, 2):
        desk.after(1_000)
        desk.snapshot("2", orders=listed)
        assert desk.position == position, "the third in a row says so"


def test_an_order_that_is_in_no_list_once_is_not_over_because_something_else_was_off_before():
    desk = Desk()
    _, phone = with_an_order_of_the_phone(desk)
    (stop,) = stops(desk)
    for _ in range(2):
        desk.after(1_000)
        desk.snapshot("1", orders=(phone,))
        assert stop.client_id in desk.queried
        assert desk.record(stop).state is OrderState.ACCEPTED
    desk.after(1_000)
    desk.snapshot("1", orders=(phone,))
    assert desk.record(stop).state is OrderState.CANCELED


def test_a_snapshot_of_the_very_instant_of_a_fill_says_nothing_of_the_position():
    desk = Desk()
    desk.hold("1")
    desk.quote("100", "100.1")
    for _ in range(3):
        desk.after(1_000)
        desk.decide(desk.decision(Side.SELL, "0.1", reduce=True))
        leaving, before = desk.only_sent, str(desk.position)
        desk.fill(leaving)
        desk.snapshot(before)
    assert desk.position == Decimal("0.7")


@pytest.mark.parametrize(("late", "still_sent"), [("0.5", []), ("0.3", [Decimal("0.2")])])
def test_a_rest_is_what_is_left_when_it_goes_out_and_not_when_it_was_decided(late, still_sent):
    """Of two slices one ended without a fill, so it seemed; its trade is heard behind the end of the other."""
    desk = Desk(ExecutionSettings(instruments={SYMBOL: BTC}, quantity_max={SYMBOL: Decimal("0.5")}))
    desk.decide(desk.decision())
    first, second = desk.sent
    desk.accept(first)
    desk.accept(second)
    desk.ended(first, OrderState.EXPIRED, "0")
    trades = (desk.trade(second), desk.trade(first, late))
    desk.after(1_000)
    desk.snapshot(str(Decimal("0.5") + Decimal(late)), fills=trades)
    assert [order.quantity for order in desk.sent if order.role is Role.ENTRY] == still_sent


def test_a_quote_from_before_a_restart_ends_no_position_and_prices_no_escape():
    """The market was below the stop; while nobody was there it went elsewhere, and our entry filled."""
    desk = Desk()
    desk.quote("89", "89.1")
    desk.decide(desk.decision(stop="90"))
    entry = desk.only_sent
    desk.now += 600_000
    desk.tell(Restarted())
    desk.snapshot("1", fills=(desk.trade(entry),))
    assert [each.role for each in desk.sent] == [Role.STOP_LOSS]
    desk.operator(OperatorVerb.ESCAPE, symbol=SYMBOL)
    assert [(each.role, each.price) for each in desk.sent] == [(Role.ESCAPE, None)], "no collar of ten minutes ago"
