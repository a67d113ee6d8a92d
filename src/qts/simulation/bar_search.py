"""Where bars next reach an open order or the liquidation price: searched in whole stretches, not bar by bar."""

from collections.abc import Iterable
from decimal import Decimal

from qts.domain.order import OrderType, Side
from qts.simulation.columns import MarketColumns
from qts.simulation.venue_orders import Working


def first_touch(
    columns: MarketColumns,
    rows: tuple[int, int],
    orders: Iterable[Working],
    position: Decimal,
    liquidation: Decimal | None,
) -> int:
    """The first row of [start, stop) = ``rows`` whose bar may serve an order or liquidate, else ``stop``.

    orders: limits and stop orders that wait for their price. liquidation: of ``position``, None for none.
    """
    row, first = rows
    bars = columns.bars
    for working in orders:
        if first <= row:
            return row
        price = working.level
        buys = working.order.side is Side.BUY
        if working.order.type is OrderType.STOP:
            touched = bars.high[row:first] >= price if buys else bars.low[row:first] <= price
        else:
            touched = bars.low[row:first] < price if buys else bars.high[row:first] > price
        place = int(touched.argmax())
        if touched[place]:
            first = row + place
    if liquidation is not None and first > row:
        price = float(liquidation)
        touched = columns.mark_low[row:first] <= price if position > 0 else columns.mark_high[row:first] >= price
        place = int(touched.argmax())
        if touched[place]:
            first = row + place
    return first
