"""A position that is turned has the entry's pair, in whatever order exit and entry are heard.

Proves: QL-16, SX-4
"""

from decimal import Decimal
from itertools import permutations

import pytest

from qts.domain.fill import Fill
from qts.domain.order import Side
from qts.execution.commands import CancelOrder, SendOrder
from qts.execution.contracts import OrderDecision, Role, SplitOrder
from qts.execution.events import ProtectionWanted
from tests.execution.front_desk import SYMBOL, Desk

STOP, TARGET = Decimal(110), Decimal(90)
LEGS = (Role.STOP_LOSS, Role.TAKE_PROFIT)


def turning(desk: Desk, *, held: str = "1", stop: str | None = "110") -> tuple[SplitOrder, SplitOrder]:
    """Long, then an exit and an entry of 1 at market: both are accepted, and no trade of either is heard."""
    desk.hold(held, stop="95")
    target = None if stop is None else "90"
    return both_accepted(desk, held, desk.decision(Side.SELL, "1", stop=stop, target=target))


def both_accepted(desk: Desk, held: str, entering: OrderDecision) -> tuple[SplitOrder, SplitOrder]:
    desk.decide(desk.decision(Side.SELL, held, reduce=True), entering)
    leaving = desk.only_sent
    desk.accept(leaving)
    entry = desk.only_sent
    desk.accept(entry)
    return leaving, entry


def one_more(desk: Desk, **pair: str) -> SplitOrder:
    """Another entry on the short side, accepted; no trade of it is heard."""
    desk.decide(desk.decision(Side.SELL, "1", **pair))
    more = desk.only_sent
    desk.accept(more)
    return more


def made(desk: Desk, order: SplitOrder, *quantities: str) -> list[Fill]:
    """The order's trades, each a millisecond after the last."""
    trades = []
    for quantity in quantities:
        desk.now += 1
        trades.append(desk.trade(order, quantity))
    return trades


def stop_of_what_is_held(desk: Desk) -> tuple[Decimal, Decimal | None] | None:
    """Quantity and price of the one stop that is left once the venue has answered everything about the legs."""
    live: dict[str, SplitOrder] = {}
    heard = 0
    while heard < len(desk.said):
        command = desk.said[heard]
        heard += 1
        match command:
            case SendOrder(order) if order.role in LEGS:
                live[order.client_id] = order
                desk.accept(order)
            case CancelOrder(client_id) if client_id in live:
                del live[client_id]
                desk.cancelled(client_id)
    stops = [(each.quantity, each.price) for each in live.values() if each.role is Role.STOP_LOSS]
    assert len(stops) <= 1
    return stops[0] if stops else None


@pytest.mark.parametrize("held", ["0.5", "1", "2"], ids=["less", "as much", "more"])
def test_the_entrys_pair_comes_although_the_entry_was_heard_first(held: str) -> None:
    desk = Desk()
    leaving, entry = turning(desk, held=held)
    desk.now += 1
    closing = desk.trade(leaving)
    desk.now += 1
    desk.fill(entry)
    desk.tell(closing)
    assert desk.position == Decimal(-1)
    if held != "0.5":  # then the entry alone had turned it already
        assert [(each.role, each.side, each.quantity, each.price) for each in desk.sent] == [
            (Role.STOP_LOSS, Side.BUY, Decimal(1), STOP),
            (Role.TAKE_PROFIT, Side.BUY, Decimal(1), TARGET),
        ]
    assert stop_of_what_is_held(desk) == (Decimal(1), STOP)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_in_whatever_order_the_trades_are_heard_all_of_it_is_covered(order: tuple[int, ...]) -> None:
    desk = Desk()
    leaving, entry = turning(desk)
    trades = [*made(desk, leaving, "0.4", "0.6"), *made(desk, entry, "0.4", "0.6")]
    for number in order:
        desk.tell(trades[number])
    assert desk.position == Decimal(-1)
    assert stop_of_what_is_held(desk) == (Decimal(1), STOP)


def test_a_rest_of_the_old_position_between_them_takes_nothing_away() -> None:
    """The entry that made the old position fills a last time; it is heard between the new entry and the exit."""
    desk = Desk()
    desk.decide(desk.decision(quantity="1.2", stop="95"))
    building = desk.only_sent
    desk.accept(building)
    desk.fill(building, "1")
    desk.now += 1
    last = desk.trade(building, "0.2")
    leaving, entry = both_accepted(desk, "1", desk.decision(Side.SELL, "1", stop="110"))
    desk.now += 1
    closing = desk.trade(leaving)
    desk.now += 1
    desk.fill(entry)
    desk.tell(last)
    assert desk.position == Decimal("0.2")
    desk.tell(closing)
    assert desk.position == Decimal("-0.8")
    assert stop_of_what_is_held(desk) == (Decimal("0.8"), STOP)


def test_an_entry_that_had_its_pair_gets_it_again_when_its_position_was_heard_to_end_and_to_come_back() -> None:
    """More was held than was known: the entry turned it, the old entry's rest ended that, the exit brings it back."""
    desk = Desk()
    desk.decide(desk.decision(quantity="1", stop="95"))
    building = desk.only_sent
    desk.accept(building)
    desk.fill(building, "0.5")
    desk.now += 1
    last = desk.trade(building, "0.5")
    leaving, entry = both_accepted(desk, "0.5", desk.decision(Side.SELL, "1", stop="110"))
    desk.now += 1
    closing = desk.trade(leaving)
    desk.now += 1
    desk.fill(entry)
    assert desk.position == Decimal("-0.5")
    desk.tell(last)
    assert desk.position == 0
    desk.tell(closing)
    assert desk.position == Decimal("-0.5")
    assert stop_of_what_is_held(desk) == (Decimal("0.5"), STOP)


def test_an_exit_that_nobody_ever_told_is_corrected_and_what_then_stands_is_covered() -> None:
    desk = Desk()
    _, entry = turning(desk)
    desk.quote("100", "100.1")
    desk.now += 1
    trade = desk.trade(entry)
    desk.tell(trade)
    assert desk.position == 0
    for _ in range(5):
        desk.after(2_000)
        desk.snapshot("-1", fills=(trade,))
    assert desk.position == Decimal(-1)
    assert stop_of_what_is_held(desk) == (Decimal(1), STOP)


def test_what_was_moved_before_the_exit_was_heard_stays_moved() -> None:
    desk = Desk()
    leaving, entry = turning(desk)
    desk.now += 1
    closing = desk.trade(leaving)
    desk.fill(entry)
    desk.now += 1
    desk.fill(one_more(desk))
    desk.tell(ProtectionWanted(SYMBOL, Decimal(108), None))
    desk.tell(closing)
    assert desk.position == Decimal(-2)
    assert stop_of_what_is_held(desk) == (Decimal(2), Decimal(108))


def test_an_entry_without_a_pair_is_covered_by_the_one_before_once_the_exit_is_heard() -> None:
    desk = Desk()
    leaving, entry = turning(desk)
    desk.now += 1
    closing = desk.trade(leaving)
    desk.fill(entry)
    desk.now += 1
    desk.fill(one_more(desk))
    desk.tell(closing)
    assert desk.position == Decimal(-2)
    assert stop_of_what_is_held(desk) == (Decimal(2), STOP)


def test_an_older_entry_without_a_pair_that_is_heard_later_leaves_no_position_naked() -> None:
    desk = Desk()
    desk.hold("1", stop="95")
    plain, entry = one_more(desk), one_more(desk, stop="110")
    desk.now += 1
    closing = desk.trade(plain)
    desk.now += 1
    desk.fill(entry)
    assert desk.position == 0
    desk.tell(closing)
    assert desk.position == Decimal(-1)
    assert stop_of_what_is_held(desk) == (Decimal(1), STOP)


def test_of_two_entries_it_is_the_newer_ones_pair_however_they_are_heard() -> None:
    desk = Desk()
    leaving, entry = turning(desk, held="3")
    newer = one_more(desk, stop="112")
    (closing,), (first,), (second,) = made(desk, leaving, "3"), made(desk, entry, "1"), made(desk, newer, "1")
    for each in (second, first, closing):
        desk.tell(each)
    assert desk.position == Decimal(-2)
    assert stop_of_what_is_held(desk) == (Decimal(2), Decimal(112))


# -- and no pair that belongs to something else ----------------------------------------------


def closed_by_an_entry(desk: Desk) -> None:
    """Long, closed by an entry on the other side: nothing is held, and no exit is on its way."""
    desk.hold("1", stop="95")
    desk.fill(one_more(desk, stop="110"))
    assert desk.position == 0


def test_what_somebody_else_opens_later_is_not_the_entrys() -> None:
    desk = Desk()
    closed_by_an_entry(desk)
    desk.now += 1
    desk.fill("by hand", "1", side=Side.SELL)
    assert desk.position == Decimal(-1)
    assert stop_of_what_is_held(desk) is None


def test_another_entry_of_the_same_instant_that_wants_no_stop_gets_none() -> None:
    desk = Desk()
    closed_by_an_entry(desk)
    desk.fill(one_more(desk))
    assert desk.position == Decimal(-1)
    assert stop_of_what_is_held(desk) is None


def test_a_turn_that_wants_no_stop_does_not_get_that_of_an_older_entry() -> None:
    desk = Desk()
    closed_by_an_entry(desk)
    desk.now += 1
    leaving, entry = turning(desk, stop=None)
    desk.now += 1
    closing = desk.trade(leaving)
    desk.now += 1
    desk.fill(entry)
    desk.tell(closing)
    assert desk.position == Decimal(-1)
    assert stop_of_what_is_held(desk) is None
