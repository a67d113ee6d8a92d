"""Watching fills through the front door: in any order, twice, late; and how long an execution waits for them.

Proves: SX-0, SX-4, SX-2
"""

from decimal import Decimal
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionSettings
from qts.execution.contracts import ExecutionState, SplitAlgorithm, SplitConfig, SplitOrder
from tests.execution.front_desk import BTC, SYMBOL, Desk

S = ExecutionState


def working(desk: Desk, **kwargs: object) -> SplitOrder:
    desk.decide(desk.decision(**kwargs))
    order = desk.only_sent
    desk.accept(order)
    return order


# -- fills --------------------------------------------------------------------------------

PIECES = [("0.25", "100.1"), ("0.5", "99.9"), ("0.125", "100.7"), ("0.125", "98.3")]


def test_the_order_of_fills_does_not_matter() -> None:
    ends = set()
    for order_of_fills in permutations(range(len(PIECES))):
        desk = Desk()
        order = working(desk)
        for number in order_of_fills:
            quantity, price = PIECES[number]
            desk.fill(order, quantity, price, trade_id=f"t{number}")
        result = desk.results[-1]
        ends.add((result.state, result.filled, result.average_price, desk.position))
    notional = sum(Decimal(quantity) * Decimal(price) for quantity, price in PIECES)
    assert ends == {(S.COMPLETE, Decimal(1), notional, Decimal(1))}


@given(
    st.lists(st.tuples(st.integers(100, 500), st.integers(900, 1_100)), min_size=1, max_size=8),
    st.data(),
)
def test_the_average_price_is_the_exact_quotient(pieces: list[tuple[int, int]], data: st.DataObject) -> None:
    quantities = [lots * BTC.lot for lots, _ in pieces]
    prices = [ticks * BTC.tick for _, ticks in pieces]
    desk = Desk()
    order = working(desk, quantity=str(sum(quantities)))
    heard = data.draw(st.permutations([*range(len(pieces)), *range(len(pieces))]))  # each of them twice
    for number in heard:
        desk.fill(order, str(quantities[number]), str(prices[number]), trade_id=f"t{number}")
    (result,) = desk.results
    notional = sum(quantity * price for quantity, price in zip(quantities, prices, strict=True))
    assert (result.state, result.filled) == (S.COMPLETE, sum(quantities))
    assert result.average_price == notional / sum(quantities)
    assert abs(Fraction(result.average_price) - Fraction(notional) / Fraction(sum(quantities))) < Fraction(1, 10**20)


def test_a_fill_heard_twice_is_one_fill() -> None:
    desk = Desk()
    order = working(desk)
    desk.fill(order, "0.4", trade_id="t1")
    assert desk.fill(order, "0.4", trade_id="t1") == ()
    assert desk.position == Decimal("0.4")
    desk.fill(order, "0.6", trade_id="t2")
    assert desk.ends == [S.COMPLETE]
    desk.fill(order, "0.6", trade_id="t2")
    assert desk.position == 1
    assert len(desk.results) == 1


def test_the_same_trade_number_on_another_symbol_is_another_trade() -> None:
    eth = "ETHUSDT"
    desk = Desk(ExecutionSettings(instruments={SYMBOL: BTC, eth: BTC}))
    one, other = working(desk), working(desk, symbol=eth)
    desk.fill(one, trade_id="t1")
    desk.fill(other, trade_id="t1", symbol=eth)
    assert desk.machine.account.positions.of(eth).quantity == 1
    assert desk.ends == [S.COMPLETE, S.COMPLETE]


def test_a_fill_that_overtakes_the_answer_is_applied_and_the_answer_changes_nothing() -> None:
    desk = Desk()
    desk.decide(desk.decision())
    order = desk.only_sent
    desk.fill(order)
    assert desk.ends == [S.COMPLETE]
    desk.accept(order)
    desk.lose(order)
    assert desk.record(order).state is OrderState.FILLED
    assert (desk.position, len(desk.results)) == (1, 1)


def test_a_fill_an_hour_after_the_end_is_applied_and_protected() -> None:
    desk = Desk()
    order = working(desk, limit="99", good_for=1_000, stop="95")
    desk.after(1_000)
    desk.cancelled(order, "0")
    assert desk.ends == [S.COMPLETE]
    desk.after(3_600_000)
    desk.fill(order, "0.3", "99")
    assert desk.position == Decimal("0.3")
    assert [(each.role, each.quantity) for each in desk.sent] == [("stop-loss", Decimal("0.3"))]
    desk.fill(order, "0.7", "99")
    assert desk.record(order).state is OrderState.FILLED


def test_an_order_that_ended_with_a_trade_not_yet_heard_is_waited_for() -> None:
    desk = Desk()
    order = working(desk, limit="99", good_for=1_000)
    desk.after(1_000)
    desk.cancelled(order, "0.3")
    assert desk.ends == []
    assert desk.snapshots_asked == [SYMBOL]
    desk.fill(order, "0.3", "99")
    assert desk.ends == [S.COMPLETE]
    assert desk.results[-1].filled == Decimal("0.3")


def test_an_end_with_a_trade_missing_asks_for_no_time() -> None:
    desk = Desk()
    order = working(desk, limit="99", good_for=1_000)
    desk.after(1_000)
    desk.cancelled(order, "0.3")
    desk.after(600_000)
    assert desk.ends == []
    assert desk.machine.due is None or desk.machine.due > desk.now


def test_a_lost_connection_asks_for_no_time_that_has_passed() -> None:
    desk = Desk()
    order = working(desk, stop="90", target="110")
    desk.fill(order)
    desk.fill("somebody's", "0.3")
    desk.connection(is_up=False)
    desk.after(60_000)
    assert desk.machine.due is None or desk.machine.due > desk.now


def test_more_filled_than_was_asked_for_is_true_and_given_back() -> None:
    desk = Desk()
    order = working(desk)
    desk.fill(order, "1.2")
    assert desk.position == Decimal("1.2")
    assert SafetyCode.FS070 in desk.codes
    back = desk.only_sent
    assert (back.side, back.quantity, back.reduce_only) == (Side.SELL, Decimal("0.2"), True)


# -- waiting ------------------------------------------------------------------------------


def test_no_fill_for_thirty_seconds_is_told_once() -> None:
    """Reaches: GR064"""
    desk = Desk()
    working(desk)
    desk.after(29_999)
    assert desk.codes == []
    desk.after(1)
    assert desk.codes == [SafetyCode.GR064]
    desk.after(29_000)
    assert desk.codes == [SafetyCode.GR064]


def test_a_fill_starts_the_thirty_seconds_anew() -> None:
    desk = Desk()
    order = working(desk)
    desk.after(20_000)
    desk.fill(order, "0.5")
    desk.after(29_999)
    assert desk.codes == []
    desk.after(1)
    assert desk.codes == [SafetyCode.GR064]


def test_part_filled_in_time_is_kept_and_the_rest_cancelled_and_confirmed() -> None:
    """Reaches: FS093"""
    desk = Desk()
    decision = desk.decision(limit="100")
    desk.decide(decision)
    order = desk.only_sent
    desk.accept(order)
    desk.fill(order, "0.4")
    desk.after(59_999)
    assert SafetyCode.FS093 not in desk.codes
    desk.after(1)
    assert desk.codes.count(SafetyCode.FS093) == 1
    assert desk.asked_to_cancel == [order.client_id]
    assert desk.state(decision) is S.MONITORING, "the cancellation is not confirmed"
    desk.cancelled(order, "0.4")
    result = desk.results[-1]
    assert (result.state, result.filled, result.average_price) == (S.COMPLETE, Decimal("0.4"), 100)
    assert (result.fill_rate, result.rest_wanted) == (Decimal("0.4"), True)
    assert SafetyCode.FS093 in [alert.code for alert in result.alerts]


def test_a_fill_that_crosses_the_cancellation_counts() -> None:
    desk = Desk()
    order = working(desk, limit="100")
    desk.fill(order, "0.4")
    desk.after(60_000)
    assert desk.asked_to_cancel == [order.client_id]
    desk.fill(order, "0.6")
    assert (desk.ends, desk.results[-1].filled) == ([S.COMPLETE], 1)
    desk.cancelled(order, "1")
    assert (len(desk.results), desk.position) == (1, 1)


def test_a_cancellation_nobody_answers_is_asked_again() -> None:
    desk = Desk()
    order = working(desk, limit="100")
    desk.fill(order, "0.4")
    desk.after(60_000)
    desk.after(1_999)
    assert desk.asked_to_cancel == []
    desk.after(1)
    assert desk.asked_to_cancel == [order.client_id]


def test_nothing_filled_in_sixty_seconds_is_adjusted() -> None:
    desk = Desk()
    desk.quote("100", "100.2")
    decision = desk.decision(limit="100")
    desk.decide(decision)
    desk.accept(desk.only_sent)
    desk.after(59_999)
    assert desk.state(decision) is S.MONITORING
    desk.after(1)
    assert desk.state(decision) is S.ADJUSTING


@pytest.mark.parametrize("horizon_ms", [5_000, 100_000])
def test_the_sixty_seconds_begin_with_the_last_slice(horizon_ms: int) -> None:
    desk = Desk()
    desk.quote("100", "100.2")
    decision = desk.decision(quantity="5", limit="100", algorithm=SplitAlgorithm.TWAP, horizon_ms=horizon_ms)
    desk.decide(decision)
    desk.accept(desk.only_sent)
    last_at = horizon_ms * 4 // 5
    end = desk.now + last_at + 60_000
    while desk.now < end - 1:
        desk.after(min(1_000, end - 1 - desk.now))
        for order in desk.sent:
            desk.accept(order)
    assert desk.state(decision) is S.MONITORING
    assert len(desk.all_sent) == 5
    desk.after(1)
    assert desk.state(decision) is S.ADJUSTING


def test_monitoring_is_not_left_while_an_outcome_is_unknown() -> None:
    desk = Desk()
    decision = desk.decision(quantity="2", algorithm=SplitAlgorithm.TWAP)
    desk.decide(decision)
    first, *others = desk.sent
    for order in others:
        desk.accept(order)
        desk.fill(order)
    desk.lose(first)
    desk.after(59_000)
    assert desk.state(decision) is S.MONITORING
    for _ in range(10):
        desk.after(60_000)
        assert desk.state(decision) is S.MONITORING
    desk.fill(first)
    assert desk.ends == [S.COMPLETE]


def test_a_limit_with_a_life_of_its_own_ends_when_its_life_does_without_a_fault() -> None:
    desk = Desk()
    order = working(desk, limit="99", good_for=3_600_000)
    desk.after(3_599_999)
    assert SafetyCode.FS093 not in desk.codes
    assert desk.asked_to_cancel == []
    desk.after(1)
    assert desk.asked_to_cancel == [order.client_id]
    desk.cancelled(order, "0")
    result = desk.results[-1]
    assert (result.state, result.filled, result.rest_wanted) == (S.COMPLETE, 0, False)
    assert not {SafetyCode.FS093, SafetyCode.FS094} & set(desk.codes)


def test_an_order_the_venue_ended_by_itself_keeps_its_fills() -> None:
    desk = Desk()
    order = working(desk, limit="99")
    desk.fill(order, "0.4", "99")
    desk.ended(order, OrderState.EXPIRED, "0.4")
    result = desk.results[-1]
    assert (result.state, result.filled) == (S.COMPLETE, Decimal("0.4"))


# -- schedules ------------------------------------------------------------------------------


def test_twap_sends_each_slice_at_its_instant_and_not_before() -> None:
    desk = Desk()
    began = desk.now
    desk.decide(desk.decision(quantity="1", algorithm=SplitAlgorithm.TWAP, horizon_ms=10_000))
    sent = [(desk.now - began, order.quantity) for order in desk.sent]
    desk.accept(desk.only_sent)
    for _ in range(100):
        desk.after(100)
        for order in desk.sent:
            sent.append((desk.now - began, order.quantity))
            desk.accept(order)
    assert sent == [(at, Decimal("0.2")) for at in (0, 2_000, 4_000, 6_000, 8_000)]


def test_an_iceberg_shows_the_next_chunk_only_when_the_last_is_filled() -> None:
    desk = Desk()
    desk.decide(desk.decision(quantity="2", limit="100", algorithm=SplitAlgorithm.ICEBERG, horizon_ms=60_000))
    chunks = []
    while not desk.ends:
        chunk = desk.only_sent
        chunks.append(chunk.quantity)
        desk.accept(chunk)
        desk.after(5_000)
        assert desk.sent == []
        desk.fill(chunk, str(chunk.quantity / 2))
        assert desk.sent == []
        desk.fill(chunk, str(chunk.quantity / 2))
    assert chunks == [Decimal("0.6"), Decimal("0.6"), Decimal("0.6"), Decimal("0.2")]
    assert desk.results[-1].filled == 2


def test_a_split_into_too_many_orders_is_consolidated_and_still_sums_exactly() -> None:
    """Reaches: GR060"""
    desk = Desk(ExecutionSettings(instruments={SYMBOL: BTC}, split=SplitConfig(twap_slices=50)))
    desk.decide(desk.decision(quantity="7.003", algorithm=SplitAlgorithm.TWAP))
    assert desk.codes == [SafetyCode.GR060]
    assert len(desk.sent) == 20
    assert sum(order.quantity for order in desk.sent) == Decimal("7.003")
