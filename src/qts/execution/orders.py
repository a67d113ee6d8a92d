"""Every order of the account, from the moment it is written down: the fold of what was sent and what was heard.

One record per client id, kept for good, so that a fill that comes an hour after
the end still finds its order. Fills are told apart by (symbol, trade id) and by
nothing else; a fill heard twice is one fill, in whatever order they come.

This is the last place before the wire, so it holds what may never be broken:
an id goes out once; what has filled, what may be live and what is about to be
sent of a decision never exceed its quantity.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from qts.domain.fill import Fill
from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order_lifecycle import TRANSITIONS, IllegalTransition, OrderEvent, OrderState
from qts.domain.value import maker
from qts.execution.client_ids import first_id
from qts.execution.commands import SendOrder
from qts.execution.contracts import SplitOrder

_SUBMITTED, _ACCEPTED = OrderState.SUBMITTED, OrderState.ACCEPTED
_FILL_LAST, _FILL_PART = OrderEvent.FILL_LAST, OrderEvent.FILL_PART
_sending = maker(SendOrder)


class OrderRecord:
    """What is known of one order, from the moment it is written down as sent.

    filled, notional: the sum of its trades. told: the cumulative quantity the venue named; told above
    filled means that a trade has not been heard yet: the end of such an order is
    not the end of its fills. accepted_at: when the venue was first known to work it. code: the venue's error code
    when it refused, else 0. doubted_at: since when the venue has to say again that it works it, None while it need not.
    unnamed: it ended and the venue did not say how much had filled.
    """

    __slots__ = (
        "accepted_at",
        "cancel_asked_at",
        "code",
        "doubted_at",
        "filled",
        "notional",
        "order",
        "sent_at",
        "state",
        "told",
        "unnamed",
        "updated_at",
        "venue_id",
    )

    def __init__(self, order: SplitOrder, now: Instant) -> None:
        self.order = order
        self.state = _SUBMITTED
        self.filled = ZERO
        self.notional = ZERO
        self.told = ZERO
        self.venue_id = ""
        self.sent_at = now
        self.updated_at = now
        self.cancel_asked_at: Instant | None = None
        self.accepted_at: Instant | None = None
        self.code = 0
        self.doubted_at: Instant | None = None
        self.unnamed = False

    @property
    def left(self) -> Decimal:
        return self.order.quantity - self.filled

    @property
    def is_final(self) -> bool:
        return self.state.is_final

    @property
    def is_settled(self) -> bool:
        """Final, and every trade the venue counted has been heard."""
        return self.state.is_final and self.filled >= self.told and not self.unnamed

    @property
    def is_asked_and_unknown(self) -> bool:
        """Cancelled as far as one can: what became of it is the UNKNOWN protocol's question, and no reason to wait."""
        return self.state is OrderState.UNKNOWN and self.cancel_asked_at is not None

    @property
    def at_risk(self) -> Decimal:
        """The most that may be or become filled: all of it while it may live, what filled once that is known."""
        is_known = self.state.is_final and not self.unnamed
        return max(self.filled, self.told) if is_known else max(self.order.quantity, self.filled)

    def move(self, event: OrderEvent, now: Instant) -> bool:
        """Whether the state changed. Raises IllegalTransition."""
        before = self.state
        state = TRANSITIONS.get((before, event))
        if state is None:
            raise IllegalTransition(before, event)
        self.state = state
        self.updated_at = now
        if state is before:
            return False
        if state is _ACCEPTED:
            self.doubted_at = None
            if self.accepted_at is None:
                self.accepted_at = now
        return True

    def facts(self) -> tuple[object, ...]:
        so_far = (self.filled, self.notional, self.told, self.cancel_asked_at, self.doubted_at, self.unnamed)
        return (self.order.client_id, self.state.value, self.venue_id, *so_far)


class OverParentError(Exception):
    """An order would take its decision above its quantity: a bug, stopped before the wire."""


class OrderLedger:
    """All records, and the trades already counted.

    living: those that have not ended, for who only wants to see whether there are any. owing: those of which the
    venue has counted more than was heard, by client id: news of trades are still to come. rests: of each decision whose
    rest was executed, the ids of its rests.
    """

    def __init__(self) -> None:
        self._records: dict[str, OrderRecord] = {}
        self.find = self._records.get  # by client id; None for one that was never sent
        self.living: dict[str, OrderRecord] = {}
        self._of_parent: defaultdict[str, list[OrderRecord]] = defaultdict(list)
        self.owing: dict[str, OrderRecord] = {}
        self._quantity_max: dict[str, Decimal] = {}
        self.rests: defaultdict[str, list[str]] = defaultdict(list)
        self._trades: set[tuple[str, str]] = set()

    # -- the way out ----------------------------------------------------------------

    def limit_parent(self, parent_id: str, quantity_max: Decimal) -> None:
        """From now on the orders of this decision may add up to this much and no more; a rest shares its decision's."""
        first = first_id(parent_id)
        if first != parent_id and first in self._quantity_max:
            self._quantity_max[parent_id] = self._quantity_max[first]
            self.rests[first].append(parent_id)
        else:
            self._quantity_max[parent_id] = quantity_max

    def submit(self, order: SplitOrder, now: Instant) -> SendOrder:
        """Write the order down as sent. Raises OverParentError, and for an id that was used before."""
        client_id, parent_id = order.client_id, order.parent_id
        if client_id in self._records:
            raise OverParentError(f"{client_id} was sent before")
        siblings = self._of_parent[parent_id]
        limit = self._quantity_max.get(parent_id)
        if limit is not None:
            wanted = order.quantity
            for each in siblings if not self.rests else self._family(parent_id):
                wanted += each.at_risk
            if wanted > limit:
                raise OverParentError(f"{client_id}: {wanted} would be above the {limit} of {parent_id}")
        record = OrderRecord(order, now)
        self._records[client_id] = self.living[client_id] = record
        siblings.append(record)
        return _sending(order)

    def room_of(self, parent_id: str) -> Decimal | None:
        """How much the orders of a decision may still add up to; None where nothing limits them."""
        limit = self._quantity_max.get(parent_id)
        if limit is None:
            return None
        return limit - sum((each.at_risk for each in self._family(parent_id)), start=ZERO)

    def excess_of(self, parent_id: str) -> Decimal:
        """By how much the fills of a decision, its rests included, exceed its quantity; 0 or less when they do not."""
        limit = self._quantity_max.get(parent_id)
        if limit is None:
            return ZERO
        excess = -limit
        for each in self._of_parent[parent_id] if not self.rests else self._family(parent_id):
            excess += each.filled
        return excess

    def _family(self, parent_id: str) -> list[OrderRecord]:
        """The orders of the decision and of everything that executed its rest."""
        first = first_id(parent_id)
        if first not in self.rests:
            return list(self._of_parent.get(parent_id, ()))
        return [each for one in (first, *self.rests[first]) for each in self._of_parent.get(one, ())]

    # -- what is heard --------------------------------------------------------------

    def hear(self, record: OrderRecord, event: OrderEvent, now: Instant) -> bool:
        """Move the order by one piece of news; whether its state changed. Raises IllegalTransition."""
        changed = record.move(event, now)
        if changed and record.state.is_final:
            self.living.pop(record.order.client_id, None)
        return changed

    def count(self, fill: Fill) -> bool:
        """Note the trade; False when it was counted before."""
        known = len(self._trades)
        self._trades.add((fill.symbol, fill.fill_id))
        return len(self._trades) > known

    def fill(self, record: OrderRecord, fill: Fill, now: Instant) -> None:
        """Add a counted trade to its order, whatever state the order is in.

        Raises IllegalTransition, with the quantity added, for an order that cannot have filled.
        """
        filled = record.filled = record.filled + fill.quantity
        record.notional += fill.quantity * fill.price
        if record.told <= filled:
            record.told = filled
            if self.owing:
                record.unnamed = record.unnamed and filled < record.order.quantity
                self._weigh(record)
        self.hear(record, _FILL_LAST if filled >= record.order.quantity else _FILL_PART, now)

    def tell(self, record: OrderRecord, filled: Decimal) -> None:
        """The venue says how much of the order has filled, cumulative; what of it was not heard is owed."""
        record.told, record.unnamed = max(record.told, filled), False
        self._weigh(record)

    def leave_unnamed(self, record: OrderRecord) -> None:
        """It ended and the venue did not say how much had filled; that is owed too, until something tells."""
        record.unnamed = record.told < record.order.quantity
        self._weigh(record)

    def _weigh(self, record: OrderRecord) -> None:
        if record.unnamed or record.told > record.filled:
            self.owing[record.order.client_id] = record
        else:
            self.owing.pop(record.order.client_id, None)

    def agreed(self, symbol: str, as_of: Instant) -> list[OrderRecord]:
        """The venue's position was ours at ``as_of``: what ended before has filled what was heard. Those it settles."""
        settled = [each for each in self.owed(symbol) if each.unnamed and each.updated_at < as_of]
        for record in settled:
            record.unnamed = False
            self._weigh(record)
        return settled

    def forgive(self, symbol: str) -> None:
        """Nothing more is owed on the symbol: what was counted is accounted for in another way."""
        for record in self.owed(symbol):
            record.told, record.unnamed = record.filled, False
            self._weigh(record)

    def owed(self, symbol: str) -> list[OrderRecord]:
        return [each for each in self.owing.values() if each.order.symbol == symbol] if self.owing else []

    # -- looking --------------------------------------------------------------------

    def of_parent(self, parent_id: str) -> Sequence[OrderRecord]:
        """In the order they were sent. The list is the ledger's own and grows as more are."""
        return self._of_parent[parent_id]

    def live(self, symbol: str | None = None) -> list[OrderRecord]:
        """Orders that have not ended, in the order they were sent."""
        if symbol is None or not self.living:
            return list(self.living.values())
        return [record for record in self.living.values() if record.order.symbol == symbol]

    def everything(self) -> Iterator[OrderRecord]:
        yield from self._records.values()

    def has_counted(self, symbol: str, trade_id: str) -> bool:
        return (symbol, trade_id) in self._trades
