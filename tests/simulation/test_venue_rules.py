"""What the venue does not take, each with its code, and that what it refuses leaves no trace.

Proves: SX-9, QL-9
"""

from dataclasses import replace
from decimal import Decimal, localcontext

import pytest

from qts.domain.errors import PolicyError
from qts.domain.order import Side
from qts.execution.contracts import Role
from qts.execution.events import SendOutcome
from qts.simulation.venue_rules import VenueRules
from tests.simulation.venue_orders_sent import a_venue, buy, sell, stop

D = Decimal


def long_ten(**rules):
    venue, news = a_venue(**rules)
    assert venue.foreign_fill(Side.BUY, D(10), D(100), 0)
    news.clear()
    return venue


REFUSED = [
    (buy("x", 1, symbol="OTHER"), -1121),
    (buy("x", "0.0005"), -1111),  # finer than the lot of 0.001
    (buy("x", 1, limit="99.001"), -4014),
    (buy("x", "0.040", limit=100), -4164),  # worth 4, the least is 5
    (sell("x", 1, limit=101, role=Role.EXIT), None),
    (sell("x", "0.001", limit=101, role=Role.EXIT), None),  # reduce-only: no least worth
    (buy("x", 1, limit=99, role=Role.EXIT), -2022),  # nothing short to reduce
    (stop("x", Side.BUY, 1, 99), None),  # a conditional order is not asked before it triggers
    (stop("x", Side.BUY, 1, "99.001"), -4014),
]


@pytest.mark.parametrize(("order", "code"), REFUSED)
def test_an_order_is_taken_or_refused_with_its_code(order, code):
    venue = long_ten()
    ack = venue.send(order, 1)
    assert ack.code == (code or 0)
    assert ack.outcome is (SendOutcome.ACCEPTED if code is None else SendOutcome.REJECTED)
    assert (ack.venue_id == "") == (code is not None)
    assert len(venue.orders.open) == (code is None)
    assert bool(ack.reason) == (code is not None)


def test_the_rules_do_not_trust_the_arithmetic_of_the_thread():
    venue = long_ten()
    with localcontext() as context:
        context.prec = 1
        assert venue.send(buy("x", "12.345", limit="98.76"), 1).outcome is SendOutcome.ACCEPTED
        assert venue.send(buy("y", "12.3456", limit="98.76"), 1).code == -1111


def test_a_quantity_off_the_grid_but_not_finer_than_it():
    venue = long_ten()
    venue.instrument = replace(venue.instrument, lot=D("0.005"))
    assert venue.send(buy("x", "1.001"), 1).code == -4023
    assert venue.send(buy("y", "1.0001"), 1).code == -1111


def test_a_client_id_is_unique_among_open_orders_only():
    venue = long_ten()
    first = venue.send(buy("x", 1, limit=99), 1)
    again = venue.send(buy("x", 1, limit=99), 2)
    assert (again.outcome, again.code, again.venue_id) == (SendOutcome.EXISTS, -4116, first.venue_id)
    assert len(venue.orders.history) == 2  # the stranger's trade and the first
    venue.cancel("x", 3)
    assert venue.send(buy("x", 1, limit=99), 4).outcome is SendOutcome.ACCEPTED


def test_each_book_has_its_own_number_of_orders():
    venue = long_ten(open_orders_max=2, conditional_orders_max=2)
    codes = [venue.send(buy(f"o{n}", 1, limit=99), 1).code for n in range(3)]
    assert codes == [0, 0, -2025]
    codes = [venue.send(stop(f"c{n}", Side.SELL, 1, 95), 1).code for n in range(3)]
    assert codes == [0, 0, -4045]
    venue.cancel("c0", 2)
    assert venue.send(stop("c3", Side.SELL, 1, 95), 3).code == 0
    assert venue.send(buy("o3", 1, limit=99), 3).code == -2025
    venue.cancel("o1", 4)
    assert venue.send(buy("o4", 1, limit=99), 5).code == 0


def test_by_default_two_hundred_of_each():
    venue = long_ten()
    codes = [venue.send(stop(f"c{n}", Side.SELL, 1, 95), 1).code for n in range(201)]
    assert codes == [0] * 200 + [-4045]


def test_the_largest_order_at_market():
    venue = long_ten(quantity_max=D(5))
    assert venue.send(buy("a", "5.001"), 1).code == -4005
    assert venue.send(buy("b", 5), 1).code == 0
    assert venue.send(buy("c", 6, limit=99), 1).code == 0


def test_a_full_size_resting_target_blocks_the_exit_and_a_stop_does_not():
    venue = long_ten()
    assert venue.send(stop("sl", Side.SELL, 10, 95), 1).code == 0
    assert venue.send(sell("close", 10, role=Role.EXIT), 1).code == 0
    venue.cancel("close", 2)
    assert venue.send(sell("tp", 10, limit=110, role=Role.TAKE_PROFIT), 3).code == 0
    assert venue.send(sell("close", 10, role=Role.EXIT), 4).code == -2022
    assert venue.send(sell("some", "0.001", role=Role.EXIT), 4).code == -2022
    assert venue.send(stop("sl2", Side.SELL, 10, 96), 4).code == 0
    venue.cancel("tp", 5)
    assert venue.send(sell("close", 10, role=Role.EXIT), 6).code == 0


def test_what_rests_blocks_only_what_is_too_much():
    venue = long_ten()
    assert venue.send(sell("tp", 6, limit=110, role=Role.TAKE_PROFIT), 1).code == 0
    assert venue.send(sell("a", "4.001", role=Role.EXIT), 2).code == -2022
    assert venue.send(sell("b", 4, role=Role.EXIT), 2).code == 0
    assert venue.modify("tp", D(110), D("6.5"), 3).accepted  # the market order is no limit that rests
    venue.send(sell("c", 3, limit=111, role=Role.EXIT), 4)
    assert venue.modify("tp", D(110), D("7.001"), 5).code == -2022


def test_a_single_order_may_ask_for_more_than_is_held():
    venue = long_ten()
    assert venue.send(sell("close", 20, limit=100, role=Role.EXIT), 1).code == 0


def test_both_reduce_only_rules_can_be_switched_off():
    venue = long_ten(resting_reduce_only_blocks=False, reduce_only_needs_position=False)
    venue.send(sell("tp", 10, limit=110, role=Role.TAKE_PROFIT), 1)
    assert venue.send(sell("close", 10, role=Role.EXIT), 2).code == 0
    assert venue.send(buy("wrong", 10, role=Role.EXIT), 2).code == 0


def test_rules_that_mean_nothing_are_refused():
    for wrong in ({"open_orders_max": 0}, {"price_up": D("0.9")}, {"price_down": D("1.1")}):
        with pytest.raises(PolicyError):
            VenueRules(**wrong)
