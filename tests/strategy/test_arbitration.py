"""Who is served, crossed, held back and told why, when strategies want different things of one symbol.

A desk is told in lines: ``who side quantity [exit] [@price] [stop] [!priority]``.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from qts.domain.errors import StrategyError, UsageError
from qts.domain.order import Effect, OrderType, Side
from qts.strategy.arbitration import Arbitration, NetOrder, RestingLimit, Rule, Trading, Want, arbitrate, cut

ONE = Decimal(1)


def want(line: str) -> Want:
    who, side, quantity, *rest = line.split()
    price = next((Decimal(word[1:]) for word in rest if word[0] == "@"), None)
    type_ = OrderType.MARKET if price is None else OrderType.STOP if "stop" in rest else OrderType.LIMIT
    return Want(
        strategy_id=who,
        order_id=f"{who}-{side}-{quantity}",
        side=Side(side),
        type=type_,
        quantity=Decimal(quantity),
        price=price,
        closes="exit" in rest,
        priority=next((int(word[1:]) for word in rest if word[0] == "!"), 0),
        good_until=next((int(word[1:]) for word in rest if word[0] == "~"), None),
        reason="",
    )


def desk(lines: str, net: int = 0, rule: Rule = Rule.NET, trading: Trading = Trading.OPEN, **more) -> Arbitration:
    wants = [want(line) for line in lines.splitlines() if line.strip()]
    return arbitrate(wants, net=Decimal(net), lot=ONE, rule=rule, trading=trading, **more)


def orders(answer: Arbitration) -> list[str]:
    told = []
    for order in answer.orders:
        price = "" if order.price is None else f" @{order.price}"
        shares = " ".join(f"{share.strategy_id}:{share.quantity}" for share in order.shares)
        told.append(f"{order.effect} {order.type} {order.side} {order.quantity}{price} = {shares}")
    return told


def crosses(answer: Arbitration) -> list[str]:
    return [f"{each.buyer.strategy_id}<{each.seller.strategy_id} {each.quantity}" for each in answer.crosses]


def became(answer: Arbitration) -> dict[str, str]:
    return {outcome.strategy_id: outcome.reason for outcome in answer.outcomes}


def test_the_same_side_at_market_is_one_order_that_remembers_its_shares() -> None:
    """Proves: P6-4"""
    answer = desk("b buy 3\n a buy 2")
    assert orders(answer) == ["increase market buy 5 = a:2 b:3"]
    assert became(answer) == {"a": "2 sent", "b": "3 sent"}


def test_net_trades_the_difference_and_crosses_what_meets() -> None:
    """Proves: P6-4"""
    answer = desk("a buy 5\n b sell 3")
    assert orders(answer) == ["increase market buy 2 = a:2"]
    assert crosses(answer) == ["a<b 3"]
    assert became(answer) == {"a": "2 sent; 3 crossed with b", "b": "3 crossed with a"}


def test_wants_that_meet_wholly_send_nothing() -> None:
    answer = desk("a buy 2\n b sell 1\n c sell 1")
    assert (orders(answer), crosses(answer)) == ([], ["a<b 1", "a<c 1"])


def test_exits_are_crossed_first_and_entries_share_the_rest_in_proportion() -> None:
    """Proves: P6-4"""
    answer = desk("a sell 6\n b sell 3 exit\n c sell 2\n d buy 7")
    assert crosses(answer) == ["d<b 3", "d<a 3", "d<c 1"]
    assert orders(answer) == ["increase market sell 4 = a:3 c:1"]


def test_an_order_that_crosses_zero_is_split_and_exits_are_in_the_reducing_part() -> None:
    """Proves: P6-4, P6-5"""
    answer = desk("a sell 4\n b sell 2 exit", net=3)
    assert orders(answer) == ["reduce market sell 3 = a:1 b:2", "increase market sell 3 = a:3"]
    assert became(answer) == {"a": "4 sent", "b": "2 sent"}


def test_an_exit_that_raises_the_net_is_an_ordinary_order_while_open() -> None:
    """Proves: P6-5"""
    assert orders(desk("b buy 3 exit", net=2)) == ["increase market buy 3 = b:3"]


@pytest.mark.parametrize(
    ("rule", "sent"),
    [
        (Rule.NET, ["increase market buy 1 = a:1"]),
        (Rule.HOLD, ["increase market sell 1 = c:1"]),
        (Rule.PRIORITY, ["increase market buy 4 = a:4"]),
    ],
)
def test_entries_that_stand_against_each_other_are_judged_by_the_rule(rule: Rule, sent: list[str]) -> None:
    """Proves: P6-4"""
    assert orders(desk("a buy 5 !2\n b sell 3 !1\n c sell 1 exit", rule=rule)) == sent


def test_who_is_held_back_hears_why() -> None:
    """Proves: P6-4"""
    held = became(desk("a buy 5\n b sell 3", rule=Rule.HOLD))
    assert held["a"] == "5 withheld: entries stand against each other, and the rule is hold"
    lost = became(desk("a buy 5 !2\n b sell 3 !1\n c buy 1", rule=Rule.PRIORITY))
    assert lost == {"a": "5 sent", "b": "3 withheld: stands against an entry of priority 2", "c": "1 sent"}


def test_nobody_wins_when_both_sides_have_the_highest_priority() -> None:
    answer = desk("a buy 5 !2\n b sell 3 !2\n c buy 1 !1", rule=Rule.PRIORITY)
    assert orders(answer) == []
    assert became(answer)["c"] == "1 withheld: entries of priority 2 stand against each other: nobody won"


@pytest.mark.parametrize("rule", [Rule.HOLD, Rule.PRIORITY])
def test_entries_on_one_side_only_are_nobodys_quarrel(rule: Rule) -> None:
    """An exit takes no side, whatever its priority."""
    answer = desk("a buy 5 !1\n b sell 3 exit !9", rule=rule)
    assert (orders(answer), crosses(answer)) == (["increase market buy 2 = a:2"], ["a<b 3"])


def test_limits_and_stops_merge_only_when_they_are_the_same() -> None:
    """Proves: P6-4"""
    answer = desk("a buy 1 @99 ~7\n b buy 2 @99 ~7\n c buy 3 @99 ~8\n d buy 4 @98 ~7\n e buy 5 @99 ~7 stop\n f buy 6")
    assert orders(answer) == [
        "increase market buy 6 = f:6",
        "increase limit buy 3 @99 = a:1 b:2",
        "increase limit buy 3 @99 = c:3",
        "increase limit buy 4 @98 = d:4",
        "increase stop buy 5 @99 = e:5",
    ]
    assert [order.good_until for order in answer.orders] == [None, 7, 8, 7, 7]


def test_limits_find_the_net_that_market_orders_leave_and_reduce_it_once() -> None:
    """Net 5, 2 sold at market: 3 are left, and together the limits reduce no more than that, the exit first."""
    answer = desk("a sell 2 @101\n b sell 2 @102 exit\n c sell 2", net=5)
    assert orders(answer) == [
        "reduce market sell 2 = c:2",
        "reduce limit sell 1 @101 = a:1",
        "reduce limit sell 2 @102 = b:2",
        "increase limit sell 1 @101 = a:1",
    ]


def test_a_limit_that_would_meet_our_own_is_withheld() -> None:
    """Proves: P6-4"""
    own = (RestingLimit(Side.SELL, Decimal(101), ONE),)
    assert became(desk("a buy 2 @101\n b buy 2 @100\n c sell 2 @100.5", resting=own)) == {
        "a": "2 withheld: would trade against our own limit at 101 that rests",
        "b": "2 sent",
        "c": "2 sent",
    }
    assert became(desk("a buy 2 @101 !1\n b sell 1 @100 exit\n c sell 1 @101.5")) == {
        "a": "2 withheld: would trade against our own limit at 100 of b",
        "b": "1 sent",
        "c": "1 sent",
    }
    assert became(desk("a buy 2 @101\n b sell 1 @100 !1"))["a"].startswith("2 withheld")


@pytest.mark.parametrize("prices", [(100, 101), (101, 100)])
def test_of_several_limits_of_ours_the_one_it_would_meet_first_is_named(prices: tuple[int, int]) -> None:
    own = [RestingLimit(Side.SELL, Decimal(price), ONE) for price in prices]
    reason = "2 withheld: would trade against our own limit at 100 that rests"
    assert became(desk("a buy 2 @102", resting=own)) == {"a": reason}


def test_while_closed_only_exits_that_reduce_the_net_pass_and_share_it() -> None:
    """Proves: P6-4, P6-5"""
    lines = "a sell 6 exit\n b buy 3 exit\n c sell 3 exit @101\n d sell 1\n e buy 1"
    answer = desk(lines, net=3, trading=Trading.CLOSED)
    assert orders(answer) == ["reduce market sell 2 = a:2", "reduce limit sell 1 @101 = c:1"]
    assert crosses(answer) == []
    assert became(answer) == {
        "a": "2 sent; 4 withheld: trading is closed, and the exits share a net of 3",
        "b": "3 withheld: trading is closed, and this exit would raise |net|, which is 3",
        "c": "1 sent; 2 withheld: trading is closed, and the exits share a net of 3",
        "d": "1 withheld: trading is closed, and this is no exit",
        "e": "1 withheld: trading is closed, and this is no exit",
    }


def test_a_limit_that_is_shut_out_does_not_stand_in_the_way_of_an_exit() -> None:
    """a would be served first and b would trade against it; but a does not go out, since it would raise |net|."""
    answer = desk("a buy 2 exit @101\n b sell 2 exit @100", net=3, trading=Trading.CLOSED)
    assert orders(answer) == ["reduce limit sell 2 @100 = b:2"]


def test_a_flat_net_has_nothing_to_reduce() -> None:
    assert desk("a sell 6 exit\n b buy 6 exit", trading=Trading.CLOSED).orders == ()


def test_a_cut_takes_entries_before_exits_and_shares_each_in_proportion() -> None:
    """Proves: P4-1"""
    (order,) = desk("a buy 6\n b buy 3\n c buy 2 exit\n d buy 1 exit", net=2).orders

    def left(quantity: int) -> dict[str, int]:
        smaller = cut(order, Decimal(quantity), ONE)
        assert smaller.quantity == quantity
        return {share.strategy_id: int(share.quantity) for share in smaller.shares}

    assert left(12) == {"a": 6, "b": 3, "c": 2, "d": 1}
    assert left(6) == {"a": 2, "b": 1, "c": 2, "d": 1}
    assert left(3) == {"c": 2, "d": 1}
    assert left(1) == {"c": 1}
    for quantity in (0, 13):
        with pytest.raises(UsageError, match=f"cannot be cut to {quantity}"):
            cut(order, Decimal(quantity), ONE)


def test_a_cut_order_is_otherwise_the_same() -> None:
    (order,) = desk("a buy 6 @99 ~5").orders
    smaller: NetOrder = cut(order, Decimal(2), ONE)
    assert replace(smaller, quantity=order.quantity, shares=order.shares) == order
    assert smaller.effect is Effect.INCREASE


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="same order id"):
        desk("a buy 1\n a buy 1")
    with pytest.raises(UsageError, match="no whole number of steps"):
        desk("a buy 1.5")
    with pytest.raises(StrategyError, match="above 0"):
        desk("a buy 0")
    with pytest.raises(StrategyError, match="do not go together"):
        replace(want("a buy 1"), price=ONE)
