"""Adjusting: slippage from arrival, signed, over all rounds; what each situation is answered with; how many rounds.

Proves: SX-5
"""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qts.domain.instrument import Instrument
from qts.domain.order import Side
from qts.domain.safety_code import SafetyCode
from qts.execution.contracts import AdjustAction, Adjustment, SlippageConfig, Urgency
from qts.execution.stages.adaptive_adjust import AdjustFacts, adjust, slippage

D = Decimal
INSTRUMENT = Instrument(symbol="XYZUSDT", base="XYZ", quote="USDT", tick=D("0.01"), lot=D("0.001"), notional_min=D("5"))
CONFIG = SlippageConfig()
BUY = AdjustFacts(
    decision_id="d-1",
    instrument=INSTRUMENT,
    side=Side.BUY,
    arrival_price=D("100"),
    limit_price=D("100"),
    filled=D(0),
    notional=D(0),
    left=D("1"),
    bid=D("100.00"),
    ask=D("100.05"),
    rounds=0,
    urgency=Urgency.NORMAL,
    on_bars=False,
    available=None,
)
SELL = replace(BUY, side=Side.SELL, bid=D("99.95"), ask=D("100.00"))


def codes(action: AdjustAction) -> list[SafetyCode]:
    return [alert.code for alert in action.alerts]


# -- slippage -------------------------------------------------------------------------

SLIPPAGE = """
# side  arrival  limit  filled@price  left  bid     ask     -> slippage
  buy   100      100    0             1     100     100.4   -> 0.004     # the price in prospect is the ask
  buy   100      100    0             1     99.5    99.6    -> -0.004    # better is negative
  buy   100      100    1@100.4       1     100     100     -> 0.002     # what filled counts as much as what is left
  buy   100      100    3@100.4       1     100     100     -> 0.003
  buy   100      100    1@99          1     101     101     -> 0         # a gain makes up for a loss
  buy   100      100.2  0             1     -       -       -> 0.002     # no quote: the order's own limit
  buy   100      -      1@100.4       3     -       -       -> 0.004     # nothing tells: what filled
  buy   100      -      0             1     -       -       -> 0
  sell  100      100    0             1     99.6    100     -> 0.004     # the price in prospect is the bid
  sell  100      100    0             1     100.4   100.5   -> -0.004
  sell  100      100    1@99.6        1     100     100     -> 0.002
  sell  100      99.8   0             1     -       -       -> 0.002
"""


def number(text: str) -> Decimal | None:
    return None if text == "-" else D(text)


@pytest.mark.parametrize("row", [line.split("#")[0] for line in SLIPPAGE.strip().splitlines()[1:]])
def test_slippage(row: str):
    given_, answer = row.split("->")
    side, arrival, limit, fill, left, bid, ask = given_.split()
    filled, _, price = fill.partition("@")
    facts = replace(
        BUY,
        side=Side(side),
        arrival_price=D(arrival),
        limit_price=number(limit),
        filled=D(filled),
        notional=D(filled) * D(price or 0),
        left=D(left),
        bid=number(bid),
        ask=number(ask),
    )
    assert slippage(facts) == D(answer.strip())


AMOUNTS = st.integers(1, 10**6).map(lambda lots: lots * D("0.001"))
TICKS = st.integers(5_000, 20_000)


@given(AMOUNTS, TICKS, AMOUNTS, TICKS, TICKS)
def test_a_buy_slips_by_what_the_mirrored_sell_slips(
    filled: Decimal, paid: int, left: Decimal, touch: int, arrival: int
):
    def price(ticks: int) -> Decimal:
        return ticks * D("0.01")

    def mirrored(ticks: int) -> Decimal:
        return price(2 * arrival - ticks)

    assume(2 * arrival > max(paid, touch))
    buy = replace(
        BUY, arrival_price=price(arrival), filled=filled, notional=filled * price(paid), left=left, ask=price(touch)
    )
    sell = replace(buy, side=Side.SELL, notional=filled * mirrored(paid), bid=mirrored(touch))
    assert slippage(buy) == slippage(sell)


# -- thresholds -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "action", "code"),
    [
        ("100.30", Adjustment.PRICE_IMPROVE, []),
        ("100.31", Adjustment.WAIT, [SafetyCode.GR063]),
        ("100.50", Adjustment.WAIT, [SafetyCode.GR063]),
        ("100.51", Adjustment.STOP, [SafetyCode.FS094]),
        ("120.00", Adjustment.STOP, [SafetyCode.FS094]),
    ],
)
def test_above_the_first_threshold_the_price_is_held_and_above_the_second_adjusting_stops(
    ask: str, action: Adjustment, code: list[SafetyCode]
):
    buy = adjust(replace(BUY, ask=D(ask)), CONFIG)
    assert (buy.action, codes(buy)) == (action, code)
    sell = adjust(replace(SELL, bid=200 - D(ask)), CONFIG)
    assert (sell.action, codes(sell)) == (action, code)


@pytest.mark.parametrize("away", ["0.31", "0.51", "5", "50"])
def test_a_favourable_move_is_never_held_against_the_order(away: str):
    assert codes(adjust(replace(BUY, bid=100 - D(away), ask=100 - D(away)), CONFIG)) == []
    assert codes(adjust(replace(SELL, bid=100 + D(away), ask=100 + D(away)), CONFIG)) == []


def test_it_is_the_arrival_price_that_counts_and_not_the_last_limit():
    chased = replace(BUY, limit_price=D("100.55"), bid=D("100.55"), ask=D("100.60"))
    assert codes(adjust(chased, CONFIG)) == [SafetyCode.FS094]


def test_what_filled_badly_stops_the_rest_even_at_a_good_price():
    filled_badly = replace(BUY, filled=D(9), notional=D(9) * D("100.6"))
    assert codes(adjust(filled_badly, CONFIG)) == [SafetyCode.FS094]
    assert codes(adjust(replace(filled_badly, filled=D(1), notional=D("100.6")), CONFIG)) == [SafetyCode.GR063]


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("on_bars", [False, True])
@pytest.mark.parametrize("limit_price", [D(100), None])
def test_thresholds_come_before_everything_else(urgency: Urgency, on_bars: bool, limit_price: Decimal | None):  # noqa: FBT001
    facts = replace(BUY, urgency=urgency, on_bars=on_bars, limit_price=limit_price, available=D(1))
    assert adjust(replace(facts, ask=D("100.6")), CONFIG).action is Adjustment.STOP
    held = adjust(replace(facts, ask=D("100.4")), CONFIG)
    assert (held.action, codes(held)) == (Adjustment.WAIT, [SafetyCode.GR063])


def test_an_alert_names_the_decision_the_stage_and_the_number():
    (alert,) = adjust(replace(BUY, ask=D("100.4")), CONFIG).alerts
    assert (alert.subject, alert.stage) == ("d-1", "adjusting")
    assert alert.message == "slippage 0.4000% is above 0.3000%: the price is held"
    (alert,) = adjust(replace(BUY, rounds=3), CONFIG).alerts
    assert alert.message == "3 rounds of adjustment are used up"


# -- rounds ---------------------------------------------------------------------------


@pytest.mark.parametrize("rounds_max", [0, 1, 3, 7])
def test_exactly_as_many_rounds_as_there_are(rounds_max: int):
    config = replace(CONFIG, rounds_max=rounds_max)
    facts, prices = replace(BUY, limit_price=D("99"), ask=D("100.2")), []
    while (action := adjust(replace(facts, rounds=len(prices)), config)).action is not Adjustment.STOP:
        assert action.action is Adjustment.PRICE_IMPROVE
        assert action.price is not None
        facts = replace(facts, limit_price=action.price)
        prices.append(action.price)
    assert len(prices) == rounds_max
    assert codes(action) == [SafetyCode.FS094]
    assert prices[:3] == [D("99.09"), D("99.18"), D("99.27")][:rounds_max]


# -- what each situation is answered with -----------------------------------------------

PRICES = """
# side  limit   bid     ask     -> the new limit
  buy   99.90   99.95   100.20  -> 99.99    # 0.1 % is 99.9999: down to the tick
  buy   100.00  100.00  100.05  -> 100.05   # not beyond the far touch
  buy   100.05  100.00  100.05  -> wait     # it is there
  buy   100.20  100.00  100.05  -> wait     # and never moves back
  buy   5.00    99.95   100.00  -> 5.01     # a step of less than a tick is a tick
  buy   100.00  -       -       -> wait     # nobody knows where the touch is
  buy   -       99.95   100.00  -> wait     # at market already
  sell  100.10  99.80   100.05  -> 100.00   # 0.1 % is 99.9999: up to the tick
  sell  100.00  99.95   100.00  -> 99.95
  sell  99.95   99.95   100.00  -> wait
  sell  99.80   99.95   100.00  -> wait
  sell  -       99.95   100.00  -> wait
  sell  100.00  -       -       -> wait
"""


@pytest.mark.parametrize("row", [line.split("#")[0] for line in PRICES.strip().splitlines()[1:]])
def test_the_price_is_improved_a_step_at_a_time_up_to_the_far_touch(row: str):
    given_, answer = row.split("->")
    side, limit, bid, ask = given_.split()
    facts = replace(BUY, side=Side(side), limit_price=number(limit), bid=number(bid), ask=number(ask))
    action = adjust(facts, CONFIG)
    if answer.strip() == "wait":
        assert action == AdjustAction(Adjustment.WAIT)
    else:
        assert action == AdjustAction(Adjustment.PRICE_IMPROVE, price=D(answer.strip()))


@given(st.sampled_from(Side), TICKS, TICKS, st.integers(0, 100), st.sampled_from(["0.001", "0.0001", "0.01"]))
def test_an_improved_price_is_on_the_grid_nearer_the_touch_and_within_the_step(
    side: Side, limit: int, bid: int, spread: int, step: str
):
    tick, config = INSTRUMENT.tick, SlippageConfig(step=D(step), hold_at=D(10), stop_at=D(10))
    facts = replace(BUY, side=side, limit_price=limit * tick, bid=bid * tick, ask=(bid + spread) * tick)
    action = adjust(facts, config)
    touch = facts.ask if side is Side.BUY else facts.bid
    assert touch is not None
    ahead = (touch - limit * tick) * side.sign
    if ahead <= 0:
        assert action == AdjustAction(Adjustment.WAIT)
        return
    assert action.price is not None
    moved = (action.price - limit * tick) * side.sign
    assert action.price % tick == 0
    assert tick <= moved <= max(tick, limit * tick * D(step))
    assert moved <= ahead
    assert moved > limit * tick * D(step) - tick or moved == ahead  # as far as the step allows


def test_an_urgent_order_goes_to_market():
    assert adjust(replace(BUY, urgency=Urgency.URGENT), CONFIG) == AdjustAction(Adjustment.CONVERT_MARKET)
    at_market = replace(BUY, urgency=Urgency.URGENT, limit_price=None)
    assert adjust(at_market, CONFIG) == AdjustAction(Adjustment.WAIT)


@given(
    st.sampled_from(Side),
    st.sampled_from(Urgency),
    st.one_of(st.none(), TICKS),
    st.one_of(st.none(), TICKS),
    st.one_of(st.none(), st.integers(0, 1000)),
    st.integers(0, 4),
)
def test_on_bars_an_order_waits_or_goes_to_market_until_it_stops(  # noqa: PLR0917
    side: Side, urgency: Urgency, limit: int | None, touch: int | None, available: int | None, rounds: int
):
    facts = replace(
        BUY,
        side=side,
        urgency=urgency,
        limit_price=None if limit is None else limit * INSTRUMENT.tick,
        bid=None if touch is None else touch * INSTRUMENT.tick,
        ask=None if touch is None else touch * INSTRUMENT.tick,
        available=None if available is None else D(available),
        rounds=rounds,
        on_bars=True,
    )
    action = adjust(facts, CONFIG)
    assert action.action in {Adjustment.WAIT, Adjustment.CONVERT_MARKET, Adjustment.STOP}
    assert (action.action is Adjustment.STOP) == (codes(action) == [SafetyCode.FS094])
    assert (action.price, action.quantity) == (None, None)


def test_on_bars_the_urgent_go_to_market_and_the_others_wait():
    quoted = replace(BUY, on_bars=True)
    assert adjust(replace(quoted, on_bars=False), CONFIG).action is Adjustment.PRICE_IMPROVE
    for on_bars in (quoted, replace(quoted, bid=None, ask=None)):
        assert adjust(on_bars, CONFIG) == AdjustAction(Adjustment.WAIT)
        assert adjust(replace(on_bars, urgency=Urgency.URGENT), CONFIG) == AdjustAction(Adjustment.CONVERT_MARKET)


@pytest.mark.parametrize(
    ("available", "leverage", "action"),
    [
        ("100.05", 1, AdjustAction(Adjustment.PRICE_IMPROVE, price=D("100.05"))),
        ("100.04", 1, AdjustAction(Adjustment.REDUCE_QUANTITY, quantity=D("0.999"))),
        ("50.04", 1, AdjustAction(Adjustment.REDUCE_QUANTITY, quantity=D("0.500"))),
        ("10.01", 10, AdjustAction(Adjustment.PRICE_IMPROVE, price=D("100.05"))),
        ("5.01", 1, AdjustAction(Adjustment.REDUCE_QUANTITY, quantity=D("0.050"))),
        ("4.99", 1, AdjustAction(Adjustment.STOP)),  # less than the venue takes
        ("0", 1, AdjustAction(Adjustment.STOP)),
        ("-7", 1, AdjustAction(Adjustment.STOP)),
    ],
)
def test_what_the_balance_does_not_carry_is_taken_off(available: str, leverage: int, action: AdjustAction):
    assert adjust(replace(BUY, available=D(available), leverage=leverage), CONFIG) == action


def test_a_short_balance_comes_before_urgency():
    short = replace(BUY, urgency=Urgency.URGENT, available=D("50.04"))
    assert adjust(short, CONFIG).action is Adjustment.REDUCE_QUANTITY
