"""From what a strategy answers to what may be sent: sizes, grids, split at zero, refusals, ids."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.money import exact_arithmetic
from qts.domain.order import Effect, OrderType
from qts.domain.refusal import RefusalCode
from qts.execution.cycle import DecisionCycle, Desk, Plan, Ways
from qts.risk.gate import AccountState, RiskGate
from qts.risk.policy import RiskLimits
from qts.risk.rules import rules_of
from qts.strategy.intent import Answer, Targets, buy, close, protect, sell
from tests.generators import SYMBOL, instrument

NOW = 1_704_067_200_000
HOUR = 3_600_000


def desk(  # noqa: PLR0917 - in the order everybody says them
    position: str = "0",
    equity: str = "10000",
    available: str | None = None,
    in_flight: str = "0",
    allocated: str | None = None,
    elsewhere: str = "0",
) -> Desk:
    state = AccountState(
        position=Decimal(position),
        pending_buy=Decimal(0),
        pending_sell=Decimal(0),
        equity=Decimal(equity),
        last_price=Decimal(100),
        price_known_at=NOW,
        elsewhere=Decimal(elsewhere),
    )
    free = Decimal(available if available is not None else equity)
    return Desk(
        state=state,
        available=free,
        in_flight=Decimal(in_flight),
        last_price=Decimal(100),
        allocated=Decimal(allocated if allocated is not None else equity),
        available_if_flat=Decimal(equity),
        allocated_if_flat=Decimal(equity),
    )


def plan(answer: Answer, at: Desk | None = None, leverage: int = 3, cost_rate: str = "0") -> Plan:
    limits = RiskLimits(price_collar=Decimal("0.5"))
    ways = Ways(
        instrument=instrument(), limits=limits, interval_ms=HOUR, leverage=leverage, cost_rate=Decimal(cost_rate)
    )
    with exact_arithmetic():
        return DecisionCycle(ways, RiskGate(rules_of(limits))).plan(answer, at or desk(), NOW)


def told(made: Plan) -> list[str]:
    return [f"{a.order.effect} {a.order.side} {a.order.type} {a.order.quantity.normalize():f}" for a in made.orders]


def test_silence_sends_nothing() -> None:
    for silence in (None, [], ()):
        assert plan(silence) == Plan((), None, ())


def test_what_opposes_is_closed_first_and_the_rest_opens() -> None:
    """Proves: QL-16"""
    assert told(plan(sell(quantity=3), desk("2"))) == ["reduce sell market 2", "increase sell market 1"]
    assert told(plan(sell(quantity=1), desk("2"))) == ["reduce sell market 1"]
    assert told(plan(buy(weight=1), desk("-5"))) == ["reduce buy market 5", "increase buy market 100"]
    assert told(plan([close(), close()], desk("2"))) == ["reduce sell market 2"]
    assert told(plan(close())) == []


def test_a_way_out_needs_no_minimum_and_no_room() -> None:
    """Proves: P4-1"""
    assert told(plan(close(), desk("0.001"))) == ["reduce sell market 0.001"]
    assert told(plan(close(), desk("10000", equity="-5", available="-5"))) == ["reduce sell market 10000"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (buy(), RefusalCode.SIZE_NEEDS_STOP),
        (buy(quantity=0.0004), RefusalCode.QUANTITY_BELOW_LOT),
        (buy(quantity=0.04), RefusalCode.NOTIONAL_BELOW_MINIMUM),
        (buy(quantity=1, stop_loss=100), RefusalCode.STOP_ON_WRONG_SIDE),
        (sell(quantity=1, stop_loss=99), RefusalCode.STOP_ON_WRONG_SIDE),
        (buy(quantity=1, take_profit=100), RefusalCode.TARGET_ON_WRONG_SIDE),
        (sell(quantity=1, take_profit=101), RefusalCode.TARGET_ON_WRONG_SIDE),
        (buy(quantity=1, limit=90, stop_loss=95), RefusalCode.STOP_ON_WRONG_SIDE),
        (buy(quantity=1, limit=40), RefusalCode.PRICE_OUTSIDE_COLLAR),
        (buy(quantity=301), RefusalCode.ORDER_NOTIONAL_ABOVE_LIMIT),
        (protect(stop_loss=90), RefusalCode.NOTHING_TO_CLOSE),
        (buy(stop_loss=1), RefusalCode.NOTIONAL_BELOW_MINIMUM),
    ],
)
def test_a_wish_that_cannot_be_is_refused_by_code(answer: Answer, code: RefusalCode) -> None:
    """Proves: P4-1, QL-13"""
    made = plan(answer, desk(equity="100") if answer == buy(stop_loss=1) else desk())
    assert made.orders == ()
    assert made.protection is None
    assert [refused.codes[0] for refused in made.not_sent] == [code]
    assert made.not_sent[0].detail


def test_the_second_of_two_entries_sees_the_first() -> None:
    """Each fits the cap alone; together they would not. Proves: P4-1"""
    for first, second in ((buy(quantity=200), buy(quantity=101)), (buy(quantity=200, limit=99), buy(quantity=101))):
        made = plan([first, second])
        assert len(made.orders) == 1
        assert made.not_sent[0].codes == (RefusalCode.LEVERAGE_ABOVE_CAP,)


def test_a_resting_reversal_is_capped_by_what_it_leaves_behind() -> None:
    """Long 300 of 300 allowed: selling 601 at a limit would leave a short of 301. Proves: P4-1"""
    made = plan(sell(quantity=601, limit=101), desk("300"), leverage=20)
    assert told(made) == ["reduce sell limit 300"]
    assert RefusalCode.LEVERAGE_ABOVE_CAP in made.not_sent[0].codes
    assert told(plan(sell(quantity=590, limit=101), desk("300"), leverage=20)) == [
        "reduce sell limit 300",
        "increase sell limit 290",
    ]


def test_a_reversal_is_sized_as_if_the_old_position_were_gone() -> None:
    """The margin of what is closed is free again. Proves: QL-13"""
    stuck = desk("300", available="0")
    assert told(plan(sell(weight=3), stuck)) == ["reduce sell market 300", "increase sell market 300"]
    assert told(plan([close(), sell(weight=3)], stuck)) == told(plan(sell(weight=3), stuck))


def test_orders_get_their_grid_life_and_name() -> None:
    made = plan([buy(quantity=1.2349, limit=99.987, stop_loss=95.001, take_profit=110.009, good_for_bars=4)])
    order = made.orders[0].order
    assert (order.type, order.quantity, order.price) == (OrderType.LIMIT, Decimal("1.234"), Decimal("99.98"))
    assert (order.stop_loss, order.take_profit) == (Decimal("95.01"), Decimal("110.00"))
    assert order.good_until == NOW + 4 * HOUR
    assert order.order_id == f"{SYMBOL}-{NOW}-1"
    short = plan([sell(quantity=1, trigger=99.987, stop_loss=105.009, take_profit=90.001)]).orders[0].order
    assert (short.type, short.price) == (OrderType.STOP, Decimal("99.98"))
    assert (short.stop_loss, short.take_profit) == (Decimal("105.00"), Decimal("90.01"))
    market = plan(buy(quantity=1)).orders[0].order
    assert (market.price, market.good_until, market.effect) == (None, None, Effect.INCREASE)


def test_refused_wishes_have_names_of_their_own() -> None:
    made = plan([buy(), buy(quantity=1), buy(quantity=0.0001)])
    names = [made.not_sent[0].order_id, made.orders[0].order.order_id, made.not_sent[1].order_id]
    assert names == [f"{SYMBOL}-{NOW}-{number}" for number in (1, 2, 3)]


def test_two_words_of_protection_are_one() -> None:
    made = plan([protect(stop_loss=90), protect(take_profit=110)], desk("1"))
    assert made.protection is not None
    assert (made.protection.stop_loss, made.protection.take_profit) == (Decimal(90), Decimal(110))


@given(st.integers(-300, 300), st.integers(-280, 280), st.integers(-100, 100))
def test_targets_arrive_at_their_weight(held: int, percent: int, flying: int) -> None:
    """Position + what is in flight + what is sent = weight x equity / price, to the lot, or was too small to send."""
    start = desk(str(held), in_flight=str(flying))
    made = plan(Targets({SYMBOL: percent / 100}), start, leverage=125)
    sent = sum(a.order.side.sign * a.order.quantity for a in made.orders)
    if percent == 0:
        assert held + sent == 0
    elif not made.not_sent:
        assert abs(held + flying + sent - percent) * 100 <= 5


def test_quantity_by_the_two_percent_rule() -> None:
    """200 of risk / (5 + 195 x 0.001) per unit = 38.498...; and 3 x equity where the stop is too near.

    Proves: QL-13
    """
    assert told(plan(buy(stop_loss=95), cost_rate="0.001")) == ["increase buy market 38.498"]
    assert told(plan(buy(stop_loss=99.9))) == ["increase buy market 300"]
    assert told(plan(buy(stop_loss=99.9), desk(available="1000"))) == ["increase buy market 30"]
    assert told(plan(buy(stop_loss=99.9), desk("100", available="10000"))) == ["increase buy market 200"]


@pytest.mark.parametrize(
    ("at", "quantity"),
    [
        (desk(), "100"),  # 2 % of 10,000 over 2 a unit
        (desk(allocated="5000"), "50"),  # the other half is won on paper
        (desk(equity="5000", allocated="10000"), "50"),  # half is lost on paper
        (desk("50", allocated="9000"), "40"),  # what is held shares the two percent
        (desk(elsewhere="25000"), "50"),  # 30,000 are allowed, and what is elsewhere is of them
        (desk("-10", allocated="9000"), "100"),  # closing the short makes its gain real first
    ],
)
def test_sizes_are_of_what_is_allocated_and_not_lost(at: Desk, quantity: str) -> None:
    """Proves: QL-13"""
    *_, opened = plan(buy(stop_loss=98), at).orders
    assert opened.order.quantity == Decimal(quantity)


def test_what_is_held_elsewhere_counts_for_the_leverage_cap() -> None:
    """Proves: P4-1, QL-13"""
    made = plan(buy(quantity=51), desk(elsewhere="25000"))
    assert made.not_sent[0].codes == (RefusalCode.LEVERAGE_ABOVE_CAP,)
    assert told(plan(buy(quantity=50), desk(elsewhere="25000"))) == ["increase buy market 50"]
