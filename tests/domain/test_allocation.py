"""What is shared adds up, is fair to a step, and is never taken back."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.allocation import Cross, Share, due, nearest, pairs, pro_rata, steps
from qts.domain.errors import UsageError
from qts.domain.money import exact_arithmetic

LOT = Decimal("0.001")
lots = st.lists(st.integers(0, 400), min_size=1, max_size=6).filter(any)


def of(*numbers: int) -> list[Decimal]:
    return [number * LOT for number in numbers]


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=6).filter(any))
def test_a_proportional_part_is_within_a_step_of_its_due_and_the_parts_are_the_whole(total, weights) -> None:
    """Proves: P6-5"""
    with exact_arithmetic():
        parts = pro_rata(total * LOT, of(*weights), LOT)
        assert sum(parts) == total * LOT
        for part, weight in zip(parts, weights, strict=True):
            assert abs(Fraction(part / LOT) - Fraction(total * weight, sum(weights))) < 1
            assert part % LOT == 0
        assert pro_rata(-total * LOT, of(*weights), LOT) == [-part for part in parts]


def test_the_largest_remainders_get_what_rounding_left_and_ties_go_to_the_first() -> None:
    assert pro_rata(Decimal("0.010"), of(6, 5, 3), LOT) == of(4, 4, 2)  # 4.29, 3.57, 2.14
    assert pro_rata(Decimal("0.001"), of(1, 1, 1), LOT) == of(1, 0, 0)
    assert pro_rata(Decimal("0.000"), of(0, 0), LOT) == of(0, 0)


def test_what_cannot_be_shared_is_refused() -> None:
    with pytest.raises(UsageError, match="among nobody"):
        pro_rata(LOT, of(0, 0), LOT)
    with pytest.raises(UsageError, match="no whole number of steps"):
        steps(Decimal("0.0015"), LOT)
    with pytest.raises(UsageError, match=r"0\.004 has come of an order of 0\.003"):
        due(Decimal("0.004"), of(1, 2), LOT)


@given(lots)
def test_a_growing_whole_never_takes_back_and_ends_in_the_shares(sizes) -> None:
    """Each step of the growth gives one lot to one share, whatever the shares are.

    Proves: P6-5
    """
    whole, before = sum(sizes), [Decimal(0)] * len(sizes)
    for come in range(0, whole + 1, max(1, whole // 50)):
        parts = due(come * LOT, of(*sizes), LOT)
        assert sum(parts) == come * LOT
        assert all(then <= now <= size for then, now, size in zip(before, parts, of(*sizes), strict=True))
        before = parts
    assert due(whole * LOT, of(*sizes), LOT) == of(*sizes)


@given(st.integers(1, 400), st.integers(1, 400))
def test_two_shares_are_never_more_than_half_a_lot_from_their_proportion(one, other) -> None:
    for come in range(one + other + 1):
        part = due(come * LOT, of(one, other), LOT)[0] / LOT
        assert abs(Fraction(part) - Fraction(come * one, one + other)) <= Fraction(1, 2)


def test_largest_remainders_alone_would_take_a_lot_back() -> None:
    """The case of the module's header: 6, 6 and 2 lots."""
    assert [pro_rata(come * LOT, of(6, 6, 2), LOT)[2] / LOT for come in (3, 4)] == [1, 0]
    assert [[int(part / LOT) for part in due(come * LOT, of(6, 6, 2), LOT)] for come in range(3, 8)] == [
        [2, 1, 0],
        [2, 2, 0],
        [2, 2, 1],
        [3, 2, 1],
        [3, 3, 1],
    ]


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=6), st.sampled_from([ROUND_HALF_EVEN, ROUND_DOWN]))
def test_known_amounts_are_put_on_the_grid_within_a_step_of_what_they_were(tenths, rounding) -> None:
    """Proves: P6-5"""
    claims = [Decimal(each) / 10 for each in tenths]
    total = sum(claims).to_integral_value(rounding)
    parts = nearest(total, claims, Decimal(1))
    assert sum(parts) == total
    assert all(abs(part - claim) < Decimal("1.6") and part % 1 == 0 for part, claim in zip(parts, claims, strict=True))
    assert nearest(-total, [-claim for claim in claims], Decimal(1)) == [-part for part in parts]


def test_the_step_that_rounding_lost_goes_to_whom_it_took_most_from() -> None:
    def rounded(total: int, *claims: str) -> list[Decimal]:
        return nearest(Decimal(total), [Decimal(claim) for claim in claims], Decimal(1))

    assert rounded(2, "0.4", "1.3", "0.3") == [1, 1, 0]
    assert rounded(2, "0.6", "0.7", "0.7") == [0, 1, 1]
    assert rounded(0, "0.5", "-0.5") == [0, 0]
    with pytest.raises(UsageError, match="do not make 9"):
        rounded(9, "0.4", "0.6")


def test_pairs_serve_the_first_first() -> None:
    def share(strategy_id: str, quantity: int) -> Share:
        return Share(strategy_id, f"{strategy_id}-1", Decimal(quantity))

    crosses = pairs([share("a", 3), share("b", 2)], [share("c", 1), share("d", 4), share("e", 9)])
    assert [(cross.buyer.strategy_id, cross.seller.strategy_id, cross.quantity) for cross in crosses] == [
        ("a", "c", 1),
        ("a", "d", 2),
        ("b", "d", 2),
    ]
    assert pairs([], [share("a", 1)]) == ()
    with pytest.raises(UsageError, match="one quantity"):
        Cross(share("a", 1), share("b", 2))
