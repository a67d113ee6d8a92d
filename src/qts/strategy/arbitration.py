"""What many strategies want of one symbol, made into few orders for one net position.

Two words are kept apart. A want *closes* when it takes its strategy's own book down: an exit, else an entry. An order
*reduces* when |net| falls and its sign does not flip. An exit may raise |net| (a short's exit under a net long).

Rules, none of which looks at the order in which wants are given:

- Market wants. Entries that stand against each other are judged by the rule: NET
  lets them meet; HOLD withholds them all; PRIORITY withholds those on the other
  side than the highest priority among the entries, and all of them when both sides
  have it, since then nobody won. Exits take no side and are served under every
  rule. Of what is left the smaller side is crossed whole, and the difference is sent;
  a strategy's own opposite wants meet like anybody's.
- Exits are served first: by what meets inside, which is certain and free; then by the order that reduces; then by the
  one that increases. Among exits, and then among entries, it is pro rata in lots, by largest remainder, ties by id.
- Limits and stops are sent as they are, and merge when side, type, price, good_until and the way of working are equal;
  two exits of one strategy do not. They find the net as it is or as the market orders leave it, whichever is less, less
  what is promised to limits that rest and only reduce; what of it they may take is handed to exits first, then by id.
- An order that would cross zero is split, so that each order has one effect.
- A limit that would trade against a limit of ours, resting or of the same answer, is withheld. Of the same answer exits
  stay before entries, then the higher priority, then by id.
- While trading is closed only exits that make |net| smaller pass, of every type, and share |net| pro rata; those not at
  market also leave what is promised to limits that rest. Nothing is crossed: there may be no price to cross at.

It does not know prices, books, venues or the gate that judges what it says.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeAlias

from qts.domain.allocation import Cross, Share, pairs, pro_rata, steps
from qts.domain.errors import StrategyError, UsageError
from qts.domain.instant import Instant
from qts.domain.money import ZERO, exact_arithmetic, plain
from qts.domain.order import Effect, OrderType, Side
from qts.domain.plain_enum import plain_members
from qts.domain.value import value


@plain_members
class Rule(StrEnum):
    """What becomes of entries at market that stand against each other."""

    NET = "net"
    HOLD = "hold"
    PRIORITY = "priority"


@plain_members
class Trading(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


@value
class Want:
    """What one strategy wants.

    quantity: base units, above 0. price: a limit, a stop's trigger, None at market.
    closes: it takes the strategy's own book down. priority: the higher goes first. working: how it is to be worked,
    None for at once; not looked into here, but what is worked in different ways is not one order.
    """

    strategy_id: str
    order_id: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None
    closes: bool
    priority: int
    good_until: Instant | None
    reason: str
    working: Hashable = None

    def __post_init__(self) -> None:
        if not self.quantity > ZERO:
            raise StrategyError(f"order {self.order_id}: quantity must be above 0, not {self.quantity}")
        if (self.price is None) != (self.type is OrderType.MARKET):
            raise StrategyError(f"order {self.order_id}: a {self.type} order and price {self.price} do not go together")

    @property
    def key(self) -> tuple[str, str]:
        return self.strategy_id, self.order_id

    def share(self, quantity: Decimal) -> Share:
        return Share(self.strategy_id, self.order_id, quantity, self.closes)


@value
class RestingLimit:
    """A limit of ours at the venue. quantity: what of it is not filled, base units.

    effect: REDUCE where it only reduces, and so has a part of the net promised to it.
    """

    side: Side
    price: Decimal
    quantity: Decimal
    effect: Effect = Effect.INCREASE


@value
class NetOrder:
    """An order for the account. The shares, by id, add up to the quantity exactly."""

    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None
    good_until: Instant | None
    effect: Effect
    shares: tuple[Share, ...]
    working: Hashable = None

    @property
    def owner(self) -> str:
        """The strategy it is for; '' where it is for several."""
        ids = {share.strategy_id for share in self.shares}
        return ids.pop() if len(ids) == 1 else ""


@value
class Outcome:
    """What became of one want: sent + crossed + withheld is what was wanted. reason: in words."""

    strategy_id: str
    order_id: str
    wanted: Decimal
    sent: Decimal
    crossed: Decimal
    withheld: Decimal
    reason: str


@value
class Arbitration:
    """orders: those first that reduce, then those that are an exit's. outcomes: one per want, by id."""

    orders: tuple[NetOrder, ...]
    crosses: tuple[Cross, ...]
    outcomes: tuple[Outcome, ...]


_Key: TypeAlias = tuple[str, str]
_Parts: TypeAlias = dict[_Key, Decimal]

_Terms: TypeAlias = tuple[Effect, Side, OrderType, Decimal | None, Instant | None, Hashable, int]

_TYPES: Final = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP)


def arbitrate(
    wants: Iterable[Want],
    *,
    net: Decimal,
    lot: Decimal,
    rule: Rule,
    trading: Trading,
    resting: Sequence[RestingLimit] = (),
) -> Arbitration:
    """net: the account's signed position, base units. Quantities lie on the lot grid, else UsageError."""
    with exact_arithmetic():
        given = sorted(wants, key=lambda want: want.key)
        if len({want.key for want in given}) != len(given):
            raise UsageError("two wants of one strategy have the same order id")
        for quantity in (net, *(want.quantity for want in given)):
            steps(quantity, lot)
        withheld = _shut_out(given, net) if trading is Trading.CLOSED else _against_each_other(given, rule)
        withheld.update(_against_ourselves([want for want in given if want.key not in withheld], resting))
        passing = [want for want in given if want.key not in withheld]
        crosses: tuple[Cross, ...] = ()
        if trading is Trading.CLOSED:
            left = _sharing_the_net(passing, net, lot, resting, withheld)
        else:
            crosses, left = _crossed([want for want in passing if want.type is OrderType.MARKET], lot)
            left += [(want, want.quantity) for want in passing if want.type is not OrderType.MARKET]
        orders = _orders(left, net, lot, resting)
        return Arbitration(orders, crosses, _outcomes(given, orders, crosses, withheld))


def cut(order: NetOrder, quantity: Decimal, lot: Decimal) -> NetOrder:
    """The order reduced to ``quantity``: entries are cut first, then exits, each pro rata in lots."""
    if not ZERO < quantity <= order.quantity:
        raise UsageError(f"an order of {order.quantity} cannot be cut to {quantity}")
    with exact_arithmetic():
        kept = _exits_first(quantity, order.shares, lot)
    shares = tuple(
        Share(share.strategy_id, share.order_id, kept[share.key], share.closes)
        for share in order.shares
        if kept[share.key]
    )
    return replace(order, quantity=quantity, shares=shares)


def _exits_first(quantity: Decimal, shares: Sequence[Share], lot: Decimal) -> _Parts:
    """``quantity`` (at most the sum) handed to the exits, and what they leave to the entries; each pro rata."""
    parts: _Parts = {}
    for closes in (True, False):
        group = sorted((share for share in shares if share.closes is closes), key=lambda share: share.key)
        taken = min(quantity, sum((share.quantity for share in group), start=ZERO))
        portions = pro_rata(taken, [share.quantity for share in group], lot)
        parts.update((share.key, portion) for share, portion in zip(group, portions, strict=True))
        quantity -= taken
    return parts


# -- what is withheld -----------------------------------------------------------------


def _against_ourselves(wants: Sequence[Want], resting: Sequence[RestingLimit]) -> dict[_Key, str]:
    """Limits that would trade against limits of ours, and why not."""
    withheld: dict[_Key, str] = {}
    own = [(limit.side, limit.price, "that rests") for limit in resting]
    limits = [want for want in wants if want.type is OrderType.LIMIT]
    for want in sorted(limits, key=lambda want: (not want.closes, -want.priority, want.key)):
        assert want.price is not None
        sign = want.side.sign
        met = [
            (price * sign, plain(price), whose)
            for side, price, whose in own
            if side is not want.side and (want.price - price) * sign >= ZERO
        ]
        if met:
            _, price, whose = min(met)
            withheld[want.key] = f"would trade against our own limit at {price} {whose}"
        else:
            own.append((want.side, want.price, f"of {want.strategy_id}"))
    return withheld


def _against_each_other(wants: Sequence[Want], rule: Rule) -> dict[_Key, str]:
    """Entries at market that the rule withholds, and why."""
    entries = [want for want in wants if want.type is OrderType.MARKET and not want.closes]
    if rule is Rule.NET or len({want.side for want in entries}) < len(Side):
        return {}
    if rule is Rule.HOLD:
        return {want.key: "entries stand against each other, and the rule is hold" for want in entries}
    highest = max(want.priority for want in entries)
    winners = {want.side for want in entries if want.priority == highest}
    if len(winners) > 1:
        return {want.key: f"entries of priority {highest} stand against each other: nobody won" for want in entries}
    reason = f"stands against an entry of priority {highest}"
    return {want.key: reason for want in entries if want.side not in winners}


def _shut_out(wants: Sequence[Want], net: Decimal) -> dict[_Key, str]:
    """What may not pass at all while trading is closed, and why."""
    withheld: dict[_Key, str] = {}
    for want in wants:
        if not want.closes:
            withheld[want.key] = "trading is closed, and this is no exit"
        elif net * want.side.sign >= ZERO:
            withheld[want.key] = f"trading is closed, and this exit would raise |net|, which is {plain(abs(net))}"
    return withheld


def _sharing_the_net(
    exits: Sequence[Want], net: Decimal, lot: Decimal, resting: Sequence[RestingLimit], withheld: dict[_Key, str]
) -> list[tuple[Want, Decimal]]:
    """What of each exit passes while trading is closed; says in ``withheld`` why the rest does not."""
    room = min(abs(net), sum((want.quantity for want in exits), start=ZERO))
    sent = _exits_first(room, [want.share(want.quantity) for want in exits], lot)
    later = [want.share(sent[want.key]) for want in exits if want.type is not OrderType.MARKET]
    if later and resting:
        wanted = sum((share.quantity for share in later), start=ZERO)
        free = abs(net) - (room - wanted) - _promised(resting, exits[0].side)
        sent.update(_exits_first(max(ZERO, min(wanted, free)), later, lot))
    for want in exits:
        if sent[want.key] < want.quantity:
            withheld[want.key] = f"trading is closed, and the exits share a net of {plain(abs(net))}"
    return [(want, sent[want.key]) for want in exits if sent[want.key]]


# -- what is traded -------------------------------------------------------------------


def _crossed(wants: Sequence[Want], lot: Decimal) -> tuple[tuple[Cross, ...], list[tuple[Want, Decimal]]]:
    """What market wants give each other, and what each has left to send."""
    sides = {side: [want.share(want.quantity) for want in wants if want.side is side] for side in Side}
    meet = min(sum((share.quantity for share in shares), start=ZERO) for shares in sides.values())
    given: _Parts = {}
    meeting: dict[Side, list[Share]] = {}
    for side, shares in sides.items():
        parts = _exits_first(meet, shares, lot)
        meeting[side] = [
            Share(share.strategy_id, share.order_id, parts[share.key], share.closes)
            for share in sorted(shares, key=lambda share: (not share.closes, share.key))
            if parts[share.key]
        ]
        given.update(parts)
    left = [(want, want.quantity - given[want.key]) for want in wants if given[want.key] < want.quantity]
    return pairs(meeting[Side.BUY], meeting[Side.SELL]), left


def _orders(
    left: Sequence[tuple[Want, Decimal]], net: Decimal, lot: Decimal, resting: Sequence[RestingLimit]
) -> tuple[NetOrder, ...]:
    """Merged, split at zero, and put in order. left: what each want sends; at market all on one side."""
    reducing = _reducing(left, net, lot, resting)
    groups: dict[_Terms, list[tuple[Want, Decimal]]] = {}
    exits_at: Counter[tuple[object, ...]] = Counter()
    for want, quantity in left:
        until = None if want.type is OrderType.MARKET else want.good_until
        # Of a strategy's exits at one price each is an order: what the first one leaves may be too little for all.
        own = (want.strategy_id, want.side, want.type, want.price) if want.closes and want.price is not None else ()
        exits_at[own] += bool(own)
        for effect, part in ((Effect.REDUCE, reducing[want.key]), (Effect.INCREASE, quantity - reducing[want.key])):
            if part:
                terms = (effect, want.side, want.type, want.price, until, want.working, exits_at[own])
                groups.setdefault(terms, []).append((want, part))
    orders = [
        NetOrder(
            side,
            type_,
            sum((part for _, part in members), start=ZERO),
            price,
            min((want.good_until for want, _ in members if want.good_until is not None), default=None),
            effect,
            tuple(want.share(part) for want, part in sorted(members, key=lambda each: each[0].key)),
            working,
        )
        for (effect, side, type_, price, _, working, _), members in groups.items()
    ]
    return tuple(
        sorted(
            orders,
            key=lambda each: (
                each.effect is Effect.INCREASE,
                each.effect is Effect.INCREASE and not any(share.closes for share in each.shares),
                _TYPES.index(each.type),
                each.shares[0].key,
            ),
        )
    )


def _reducing(
    left: Sequence[tuple[Want, Decimal]], net: Decimal, lot: Decimal, resting: Sequence[RestingLimit]
) -> _Parts:
    """How much of what each want sends reduces the net."""
    market = [want.share(quantity) for want, quantity in left if want.type is OrderType.MARKET]
    traded = sum((want.side.sign * quantity for want, quantity in left if want.type is OrderType.MARKET), start=ZERO)
    parts = _exits_first(min(abs(traded), _room(net, traded)), market, lot)
    rooms = {}
    for side in Side:
        both_ways = (_room(net, Decimal(side.sign)), _room(net + traded, Decimal(side.sign)))
        rooms[side] = max(ZERO, min(both_ways) - _promised(resting, side))
    later = [(want, quantity) for want, quantity in left if want.type is not OrderType.MARKET]
    for want, quantity in sorted(later, key=lambda each: (not each[0].closes, each[0].key)):
        parts[want.key] = min(quantity, rooms[want.side])
        rooms[want.side] -= parts[want.key]
    return parts


def _promised(resting: Iterable[RestingLimit], side: Side) -> Decimal:
    """What of the net limits of the side that rest and only reduce may still take."""
    ours = (limit.quantity for limit in resting if limit.effect is Effect.REDUCE and limit.side is side)
    return sum(ours, start=ZERO)


def _room(net: Decimal, direction: Decimal) -> Decimal:
    """How much a trade in this direction takes off the net before it is flat."""
    return abs(net) if net * direction < ZERO else ZERO


# -- what is told ---------------------------------------------------------------------


def _outcomes(
    wants: Sequence[Want], orders: Sequence[NetOrder], crosses: Sequence[Cross], reasons: Mapping[_Key, str]
) -> tuple[Outcome, ...]:
    sent: _Parts = {}
    for share in (share for order in orders for share in order.shares):
        sent[share.key] = sent.get(share.key, ZERO) + share.quantity
    crossed: _Parts = {}
    with_whom: dict[_Key, set[str]] = {}
    for cross in crosses:
        for share, other in ((cross.buyer, cross.seller), (cross.seller, cross.buyer)):
            crossed[share.key] = crossed.get(share.key, ZERO) + share.quantity
            with_whom.setdefault(share.key, set()).add(other.strategy_id)
    outcomes: list[Outcome] = []
    for want in wants:
        out, inside = sent.get(want.key, ZERO), crossed.get(want.key, ZERO)
        withheld = want.quantity - out - inside
        words = []
        if out:
            words.append(f"{plain(out)} sent")
        if inside:
            words.append(f"{plain(inside)} crossed with {', '.join(sorted(with_whom[want.key]))}")
        if withheld:
            words.append(f"{plain(withheld)} withheld: {reasons[want.key]}")
        outcomes.append(
            Outcome(want.strategy_id, want.order_id, want.quantity, out, inside, withheld, "; ".join(words))
        )
    return tuple(outcomes)
