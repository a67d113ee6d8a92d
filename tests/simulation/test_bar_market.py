"""The market of bars with orders sent straight to its venue: skipping, what goes first, what has lost its position.

What whole strategies see of it is in the scenarios and in the properties.

Proves: QL-10, QL-9
"""

from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.contracts import Role
from qts.simulation.bar_market import BarMarket
from qts.simulation.columns import market_columns
from tests.generators import ALL_WAIVERS, START
from tests.scenarios.story import stories
from tests.simulation.venue_orders_sent import FREE, a_venue, buy, sell, stop

STORY = """
story: a market to send orders into
bars:  0  100  101  99   100  10
       1  100  101  99   100  10
       2  100  106  94   100  10
       3  100  101  99   100  10
"""


def a_market(text=STORY):
    (story,) = stories(text)
    dataset = story.dataset()
    venue, news = a_venue(resting_reduce_only_blocks=False)
    columns = market_columns(dataset, ALL_WAIVERS, FREE.slippage)
    return venue, BarMarket(venue, columns), news


def test_skipping_finds_the_bar_that_serves_a_resting_order():
    venue, bars, news = a_market()
    assert bars.quiet_until(0, 4) == 4
    venue.send(buy("a", 1, limit=95), START)
    assert bars.quiet_until(0, 4) == 2
    venue.send(buy("b", 1), START)
    assert bars.quiet_until(0, 4) == 0
    bars.step(0)
    assert bars.quiet_until(1, 4) == 2
    venue.cancel("a", START)
    assert bars.quiet_until(1, 4) == 4
    venue.send(stop("c", Side.SELL, 1, 94), START)
    assert bars.quiet_until(1, 4) == 2
    bars.step(2)
    assert [each.order_id for each in venue.fills] == ["b", "c"]
    assert bars.quiet_until(3, 4) == 4
    assert news[-1].order_id == "c"


def test_skipping_looks_both_ways_for_every_kind_of_order():
    for order in (
        buy("x", 1, limit="94.5"),
        sell("x", 1, limit="105.5"),
        stop("x", Side.BUY, 1, 106, role=Role.ENTRY),
        stop("x", Side.SELL, 1, 94, role=Role.ENTRY),
    ):
        venue, bars, _ = a_market()
        venue.send(order, START)
        assert bars.quiet_until(0, 4) == 2
        bars.step(2)
        assert len(venue.fills) == 1
    for order in (buy("x", 1, limit=94), sell("x", 1, limit=106), stop("x", Side.BUY, 1, "106.01", role=Role.ENTRY)):
        venue, bars, _ = a_market()
        venue.send(order, START)
        assert bars.quiet_until(0, 4) == 4


def test_what_a_stop_left_goes_before_everything_else_at_market():
    venue, bars, _ = a_market(STORY.replace("94   100  10", "94   100  4"))
    venue.send(buy("a", 24), START)
    bars.step(0)
    venue.send(stop("sl", Side.SELL, 10, 95), START)
    bars.step(2)  # the 4 that may be traded go to what was bought at the open: the stop is touched and sells nothing
    assert venue.query("sl", conditional=True, now=START).order.filled == 0
    bars.step(3)
    assert [(each.order_id, each.quantity) for each in venue.fills] == [("a", 10), ("a", 4), ("sl", 10)]


def test_a_protective_order_that_lost_its_position_ends_when_it_is_touched():
    venue, bars, news = a_market()
    venue.send(buy("a", 1), START)
    bars.step(0)
    venue.send(stop("sl", Side.SELL, 1, 95), START)
    venue.send(sell("tp", 1, limit=105, role=Role.TAKE_PROFIT), START)
    venue.send(sell("x", 1, role=Role.EXIT), START)
    bars.step(1)
    assert set(venue.orders.open) == {"sl", "tp"}  # nobody swept
    assert bars.quiet_until(2, 4) == 2
    bars.step(2)
    assert {(each.client_id, each.state) for each in news[-2:]} == {
        ("sl", OrderState.EXPIRED),
        ("tp", OrderState.EXPIRED),
    }
    assert venue.book.position == 0


def test_a_reduce_only_order_that_has_nothing_to_reduce_at_the_open_ends():
    venue, bars, news = a_market()
    venue.send(buy("a", 1), START)
    bars.step(0)
    venue.send(sell("x", 1, role=Role.EXIT), START)
    venue.send(sell("y", 1, role=Role.EXIT), START)
    bars.step(1)
    assert (news[-1].client_id, news[-1].state) == ("y", OrderState.EXPIRED)
    assert venue.book.position == 0
