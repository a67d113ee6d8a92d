"""The volume profile: learned from whole days, exact to the last fraction, and silent about what it cannot know."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import DataError, UsageError
from qts.domain.instant import DAY_MS, HOUR_MS, MINUTE_MS
from qts.market.bars import Bars
from qts.market.volume_profile import VolumeProfile

MIDNIGHT = 1_704_067_200_000  # 2024-01-01T00:00:00Z
MORNING_AND_EVENING = (1, 0, 0, 3)  # of 6 hours each


def profile(weights: tuple[int, ...] = MORNING_AND_EVENING, day_volume: str = "1000") -> VolumeProfile:
    return VolumeProfile(
        symbol="XYZUSDT",
        bucket_ms=DAY_MS // len(weights),
        weights=weights,
        day_volume=Decimal(day_volume),
        known_at=MIDNIGHT,
    )


def hourly(volume: np.ndarray, start: int = MIDNIGHT, without: tuple[int, ...] = ()) -> Bars:
    keep = np.array([row not in without for row in range(len(volume))], dtype=bool)
    price = np.full(keep.sum(), 100.0)
    return Bars(
        symbol="XYZUSDT",
        interval_ms=HOUR_MS,
        opened_at=(start + HOUR_MS * np.arange(len(volume)))[keep],
        open=price,
        high=price,
        low=price,
        close=price,
        volume=volume[keep],
    )


A_DAY = np.array([1.0] * 6 + [2.0] * 6 + [0.0] * 6 + [3.0] * 6)


def of_a_day(learned: VolumeProfile) -> tuple[Fraction, ...]:
    return learned.shares(MIDNIGHT, MIDNIGHT + DAY_MS, len(learned.weights))


class TestLearning:
    def test_shares_are_those_of_the_bars(self):
        learned = VolumeProfile.learned(hourly(np.tile(A_DAY, 3)), 6 * HOUR_MS, 3)
        assert [float(share) for share in of_a_day(learned)] == pytest.approx([1 / 6, 2 / 6, 0, 3 / 6], abs=1e-9)
        assert learned.day_volume == 36
        assert sum(of_a_day(learned)) == 1

    def test_a_wild_day_counts_as_much_as_a_quiet_one(self):
        wild = np.where(np.arange(24) < 6, 1000.0, 0.0)
        learned = VolumeProfile.learned(hourly(np.concatenate([A_DAY, wild])), 6 * HOUR_MS, 2)
        assert float(of_a_day(learned)[0]) == pytest.approx((1 / 6 + 1) / 2, abs=1e-9)
        assert learned.day_volume == (36 + 6000) / 2

    def test_it_is_known_when_the_last_bar_closed(self):
        learned = VolumeProfile.learned(hourly(np.tile(A_DAY, 2)), HOUR_MS, 2)
        assert learned.known_at == MIDNIGHT + 2 * DAY_MS

    def test_days_that_are_not_whole_are_left_out(self):
        volume = np.concatenate([A_DAY, A_DAY * 5, A_DAY, np.ones(7)])
        learned = VolumeProfile.learned(hourly(volume, without=(30,)), 6 * HOUR_MS, 2)
        assert learned.day_volume == 36

    def test_bars_that_begin_inside_a_day_lose_that_day_only(self):
        volume = np.concatenate([np.full(10, 99.0), A_DAY, A_DAY])
        learned = VolumeProfile.learned(hourly(volume, start=MIDNIGHT + 14 * HOUR_MS), 6 * HOUR_MS, 2)
        assert [float(share) for share in of_a_day(learned)] == pytest.approx([1 / 6, 2 / 6, 0, 3 / 6], abs=1e-9)

    @pytest.mark.parametrize(
        ("volume", "without", "found"),
        [
            (np.tile(A_DAY, 4), (), 4),
            (np.tile(A_DAY, 5), (100,), 4),
            (np.concatenate([np.tile(A_DAY, 4), np.zeros(24)]), (), 4),
            (np.ones(0), (), 0),
        ],
        ids=["too short", "a bar is missing", "a day without trading", "nothing"],
    )
    def test_too_little_history_is_refused(self, volume: np.ndarray, without: tuple[int, ...], found: int):
        with pytest.raises(DataError, match=f"needs 5 whole days with trading, there are {found}"):
            VolumeProfile.learned(hourly(volume, without=without), HOUR_MS, 5)

    def test_exactly_enough_history_is_enough(self):
        assert VolumeProfile.learned(hourly(np.tile(A_DAY, 5)), HOUR_MS, 5).bucket_ms == HOUR_MS

    @pytest.mark.parametrize("bucket_ms", [0, -HOUR_MS, 7 * HOUR_MS, 30 * MINUTE_MS, 2 * DAY_MS])
    def test_buckets_that_bars_or_days_are_not_made_of_are_refused(self, bucket_ms: int):
        with pytest.raises(UsageError):
            VolumeProfile.learned(hourly(np.tile(A_DAY, 2)), bucket_ms, 1)

    def test_no_days_at_all_cannot_be_asked_for(self):
        with pytest.raises(UsageError, match="1 day or more"):
            VolumeProfile.learned(hourly(A_DAY), HOUR_MS, 0)

    @given(st.lists(st.floats(0, 1e9), min_size=24, max_size=24), st.integers(1, 4))
    def test_the_shares_of_a_day_sum_to_one_whatever_traded(self, volume: list[float], days: int):
        column = np.tile(np.array(volume) + 0.001, days)
        assert sum(of_a_day(VolumeProfile.learned(hourly(column), HOUR_MS, days))) == 1


class TestWindows:
    @pytest.mark.parametrize(
        ("start_h", "end_h", "slices", "shares"),
        [
            (0, 24, 4, ["1/4", "0", "0", "3/4"]),
            (0, 24, 2, ["1/4", "3/4"]),
            (0, 6, 3, ["1/3", "1/3", "1/3"]),
            (3, 9, 2, ["1", "0"]),
            (12, 24, 4, ["0", "0", "1/2", "1/2"]),
            (21, 27, 2, ["3/4", "1/4"]),  # over midnight
            (18, 54, 3, ["1/2", "0", "1/2"]),  # an evening and a morning; nothing; an evening and a morning
        ],
    )
    def test_shares_of_a_window(self, start_h: int, end_h: int, slices: int, shares: list[str]):
        found = profile().shares(MIDNIGHT + start_h * HOUR_MS, MIDNIGHT + end_h * HOUR_MS, slices)
        assert found == tuple(Fraction(share) for share in shares)

    def test_volume_over_days(self):
        assert profile().volume(MIDNIGHT, MIDNIGHT + 3 * DAY_MS) == 3
        assert profile().volume(MIDNIGHT + 3 * HOUR_MS, MIDNIGHT + 21 * HOUR_MS) == Fraction(1, 8) + Fraction(3, 8)
        assert profile().volume(MIDNIGHT, MIDNIGHT) == 0

    def test_every_day_is_the_same_also_before_1970(self):
        assert profile().volume(-DAY_MS, -DAY_MS + 6 * HOUR_MS) == Fraction(1, 4)

    def test_a_window_without_trading_has_no_shares(self):
        with pytest.raises(DataError, match="no volume is expected"):
            profile().shares(MIDNIGHT + 6 * HOUR_MS, MIDNIGHT + 18 * HOUR_MS, 3)

    def test_an_empty_window_has_no_shares(self):
        with pytest.raises(DataError):
            profile().shares(MIDNIGHT, MIDNIGHT, 1)

    def test_no_slices_cannot_be_asked_for(self):
        with pytest.raises(UsageError):
            profile().shares(MIDNIGHT, MIDNIGHT + HOUR_MS, 0)

    @given(
        st.sampled_from([1, 2, 4, 24, 96]).flatmap(
            lambda count: st.lists(st.integers(1, 10**6), min_size=count, max_size=count)
        ),
        st.integers(0, 3 * DAY_MS),
        st.integers(1, 3 * DAY_MS),
        st.integers(1, 40),
    )
    def test_shares_sum_to_one_and_agree_with_the_volume(
        self, weights: list[int], offset: int, length: int, slices: int
    ):
        asked = profile(tuple(weights))
        start, end = MIDNIGHT + offset, MIDNIGHT + offset + length
        shares = asked.shares(start, end, slices)
        assert sum(shares) == 1
        assert len(shares) == slices
        assert min(shares) >= 0
        first = start + length // slices
        assert shares[0] == asked.volume(start, first) / asked.volume(start, end)


class TestValues:
    @pytest.mark.parametrize("weights", [(0, 0), (-1, 2)])
    def test_weights_that_are_no_profile_are_refused(self, weights: tuple[int, ...]):
        with pytest.raises(DataError, match="weights"):
            profile(weights)

    def test_a_weight_for_every_bucket(self):
        with pytest.raises(DataError, match="2 weights for 24 buckets"):
            VolumeProfile(symbol="X", bucket_ms=HOUR_MS, weights=(1, 1), day_volume=Decimal(1), known_at=0)

    @pytest.mark.parametrize("day_volume", ["0", "-1", "NaN"])
    def test_a_day_without_volume_is_refused(self, day_volume: str):
        with pytest.raises((DataError, ArithmeticError)):
            profile(day_volume=day_volume)
