"""Where a price level of an open position is next reached: searched in whole stretches of columns, not bar by bar."""

from decimal import Decimal

import numpy as np
import numpy.typing as npt

from qts.simulation.columns import MarketColumns
from qts.simulation.working_order import Pair


def first_touch(
    columns: MarketColumns, rows: tuple[int, int], position: Decimal, pair: Pair | None, liquidation: Decimal | None
) -> int:
    """The first row of [start, stop) = ``rows`` whose bar reaches stop, target or liquidation price, else ``stop``."""
    row, stop = rows
    long = position > 0
    bars = columns.bars
    reached: list[npt.NDArray[np.bool_]] = []
    if pair is not None and pair.stop is not None:
        price = float(pair.stop)
        reached.append(bars.low[row:stop] <= price if long else bars.high[row:stop] >= price)
    if pair is not None and pair.target is not None:
        price = float(pair.target)
        reached.append(bars.high[row:stop] > price if long else bars.low[row:stop] < price)
    if liquidation is not None:
        price = float(liquidation)
        reached.append(columns.mark_low[row:stop] <= price if long else columns.mark_high[row:stop] >= price)
    first = stop
    for touched in reached:
        place = int(touched.argmax()) if len(touched) else 0
        if len(touched) and touched[place]:
            first = min(first, row + place)
    return first
