"""What the simulated venue knows of the account's money: every posting, and what follows from the last one.

The book adds up exactly after every posting (``Book.check``). The liquidation
price is that of the position as it stands, worked out when somebody asks.
"""

from collections.abc import Callable
from decimal import Decimal

from qts.domain.book import Book
from qts.domain.fill import Cause, Fill, FundingPayment, Liquidity
from qts.domain.instant import Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, exact_arithmetic, on_money_grid
from qts.domain.refusal import RefusalCode
from qts.domain.value import maker
from qts.execution.contracts import SplitOrder
from qts.market.brackets import BracketHistory, BracketTable
from qts.risk.liquidation import liquidation_price
from qts.simulation.costs import Frictions
from qts.simulation.margin import margin_objection
from qts.simulation.result import Refusal
from qts.simulation.trade_log import TradeLog
from qts.simulation.venue_orders import FillPrice, Working
from qts.simulation.venue_rules import Objection, VenueCode

_FOREVER: Instant = 2**63 - 1
_fill = maker(Fill)


class VenueLedger:
    """now: the instant that has been reached; what is posted is posted at it.

    table: the brackets of that instant; None where there are none, and nothing is ever liquidated.
    """

    def __init__(
        self,
        instrument: Instrument,
        frictions: Frictions,
        capital: Decimal,
        *,
        brackets: BracketHistory | None,
        reason_of: Callable[[SplitOrder], str],
        open_book: Callable[[Decimal, int], Book],
    ) -> None:
        self.book = open_book(capital, frictions.leverage)
        self.trades = TradeLog(instrument.symbol, reason_of)
        self.fills: list[Fill] = []
        self.payments: list[FundingPayment] = []
        self.refusals: list[Refusal] = []
        self.now: Instant = 0
        self._instrument = instrument
        self._frictions = frictions
        self._brackets = brackets
        self.table: BracketTable | None = None
        self._table_ends: Instant = -_FOREVER
        self._liquidation: Decimal | None = None
        self._liquidation_is_known = True

    def reach(self, now: Instant) -> None:
        """Time is now. What happens from here on happens at this instant, under its bracket table."""
        self.now = now
        if self._brackets is not None and now >= self._table_ends:
            self.table = self._brackets.at(now)
            later = (table.as_of for table in self._brackets.tables if table.as_of > now)
            self._table_ends = min(later, default=_FOREVER)
            self._liquidation_is_known = False

    @property
    def liquidation(self) -> Decimal | None:
        """Mark price at which the position, as it stands, is taken; None when there is none."""
        if not self._liquidation_is_known:
            book, self._liquidation_is_known = self.book, True
            if self.table is None or not book.position:
                self._liquidation = None
            else:
                with exact_arithmetic():
                    self._liquidation = liquidation_price(book.position, book.basis, book.margin, self.table)
        return self._liquidation

    def post(self, working: Working, quantity: Decimal, price: FillPrice, fee: Decimal, cause: Cause) -> Fill:
        order, book, paid = working.order, self.book, price.paid
        client_id, side = order.client_id, order.side
        working.trades += 1
        realized_pnl = book.fill(side, quantity, paid, fee)
        fill = _fill(
            f"{client_id}/{working.trades}",
            client_id,
            order.symbol,
            side,
            quantity,
            paid,
            price.reference,
            fee,
            price.liquidity,
            cause,
            realized_pnl,
            self.now,
        )
        self.fills.append(fill)
        self.trades.add_fill(fill, order)
        self._liquidation_is_known = False
        book.check()
        return fill

    def pay_funding(self, rate: Decimal, price: Decimal, occurred_at: Instant) -> Decimal:
        """Charge (or credit) who holds a position; the amount. price: the mark price its notional is taken at."""
        book = self.book
        if book.position == 0:
            return ZERO
        amount = on_money_grid(book.position * price * rate)
        book.pay_funding(amount)
        self.trades.add_funding(amount)
        self.payments.append(
            FundingPayment(
                symbol=self._instrument.symbol,
                occurred_at=occurred_at,
                rate=rate,
                position=book.position,
                price=price,
                amount=amount,
            )
        )
        self._liquidation_is_known = False
        book.check()
        return amount

    def margin_objection(
        self, order: SplitOrder, quantity: Decimal, price: Decimal, taker_fee: Decimal | None = None
    ) -> Objection | None:
        """Why a fill may not open what it would open, both numbers in the reason; noted as a refusal.

        taker_fee: of the fill, where it is known already.
        """
        fee = self._frictions.fee(quantity, price, Liquidity.TAKER) if taker_fee is None else taker_fee
        found = margin_objection(self.book, self.table, side=order.side, quantity=quantity, price=price, fee=fee)
        if found is None:
            return None
        code, detail = found
        refusal = Refusal(occurred_at=self.now, order_id=order.client_id, codes=(code.value,), detail=detail)
        self.refusals.append(refusal)
        is_money = code is RefusalCode.MARGIN_INSUFFICIENT
        return Objection(VenueCode.MARGIN if is_money else VenueCode.LEVERAGE, f"{code.value}: {detail}")

    def liquidation_fee(self, quantity: Decimal, price: Decimal, loss_limit: Decimal) -> tuple[Decimal, Decimal]:
        """Charge the fee of a liquidation just posted; what the wallet lost beyond ``loss_limit`` comes back. Both."""
        fee = on_money_grid(quantity * price * self._frictions.liquidation_fee_rate)
        credit = self.book.pay_liquidation(fee, loss_limit)
        self.trades.add_fee(fee - credit)
        self.book.check()
        return fee, credit
