"""The short way past the limits: whoever is let through by it would have been let through by every limit, in silence.

Proves: P6-9
"""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import event, given
from hypothesis import strategies as st

from qts.domain.instant import DAY_MS, HOUR_MS
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.order import Effect, Order, OrderType, Side
from qts.market.brackets import BracketHistory
from qts.risk.calculators.stop import stop
from qts.risk.clearance import Clearance, is_farther
from qts.risk.gate import AccountState
from qts.risk.limit_desk import BookOn, LimitDesk
from qts.risk.limit_facts import MarginFacts
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.risk.limit_state import ACCOUNT, BookMemory
from qts.risk.liquidation import Backing, MarginMode
from qts.risk.stages import StageWord
from tests.generators import SYMBOL, USUAL_BRACKETS, bounds, instrument

NOW = 19_700 * DAY_MS + 12 * HOUR_MS
OWN = "own"
PRICE = Decimal(100)


@dataclass(frozen=True, kw_only=True)
class OneBook:
    """A book as its desk wants it. behind: margin of the position, quote."""

    position: Decimal
    stop: Decimal | None
    equity: Decimal
    capital: Decimal
    leverage: int
    behind: Decimal

    def worth(self, whose: str) -> tuple[Decimal, Decimal]:
        return (self.equity if whose == ACCOUNT else self.capital), self.equity

    def held(self, whose: str, whom: Collection[str]) -> Iterable[BookOn]:
        margin = MarginFacts(
            basis=self.position * PRICE,
            backing=Backing(mode=MarginMode.ISOLATED, wallet=self.behind),
            leverage=self.leverage,
            brackets=BracketHistory((USUAL_BRACKETS,)),
        )
        yield BookOn(
            symbol=SYMBOL,
            position=self.position,
            price=PRICE,
            price_known_at=NOW,
            stop=self.stop,
            margin=margin if whose == ACCOUNT else None,
        )

    def is_far(self, order: Order, bound: Decimal) -> bool:
        """Of an order that adds to the position, or finds none."""
        position, basis, behind = self.position, self.position * PRICE, self.behind
        if order.effect is Effect.INCREASE:
            added = order.side.sign * order.quantity
            worth = added * (PRICE if order.price is None else order.price)
            position, basis, behind = position + added, basis + worth, behind + abs(worth) / self.leverage
        return is_farther(bound, position, basis, behind, price=PRICE, table=USUAL_BRACKETS)


@st.composite
def books(draw: st.DrawFn) -> OneBook:
    position = Decimal(draw(st.one_of(st.just(0), st.integers(-120, 120))))
    away = draw(st.one_of(st.none(), st.integers(-2, 20)))
    leverage = draw(st.sampled_from([1, 3, 10]))
    return OneBook(
        position=position,
        stop=None if away is None else PRICE - away * (1 if position > 0 else -1),
        equity=Decimal(draw(st.integers(-10, 900))) * 100,
        capital=Decimal(draw(st.integers(1, 900))) * 100,
        leverage=leverage,
        behind=abs(position) * PRICE / leverage,
    )


@st.composite
def orders(draw: st.DrawFn, position: Decimal) -> Order:
    side = draw(st.sampled_from(Side))
    opposes = position * side.sign < 0
    reduces = draw(st.booleans()) and opposes
    price = draw(st.one_of(st.none(), st.integers(96, 104).map(Decimal)))
    away = draw(st.one_of(st.none(), st.integers(-1, 20)))
    return Order(
        "x",
        SYMBOL,
        side,
        OrderType.MARKET if price is None else OrderType.LIMIT,
        abs(position) if reduces else Decimal(draw(st.integers(1, 120))),
        Effect.REDUCE if reduces else Effect.INCREASE,
        price,
        None if away is None or reduces else PRICE - away * side.sign,
        None,
        NOW,
        None,
        "",
    )


@dataclass(frozen=True)
class Bounds:
    """Of a memory: no wider than floats are."""

    memory: BookMemory

    @property
    def equity_min(self) -> float:
        return float(self.memory.equity or 0) * (1 - 1e-15)

    @property
    def peak_max(self) -> float:
        return float(self.memory.peak or 0) * (1 + 1e-15)

    @property
    def day_start_max(self) -> float:
        start = self.memory.day_start_at(NOW)
        return math.inf if start is None or start <= 0 else float(start) * (1 + 1e-15)


def remember(memory: BookMemory, equity: Decimal, draw: st.DrawFn) -> None:
    for back in (2 * DAY_MS, HOUR_MS):
        memory.mark(
            equity * draw(st.sampled_from([1, 1, Decimal("1.004"), Decimal("1.04"), Decimal("0.9"), 2])), NOW - back
        )
    memory.mark(equity, NOW)
    for _ in range(draw(st.sampled_from([0, 0, 3]))):
        memory.hold(SYMBOL, Decimal(draw(st.sampled_from([1, -1]))), NOW - draw(st.integers(0, 2 * HOUR_MS)))
    for _ in range(draw(st.sampled_from([0, 0, 3]))):
        memory.count_order(SYMBOL, NOW - draw(st.integers(0, 70_000)))


mostly_wide = st.one_of(
    bounds,
    st.builds(
        LimitPolicy,
        order_size_max=st.just(Decimal(3)),
        symbol_exposure_max=st.sampled_from([Decimal(1), Decimal(3)]),
        net_exposure_max=st.sampled_from([Decimal(1), Decimal(3)]),
        gross_exposure_max=st.sampled_from([Decimal(1), Decimal(3)]),
        heat_max=st.sampled_from([Decimal("0.06"), Decimal("0.9")]),
        loss_without_stop=st.sampled_from([Decimal("0.05"), Decimal(1)]),
        price_collar=st.just(Decimal("0.5")),
        data_age_ms_max=st.just(100_000),
        liquidation_distance_min=st.sampled_from([Decimal(0), Decimal("0.08"), Decimal("0.3")]),
    ),
)


@given(books(), mostly_wide, mostly_wide, st.data())
def test_what_is_waved_through_is_what_every_limit_lets_through_in_silence(
    book: OneBook, account: LimitPolicy, own: LimitPolicy, data: st.DataObject
) -> None:
    """A strategy with bounds of its own, or with the account's."""
    policies = LimitPolicies(account=account, strategies={OWN: own} if data.draw(st.booleans()) else {})
    order = data.draw(orders(book.position))
    state = AccountState(book.position, ZERO, ZERO, book.equity, PRICE, NOW - data.draw(st.sampled_from([0, 90_000])))
    with exact_arithmetic():
        desk = LimitDesk(book, policies, alone=OWN)
        memory = desk.memory(OWN)
        remember(memory, book.equity, data.draw)
        cleared = Clearance(policies, OWN, memory).clears(
            order, state, book.stop, book.capital, book.equity, Bounds(memory)
        )
        adds = not book.position or order.effect is Effect.REDUCE or book.position * order.side.sign > 0
        cleared = cleared and adds and book.is_far(order, account.liquidation_distance_min)
        cleared = cleared and not desk.is_reached(stop, order, instrument(), OWN, PRICE)
        event(f"cleared: {cleared}")
        if cleared:
            verdict = desk.judge(order, instrument(), OWN, order.stop_loss, PRICE, whom=(OWN,))
            assert (verdict.word, verdict.quantity, verdict.said) == (StageWord.PASS, order.quantity, ())
            assert desk.words == []


CAPITAL = Decimal(10_000)


def test_an_ordinary_order_takes_the_short_way_and_one_at_a_bound_does_not() -> None:
    """Each of the reasons a limit has to speak closes it; at the bound itself, which is allowed, it stays open."""
    policies = LimitPolicies(account=LimitPolicy(order_notional_max=Decimal(9000)))
    memory = BookMemory()
    memory.mark(Decimal(10_000), NOW)
    clearance = Clearance(policies, OWN, memory)

    def clears(order: Order, state: AccountState, stop: Decimal | None) -> bool:
        equity = memory.equity
        assert equity is not None
        return clearance.clears(order, state, stop, CAPITAL, equity, Bounds(memory))

    entry = Order(
        "x", SYMBOL, Side.BUY, OrderType.MARKET, Decimal(90), Effect.INCREASE, None, Decimal(99), None, NOW, None, ""
    )
    flat = AccountState(ZERO, ZERO, ZERO, Decimal(10_000), PRICE, NOW)
    long = replace(flat, position=Decimal(10))
    limit = replace(entry, type=OrderType.LIMIT, price=Decimal(98), quantity=Decimal(50))
    assert clears(entry, flat, None)
    assert clears(limit, flat, None)
    assert clears(replace(entry, quantity=Decimal(80)), long, Decimal(95))
    assert not clears(replace(entry, quantity=Decimal("90.001")), flat, None)  # the order's notional
    assert not clears(replace(entry, stop_loss=Decimal(93)), flat, None)  # heat
    assert not clears(replace(entry, stop_loss=None), flat, None)  # heat, without a stop
    assert not clears(replace(limit, price=Decimal("97.99")), flat, None)  # the collar
    assert not clears(replace(entry, quantity=Decimal("90")), long, Decimal(48))  # heat of both
    assert not clears(entry, replace(flat, last_price=None), None)
    assert not clears(entry, replace(flat, price_known_at=NOW - 60_001), None)
    assert not clears(entry, replace(flat, pending_buy=Decimal(1)), None)
    memory.mark(Decimal(9700), NOW)  # the day's loss
    assert not clears(replace(entry, quantity=Decimal(1)), flat, None)
    memory.mark(Decimal(9701), NOW)
    assert clears(replace(entry, quantity=Decimal(1)), flat, None)
    for _ in range(5):
        memory.count_order(SYMBOL, NOW)
    assert not clears(replace(entry, quantity=Decimal(1)), flat, None)


@given(
    st.integers(-2000, 2000).filter(bool).map(Decimal),
    st.sampled_from([1, 3, 10, 40]),
    st.sampled_from([Decimal("0.01"), Decimal("0.1"), Decimal("0.3"), Decimal("0.9")]),
)
def test_far_from_liquidation_means_what_the_limit_means(position: Decimal, leverage: int, bound: Decimal) -> None:
    with exact_arithmetic():
        behind = abs(position) * PRICE / leverage
        book = OneBook(
            position=position,
            stop=PRICE,
            equity=Decimal(10**7),
            capital=Decimal(10**7),
            leverage=leverage,
            behind=behind,
        )
        desk = LimitDesk(book, LimitPolicies(account=LimitPolicy(liquidation_distance_min=bound)), alone=OWN)
        desk.memory(OWN).mark(book.equity, NOW)
        found = [each for each in desk.distances((OWN,), NOW) if each.limit.name == "liquidation-distance"]
        far = is_farther(bound, position, position * PRICE, behind, price=PRICE, table=USUAL_BRACKETS)
        distance = found[0].distance
        assert distance is not None
        assert far is (distance > 0)
