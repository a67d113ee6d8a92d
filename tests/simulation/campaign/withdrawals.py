"""What was withdrawn from an account that several strategies share: nothing is sent for it any more, and it ends.

Of an account that is one strategy's own nothing is withdrawn by a word.
"""

from collections import Counter
from collections.abc import Iterator

from qts.execution.contracts import Role, SplitOrder
from qts.execution.events import Event, Withdrawn
from tests.simulation.campaign.truth import Truth, root

_WORKED = (Role.ENTRY, Role.EXIT)
"""What a decision sends; a way out and protection belong to the position."""


class Withdrawals:
    def __init__(self) -> None:
        self._decisions: set[str] = set()

    def hear(self, event: Event, truth: Truth, counts: Counter[str]) -> None:
        if isinstance(event, Withdrawn):
            self._decisions.update(event.order_ids)
            counts["withdrawn at work"] += sum(1 for _ in self.at_work(truth))

    def wrong(self, order: SplitOrder) -> str | None:
        """Why the order may not be sent, or None."""
        is_withdrawn = order.role in _WORKED and root(order.parent_id) in self._decisions
        return f"{order.client_id} is sent for {order.parent_id}, which was withdrawn" if is_withdrawn else None

    def at_work(self, truth: Truth) -> Iterator[str]:
        """Orders of withdrawn decisions that the venue works."""
        for at_symbol in truth.open.values():
            for client_id, each in at_symbol.items():
                if each.live and each.order.role in _WORKED and root(each.order.parent_id) in self._decisions:
                    yield client_id
