"""What the machine is told in place of the venue's answer, for each request."""

from qts.execution.commands import CancelOrder, Command, ModifyOrder, QueryOrder, SendOrder, TakeSnapshot
from qts.execution.events import (
    CancelAck,
    CancelOutcome,
    ModifyAck,
    OrderAck,
    QueryAnswer,
    SendOutcome,
    Snapshot,
)
from qts.execution.send_outcome import classify, classify_cancel

Answer = OrderAck | CancelAck | ModifyAck | QueryAnswer | Snapshot


def named(command: Command) -> tuple[str, int]:
    match command:
        case SendOrder(order):
            return order.client_id, order.attempt
        case CancelOrder(client_id) | ModifyOrder(client_id) | QueryOrder(client_id):
            return client_id, 0
        case TakeSnapshot(symbol):
            return symbol, 0
    raise AssertionError(command)


def silence(command: Command, code: int = 0) -> Answer | None:
    """What the machine is told when no usable answer came. A snapshot that failed is none at all."""
    match command:
        case SendOrder(order):
            return OrderAck(order.client_id, SendOutcome.UNKNOWN, "", code, "no answer")
        case CancelOrder(client_id):
            return CancelAck(client_id, CancelOutcome.UNKNOWN, None, code, "no answer")
        case ModifyOrder(client_id):
            return ModifyAck(client_id, None, None, None, code, "no answer")
        case QueryOrder(client_id):
            return QueryAnswer(client_id, None, answered=False)
    return None


def garbage(command: Command) -> Answer | None:
    """200, and a page where the order should be: judged by the product's own table."""
    match command:
        case SendOrder(order):
            verdict = classify(200, None, "<html>", echoed=False)
            return OrderAck(order.client_id, verdict.outcome, "", 0, "200 and a page")
        case CancelOrder(client_id):
            return CancelAck(client_id, classify_cancel(200, None, "<html>", echoed=False).outcome, None, 0, "a page")
    raise AssertionError(command)


def refused(command: Command, code: int, retry_at: int | None) -> Answer | None:
    match command:
        case SendOrder(order):
            return OrderAck(order.client_id, SendOutcome.REFUSED, "", code, "busy", retry_at)
        case CancelOrder(client_id):
            return CancelAck(client_id, CancelOutcome.REFUSED, None, code, "busy")
        case ModifyOrder(client_id):
            return ModifyAck(client_id, accepted=False, code=code, reason="busy")
    return None


def not_sent(command: Command) -> Answer | None:
    match command:
        case SendOrder(order):
            return OrderAck(order.client_id, SendOutcome.NOT_SENT, "", 0, "no connection")
        case CancelOrder(client_id):
            return CancelAck(client_id, CancelOutcome.REFUSED, None, 0, "no connection")
        case ModifyOrder(client_id):
            return ModifyAck(client_id, accepted=False, reason="no connection")
    return silence(command)
