"""The last stop that covers stays: neither is it asked to go a second time, nor for one that may be gone itself.

Proves: QL-16
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from qts.domain.fill import Cause
from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.contracts import Role, SplitOrder
from qts.execution.events import CancelAck, CancelOutcome, NetProtection, ProtectionWanted, QueryAnswer, Restarted
from tests.execution.front_desk import SYMBOL, Desk


def replaced_but_still_there(desk: Desk) -> tuple[SplitOrder, SplitOrder]:
    """The stop at 90 has a successor at 92, and nobody knows whether its cancellation was heard."""
    (old,) = desk.hold("1", stop="90")
    desk.tell(ProtectionWanted(SYMBOL, Decimal(92), None))
    new = desk.only_sent
    desk.accept(new)
    assert desk.asked_to_cancel == [old.client_id]
    desk.tell(CancelAck(old.client_id, CancelOutcome.UNKNOWN, None, -1006))
    return old, new


def stops(orders: list[SplitOrder]) -> list[SplitOrder]:
    return [each for each in orders if each.role is Role.STOP_LOSS]


def test_while_its_successor_covers_it_is_asked_again() -> None:
    desk = Desk()
    old, _ = replaced_but_still_there(desk)
    desk.after(2_000)
    assert desk.asked_to_cancel == [old.client_id]


@pytest.mark.parametrize("state", [OrderState.REJECTED, OrderState.EXPIRED])
def test_once_its_successor_has_ended_it_stays_until_the_escape_has_given_all_back(state: OrderState) -> None:
    desk = Desk()
    old, new = replaced_but_still_there(desk)
    desk.quote("100", "100.1")
    desk.ended(new, state)
    leaving = desk.only_sent
    assert leaving.role is Role.ESCAPE
    desk.accept(leaving)
    desk.fill(leaving, "0.4")
    desk.after(1_999)
    before = len(desk.said)
    desk.after(10_000)
    assert old.client_id not in [each.client_id for each in desk.said[before:] if hasattr(each, "client_id")]
    for each in [one for one in desk.all_sent if one.role is Role.ESCAPE]:
        desk.accept(each)
        if desk.position:
            desk.fill(each, str(min(desk.position, desk.record(each).left)))
    assert desk.position == 0
    desk.after(2_000)
    assert old.client_id in [each.client_id for each in desk.said[before:] if hasattr(each, "client_id")]


def test_a_successor_that_somebody_cancelled_has_one_of_its_own_before_the_old_one_is_asked_again() -> None:
    desk = Desk()
    old, new = replaced_but_still_there(desk)
    desk.cancelled(new)
    (again,) = stops(desk.sent)
    assert again.price == Decimal(92)
    desk.after(2_000)
    assert desk.asked_to_cancel == []
    desk.accept(again)
    assert desk.asked_to_cancel == [old.client_id]


def test_two_that_were_asked_to_go_leave_room_for_one_that_covers() -> None:
    """Both stops may be gone, neither covers what is wanted: one of them is asked again, the other one stays."""
    desk = Desk()
    _, new = replaced_but_still_there(desk)
    desk.machine.account.ask_cancel(desk.record(new), desk.now)
    desk.after(2_000)
    assert len(desk.asked_to_cancel) == 1
    desk.cancelled(desk.asked_to_cancel[0])
    assert [each.price for each in stops(desk.sent)] == [Decimal(92)]


# -- which of two is the surplus ----------------------------------------------------------------


def restarted_with_two(desk: Desk) -> tuple[SplitOrder, SplitOrder]:
    """A new process: by the journal both stops work, and nobody knows what became of them meanwhile."""
    old, new = replaced_but_still_there(desk)
    desk.now += 600_000
    desk.tell(Restarted())
    assert desk.asked_to_cancel == [], "the successor may be the one that is gone"
    desk.now += 100
    return old, new


def test_after_a_restart_the_old_stop_goes_once_the_venue_has_listed_its_successor() -> None:
    desk = Desk()
    old, new = restarted_with_two(desk)
    desk.snapshot("1", orders=(desk.listed(old), desk.listed(new)))
    assert desk.asked_to_cancel == [old.client_id]


def test_a_list_from_before_the_restart_says_nothing() -> None:
    desk = Desk()
    old, new = restarted_with_two(desk)
    desk.snapshot("1", orders=(desk.listed(old), desk.listed(new)), as_of=desk.now - 101)
    assert desk.asked_to_cancel == []


def test_a_successor_that_the_venue_does_not_list_makes_nothing_superfluous_before_it_answered() -> None:
    desk = Desk()
    old, new = restarted_with_two(desk)
    desk.snapshot("1", orders=(desk.listed(old),))
    assert desk.queried == [new.client_id]
    assert desk.asked_to_cancel == []
    desk.tell(QueryAnswer(new.client_id, desk.listed(new)))
    assert desk.asked_to_cancel == [old.client_id]


def test_a_stop_that_is_found_again_does_not_go_for_one_that_the_same_list_lacks() -> None:
    """Two stops at the same price, since the outcome of the first was unknown; the second one ended unheard."""
    desk = Desk()
    desk.decide(desk.decision(stop="90"))
    entry = desk.only_sent
    desk.accept(entry)
    desk.fill(entry)
    first = desk.only_sent
    desk.lose(first)
    desk.after(2_000)
    (second,) = stops(desk.sent)
    desk.accept(second)
    desk.now += 60_000
    desk.snapshot("1", orders=(desk.listed(first),))
    assert second.client_id in desk.queried
    assert first.client_id not in desk.asked_to_cancel
    desk.tell(QueryAnswer(second.client_id, replace(desk.listed(second), state=OrderState.CANCELED)))
    assert desk.asked_to_cancel == []
    assert desk.sent == []


def test_after_the_line_was_cut_the_old_stop_waits_for_the_list_too() -> None:
    desk = Desk()
    (old,) = desk.hold("1", stop="90")
    desk.tell(ProtectionWanted(SYMBOL, Decimal(92), None))
    new = desk.only_sent
    desk.connection(is_up=False)
    desk.accept(new)
    desk.now += 600_000
    desk.connection(is_up=True)
    assert desk.asked_to_cancel == []
    desk.now += 100
    desk.snapshot("1", orders=(desk.listed(old), desk.listed(new)))
    assert desk.asked_to_cancel == [old.client_id]


# -- a position that nobody asked for -------------------------------------------------------------


def taken_and_bought_while_nobody_heard(desk: Desk, *stops: SplitOrder) -> None:
    """The venue took the position, somebody bought a little by hand; one list tells both."""
    desk.connection(is_up=False)
    desk.now += 600_000
    taken = desk.trade("autoclose-1", side=Side.SELL, cause=Cause.LIQUIDATION)
    bought = desk.trade("web_1", "0.001")
    desk.connection(is_up=True)
    desk.now += 100
    desk.snapshot("0.001", orders=tuple(desk.listed(each) for each in stops), fills=(taken, bought))


def test_the_stop_of_a_position_that_is_gone_stays_under_one_that_nobody_wants_another_for() -> None:
    desk = Desk()
    (old,) = desk.hold("1", stop="90")
    taken_and_bought_while_nobody_heard(desk, old)
    assert desk.position == Decimal("0.001")
    assert desk.asked_to_cancel == []
    desk.after(60_000)
    assert desk.asked_to_cancel == []


def test_it_goes_with_that_position() -> None:
    desk = Desk()
    (old,) = desk.hold("1", stop="90")
    taken_and_bought_while_nobody_heard(desk, old)
    desk.tell(desk.trade("web_2", "0.001", side=Side.SELL))
    assert desk.asked_to_cancel == [old.client_id]


def test_it_goes_once_a_stop_is_wanted_and_stands() -> None:
    desk = Desk()
    (old,) = desk.hold("1", stop="90")
    taken_and_bought_while_nobody_heard(desk, old)
    desk.tell(ProtectionWanted(SYMBOL, Decimal(92), None))
    new = desk.only_sent
    assert desk.asked_to_cancel == []
    desk.accept(new)
    assert desk.asked_to_cancel == [old.client_id]


@pytest.mark.parametrize("old_was_asked_to_go", [True, False])
def test_of_two_such_stops_the_newer_one_stays(*, old_was_asked_to_go: bool) -> None:
    desk = Desk()
    if old_was_asked_to_go:
        old, new = replaced_but_still_there(desk)
    else:
        (old,) = desk.hold("1", stop="90")
        desk.now += 1
        desk.tell(ProtectionWanted(SYMBOL, Decimal(92), None))
        new = desk.only_sent
        desk.connection(is_up=False)
        desk.accept(new)
    taken_and_bought_while_nobody_heard(desk, old, new)
    assert desk.asked_to_cancel == [old.client_id]
    desk.after(60_000)
    assert new.client_id not in desk.asked_to_cancel


def test_a_stop_that_was_asked_to_go_with_its_position_is_not_asked_again_under_the_next_one() -> None:
    """Nobody answered, and meanwhile somebody bought by hand: it may be all there is."""
    desk = Desk()
    (old,) = desk.hold("1", stop="90")
    desk.now += 60_000
    desk.tell(desk.trade("autoclose-1", side=Side.SELL, cause=Cause.LIQUIDATION))
    assert desk.asked_to_cancel == [old.client_id]
    desk.tell(CancelAck(old.client_id, CancelOutcome.UNKNOWN, None, -1006))
    desk.tell(desk.trade("web_1", "0.001"))
    desk.after(60_000)
    assert desk.asked_to_cancel == []
    desk.tell(desk.trade("web_2", "0.001", side=Side.SELL))
    assert desk.asked_to_cancel == [old.client_id]


def test_it_goes_when_somebody_says_that_no_stop_is_wanted_and_not_when_only_a_target_is() -> None:
    desk = Desk()
    (old,) = desk.hold("1", stop="90")
    taken_and_bought_while_nobody_heard(desk, old)
    desk.tell(ProtectionWanted(SYMBOL, None, Decimal(120)))
    assert desk.asked_to_cancel == []
    desk.tell(NetProtection(SYMBOL, None, None))
    assert old.client_id in desk.asked_to_cancel
