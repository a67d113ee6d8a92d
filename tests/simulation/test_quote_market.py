"""The market of quotes: what fills, when and how far, and what holds whatever comes.

Proves: QL-11, QL-9, QL-16
"""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.errors import PolicyError
from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.contracts import Role
from qts.execution.events import OrderEnded, Quote, SendOutcome
from qts.market.brackets import BracketHistory
from qts.simulation.quote_market import QuoteMarket, TriggerPrice
from tests.generators import SYMBOL, USUAL_BRACKETS
from tests.simulation.venue_orders_sent import a_venue, buy, sell, stop

D = Decimal


class Desk:
    """A venue of quotes, and what it told."""

    def __init__(self, hear=None, *, impact_bps=None, triggered_by=TriggerPrice.MARK, **rest):
        self.venue, self.news = a_venue(hear, **rest)
        self.market = QuoteMarket(self.venue, impact_bps=impact_bps, triggered_by=triggered_by)
        self.now = 0

    def quote(self, bid, ask, *, mark=None, sizes=(100, 100), last=None):
        self.now += 1
        mark = (D(bid) + D(ask)) / 2 if mark is None else D(mark)
        quote = Quote(SYMBOL, D(bid), D(ask), mark, self.now)
        last = None if last is None else D(last)
        self.market.on_quote(quote, D(sizes[0]), D(sizes[1]), self.now, last=last)

    def send(self, order):
        self.now += 1
        return self.venue.send(order, self.now)

    def fills(self):
        return [(f.order_id, f.quantity, f.price, f.liquidity.value) for f in self.news if isinstance(f, Fill)]


def test_before_the_first_quote_nothing_trades_at_market():
    desk = Desk()
    assert desk.send(buy("a", 1)).code == -4131
    assert desk.send(buy("b", 1, limit=99)).outcome is SendOutcome.ACCEPTED
    assert desk.fills() == []


def test_an_order_at_market_takes_the_touch_at_once():
    desk = Desk()
    desk.quote(99, 100)
    assert desk.send(buy("a", 2)).outcome is SendOutcome.ACCEPTED
    assert desk.send(sell("b", 3)).outcome is SendOutcome.ACCEPTED
    assert desk.fills() == [("a", 2, 100, "taker"), ("b", 3, 99, "taker")]
    assert desk.venue.fills[0].occurred_at == 2


def test_the_size_of_a_quote_is_shared_and_the_next_one_shows_a_new_one():
    desk = Desk()
    desk.quote(99, 100, sizes=(5, 5))
    desk.send(buy("a", 3))
    desk.send(buy("b", 3))
    assert desk.fills() == [("a", 3, 100, "taker"), ("b", 2, 100, "taker")]
    assert desk.news[-1] == OrderEnded("b", OrderState.EXPIRED, D(2), "nobody was left to trade with")
    desk.quote(99, 100, sizes=(5, 5))
    desk.send(buy("c", 3))
    assert desk.fills()[-1] == ("c", 3, 100, "taker")


def test_behind_the_touch_it_costs_in_proportion():
    desk = Desk(impact_bps=D(10))
    desk.quote(99, 100, sizes=(5, 5))
    desk.send(buy("a", 15))  # 10 behind the touch: two sizes of it, 2 x 0.1 %
    assert desk.fills() == [("a", 5, 100, "taker"), ("a", 10, D("100.2"), "taker")]
    assert desk.venue.fills[-1].reference_price == 100
    desk.send(sell("b", 6))
    assert desk.fills()[-1] == ("b", 1, D("98.98"), "taker")  # 0.2 x 0.099, away to the tick


def test_a_limit_that_finds_the_market_takes_the_touch_and_rests_with_the_rest():
    desk = Desk(impact_bps=D(10))
    desk.quote(99, 100, sizes=(5, 5))
    desk.send(buy("a", 8, limit=101))
    assert desk.fills() == [("a", 5, 100, "taker")]
    desk.quote("100.5", 101, sizes=(5, 2))
    assert desk.fills()[-1] == ("a", 2, 101, "maker")
    desk.quote("100.5", "101.01")
    assert len(desk.fills()) == 2
    desk.quote("100.5", "100.9")
    assert desk.fills()[-1] == ("a", 1, 101, "maker")


def test_resting_limits_fill_in_the_order_sent():
    desk = Desk()
    desk.quote(99, 100)
    desk.send(sell("a", 3, limit=101))
    desk.send(sell("b", 3, limit=101))
    desk.quote(101, 102, sizes=(4, 9))
    assert desk.fills() == [("a", 3, 101, "maker"), ("b", 1, 101, "maker")]


def test_a_modified_limit_meets_the_market_anew():
    desk = Desk()
    desk.quote(99, 100)
    desk.send(buy("a", 3, limit=98))
    assert desk.venue.modify("a", D(100), D(3), 9).accepted
    assert desk.fills() == [("a", 3, 100, "taker")]


def test_a_stop_is_triggered_by_a_touch_of_the_mark_and_fills_at_the_touch():
    desk = Desk()
    desk.quote(99, 100)
    desk.send(buy("a", 2))
    assert desk.send(stop("sl", Side.SELL, 2, 95)).outcome is SendOutcome.ACCEPTED
    desk.quote(94, 96, mark="95.01", last=90)
    assert len(desk.fills()) == 1
    desk.quote(94, 96, mark=95)
    assert desk.fills()[-1] == ("sl", 2, 94, "taker")
    assert desk.venue.fills[-1].cause is Cause.STOP_LOSS


def test_a_stop_may_be_triggered_by_the_last_price_instead():
    desk = Desk(triggered_by=TriggerPrice.LAST)
    desk.quote(99, 100)
    desk.send(buy("a", 2))
    desk.send(stop("sl", Side.SELL, 2, 95))
    desk.quote(94, 96, mark=90)
    assert len(desk.fills()) == 1
    desk.quote(94, 96, mark=99, last=95)
    assert desk.fills()[-1] == ("sl", 2, 94, "taker")


def test_a_stop_that_has_been_passed_is_refused():
    desk = Desk()
    desk.quote(99, 100)
    desk.send(buy("a", 2))
    assert desk.send(stop("sl", Side.SELL, 2, "99.5")).code == -2021
    assert desk.send(stop("in", Side.BUY, 2, "99.5", role=Role.ENTRY)).code == -2021
    assert desk.send(stop("sl", Side.SELL, 2, "99.49")).code == 0


def test_a_stop_entry_is_asked_for_margin_only_when_it_triggers():
    desk = Desk(capital="100")
    desk.quote(99, 100)
    assert desk.send(buy("a", 11)).code == -2019
    assert desk.send(buy("b", 11, limit=95)).code == -2019
    assert desk.send(stop("c", Side.BUY, 11, 105, role=Role.ENTRY)).code == 0
    desk.quote(105, 106)
    assert (desk.news[-1].client_id, desk.news[-1].state) == ("c", OrderState.REJECTED)
    assert desk.venue.book.position == 0


def test_a_leverage_the_bracket_does_not_grant_has_its_own_code():
    desk = Desk(capital="100000", brackets=BracketHistory((USUAL_BRACKETS,)))
    desk.quote(99, 100)
    assert desk.send(buy("a", 700)).code == -2027


def test_filters_that_measure_by_the_market():
    desk = Desk(price_up=D("1.05"), price_down=D("0.95"))
    desk.quote(99, 101)
    assert desk.send(buy("a", 1, limit="105.01")).code == -4016
    assert desk.send(sell("b", 1, limit="94.99")).code == -4024
    assert desk.send(buy("c", "0.049")).code == -4164
    assert desk.send(buy("d", "0.050")).code == 0
    assert desk.send(buy("e", 1, limit="50")).code == 0


def test_the_mark_liquidates():
    desk = Desk(brackets=BracketHistory((USUAL_BRACKETS,)))
    desk.quote(100, 100, sizes=(10, 10))
    desk.send(buy("a", 10))  # liquidation at 90.36
    desk.quote(95, 96, mark="90.37")
    assert desk.venue.book.position == 10
    desk.quote(95, 96, mark="90.36")
    assert (desk.news[-1].cause, desk.news[-1].price) == (Cause.LIQUIDATION, D("90.36"))
    assert desk.venue.book.position == 0


def test_funding_is_paid_on_the_mark_and_may_liquidate():
    desk = Desk(capital="110", brackets=BracketHistory((USUAL_BRACKETS,)))
    desk.market.pay_funding(D("0.01"), 0)
    desk.quote(100, 100)
    desk.send(buy("a", 10))
    desk.quote(99, 101, mark=101)
    desk.market.pay_funding(D("0.01"), 9)
    assert [(p.amount, p.price, p.occurred_at) for p in desk.venue.payments] == [(D("10.1"), 101, 9)]
    assert desk.venue.book.position == 10
    desk.market.pay_funding(D("0.12"), 10)
    assert desk.news[-1].cause is Cause.LIQUIDATION


def test_the_pair_is_placed_from_inside_the_fill_and_meets_the_same_quote():
    def hear(news):
        heard.append(news)
        if isinstance(news, Fill) and news.order_id == "a":
            answers.append(desk.venue.send(sell("tp", 2, limit=98, role=Role.TAKE_PROFIT), 5))
            answers.append(desk.venue.send(stop("sl", Side.SELL, 2, 90), 5))

    heard, answers = [], []
    desk = Desk(hear)
    desk.quote(99, 100)
    desk.send(buy("a", 2))
    assert [each.order_id for each in heard if isinstance(each, Fill)] == ["a", "tp"]
    assert heard[-1].liquidity is Liquidity.TAKER
    assert heard[-1].price == 99
    assert [each.outcome for each in answers] == [SendOutcome.ACCEPTED] * 2
    assert list(desk.venue.orders.open) == ["sl"]


def test_impact_never_helps():
    with pytest.raises(PolicyError):
        Desk(impact_bps=D(-1))


# -- whatever comes ------------------------------------------------------------------------

PRICES = st.integers(90, 110)
IDS = st.integers(0, 7)
SIDES = st.sampled_from(list(Side))
STEPS = st.one_of(
    st.tuples(st.just("quote"), PRICES, st.integers(0, 2), st.integers(-3, 3), st.integers(0, 6)),
    st.tuples(st.just("market"), IDS, SIDES, st.integers(1, 9), st.booleans()),
    st.tuples(st.just("limit"), IDS, SIDES, st.integers(1, 9), PRICES, st.booleans()),
    st.tuples(st.just("stop"), IDS, SIDES, st.integers(1, 9), PRICES, st.booleans()),
    st.tuples(st.just("cancel"), IDS),
    st.tuples(st.just("modify"), IDS, PRICES, st.integers(1, 9)),
    st.tuples(st.just("adl"), st.integers(1, 5), PRICES),
    st.tuples(st.just("end"), IDS),
    st.tuples(st.just("funding"), st.integers(-5, 5)),
    st.tuples(st.just("foreign"), SIDES, st.integers(1, 5), PRICES),
)


class Watched(Desk):
    """A desk whose every piece of news is checked the moment it comes."""

    def __init__(self, *, impact_bps, strict):
        rules = {"resting_reduce_only_blocks": strict, "reduce_only_needs_position": strict}
        brackets = BracketHistory((USUAL_BRACKETS,))
        self.held = D(0)
        self.heard = []
        super().__init__(self.hear, impact_bps=impact_bps, capital="300", brackets=brackets, **rules)

    def hear(self, news):
        self.heard.append(news)
        venue = self.venue
        venue.book.check()
        working = venue.orders.latest[news.order_id if isinstance(news, Fill) else news.client_id]
        if isinstance(news, OrderEnded):
            assert working.state is news.state
            assert working.filled == news.filled
            return
        before, self.held = self.held, self.held + news.side.sign * news.quantity
        assert venue.book.position == self.held
        if working.order.reduce_only:
            assert before * self.held >= 0
            assert abs(self.held) < abs(before)
        if news.liquidity is Liquidity.MAKER:
            assert news.price == working.price
        elif working.price is not None and not working.order.is_conditional:
            assert (working.price - news.price) * news.side.sign >= 0

    def take(self, step):
        venue = self.venue
        match step:
            case ("quote", bid, spread, off, size):
                self.quote(bid, bid + spread, mark=bid + off, sizes=(size, size))
            case ("cancel", number):
                venue.cancel(f"o{number}", self.now)
            case ("modify", number, price, quantity):
                venue.modify(f"o{number}", D(price), D(quantity), self.now)
            case ("adl", quantity, price):
                venue.force_adl(D(quantity), D(price), self.now)
            case ("end", number):
                venue.force_end(f"o{number}", OrderState.EXPIRED, "forced", self.now)
            case ("funding", percent):
                self.market.pay_funding(D(percent) / 100, self.now)
            case ("foreign", side, quantity, price):
                venue.foreign_fill(side, D(quantity), D(price), self.now)
            case _:
                self.send(an_order(*step))


def an_order(kind, number, side, quantity, *rest):
    *prices, reduces = rest
    client_id, make = f"o{number}", buy if side is Side.BUY else sell
    if kind == "stop":
        return stop(client_id, side, quantity, *prices, role=Role.STOP_LOSS if reduces else Role.ENTRY)
    reducing = Role.EXIT if kind == "market" else Role.TAKE_PROFIT
    return make(client_id, quantity, *prices, role=reducing if reduces else Role.ENTRY)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=60), st.sampled_from([None, D(0), D(20)]), st.booleans())
def test_the_truth_adds_up_whatever_comes(steps, impact_bps, strict):
    """Conservation, reduce-only never flips, ids are unique, an order fills at most its quantity and ends once."""
    desk = Watched(impact_bps=impact_bps, strict=strict)
    desk.quote(100, 101)
    for step in steps:
        desk.take(step)
        orders = desk.venue.orders
        assert orders.conditional == sum(each.is_conditional for each in orders.open.values())
        assert all(each.is_open for each in orders.open.values())
    told = [each for each in desk.heard if isinstance(each, Fill)]
    assert told == desk.venue.fills == list(desk.venue.snapshot("", desk.now).fills)
    assert len({each.fill_id for each in told}) == len(told)
    for working in desk.venue.orders.history:
        assert working.filled <= working.quantity
        assert working.is_open == (desk.venue.orders.open.get(working.order.client_id) is working)
        assert (working.state is OrderState.FILLED) == (working.filled == working.quantity)
    filled = sum((each.filled for each in desk.venue.orders.history), start=D(0))
    assert filled == sum((each.quantity for each in told), start=D(0))
    ended = [each.state for each in desk.venue.orders.history if each.state.is_final]
    assert len(ended) - ended.count(OrderState.FILLED) == sum(isinstance(each, OrderEnded) for each in desk.heard)


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_nobody_takes_more_than_a_quote_shows(steps):
    desk = Watched(impact_bps=None, strict=True)
    shown = seen = 0
    for step in [("quote", 100, 1, 0, 5), *steps]:
        if step[0] == "quote":
            shown, seen = step[4], len(desk.heard)
        desk.take(step)
        since = [each for each in desk.heard[seen:] if isinstance(each, Fill) and each.order_id.startswith("o")]
        for side in Side:
            assert sum(each.quantity for each in since if each.side is side) <= shown
