"""Short ways to say an order, for tests of the venue and its markets."""

from decimal import Decimal

from qts.domain.order import OrderType, Side
from qts.execution.contracts import Role, SplitOrder
from qts.simulation.costs import FixedSlippage, Frictions
from qts.simulation.venue import Venue
from qts.simulation.venue_rules import VenueRules
from tests.generators import SYMBOL, instrument

FREE = Frictions(
    fee_rate_maker=Decimal(0),
    fee_rate_taker=Decimal(0),
    slippage=FixedSlippage(Decimal(0)),
    participation_max=Decimal(1),
    leverage=10,
)


def split(client_id, side, kind, quantity, price=None, *, role=Role.ENTRY, symbol=SYMBOL):
    return SplitOrder(
        client_id=client_id,
        parent_id=client_id,
        symbol=symbol,
        side=side,
        type=kind,
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        reduce_only=role is not Role.ENTRY,
        role=role,
        sequence=0,
        attempt=1,
        send_at=0,
    )


def buy(client_id, quantity, limit=None, **rest):
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    return split(client_id, Side.BUY, kind, quantity, limit, **rest)


def sell(client_id, quantity, limit=None, **rest):
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    return split(client_id, Side.SELL, kind, quantity, limit, **rest)


def stop(client_id, side, quantity, trigger, role=Role.STOP_LOSS):
    return split(client_id, side, OrderType.STOP, quantity, trigger, role=role)


def a_venue(hear=None, *, frictions=FREE, capital="10000", brackets=None, **rules):
    news = []
    venue = Venue(
        instrument(),
        frictions,
        Decimal(capital),
        rules=VenueRules(**rules),
        brackets=brackets,
        stream=news.append if hear is None else hear,
    )
    return venue, news
