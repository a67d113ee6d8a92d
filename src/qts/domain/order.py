"""An order and its words. Plain values: who may send one is the gate's business, what becomes of it the exchange's."""

from decimal import Decimal
from enum import StrEnum

from qts.domain.errors import StrategyError
from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.plain_enum import plain_members
from qts.domain.value import value


@plain_members
class Side(StrEnum):
    """sign: 1 to buy, -1 to sell."""

    BUY = "buy"
    SELL = "sell"

    sign: int

    def __init__(self, word: str) -> None:
        self.sign = 1 if word == "buy" else -1

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


@plain_members
class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"  # a market order once its trigger price is touched


@plain_members
class Effect(StrEnum):
    """What an order may do to the position, judged before it is sent and never by BUY or SELL."""

    INCREASE = "increase"
    REDUCE = "reduce"


@value
class Order:
    """A request for a quantity at the exchange.

    quantity: base units, above 0, on the lot grid. price: a limit order's price
    or a stop order's trigger, None for market orders. stop_loss, take_profit:
    prices of the protective pair to place once this order has filled.
    effect: REDUCE orders are capped at the position when they fill.
    good_until: the instant after which what is unfilled is cancelled, None for none.
    """

    order_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    effect: Effect
    price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    created_at: Instant
    good_until: Instant | None
    reason: str

    def closes(self, position: Decimal) -> bool:
        """Whether this takes the whole of a signed position out, at market."""
        return self.quantity == position.copy_abs() and self.effect is Effect.REDUCE and self.type is OrderType.MARKET

    def __post_init__(self) -> None:
        if not self.quantity > ZERO:
            raise StrategyError(f"order {self.order_id}: quantity must be above 0, not {self.quantity}")
        if (self.price is None) != (self.type is OrderType.MARKET):
            raise StrategyError(f"order {self.order_id}: a {self.type} order and price {self.price} do not go together")
