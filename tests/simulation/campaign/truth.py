"""What really happened at the venue, told by the transport and the venue's stream, whatever the machine believes."""

from collections import Counter
from decimal import Decimal

from qts.domain.fill import Fill
from qts.domain.money import ZERO
from qts.domain.order import Side
from qts.execution.commands import CancelOrder, Command, ModifyOrder, SendOrder
from qts.execution.contracts import Role, SplitOrder
from qts.execution.events import CancelAck, CancelOutcome, ModifyAck, OrderAck, OrderEnded, SendOutcome


class TrueOrder:
    """flying: it may still reach the venue. live: it is in one of its books. Neither: nothing more comes of it.

    is_zombie: the venue breaks its word and takes the order long after it said that it would not.
    """

    __slots__ = ("filled", "flying", "is_zombie", "live", "order", "quantity")

    def __init__(self, order: SplitOrder) -> None:
        self.order = order
        self.quantity = order.quantity
        self.filled = ZERO
        self.flying = True
        self.live = False
        self.is_zombie = False

    @property
    def at_risk(self) -> Decimal:
        return self.quantity if self.flying or self.live else self.filled


class Truth:
    def __init__(self) -> None:
        self.orders: dict[str, TrueOrder] = {}
        self.position: dict[str, Decimal] = {}
        self.fills: dict[tuple[str, str], Fill] = {}
        self.open: dict[str, dict[str, TrueOrder]] = {}
        self.children: dict[str, list[TrueOrder]] = {}
        self.foreign_since_flat: dict[str, None] = {}
        self.counts: Counter[str] = Counter()

    # -- requests ---------------------------------------------------------------------

    def left(self, command: Command) -> None:
        if isinstance(command, SendOrder):
            order = command.order
            if order.client_id not in self.orders:
                true = self.orders[order.client_id] = TrueOrder(order)
                self.open.setdefault(order.symbol, {})[order.client_id] = true
                self.children.setdefault(root(order.parent_id), []).append(true)

    def lost(self, command: Command) -> None:
        if isinstance(command, SendOrder) and (true := self.orders.get(command.order.client_id)) is not None:
            self._over(true)

    def arrived(self, command: Command, answer: object) -> None:
        match command, answer:
            case SendOrder(order), OrderAck():
                true = self.orders[order.client_id]
                if answer.outcome is SendOutcome.ACCEPTED:
                    if true.flying and true.filled < true.quantity:
                        true.flying, true.live = False, True
                elif answer.outcome is not SendOutcome.EXISTS:
                    self._over(true)
            case CancelOrder(client_id), CancelAck() if answer.outcome is CancelOutcome.CANCELED:
                if (found := self.orders.get(client_id)) is not None:
                    self._over(found)
            case ModifyOrder(client_id), ModifyAck() if answer.accepted and answer.quantity is not None:
                if (found := self.orders.get(client_id)) is not None:
                    found.quantity = answer.quantity

    def _over(self, true: TrueOrder) -> None:
        true.flying = true.live = False
        self.open.get(true.order.symbol, {}).pop(true.order.client_id, None)

    # -- the venue's own news ---------------------------------------------------------

    def told(self, event: Fill | OrderEnded) -> tuple[Decimal, Decimal] | None:
        """The position before and after a new fill."""
        if isinstance(event, OrderEnded):
            if (found := self.orders.get(event.client_id)) is not None:
                self._over(found)
                self.counts["ended"] += 1
            return None
        if (event.symbol, event.fill_id) in self.fills:
            return None
        self.fills[event.symbol, event.fill_id] = event
        self.counts["fills"] += 1
        before = self.position.get(event.symbol, ZERO)
        after = self.position[event.symbol] = before + event.quantity * event.side.sign
        true = self.orders.get(event.order_id)
        if true is None:
            self.counts["foreign fills"] += 1
            self.foreign_since_flat[event.symbol] = None
        else:
            self.counts[f"fills of {true.order.role}"] += 1
            true.flying, true.live = False, True
            true.filled += event.quantity
            if true.filled >= true.quantity:
                self._over(true)
        if after == 0:
            self.foreign_since_flat.pop(event.symbol, None)
        return before, after

    # -- looking ----------------------------------------------------------------------

    def live(self, symbol: str, *roles: Role) -> list[TrueOrder]:
        return [each for each in self.open.get(symbol, {}).values() if each.live and each.order.role in roles]

    def covered(self, symbol: str) -> bool:
        """Flat, or a resting stop (or several) that takes the whole position out."""
        position = self.position.get(symbol, ZERO)
        if position == 0:
            return True
        side = Side.SELL if position > 0 else Side.BUY
        stops = self.live(symbol, Role.STOP_LOSS)
        return sum((each.quantity for each in stops if each.order.side is side), start=ZERO) >= abs(position)


def root(parent_id: str) -> str:
    """A decision executed again for its rest ('.r1') spends the quantity of the first."""
    return parent_id.partition(".r")[0]
