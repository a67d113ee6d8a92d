"""The stop and the target of every position: what is wanted, and the legs that stand for it.

What the legs must look like is decided by protection.py; here it is remembered
what was asked for and what has been placed, per position epoch.
"""

from dataclasses import replace
from decimal import Decimal

from qts.domain.fill import Fill
from qts.domain.instant import Instant
from qts.domain.order import Order, Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.account import ExecutionAccount
from qts.execution.client_ids import first_id
from qts.execution.orders import OrderRecord
from qts.execution.positions import Position
from qts.execution.protection import CancelLeg, EscapeNow, PlaceLeg, ProtectionFacts, due, protect


class Wanted:
    """The pair of one epoch. order_id: the order whose pair it first was; what is moved since then stays moved."""

    __slots__ = ("drops_stop", "due", "epoch_id", "legs", "order_id", "placed", "stop", "target")

    def __init__(self, epoch_id: str) -> None:
        self.epoch_id = epoch_id
        self.order_id = ""
        self.stop: Decimal | None = None
        self.target: Decimal | None = None
        self.placed = 0
        self.due: Instant | None = None
        self.drops_stop = False  # somebody said that it is not wanted any more, and not merely nothing
        self.legs: list[OrderRecord] = []


class ProtectivePairs:
    """wanted: the pair of each symbol that has one, or had one whose legs still matter."""

    def __init__(self, account: ExecutionAccount) -> None:
        self._account = account
        self.wanted: dict[str, Wanted] = {}
        self._brought: dict[str, Order] = {}
        self._entered: dict[tuple[str, Side], tuple[Order, Instant]] = {}  # which entry filled last, and when

    def bring(self, order: Order) -> None:
        """The order will bring its own pair, whenever it fills: kept for good, since fills may come late."""
        if order.stop_loss is not None or order.take_profit is not None:
            self._brought[order.order_id] = order

    def entered(self, decision_id: str, position: Position, fill: Fill) -> None:
        """An entry filled: its own pair, if it brought one, is the position's pair from its first fill on."""
        if not self._brought:
            return
        order = self._brought.get(first_id(decision_id))
        if order is None:
            self.overtaken(position, fill.side, fill.occurred_at + 1)  # of two entries of one instant none is older
            return
        last = self._entered.get((position.symbol, order.side))
        if last is None or fill.occurred_at >= last[1]:
            self._entered[position.symbol, order.side] = (order, fill.occurred_at)
        if position.quantity * order.side.sign > 0:
            self._take(self._of(position), order)

    def overtaken(self, position: Position, side: Side, made_at: Instant) -> None:
        """A trade on ``side`` that brings no pair: what is held on that side after it, an entry has built.

        When the trade is not newer than that entry's and merely heard later, the entry's pair found nothing to
        protect, since what closed the other side was still to be heard. A position that has a pair keeps it.
        made_at: when the trade was made, by the venue's clock.
        """
        last = self._entered.get((position.symbol, side))
        if last is None or last[1] < made_at or position.quantity * side.sign <= 0:
            return
        wanted = self._of(position)
        if not wanted.order_id and wanted.stop is None and wanted.target is None:
            self._take(wanted, last[0])

    def _take(self, wanted: Wanted, order: Order) -> None:
        if wanted.order_id != order.order_id:
            wanted.order_id = order.order_id
            wanted.stop, wanted.target = order.stop_loss, order.take_profit

    def moved(self, position: Position, stop: Decimal | None, target: Decimal | None) -> None:
        """A price left None stays as it is. Nothing happens to a pair nobody has a position for."""
        if position.quantity == 0:
            return
        wanted = self._of(position)
        wanted.stop = wanted.stop if stop is None else stop
        wanted.target = wanted.target if target is None else target

    def put(self, position: Position, stop: Decimal | None, target: Decimal | None) -> None:
        """The pair is this one from now on; what is None is taken away."""
        if position.quantity == 0:
            return
        wanted = self._of(position)
        wanted.stop, wanted.target, wanted.drops_stop = stop, target, stop is None

    def stop_of(self, symbol: str) -> Decimal | None:
        """The stop that is wanted for what is held on the symbol."""
        wanted = self.wanted.get(symbol)
        if wanted is None or wanted.epoch_id != self._account.positions.of(symbol).epoch_id:
            return None
        return wanted.stop

    def _of(self, position: Position) -> Wanted:
        wanted = self.wanted.get(position.symbol)
        if wanted is None or wanted.epoch_id != position.epoch_id:
            legs = wanted.legs if wanted is not None else []
            wanted = self.wanted[position.symbol] = Wanted(position.epoch_id)
            wanted.legs = legs
        return wanted

    def settle(self, symbol: str, now: Instant, *, release_target: bool) -> str | None:
        """Do what protection asks for; why the position must be escaped from, or None."""
        wanted = self.wanted.get(symbol)
        if wanted is None:
            return None
        if not self._account.connected:
            wanted.due = None  # nothing can be placed; asked again once somebody hears
            return None
        account, position = self._account, self._account.positions.of(symbol)
        if position.quantity != 0 and wanted.epoch_id != position.epoch_id:
            wanted = self._of(position)
        wanted.legs = [each for each in wanted.legs if _matters(each, position)]
        if position.quantity == 0 and not wanted.legs:
            del self.wanted[symbol]
            return None
        quote = account.quote(symbol)
        facts = ProtectionFacts(
            instrument=account.settings.instruments[symbol],
            position=position.quantity,
            epoch_id=position.epoch_id,
            wanted_stop=wanted.stop,
            wanted_target=wanted.target,
            legs=tuple(wanted.legs),
            placed=wanted.placed,
            mark=None if quote is None else quote.mark,
            release_target=release_target,
            escaping_since=account.escaping.get(symbol),
            drops_stop=wanted.drops_stop,
        )
        steps = protect(facts, now)
        if steps:
            for step in steps:
                if isinstance(step, EscapeNow):
                    return step.why
                self._perform(step, wanted, now)
            facts = replace(facts, legs=tuple(wanted.legs))  # what was just placed has its own time to be heard of
        wanted.due = due(facts, now) if wanted.legs or facts.escaping_since is not None else None
        return None

    def _perform(self, step: PlaceLeg | CancelLeg, wanted: Wanted, now: Instant) -> None:
        account = self._account
        match step:
            case PlaceLeg(order):
                account.send(order, now)
                record = account.orders.find(order.client_id)
                assert record is not None
                wanted.placed += 1
                wanted.legs.append(record)
            case CancelLeg(client_id):
                record = account.orders.find(client_id)
                if record is not None:
                    account.ask_cancel(record, now)

    def cares_for(self, symbol: str) -> bool:
        return symbol in self.wanted

    def due(self) -> Instant | None:
        """When time alone may change what protection asks for."""
        if not self.wanted:
            return None
        return min((each.due for each in self.wanted.values() if each.due is not None), default=None)

    def symbols(self) -> tuple[str, ...]:
        return tuple(self.wanted)

    def facts(self) -> tuple[object, ...]:
        wanted = tuple((w.epoch_id, w.stop, w.target, w.drops_stop, w.placed) for w in self.wanted.values())
        return (wanted, tuple((order.order_id, at) for order, at in self._entered.values()))


def _matters(record: OrderRecord, position: Position) -> bool:
    """Whether protection looks at the leg: alive, or ended in this epoch although nobody asked for it."""
    if not record.is_final:
        return True
    ended_by_itself = record.state is not OrderState.FILLED and record.cancel_asked_at is None
    return ended_by_itself and record.order.parent_id == position.epoch_id
