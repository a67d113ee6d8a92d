"""The worst that news can do, through the front door: counted and unheard, too much, twice, contradicting, absurd.

Proves: SX-5, SX-6, QL-16, P4-7
"""

from decimal import Decimal

from qts.domain.order_lifecycle import OrderState
from qts.execution.account import ExecutionSettings
from qts.execution.commands import CancelOrder, TakeSnapshot
from qts.execution.contracts import Role
from qts.execution.events import (
    OperatorVerb,
    OrderAck,
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
