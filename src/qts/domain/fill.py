"""What the market gave: fills, funding payments, and the round trips they add up to."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from qts.domain.errors import DataError
from qts.domain.instant import Instant
from qts.domain.money import is_above_zero
from qts.domain.order import Side
from qts.domain.plain_enum import plain_members
from qts.domain.value import value


@plain_members
class Liquidity(StrEnum):
    MAKER = "maker"
    TAKER = "taker"


@plain_members
class Cause(StrEnum):
    """Why a fill happened."""

    ORDER = "order"
    STOP_LOSS = "stop-loss"
    TAKE_PROFIT = "take-profit"
    LIQUIDATION = "liquidation"
    ADL = "adl"  # auto-deleveraging: the venue closed it against somebody's liquidation


@value
class Fill:
    """One execution.

    quantity: base units, above 0. price: quote per base, what was paid.
    reference_price: what it would have been without slippage; quantity x
    |price - reference_price| is the slippage cost. fee: quote, positive is paid.
    realized_pnl: quote, before fees; what this fill took out of the position.
    occurred_at: the open of the bar it happened in, ms UTC; for a price touched
    inside the bar too, since a bar does not tell the instant of a touch.
    """

    fill_id: str
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    reference_price: Decimal
    fee: Decimal
    liquidity: Liquidity
    cause: Cause
    realized_pnl: Decimal
    occurred_at: Instant

    def __post_init__(self) -> None:
        """Raises DataError for what is no trade; a wrong number would be in every sum from here on."""
        if not (is_above_zero(self.quantity) and is_above_zero(self.price)):
            raise DataError(f"trade {self.fill_id} of {self.order_id}: {self.quantity} at {self.price} is no trade")
        if not (self.fee.is_finite() and self.realized_pnl.is_finite() and self.reference_price.is_finite()):
            raise DataError(f"trade {self.fill_id} of {self.order_id}: money that is no number")


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPayment:
    """amount: quote, positive was paid, negative was received. price: mark price the notional was taken at."""

    symbol: str
    occurred_at: Instant
    rate: Decimal
    position: Decimal
    price: Decimal
    amount: Decimal


@value
class Trade:
    """A position's life, from flat to flat; a reversal ends one trade and begins the next.

    side: BUY for a long trade. quantity: largest position held, base units.
    entry_price, exit_price: volume-weighted, quote per base, for display.
    Money in quote, exact: gross_pnl from prices alone; fees, slippage as costs
    (positive is paid; slippage is already inside the prices and so inside
    gross_pnl); funding positive is paid;
    net_pnl = gross_pnl - fees - funding.
    exited_at, exit_price, exit_cause: None while the position is open; its
    gross_pnl is then marked at the last mark price.
    """

    trade_id: str
    symbol: str
    side: Side
    quantity: Decimal
    entered_at: Instant
    entry_price: Decimal
    exited_at: Instant | None
    exit_price: Decimal | None
    exit_cause: Cause | None
    gross_pnl: Decimal
    fees: Decimal
    slippage: Decimal
    funding: Decimal
    reason: str

    @property
    def net_pnl(self) -> Decimal:
        return self.gross_pnl - self.fees - self.funding

    @property
    def is_open(self) -> bool:
        return self.exited_at is None
