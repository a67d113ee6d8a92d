"""The nine states of an order and the nine kinds of news: every pair, written out here as it has to be.

The table is not read from the code: a row is a state, a column a kind of news, a cell the state after it, '.' where
such news cannot be about an order in that state.

Proves: P4-7
"""

from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.order_lifecycle import TRANSITIONS, IllegalTransition, OrderEvent, OrderState, after

TABLE = """
            | submit    accept     reject   lose       fill-part  fill-last cancel   expire  prove-absent
created     | submitted .          .        .          .          .         .        .       .
submitted   | .         accepted   rejected unknown    accepted   filled    canceled expired not-placed
unknown     | .         accepted   rejected unknown    accepted   filled    canceled expired not-placed
accepted    | .         accepted   rejected accepted   accepted   filled    canceled expired .
filled      | .         filled     .        filled     .          filled    filled   filled  .
canceled    | .         canceled   .        canceled   canceled   filled    canceled canceled .
rejected    | .         .          rejected rejected   .          .         .        .       .
expired     | .         expired    .        expired    expired    filled    expired  expired .
not-placed  | .         not-placed rejected not-placed not-placed filled    canceled expired not-placed
"""

LIVING = {OrderState.CREATED, OrderState.SUBMITTED, OrderState.UNKNOWN, OrderState.ACCEPTED}


def written() -> dict[tuple[str, str], str]:
    head, *rows = TABLE.strip("\n").splitlines()
    events = head.partition("|")[2].split()
    cells = {}
    for row in rows:
        state, _, line = row.partition("|")
        for event, successor in zip(events, line.split(), strict=True):
            cells[state.strip(), event] = successor
    return cells


EXPECTED = written()


def test_the_table_here_is_whole():
    assert len(OrderState) == len(OrderEvent) == 9
    assert set(EXPECTED) == {(state.value, event.value) for state, event in product(OrderState, OrderEvent)}


@pytest.mark.parametrize(("state", "event"), list(product(OrderState, OrderEvent)), ids=lambda each: each.value)
def test_every_pair_goes_where_it_has_to_or_nowhere(state: OrderState, event: OrderEvent):
    expected = EXPECTED[state.value, event.value]
    if expected != ".":
        assert after(state, event) is OrderState(expected)
        return
    assert (state, event) not in TRANSITIONS
    with pytest.raises(IllegalTransition, match=f"an order that is {state} cannot {event}") as refused:
        after(state, event)
    assert (refused.value.state, refused.value.event) == (state, event)


def test_final_are_exactly_the_five_ends():
    assert {state for state in OrderState if state.is_final} == set(OrderState) - LIVING
    assert {state for state in OrderState if state.may_be_live} == LIVING - {OrderState.CREATED}


def test_nothing_that_ended_lives_again():
    """No news at all takes a final state back to one in which the venue may be working the order."""
    for (state, event), successor in TRANSITIONS.items():
        assert not state.is_final or successor.is_final, (state, event)


def test_an_end_moves_to_another_only_by_a_last_fill_or_where_silence_was_misread():
    moved = {(state, event, to) for (state, event), to in TRANSITIONS.items() if state.is_final and to is not state}
    late = {
        (state, OrderEvent.FILL_LAST, OrderState.FILLED)
        for state in (OrderState.CANCELED, OrderState.EXPIRED, OrderState.NOT_PLACED)
    }
    corrected = {
        (OrderState.NOT_PLACED, OrderEvent.REJECT, OrderState.REJECTED),
        (OrderState.NOT_PLACED, OrderEvent.CANCEL, OrderState.CANCELED),
        (OrderState.NOT_PLACED, OrderEvent.EXPIRE, OrderState.EXPIRED),
    }
    assert moved == late | corrected


@pytest.mark.parametrize("state", [each for each in OrderState if each is not OrderState.CREATED])
def test_a_late_fill_is_always_applied(state: OrderState):
    """Only an order never sent, or one the venue refused, cannot fill; a filled one is full, so its fills are last."""
    if state is OrderState.REJECTED:
        assert (state, OrderEvent.FILL_LAST) not in TRANSITIONS
        return
    assert after(state, OrderEvent.FILL_LAST) is OrderState.FILLED
    if state is not OrderState.FILLED:
        after(state, OrderEvent.FILL_PART)


def test_silence_is_unknown_only_while_nobody_has_spoken():
    """A lost answer makes unknown what was on its way, and nothing the venue has told of before."""
    becomes_unknown = {state for (state, _), to in TRANSITIONS.items() if to is OrderState.UNKNOWN}
    assert becomes_unknown == {OrderState.SUBMITTED, OrderState.UNKNOWN}
    assert {event for (_, event), to in TRANSITIONS.items() if to is OrderState.UNKNOWN} == {OrderEvent.LOSE}


def test_only_proof_says_that_an_order_was_never_placed():
    into = {(state, event) for (state, event), to in TRANSITIONS.items() if to is OrderState.NOT_PLACED}
    fresh = {(state, event) for state, event in into if state is not OrderState.NOT_PLACED}
    assert fresh == {
        (OrderState.SUBMITTED, OrderEvent.PROVE_ABSENT),
        (OrderState.UNKNOWN, OrderEvent.PROVE_ABSENT),
    }


def test_news_heard_twice_change_nothing_more():
    """Whatever moved an order, but its sending, can be heard again right away and leaves it where it is."""
    for (state, event), to in TRANSITIONS.items():
        again = TRANSITIONS.get((to, event))
        if event is not OrderEvent.SUBMIT:
            assert again is to, (state, event)


@given(st.lists(st.sampled_from(OrderEvent), max_size=20))
def test_whatever_is_heard_an_order_that_was_full_stays_full(news: list[OrderEvent]):
    state = after(after(OrderState.CREATED, OrderEvent.SUBMIT), OrderEvent.FILL_LAST)
    for event in news:
        with suppress(IllegalTransition):
            state = after(state, event)
        assert state is OrderState.FILLED
