"""Stop and target in any story: fills, silence, refusals and lost cancellations in whatever order they come.

Proves: QL-16
"""

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qts.domain.money import ZERO
from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderEvent, OrderState
from qts.execution import protection
from qts.execution.contracts import Role
from qts.execution.protection import BACKSTOP_AFTER_MS, STOPS_MAX, CancelLeg, PlaceLeg, due, protect
from tests.execution.protected_venue import UNHEARD, XYZ, Venue

positions = st.sampled_from(["0", "0.0004", "1", "2", "2.5", "3", "-1", "-2"])
indexes = st.integers(0, 5)
happenings = st.one_of(
    st.tuples(st.just("hold"), positions),
    st.tuples(st.just("stop"), st.sampled_from(["90", "92", "108", "110"])),
    st.tuples(st.just("target"), st.sampled_from(["85", "115", None])),
    st.tuples(st.just("release"), st.booleans()),
    st.tuples(st.sampled_from(["doubt", "listed"]), indexes),
    st.tuples(st.just("time"), st.sampled_from([1, 300, 1_000, 2_000, 5_000])),
    *[
        st.tuples(st.just(event), indexes)
        for event in (OrderEvent.ACCEPT, OrderEvent.ACCEPT, OrderEvent.LOSE, OrderEvent.CANCEL, OrderEvent.FILL_PART)
    ],
    st.tuples(st.sampled_from([OrderEvent.REJECT, OrderEvent.EXPIRE, OrderEvent.PROVE_ABSENT]), indexes),
)


def happen(venue, what, value):
    match what:
        case "hold":
            venue.hold(value)
        case "stop":
            venue.stop = Decimal(value)
        case "target":
            venue.target = None if value is None else Decimal(value)
        case "release":
            venue.release = value
        case "time":
            venue.now += value
        case "doubt" | "listed":
            for each in venue.stops[value % 2 :: 2]:
                each.doubted_at = venue.now if what == "doubt" else None
        case _:
            be_told(venue, what, value)


def be_told(venue, event, index):
    live = [each for each in venue.records if not each.is_final]
    if not live:
        return
    record = live[index % len(live)]
    if event is OrderEvent.FILL_PART:
        if record.order.parent_id == venue.epoch_id:
            venue.fill(record, Decimal(1))
    elif event is not OrderEvent.PROVE_ABSENT or record.state in UNHEARD:
        venue.hear(record, event, -2022)


def hold_together(venue, before, steps):
    """The written invariants, after protect() was obeyed."""
    size = XYZ.quantity_down(abs(venue.position))
    own = {each.order.client_id for each in venue.records if each.order.parent_id == venue.epoch_id}
    for each in venue.records:
        if not each.is_final and (not size or each.order.client_id not in own):
            assert each.cancel_asked_at is not None, "an orphan is left"
    assert len(venue.stops) <= STOPS_MAX
    assert len({each.order.client_id for each in venue.records}) == len(venue.records)
    accepted = {each.order.client_id for each in venue.stops if each.state is OrderState.ACCEPTED}
    cancelled = {each.client_id for each in steps if isinstance(each, CancelLeg)}
    assert not size or not accepted or accepted - cancelled, "the last stop was asked to go"
    for each in steps:
        if isinstance(each, PlaceLeg):
            order = each.order
            assert size
            if venue.escaping:
                assert order.role is Role.STOP_LOSS
                assert venue.now >= venue.escaping_since + BACKSTOP_AFTER_MS
                surely = [each for each in before if each.doubted_at is None]
                assert sum((each.left for each in surely), start=ZERO) < size, "a stop stands and covers"
            assert order.side is (Side.SELL if venue.position > 0 else Side.BUY)
            assert order.quantity == size
            assert order.reduce_only
            assert venue.escaping or order.price == (venue.stop if order.role is Role.STOP_LOSS else venue.target)
            if order.role is Role.TAKE_PROFIT:
                assert len(venue.targets) == 1
                assert not venue.release
    if not size:
        return
    working = [each for each in venue.stops if each.state is OrderState.ACCEPTED and each.cancel_asked_at is None]
    assert working or not before, "the last accepted stop was cancelled"
    if venue.escaping:
        return
    covered = sum((each.left for each in venue.stops if each.cancel_asked_at is None), start=ZERO) >= size
    pending = any(each.state in UNHEARD or each.cancel_asked_at is not None for each in venue.stops)
    assert covered or pending or due(venue.facts(), venue.now) is not None, "naked, and nothing comes of it"


def asked(venue):
    """protect() with its invariants seen to."""
    before = [
        each
        for each in venue.stops
        if each.state is OrderState.ACCEPTED and each.cancel_asked_at is None and XYZ.quantity_down(abs(venue.position))
    ]
    steps = venue.ask()
    hold_together(venue, before, steps)
    assert venue.ask() == (), "asked for twice"


@given(st.lists(happenings, max_size=40), st.booleans())
@example(story=[("hold", "0"), ("hold", "1"), ("time", 5000), (OrderEvent.ACCEPT, 0), ("time", 5000)], knows_mark=False)
@example(story=[("hold", "-1"), ("time", 5000), ("time", 5000), (OrderEvent.ACCEPT, 2), ("doubt", 0)], knows_mark=True)
@example(
    story=[(OrderEvent.ACCEPT, 0), ("stop", "108"), ("time", 5000), ("time", 5000), ("hold", "3")], knows_mark=True
)
@settings(max_examples=400)
def test_every_story_keeps_the_invariants_and_ends_protected_or_flat(story, knows_mark):
    venue = Venue(mark="100" if knows_mark else None)
    venue.hold("2")
    asked(venue)
    for what, value in story:
        happen(venue, what, value)
        asked(venue)
        at = due(venue.facts(), venue.now)
        facts = venue.facts()
        for later in [venue.now + 600_000] if at is None else [(venue.now + at) // 2, at - 1]:
            assert protect(facts, later) == (), "time did something before it was due"
    end(venue)


def answer(venue):
    for each in [one for one in venue.records if not one.is_final]:
        each.doubted_at = None
        if each.state in UNHEARD:
            venue.hear(each, OrderEvent.ACCEPT)
        if each.cancel_asked_at is not None:
            venue.hear(each, OrderEvent.CANCEL)
    if venue.escaping:
        venue.hold("0")


def end(venue):
    """From now on the venue answers, and an escape flattens; the story ends within half a minute."""
    started = venue.now
    venue.release = False
    while True:
        answer(venue)
        asked(venue)
        moving = any(
            each.state in UNHEARD or each.cancel_asked_at is not None for each in venue.records if not each.is_final
        )
        if moving or (venue.escaping and venue.position):
            continue
        at = due(venue.facts(), venue.now)
        if at is None:
            break
        venue.now = at
        asked(venue)
    assert venue.now - started <= 30_000
    size = XYZ.quantity_down(abs(venue.position))
    if not size:
        assert all(each.is_final for each in venue.records)
        return
    covering = [each for each in venue.stops if each.order.price == venue.stop]
    if any(each.left >= size for each in covering):
        assert len(venue.stops) == 1, "a surplus is left"
    refused = [each for each in venue.facts().legs if each.is_final and each.order.price == venue.stop]
    assert sum((each.left for each in covering), start=ZERO) >= size or refused
    assert sum((each.left for each in venue.stops), start=ZERO) >= size
    if venue.target is None:
        assert venue.targets == []
    else:
        failed = [each for each in venue.facts().legs if each.is_final and each.order.price == venue.target]
        assert len(failed) >= 3 or [each.left for each in venue.targets] == [size]


@given(st.lists(happenings, max_size=25))
@settings(max_examples=400)
def test_the_quick_look_says_nothing_that_the_whole_plan_would_not(story):
    venue = Venue(mark=None)
    venue.hold("2")
    for what, value in story:
        happen(venue, what, value)
        facts, now = venue.facts(), venue.now
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(protection, "_stands", lambda *_: False)
            whole = protect(facts, now)
        assert protect(facts, now) == whole
        venue.ask()
