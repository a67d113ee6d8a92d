"""INV-10: an exit is not refused because of orders of our own that rest, and that the machine knew to rest.

What it asked for the end of as often as an escape does before it goes on beside it (``ASKS_MAX``), in vain, is
not to blame: there the venue refuses the cancellations, and may refuse what is tried all the same.
"""

from collections.abc import Mapping

from qts.domain.money import ZERO
from qts.domain.order import OrderType
from qts.domain.order_lifecycle import OrderState
from qts.execution.contracts import Role, SplitOrder
from qts.execution.stages.emergency_escape import ASKS_MAX
from tests.simulation.campaign.judged import Looked
from tests.simulation.campaign.truth import TrueOrder, Truth

_EXITS = frozenset({Role.EXIT, Role.ESCAPE})


class ExitsInTheWay:
    """What stood in the way of each exit when it left, by client id."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}

    def left(
        self, order: SplitOrder, truth: Truth, machine: Looked | None, asked: Mapping[tuple[str, str], int]
    ) -> None:
        """asked: how often each change left before, by verb and client id."""
        if machine is None or order.role not in _EXITS:
            return
        found = [machine.orders.find(each.order.client_id) for each in _resting(order, truth)]
        records = [
            each
            for each in found
            if each is not None
            and each.state is OrderState.ACCEPTED
            and asked.get(("cancel", each.order.client_id), 0) < ASKS_MAX
        ]
        held = abs(machine.positions.of(order.symbol).quantity)
        if sum((each.left for each in records), start=order.quantity) <= held:
            return  # by what was heard of the position there is room for all of them
        self._known[order.client_id] = tuple(each.order.client_id for each in records)

    def refused(self, order: SplitOrder, truth: Truth) -> list[str]:
        """The orders to blame: they rest, they were known to, and without others they leave too little to reduce.

        None for a zombie: it comes so late that another attempt has done what it was for.
        """
        position, true = truth.position.get(order.symbol, ZERO), truth.orders.get(order.client_id)
        if (true is not None and true.is_zombie) or position * order.side.sign >= 0 or abs(position) < order.quantity:
            return []
        known = self._known.get(order.client_id, ())
        blamed = [each for each in _resting(order, truth) if each.order.client_id in known]
        wanted = sum((each.quantity - each.filled for each in blamed), start=order.quantity)
        return [each.order.client_id for each in blamed] if wanted > abs(position) else []


def _resting(order: SplitOrder, truth: Truth) -> list[TrueOrder]:
    return [
        each
        for each in truth.open.get(order.symbol, {}).values()
        if each.live and each.order.reduce_only and each.order.side is order.side
        if each.order.type is OrderType.LIMIT and each.order is not order
    ]
