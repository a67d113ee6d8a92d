"""Reconciliation: what the venue knows comes in as the news that was missed, and nothing known is ever taken back.

Proves: QL-17
"""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.money import ZERO
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderEvent, OrderState
from qts.execution.commands import CancelOrder, QueryOrder
from qts.execution.contracts import Role, SplitOrder
from qts.execution.events import OrderAck, OrderEnded, SendOutcome, Snapshot, VenueOrder
from qts.execution.orders import OrderLedger
from qts.execution.positions import Position
from qts.execution.reconcile import CORRECTION, differences
from tests.generators import SYMBOL

T0 = 1_704_067_200_000
PRICE = Decimal(100)
_ENDS = {OrderState.CANCELED: OrderEvent.CANCEL, OrderState.EXPIRED: OrderEvent.EXPIRE}


def is_ours(client_id):
    return client_id.startswith("o")


def split(client_id, quantity="3", role=Role.ENTRY):
    stop = role is Role.STOP_LOSS
    return SplitOrder(
        client_id=client_id,
        parent_id=client_id,
        symbol=SYMBOL,
        side=Side.SELL if stop else Side.BUY,
        type=OrderType.STOP if stop else OrderType.LIMIT,
        quantity=Decimal(quantity),
        price=PRICE,
        reduce_only=role.only_reduces,
        role=role,
        sequence=0,
        attempt=1,
        send_at=T0,
    )


def trade(number, client_id, quantity="1", at=1_000, side=Side.BUY):
    return Fill(
        fill_id=str(number),
        order_id=client_id,
        symbol=SYMBOL,
        side=side,
        quantity=Decimal(quantity),
        price=PRICE + number,
        reference_price=PRICE,
        fee=ZERO,
        liquidity=Liquidity.MAKER,
        cause=Cause.ORDER,
        realized_pnl=ZERO,
        occurred_at=T0 + at,
    )


def listed(client_id, filled="0", *, conditional=False):
    return VenueOrder(
        client_id=client_id,
        venue_id="77",
        symbol=SYMBOL,
        side=Side.BUY,
        type=OrderType.STOP if conditional else OrderType.LIMIT,
        quantity=Decimal(3),
        price=PRICE,
        filled=Decimal(filled),
        reduce_only=conditional,
        conditional=conditional,
        state=OrderState.ACCEPTED,
    )


def snapshot(*orders, position="0", fills=(), at=5_000):
    return Snapshot(symbol=SYMBOL, position=Decimal(position), orders=tuple(orders), fills=tuple(fills), as_of=T0 + at)


class Record:
    """A ledger and a position, fed through one door as the machine feeds its own."""

    def __init__(self):
        self.ledger = OrderLedger()
        self.position = Position(SYMBOL)
        self.now = T0

    def send(self, order, state=OrderEvent.ACCEPT):
        self.ledger.submit(order, self.now)
        if state is not None:
            self.ledger.hear(self.ledger.find(order.client_id), state, self.now)
        return self.ledger.find(order.client_id)

    def feed(self, event):
        match event:
            case Fill():
                if self.ledger.count(event):
                    self.position.apply(event, self.now)
                    record = self.ledger.find(event.order_id)
                    if record is not None:
                        self.ledger.fill(record, event, self.now)
            case OrderAck():
                record = self.ledger.find(event.client_id)
                record.venue_id = event.venue_id
                self.ledger.hear(record, OrderEvent.ACCEPT, self.now)
            case OrderEnded():
                record = self.ledger.find(event.client_id)
                record.told = max(record.told, event.filled)
                self.ledger.hear(record, _ENDS[event.state], self.now)

    def compare(self, seen, correct_at=None):
        return differences(self.ledger, self.position, seen, is_ours=is_ours, correct_at=correct_at)

    def reconcile(self, seen, correct_at=None):
        found = self.compare(seen, correct_at)
        news = (*found.missed, *found.foreign, *found.accepted, *found.ended)
        for event in (*news, *([found.correction] if found.correction else [])):
            self.feed(event)
        return found


@pytest.fixture
def record():
    return Record()


# -- the table -------------------------------------------------------------------------------


def test_an_agreeing_venue_makes_no_news(record):
    record.send(split("o1"))
    record.feed(trade(1, "o1"))
    found = record.compare(snapshot(listed("o1", "1"), position="1", fills=[trade(1, "o1")]))
    assert found.is_clean
    assert found.gap == 0


def test_a_missed_fill_is_fed_once_in_the_order_of_the_trades(record):
    record.send(split("o1"))
    fills = [trade(10, "o1", at=2_000), trade(9, "o1", at=2_000), trade(9, "o1", at=2_000), trade(8, "o1", at=3_000)]
    found = record.reconcile(snapshot(position="3", fills=fills))
    assert [each.fill_id for each in found.missed] == ["9", "10", "8"]
    assert found.queries == ()
    assert record.ledger.find("o1").state is OrderState.FILLED
    assert record.compare(snapshot(position="3", fills=fills)).is_clean


def test_a_fill_of_nobody_is_adopted(record):
    found = record.reconcile(snapshot(position="1", fills=[trade(1, "phone")]))
    assert [each.order_id for each in found.foreign] == ["phone"]
    assert found.missed == ()
    assert found.gap == 0
    assert record.position.quantity == 1


@pytest.mark.parametrize("state", [None, OrderEvent.LOSE])
def test_a_listed_order_without_an_answer_was_accepted(record, state):
    record.send(split("o1"), state)
    found = record.reconcile(snapshot(listed("o1")))
    assert found.accepted == (OrderAck("o1", SendOutcome.ACCEPTED, "77"),)
    assert record.ledger.find("o1").state is OrderState.ACCEPTED


@pytest.mark.parametrize("state", [None, OrderEvent.LOSE])
def test_an_order_without_an_answer_is_not_ended_by_its_absence(record, state):
    record.send(split("o1"), state)
    found = record.compare(snapshot(), correct_at=PRICE)
    assert found.ended == ()
    assert found.queries == ()


def test_an_accepted_order_in_no_list_is_asked_for_and_ended_on_the_last_try_only(record):
    record.send(split("o1"))
    found = record.reconcile(snapshot(position="1", fills=[trade(1, "o1")]))
    assert found.queries == (QueryOrder("o1", SYMBOL, conditional=False),)
    assert found.ended == ()
    assert not found.is_clean
    found = record.reconcile(snapshot(position="1", at=6_000), correct_at=PRICE)
    assert [(each.client_id, each.state, each.filled) for each in found.ended] == [("o1", OrderState.CANCELED, 1)]
    assert found.queries == ()
    assert found.zombies == ()


def test_a_stop_that_the_lists_forgot_is_cancelled_when_it_is_given_up(record):
    record.send(split("o1", role=Role.STOP_LOSS))
    assert record.compare(snapshot()).queries == (QueryOrder("o1", SYMBOL, conditional=True),)
    found = record.compare(snapshot(), correct_at=PRICE)
    assert [each.client_id for each in found.ended] == ["o1"]
    assert found.zombies == (CancelOrder("o1", SYMBOL, conditional=True),)


def test_an_order_with_news_younger_than_the_snapshot_is_not_judged(record):
    record.now = T0 + 6_000
    record.send(split("o1"))
    ended = record.send(split("o2"))
    record.ledger.hear(ended, OrderEvent.CANCEL, record.now)
    found = record.compare(snapshot(listed("o2"), at=5_000), correct_at=PRICE)
    assert found.queries == found.ended == found.zombies == ()


@pytest.mark.parametrize("end", [OrderEvent.CANCEL, OrderEvent.PROVE_ABSENT, OrderEvent.EXPIRE])
def test_an_order_that_is_over_and_listed_is_a_zombie(record, end):
    record.ledger.hear(record.send(split("o1"), None), end, record.now)
    assert record.compare(snapshot(listed("o1"))).zombies == (CancelOrder("o1", SYMBOL, conditional=False),)


def test_an_order_of_ours_that_nobody_wrote_down_is_a_zombie_and_one_of_others_is_not(record):
    found = record.compare(snapshot(listed("o9", conditional=True), listed("phone")))
    assert found.zombies == (CancelOrder("o9", SYMBOL, conditional=True),)
    assert [each.client_id for each in found.foreign_orders] == ["phone"]
    assert not found.is_clean


def test_a_venue_that_counts_more_than_its_trades_is_asked_for_older_ones(record):
    record.send(split("o1"))
    found = record.compare(snapshot(listed("o1", "2"), position="2", fills=[trade(2, "o1")]))
    assert found.behind == ("o1",)
    assert found.gap == 1


def test_a_venue_that_counts_less_takes_nothing_back(record):
    record.send(split("o1"))
    record.feed(trade(1, "o1", at=4_000))
    found = record.reconcile(snapshot(listed("o1", "0"), at=3_000), correct_at=PRICE)
    assert found.gap is None, "a later fill was heard"
    assert found.correction is None
    assert not found.is_clean
    assert record.ledger.find("o1").filled == 1
    assert record.position.quantity == 1


# -- the correction ---------------------------------------------------------------------------


def test_a_gap_is_corrected_on_the_last_try_only(record):
    seen = snapshot(position="-2")
    assert record.reconcile(seen).correction is None
    found = record.reconcile(seen, correct_at=PRICE)
    assert (found.gap, found.correction.side, found.correction.quantity) == (-2, Side.SELL, 2)
    assert found.correction.order_id == CORRECTION
    assert record.position.quantity == -2
    assert record.compare(seen).is_clean


def test_the_correction_is_the_same_in_every_process_and_counts_once(record):
    seen = snapshot(position="2", fills=[trade(1, "phone")])
    first, again = record.compare(seen, PRICE).correction, Record().compare(seen, PRICE).correction
    assert first == again
    others = [
        replace(seen, position=Decimal(3)),
        replace(seen, position=Decimal(3), fills=(trade(1, "phone"), trade(2, "phone"))),
    ]
    assert len({first.fill_id, *(Record().compare(each, PRICE).correction.fill_id for each in others)}) == 3
    record.ledger.count(first)
    assert record.compare(seen, PRICE).correction is None


def test_a_symbol_that_agrees_needs_no_correction(record):
    assert record.compare(snapshot(), PRICE).correction is None


# -- evidence for the UNKNOWN protocol ----------------------------------------------------------


def test_evidence_of_absence(record):
    record.send(split("o1"), OrderEvent.LOSE)
    found = record.compare(snapshot(at=9_000)).evidence("o1")
    assert found.as_of == T0 + 9_000
    assert found.is_absence


@pytest.mark.parametrize(
    "seen",
    [
        snapshot(listed("o1")),
        snapshot(position="1", fills=[trade(1, "o1")]),
        snapshot(position="1", fills=[trade(1, "who")]),
        snapshot(position="1"),
    ],
)
def test_evidence_against_absence(record, seen):
    record.send(split("o1"), OrderEvent.LOSE)
    assert not record.compare(seen).evidence("o1").is_absence


def test_an_old_snapshot_is_no_evidence_of_the_position(record):
    record.send(split("o1"), OrderEvent.LOSE)
    record.feed(trade(1, "who", at=9_000))
    assert record.compare(snapshot(at=8_000)).evidence("o1").position_agrees is None


# -- any order, any loss, any repetition --------------------------------------------------------

QUANTITIES = (3, 2, 4)
IDS = ("o1", "o2", "o3")


@st.composite
def truths(draw):
    """What really happened: trades in order (some foreign), and when each order was cancelled, if it was."""
    left = dict(zip(IDS, QUANTITIES, strict=True))
    trades, canceled = [], {}
    for number in range(draw(st.integers(0, 10))):
        at = 1_000 * (number + 1)
        who = draw(st.sampled_from([*IDS, "phone", "cancel"]))
        if who == "cancel":
            canceled.setdefault(draw(st.sampled_from(IDS)), at)
        elif who == "phone":
            trades.append(trade(number + 95, "phone", at=at, side=draw(st.sampled_from(Side))))
        elif left[who] and who not in canceled:
            quantity = draw(st.integers(1, left[who]))
            left[who] -= quantity
            trades.append(trade(number + 95, who, str(quantity), at=at))
    return trades, {who: at for who, at in canceled.items() if left[who]}


def seen_at(truth, at, fills_from=0):
    """The venue's view at an instant; fills_from: how many of the trades lie before the id that was asked for."""
    trades, canceled = truth
    made = [each for each in trades if each.occurred_at <= T0 + at]
    orders = []
    for who, quantity in zip(IDS, QUANTITIES, strict=True):
        filled = sum(each.quantity for each in made if each.order_id == who)
        if filled < quantity and canceled.get(who, at + 1) > at:
            orders.append(replace(listed(who, str(filled)), quantity=Decimal(quantity)))
    position = sum((each.side.sign * each.quantity for each in made), start=ZERO)
    return Snapshot(
        symbol=SYMBOL, position=position, orders=tuple(orders), fills=tuple(made[fills_from:]), as_of=T0 + at
    )


def told(truth):
    """The stream, whole and in order."""
    trades, canceled = truth
    acks = [(0, OrderAck(who, SendOutcome.ACCEPTED, "77")) for who in IDS]
    ends = []
    for who, at in canceled.items():
        filled = sum((each.quantity for each in trades if each.order_id == who), start=ZERO)
        ends.append((at, OrderEnded(who, OrderState.CANCELED, filled)))
    return [*acks, *[(each.occurred_at - T0, each) for each in trades], *ends]


@st.composite
def hearings(draw):
    """A truth, and what is heard of it: stream news and snapshots, each lost, late, repeated, in any order."""
    truth = draw(truths())
    news = [draw(st.sampled_from([[], [each], [each, each]])) for each in told(truth)]
    views = [
        (at, seen_at(truth, at, draw(st.integers(0, 3)))) for at in draw(st.lists(st.integers(0, 12_000), max_size=4))
    ]
    return truth, draw(st.permutations([*[one for each in news for one in each], *views]))


@given(hearings())
def test_whatever_was_heard_the_record_ends_as_the_truth(hearing):
    truth, heard = hearing
    record, past = Record(), T0
    for who, quantity in zip(IDS, QUANTITIES, strict=True):
        record.send(split(who, str(quantity)), None)
    before = dict.fromkeys(IDS, ZERO)
    for at, what in heard:
        past = max(past, T0 + at)  # nothing is heard before it happened
        record.now = past
        if isinstance(what, Snapshot):
            record.reconcile(what)
        else:
            record.feed(what)
        for who in IDS:
            assert record.ledger.find(who).filled >= before[who], "a fill was taken back"
            before[who] = record.ledger.find(who).filled
    ask_until_clean(record, truth)
    check_against(record, truth)


def ask_until_clean(record, truth):
    """The venue answers queries with the truth; two rounds are enough, whatever was heard before."""
    _, canceled = truth
    for at in (20_000, 25_000, 30_000):
        record.now = T0 + at + 100
        found = record.reconcile(seen_at(truth, at))
        if found.is_clean:
            return
        for each in found.queries:
            assert each.client_id in canceled, "asked for an order that is open"
            record.feed(OrderEnded(each.client_id, OrderState.CANCELED, ZERO))
        for who in IDS:  # a send that was never answered, and is in no list, is resolved by its own query
            if record.ledger.find(who).state is OrderState.SUBMITTED and who in canceled:
                record.feed(OrderEnded(who, OrderState.CANCELED, ZERO))
    raise AssertionError(f"never clean: {found}")


def check_against(record, truth):
    trades, canceled = truth
    assert record.position.quantity == sum((each.side.sign * each.quantity for each in trades), start=ZERO)
    for who, quantity in zip(IDS, QUANTITIES, strict=True):
        mine = [each for each in trades if each.order_id == who]
        found = record.ledger.find(who)
        assert found.filled == sum(each.quantity for each in mine)
        assert found.notional == sum(each.quantity * each.price for each in mine)
        state = OrderState.CANCELED if who in canceled else OrderState.ACCEPTED
        assert found.state is (OrderState.FILLED if found.filled == quantity else state)


@given(hearings(), st.integers(-3, 3))
def test_after_the_last_try_the_position_is_the_venues(hearing, hidden):
    """Something moved the position that no trade shows; it is booked once, and then there is nothing more to say."""
    truth, heard = hearing
    record = Record()
    for who, quantity in zip(IDS, QUANTITIES, strict=True):
        record.send(split(who, str(quantity)), None)
    for at, what in heard:
        record.now = max(record.now, T0 + at)
        record.reconcile(what) if isinstance(what, Snapshot) else record.feed(what)
    record.now = T0 + 20_000
    seen = seen_at(truth, 19_000)
    seen = replace(seen, position=seen.position + hidden)
    first = record.reconcile(seen, PRICE)
    assert record.position.quantity == seen.position
    assert (first.correction is None) == (hidden == 0)
    again = record.reconcile(replace(seen, as_of=T0 + 21_000), PRICE)
    assert again.gap == 0
    assert again.correction is None
    assert record.position.quantity == seen.position
