"""After a restart nothing is opened on a symbol before the venue's position, trades and lists agree with the record.

Proves: P4-2, SX-7
"""

from decimal import Decimal

from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.order import Side
from qts.execution.commands import QueryOrder, TakeSnapshot
from qts.execution.contracts import SplitOrder
from qts.execution.events import Restarted
from tests.execution.front_desk import SYMBOL, Desk


def trade(order: SplitOrder, quantity: str, at: int, number: str = "missed-1") -> Fill:
    return Fill(
        fill_id=number,
        order_id=order.client_id,
        symbol=SYMBOL,
        side=Side.BUY,
        quantity=Decimal(quantity),
        price=Decimal(100),
        reference_price=Decimal(100),
        fee=Decimal(0),
        liquidity=Liquidity.TAKER,
        cause=Cause.ORDER,
        realized_pnl=Decimal(0),
        occurred_at=at,
    )


def waiting(desk: Desk, price: str) -> SplitOrder:
    """A limit to buy 1 that rests."""
    desk.decide(desk.decision(quantity="1", limit=price))
    order = desk.only_sent
    desk.accept(order)
    return order


def test_missed_trades_do_not_vouch_for_an_order_that_is_in_no_list():
    desk = Desk()
    filled, lost = waiting(desk, "99"), waiting(desk, "98")
    desk.tell(Restarted())
    desk.after(10)
    said = desk.snapshot("1", fills=(trade(filled, "1", desk.now - 5),))
    assert [each.client_id for each in said if isinstance(each, QueryOrder)] == [lost.client_id]
    assert desk.position == 1
    assert not desk.opens()
    desk.after(1_000)
    assert any(isinstance(each, TakeSnapshot) for each in desk.new), "the venue is asked again"
    desk.snapshot("1", orders=(desk.listed(lost),))
    assert desk.opens()


def test_a_snapshot_too_old_to_judge_the_position_vouches_for_nothing():
    desk = Desk()
    filled = waiting(desk, "99")
    desk.tell(Restarted())
    asked_at = desk.now
    desk.after(10)
    desk.fill(filled, "0.5")
    desk.snapshot(
        "7", orders=(desk.listed(filled, "0.6"),), fills=(trade(filled, "0.1", asked_at),), as_of=asked_at + 5
    )
    assert desk.position == Decimal("0.6")
    assert not desk.opens(), "it holds 7, by a list that is older than the last trade"
