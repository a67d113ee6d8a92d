"""A ledger and a position fed through one door, and the orders, trades and views of a venue to feed them with."""

from decimal import Decimal

from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.money import ZERO
from qts.domain.order import OrderType, Side
from qts.domain.order_lifecycle import OrderEvent, OrderState
from qts.execution.contracts import Role, SplitOrder
from qts.execution.events import OrderAck, OrderEnded, Snapshot, VenueOrder
from qts.execution.orders import OrderLedger
from qts.execution.positions import Position
from qts.execution.reconcile import differences
from tests.generators import SYMBOL

T0 = 1_704_067_200_000
PRICE = Decimal(100)
_ENDS = {OrderState.CANCELED: OrderEvent.CANCEL, OrderState.EXPIRED: OrderEvent.EXPIRE}


def is_ours(client_id):
    return client_id.startswith("o")


def split(client_id, quantity="3", role=Role.ENTRY):
    stop = role is Role.STOP_LOSS
    return SplitOrder(
        client_id=client_id,
        parent_id=client_id,
        symbol=SYMBOL,
        side=Side.SELL if stop else Side.BUY,
        type=OrderType.STOP if stop else OrderType.LIMIT,
        quantity=Decimal(quantity),
        price=PRICE,
        reduce_only=role.only_reduces,
        role=role,
        sequence=0,
        attempt=1,
        send_at=T0,
    )


def trade(number, client_id, quantity="1", at=1_000, side=Side.BUY):
    return Fill(
        fill_id=str(number),
        order_id=client_id,
        symbol=SYMBOL,
        side=side,
        quantity=Decimal(quantity),
        price=PRICE + number,
        reference_price=PRICE,
        fee=ZERO,
        liquidity=Liquidity.MAKER,
        cause=Cause.ORDER,
        realized_pnl=ZERO,
        occurred_at=T0 + at,
    )


def listed(client_id, filled="0", *, conditional=False):
    return VenueOrder(
        client_id=client_id,
        venue_id="77",
        symbol=SYMBOL,
        side=Side.BUY,
        type=OrderType.STOP if conditional else OrderType.LIMIT,
        quantity=Decimal(3),
        price=PRICE,
        filled=Decimal(filled),
        reduce_only=conditional,
        conditional=conditional,
        state=OrderState.ACCEPTED,
    )


def snapshot(*orders, position="0", fills=(), at=5_000):
    return Snapshot(symbol=SYMBOL, position=Decimal(position), orders=tuple(orders), fills=tuple(fills), as_of=T0 + at)


class Record:
    """A ledger and a position, fed through one door as the machine feeds its own."""

    def __init__(self):
        self.ledger = OrderLedger()
        self.position = Position(SYMBOL)
        self.now = T0

    def send(self, order, state=OrderEvent.ACCEPT):
        self.ledger.submit(order, self.now)
        if state is not None:
            self.ledger.hear(self.ledger.find(order.client_id), state, self.now)
        return self.ledger.find(order.client_id)

    def feed(self, event):
        match event:
            case Fill():
                if self.ledger.count(event):
                    self.position.apply(event, self.now)
                    record = self.ledger.find(event.order_id)
                    if record is not None:
                        self.ledger.fill(record, event, self.now)
            case OrderAck():
                record = self.ledger.find(event.client_id)
                record.venue_id = event.venue_id
                self.ledger.hear(record, OrderEvent.ACCEPT, self.now)
            case OrderEnded():
                record = self.ledger.find(event.client_id)
                record.told = max(record.told, event.filled)
                self.ledger.hear(record, _ENDS[event.state], self.now)

    def compare(self, seen, correct_at=None):
        """correct_at: given on the last try, of the position and of every order."""
        last = () if correct_at is None else [each.order.client_id for each in self.ledger.live()]
        return differences(self.ledger, self.position, seen, is_ours=is_ours, last_try=last, correct_at=correct_at)

    def reconcile(self, seen, correct_at=None):
        found = self.compare(seen, correct_at)
        news = (*found.missed, *found.foreign, *found.accepted, *found.ended)
        for event in (*news, *([found.correction] if found.correction else [])):
            self.feed(event)
        return found
