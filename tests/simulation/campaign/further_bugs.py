"""More bugs that the code could have at this stage, beyond the critical ones, as patches of the real modules."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from qts.domain.fill import Cause, Fill
from qts.execution.account import ExecutionAccount
from qts.execution.contracts import SplitOrder
from qts.execution.controller import ExecutionController
from qts.execution.orders import OrderLedger
from qts.execution.pipeline import ExecutionPipeline
from qts.execution.venue_news import VenueNews
from tests.simulation.campaign.bug_patches import wrapped
from tests.simulation.campaign.workload import GAVE_UP


def _children_checked_before_the_split() -> None:
    """What is sent for a decision is not counted any more once it was cut up; each slice may take the whole."""

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def submit(self: Any, order: SplitOrder, now: int) -> Any:
            self._quantity_max.pop(order.parent_id, None)
            return real(self, order, now)

        return submit

    def whole(real: Callable[..., Any]) -> Callable[..., Any]:
        def send(self: Any, order: SplitOrder, now: int) -> None:
            x = self.entering.get(order.parent_id)
            is_last = x is not None and order.sequence > 0 and order.sequence == len(x.slices) - 1
            real(self, replace(order, quantity=x.quantity) if is_last else order, now)

        return send

    wrapped(OrderLedger, "submit", wrap)
    wrapped(ExecutionAccount, "send", whole)


def _foreign_trades_ignored() -> None:
    _fills_passed_over(lambda fill: fill.cause is Cause.ORDER)


def _adl_ignored() -> None:
    _fills_passed_over(lambda fill: fill.cause is Cause.ADL)


def _fills_passed_over(fits: Callable[[Fill], bool]) -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def on_fill(self: Any, fill: Fill, now: int) -> None:
            if self._account.orders.find(fill.order_id) is None and fits(fill):
                self._account.orders.count(fill)
                return
            real(self, fill, now)

        return on_fill

    wrapped(VenueNews, "on_fill", wrap)


def _numbers_begin_anew() -> None:
    """What counts escapes and legs is not folded from the record: it starts at 0 with the process."""

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def on_restarted(self: Any, event: Any, now: int) -> None:
            self._escapes._count = 0
            for each in self._pairs.wanted.values():
                each.placed = 0
            real(self, event, now)

        return on_restarted

    wrapped(ExecutionController, "_on_restarted", wrap)


def _no_reconciliation_after_a_start() -> None:
    """Whatever was on its way at the death is taken for lost, and nothing is asked."""

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, event, now: None

    wrapped(ExecutionController, "_on_restarted", wrap)


def _withdrawn_orders_have_rests() -> None:
    """The loop executes the rest of an order at market that was withdrawn half filled."""

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def give_up(self: Any, x: Any, reason: str, now: int) -> None:
            if reason == GAVE_UP:
                x.rest_wanted = True
            real(self, x, reason, now)

        return give_up

    wrapped(ExecutionPipeline, "give_up", wrap)


def _what_waits_is_not_withdrawn() -> None:
    """Only what is under way is given up: what waits in the loop begins all the same."""

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def on_withdrawn(self: Any, event: Any, now: int) -> None:
            real(self, event, now)
            self.account.withdrawn.clear()

        return on_withdrawn

    wrapped(ExecutionController, "_on_withdrawn", wrap)


OTHERS: dict[str, Callable[[], None]] = {
    "children sum checked before the split only": _children_checked_before_the_split,
    "external fill ignored": _foreign_trades_ignored,
    "ADL ignored": _adl_ignored,
    "numbers of ids begin anew at a start": _numbers_begin_anew,
    "no reconciliation after a start": _no_reconciliation_after_a_start,
    "rest of a withdrawn order executed": _withdrawn_orders_have_rests,
    "what waits is not withdrawn": _what_waits_is_not_withdrawn,
}
