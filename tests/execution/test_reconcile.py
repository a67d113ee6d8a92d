"""Reconciliation: what the venue knows comes in as the news that was missed, and nothing known is ever taken back.

Proves: QL-17
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderEvent, OrderState
from qts.execution.commands import CancelOrder, QueryOrder
from qts.execution.contracts import Role
from qts.execution.events import OrderAck, SendOutcome
from qts.execution.reconcile import CORRECTION
from tests.execution.heard_record import PRICE, T0, Record, listed, snapshot, split, trade
from tests.generators import SYMBOL


@pytest.fixture
def record():
    return Record()


# -- the table -------------------------------------------------------------------------------


def test_an_agreeing_venue_makes_no_news(record):
    record.send(split("o1"))
    record.feed(trade(1, "o1"))
    found = record.compare(snapshot(listed("o1", "1"), position="1", fills=[trade(1, "o1")]))
    assert found.agrees
    assert found.gap == 0


def test_a_missed_fill_is_fed_once_in_the_order_of_the_trades(record):
    record.send(split("o1"))
    fills = [trade(10, "o1", at=2_000), trade(9, "o1", at=2_000), trade(9, "o1", at=2_000), trade(8, "o1", at=3_000)]
    found = record.reconcile(snapshot(position="3", fills=fills))
    assert [each.fill_id for each in found.missed] == ["9", "10", "8"]
    assert found.queries == ()
    assert record.ledger.find("o1").state is OrderState.FILLED
    assert record.compare(snapshot(position="3", fills=fills)).agrees


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
    assert not found.agrees
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
    assert not found.agrees


def test_an_order_of_others_is_told_of_and_no_disagreement(record):
    found = record.compare(snapshot(listed("phone")))
    assert [each.client_id for each in found.foreign_orders] == ["phone"]
    assert found.agrees


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
    assert not found.agrees
    assert record.ledger.find("o1").filled == 1
    assert record.position.quantity == 1


def test_an_order_listed_as_over_is_not_open(record):
    record.send(split("o1"))
    seen = snapshot(
        replace(listed("o1"), state=OrderState.EXPIRED), replace(listed("phone"), state=OrderState.CANCELED)
    )
    found = record.compare(seen)
    assert [each.client_id for each in found.queries] == ["o1"]
    assert found.foreign_orders == ()


# -- the correction ---------------------------------------------------------------------------


def test_a_gap_is_corrected_on_the_last_try_only(record):
    seen = snapshot(position="-2")
    assert record.reconcile(seen).correction is None
    found = record.reconcile(seen, correct_at=PRICE)
    assert (found.gap, found.correction.side, found.correction.quantity) == (-2, Side.SELL, 2)
    assert found.correction.order_id == CORRECTION
    assert record.position.quantity == -2
    assert record.compare(replace(seen, as_of=seen.as_of + 1)).agrees


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
