"""The record ends as the truth, whatever was lost, late, repeated or out of order on the way.

Proves: QL-17
"""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from qts.domain.money import ZERO
from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.events import OrderAck, OrderEnded, SendOutcome, Snapshot
from tests.execution.heard_record import PRICE, T0, Record, listed, split, trade
from tests.generators import SYMBOL

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
    record.now = T0 + 20_000
    for who in canceled:  # a send that was never answered and is in no list is resolved by its own protocol
        if record.ledger.find(who).state is OrderState.SUBMITTED:
            record.feed(OrderEnded(who, OrderState.CANCELED, ZERO))
    for at in (21_000, 25_000, 30_000):
        record.now = T0 + at + 100
        found = record.reconcile(seen_at(truth, at))
        if found.agrees:
            return
        for each in found.queries:
            assert each.client_id in canceled, "asked for an order that is open"
            record.feed(OrderEnded(each.client_id, OrderState.CANCELED, ZERO))
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
