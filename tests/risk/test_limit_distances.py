"""How far away every limit is, as things stand and with an order counted in; and what is not known stops."""

from dataclasses import replace
from decimal import Decimal

from qts.domain.instant import DAY_MS, MINUTE_MS
from qts.domain.money import exact_arithmetic
from qts.domain.order import Effect
from qts.domain.refusal import RefusalCode
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.risk.limit_state import ACCOUNT, CapitalMoved, EquityMarked, folded
from qts.risk.limits import LIMITS, BaseOf, Border, LimitName, measured
from qts.risk.stages import Pass, StageWord, Verdict, Warn
from qts.risk.staging import decided, distances
from tests.risk.limit_cases import HEALTHY, NOW, TREND, book, events, held, order


def now_and_then(verdict: Verdict, name: LimitName, whose: str) -> Decimal:
    found = [each for each in verdict.measured if (each.limit.name, each.whose) == (name, whose)]
    assert len(found) == 1
    assert found[0].distance is not None
    return found[0].distance


def test_every_limit_of_every_book_shows_its_value_its_bound_and_its_distance() -> None:
    """Proves: BX-10, P6-8"""
    policy = LimitPolicies(account=LimitPolicy(order_notional_max=Decimal(5000)))
    found = distances(
        book(ACCOUNT, held("10", stop=Decimal(95))),
        [book(TREND, held("10", stop=Decimal(95))), book("other")],
        state=folded([*HEALTHY.events, EquityMarked("other", Decimal(10_000), NOW)]),
        policy=policy,
        now=NOW,
    )
    of_strategy = {LimitName.DATA_AGE, LimitName.PRICE_COLLAR, LimitName.ORDER_SIZE, LimitName.ORDER_NOTIONAL}
    of_strategy |= {LimitName.REVERSALS_PER_HOUR}
    of_account = {LimitName.LIQUIDATION_DISTANCE, LimitName.STOP_BEFORE_LIQUIDATION}
    for whose in (ACCOUNT, TREND, "other"):
        names = {each.limit.name for each in found if each.whose == whose}
        assert names == set(LimitName) - (of_strategy if whose == ACCOUNT else of_account)
    for each in found:
        assert each.value is not None
        with exact_arithmetic():
            away = each.value - each.bound if each.limit.border is Border.BELOW else each.bound - each.value
        assert each.distance == away
        assert each.distance > 0
        assert not each.is_reached
        shown = each.facts()
        assert shown["measures"]
        assert shown["stops"]
        assert shown["resets"]
        assert each.limit.name.value in each.sentence
        if each.limit.base in (BaseOf.CAPITAL, BaseOf.DAY, BaseOf.PEAK, BaseOf.NOW):
            assert each.base == 10_000


def test_the_distances_by_hand() -> None:
    """10 units at 100 with a stop at 95, equity 10,000, lost 200 today and 10,000 was the peak.

    Proves: BX-10
    """
    found = distances(
        book(ACCOUNT, held("10", stop=Decimal(95), leverage=2), equity=Decimal(9800), capital=Decimal(9800)),
        [],
        state=HEALTHY.state,
        policy=HEALTHY.policy,
        now=NOW,
    )
    values = {each.limit.name: (each.value, each.distance) for each in found}
    assert values[LimitName.DAILY_LOSS] == (Decimal("0.02"), Decimal("0.03"))
    assert values[LimitName.DRAWDOWN] == (Decimal("0.02"), Decimal("0.18"))
    heat, room = values[LimitName.HEAT]
    assert heat is not None
    assert room is not None
    assert round(heat * 9800, 20) == 50
    assert heat + room == Decimal("0.06")
    away, _ = values[LimitName.LIQUIDATION_DISTANCE]
    assert away is not None
    assert round(away, 6) == Decimal("0.494949")  # (500 - 1000) / (0.1 - 10) = 50.505
    beyond, _ = values[LimitName.STOP_BEFORE_LIQUIDATION]
    assert (
        beyond is not None
    )  # 4 less behind it: (496 - 1000) / (0.1 - 10) = 50.909, over 0.99 is 51.423; the stop is 95
    assert round(beyond, 6) == Decimal("-0.435767")


def test_an_order_moves_the_distances_by_what_it_adds() -> None:
    """Proves: BX-10"""
    before = {
        (each.limit.name, each.whose): each.distance
        for each in distances(HEALTHY.account, [HEALTHY.strategy], state=HEALTHY.state, policy=HEALTHY.policy, now=NOW)
    }
    after = HEALTHY.judged()
    for name, moved in (
        (LimitName.SYMBOL_EXPOSURE, "0.1"),
        (LimitName.GROSS_EXPOSURE, "0.1"),
        (LimitName.NET_EXPOSURE, "0.1"),
        (LimitName.HEAT, "0.005"),
        (LimitName.ORDERS_PER_MINUTE, "1"),
        (LimitName.OPEN_ORDERS, "1"),
        (LimitName.DAILY_LOSS, "0"),
    ):
        for whose in (ACCOUNT, TREND):
            distance = before[name, whose]
            assert distance is not None
            assert distance - now_and_then(after, name, whose) == Decimal(moved)


def test_a_value_that_is_not_known_stops_and_says_so() -> None:
    """Proves: P6-8"""
    never = replace(HEALTHY, events=()).judged()
    assert never.word is StageWord.BLOCK
    assert "daily-loss of account is not known, 5.00% stops" in never.reasons
    broke = replace(HEALTHY, account=replace(HEALTHY.account, equity=Decimal(0))).judged()
    assert broke.word is StageWord.BLOCK


def test_a_limit_decides_the_same_whoever_measured_it() -> None:
    """Proves: P6-8"""
    at = measured(LimitName.DAILY_LOSS, "x", value=Decimal("0.05"), bound=Decimal("0.05"), warn=Decimal("0.03"))
    assert type(decided(at, Decimal(1))).__name__ == "Block"
    heat = replace(at, limit=LIMITS[LimitName.HEAT])
    assert isinstance(decided(heat, Decimal(1)), Warn)
    assert isinstance(decided(replace(heat, warn=None), Decimal(1)), Pass)


def test_a_deposit_does_not_lift_a_loss_limit_nor_a_withdrawal_set_one_off() -> None:
    """Proves: P6-8"""
    lost = replace(HEALTHY, account=replace(HEALTHY.account, equity=Decimal(9500), capital=Decimal(9500)))
    marks = events(EquityMarked(ACCOUNT, Decimal(9500), NOW))(lost)
    assert marks.judged().word is StageWord.BLOCK
    for amount in (Decimal(90_000), Decimal(-5000)):
        moved = events(CapitalMoved(ACCOUNT, amount, NOW))(marks)
        after = Decimal(9500) + amount
        rich = replace(moved, account=replace(moved.account, equity=after, capital=after))
        verdict = rich.judged()
        assert RefusalCode.DAILY_LOSS_REACHED in verdict.codes
        left = now_and_then(verdict, LimitName.DAILY_LOSS, ACCOUNT)
        assert Decimal("-1e-11") < left <= 0


def test_a_new_day_begins_where_the_last_one_ended() -> None:
    """Proves: P6-8"""
    lost = replace(HEALTHY, account=replace(HEALTHY.account, equity=Decimal(9400), capital=Decimal(9400)))
    marked = events(EquityMarked(ACCOUNT, Decimal(9400), NOW))(lost)
    assert marked.judged().word is StageWord.BLOCK
    tomorrow = (NOW // DAY_MS + 1) * DAY_MS + 1
    later = {"state": marked.state, "policy": marked.policy, "now": tomorrow}
    found = distances(marked.account, [], **later)  # type: ignore[arg-type]
    assert next(each.value for each in found if each.limit.name is LimitName.DAILY_LOSS) == 0
    assert next(each.value for each in found if each.limit.name is LimitName.DRAWDOWN) == Decimal("0.06")


def test_orders_that_reduce_are_counted_and_not_counted_in() -> None:
    """Proves: P6-8"""
    wish = order(effect=Effect.REDUCE, price_known_at=NOW - 2 * MINUTE_MS)(HEALTHY)
    verdict = wish.judged()
    assert verdict.word is StageWord.WARN
    assert [each.split(" ")[0] for each in verdict.reasons] == ["data-age"]
    assert now_and_then(verdict, LimitName.ORDERS_PER_MINUTE, ACCOUNT) == 59
    assert now_and_then(verdict, LimitName.GROSS_EXPOSURE, ACCOUNT) == 2
