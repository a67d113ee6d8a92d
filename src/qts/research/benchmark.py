"""What doing nothing clever would have given: buy once, hold, pay no funding, never be liquidated."""

import numpy as np

from qts.market.bars import Floats
from qts.simulation.result import RunResult


def buy_and_hold(result: RunResult) -> Floats:
    """Equity at each bar close of the capital spent on the base asset at the first close.

    float64, shape (n,), quote. Unlevered; the taker fee is paid once, at the
    entry, out of the capital; no slippage and no funding. A yardstick to look
    at, not a simulated strategy.
    """
    if len(result.close) == 0:
        return np.empty(0)
    capital, fee_rate = float(result.capital), float(str(result.provenance.frictions.get("fee_rate_taker", 0)))
    return np.asarray(capital / (1.0 + fee_rate) * (result.close / result.close[0]))
