"""What the limits look at: an order, and a book, which is a strategy's own or the account's.

Plain values, worked out by whoever knows the books. Nothing here knows how an
order will be executed, so a backtest, paper and live measure the same. Money is
in quote, quantities in base units; a position is signed.
"""

from decimal import Decimal

from qts.domain.instant import Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO
from qts.domain.order import Effect, Side
from qts.domain.value import value
from qts.market.brackets import BracketHistory
from qts.risk.limit_policy import LimitPolicy
from qts.risk.limit_state import ACCOUNT, BookMemory
from qts.risk.liquidation import Backing


@value(kw_only=True)
class OrderFacts:
    """The order that is asked about.

    quantity: above 0. effect: what it does to the position, judged before.
    price: its limit or trigger, None at market. stop_loss: None for none.
    last_price: the newest price of the symbol, None when there is none; price_known_at: since when it is known.
    """

    instrument: Instrument
    strategy_id: str
    side: Side
    quantity: Decimal
    effect: Effect
    price: Decimal | None
    stop_loss: Decimal | None
    last_price: Decimal | None
    price_known_at: Instant

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def opens(self) -> Decimal:
        """What it adds to a position, base units; nothing when it reduces."""
        return self.quantity if self.effect is Effect.INCREASE else ZERO

    @property
    def worth_at(self) -> Decimal | None:
        """The price its notional is taken at; None where there is none at all, or where only the order names one."""
        return None if self.last_price is None else self.last_price if self.price is None else self.price


@value(kw_only=True)
class MarginFacts:
    """What stands behind the account's position on a symbol. basis: signed entry notional, 0 when flat."""

    basis: Decimal
    backing: Backing
    leverage: int
    brackets: BracketHistory


@value(kw_only=True)
class PositionFacts:
    """One symbol of a book.

    pending_buy, pending_sell: unfilled quantity of working orders that increase.
    price: the newest, known since price_known_at; None when there is none. stop: the stop that protects the
    position, None for none; of several, the farthest. others_stop: the farthest of those whose order is not asked
    about. margin: of the account's book, None when it is not known.
    """

    symbol: str
    position: Decimal = ZERO
    pending_buy: Decimal = ZERO
    pending_sell: Decimal = ZERO
    price: Decimal | None = None
    price_known_at: Instant | None = None
    stop: Decimal | None = None
    margin: MarginFacts | None = None
    others_stop: Decimal | None = None
    open_orders: int = 0

    def toward(self, side: Side) -> Decimal:
        """The furthest position on ``side``, 0 or more: its working orders filled, and what opposes it closed."""
        if side is Side.BUY:
            return max(ZERO, self.position) + self.pending_buy
        return max(ZERO, -self.position) + self.pending_sell


@value(kw_only=True)
class BookFacts:
    """A strategy's own book, or the account's.

    whose: the strategy's id, or ``ACCOUNT``. capital: what was allotted to it, with what was realised since; of
    the account, its equity. heat_in_flight: what working orders would lose at
    their stops, once filled, 0 or more.
    """

    whose: str
    capital: Decimal
    equity: Decimal
    positions: tuple[PositionFacts, ...] = ()
    heat_in_flight: Decimal = ZERO

    @property
    def is_account(self) -> bool:
        return self.whose == ACCOUNT

    def on(self, symbol: str) -> PositionFacts:
        """The position on a symbol; flat where the book does not know it."""
        return next((each for each in self.positions if each.symbol == symbol), PositionFacts(symbol=symbol))


@value(kw_only=True)
class Look:
    """What a calculator is given: one book, the bounds it is held to, what is remembered of it, and now.

    order: counted in as if it had filled; None to see how things stand.
    """

    order: OrderFacts | None
    book: BookFacts
    policy: LimitPolicy
    memory: BookMemory
    now: Instant
