"""Every guardrail and anomaly, reached by news from market, venue, clock and operator, and what it leads to.

Proves: P4-4, SX-7
"""

from decimal import Decimal

import pytest

from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionSettings
from qts.execution.contracts import ExecutionState, SplitAlgorithm, SplitConfig, Urgency
from qts.execution.events import OperatorVerb, Restarted, VenueOrder
from qts.execution.stages.precheck import PreCheckLimits
from qts.risk.safety_state import SafetyState
from tests.execution.front_desk import BTC, SYMBOL, Desk

S = ExecutionState
CODE = SafetyCode


# -- guardrails -------------------------------------------------------------------------------


def foreign(venue_id: str) -> VenueOrder:
    return VenueOrder(
        client_id=f"somebody's {venue_id}",
        venue_id=venue_id,
        symbol=SYMBOL,
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal(1),
        price=Decimal(90),
        filled=Decimal(0),
        reduce_only=False,
        conditional=False,
        state=OrderState.ACCEPTED,
    )


@pytest.mark.parametrize("by", ["order", "fill"])
def test_what_is_not_ours_is_adopted_and_the_symbol_opens_nothing_until_acknowledged(by: str) -> None:
    """Reaches: GR040"""
    desk = Desk()
    desk.hold()
    if by == "fill":
        desk.fill("somebody's", "0.5")
        assert desk.position == Decimal("1.5")
    else:
        desk.after(10)
        desk.snapshot("1", orders=(foreign("1"),))
    assert desk.codes.count(CODE.GR040) == 1
    assert not desk.opens()
    assert desk.reduces()
    desk.operator(OperatorVerb.ACKNOWLEDGE, symbol=SYMBOL)
    assert desk.opens()


def test_an_order_of_somebody_else_that_rests_is_acknowledged_once() -> None:
    desk = Desk()
    desk.after(10)
    desk.snapshot("0", orders=(foreign("1"),))
    desk.operator(OperatorVerb.ACKNOWLEDGE, symbol=SYMBOL)
    desk.after(10)
    desk.snapshot("0", orders=(foreign("1"),))
    assert desk.codes.count(CODE.GR040) == 1
    assert desk.opens()
    desk.after(10)
    desk.snapshot("0", orders=(foreign("1"), foreign("2")))
    assert desk.codes.count(CODE.GR040) == 2, "another one is another matter"
    assert not desk.opens()


def test_beside_an_order_of_somebody_else_a_restart_ends_in_agreement() -> None:
    """The symbol is in doubt until the venue's lists are seen to agree, and that order does not make them disagree."""
    desk = Desk()
    desk.after(10)
    desk.snapshot("0", orders=(foreign("1"),))
    desk.operator(OperatorVerb.ACKNOWLEDGE, symbol=SYMBOL)
    desk = desk.restarted()
    desk.tell(Restarted())
    assert not desk.opens()
    desk.after(10)
    desk.snapshot("0", orders=(foreign("1"),))
    assert desk.opens()


def test_too_many_slices_are_made_fewer() -> None:
    """Reaches: GR060"""
    config = SplitConfig(iceberg_visible=Decimal("0.01"))
    desk = Desk(ExecutionSettings(instruments={SYMBOL: BTC}, split=config))
    desk.decide(desk.decision(quantity="20", algorithm=SplitAlgorithm.ICEBERG, horizon_ms=1_000))
    assert desk.codes == [CODE.GR060]
    assert desk.only_sent.quantity == 1, "a twentieth of it"


def test_a_short_balance_reduces_the_order() -> None:
    """Reaches: GR061"""
    desk = Desk()
    desk.decide(desk.decision(quantity="2"), available=Decimal(100))
    assert desk.codes == [CODE.GR061]
    assert desk.only_sent.quantity == 1


def test_the_days_limit_blocks() -> None:
    """Reaches: GR062"""
    desk = Desk(ExecutionSettings(instruments={SYMBOL: BTC}, limits=PreCheckLimits(executions_per_day_max=1)))
    desk.hold()
    assert not desk.opens()
    assert desk.codes == [CODE.GR062]
    assert desk.reduces()


def test_slippage_above_the_lower_limit_holds_the_price() -> None:
    """Reaches: GR063"""
    desk = Desk()
    desk.quote("100.3", "100.4")
    desk.decide(desk.decision(limit="100", urgency=Urgency.URGENT))
    desk.accept(desk.only_sent)
    desk.after(60_000)
    assert CODE.GR063 in desk.codes
    assert desk.asked_to_cancel == []


def test_a_slow_fill_is_reported_and_nothing_else() -> None:
    """Reaches: GR064"""
    desk = Desk()
    desk.decide(desk.decision(limit="99.9"))
    desk.accept(desk.only_sent)
    desk.after(30_000)
    assert [command.code for command in desk.new] == [CODE.GR064]
    assert desk.safety is SafetyState.NORMAL


# -- anomalies --------------------------------------------------------------------------------


def test_news_that_was_missed_warns_and_is_put_right() -> None:
    """Reaches: AN030"""
    desk = Desk()
    desk.decide(desk.decision(limit="99"))
    order = desk.only_sent
    desk.accept(order)
    trade = desk.trade(order, "1", "99")
    desk.after(1_000)
    desk.snapshot("1", fills=(trade,))
    assert desk.codes == [CODE.AN030]
    assert (desk.position, desk.ends) == (1, [S.COMPLETE])
    assert desk.safety is SafetyState.WARNING
    assert desk.opens(), "a warning warns"


def test_a_request_without_an_answer_warns() -> None:
    """Reaches: AN050"""
    desk = Desk()
    desk.decide(desk.decision(limit="99"))
    order = desk.only_sent
    desk.lose(order)
    assert desk.codes == [CODE.AN050]
    assert desk.safety is SafetyState.WARNING
    desk.after(500)
    assert desk.queried == [order.client_id]
