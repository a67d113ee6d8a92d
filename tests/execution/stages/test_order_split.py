"""Splitting: which way, how much each, and when; tables for the rules.

Proves: SX-2
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from qts.domain.errors import StrategyError
from qts.domain.instant import HOUR_MS, MINUTE_MS
from qts.domain.instrument import Instrument
from qts.domain.order import Effect, Order, OrderType, Side
from qts.domain.safety_code import SafetyCode
from qts.execution.contracts import OrderDecision, Role, SplitAlgorithm, SplitConfig, SplitResult, Urgency
from qts.execution.stages.order_split import SplitFacts, split
from qts.market.volume_profile import VolumeProfile

NOW = 1_704_067_200_000  # 2024-01-01T00:00:00Z
D = Decimal
INSTRUMENT = Instrument(symbol="XYZUSDT", base="XYZ", quote="USDT", tick=D("0.1"), lot=D("0.001"), notional_min=D("5"))
CONFIG = SplitConfig()
EVEN = VolumeProfile(symbol="XYZUSDT", bucket_ms=HOUR_MS, weights=(1,) * 24, day_volume=D("1000000"), known_at=NOW)
# A tenth of a day's volume in its first hour, nothing in the second, six tenths in the third, the rest in the fourth.
UNEVEN = replace(EVEN, weights=(1, 0, 6, 3, *(0,) * 20))


def decision(
    quantity: str = "0.5",
    *,
    kind: OrderType = OrderType.LIMIT,
    price: str | None = "100",
    effect: Effect = Effect.INCREASE,
    algorithm: SplitAlgorithm | None = None,
    urgency: Urgency = Urgency.NORMAL,
    horizon_ms: int = 0,
) -> OrderDecision:
    order = Order(
        order_id="d-1",
        symbol="XYZUSDT",
        side=Side.BUY,
        type=kind,
        quantity=D(quantity),
        effect=effect,
        price=None if price is None or kind is OrderType.MARKET else D(price),
        stop_loss=None,
        take_profit=None,
        created_at=NOW,
        good_until=None,
        reason="test",
    )
    return OrderDecision(order, D("100"), algorithm=algorithm, urgency=urgency, horizon_ms=horizon_ms)


def facts(profile: VolumeProfile | None = None, price: str = "100", instrument: Instrument = INSTRUMENT) -> SplitFacts:
    return SplitFacts(instrument, D(price), profile)


def split_up(wanted: OrderDecision, given: SplitFacts | None = None, config: SplitConfig = CONFIG) -> SplitResult:
    return split(wanted, wanted.order.quantity, given or facts(), config, NOW)


def lots(result: SplitResult) -> list[int]:
    return [int(each.quantity / INSTRUMENT.lot) for each in result.slices]


def minutes(result: SplitResult) -> list[float]:
    return [(each.send_at - NOW) / MINUTE_MS for each in result.slices]


# -- which way ------------------------------------------------------------------------

RULES = """
# lots  urgency  horizon  profile -> algorithm
     1  normal         0  none    -> single
   100  normal         0  none    -> single
   101  normal         0  none    -> single     # a schedule needs a horizon
  5000  normal         0  none    -> single
  5000  normal         0  even    -> single
  5000  urgent         0  even    -> single
   100  normal        60  even    -> single
   101  normal        60  none    -> twap
   101  normal        60  even    -> vwap
  1000  normal        60  none    -> twap
  1000  normal        60  even    -> vwap
  1001  normal        60  none    -> iceberg
  1001  normal        60  even    -> iceberg
  1001  urgent        60  none    -> twap
  1001  urgent        60  even    -> vwap
   500  normal        60  later   -> twap       # not known yet
   500  normal        60  silent  -> twap       # nothing trades in the window
"""
PROFILES = {
    "none": None,
    "even": EVEN,
    "later": replace(EVEN, known_at=NOW + 1),
    "silent": replace(EVEN, weights=(*(0,) * 23, 1)),
}


@pytest.mark.parametrize("rule", [line.split("#")[0] for line in RULES.strip().splitlines()[1:]])
@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.MARKET])
def test_the_rule_chooses(rule: str, kind: OrderType):
    asked, answer = rule.split("->")
    count, urgency, horizon, profile = asked.split()
    wanted = decision(
        str(int(count) * INSTRUMENT.lot), kind=kind, urgency=Urgency(urgency), horizon_ms=int(horizon) * MINUTE_MS
    )
    assert split_up(wanted, facts(PROFILES[profile])).algorithm == answer.strip()


@pytest.mark.parametrize("algorithm", list(SplitAlgorithm))
@pytest.mark.parametrize("quantity", ["0.1", "5"])
@pytest.mark.parametrize("horizon_ms", [HOUR_MS, 4 * HOUR_MS])
@pytest.mark.parametrize("urgency", list(Urgency))
def test_a_decision_that_names_an_algorithm_is_obeyed(
    algorithm: SplitAlgorithm, quantity: str, horizon_ms: int, urgency: Urgency
):
    wanted = decision(quantity, algorithm=algorithm, horizon_ms=horizon_ms, urgency=urgency)
    result = split_up(wanted, facts(EVEN))
    assert result.algorithm is algorithm
    assert (len(result.slices) == 1) == (algorithm is SplitAlgorithm.SINGLE)


def test_an_algorithm_named_without_a_horizon_is_obeyed_and_all_of_it_is_due():
    result = split_up(decision(algorithm=SplitAlgorithm.TWAP))
    assert (lots(result), minutes(result)) == ([100] * 5, [0] * 5)


@pytest.mark.parametrize("profile", [None, PROFILES["later"], PROFILES["silent"]])
def test_vwap_without_a_profile_to_go_by_is_twap_and_says_so(profile: VolumeProfile | None):
    result = split_up(decision(algorithm=SplitAlgorithm.VWAP, horizon_ms=HOUR_MS), facts(profile))
    assert result.algorithm is SplitAlgorithm.TWAP
    assert lots(result) == [100] * 5


@pytest.mark.parametrize("algorithm", [None, *SplitAlgorithm])
def test_a_stop_order_is_never_cut_up(algorithm: SplitAlgorithm | None):
    wanted = decision("5", kind=OrderType.STOP, algorithm=algorithm, horizon_ms=HOUR_MS)
    assert split_up(wanted, facts(EVEN)).algorithm is SplitAlgorithm.SINGLE


# -- how much, when -------------------------------------------------------------------


def test_a_single_order_is_the_decision_itself():
    (only,) = split_up(decision("0.5")).slices
    assert (only.client_id, only.parent_id, only.sequence, only.attempt) == ("d-1", "d-1", 0, 1)
    assert (only.quantity, only.price, only.type, only.side) == (D("0.5"), D(100), OrderType.LIMIT, Side.BUY)
    assert only.send_at == NOW


def test_the_quantity_is_the_one_that_was_let_through_and_not_the_one_decided():
    (only,) = split(decision("0.5"), D("0.3"), facts(), CONFIG, NOW).slices
    assert only.quantity == D("0.3")


@pytest.mark.parametrize(
    ("count", "parts"),
    [(500, [100] * 5), (503, [101, 101, 101, 100, 100]), (249, [63, 62, 62, 62]), (104, [104]), (30, [30])],
    ids=["equal", "larger first", "only four of 50 lots or more", "one", "less than the venue takes"],
)
def test_twap_slices_are_equal_and_as_large_as_the_venue_wants(count: int, parts: list[int]):
    dear = replace(INSTRUMENT, notional_min=D("5.3") if count == 104 else D("5"))
    wanted = decision(str(count * INSTRUMENT.lot), algorithm=SplitAlgorithm.TWAP, horizon_ms=HOUR_MS)
    assert lots(split_up(wanted, facts(instrument=dear))) == parts


def test_twap_spreads_over_the_horizon_and_urgency_halves_it():
    wanted = decision(algorithm=SplitAlgorithm.TWAP, horizon_ms=HOUR_MS)
    assert minutes(split_up(wanted)) == [0, 12, 24, 36, 48]
    assert minutes(split_up(replace(wanted, urgency=Urgency.URGENT))) == [0, 6, 12, 18, 24]


def test_vwap_follows_the_profile():
    wanted = decision("1", algorithm=SplitAlgorithm.VWAP, horizon_ms=4 * HOUR_MS)
    result = split_up(wanted, facts(UNEVEN), SplitConfig(twap_slices=4))
    assert (lots(result), minutes(result)) == ([100, 600, 300], [0, 120, 180])


def test_vwap_takes_as_many_slots_as_the_horizon_has_buckets():
    wanted = decision("1.2", algorithm=SplitAlgorithm.VWAP, horizon_ms=12 * HOUR_MS)
    assert lots(split_up(wanted, facts(EVEN))) == [100] * 12


def test_vwap_stays_under_the_participation_cap_and_the_last_slice_takes_the_rest():
    quiet = replace(UNEVEN, day_volume=D("5"))  # a tenth of the first hour's half unit is 50 lots
    wanted = decision("1", algorithm=SplitAlgorithm.VWAP, horizon_ms=4 * HOUR_MS)
    result = split_up(wanted, facts(quiet), SplitConfig(twap_slices=4))
    assert (lots(result), minutes(result)) == ([50, 300, 650], [0, 120, 180])


def test_vwap_parts_too_small_to_send_wait_for_the_next_slot_and_the_tail_joins_the_last():
    wanted = decision("0.4", algorithm=SplitAlgorithm.VWAP, horizon_ms=4 * HOUR_MS)
    slow = replace(EVEN, weights=(45, 2, 50, 3, *(0,) * 20))
    result = split_up(wanted, facts(slow), SplitConfig(twap_slices=4))
    assert (lots(result), minutes(result)) == ([180, 220], [0, 120])  # 8 waits with 200; 12 joins them


def test_vwap_begins_now_even_where_little_trades():
    wanted = decision("1", algorithm=SplitAlgorithm.VWAP, horizon_ms=4 * HOUR_MS)
    late = replace(EVEN, weights=(0, 0, 1, 1, *(0,) * 20))
    result = split_up(wanted, facts(late), SplitConfig(twap_slices=4))
    assert (lots(result), minutes(result)) == ([50, 450, 500], [0, 120, 180])  # 50 lots at 100 are the 5 quote


@pytest.mark.parametrize(
    ("count", "visible", "parts"),
    [
        (1000, "0.3", [300, 300, 300, 100]),
        (1000, "0.25", [250] * 4),
        (1000, "0.32", [320, 320, 360]),  # 40 lots are too few for an order
        (1000, "1", [1000]),
        (120, "0.3", [50, 70]),  # the visible share is too small for an order
        (30, "0.3", [30]),
    ],
)
def test_iceberg_shows_its_visible_share_and_consolidates_the_tail(count: int, visible: str, parts: list[int]):
    wanted = decision(str(count * INSTRUMENT.lot), algorithm=SplitAlgorithm.ICEBERG, horizon_ms=HOUR_MS)
    result = split_up(wanted, config=SplitConfig(iceberg_visible=D(visible)))
    assert (lots(result), set(minutes(result))) == (parts, {0})


@pytest.mark.parametrize(
    ("wanted", "config"),
    [
        (decision("2", algorithm=SplitAlgorithm.TWAP, horizon_ms=HOUR_MS), SplitConfig(twap_slices=21)),
        (decision("2", algorithm=SplitAlgorithm.VWAP, horizon_ms=21 * HOUR_MS), CONFIG),
        (decision("2.1", algorithm=SplitAlgorithm.ICEBERG), SplitConfig(iceberg_visible=D("0.048"))),
    ],
    ids=["twap", "vwap", "iceberg"],
)
def test_more_than_twenty_slices_are_consolidated_and_told(wanted: OrderDecision, config: SplitConfig):
    result = split_up(wanted, facts(EVEN), config)
    assert len(result.slices) == 20
    assert result.quantity == wanted.order.quantity
    (alert,) = result.alerts
    assert (alert.code, alert.subject, alert.stage) == (SafetyCode.GR060, "d-1", "splitting")
    assert alert.message == "21 slices, consolidated to 20"


@pytest.mark.parametrize(
    ("wanted", "config"),
    [
        (decision("2", algorithm=SplitAlgorithm.TWAP, horizon_ms=HOUR_MS), SplitConfig(twap_slices=20)),
        (decision("2", algorithm=SplitAlgorithm.VWAP, horizon_ms=20 * HOUR_MS), CONFIG),
        (decision("2", algorithm=SplitAlgorithm.ICEBERG), SplitConfig(iceberg_visible=D("0.05"))),
    ],
    ids=["twap", "vwap", "iceberg"],
)
def test_twenty_slices_are_no_news(wanted: OrderDecision, config: SplitConfig):
    result = split_up(wanted, facts(EVEN), config)
    assert (len(result.slices), result.alerts) == (20, ())


def test_what_increases_enters_and_what_reduces_exits_reduce_only():
    for effect, role, reduce_only in ((Effect.INCREASE, Role.ENTRY, False), (Effect.REDUCE, Role.EXIT, True)):
        for algorithm in SplitAlgorithm:
            result = split_up(decision(effect=effect, algorithm=algorithm, horizon_ms=HOUR_MS), facts(EVEN))
            assert {(each.role, each.reduce_only) for each in result.slices} == {(role, reduce_only)}


def test_what_reduces_needs_no_minimum_notional():
    tiny = decision("0.005", effect=Effect.REDUCE, algorithm=SplitAlgorithm.TWAP, horizon_ms=HOUR_MS)
    assert lots(split_up(tiny)) == [1] * 5


def test_the_minimum_is_judged_at_the_lower_of_the_reference_and_the_limit():
    low = decision("0.2", price="50", algorithm=SplitAlgorithm.TWAP, horizon_ms=HOUR_MS)
    assert lots(split_up(low, facts(price="100"))) == [100, 100]
    assert lots(split_up(low, facts(price="25"))) == [200]
    market = decision("0.2", kind=OrderType.MARKET, algorithm=SplitAlgorithm.TWAP, horizon_ms=HOUR_MS)
    assert lots(split_up(market, facts(price="100"))) == [50] * 4


@pytest.mark.parametrize("quantity", ["0.0005", "0.5001"])
@pytest.mark.parametrize("algorithm", [None, SplitAlgorithm.TWAP])
def test_a_quantity_off_the_lot_grid_is_refused(quantity: str, algorithm: SplitAlgorithm | None):
    with pytest.raises(StrategyError, match="whole number of lots"):
        split_up(decision(quantity, algorithm=algorithm))


@pytest.mark.parametrize("algorithm", [None, *SplitAlgorithm])
def test_nothing_cannot_be_split(algorithm: SplitAlgorithm | None):
    with pytest.raises(StrategyError, match="above 0"):
        split(decision(algorithm=algorithm), D(0), facts(EVEN), CONFIG, NOW)
