"""The first stage through the front door: what is refused, what is reduced, and that the way out stays open.

Proves: SX-0, SX-1
"""

from decimal import Decimal

import pytest

from qts.domain.instant import DAY_MS
from qts.domain.order import Side
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionSettings
from qts.execution.contracts import ExecutionState, Role
from qts.execution.events import OperatorVerb, VenueStatus
from qts.execution.stages.precheck import PreCheckLimits
from tests.execution.front_desk import BTC, SYMBOL, T0, Desk

S = ExecutionState


def limited(**limits: object) -> Desk:
    return Desk(ExecutionSettings(instruments={SYMBOL: BTC}, limits=PreCheckLimits(**limits)))


def refusal(desk: Desk) -> str:
    """Why the last decision was refused; nothing may have been sent for it."""
    result = desk.results[-1]
    assert (result.state, result.filled, result.slices) == (S.FAILED, 0, 0)
    assert desk.sent == []
    return result.reason


# -- refused ------------------------------------------------------------------------------


def test_nothing_is_opened_while_the_account_is_in_fail() -> None:
    desk = Desk()
    desk.money("0")
    desk.decide(desk.decision())
    assert refusal(desk) == "the account is in fail"


def test_nothing_is_opened_beside_an_order_of_unknown_outcome() -> None:
    desk = Desk()
    desk.decide(desk.decision(limit="99"))
    desk.lose(desk.only_sent)
    desk.decide(desk.decision())
    desk.after(10_000)  # the first one may still wait to be understood
    assert len(desk.all_sent) == 1
    assert desk.results[-1].reason == "an order on the symbol has an unknown outcome"


def test_the_position_limit_counts_what_is_held_and_what_may_still_fill() -> None:
    desk = limited(position_max=Decimal(3))
    desk.hold("1")
    desk.decide(desk.decision(quantity="1.5", limit="99"))
    desk.accept(desk.only_sent)
    desk.decide(desk.decision(quantity="0.501", limit="99"))
    assert refusal(desk) == "the position would be 3.001, 3 is allowed"
    desk.decide(desk.decision(quantity="0.5", limit="99"))
    assert desk.only_sent.quantity == Decimal("0.5")


def test_the_position_limit_does_not_count_what_stands_on_the_other_side() -> None:
    desk = limited(position_max=Decimal(2))
    desk.hold("2")
    desk.decide(desk.decision(Side.SELL, "2", limit="101"))
    assert desk.only_sent.quantity == 2


def test_the_days_limit_of_executions_stops_what_increases_until_the_next_utc_day() -> None:
    """Reaches: GR062"""
    desk = limited(executions_per_day_max=2)
    desk.hold("1")
    desk.hold("1")
    desk.decide(desk.decision())
    assert refusal(desk) == "2 executions today, 2 are allowed"
    assert desk.codes == [SafetyCode.GR062]
    assert [alert.code for alert in desk.results[-1].alerts] == [SafetyCode.GR062]
    until_midnight = DAY_MS - desk.now % DAY_MS
    desk.after(until_midnight - 1)
    desk.decide(desk.decision())
    assert refusal(desk)
    desk.after(1)
    desk.decide(desk.decision())
    assert desk.only_sent.quantity == 1


def test_what_was_refused_is_not_counted_as_an_execution() -> None:
    desk = limited(executions_per_day_max=1, position_max=Decimal(1))
    desk.decide(desk.decision(quantity="2"))
    assert refusal(desk)
    desk.decide(desk.decision())
    assert desk.only_sent.quantity == 1


@pytest.mark.parametrize("quoted_before_ms", [None, 1_001])
def test_nothing_is_opened_on_old_data_or_none(quoted_before_ms: int | None) -> None:
    desk = limited(data_age_ms_max=1_000)
    if quoted_before_ms is not None:
        desk.quote("99.9", "100.1")
        desk.after(quoted_before_ms)
    desk.decide(desk.decision())
    assert refusal(desk) == "there is no quote fresh enough to trade on"


def test_data_as_old_as_allowed_is_fresh() -> None:
    desk = limited(data_age_ms_max=1_000)
    desk.quote("99.9", "100.1")
    desk.after(1_000)
    desk.decide(desk.decision())
    assert desk.only_sent.quantity == 1


@pytest.mark.parametrize("symbol", ["", SYMBOL])
@pytest.mark.parametrize("reduce", [True, False])
def test_a_closed_market_takes_no_order_at_all(symbol: str, reduce: bool) -> None:  # noqa: FBT001 - a case of two
    desk = Desk()
    desk.hold("1")
    desk.tell(VenueStatus(connected=True, market_open=False, symbol=symbol))
    desk.decide(desk.decision(Side.SELL if reduce else Side.BUY, reduce=reduce))
    assert refusal(desk) == "the venue takes no orders on the symbol"
    desk.tell(VenueStatus(connected=True, market_open=True, symbol=symbol))
    desk.decide(desk.decision(Side.SELL if reduce else Side.BUY, reduce=reduce))
    assert desk.only_sent.reduce_only is reduce


def test_a_market_closed_for_another_symbol_is_not_closed_for_this_one() -> None:
    desk = Desk()
    desk.tell(VenueStatus(connected=True, market_open=False, symbol="ETHUSDT"))
    desk.decide(desk.decision())
    assert desk.only_sent.quantity == 1


def test_a_quantity_off_the_lot_grid_fails_and_nothing_breaks() -> None:
    desk = Desk()
    desk.decide(desk.decision(quantity="0.0005"))
    assert refusal(desk)


def test_a_symbol_without_rules_fails_and_nothing_breaks() -> None:
    desk = Desk()
    desk.decide(desk.decision(symbol="XYZUSDT"))
    assert refusal(desk)


def test_a_decision_heard_twice_is_executed_once() -> None:
    desk = Desk()
    decision = desk.decision(limit="99")
    desk.decide(decision)
    order = desk.only_sent
    desk.accept(order)
    desk.decide(decision)
    assert desk.sent == []
    desk.fill(order, price="99")
    complete = [result for result in desk.results if result.state is S.COMPLETE]
    assert [result.filled for result in complete] == [1]
    assert len(desk.all_sent) == 1


# -- reduced ------------------------------------------------------------------------------


def test_an_order_is_reduced_to_what_the_balance_carries_all_the_way_to_the_wire() -> None:
    """Reaches: GR061"""
    desk = Desk()
    decision = desk.decision(quantity="2", arrival="100")
    desk.decide(decision, available=Decimal("123.49"))
    order = desk.only_sent
    assert order.quantity == Decimal("1.234")
    assert desk.codes == [SafetyCode.GR061]
    desk.accept(order)
    desk.fill(order)
    result = desk.results[-1]
    assert (result.state, result.filled, result.fill_rate) == (S.COMPLETE, Decimal("1.234"), Decimal("0.617"))


def test_leverage_carries_more_and_so_does_a_position_that_is_closed_first() -> None:
    desk = limited(leverage=3)
    desk.decide(desk.decision(quantity="3"), available=Decimal(100))
    assert desk.only_sent.quantity == 3
    assert desk.codes == []
    desk = Desk()
    desk.hold("1")
    desk.decide(desk.decision(Side.SELL, "2"), available=Decimal(100))
    assert desk.only_sent.quantity == 2


def test_a_limit_order_is_judged_at_its_own_price() -> None:
    desk = Desk()
    desk.decide(desk.decision(quantity="2", limit="50", arrival="100"), available=Decimal(100))
    assert desk.only_sent.quantity == 2
    assert desk.codes == []


@pytest.mark.parametrize("available", ["0", "-50", "0.09", "4.99"])
def test_what_the_balance_does_not_carry_as_an_order_is_refused(available: str) -> None:
    desk = Desk()
    desk.decide(desk.decision(), available=Decimal(available))
    assert "the free balance carries" in refusal(desk)
    assert desk.codes == [SafetyCode.GR061]


# -- reducing orders pass what guards increases ------------------------------------------------


def closed_to_increases(name: str) -> Desk:
    """A desk with a position of 1 on which a buy would be refused, for one reason each."""
    limits = {
        "position": {"position_max": Decimal("0.5")},
        "day": {"executions_per_day_max": 0},
        "data": {"data_age_ms_max": 1},
    }.get(name, {})
    desk = limited(**limits)
    desk.fill("nobody's", "1", side=Side.BUY)  # adopted
    if name != "foreign":
        desk.operator(OperatorVerb.ACKNOWLEDGE)
    match name:
        case "fail":
            desk.money("0")
        case "paused":
            desk.operator(OperatorVerb.PAUSE)
        case "capital":
            desk.money("1", "0.000001")
        case "unknown":
            desk.decide(desk.decision(limit="50"))
            desk.lose(desk.only_sent)
            desk.after(10_000)
        case "doubt":
            desk.connection(is_up=False)
            desk.connection(is_up=True)
    return desk


REASONS = ["position", "day", "data", "foreign", "fail", "paused", "capital", "unknown", "doubt"]


@pytest.mark.parametrize("name", REASONS)
def test_a_reducing_order_passes_every_check_that_only_guards_increases(name: str) -> None:
    desk = closed_to_increases(name)
    desk.decide(desk.decision(Side.SELL, "1", reduce=True))
    exits = [order for order in desk.sent if order.role is Role.EXIT]
    assert [(order.quantity, order.reduce_only) for order in exits] == [(1, True)]


@pytest.mark.parametrize("name", REASONS)
def test_the_same_would_not_be_opened(name: str) -> None:
    desk = closed_to_increases(name)
    desk.decide(desk.decision(Side.BUY, "1"))
    assert refusal(desk)


# -- the connection -----------------------------------------------------------------------


@pytest.mark.parametrize("reduce", [True, False])
def test_an_execution_waits_five_seconds_for_the_connection_and_then_fails(reduce: bool) -> None:  # noqa: FBT001
    desk = Desk()
    desk.hold("1")
    desk.connection(is_up=False)
    decision = desk.decision(Side.SELL if reduce else Side.BUY, reduce=reduce)
    desk.decide(decision)
    assert desk.sent == []
    assert desk.state(decision) is S.PRECHECK
    assert desk.machine.due == desk.now + 5_000
    desk.after(4_999)
    assert desk.state(decision) is S.PRECHECK
    desk.after(1)
    assert refusal(desk) == "precheck took too long"
    assert desk.results[-1].finished_at - desk.results[-1].decision.order.created_at == 5_000


def test_a_connection_that_comes_back_in_time_lets_the_exit_go() -> None:
    desk = Desk()
    desk.hold("1")
    desk.connection(is_up=False)
    decision = desk.decision(Side.SELL, reduce=True)
    desk.decide(decision)
    desk.after(4_999)
    desk.connection(is_up=True)
    assert [order.role for order in desk.sent] == [Role.EXIT]
    assert desk.state(decision) is S.SENDING


def test_what_waited_to_be_opened_is_not_opened_before_the_venue_agreed_again() -> None:
    desk = Desk()
    desk.connection(is_up=False)
    desk.decide(desk.decision())
    desk.connection(is_up=True)
    assert desk.sent == []
    assert desk.snapshots_asked == [SYMBOL]
    desk.after(100)
    desk.snapshot("0")
    desk.decide(desk.decision())
    assert desk.only_sent.quantity == 1


def test_the_day_begins_at_midnight_utc() -> None:
    assert T0 % DAY_MS != 0  # or the test of the day's limit would say nothing
