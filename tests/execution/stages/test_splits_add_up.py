"""Splitting: what always holds, over generated orders, lots, minimum notionals and volume profiles.

Proves: SX-2
"""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from qts.domain.instant import DAY_MS
from qts.domain.instrument import Instrument
from qts.domain.order import Effect, OrderType
from qts.domain.safety_code import SafetyCode
from qts.execution.client_ids import slice_id
from qts.execution.contracts import OrderDecision, SplitAlgorithm, SplitConfig, Urgency
from qts.execution.stages.order_split import SplitFacts, split
from qts.market.volume_profile import VolumeProfile
from tests.execution.stages.test_order_split import INSTRUMENT, NOW, D, decision

LOTS = st.sampled_from(["0.001", "0.00001", "1", "10", "0.25", "0.3"]).map(D)
INSTRUMENTS = st.builds(
    lambda lot, notional_min: replace(INSTRUMENT, lot=lot, tick=D("0.01"), notional_min=notional_min),
    LOTS,
    st.sampled_from(["0", "5", "10.5", "100", "7.77"]).map(D),
)
PRICES = st.integers(1, 10_000_000).map(lambda ticks: ticks * D("0.01"))
CONFIGS = st.builds(
    lambda min_split, iceberg, visible, slices_max, twap, participation: SplitConfig(
        min_split_lots=min_split,
        iceberg_lots=min_split + iceberg,
        iceberg_visible=D(visible) / 1000,
        slices_max=slices_max,
        twap_slices=twap,
        participation_max=D(participation) / 1000,
    ),
    st.integers(1, 200),
    st.integers(0, 2000),
    st.integers(1, 1000),
    st.integers(1, 25),
    st.integers(1, 40),
    st.integers(1, 1000),
)
VOLUME_PROFILES = st.builds(
    lambda weights, day_volume, known_at: VolumeProfile(
        symbol="XYZUSDT",
        bucket_ms=DAY_MS // len(weights),
        weights=tuple(weights),
        day_volume=D(day_volume),
        known_at=known_at,
    ),
    st.sampled_from([1, 4, 24, 96]).flatmap(
        lambda count: st.lists(st.integers(0, 1000), min_size=count, max_size=count).filter(any)
    ),
    st.integers(1, 10**9),
    st.sampled_from([NOW - DAY_MS, NOW, NOW + 1]),
)
DECISIONS = st.builds(
    lambda kind, price, effect, algorithm, urgency, horizon: decision(
        "1", kind=kind, price=str(price), effect=effect, algorithm=algorithm, urgency=urgency, horizon_ms=horizon
    ),
    st.sampled_from(OrderType),
    PRICES,
    st.sampled_from(Effect),
    st.sampled_from([None, *SplitAlgorithm]),
    st.sampled_from(Urgency),
    st.one_of(st.just(0), st.integers(1, 3), st.integers(1, 2 * DAY_MS)),
)


@given(
    DECISIONS,
    INSTRUMENTS,
    PRICES,
    st.one_of(st.none(), VOLUME_PROFILES),
    CONFIGS,
    st.integers(1, 100_000),
    st.integers(0, DAY_MS),
)
def test_whatever_is_split(  # noqa: PLR0917
    wanted: OrderDecision,
    instrument: Instrument,
    price: Decimal,
    profile: VolumeProfile | None,
    config: SplitConfig,
    count: int,
    late: int,
):
    quantity, now = count * instrument.lot, NOW + late
    given_facts = SplitFacts(instrument, price, profile)
    result = split(wanted, quantity, given_facts, config, now)
    order, slices = wanted.order, result.slices

    assert result.quantity == quantity
    assert all(each.quantity % instrument.lot == 0 for each in slices)
    assert result == split(wanted, quantity, given_facts, config, now)

    judged_at = price if order.price is None else min(price, order.price)
    if order.effect is Effect.INCREASE and len(slices) > 1:
        assert min(each.quantity for each in slices) * judged_at >= instrument.notional_min

    assert len(slices) <= config.slices_max or len(slices) == 1
    assert [each.code for each in result.alerts] in ([], [SafetyCode.GR060])

    starts = [each.send_at for each in slices]
    assert starts[0] == now
    assert starts == sorted(starts)
    horizon = wanted.horizon_ms // 2 if wanted.urgency is Urgency.URGENT else wanted.horizon_ms
    assert starts[-1] < now + horizon or starts[-1] == now

    assert [each.sequence for each in slices] == list(range(len(slices)))
    assert [each.client_id for each in slices] == [slice_id("d-1", number, 1) for number in range(len(slices))]
    assert {(each.symbol, each.side, each.type, each.price) for each in slices} == {
        (order.symbol, order.side, order.type, order.price)
    }

    if result.algorithm is SplitAlgorithm.TWAP:
        assert slices[0].quantity - slices[-1].quantity <= instrument.lot
    if result.algorithm is SplitAlgorithm.SINGLE or order.type is OrderType.STOP:
        assert len(slices) == 1
    if result.algorithm is SplitAlgorithm.ICEBERG:
        assert len({each.quantity for each in slices[:-1]}) <= (2 if result.alerts else 1)


@given(INSTRUMENTS, VOLUME_PROFILES, CONFIGS, st.integers(1, 100_000), st.integers(1, 2 * DAY_MS))
def test_no_slice_but_the_last_takes_more_than_its_share_of_the_trading(
    instrument: Instrument, profile: VolumeProfile, config: SplitConfig, count: int, horizon: int
):
    known = replace(profile, known_at=NOW)
    wanted = decision("1", algorithm=SplitAlgorithm.VWAP, horizon_ms=horizon)
    result = split(wanted, count * instrument.lot, SplitFacts(instrument, D(100), known), config, NOW)
    if result.algorithm is not SplitAlgorithm.VWAP:
        return
    smallest = max(1, ceil(Fraction(instrument.notional_min) / Fraction(instrument.lot * 100))) * instrument.lot
    cap = Fraction(config.participation_max) * Fraction(known.day_volume)
    for number, each in enumerate(result.slices[:-1]):
        # From the end of the slot of the slice before to the end of its own is at most up to the next slice.
        start = NOW if number == 0 else result.slices[number - 1].send_at
        expected = known.volume(start, result.slices[number + 1].send_at)
        assert Fraction(each.quantity) <= max(cap * expected, Fraction(smallest) if number == 0 else Fraction(0))
