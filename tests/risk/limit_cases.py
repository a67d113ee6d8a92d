"""For the tests of the staged limits: one healthy situation, and for each limit what makes it stop an order."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from qts.domain.instant import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from qts.domain.order import Effect, Side
from qts.market.brackets import BracketHistory
from qts.risk.limit_facts import BookFacts, MarginFacts, OrderFacts, PositionFacts
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.risk.limit_state import ACCOUNT, EquityMarked, LimitEvent, LimitState, OrderWentOut, PositionHeld, folded
from qts.risk.limits import LimitName
from qts.risk.liquidation import Backing, MarginMode
from qts.risk.stages import StageWord, Verdict
from qts.risk.staging import staged
from tests.generators import SYMBOL, bracket_table, instrument

NOW = 19_700 * DAY_MS + 12 * HOUR_MS
TREND = "trend"
BRACKETS = BracketHistory((bracket_table(("0", "0.01", 100)),))
WIDE = LimitPolicy(
    order_size_max=Decimal(3),
    symbol_exposure_max=Decimal(3),
    gross_exposure_max=Decimal(3),
    net_exposure_max=Decimal(3),
    heat_max=Decimal("0.99"),
)
"""So wide that a case meets one limit only."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    order: OrderFacts
    account: BookFacts
    strategy: BookFacts
    events: tuple[LimitEvent, ...]
    policy: LimitPolicies

    @property
    def state(self) -> LimitState:
        return folded(self.events)

    def judged(self) -> Verdict:
        return staged(self.order, self.account, self.strategy, state=self.state, policy=self.policy, now=NOW)


def margin(position: str = "0", price: str = "100", leverage: int = 1, wallet: str | None = None) -> MarginFacts:
    basis = Decimal(position) * Decimal(price)
    behind = abs(basis) / leverage if wallet is None else Decimal(wallet)
    return MarginFacts(
        basis=basis,
        backing=Backing(mode=MarginMode.ISOLATED, wallet=behind),
        leverage=leverage,
        brackets=BRACKETS,
    )


def cross(position: str, price: str, wallet: str) -> MarginFacts:
    return replace(margin(position, price), backing=Backing(mode=MarginMode.CROSS, wallet=Decimal(wallet)))


def held(position: str = "0", symbol: str = SYMBOL, leverage: int = 1, **other: object) -> PositionFacts:
    """A position at 100 whose stop is at 100 too: it adds no heat unless the case says so."""
    facts: dict[str, object] = {
        "symbol": symbol,
        "position": Decimal(position),
        "price": Decimal(100),
        "price_known_at": NOW,
        "stop": Decimal(100),
        "margin": margin(position, leverage=leverage),
        **other,
    }
    return PositionFacts(**facts)  # type: ignore[arg-type]


def book(whose: str, *positions: PositionFacts, **other: object) -> BookFacts:
    facts: dict[str, object] = {"capital": Decimal(10_000), "equity": Decimal(10_000), **other}
    known = positions if any(each.symbol == SYMBOL for each in positions) else (*positions, held())
    return BookFacts(whose=whose, positions=known, **facts)  # type: ignore[arg-type]


BUY = OrderFacts(
    instrument=instrument(),
    strategy_id=TREND,
    side=Side.BUY,
    quantity=Decimal(10),
    effect=Effect.INCREASE,
    price=None,
    stop_loss=Decimal(95),
    last_price=Decimal(100),
    price_known_at=NOW,
)
MORNING = NOW - 2 * HOUR_MS
MARKS = (EquityMarked(ACCOUNT, Decimal(10_000), MORNING), EquityMarked(TREND, Decimal(10_000), MORNING))
HEALTHY = Situation(
    order=BUY,
    account=book(ACCOUNT),
    strategy=book(TREND),
    events=MARKS,
    policy=LimitPolicies(account=LimitPolicy()),
)

Change = Callable[[Situation], Situation]


def order(**other: object) -> Change:
    return lambda s: replace(s, order=replace(s.order, **other))  # type: ignore[arg-type]


def account(*positions: PositionFacts, **other: object) -> Change:
    return lambda s: replace(s, account=book(ACCOUNT, *positions, **other))


def strategy(*positions: PositionFacts, **other: object) -> Change:
    return lambda s: replace(s, strategy=book(TREND, *positions, **other))


def events(*more: LimitEvent) -> Change:
    return lambda s: replace(s, events=(*s.events, *more))


def wide(**narrow: object) -> Change:
    """Wide bounds for both books, but for what the case is about."""
    return lambda s: replace(s, policy=LimitPolicies(account=replace(WIDE, **narrow)))  # type: ignore[arg-type]


def own(**narrow: object) -> Change:
    """Wide bounds for the account, narrow ones for the strategy."""
    mine = replace(WIDE, **narrow)  # type: ignore[arg-type]
    return lambda s: replace(s, policy=LimitPolicies(account=WIDE, strategies={TREND: mine}))


def often(whose: str, count: int, apart_ms: int, first: int, symbol: str = SYMBOL) -> Change:
    return events(*(OrderWentOut(whose, symbol, first + number * apart_ms) for number in range(count)))


def flips(count: int, last_side: int) -> Change:
    """``count`` changes of sides within the hour, ending on ``last_side``."""
    sides = [last_side * (-1) ** (count - number) for number in range(count + 1)]
    start = NOW - HOUR_MS + 1
    return events(*(PositionHeld(TREND, SYMBOL, Decimal(side), start + n) for n, side in enumerate(sides)))


@dataclass(frozen=True, kw_only=True)
class Case:
    """Which limit of which book stops, how, what flows on, and the changes that bring it about."""

    limit: LimitName
    whose: str
    word: StageWord
    quantity: str
    changes: tuple[Change, ...]

    def situation(self) -> Situation:
        found = HEALTHY
        for change in self.changes:
            found = change(found)
        return found

    def __str__(self) -> str:
        return f"{self.limit.value} of {self.whose}: {self.word.value} {self.quantity}"


def blocks(limit: LimitName, whose: str, *changes: Change) -> Case:
    return Case(limit=limit, whose=whose, word=StageWord.BLOCK, quantity="0", changes=changes)


def reduces(limit: LimitName, whose: str, quantity: str, *changes: Change) -> Case:
    return Case(limit=limit, whose=whose, word=StageWord.REDUCE, quantity=quantity, changes=changes)


N = LimitName
ELSEWHERE = held("150", symbol="ABCUSDT")
CASES = [
    blocks(N.DATA_AGE, TREND, order(price_known_at=NOW - MINUTE_MS - 1)),
    blocks(N.DATA_AGE, TREND, order(price_known_at=NOW + 1)),
    blocks(N.DATA_AGE, TREND, order(last_price=None)),
    blocks(N.PRICE_COLLAR, TREND, order(price=Decimal("102.01"))),
    blocks(N.PRICE_COLLAR, TREND, order(price=Decimal("97.99"), stop_loss=Decimal(95))),
    # Each size reduces to what fits, and blocks where nothing does.
    reduces(N.ORDER_SIZE, TREND, "100", order(quantity=Decimal("100.001"))),
    reduces(N.ORDER_SIZE, TREND, "10", order(quantity=Decimal(11)), strategy(capital=Decimal(1000))),
    reduces(N.ORDER_NOTIONAL, TREND, "7.5", own(order_notional_max=Decimal(750))),
    reduces(N.SYMBOL_EXPOSURE, ACCOUNT, "5", account(held("95"))),
    reduces(N.SYMBOL_EXPOSURE, TREND, "5", strategy(held("45")), own(symbol_exposure_max=Decimal("0.5"))),
    reduces(N.SYMBOL_EXPOSURE, ACCOUNT, "4", account(held(pending_buy=Decimal(96)))),
    blocks(N.SYMBOL_EXPOSURE, ACCOUNT, account(held("100"))),
    reduces(N.GROSS_EXPOSURE, ACCOUNT, "5", account(ELSEWHERE, held("45")), wide(gross_exposure_max=Decimal(2))),
    reduces(N.GROSS_EXPOSURE, TREND, "3", strategy(ELSEWHERE, held("-2")), own(gross_exposure_max=Decimal("1.53"))),
    blocks(N.GROSS_EXPOSURE, ACCOUNT, account(ELSEWHERE, held("-60")), wide(gross_exposure_max=Decimal(2))),
    # The short alone is too large: 3 units would fit beside what is elsewhere, and are stopped when judged again.
    blocks(N.GROSS_EXPOSURE, TREND, strategy(ELSEWHERE, held("-7")), own(gross_exposure_max=Decimal("1.53"))),
    blocks(N.GROSS_EXPOSURE, ACCOUNT, account(ELSEWHERE, held(price=None)), wide(gross_exposure_max=Decimal("0.1"))),
    reduces(N.NET_EXPOSURE, ACCOUNT, "6", account(ELSEWHERE, held("44")), wide(net_exposure_max=Decimal(2))),
    reduces(N.NET_EXPOSURE, TREND, "2", strategy(held("8")), own(net_exposure_max=Decimal("0.1"))),
    reduces(N.LEVERAGE, TREND, "9", strategy(held("291"), heat_in_flight=Decimal(0)), own()),
    reduces(N.LEVERAGE, TREND, "1", strategy(held("9")), own(leverage_max=Decimal("0.1"))),
    blocks(N.DAILY_LOSS, ACCOUNT, account(equity=Decimal(9500))),
    blocks(N.DAILY_LOSS, TREND, strategy(equity=Decimal(9500))),
    blocks(N.DRAWDOWN, ACCOUNT, events(EquityMarked(ACCOUNT, Decimal(12_500), NOW))),
    blocks(N.DRAWDOWN, TREND, events(EquityMarked(TREND, Decimal(12_500), NOW))),
    reduces(N.HEAT, ACCOUNT, "8", account(held("50", symbol="ABCUSDT", stop=Decimal("88.8")))),
    reduces(
        *(N.HEAT, ACCOUNT, "8"),
        account(held("50", symbol="ABCUSDT", stop=Decimal("88.8")), held("-50", symbol="DEFUSDT", stop=Decimal(70))),
    ),
    reduces(N.HEAT, TREND, "6", own(heat_max=Decimal("0.003"))),
    reduces(N.HEAT, ACCOUNT, "6", order(stop_loss=None)),
    reduces(N.HEAT, ACCOUNT, "4", account(heat_in_flight=Decimal(580))),
    blocks(N.HEAT, ACCOUNT, account(held("6", symbol="ABCUSDT", stop=None))),
    blocks(N.ORDERS_PER_SECOND, ACCOUNT, often(ACCOUNT, 5, 1, NOW - SECOND_MS + 1)),
    blocks(N.ORDERS_PER_SECOND, TREND, often(TREND, 5, 1, NOW - SECOND_MS + 1)),
    blocks(N.ORDERS_PER_MINUTE, ACCOUNT, often(ACCOUNT, 60, 900, NOW - MINUTE_MS + 1)),
    blocks(N.ORDERS_PER_MINUTE, TREND, often(TREND, 60, 900, NOW - MINUTE_MS + 1)),
    blocks(N.REVERSALS_PER_HOUR, TREND, flips(6, last_side=-1)),
    blocks(N.OPEN_ORDERS, ACCOUNT, account(held(open_orders=20))),
    blocks(N.OPEN_ORDERS, TREND, strategy(held(open_orders=20))),
    blocks(N.LIQUIDATION_DISTANCE, ACCOUNT, account(held("10", leverage=10))),
    blocks(N.LIQUIDATION_DISTANCE, ACCOUNT, account(held(margin=None))),
    # The short is closed first: what opens, 10 units at 100 behind 20x, is liquidated 4.04 % away.
    blocks(N.LIQUIDATION_DISTANCE, ACCOUNT, account(held("-10", leverage=20, margin=margin("-10", "300", 20)))),
    # A cross wallet bears what closing a short from 10 costs: 1,000 - 900 are behind the 10 units at 100, 9.1 % away.
    blocks(N.LIQUIDATION_DISTANCE, ACCOUNT, account(held("-10", margin=cross("-10", "10", "1000")))),
    blocks(N.LIQUIDATION_DISTANCE, ACCOUNT, account(held("10", margin=margin("10", wallet="-5000"), stop=Decimal(95)))),
    # 10 units at 100, 5x, 20 a unit behind them: taken at 80.81. Less 0.1 % fee and 0.3 % funding at 81.21, and a stop
    # that fills 1 % beyond its price must be nearer than 82.033.
    blocks(N.STOP_BEFORE_LIQUIDATION, ACCOUNT, account(held(leverage=5)), order(stop_loss=Decimal("82.03"))),
    blocks(N.STOP_BEFORE_LIQUIDATION, ACCOUNT, account(held("10", leverage=5, others_stop=Decimal("82.03")))),
    blocks(
        N.STOP_BEFORE_LIQUIDATION,
        ACCOUNT,
        account(held("10", leverage=5, stop=Decimal("82.03"))),
        order(stop_loss=None),
    ),
    blocks(
        N.STOP_BEFORE_LIQUIDATION, ACCOUNT, account(held(margin=cross("0", "100", "200"))), order(stop_loss=Decimal(82))
    ),
    # A cross wallet of 1,200 bears the 1,000 that closing a short from 0 costs: 200 are left behind the 10 units.
    blocks(
        N.STOP_BEFORE_LIQUIDATION,
        ACCOUNT,
        account(held("-10", margin=cross("-10", "0", "1200"))),
        order(stop_loss=Decimal(82)),
    ),
    blocks(N.STOP_BEFORE_LIQUIDATION, ACCOUNT, account(held(margin=None)), wide(liquidation_distance_min=Decimal(0))),
]
AT_THE_BOUND: list[tuple[LimitName, tuple[Change, ...]]] = [
    (N.DATA_AGE, (order(price_known_at=NOW - MINUTE_MS),)),
    (N.PRICE_COLLAR, (order(price=Decimal(102)),)),
    (N.ORDER_SIZE, (order(quantity=Decimal(100)),)),
    (N.ORDER_NOTIONAL, (own(order_notional_max=Decimal(1000)),)),
    (N.SYMBOL_EXPOSURE, (account(held("90")),)),
    (N.GROSS_EXPOSURE, (account(ELSEWHERE, held("40")), wide(gross_exposure_max=Decimal(2)))),
    (N.NET_EXPOSURE, (account(ELSEWHERE, held("40")), wide(net_exposure_max=Decimal(2)))),
    (N.LEVERAGE, (strategy(held("290")), own())),
    (N.DAILY_LOSS, (account(equity=Decimal("9500.01")),)),
    (N.DRAWDOWN, (events(EquityMarked(ACCOUNT, Decimal("12499.99"), NOW)),)),
    (N.HEAT, (account(held("50", symbol="ABCUSDT", stop=Decimal(89))),)),
    (N.ORDERS_PER_SECOND, (often(ACCOUNT, 4, 1, NOW - SECOND_MS + 1),)),
    (N.ORDERS_PER_SECOND, (often(ACCOUNT, 9, 1, NOW - SECOND_MS - 4),)),
    (N.ORDERS_PER_SECOND, (often(ACCOUNT, 9, 1, NOW - 10, "ABCUSDT"),)),  # another symbol's
    (N.ORDERS_PER_MINUTE, (often(ACCOUNT, 59, 900, NOW - MINUTE_MS + 1),)),
    (N.ORDERS_PER_MINUTE, (often(TREND, 99, 1, NOW - 100, "ABCUSDT"),)),
    (N.REVERSALS_PER_HOUR, (flips(5, last_side=-1),)),
    (N.REVERSALS_PER_HOUR, (flips(9, last_side=1),)),  # it stays on its side
    (N.OPEN_ORDERS, (account(held(open_orders=19)),)),
    (N.OPEN_ORDERS, (account(held(symbol="ABCUSDT", open_orders=30)),)),
    # 20 units at 100, 8x: margin 250, liquidated where 250 - 20 x (100 - P) = 0.2 x P, at 88.38.
    (N.LIQUIDATION_DISTANCE, (account(held("10", leverage=8)),)),
    (N.STOP_BEFORE_LIQUIDATION, (account(held(leverage=5)), order(stop_loss=Decimal("82.04")))),
    # What the order brings is the position's stop from its first fill on.
    (N.STOP_BEFORE_LIQUIDATION, (account(held("10", leverage=5, stop=Decimal(81))),)),
    (N.STOP_BEFORE_LIQUIDATION, (account(held("10", leverage=5, others_stop=Decimal("82.04"))),)),
    (
        N.STOP_BEFORE_LIQUIDATION,
        (account(held("-10", leverage=5, stop=Decimal(110))), order(stop_loss=Decimal("82.04"))),
    ),
]
