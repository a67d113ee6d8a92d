"""A second attempt that goes out without proof, and the answer to the first that comes after all.

Proves: SX-3, BX-7
"""

from decimal import Decimal

import pytest

from qts.domain.order import Side
from qts.execution.contracts import ExecutionState, Role, SplitAlgorithm
from qts.execution.events import SendOutcome
from tests.execution.front_desk import BTC, Desk
from tests.execution.test_sending import NOT_PLACED, decided

S = ExecutionState


@pytest.mark.parametrize("outcome", NOT_PLACED)
def test_an_attempt_that_is_heard_to_have_failed_twice_is_followed_by_one_more_and_not_by_two(
    outcome: SendOutcome,
) -> None:
    """An exit of unknown outcome goes out again without proof; only then comes the answer that it was not placed."""
    desk = Desk()
    desk.hold("1")
    leaving = decided(desk, side=Side.SELL, reduce=True)
    desk.lose(leaving)
    desk.after(3_000)
    again = desk.only_sent
    assert (again.sequence, again.attempt) == (leaving.sequence, 2)
    desk.refuse(leaving, outcome)
    desk.after(10_000)
    assert desk.sent == []
    desk.accept(again)
    desk.fill(again)
    assert desk.position == 0
    assert desk.ends[-1] is S.COMPLETE


@pytest.mark.parametrize("outcome", NOT_PLACED)
def test_a_second_attempt_that_waits_already_is_not_there_twice(outcome: SendOutcome) -> None:
    """The exit may go out again and waits for the target to be out of its way when the answer comes."""
    desk = Desk()
    (target,) = desk.hold("1", target="110")
    desk.decide(desk.decision(Side.SELL, reduce=True))
    desk.cancelled(target)
    leaving = desk.only_sent
    desk.lose(leaving)
    desk.connection(is_up=False)
    desk.after(3_000)
    desk.refuse(leaving, outcome)
    desk.after(1_000)
    desk.connection(is_up=True)
    (again,) = (each for each in desk.sent if each.role is Role.EXIT)
    assert again.attempt == 2
    desk.accept(again)
    desk.fill(again)
    desk.after(10_000)
    assert desk.position == 0
    assert [each.attempt for each in desk.all_sent if each.role is Role.EXIT] == [1, 2]


def test_what_is_left_after_an_attempt_filled_after_all_is_no_order_when_it_is_too_small() -> None:
    """The first slice fills for more than it asked: of the next a part is left, worth too little."""
    desk = Desk()
    desk.decide(desk.decision(quantity="0.10", algorithm=SplitAlgorithm.TWAP, horizon_ms=100_000))
    slices = [desk.only_sent]
    desk.accept(slices[0])
    desk.fill(slices[0], "0.02")
    desk.fill(slices[0], "0.06", trade_id="late")
    assert desk.position == Decimal("0.08")
    desk.after(100_000)
    assert all(each.quantity * 100 >= BTC.notional_min for each in desk.all_sent if each.role is Role.ENTRY)
    assert sum(each.quantity for each in desk.all_sent[1:] if each.role is Role.ENTRY) <= Decimal("0.02")
