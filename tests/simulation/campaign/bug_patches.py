"""The critical bugs, as patches of the real modules. Each is applied in a process that runs nothing else."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.money import ZERO
from qts.domain.order import OrderType
from qts.domain.order_lifecycle import TRANSITIONS, OrderEvent, OrderState
from qts.execution import doubts, escapes, protection, protective_pairs, unknown
from qts.execution.account import ExecutionAccount
from qts.execution.contracts import Role, SplitOrder
from qts.execution.controller import ExecutionController
from qts.execution.doubts import Doubts
from qts.execution.events import CancelOutcome, OrderAck, SendOutcome
from qts.execution.orders import OrderLedger
from qts.execution.protection import CancelLeg, PlaceLeg
from qts.execution.protective_pairs import ProtectivePairs
from qts.execution.sending import Sending
from qts.execution.venue_news import VenueNews
from qts.risk.safety_state import AccountSafety
from qts.simulation.memory_journal import MemoryJournal
from tests.simulation.campaign.plant import Machine, Plant
from tests.simulation.campaign.transport import DISCONNECTED, OVERLOADED, TIMED_OUT

Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


def wrapped(owner: Any, name: str, wrap: Wrap) -> None:
    setattr(owner, name, wrap(getattr(owner, name)))


# -- what an answer means -------------------------------------------------------------


def _misread(fits: Callable[[OrderAck], bool], outcome: SendOutcome) -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def on_ack(self: Any, ack: OrderAck, now: int) -> None:
            real(self, replace(ack, outcome=outcome) if fits(ack) else ack, now)

        return on_ack

    wrapped(VenueNews, "on_ack", wrap)


def _send_again_on_timeout() -> None:
    _misread(lambda ack: ack.outcome is SendOutcome.UNKNOWN and ack.code == 0, SendOutcome.REFUSED)


def _send_again_on_1007() -> None:
    _misread(lambda ack: ack.code == TIMED_OUT, SendOutcome.REFUSED)


def _reject_on_1006() -> None:
    _misread(lambda ack: ack.code == DISCONNECTED, SendOutcome.REJECTED)


def _overloaded_is_unknown_for_ever() -> None:
    _misread(lambda ack: ack.code == OVERLOADED, SendOutcome.UNKNOWN)

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, record, ack, now: None if ack.code == OVERLOADED else real(self, record, ack, now)

    wrapped(Doubts, "unanswered", wrap)


def _not_found_once() -> None:
    def proof(case: unknown.UnknownCase) -> unknown.ProvedAbsent | None:
        if not case.not_found:
            return None
        return unknown.ProvedAbsent(
            client_id=case.client_id,
            sent_at=case.sent_at,
            as_of=case.sent_at,
            not_found=case.not_found,
            may_retry=case.attempt < unknown.ATTEMPTS_MAX,
        )

    unknown._proof = proof


# -- fills ----------------------------------------------------------------------------


def _fill_from_ack() -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def on_ack(self: Any, ack: OrderAck, now: int) -> None:
            real(self, ack, now)
            account = self._account
            record = account.orders.find(ack.client_id)
            quote = account.quote(record.order.symbol) if record is not None else None
            if quote is None or ack.outcome is not SendOutcome.ACCEPTED or record.order.type is not OrderType.MARKET:
                return
            order = record.order
            fill = Fill(
                fill_id=f"{order.client_id}-by-ack",
                order_id=order.client_id,
                symbol=order.symbol,
                side=order.side,
                quantity=order.quantity,
                price=quote.mark,
                reference_price=quote.mark,
                fee=ZERO,
                liquidity=Liquidity.TAKER,
                cause=Cause.ORDER,
                realized_pnl=ZERO,
                occurred_at=now,
            )
            self.on_fill(fill, now)

        return on_ack

    wrapped(VenueNews, "on_ack", wrap)


def _no_dedupe() -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def count(self: Any, fill: Fill) -> bool:
            real(self, fill)
            return True

        return count

    wrapped(OrderLedger, "count", wrap)


def _dedupe_by_price_and_quantity() -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, fill: real(self, replace(fill, fill_id=f"{fill.order_id}{fill.price}x{fill.quantity}"))

    wrapped(OrderLedger, "count", wrap)


def _partial_after_filled() -> None:
    TRANSITIONS[OrderState.FILLED, OrderEvent.ACCEPT] = OrderState.ACCEPTED


def _cancel_is_final() -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def on_cancel_ack(self: Any, ack: Any, now: int) -> None:
            real(self, replace(ack, outcome=CancelOutcome.CANCELED), now)

        return on_cancel_ack

    wrapped(VenueNews, "on_cancel_ack", wrap)


def _late_fill_dropped() -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def on_fill(self: Any, fill: Fill, now: int) -> None:
            record = self._account.orders.find(fill.order_id)
            if record is not None and record.is_final:
                self._account.orders.count(fill)
                return
            real(self, fill, now)

        return on_fill

    wrapped(VenueNews, "on_fill", wrap)


# -- the record -------------------------------------------------------------------------


def _journal_after_wire() -> None:
    """In the driver of the harness: performs, then stores."""

    def drive(self: Any, machine: Machine, event: Any) -> None:
        now = self._schedule.now
        commands = machine.handle(event, now)
        for command in commands:
            self._perform(command, self.process)
        rows = machine.journal.taken()
        if rows:
            self.rows.append(rows)
            self._stored(event, commands, rows, now)
        self._wake(machine)

    Plant._drive = drive  # type: ignore[method-assign]


def _commit_without_force() -> None:
    """Rows are promised when they are written, and reach the disk by twenties."""

    def commit(self: MemoryJournal) -> None:
        self.durable = max(self.durable, len(self._rows) // 20 * 20)

    MemoryJournal.commit = commit  # type: ignore[method-assign]


def _halt_not_persisted() -> None:
    """A start forgets what the codes and the operator stopped. Replays forget alike, so the record itself agrees."""

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def on_restarted(self: Any, event: Any, now: int) -> None:
            self.account.safety = AccountSafety()
            self.account.paused = False
            self._loop.resume()
            real(self, event, now)

        return on_restarted

    wrapped(ExecutionController, "_on_restarted", wrap)


# -- quantities, sides, gates -------------------------------------------------------------


def _children_unlimited() -> None:
    """The check at the wire is gone, and a split that gives its last slice one lot too much is not stopped."""
    OrderLedger.limit_parent = lambda self, parent_id, quantity_max: None  # type: ignore[method-assign]

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def send(self: Any, order: SplitOrder, now: int) -> None:
            real(
                self, replace(order, quantity=order.quantity + Decimal("0.001")) if order.sequence == 4 else order, now
            )

        return send

    wrapped(ExecutionAccount, "send", wrap)


def _exit_may_increase() -> None:
    SplitOrder.__post_init__ = lambda self: None  # type: ignore[method-assign]

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def send(self: Any, order: SplitOrder, now: int) -> None:
            real(self, replace(order, reduce_only=False) if order.role is Role.EXIT else order, now)

        return send

    wrapped(ExecutionAccount, "send", wrap)


def _gate_before_the_send() -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def dispatch(self: Any, x: Any, order: SplitOrder, now: int) -> bool:
            if order.reduce_only:
                return bool(real(self, x, order, now))
            self._account.send(order, now)
            return True

        return dispatch

    wrapped(Sending, "_dispatch", wrap)


# -- stops and targets ---------------------------------------------------------------------


def _stop_sized_by_plan() -> None:
    planned: dict[str, Decimal] = {}

    def entered(real: Callable[..., Any]) -> Callable[..., Any]:
        def wrap(self: Any, decision_id: str, position: Any, fill: Any) -> None:
            order = self._brought.get(decision_id)
            if order is not None:
                planned[position.epoch_id] = order.quantity
            real(self, decision_id, position, fill)

        return wrap

    def protect(real: Callable[..., Any]) -> Callable[..., Any]:
        def wrap(facts: Any, now: int) -> Any:
            size = planned.get(facts.epoch_id)
            if size is not None and facts.position != 0:
                facts = replace(facts, position=size.copy_sign(facts.position))
            return real(facts, now)

        return wrap

    wrapped(ProtectivePairs, "entered", entered)
    wrapped(protective_pairs, "protect", protect)


def _stop_on_the_wrong_side() -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def leg(facts: Any, role: Role, *rest: Any, **named: Any) -> SplitOrder:
            made: SplitOrder = real(facts, role, *rest, **named)
            return replace(made, side=made.side.opposite) if role is Role.STOP_LOSS else made

        return leg

    wrapped(protection, "_leg", wrap)


def _old_stop_cancelled_first() -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def protect(facts: Any, now: int) -> Any:
            steps = real(facts, now)
            live = [each for each in facts.legs if each.order.role is Role.STOP_LOSS and not each.is_final]
            new = any(isinstance(each, PlaceLeg) and each.order.role is Role.STOP_LOSS for each in steps)
            if not new or not live:
                return steps
            return tuple(CancelLeg(each.order.client_id) for each in live)

        return protect

    wrapped(protective_pairs, "protect", wrap)


def _orphans_left() -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda facts, now: () if facts.position == 0 else real(facts, now)

    wrapped(protective_pairs, "protect", wrap)


def _escape_around_the_target() -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def next_step(facts: Any, now: int) -> Any:
            working = tuple(each for each in facts.working if each.order.role is not Role.TAKE_PROFIT)
            return real(replace(facts, working=working), now)

        return next_step

    def keep(real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda facts, now: real(
            replace(facts, escaping_since=None, release_target=False) if facts.escaping_since else facts, now
        )

    wrapped(escapes.stage, "next_step", wrap)
    wrapped(protective_pairs, "protect", keep)  # it would take the target away as well


# -- what the venue lists ---------------------------------------------------------------------


def _regular_orders_only() -> None:
    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def differences(ledger: Any, position: Any, snapshot: Any, **named: Any) -> Any:
            regular = tuple(each for each in snapshot.orders if not each.conditional)
            return real(ledger, position, replace(snapshot, orders=regular), **named)

        return differences

    wrapped(doubts, "differences", wrap)


def _old_snapshot_believed() -> None:
    """A snapshot is taken for the present whenever it arrives."""

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def differences(ledger: Any, position: Any, snapshot: Any, **named: Any) -> Any:
            return real(ledger, position, replace(snapshot, as_of=2**53), **named)

        return differences

    wrapped(doubts, "differences", wrap)


CRITICAL: dict[str, Callable[[], None]] = {
    "re-send on timeout": _send_again_on_timeout,
    "re-send on -1007": _send_again_on_1007,
    "-1006 treated as reject": _reject_on_1006,
    "-1008 treated as unknown for ever": _overloaded_is_unknown_for_ever,
    "not found once is rejected": _not_found_once,
    "fill from ack and stream": _fill_from_ack,
    "no dedupe": _no_dedupe,
    "dedupe by price and quantity": _dedupe_by_price_and_quantity,
    "partial after filled": _partial_after_filled,
    "cancel is final": _cancel_is_final,
    "late fill dropped": _late_fill_dropped,
    "journal after wire": _journal_after_wire,
    "commit without force": _commit_without_force,
    "children sum check removed": _children_unlimited,
    "reduce-only missing on exit": _exit_may_increase,
    "stop sized by plan, not by fills": _stop_sized_by_plan,
    "stop on the wrong side": _stop_on_the_wrong_side,
    "old stop cancelled first": _old_stop_cancelled_first,
    "only regular orders reconciled": _regular_orders_only,
    "orphan not swept": _orphans_left,
    "escape without cancelling the target": _escape_around_the_target,
    "snapshot overwrites newer stream": _old_snapshot_believed,
    "gate before, not in, the send": _gate_before_the_send,
    "halt not persisted": _halt_not_persisted,
}
