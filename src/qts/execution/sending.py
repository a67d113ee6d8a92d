"""How slices go out: in order, each at its time, and only when nothing stands against it now.

A slice waits (``held``) while the venue cannot be reached, and an exit while
something of ours that rests leaves it no room: the venue counts resting
reduce-only orders, and refuses what goes beyond the position.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order_lifecycle import OrderState
from qts.execution.account import ExecutionAccount
from qts.execution.contracts import MAKES_ROOM, NOTHING_TO_REDUCE, Role, SplitAlgorithm, SplitOrder
from qts.execution.executions import Execution

_UNKNOWN = OrderState.UNKNOWN


class Sending:
    """active: executions by id. give_up: ends one, cancels what lives, keeps what filled."""

    def __init__(
        self,
        account: ExecutionAccount,
        active: Mapping[str, Execution],
        give_up: Callable[[Execution, str, Instant], None],
    ) -> None:
        self._account = account
        self._active = active
        self._give_up = give_up

    def send_due(self, x: Execution, now: Instant) -> None:
        """Send every slice whose time has come, in order; none past one whose outcome is unknown."""
        x.held = False
        if x.ending or (x.records and not self.may_send(x)):
            return
        if x.again:
            for order in [each for each in x.again if each.send_at <= now]:
                if not self._dispatch(x, order, now):
                    return
                x.again.remove(order)
        slices = x.slices
        while x.unsent < len(slices) and slices[x.unsent].send_at <= now:
            if x.algorithm is SplitAlgorithm.ICEBERG and not self._is_chunk_done(x):
                return
            if not self._dispatch(x, slices[x.unsent], now):
                return
            x.unsent += 1

    def may_send(self, x: Execution) -> bool:
        for each in x.records:
            if each.state is _UNKNOWN and each.order.client_id not in self._account.retry_allowed:
                return False
        return True

    def _is_chunk_done(self, x: Execution) -> bool:
        return all(each.is_settled for each in x.records) and not x.again

    def _dispatch(self, x: Execution, order: SplitOrder, now: Instant) -> bool:
        """Let one slice out, unless something stands against it now."""
        account = self._account
        if not account.connected or (account.orders.living and self._must_wait(x, order, now)):
            x.held = True
            return False
        if not order.reduce_only:
            why = account.why_no_increase(order.symbol, x.decision.strategy_id) or self._why_stale(order.symbol, now)
        elif account.positions.of(order.symbol).quantity * order.side.sign >= 0:
            why = NOTHING_TO_REDUCE
        else:
            why = None
        if why is not None:
            self._give_up(x, why, now)
            return False
        fitting = self._fitting(x, order) if x.records or account.orders.rests else order
        if fitting is None:
            self._give_up(x, "more filled than its slices asked for", now)
            return False
        account.send(fitting, now)
        x.sent_at = now
        return True

    def _why_stale(self, symbol: str, now: Instant) -> str | None:
        """A later slice, or another attempt, goes out on a fresh quote like the first."""
        age_max = self._account.settings.limits.data_age_ms_max
        if age_max is None:
            return None
        age = self._account.quote_age(symbol, now)
        return "there is no quote fresh enough to trade on" if age is None or age > age_max else None

    def _must_wait(self, x: Execution, order: SplitOrder, now: Instant) -> bool:
        """Whether something on the symbol has to be over first, which is then seen to."""
        account, symbol = self._account, order.symbol
        if not order.reduce_only:
            return account.unknown_on(symbol)  # it counts as filled and as not filled until evidence decides
        if account.live_on(symbol, Role.ESCAPE):
            return True  # the escape has promised the position; its end says what is left
        targets = [each for each in account.live_on(symbol, Role.TAKE_PROFIT) if not each.is_asked_and_unknown]
        if any(each.cancel_asked_at is None for each in targets):
            account.touched[symbol] = None  # protection takes the target out of the way
        return bool(targets) or self._is_in_the_way(x, order, now)

    def _fitting(self, x: Execution, order: SplitOrder) -> SplitOrder | None:
        """The slice, or what of it the decision has room for; None for nothing, or too little to be an order."""
        room = self._account.orders.room_of(x.id)
        if room is None or order.quantity <= room:
            return order
        instrument = self._account.settings.instruments[order.symbol]
        quantity = instrument.quantity_down(max(room, ZERO))
        price = x.decision.arrival_price if order.price is None else order.price
        is_order = quantity > ZERO and (order.reduce_only or quantity * price >= instrument.notional_min)
        return replace(order, quantity=quantity) if is_order else None

    def _is_in_the_way(self, x: Execution, order: SplitOrder, now: Instant) -> bool:
        """Whether earlier exits that rest leave the venue no room for this one; they are given up for it."""
        resting = self._account.in_the_way(order.symbol, order.quantity, beside=(x.id,))
        if not resting:
            return False
        for record in resting:
            other = self._active.get(record.order.parent_id)
            if other is None:
                self._account.cancel(record, now)
            elif not other.ending:
                self._give_up(other, MAKES_ROOM, now)
        return bool(self._account.live_on(order.symbol, Role.EXIT))
