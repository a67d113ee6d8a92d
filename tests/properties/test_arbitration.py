"""Whatever strategies want of one symbol: quantities add up, order and side change nothing, exits are served."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.allocation import Cross
from qts.domain.order import Effect, OrderType, Side
from qts.strategy.arbitration import Arbitration, RestingLimit, Rule, Trading, Want, arbitrate, cut

LOT = Decimal("0.001")
MIRROR = Decimal(200)  # prices are reflected: what was above is below
ZERO = Decimal(0)


def quantities(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda lots: lots * LOT)


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Want, ...]:
    """Up to nine wants of up to six strategies, most at market, many alike."""
    wants = []
    for number in range(draw(st.integers(0, 9))):
        type_ = draw(st.sampled_from([OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT, OrderType.STOP]))
        price = None if type_ is OrderType.MARKET else Decimal(draw(st.integers(97, 103)))
        wants.append(
            Want(
                strategy_id=draw(st.sampled_from("abcdef")),
                order_id=str(number),
                side=draw(st.sampled_from(Side)),
                type=type_,
                quantity=draw(quantities(1, 12)),
                price=price,
                closes=draw(st.booleans()),
                priority=draw(st.integers(0, 2)),
                good_until=draw(st.sampled_from([None, 5, 9])),
                reason="",
            )
        )
    return tuple(wants)


nets = quantities(-20, 20)
rules = st.sampled_from(Rule)
doors = st.sampled_from(Trading)
rests = st.lists(
    st.builds(RestingLimit, st.sampled_from(Side), st.integers(96, 104).map(Decimal), quantities(1, 5)), max_size=2
)


def answer_to(wants, net, rule, trading, resting) -> Arbitration:
    return arbitrate(wants, net=net, lot=LOT, rule=rule, trading=trading, resting=resting)


def signed(answer: Arbitration, *, effect: Effect | None = None) -> Decimal:
    chosen = (order for order in answer.orders if effect is None or order.effect is effect)
    return sum((order.side.sign * order.quantity for order in chosen), start=ZERO)


@settings(max_examples=400)
@given(crowds(), nets, rules, doors, rests)
def test_every_lot_wanted_is_sent_crossed_or_withheld_with_a_reason(wants, net, rule, trading, resting) -> None:
    """Recounted from the orders and crosses, not from what the outcomes say.

    Proves: P6-4
    """
    answer = answer_to(wants, net, rule, trading, resting)
    assert [(each.strategy_id, each.order_id) for each in answer.outcomes] == sorted(want.key for want in wants)
    by_key = {want.key: want for want in wants}
    shares = [share for order in answer.orders for share in order.shares]
    halves = [half for cross in answer.crosses for half in (cross.buyer, cross.seller)]
    for outcome in answer.outcomes:
        want = by_key[outcome.strategy_id, outcome.order_id]
        assert outcome.wanted == want.quantity == outcome.sent + outcome.crossed + outcome.withheld
        assert outcome.sent == sum(share.quantity for share in shares if share.key == want.key)
        assert outcome.crossed == sum(half.quantity for half in halves if half.key == want.key)
        assert min(outcome.sent, outcome.crossed, outcome.withheld) >= 0
        assert ("withheld: " in outcome.reason) == (outcome.withheld > 0)
    for order in answer.orders:
        assert order.quantity == sum(share.quantity for share in order.shares)
        assert all(share.quantity > 0 and share.quantity % LOT == 0 for share in order.shares)
        for share in order.shares:
            want = by_key[share.key]
            assert (order.side, order.type, order.price) == (want.side, want.type, want.price)
            assert share.closes is want.closes
    for cross in answer.crosses:
        assert (by_key[cross.buyer.key].side, by_key[cross.seller.key].side) == (Side.BUY, Side.SELL)
        assert {by_key[half.key].type for half in (cross.buyer, cross.seller)} == {OrderType.MARKET}


@settings(max_examples=200)
@given(crowds(), nets, rules, doors, rests, st.randoms(use_true_random=False))
def test_the_order_in_which_wants_are_given_changes_nothing(  # noqa: PLR0917
    wants, net, rule, trading, resting, dice
) -> None:
    """Proves: P6-4"""
    shuffled = dice.sample(wants, len(wants))
    assert answer_to(shuffled, net, rule, trading, resting[::-1]) == answer_to(wants, net, rule, trading, resting)


def mirrored(wants: tuple[Want, ...]) -> tuple[Want, ...]:
    return tuple(
        replace(want, side=want.side.opposite, price=None if want.price is None else MIRROR - want.price)
        for want in wants
    )


@settings(max_examples=300)
@given(crowds(), nets, rules, doors, rests)
def test_the_mirror_of_what_is_wanted_gets_the_mirrored_answer(wants, net, rule, trading, resting) -> None:
    answer = answer_to(wants, net, rule, trading, resting)
    other_rests = [RestingLimit(each.side.opposite, MIRROR - each.price, each.quantity) for each in resting]
    other = answer_to(mirrored(wants), -net, rule, trading, other_rests)
    assert other.orders == tuple(
        replace(order, side=order.side.opposite, price=None if order.price is None else MIRROR - order.price)
        for order in answer.orders
    )
    assert other.crosses == tuple(Cross(cross.seller, cross.buyer) for cross in answer.crosses)
    told = [replace(outcome, reason="") for outcome in answer.outcomes]
    assert [replace(outcome, reason="") for outcome in other.outcomes] == told


@settings(max_examples=300)
@given(crowds(), nets, rules, doors, rests)
def test_netting_never_trades_or_risks_more_than_the_parts(wants, net, rule, trading, resting) -> None:
    """With one strategy holding the net before, |net| after is at most the sum of the |parts| after.

    Proves: P6-5
    """
    answer = answer_to(wants, net, rule, trading, resting)
    side_of = {want.key: want.side for want in wants}
    parts = {"holder": net}
    for outcome in answer.outcomes:
        sign = side_of[outcome.strategy_id, outcome.order_id].sign
        change = sign * (outcome.sent + outcome.crossed)
        parts[outcome.strategy_id] = parts.get(outcome.strategy_id, ZERO) + change
    assert net + signed(answer) == sum(parts.values())
    assert abs(net + signed(answer)) <= sum(abs(part) for part in parts.values())
    assert sum(order.quantity for order in answer.orders) <= sum(want.quantity for want in wants)
    at_market = [order for order in answer.orders if order.type is OrderType.MARKET]
    assert len({order.side for order in at_market}) <= 1  # no wash: one side goes out


@settings(max_examples=300)
@given(crowds(), nets, rules, doors, rests)
def test_what_is_called_reducing_takes_the_net_down_and_never_through_zero(wants, net, rule, trading, resting) -> None:
    """Market orders first; then all others on either side, even if only one side of them ever fills, or they alone.

    Proves: P6-5
    """
    answer = answer_to(wants, net, rule, trading, resting)
    at_market = [order for order in answer.orders if order.type is OrderType.MARKET]
    for order in at_market:
        if order.effect is Effect.REDUCE:
            assert net * order.side.sign < 0
            assert order.quantity <= abs(net)
        else:
            reduced = sum((each.quantity for each in at_market if each.effect is Effect.REDUCE), start=ZERO)
            assert (net + order.side.sign * reduced) * order.side.sign >= 0
    left = net + sum((order.side.sign * order.quantity for order in at_market), start=ZERO)
    for side in Side:
        later = [order for order in answer.orders if order.type is not OrderType.MARKET and order.side is side]
        reducing = sum((order.quantity for order in later if order.effect is Effect.REDUCE), start=ZERO)
        increasing = any(order.effect is Effect.INCREASE for order in later)
        room = min(max(ZERO, -side.sign * each) for each in (net, left))
        assert reducing <= room
        assert not increasing or reducing == room
    effects = [order.effect for order in answer.orders]
    assert effects == sorted(effects, key=lambda effect: effect is Effect.INCREASE)


@settings(max_examples=300)
@given(crowds(), nets, rules)
def test_no_rule_withholds_an_exit_at_market_while_trading_is_open(wants, net, rule) -> None:
    """Proves: P6-4"""
    answer = answer_to(wants, net, rule, Trading.OPEN, ())
    by_key = {want.key: want for want in wants}
    for outcome in answer.outcomes:
        want = by_key[outcome.strategy_id, outcome.order_id]
        if want.type is OrderType.STOP or (want.closes and want.type is OrderType.MARKET) or rule is Rule.NET:
            assert outcome.withheld == 0 or want.type is OrderType.LIMIT
    entries = [want for want in wants if want.type is OrderType.MARKET and not want.closes]
    traded = {each.key for order in answer.orders for each in order.shares}
    traded |= {half.key for cross in answer.crosses for half in (cross.buyer, cross.seller)}
    if rule is not Rule.NET:
        assert len({want.side for want in entries if want.key in traded}) <= 1
    if rule is Rule.PRIORITY and entries and traded & {want.key for want in entries}:
        highest = max(want.priority for want in entries)
        assert {want.side for want in entries if want.key in traded} >= {
            want.side for want in entries if want.priority == highest
        }


@settings(max_examples=300)
@given(crowds(), nets, rules, rests)
def test_while_closed_every_order_reduces_and_together_they_cannot_turn_the_net(wants, net, rule, resting) -> None:
    """Proves: P6-5"""
    answer = answer_to(wants, net, rule, Trading.CLOSED, resting)
    assert all(order.effect is Effect.REDUCE for order in answer.orders)
    assert all(share.closes for order in answer.orders for share in order.shares)
    assert not answer.crosses
    after = net + signed(answer)
    assert after * net >= 0
    assert abs(after) + sum(order.quantity for order in answer.orders) == abs(net)
    room = abs(net)
    wanted = [want for want in wants if want.closes and want.side.sign * net < 0 and want.type is not OrderType.LIMIT]
    assert abs(after) <= max(ZERO, room - sum((want.quantity for want in wanted), start=ZERO))  # the room is used


@settings(max_examples=200)
@given(crowds(), nets, st.data())
def test_a_cut_keeps_exits_whole_as_long_as_entries_can_give(wants, net, data) -> None:
    """Proves: P4-1"""
    for order in answer_to(wants, net, Rule.NET, Trading.OPEN, ()).orders:
        quantity = data.draw(quantities(1, int(order.quantity / LOT)))
        smaller = cut(order, quantity, LOT)
        before = {share.key: share for share in order.shares}
        assert sum(share.quantity for share in smaller.shares) == smaller.quantity == quantity
        for share in smaller.shares:
            full = before[share.key]
            assert 0 < share.quantity <= full.quantity
            group = sum(each.quantity for each in order.shares if each.closes is full.closes)
            kept = sum(each.quantity for each in smaller.shares if each.closes is full.closes)
            assert abs(share.quantity - full.quantity * kept / group) < LOT
        exits = sum((share.quantity for share in order.shares if share.closes), start=ZERO)
        kept_exits = sum((share.quantity for share in smaller.shares if share.closes), start=ZERO)
        assert kept_exits == min(exits, quantity)
