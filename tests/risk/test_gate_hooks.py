"""The gate's three points: before an intent, before the route, after a response.

Proves: P4-1, P4-4
"""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import PolicyError
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.refusal import RefusalCode
from qts.domain.safety_code import SafetyCode
from qts.risk.gate import AccountState, Approved, Objection, Refused, Response, ResponseTally, RiskGate
from qts.risk.policy import RiskLimits
from qts.risk.rules import rules_of
from qts.strategy.intent import Intent, buy, close, protect, sell

NOW = 1_704_067_200_000
FLAT = AccountState(
    position=Decimal(0),
    pending_buy=Decimal(0),
    pending_sell=Decimal(0),
    equity=Decimal(1000),
    last_price=Decimal(100),
    price_known_at=NOW,
)
RULES = rules_of(RiskLimits())


def order(quantity: int, effect: Effect = Effect.INCREASE) -> Order:
    return Order(
        order_id="o",
        symbol="X",
        side=Side.BUY,
        type=OrderType.MARKET,
        quantity=Decimal(quantity),
        effect=effect,
        price=None,
        stop_loss=None,
        take_profit=None,
        created_at=NOW,
        good_until=None,
        reason="",
    )


# -- before an intent -----------------------------------------------------------------


def is_silenced(strategy_id: str, intent: Intent, book: AccountState, now: int) -> Objection | None:
    return Objection(RefusalCode.ACCOUNT_HALTED, "it may not speak") if strategy_id == "silenced" else None


def is_stale(strategy_id: str, intent: Intent, book: AccountState, now: int) -> Objection | None:
    return Objection(RefusalCode.DATA_STALE, "old") if now > book.price_known_at else None


GATE = RiskGate(RULES, intent_rules=[is_stale, is_silenced])


def test_a_strategy_that_may_not_speak_opens_nothing_and_another_does():
    wish = buy(quantity=1, stop_loss=90)
    assert [each.code for each in GATE.before_intent("silenced", wish, FLAT, NOW)] == [RefusalCode.ACCOUNT_HALTED]
    assert GATE.before_intent("other", wish, FLAT, NOW) == ()


def test_all_that_speaks_against_it_is_kept_the_worst_first():
    found = GATE.before_intent("silenced", sell(quantity=1), FLAT, NOW + 1)
    assert [each.code for each in found] == [RefusalCode.ACCOUNT_HALTED, RefusalCode.DATA_STALE]


@pytest.mark.parametrize(
    ("wish", "position"),
    [(close(), 5), (close(), 0), (protect(stop_loss=90), 5), (sell(quantity=9), 5), (buy(quantity=9), -5)],
)
def test_no_rule_keeps_a_strategy_from_its_way_out(wish: Intent, position: int):
    book = replace(FLAT, position=Decimal(position))
    assert GATE.before_intent("silenced", wish, book, NOW) == ()


@pytest.mark.parametrize(("wish", "position"), [(buy(quantity=1), 5), (sell(quantity=1), -5), (buy(quantity=1), 0)])
def test_adding_to_a_position_is_no_way_out(wish: Intent, position: int):
    assert GATE.before_intent("silenced", wish, replace(FLAT, position=Decimal(position)), NOW) != ()


def test_rules_for_intents_alone_are_no_gate():
    with pytest.raises(PolicyError, match="no rules"):
        RiskGate([], intent_rules=[is_silenced])


def test_without_rules_for_intents_the_orders_are_judged_as_ever():
    assert RiskGate(RULES).before_intent("silenced", buy(quantity=10**6), FLAT, NOW) == ()


# -- before the route -----------------------------------------------------------------


@given(st.integers(1, 60), st.sampled_from(Effect), st.integers(-40, 40), st.integers(0, 10**10))
def test_before_the_route_stands_the_same_judge(quantity: int, effect: Effect, position: int, age: int):
    state = replace(FLAT, position=Decimal(position))
    wish = order(quantity, effect)
    assert GATE.before_route(wish, state, NOW + age) == GATE.judge(wish, state, NOW + age)


def test_it_refuses_and_it_approves():
    assert GATE.before_route(order(1), FLAT, NOW) == Approved(order(1))
    assert isinstance(GATE.before_route(order(1000), FLAT, NOW), Refused)


# -- after a response -----------------------------------------------------------------

LETTERS = {
    "t": Response.TAKEN,
    "o": Response.ORDERS_FAULT,
    "f": Response.FAILED,
    "u": Response.UNKNOWN,
}


def told(story: str) -> list[int]:
    """At which answers, from 1, FS040 is told."""
    tally, places = ResponseTally(), []
    for place, letter in enumerate(story, start=1):
        tally, codes = GATE.after_response(LETTERS[letter], tally, NOW)
        assert set(codes) <= {SafetyCode.FS040}
        places += [place] * len(codes)
    return places


@pytest.mark.parametrize(
    ("story", "places"),
    [
        ("ff", []),
        ("fff", [3]),
        ("fftfoff", []),  # an order taken, or refused for its own fault, shows that the venue works
        ("fuff", [4]),  # silence shows nothing
        ("uuuuuu", []),
        ("oooooo", []),
        ("ffffffff", [3, 6]),
    ],
)
def test_three_failures_in_a_row_are_told(story: str, places: list[int]):
    assert told(story) == places


@given(st.text("tofu", max_size=40))
def test_it_is_told_once_in_three_failures_since_the_last_sign_of_life(story: str):
    runs = story.replace("u", "").replace("o", "t").split("t")
    assert len(told(story)) == sum(len(run) // 3 for run in runs)


def test_nothing_is_remembered_but_what_is_handed_in():
    """The gate is asked by many: one account's failures are not another's."""
    for _ in range(5):
        assert GATE.after_response(Response.FAILED, ResponseTally(), NOW) == (ResponseTally(1), ())
