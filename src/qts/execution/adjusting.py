"""An execution that does not fill, one round at a time: what stages/adaptive_adjust.py answers, carried out.

A change goes out as cancel, confirmed, then new: what is left is sent again only
once the old order is certainly over, so the two are never alive together.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from qts.domain.instant import Instant
from qts.domain.order import OrderType
from qts.execution.account import ExecutionAccount
from qts.execution.client_ids import slice_id
from qts.execution.contracts import Adjustment, ExecutionAlert, ExecutionState
from qts.execution.executions import Execution
from qts.execution.stages.adaptive_adjust import AdjustFacts, adjust

_S = ExecutionState
_Tell: TypeAlias = Callable[[Execution, tuple[ExecutionAlert, ...], Instant], None]


class Adjusting:
    """tell: raise codes of an execution. give_up: end it. monitor: let it go on."""

    def __init__(
        self,
        account: ExecutionAccount,
        tell: _Tell,
        give_up: Callable[[Execution, str, Instant], None],
        monitor: Callable[[Execution, Instant], None],
    ) -> None:
        self._account = account
        self._tell = tell
        self._give_up = give_up
        self._monitor = monitor

    def adjust(self, x: Execution, now: Instant) -> None:
        account, order = self._account, x.decision.order
        settings = account.settings
        quote = None if settings.on_bars else account.quote(order.symbol)
        last = x.slices[-1]
        action = adjust(
            AdjustFacts(
                decision_id=x.id,
                instrument=settings.instruments[order.symbol],
                side=order.side,
                arrival_price=x.decision.arrival_price,
                limit_price=last.price,
                filled=x.filled,
                notional=x.notional,
                left=x.quantity - x.filled,
                bid=None if quote is None else quote.bid,
                ask=None if quote is None else quote.ask,
                rounds=x.rounds,
                urgency=x.decision.urgency,
                on_bars=settings.on_bars,
                available=None if x.reduces else account.available,
                leverage=settings.limits.leverage,
            ),
            settings.slippage,
        )
        self._tell(x, action.alerts, now)
        if action.action is Adjustment.STOP:
            self._give_up(x, "adjusting did not help", now)
            return
        x.rounds += 1
        x.next_round_at = now + settings.slippage.round_ms
        if action.action is Adjustment.WAIT:
            x.enter(_S.MONITORING, now)
            return
        if action.action is Adjustment.REDUCE_QUANTITY and action.quantity is not None:
            x.quantity = x.filled + action.quantity
        x.replacement = (last.price if action.action is Adjustment.REDUCE_QUANTITY else action.price,)
        for record in x.records:
            account.cancel(record, now)
        self.finish(x, now)

    def finish(self, x: Execution, now: Instant) -> None:
        """Once the old order is certainly over, the new one takes what is left: cancel, confirmed, then new."""
        if x.replacement is None or not all(each.is_settled for each in x.records):
            return
        (price,), x.replacement = x.replacement, None
        x.enter(_S.MONITORING, now)
        left = x.quantity - x.filled
        if left > 0:
            sequence = len(x.slices)
            new = replace(
                x.slices[-1],
                client_id=slice_id(x.id, sequence, 1),
                sequence=sequence,
                attempt=1,
                type=OrderType.MARKET if price is None else OrderType.LIMIT,
                price=price,
                quantity=left,
                send_at=now,
            )
            x.slices = (*x.slices[: x.unsent], new)
        self._monitor(x, now)
