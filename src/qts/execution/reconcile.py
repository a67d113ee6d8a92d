"""What the venue knows of a symbol and the record does not, as news to feed through the one door, and what to do.

``differences`` compares; it changes nothing. What it finds comes as the events that were missed, so that an order
ends the same whether its news came by stream, by snapshot, or by both. What always holds:

- News is told apart by trade id and cumulative quantity, never by when it arrived. What the record has stays: a
  snapshot adds, and takes nothing back.
- A snapshot speaks only of what is older than itself. An order with later news is not judged by it, nor is the
  position when a fill was heard that is not older.
- A send without an answer is not judged by its absence; that is unknown.py's business, for which
  ``Differences.evidence`` gives the facts.
- An accepted order that is in no list is asked for by id first; "not listed" once is not an ending. On its last try
  it is concluded that it ended, since an order that is nowhere protects and fills nothing.
- A position that differs after every fill is corrected only on its last try, by one fill whose id is a pure function
  of what differs: a restarted process makes the same one, and it counts once.
- Tries are counted of each thing by itself: that something else disagreed before proves nothing about this one.

A symbol of which nothing was answered makes no snapshot and so never comes here. The file does not count the tries.
Source: reliability, sections 2.3 to 2.5 (SND-16, EVT-03 to EVT-09, EVT-15 to EVT-17, PRT-06, PRT-09, PRT-10).
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.ids import short_id
from qts.domain.instant import Instant
from qts.domain.money import ZERO, plain
from qts.domain.order import Side
from qts.domain.order_lifecycle import OrderState
from qts.execution.commands import CancelOrder, QueryOrder
from qts.execution.events import OrderAck, OrderEnded, SendOutcome, Snapshot, VenueOrder
from qts.execution.orders import OrderLedger, OrderRecord
from qts.execution.positions import Position
from qts.execution.unknown import Evidence

CORRECTION = "correction"
"""The order id of a correction: no order's, so that the fill is adopted like a foreign one."""
POSITION = "position of"
"""Among ids of orders, what stands for the position; no id of ours has a space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What to feed and what to do, each in the order given; the fills first, since they may end an order.

    missed: fills of our orders. foreign: fills of nobody we know, to be adopted. accepted: orders whose answer was
    missed. ended: orders that are over. queries: accepted orders that no list has, to be asked for by id. behind:
    orders of which the venue counts more than all their trades: fills from further back are needed. altered: orders
    listed with another side, size or price than they were sent with. zombies: open orders of ours that should not be.
    foreign_orders: open orders that are not ours. gap: how much the venue's position is above ours once all those
    fills are applied, None when the snapshot is too old to say. correction: the fill that closes the gap, on the last
    try.
    """

    symbol: str
    as_of: Instant
    missed: tuple[Fill, ...]
    foreign: tuple[Fill, ...]
    accepted: tuple[OrderAck, ...]
    ended: tuple[OrderEnded, ...]
    queries: tuple[QueryOrder, ...]
    behind: tuple[str, ...]
    altered: tuple[str, ...]
    zombies: tuple[CancelOrder, ...]
    foreign_orders: tuple[VenueOrder, ...]
    gap: Decimal | None
    correction: Fill | None
    open_ids: frozenset[str]

    @property
    def agrees(self) -> bool:
        """Whether the venue and the record agree once the news are handled, but for orders of unknown outcome.

        Of a snapshot too old to judge the position by nothing is known. An open order that is nobody's we know is no
        disagreement: the record holds nothing of it.
        """
        return self.gap == 0 and not (self.queries or self.behind or self.altered or self.zombies)

    @property
    def unexplained(self) -> tuple[str, ...]:
        """What a further snapshot may explain, and what something is concluded of if several do not: ids, POSITION."""
        position = (POSITION,) if self.gap else ()
        return (*(each.client_id for each in self.queries), *self.behind, *position)

    def evidence(self, client_id: str) -> Evidence:
        """What the snapshot says about an order of unknown outcome.

        A trade is explained when it belongs to another order on record, or was counted before.
        """
        return Evidence(
            as_of=self.as_of,
            in_open_list=client_id in self.open_ids,
            unexplained_trade=bool(self.foreign) or any(each.order_id == client_id for each in self.missed),
            position_agrees=None if self.gap is None else self.gap == 0,
        )


def differences(
    ledger: OrderLedger,
    position: Position,
    snapshot: Snapshot,
    *,
    is_ours: Callable[[str], bool],
    last_try: Collection[str] = (),
    correct_at: Decimal | None = None,
) -> Differences:
    """What the snapshot tells that the record does not have.

    is_ours: whether a client id is of our making. last_try: the orders that are concluded to be over, if no list has
    them, instead of asked for again. correct_at: the mark price, given on the last try of the position only.
    """
    missed, foreign = _unheard_fills(ledger, snapshot)
    filled = _sums(missed)
    listed = {each.client_id: each for each in snapshot.orders if each.state.may_be_live}
    accepted, altered, zombies, foreign_orders = [], [], [], []
    behind = {each.order.client_id: None for each in ledger.owed(snapshot.symbol) if each.told > _heard(each, filled)}
    for order in listed.values():
        record = ledger.find(order.client_id)
        if record is None:
            if is_ours(order.client_id):
                zombies.append(_cancel(order))
            else:
                foreign_orders.append(order)
            continue
        if order.filled > _heard(record, filled):
            behind[order.client_id] = None
        sent = record.order
        if (order.side, order.quantity, order.price) != (sent.side, sent.quantity, sent.price):
            altered.append(order.client_id)
        if record.state in (OrderState.SUBMITTED, OrderState.UNKNOWN):
            accepted.append(OrderAck(order.client_id, SendOutcome.ACCEPTED, order.venue_id))
        elif record.is_final and record.updated_at < snapshot.as_of:
            zombies.append(_cancel(order))
    nowhere = [
        record
        for record in ledger.live(snapshot.symbol)
        if record.order.client_id not in listed
        and _should_be_listed(record, snapshot)
        and _heard(record, filled) < record.order.quantity
    ]
    concluded = [each for each in nowhere if each.order.client_id in last_try]
    gap = _gap(position, snapshot, (*missed, *foreign))
    return Differences(
        symbol=snapshot.symbol,
        as_of=snapshot.as_of,
        missed=missed,
        foreign=foreign,
        accepted=tuple(accepted),
        ended=tuple(_ended(each, filled) for each in concluded),
        queries=tuple(_query(each) for each in nowhere if each not in concluded),
        behind=tuple(behind),
        altered=tuple(altered),
        # A stop that the lists forgot may still be there: cancelling what is concluded costs nothing.
        zombies=(*zombies, *(_cancel_record(each) for each in concluded if each.order.is_conditional)),
        foreign_orders=tuple(foreign_orders),
        gap=gap,
        correction=_correction(ledger, position, snapshot, gap=gap, price=correct_at),
        open_ids=frozenset(listed),
    )


# -- fills ------------------------------------------------------------------------------


def _unheard_fills(ledger: OrderLedger, snapshot: Snapshot) -> tuple[tuple[Fill, ...], tuple[Fill, ...]]:
    """The snapshot's fills that were not counted, each once, as the venue made them: ours, and nobody's."""
    unheard = {each.fill_id: each for each in snapshot.fills if not ledger.has_counted(each.symbol, each.fill_id)}
    inorder = sorted(unheard.values(), key=_made)
    ours = tuple(each for each in inorder if ledger.find(each.order_id) is not None)
    return ours, tuple(each for each in inorder if ledger.find(each.order_id) is None)


def _made(fill: Fill) -> tuple[Instant, int, str]:
    """Trade numbers grow; as text, the shorter number is the smaller one."""
    return (fill.occurred_at, len(fill.fill_id), fill.fill_id)


def _sums(fills: Iterable[Fill]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for each in fills:
        sums[each.order_id] = sums.get(each.order_id, ZERO) + each.quantity
    return sums


# -- orders -----------------------------------------------------------------------------


def _should_be_listed(record: OrderRecord, snapshot: Snapshot) -> bool:
    return record.state is OrderState.ACCEPTED and record.updated_at < snapshot.as_of


def _heard(record: OrderRecord, filled: dict[str, Decimal]) -> Decimal:
    """The sum of its trades, those of the snapshot included."""
    return record.filled + filled.get(record.order.client_id, ZERO)


def _ended(record: OrderRecord, filled: dict[str, Decimal]) -> OrderEnded:
    counted = max(record.told, _heard(record, filled))
    return OrderEnded(record.order.client_id, OrderState.CANCELED, counted, "in no list of the venue, nobody said why")


def _query(record: OrderRecord) -> QueryOrder:
    order = record.order
    return QueryOrder(order.client_id, order.symbol, order.is_conditional)


def _cancel_record(record: OrderRecord) -> CancelOrder:
    order = record.order
    return CancelOrder(order.client_id, order.symbol, order.is_conditional)


def _cancel(order: VenueOrder) -> CancelOrder:
    return CancelOrder(order.client_id, order.symbol, order.conditional)


# -- the position -----------------------------------------------------------------------


def _gap(position: Position, snapshot: Snapshot, unheard: Iterable[Fill]) -> Decimal | None:
    if position.filled_at >= snapshot.as_of:
        return None
    ours = position.quantity + sum((each.side.sign * each.quantity for each in unheard), start=ZERO)
    return snapshot.position - ours


def _correction(
    ledger: OrderLedger, position: Position, snapshot: Snapshot, *, gap: Decimal | None, price: Decimal | None
) -> Fill | None:
    """One fill over the gap on the last try, or None when this very one was counted before and did not help."""
    if gap is None or gap == 0 or price is None:
        return None
    last = max(snapshot.fills, key=_made).fill_id if snapshot.fills else ""
    fill_id = short_id("fix", snapshot.symbol, position.epoch, plain(snapshot.position), plain(gap), last)
    if ledger.has_counted(snapshot.symbol, fill_id):
        return None
    return Fill(
        fill_id=fill_id,
        order_id=CORRECTION,
        symbol=snapshot.symbol,
        side=Side.BUY if gap > 0 else Side.SELL,
        quantity=gap.copy_abs(),
        price=price,
        reference_price=price,
        fee=ZERO,
        liquidity=Liquidity.TAKER,
        cause=Cause.ORDER,
        realized_pnl=ZERO,
        occurred_at=snapshot.as_of,
    )
