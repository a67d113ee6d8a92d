"""The gate: every rule stops what increases, none stops what reduces, and no rules means no gate."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import PolicyError
from qts.domain.instant import DAY_MS
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.refusal import RefusalCode
from qts.risk.gate import AccountState, Approved, Refused, RiskGate
from qts.risk.policy import RiskLimits
from qts.risk.rules import account_alive, data_age, leverage_cap, order_notional, price_collar, rules_of

NOW = 1_704_067_200_000
HEALTHY = AccountState(
    position=Decimal(0),
    pending_buy=Decimal(0),
    pending_sell=Decimal(0),
    equity=Decimal(1000),
    last_price=Decimal(100),
    price_known_at=NOW,
)


def order(side: Side = Side.BUY, quantity: str = "1", price: str | None = None, effect: Effect = Effect.INCREASE):
    return Order(
        order_id="o",
        symbol="X",
        side=side,
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        quantity=Decimal(quantity),
        effect=effect,
        price=None if price is None else Decimal(price),
        stop_loss=None,
        take_profit=None,
        created_at=NOW,
        good_until=None,
        reason="",
    )


def test_a_gate_with_no_rules_refuses_to_exist() -> None:
    """Proves: P4-1"""
    with pytest.raises(PolicyError, match="no rules"):
        RiskGate([])


BREACHES = [
    (account_alive, {"equity": Decimal(0)}, order(), RefusalCode.ACCOUNT_HALTED),
    (data_age(1000), {"price_known_at": NOW - 1001}, order(), RefusalCode.DATA_STALE),
    (data_age(1000), {"price_known_at": NOW + 1}, order(), RefusalCode.DATA_STALE),
    (data_age(1000), {"last_price": None}, order(), RefusalCode.DATA_STALE),
    (price_collar(Decimal("0.1")), {}, order(price="89.99"), RefusalCode.PRICE_OUTSIDE_COLLAR),
    (price_collar(Decimal("0.1")), {}, order(price="110.01"), RefusalCode.PRICE_OUTSIDE_COLLAR),
    (price_collar(Decimal("0.1")), {"last_price": None}, order(), RefusalCode.PRICE_OUTSIDE_COLLAR),
    (order_notional(Decimal(3)), {}, order(quantity="30.001"), RefusalCode.ORDER_NOTIONAL_ABOVE_LIMIT),
    (order_notional(Decimal(3)), {"last_price": None}, order(), RefusalCode.ORDER_NOTIONAL_ABOVE_LIMIT),
    (leverage_cap(Decimal(3)), {"position": Decimal(20)}, order(quantity="10.001"), RefusalCode.LEVERAGE_ABOVE_CAP),
    (leverage_cap(Decimal(3)), {"pending_buy": Decimal(20)}, order(quantity="10.001"), RefusalCode.LEVERAGE_ABOVE_CAP),
    (leverage_cap(Decimal(3)), {"last_price": None}, order(), RefusalCode.LEVERAGE_ABOVE_CAP),
    (
        # What opposes is closed by an order of its own: it makes no room for more on the other side.
        leverage_cap(Decimal(3)),
        {"position": Decimal(30)},
        order(Side.SELL, quantity="30.001"),
        RefusalCode.LEVERAGE_ABOVE_CAP,
    ),
]
LIMITS = [
    (data_age(1000), {"price_known_at": NOW - 1000}, order()),
    (price_collar(Decimal("0.1")), {}, order(price="90")),
    (price_collar(Decimal("0.1")), {}, order(price="110")),
    (order_notional(Decimal(3)), {}, order(quantity="30")),
    (leverage_cap(Decimal(3)), {"position": Decimal(20)}, order(quantity="10")),
    (leverage_cap(Decimal(3)), {"position": Decimal(30)}, order(Side.SELL, quantity="30")),
    (leverage_cap(Decimal(3)), {"pending_sell": Decimal(30)}, order(quantity="30")),
    (account_alive, {"equity": Decimal("0.01")}, order()),
]


@pytest.mark.parametrize(("rule", "changes", "wish", "code"), BREACHES)
def test_each_rule_stops_what_increases_and_says_why(rule, changes, wish, code) -> None:
    """Proves: P4-1"""
    verdict = RiskGate([rule]).judge(wish, replace(HEALTHY, **changes), NOW)
    assert isinstance(verdict, Refused)
    assert verdict.codes == (code,)
    assert verdict.detail


@pytest.mark.parametrize(("rule", "changes", "wish"), LIMITS)
def test_the_limit_itself_is_allowed(rule, changes, wish) -> None:
    """Proves: P4-1"""
    assert RiskGate([rule]).judge(wish, replace(HEALTHY, **changes), NOW) == Approved(wish)


@pytest.mark.parametrize(("rule", "changes", "wish", "code"), BREACHES)
def test_no_rule_can_stop_the_way_out(rule, changes, wish, code) -> None:
    """Whatever is wrong with account, price or data, an order that truly reduces passes.

    Proves: P4-1
    """
    state = replace(HEALTHY, **{**changes, "position": Decimal(50)})
    way_out = replace(wish, side=Side.SELL, effect=Effect.REDUCE)
    assert RiskGate([rule]).judge(way_out, state, NOW) == Approved(way_out)


def rule_that_always_objects(wish, state, now):
    raise AssertionError("asked about an order that reduces")


@given(st.integers(-100, 100), st.sampled_from(Side), st.integers(1, 200))
def test_reducing_is_judged_by_the_position_never_by_the_word(position: int, side: Side, quantity: int) -> None:
    """An order that calls itself reducing passes if and only if |position| falls and its sign does not flip.

    Proves: P4-1
    """
    state = replace(HEALTHY, position=Decimal(position))
    claim = order(side, str(quantity), effect=Effect.REDUCE)
    after = position + side.sign * quantity
    truly = abs(after) < abs(position) and after * position >= 0
    verdict = RiskGate([rule_that_always_objects]).judge(claim, state, NOW)
    assert isinstance(verdict, Approved) == truly
    if isinstance(verdict, Refused):
        assert verdict.codes == (RefusalCode.NOT_REDUCING,)


def test_all_reasons_are_kept_the_worst_one_first() -> None:
    """Proves: P4-1"""
    broke = replace(HEALTHY, equity=Decimal(0), last_price=None, price_known_at=NOW - 2 * DAY_MS)
    verdict = RiskGate(reversed(rules_of(RiskLimits()))).judge(order(), broke, NOW)
    assert isinstance(verdict, Refused)
    assert verdict.codes == (
        RefusalCode.ACCOUNT_HALTED,
        RefusalCode.DATA_STALE,
        RefusalCode.PRICE_OUTSIDE_COLLAR,
        RefusalCode.ORDER_NOTIONAL_ABOVE_LIMIT,
        RefusalCode.LEVERAGE_ABOVE_CAP,
    )
    assert verdict.detail.count(";") == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"leverage_max": Decimal("3.01")},
        {"leverage_max": Decimal(0)},
        {"price_collar": Decimal(0)},
        {"data_age_ms_max": 0},
        {"order_notional_max": Decimal(-1)},
        {"risk_per_trade": Decimal("0.021")},
        {"risk_per_trade": Decimal(0)},
    ],
)
def test_limits_that_would_loosen_the_house_are_refused(wrong) -> None:
    """Proves: QL-13"""
    with pytest.raises(PolicyError, match=next(iter(wrong))):
        RiskLimits(**wrong)


def test_each_code_has_a_meaning_and_only_passing_troubles_are_transient() -> None:
    assert all(code.meaning for code in RefusalCode)
    assert {code for code in RefusalCode if code.is_transient} == {
        RefusalCode.DATA_STALE,
        RefusalCode.PRICE_OUTSIDE_COLLAR,
        RefusalCode.DAILY_LOSS_REACHED,
        RefusalCode.ORDER_RATE_ABOVE_LIMIT,
        RefusalCode.REVERSALS_ABOVE_LIMIT,
        RefusalCode.OPEN_ORDERS_ABOVE_LIMIT,
        RefusalCode.SYMBOL_EXPOSURE_ABOVE_LIMIT,
        RefusalCode.GROSS_EXPOSURE_ABOVE_LIMIT,
        RefusalCode.NET_EXPOSURE_ABOVE_LIMIT,
        RefusalCode.HEAT_ABOVE_LIMIT,
        RefusalCode.LIQUIDATION_TOO_NEAR,
        RefusalCode.ORDER_NOTIONAL_ABOVE_LIMIT,
        RefusalCode.LEVERAGE_ABOVE_CAP,
        RefusalCode.BRACKET_LEVERAGE_EXCEEDED,
        RefusalCode.MARGIN_INSUFFICIENT,
        RefusalCode.NOT_EXECUTED,
    }
