"""Decisions that whoever keeps the strategies' books withdraws, wherever they are, and what the net alone still ends.

Proves: P6-5
"""

from dataclasses import replace
from decimal import Decimal

from qts.domain.fill import Cause
from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.account import ExecutionSettings
from qts.execution.contracts import ExecutionState, SplitAlgorithm
from qts.execution.events import Withdrawn
from tests.execution.front_desk import BTC, SYMBOL, Desk, replayed

ALONE = ExecutionSettings(instruments={SYMBOL: BTC})
SHARED = replace(ALONE, shared=True)
WHY = "its strategy gave it up"


def test_what_is_under_way_is_given_up_and_keeps_what_filled() -> None:
    desk = Desk(SHARED)
    entry = desk.decision(quantity="2")
    desk.decide(entry)
    sent = desk.only_sent
    desk.accept(sent)
    desk.fill(sent, "0.5")
    desk.tell(Withdrawn((entry.order.order_id,), WHY))
    desk.cancelled(sent, "0.5")
    (result,) = desk.machine.results
    assert (result.filled, result.reason, result.rest_wanted) == (Decimal("0.5"), WHY, False)
    desk.after(60_000)
    assert desk.all_sent == [sent]
    assert desk.position == Decimal("0.5")


def test_what_waits_never_begins_and_what_is_not_named_does() -> None:
    desk = Desk(SHARED)
    first, second, third = (desk.decision(quantity="1") for _ in range(3))
    desk.decide(first, second, third)
    sent = desk.only_sent
    desk.tell(Withdrawn((second.order.order_id,), WHY))
    rows = desk.machine.journal.taken()
    assert replayed(rows, SHARED).machine.digest() == desk.machine.digest()
    desk.accept(sent)
    assert [each.parent_id for each in desk.all_sent] == [first.order.order_id, third.order.order_id]
    (result,) = desk.machine.results
    assert (result.decision, result.state, result.reason) == (second, ExecutionState.FAILED, WHY)
    assert desk.machine.account.withdrawn == {}  # forgotten once it has served


def test_a_rest_is_known_by_the_decision_it_is_of() -> None:
    """The venue ended it half filled; its rest stands in line behind an exit of two slices."""
    desk = Desk(SHARED)
    desk.hold("1")
    entry = desk.decision(quantity="2")
    desk.decide(entry)
    sent = desk.only_sent
    desk.accept(sent)
    desk.fill(sent, "0.5")
    slow = desk.decision(Side.SELL, "1", reduce=True, algorithm=SplitAlgorithm.TWAP, horizon_ms=100_000)
    desk.decide(slow)
    desk.accept(desk.only_sent)
    desk.ended(sent, OrderState.EXPIRED, "0.5")
    assert [each.order.order_id for each in desk.machine._loop.waiting(SYMBOL)] == [f"{entry.order.order_id}.r1"]
    desk.tell(Withdrawn((entry.order.order_id,), WHY))
    desk.after(300_000)
    assert all(each.parent_id != f"{entry.order.order_id}.r1" for each in desk.all_sent)


def test_a_name_nobody_knows_changes_nothing() -> None:
    desk = Desk(SHARED)
    desk.decide(desk.decision())
    assert desk.tell(Withdrawn(("d99",), WHY)) == ()
    assert desk.machine.account.withdrawn == {}


def test_only_on_an_account_of_one_an_exit_of_the_whole_net_gives_up_what_built_it() -> None:
    for settings, given_up in ((ALONE, True), (SHARED, False)):
        desk = Desk(settings)
        desk.hold("1")
        desk.decide(desk.decision(quantity="2"))
        entry = desk.only_sent
        desk.accept(entry)
        desk.decide(desk.decision(Side.SELL, "1", reduce=True))
        assert bool(desk.asked_to_cancel) is given_up


def test_what_takes_the_net_itself_out_ends_entries_of_any_account() -> None:
    for settings in (ALONE, SHARED):
        desk = Desk(settings)
        (stop,) = desk.hold("1", stop="90")
        desk.decide(desk.decision(quantity="2"))
        entry = desk.only_sent
        desk.accept(entry)
        desk.fill(stop, cause=Cause.STOP_LOSS)
        assert entry.client_id in desk.asked_to_cancel
