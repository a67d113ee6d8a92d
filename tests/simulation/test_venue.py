"""The venue by itself: requests and their answers, two books, the truth it keeps, and what it does unasked.

Proves: SX-9, QL-16
"""

from decimal import Decimal

import pytest

from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.contracts import Role
from qts.execution.events import AccountUpdate, CancelOutcome, OrderEnded, SendOutcome
from qts.market.brackets import BracketHistory
from qts.simulation.costs import Frictions
from qts.simulation.venue_orders import FillPrice
from tests.generators import HARSHER_ROWS, USUAL_BRACKETS, bracket_table
from tests.simulation.venue_orders_sent import FREE, a_venue, buy, sell, split, stop

D = Decimal


def held(venue, quantity="10", price="100"):
    """A position that somebody took."""
    side = Side.BUY if D(quantity) > 0 else Side.SELL
    assert venue.foreign_fill(side, abs(D(quantity)), D(price), 0)


def test_an_accepted_order_is_listed_until_it_is_cancelled():
    venue, news = a_venue()
    ack = venue.send(buy("a", 2, limit=99), 5)
    assert (ack.outcome, ack.venue_id) == (SendOutcome.ACCEPTED, "1")
    (listed,) = venue.snapshot("", 6).orders
    assert (listed.client_id, listed.venue_id, listed.quantity, listed.price) == ("a", "1", D(2), D(99))
    assert not listed.conditional
    cancelled = venue.cancel("a", 7)
    assert (cancelled.outcome, cancelled.filled) == (CancelOutcome.CANCELED, ZERO)
    assert news == [OrderEnded("a", OrderState.CANCELED, ZERO, "cancelled")]
    assert venue.snapshot("", 8).orders == ()
    assert venue.query("a", conditional=False, now=9).order.state is OrderState.CANCELED


def test_whether_the_stream_tells_of_asked_cancellations_is_a_rule():
    venue, news = a_venue(cancels_are_streamed=False)
    venue.send(buy("a", 2, limit=99), 5)
    assert venue.cancel("a", 7).outcome is CancelOutcome.CANCELED
    assert news == []


def test_what_is_not_open_cannot_be_cancelled_and_says_so_with_the_code_of_a_doubt():
    venue, _ = a_venue()
    ack = venue.cancel("never", 1)
    assert (ack.outcome, ack.code, ack.filled) == (CancelOutcome.UNKNOWN, -2011, None)
    venue.send(buy("a", 2, limit=99), 2)
    venue.cancel("a", 3)
    assert venue.cancel("a", 4).outcome is CancelOutcome.UNKNOWN


def test_the_two_books_do_not_know_each_other():
    venue, _ = a_venue()
    held(venue)
    venue.send(stop("sl", Side.SELL, 10, 95), 1)
    venue.send(sell("tp", 10, limit=105, role=Role.TAKE_PROFIT), 1)
    assert venue.query("sl", conditional=False, now=2).order is None
    assert venue.query("tp", conditional=True, now=2).order is None
    assert venue.query("sl", conditional=True, now=2).order.conditional
    assert not venue.query("tp", conditional=False, now=2).order.conditional
    assert venue.query("nobody", conditional=True, now=2).order is None
    listed = {each.client_id: each.conditional for each in venue.snapshot("", 3).orders}
    assert listed == {"sl": True, "tp": False}


def test_a_triggered_stop_is_an_ordinary_order_and_still_found_by_those_who_sent_it():
    venue, _ = a_venue()
    held(venue)
    venue.send(stop("sl", Side.SELL, 10, 95), 1)
    venue.orders.trigger(venue.orders.open["sl"])
    assert venue.orders.conditional == 0
    for conditional in (True, False):
        found = venue.query("sl", conditional=conditional, now=2).order
        assert found is not None
        assert not found.conditional
        assert found.type is OrderType.STOP


def test_a_limit_is_modified_in_place_and_other_orders_are_not():
    venue, _ = a_venue()
    held(venue)
    venue.send(buy("a", 2, limit=99), 1)
    venue.send(stop("sl", Side.SELL, 10, 95), 1)
    venue.send(buy("m", 2), 1)
    assert venue.modify("a", D("98.5"), D(3), 2).accepted
    found = venue.query("a", conditional=False, now=3).order
    assert (found.price, found.quantity) == (D("98.5"), D(3))
    for client_id, code in (("sl", -2013), ("m", -5025), ("nobody", -2013)):
        answer = venue.modify(client_id, D(98), D(1), 2)
        assert (answer.accepted, answer.code) == (False, code)
    assert venue.modify("a", D("98.555"), D(3), 4).code == -4014


def test_another_price_is_a_new_arrival_and_another_quantity_is_not():
    venue, _ = a_venue()
    venue.send(buy("a", 2, limit=99), 1)
    venue.modify("a", D(99), D(3), 7)
    assert venue.orders.open["a"].since == 1
    venue.modify("a", D(98), D(3), 8)
    assert venue.orders.open["a"].since == 8


def fill(venue, client_id, quantity, price):
    """Let part of an open order fill, as a market would."""
    working = venue.orders.open[client_id]
    with exact_arithmetic():
        quantity = min(venue.fillable(working), D(quantity))
        if quantity > 0:
            venue.execute(working, quantity, FillPrice(D(price), D(price), Liquidity.TAKER))


def test_a_quantity_that_has_filled_already_cancels():
    venue, news = a_venue()
    venue.send(buy("a", 5, limit=99), 1)
    fill(venue, "a", 3, 99)
    answer = venue.modify("a", D(99), D(3), 2)
    assert answer.accepted
    assert news[-1].state is OrderState.CANCELED
    assert news[-1].filled == 3
    assert not venue.orders.open


def test_fills_have_ids_that_never_come_twice_even_when_a_client_id_does():
    venue, news = a_venue()
    venue.send(buy("a", 5), 1)
    fill(venue, "a", 2, 100)
    fill(venue, "a", 3, 100)
    assert venue.send(buy("a", 1), 2).outcome is SendOutcome.ACCEPTED  # unique among open orders only
    fill(venue, "a", 1, 101)
    ids = [each.fill_id for each in news]
    assert ids == ["a/1", "a/2", "a/3"]
    assert [each.order_id for each in news] == ["a"] * 3
    assert len(venue.orders.history) == 2
    assert [each.fill_id for each in venue.snapshot("a/1", 9).fills] == ["a/2", "a/3"]
    assert len(venue.snapshot("", 9).fills) == 3
    assert venue.snapshot("a/3", 9).fills == ()
    assert venue.snapshot("", 9).position == 6


@pytest.mark.parametrize(
    ("role", "cause"),
    [
        (Role.STOP_LOSS, Cause.STOP_LOSS),
        (Role.TAKE_PROFIT, Cause.TAKE_PROFIT),
        (Role.EXIT, Cause.ORDER),
        (Role.ESCAPE, Cause.ORDER),
    ],
)
def test_a_fill_is_caused_by_what_its_order_was_for(role, cause):
    venue, news = a_venue()
    held(venue)
    kind = OrderType.STOP if role is Role.STOP_LOSS else OrderType.LIMIT
    venue.send(split("x", Side.SELL, kind, 10, 105, role=role), 1)
    fill(venue, "x", 10, 105)
    assert news[-1].cause is cause
    assert venue.trades.trades[-1].exit_cause is cause


def test_reduce_only_takes_what_is_held_and_ends():
    venue, news = a_venue()
    held(venue, "4")
    venue.send(sell("x", 10, limit=105, role=Role.EXIT), 1)
    fill(venue, "x", 10, 105)
    assert venue.book.position == 0
    assert isinstance(news[-2], Fill)
    assert news[-2].quantity == 4
    assert news[-1] == OrderEnded("x", OrderState.EXPIRED, D(4), "nothing left to reduce")


def test_reduce_only_with_nothing_to_reduce_ends_instead_of_filling():
    venue, news = a_venue()
    held(venue, "4")
    venue.send(stop("sl", Side.SELL, 4, 95), 1)
    held(venue, "-5")  # somebody turned the position round; nobody swept the stop
    assert "sl" in venue.orders.open
    fill(venue, "sl", 4, 95)
    assert news[-1] == OrderEnded("sl", OrderState.EXPIRED, ZERO, "nothing left to reduce")
    assert venue.book.position == -1


def test_margin_is_asked_for_when_an_order_fills():
    venue, news = a_venue(capital="100")  # carries 1000 at ten times
    venue.send(buy("big", 11), 1)
    venue.send(stop("entry", Side.BUY, 11, 100, role=Role.ENTRY), 1)
    fill(venue, "big", 11, 100)
    assert (news[-1].client_id, news[-1].state) == ("big", OrderState.EXPIRED)
    assert "margin-insufficient" in news[-1].reason
    fill(venue, "entry", 11, 100)
    assert (news[-1].client_id, news[-1].state) == ("entry", OrderState.REJECTED)
    assert [each.codes for each in venue.refusals] == [("margin-insufficient",)] * 2
    assert venue.book.position == 0


def test_the_listener_may_send_and_cancel_from_inside_the_stream():
    def hear(news):
        heard.append(news)
        if isinstance(news, Fill) and news.order_id == "a":
            assert venue.book.position == 5  # posted before it is told
            assert venue.send(stop("sl", Side.SELL, 5, 95), 1).outcome is SendOutcome.ACCEPTED
            assert venue.cancel("b", 1).outcome is CancelOutcome.CANCELED

    heard = []
    venue, _ = a_venue(hear)
    venue.send(buy("a", 5), 1)
    venue.send(buy("b", 5), 1)
    served = []
    for working in venue.orders.at_market():
        served.append(working.order.client_id)
        fill(venue, working.order.client_id, 5, 100)
    assert served == ["a"]
    assert list(venue.orders.open) == ["sl"]
    assert [type(each).__name__ for each in heard] == ["Fill", "OrderEnded"]


def test_a_liquidation_costs_at_most_the_margin():
    venue, news = a_venue(brackets=BracketHistory((USUAL_BRACKETS,)))
    held(venue)  # 10 at 100, ten times: margin 100
    assert venue.force_liquidation(D(80), 7)
    assert venue.book.wallet == 9900
    forced = news[-1]
    assert (forced.cause, forced.quantity, forced.occurred_at) == (Cause.LIQUIDATION, 10, 7)
    assert forced.order_id.startswith("autoclose-")
    assert not venue.force_liquidation(D(80), 8)
    assert venue.query(forced.order_id, conditional=False, now=9).order.state is OrderState.FILLED


def test_the_liquidation_price_follows_every_posting():
    venue, _ = a_venue(brackets=BracketHistory((USUAL_BRACKETS,)))
    assert venue.ledger.liquidation is None
    held(venue)
    assert round(venue.ledger.liquidation, 2) == D("90.36")  # (100 - 1000) / (10 x 0.004 - 10)
    held(venue, "-20")
    assert round(venue.ledger.liquidation, 2) == D("109.56")


def test_the_liquidation_price_follows_the_bracket_table_of_the_day():
    harsher = bracket_table(*HARSHER_ROWS, as_of=1_000)
    venue, _ = a_venue(brackets=BracketHistory((USUAL_BRACKETS, harsher)))
    held(venue)
    venue.ledger.reach(999)
    assert round(venue.ledger.liquidation, 2) == D("90.36")
    venue.ledger.reach(1_000)
    assert round(venue.ledger.liquidation, 2) == D("90.91")  # (100 - 1000) / (10 x 0.01 - 10)


def test_auto_deleveraging_takes_part_of_a_position_free_of_fees():
    venue, news = a_venue(frictions=Frictions(leverage=10))
    held(venue)
    fees = venue.book.fees
    assert venue.force_adl(D(4), D(110), 3)
    assert venue.force_adl(D(99), D(110), 3)
    assert not venue.force_adl(D(1), D(110), 3)
    assert [(f.quantity, f.cause, f.order_id) for f in news[-2:]] == [
        (4, Cause.ADL, "adl_autoclose"),
        (6, Cause.ADL, "adl_autoclose"),
    ]
    assert [f.fill_id for f in news[-2:]] == ["adl_autoclose/1", "adl_autoclose/2"]
    assert venue.book.fees == fees
    assert venue.book.position == 0


def test_the_venue_may_end_an_order_and_others_may_use_the_account():
    venue, news = a_venue()
    venue.send(buy("a", 1, limit=99), 1)
    assert venue.force_end("a", OrderState.EXPIRED, "the venue said so", 2)
    assert news[-1] == OrderEnded("a", OrderState.EXPIRED, ZERO, "the venue said so")
    assert not venue.force_end("a", OrderState.EXPIRED, "again", 3)
    assert venue.foreign_order(Side.SELL, OrderType.LIMIT, D(3), D(120), 4).outcome is SendOutcome.ACCEPTED
    (theirs,) = venue.orders.open
    assert theirs.startswith("web_")
    assert venue.foreign_fill(Side.BUY, D(2), D(100), 5)
    assert news[-1].order_id.startswith("web_")
    assert news[-1].order_id != theirs


def test_the_account_is_told_at_a_mark():
    venue, _ = a_venue()
    held(venue)
    assert venue.account(D(90)) == AccountUpdate(equity=D(9900), available=D(9900))
    assert venue.account(D(100)) == AccountUpdate(equity=D(10000), available=D(9900))


def test_funding_is_paid_by_who_holds_a_position():
    venue, _ = a_venue(frictions=FREE)
    venue.pay_funding(D("0.01"), D(100), 1)
    assert venue.payments == []
    held(venue)
    venue.pay_funding(D("0.01"), D(100), 8)
    assert [(p.amount, p.occurred_at) for p in venue.payments] == [(D(10), 8)]
    assert venue.book.wallet == 9990
