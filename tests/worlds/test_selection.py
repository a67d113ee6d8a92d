"""One walk down the ranking: who sits, who is skipped and why."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.worlds.evidence import DayReturns
from qts.worlds.selection import Candidate, SeatRules, correlation, select

RNG = np.random.default_rng(7)
NOISE = {name: RNG.normal(0, 0.01, 200) for name in "abcdef"}


def candidate(strategy: str, score: float, values: np.ndarray | None = None, first_day: int = 18_000) -> Candidate:
    returns = NOISE[strategy] if values is None else values
    return Candidate(
        strategy=strategy, run_id=f"run-{strategy}", score=score, day_returns=DayReturns(first_day, returns)
    )


def rules(seats: int = 2, correlation_max: float = 0.5, overlap_days_min: int = 30) -> SeatRules:
    return SeatRules(seats=seats, correlation_max=correlation_max, overlap_days_min=overlap_days_min)


def seated(*candidates: Candidate, under: SeatRules) -> list[str]:
    return [placing.strategy for placing in select(candidates, under) if placing.seated]


def test_the_best_scores_sit_and_the_rest_are_told_why() -> None:
    """Proves: WS-3"""
    placings = select([candidate("a", 1.0), candidate("b", 3.0), candidate("c", 2.0)], rules())
    assert [(placing.strategy, placing.rank, placing.seated) for placing in placings] == [
        ("b", 1, True),
        ("c", 2, True),
        ("a", 3, False),
    ]
    assert placings[2].reason == "all 2 seats are taken by better scores"
    assert [placing.weight for placing in placings] == [0.5, 0.5, 0.0]


def test_a_twin_is_skipped_and_its_seat_goes_to_the_next() -> None:
    """Proves: WS-3"""
    twin = NOISE["b"] * 0.9 + NOISE["e"] * 0.05
    placings = select([candidate("a", 1.0), candidate("b", 3.0), candidate("c", 2.0, twin)], rules())
    assert [placing.strategy for placing in placings if placing.seated] == ["b", "a"]
    assert placings[1].reason.startswith("correlates 1.00 with b, which ranks higher")


def test_a_mirror_image_counts_as_alike() -> None:
    assert seated(candidate("a", 2.0), candidate("b", 1.0, -NOISE["a"]), under=rules()) == ["a"]


def test_a_skipped_candidate_does_not_block_the_next() -> None:
    """c is like b, b is like a: b is out, so only a stands in c's way."""
    b = NOISE["a"] * 0.7 + NOISE["b"] * 0.7
    c = NOISE["b"]
    chain = (candidate("a", 3.0), candidate("b", 2.0, b), candidate("c", 1.0, c))
    assert seated(*chain, under=rules(seats=3)) == ["a", "c"]


@pytest.mark.parametrize(
    "other",
    [
        candidate("b", 1.0, NOISE["b"][:29]),
        candidate("b", 1.0, NOISE["b"], first_day=18_190),
        candidate("b", 1.0, NOISE["b"], first_day=30_000),
        candidate("b", 1.0, np.zeros(200)),
        candidate("b", 1.0, np.array([])),
    ],
)
def test_an_unknown_correlation_restricts(other: Candidate) -> None:
    """Proves: WS-3"""
    placings = select([candidate("a", 2.0), other], rules())
    assert not placings[1].seated
    assert "its correlation with a is unknown" in placings[1].reason


def test_correlation_is_taken_over_the_common_days() -> None:
    a, b = NOISE["a"], NOISE["b"]
    found = correlation(DayReturns(100, a), DayReturns(150, b), 30)
    assert found == pytest.approx(float(np.corrcoef(a[50:], b[:150])[0, 1]), abs=1e-12)
    assert correlation(DayReturns(0, a), DayReturns(0, a), 30) == 1.0
    assert correlation(DayReturns(0, a), DayReturns(0, a), 201) is None


def test_a_constant_series_has_no_correlation_however_it_is_rounded() -> None:
    assert correlation(DayReturns(0, np.full(100, 0.1)), DayReturns(0, NOISE["a"]), 30) is None


def test_ties_break_by_strategy_id() -> None:
    """Proves: WS-3"""
    assert seated(candidate("b", 1.0), candidate("a", 1.0), under=rules(seats=1)) == ["a"]


def test_a_strategy_competes_once() -> None:
    with pytest.raises(ValueError, match="one run at a time"):
        select([candidate("a", 1.0), candidate("a", 2.0)], rules())


@given(
    scores=st.lists(st.integers(0, 3), min_size=1, max_size=6),
    seats=st.integers(1, 4),
    limit=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    shuffle=st.randoms(use_true_random=False),
)
def test_order_of_arrival_changes_nothing_and_the_seated_keep_the_rules(
    scores: list[int], seats: int, limit: float, shuffle: random.Random
) -> None:
    """Proves: WS-3"""
    given_in = [candidate(name, float(score)) for name, score in zip("abcdef", scores, strict=False)]
    shuffled = shuffle.sample(given_in, len(given_in))
    under = rules(seats=seats, correlation_max=limit)
    placings = select(given_in, under)
    assert select(shuffled, under) == placings
    sitting = [placing.strategy for placing in placings if placing.seated]
    assert len(sitting) <= seats
    by_name = {one.strategy: one for one in given_in}
    for first in sitting:
        for second in sitting:
            found = correlation(by_name[first].day_returns, by_name[second].day_returns, 30)
            assert first == second or (found is not None and abs(found) <= limit)
    for placing in placings:  # nobody is left standing while a seat is free and nothing is in the way
        if not placing.seated and len(sitting) < seats:
            assert "correlates" in placing.reason
    assert sum(placing.weight for placing in placings) <= 1 + 1e-12
