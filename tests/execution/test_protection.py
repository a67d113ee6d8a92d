"""Stop and target as our own pair: rule by rule, then any story against a small model of the venue.

Proves: QL-16
"""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.money import ZERO
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderEvent, OrderState
from qts.execution import protection
from qts.execution.contracts import Role
from qts.execution.orders import OrderRecord
from qts.execution.protection import (
    CONFIRM_MAX_MS,
    STOPS_MAX,
    CancelLeg,
    EscapeNow,
    PlaceLeg,
    ProtectionFacts,
    Unprotected,
    due,
    protect,
)
from tests.generators import SYMBOL, instrument

T0 = 1_704_067_200_000
XYZ = instrument()
_UNHEARD = {OrderState.SUBMITTED, OrderState.UNKNOWN}


class Venue:
    """A position, what is wished for it, and the orders of its symbol as the machine knows them; obeys protect()."""

    def __init__(self, position="0", stop="90", target="110", mark="100"):
        self.now = T0
        self.position = ZERO
        self.epoch = 0
        self.stop = None if stop is None else Decimal(stop)
        self.target = None if target is None else Decimal(target)
        self.mark = None if mark is None else Decimal(mark)
        self.records: list[OrderRecord] = []
        self.placed = 0
        self.release = False
        self.escaping = False
        self.said: list[object] = []
        if position != "0":
            self.hold(position)

    # -- what happens --------------------------------------------------------

    def hold(self, position):
        """The position becomes this much; a new epoch when it was flat or turns."""
        after = Decimal(position)
        if after and (not self.position or self.position * after < 0):
            self.epoch, self.placed, self.escaping = self.epoch + 1, 0, False
        self.position = after

    def hear(self, record, event, code=0):
        record.code = code
        record.move(event, self.now)

    def fill(self, record, quantity):
        """A leg fills; reduce-only, so never beyond the position."""
        quantity = min(quantity, record.left, abs(self.position))
        if quantity > 0:
            record.filled += quantity
            self.hear(record, OrderEvent.FILL_PART if record.left else OrderEvent.FILL_LAST)
            self.hold(self.position - quantity if self.position > 0 else self.position + quantity)

    # -- asking and obeying ----------------------------------------------------

    @property
    def epoch_id(self):
        return f"{SYMBOL}-e{self.epoch}"

    def facts(self):
        return ProtectionFacts(
            instrument=XYZ,
            position=self.position,
            epoch_id=self.epoch_id,
            epoch_since=T0,
            wanted_stop=self.stop,
            wanted_target=self.target,
            legs=tuple(
                each
                for each in self.records
                if not each.is_final or (each.order.parent_id == self.epoch_id and each.state is not OrderState.FILLED)
            ),
            placed=self.placed,
            mark=self.mark,
            release_target=self.release,
            escaping=self.escaping,
        )

    def ask(self):
        """protect(), obeyed; the steps."""
        steps = protect(self.facts(), self.now)
        for each in steps:
            if isinstance(each, PlaceLeg):
                record = OrderRecord(each.order, self.now)
                record.state = OrderState.SUBMITTED
                self.records.append(record)
                self.placed += 1
            elif isinstance(each, CancelLeg):
                next(one for one in self.records if one.order.client_id == each.client_id).cancel_asked_at = self.now
            else:
                self.escaping = True
        self.said += steps
        return steps

    def settle(self):
        """The venue answers everything well, at once, until there is nothing more to do."""
        for _ in range(20):
            self.ask()
            waiting = [each for each in self.records if not each.is_final]
            for each in waiting:
                if each.state in _UNHEARD:
                    self.hear(each, OrderEvent.ACCEPT)
                if each.cancel_asked_at is not None:
                    self.hear(each, OrderEvent.CANCEL)
        assert self.ask() == ()

    # -- looking -----------------------------------------------------------------

    def of(self, role, epoch=None):
        parent = self.epoch_id if epoch is None else f"{SYMBOL}-e{epoch}"
        return [
            each
            for each in self.records
            if each.order.role is role and not each.is_final and each.order.parent_id == parent
        ]

    @property
    def stops(self):
        return self.of(Role.STOP_LOSS)

    @property
    def targets(self):
        return self.of(Role.TAKE_PROFIT)


def held(position="2", **wishes):
    """A venue with the position and its accepted pair."""
    venue = Venue(position, **wishes)
    venue.settle()
    return venue


def shown(steps):
    """Steps as short text."""
    words = []
    for each in steps:
        if isinstance(each, PlaceLeg):
            order = each.order
            words.append(f"place {order.role.value} {order.side.value} {order.quantity.normalize()} at {order.price}")
        elif isinstance(each, CancelLeg):
            words.append(f"cancel {each.client_id.rpartition('-')[2]}")
        else:
            words.append(f"escape: {each.why}")
    return words


# -- the pair ------------------------------------------------------------------------------


def test_a_position_gets_its_pair_at_once_sized_to_what_is_held():
    venue = Venue("2")
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 90", "place take-profit sell 2 at 110"]
    orders = [each.order for each in venue.records]
    assert [each.type for each in orders] == [OrderType.STOP, OrderType.LIMIT]
    assert all(each.reduce_only and each.parent_id == venue.epoch_id for each in orders)
    assert venue.ask() == ()


def test_a_short_position_is_protected_by_buying():
    assert shown(Venue("-2", stop="110", target="90").ask()) == [
        "place stop-loss buy 2 at 110",
        "place take-profit buy 2 at 90",
    ]


def test_nothing_is_asked_for_twice():
    venue = held()
    assert venue.ask() == ()
    assert due(venue.facts(), venue.now) is None


def test_what_is_below_one_lot_is_not_a_position():
    venue = held("2.0004")
    assert venue.stops[0].order.quantity == 2
    venue.hold("0.0004")
    assert shown(venue.ask()) == ["cancel e1.sl1", "cancel e1.tp2"]


def test_the_target_fills_and_the_stop_goes():
    venue = held()
    venue.fill(venue.targets[0], Decimal(2))
    assert shown(venue.ask()) == ["cancel e1.sl1"]


def test_the_stop_fills_and_the_target_goes():
    venue = held()
    venue.fill(venue.stops[0], Decimal(2))
    assert shown(venue.ask()) == ["cancel e1.tp2"]


def test_a_stop_that_fills_in_parts_covers_what_is_left():
    venue = held()
    venue.fill(venue.stops[0], Decimal("0.5"))
    assert shown(venue.ask()) == ["cancel e1.tp2"], "only the target is too large now"


def test_a_cancellation_that_nobody_confirmed_is_asked_for_again():
    venue = held()
    venue.hold("0")
    assert len(venue.ask()) == 2
    assert due(venue.facts(), venue.now) == venue.now + 2_000
    venue.now += 1_999
    assert venue.ask() == ()
    venue.now += 1
    assert len(venue.ask()) == 2


def test_legs_of_the_last_position_go_before_the_next_ones_come():
    venue = held()
    venue.hold("-1")
    venue.stop, venue.target = Decimal(120), Decimal(80)
    assert shown(venue.ask()) == [
        "cancel e1.sl1",
        "cancel e1.tp2",
        "place stop-loss buy 1 at 120",
        "place take-profit buy 1 at 80",
    ]


# -- growing, moving ------------------------------------------------------------------------


def test_a_stop_is_replaced_by_placing_first_and_cancelling_once_it_is_accepted():
    venue = held(target=None)
    venue.stop = Decimal(95)
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 95"]
    assert venue.ask() == ()
    venue.hear(venue.stops[1], OrderEvent.ACCEPT)
    assert shown(venue.ask()) == ["cancel e1.sl1"]


def test_a_position_that_grows_is_covered_whole():
    venue = held("1", target=None)
    venue.hold("3")
    assert shown(venue.ask()) == ["place stop-loss sell 3 at 90"]
    venue.settle()
    assert [each.order.quantity for each in venue.stops] == [3]


def test_two_stops_may_cover_together_while_fills_are_faster_than_answers():
    venue = Venue("1", target=None)
    venue.ask()
    venue.hold("2")
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 90"]
    venue.hold("3")
    assert venue.ask() == (), "1 and 2 on their way cover 3"
    venue.settle()
    assert [each.order.quantity for each in venue.stops] == [1, 2]
    venue.hold("4")
    assert shown(venue.ask()) == ["cancel e1.sl1"], "there is room for two"
    venue.settle()
    assert [each.order.quantity for each in venue.stops] == [4]


def test_a_position_that_shrinks_keeps_its_stop_and_resizes_its_target():
    venue = held()
    venue.hold("1")
    assert shown(venue.ask()) == ["cancel e1.tp2"]
    assert venue.ask() == (), "the target is placed again only once the old one is gone"
    venue.hear(venue.targets[0], OrderEvent.CANCEL)
    assert shown(venue.ask()) == ["place take-profit sell 1 at 110"]


def test_the_target_gives_way_to_an_exit_and_comes_back():
    venue = held()
    venue.release = True
    venue.settle()
    assert venue.targets == []
    assert len(venue.stops) == 1
    venue.release = False
    assert shown(venue.ask()) == ["place take-profit sell 2 at 110"]


def test_a_wish_of_none_keeps_the_stop_and_takes_the_target_away():
    venue = held()
    venue.stop = venue.target = None
    assert shown(venue.ask()) == ["cancel e1.tp2"]


# -- refusals --------------------------------------------------------------------------------


def refuse(venue, code=-4120):
    venue.hear(venue.stops[-1], OrderEvent.REJECT, code)


def test_a_refused_stop_is_tried_three_times_within_two_seconds_and_then_given_up():
    venue = Venue("2", target=None)
    venue.ask()
    refuse(venue)
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 90"], "again, at once"
    refuse(venue)
    assert venue.ask() == ()
    assert due(venue.facts(), venue.now) == venue.now + 1_000
    venue.now += 1_000
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 90"], "again, a second later"
    refuse(venue)
    assert venue.ask() == (EscapeNow(Unprotected.REFUSED),)
    assert venue.ask() == ()


def test_a_refusal_nobody_could_act_on_for_two_seconds_is_given_up():
    venue = Venue("2", target=None)
    venue.ask()
    refuse(venue)
    venue.now += 2_001
    assert venue.ask() == (EscapeNow(Unprotected.REFUSED),)


@pytest.mark.parametrize("code", [-2021, -4142])
def test_a_stop_that_would_trigger_at_once_is_an_exit(code):
    venue = Venue("2", target=None, mark=None)
    venue.ask()
    refuse(venue, code)
    assert venue.ask() == (EscapeNow(Unprotected.WOULD_TRIGGER),)


@pytest.mark.parametrize(("position", "stop", "mark"), [("2", "90", "90"), ("2", "90", "85"), ("-2", "110", "111")])
def test_a_stop_beyond_the_mark_is_not_even_sent(position, stop, mark):
    assert Venue(position, stop=stop, target=None, mark=mark).ask() == (EscapeNow(Unprotected.WOULD_TRIGGER),)


@pytest.mark.parametrize("event", [OrderEvent.REJECT, OrderEvent.EXPIRE])
def test_a_stop_that_ended_while_the_position_stands_is_an_exit(event):
    venue = held(target=None)
    venue.hear(venue.stops[0], event)
    assert venue.ask() == (EscapeNow(Unprotected.ENDED),)


def test_a_stop_somebody_cancelled_is_placed_again():
    venue = held(target=None)
    venue.now += 60_000
    venue.hear(venue.stops[0], OrderEvent.CANCEL)
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 90"]


def test_a_venue_that_cancels_every_stop_is_given_up():
    venue = Venue("2", target=None)
    for _ in range(3):
        venue.now += 1_000
        venue.ask()
        venue.hear(venue.stops[0], OrderEvent.ACCEPT)
        venue.hear(venue.stops[0], OrderEvent.CANCEL)
    assert venue.ask() == (EscapeNow(Unprotected.REFUSED),)


def test_a_refused_replacement_leaves_the_stop_that_covers():
    venue = held(target=None)
    venue.stop = Decimal(95)
    for _ in range(3):
        assert shown(venue.ask()) == ["place stop-loss sell 2 at 95"]
        refuse(venue)
        venue.now += 1_000
    assert venue.ask() == ()
    venue.now += 3_600_000
    assert venue.ask() == ()
    venue.stop = Decimal(96)
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 96"], "a new wish is a new try"
    refuse(venue)
    venue.now += 3_600_000
    venue.hold("3")
    assert shown(venue.ask()) == ["place stop-loss sell 3 at 96"], "what is missing now is new"


def test_a_target_that_is_refused_is_no_emergency():
    venue = Venue("2")
    for _ in range(5):
        venue.ask()
        for each in venue.targets:
            venue.hear(each, OrderEvent.REJECT, -2022)
        venue.now += 1_000
    assert [type(each) for each in venue.said].count(EscapeNow) == 0
    assert sum("take-profit" in words for words in shown(venue.said)) == 3


# -- silence ---------------------------------------------------------------------------------


def test_a_stop_nobody_confirms_gets_a_second_and_the_surplus_is_swept():
    venue = Venue("2", target=None)
    venue.ask()
    venue.hear(venue.stops[0], OrderEvent.LOSE)
    assert venue.ask() == ()
    assert due(venue.facts(), venue.now) == venue.now + 2_000
    venue.now += 2_000
    assert shown(venue.ask()) == ["place stop-loss sell 2 at 90"]
    venue.hear(venue.stops[0], OrderEvent.ACCEPT)
    assert venue.ask() == (), "the second may yet prove not to be there"
    venue.hear(venue.stops[1], OrderEvent.ACCEPT)
    assert shown(venue.ask()) == ["cancel e1.sl1"]


def test_a_position_nobody_confirms_a_stop_for_is_given_back():
    venue = Venue("2", target=None)
    venue.ask()
    venue.now += 2_000
    venue.ask()
    assert len(venue.stops) == STOPS_MAX
    venue.now += 2_000
    assert venue.ask() == (), "a third would be one too many"
    venue.now = T0 + CONFIRM_MAX_MS
    assert venue.ask() == (EscapeNow(Unprotected.UNCONFIRMED),)


def test_while_escaping_the_stop_stays_and_the_target_goes():
    venue = held()
    venue.escaping = True
    assert shown(venue.ask()) == ["cancel e1.tp2"]
    venue.hold("1")
    venue.settle()
    assert len(venue.stops) == 1
    venue.hold("0")
    assert shown(venue.ask()) == ["cancel e1.sl1"]


# -- any story --------------------------------------------------------------------------------

positions = st.sampled_from(["0", "0.0004", "1", "2", "2.5", "3", "-1", "-2"])
indexes = st.integers(0, 5)
happenings = st.one_of(
    st.tuples(st.just("hold"), positions),
    st.tuples(st.just("stop"), st.sampled_from(["90", "92", "108", "110"])),
    st.tuples(st.just("target"), st.sampled_from(["85", "115", None])),
    st.tuples(st.just("release"), st.booleans()),
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
    elif event is not OrderEvent.PROVE_ABSENT or record.state in _UNHEARD:
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
    for each in steps:
        if isinstance(each, PlaceLeg):
            order = each.order
            assert size
            assert not venue.escaping
            assert order.side is (Side.SELL if venue.position > 0 else Side.BUY)
            assert order.quantity == size
            assert order.reduce_only
            assert order.price == (venue.stop if order.role is Role.STOP_LOSS else venue.target)
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
    pending = any(each.state in _UNHEARD or each.cancel_asked_at is not None for each in venue.stops)
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
        if each.state in _UNHEARD:
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
            each.state in _UNHEARD or each.cancel_asked_at is not None for each in venue.records if not each.is_final
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
