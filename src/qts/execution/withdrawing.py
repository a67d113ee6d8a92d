"""Who gives up an execution for a reason that is not its own: a position that ends, a word, or a code.

Alone, an entry goes with the position it builds, which is read off the account's
own. Where several strategies share the account the net position is nobody's in
particular: then what goes with whose position is said by ``Withdrawn``, and only
what takes the net itself out (its stop, its target, a liquidation) ends entries here.
"""

from qts.domain.instant import Instant
from qts.domain.order import OrderType, Side
from qts.execution.account import ExecutionAccount
from qts.execution.client_ids import first_id
from qts.execution.contracts import POSITION_CLOSES, only_reduces
from qts.execution.events import Withdrawn
from qts.execution.loop import ExecutionLoop
from qts.execution.pipeline import ExecutionPipeline


def stop_building(pipeline: ExecutionPipeline, symbol: str, side: Side, now: Instant) -> None:
    """Give up entries on ``side`` that are at market or half filled: what they built is being closed."""
    for x in pipeline.active(symbol):
        order = x.decision.order
        if not x.reduces and order.side is side and (order.type is OrderType.MARKET or x.filled > 0):
            pipeline.give_up(x, POSITION_CLOSES, now)


def stop_waiting(account: ExecutionAccount, loop: ExecutionLoop, symbol: str, side: Side) -> None:
    """Entries on ``side`` that wait at market for an exit's slices will not begin: what they would build is closed."""
    for each in loop.waiting(symbol):
        order = each.order
        if not only_reduces(order) and order.side is side and order.type is OrderType.MARKET:
            account.withdrawn[order.order_id] = POSITION_CLOSES


def give_up_forbidden(account: ExecutionAccount, pipeline: ExecutionPipeline, now: Instant) -> None:
    """What may not be opened any more is not left working either."""
    for x in pipeline.active():
        if x.reduces or x.ending:
            continue
        why = account.why_no_increase(x.symbol, x.decision.strategy_id)
        if why is not None:
            pipeline.give_up(x, why, now)


def withdraw(
    event: Withdrawn, account: ExecutionAccount, pipeline: ExecutionPipeline, loop: ExecutionLoop, now: Instant
) -> None:
    """Give up what is under way of the named decisions; what of them waits in the loop will not begin."""
    named = frozenset(event.order_ids)
    waiting = [each.order.order_id for symbol in account.settings.instruments for each in loop.waiting(symbol)]
    known = account.withdrawn | {each: event.why for each in waiting if first_id(each) in named}
    account.withdrawn = {each: known[each] for each in waiting if each in known}  # the loop forgets some unbegun
    for x in pipeline.active():
        if first_id(x.id) in named:
            x.rest_wanted = False  # which the loop would execute again
            pipeline.give_up(x, event.why, now)
