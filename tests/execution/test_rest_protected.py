"""What is executed again for the rest of an order brings that order's pair, whatever happened in between.

Proves: QL-16
"""

from decimal import Decimal

from qts.execution.contracts import Role
from qts.execution.events import NetProtection, ProtectionWanted
from tests.execution.front_desk import SYMBOL, Desk


def half_filled_and_given_up(desk: Desk):
    """An order at market of which the venue filled 0.4 and gave nothing for a minute; the rest goes out again."""
    desk.decide(desk.decision(stop="90"))
    order = desk.only_sent
    desk.accept(order)
    desk.fill(order, "0.4")
    (stop,) = [each for each in desk.sent if each.role is Role.STOP_LOSS]
    desk.accept(stop)
    desk.after(60_000)
    desk.cancelled(order, "0.4")
    (rest,) = desk.sent
    assert (rest.role, rest.quantity) == (Role.ENTRY, Decimal("0.6"))
    return stop, rest


def test_a_rest_that_fills_late_after_the_stop_closed_the_first_part_has_the_stop_too() -> None:
    desk = Desk()
    stop, rest = half_filled_and_given_up(desk)
    desk.fill(stop, price="90")
    assert desk.position == 0
    desk.fill(rest)
    assert desk.position == Decimal("0.6")
    (again,) = [each for each in desk.sent if each.role is Role.STOP_LOSS]
    assert (again.quantity, again.price) == (Decimal("0.6"), Decimal(90))


def test_what_was_moved_in_the_meantime_stays_moved() -> None:
    desk = Desk()
    _, rest = half_filled_and_given_up(desk)
    desk.tell(ProtectionWanted(SYMBOL, Decimal(95), None))
    (moved,) = [each for each in desk.sent if each.role is Role.STOP_LOSS]
    assert moved.price == Decimal(95)
    desk.accept(moved)
    desk.accept(rest)
    desk.fill(rest)
    assert all(each.price == Decimal(95) for each in desk.sent if each.role is Role.STOP_LOSS)


def test_the_pair_of_the_net_can_be_taken_away_and_a_wish_of_none_cannot_do_it() -> None:
    desk = Desk()
    desk.decide(desk.decision(stop="90"))
    order = desk.only_sent
    desk.accept(order)
    desk.fill(order)
    (stop,) = desk.sent
    desk.accept(stop)
    assert desk.tell(ProtectionWanted(SYMBOL, None, None)) == ()
    desk.tell(NetProtection(SYMBOL, Decimal(95), Decimal(120)))
    assert {(each.role, each.price) for each in desk.sent} == {
        (Role.STOP_LOSS, Decimal(95)),
        (Role.TAKE_PROFIT, Decimal(120)),
    }
    nearer, target = desk.sent
    desk.accept(nearer)
    desk.accept(target)
    desk.cancelled(stop)
    desk.tell(NetProtection(SYMBOL, None, None))
    assert set(desk.asked_to_cancel) == {nearer.client_id, target.client_id}
