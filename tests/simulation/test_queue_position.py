"""Where an order stands in its queue, by the two models.

Proves: QL-11
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.simulation.queue_position import ProportionalQueue, QueueModel, QueuePlace, RiskAdverseQueue

RISK, EVEN = RiskAdverseQueue(), ProportionalQueue()
BOTH = pytest.mark.parametrize("model", [RISK, EVEN])


@BOTH
def test_a_trade_first_serves_those_ahead(model: QueueModel) -> None:
    place = QueuePlace(shown=10, joined_at=0)
    assert (place.trade(4, 1, model), place.ahead) == (0, 6)
    assert (place.trade(6, 2, model), place.ahead) == (0, 0)
    assert (place.trade(3, 3, model), place.ahead) == (3, 0)


@BOTH
def test_a_trade_larger_than_the_queue_reaches_us_with_the_rest(model: QueueModel) -> None:
    assert QueuePlace(shown=10, joined_at=0).trade(14, 1, model) == 4


@BOTH
def test_at_a_new_price_nobody_is_ahead(model: QueueModel) -> None:
    assert QueuePlace(shown=0, joined_at=0).trade(1, 1, model) == 1


@pytest.mark.parametrize(("model", "ahead"), [(RISK, 10), (EVEN, 6)])
def test_cancellations_move_us_only_where_the_model_says_so(model: QueueModel, ahead: int) -> None:
    place = QueuePlace(shown=10, joined_at=0)
    place.note(25, 1, 0, model)  # fifteen join behind
    place.note(15, 2, 0, model)  # ten of twenty-five leave: four of our ten
    place.settle(3, model)
    assert place.ahead == ahead


@BOTH
def test_nobody_is_ahead_who_is_not_shown(model: QueueModel) -> None:
    place = QueuePlace(shown=10, joined_at=0)
    place.note(3, 1, 0, model)
    place.settle(2, model)
    assert place.ahead == 3


@BOTH
def test_what_joins_joins_behind(model: QueueModel) -> None:
    place = QueuePlace(shown=10, joined_at=0)
    place.note(500, 1, 0, model)
    place.settle(2, model)
    assert place.ahead == 10


@BOTH
@pytest.mark.parametrize("told_first", ["trade", "level"])
def test_what_a_trade_took_is_not_taken_for_a_cancellation(model: QueueModel, told_first: str) -> None:
    place = QueuePlace(shown=10, joined_at=0)
    if told_first == "trade":
        place.trade(4, 20, model)
    place.note(6, 20, 0, model)
    if told_first == "level":
        place.trade(4, 20, model)
    place.settle(30, model)
    assert place.ahead == 6


def test_the_part_of_a_cancellation_that_was_ahead_is_rounded_down() -> None:
    place = QueuePlace(shown=2, joined_at=0)
    place.note(3, 1, 0, EVEN)
    place.note(2, 2, 0, EVEN)
    place.settle(3, EVEN)
    assert place.ahead == 2  # one of three left, two thirds of it ahead: none for sure


@BOTH
def test_a_long_silence_between_trades_changes_nothing_but_memory(model: QueueModel) -> None:
    one_by_one, at_once = QueuePlace(50, 0), QueuePlace(50, 0)
    for n in range(1000):
        at_once.note(50 + n % 7, n, 0, model)
        one_by_one.note(50 + n % 7, n, n + 1, model)
        one_by_one.settle(n + 1, model)
    at_once.settle(1000, model)
    assert at_once.ahead == one_by_one.ahead


NEWS = st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60)


@given(st.integers(0, 30), NEWS)
def test_the_risk_adverse_place_is_never_the_better_one(shown: int, news: list[tuple[bool, int]]) -> None:
    risk, even = QueuePlace(shown, 0), QueuePlace(shown, 0)
    reached_risk = reached_even = 0
    for at, (is_trade, size) in enumerate(news, start=1):
        if is_trade:
            reached_risk += risk.trade(size, at, RISK)
            reached_even += even.trade(size, at, EVEN)
        else:
            risk.note(size, at, at, RISK)
            even.note(size, at, at, EVEN)
        assert 0 <= even.ahead <= risk.ahead
        assert reached_risk <= reached_even
