"""What filled beyond what was wanted. It is true, so it stays in the books; it is told, and traded back.

Of an entry it is what its decision filled beyond its quantity, rests included;
of anything else what one order filled beyond its own. It goes back at market,
reducing, and again after ``AGAIN_MS`` as long as something of it is left and the
position still has it.
"""

from decimal import Decimal
from typing import Final

from qts.domain.instant import Duration, Instant
from qts.domain.money import ZERO, plain
from qts.domain.order import Effect, Order, OrderType
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionAccount
from qts.execution.client_ids import first_id, fitting
from qts.execution.contracts import ExecutionAlert, ExecutionResult, OrderDecision, Role
from qts.execution.loop import ExecutionLoop
from qts.execution.orders import OrderRecord

AGAIN_MS: Final[Duration] = 2_000


class _Excess:
    """quantity: all that was ever too much. returned: what of it went back. under_way: decisions that give it back."""

    __slots__ = ("next_at", "quantity", "record", "returned", "tries", "under_way")

    def __init__(self, record: OrderRecord) -> None:
        self.record = record
        self.quantity = ZERO
        self.returned = ZERO
        self.tries = 0
        self.under_way = 0
        self.next_at: Instant | None = None


class Overfills:
    """excesses: whatever filled too much, of a decision or an order, by its id."""

    def __init__(self, account: ExecutionAccount, loop: ExecutionLoop) -> None:
        self._account = account
        self._loop = loop
        self.excesses: dict[str, _Excess] = {}
        self._giving: dict[str, _Excess] = {}  # by the id of the decision that gives back

    def filled(self, record: OrderRecord, now: Instant) -> None:
        """A trade of the order was heard."""
        order = record.order
        if order.role is Role.ENTRY:
            excess = self._account.orders.excess_of(order.parent_id)
        else:
            excess = record.filled - order.quantity
        if excess <= ZERO:
            return
        whose = first_id(order.parent_id) if order.role is Role.ENTRY else order.client_id
        known = self.excesses.setdefault(whose, _Excess(record))
        if excess <= known.quantity:
            return
        more, known.quantity, known.record = excess - known.quantity, excess, record
        detail = f"{whose} filled {plain(more)} more than was decided"
        self._account.alert(ExecutionAlert(SafetyCode.FS070, order.symbol, "orders", detail), now)
        self._give(whose, known, more, now)

    def ended(self, result: ExecutionResult, now: Instant) -> None:
        """An execution is over, and it may have been one that gives back."""
        excess = self._giving.get(first_id(result.decision.order.order_id)) if self._giving else None
        if excess is None:
            return
        excess.returned += result.filled
        if result.rest_wanted:
            return  # the loop goes on with it
        excess.under_way -= 1
        if not excess.under_way and excess.quantity > excess.returned:
            excess.next_at = now + AGAIN_MS

    def due(self) -> Instant | None:
        return min((each.next_at for each in self.excesses.values() if each.next_at is not None), default=None)

    def on_time(self, now: Instant) -> None:
        for whose, each in self.excesses.items():
            if each.next_at is not None and each.next_at <= now:
                each.next_at = None
                self._give(whose, each, each.quantity - each.returned, now)

    def _give(self, whose: str, excess: _Excess, quantity: Decimal, now: Instant) -> None:
        order = excess.record.order
        held = self._account.positions.of(order.symbol).quantity * order.side.sign
        if held <= ZERO:
            return  # what was too much has been closed by something else
        excess.tries += 1
        excess.under_way += 1
        order_id = fitting(f"{whose}.back{excess.tries}")
        self._giving[order_id] = excess
        back = Order(
            order_id=order_id,
            symbol=order.symbol,
            side=order.side.opposite,
            type=OrderType.MARKET,
            quantity=min(quantity, held),
            effect=Effect.REDUCE,
            price=None,
            stop_loss=None,
            take_profit=None,
            created_at=now,
            good_until=None,
            reason="more filled than was decided",
        )
        self._loop.offer((OrderDecision(back, excess.record.notional / excess.record.filled),), now)

    def facts(self) -> tuple[object, ...]:
        return tuple(
            (whose, x.quantity, x.returned, x.tries, x.under_way, x.next_at) for whose, x in self.excesses.items()
        )
