"""At what price an order fills on one bar, if it fills.

Assumes
- a market order fills at the open of the first bar after its decision;
- a resting limit order fills at its price, once the bar trades *through* it: a
  touch is not a fill; one that is already through the market when it arrives
  fills at the open as a taker, never worse than its limit;
- a stop is triggered by a touch of the last price; it fills at its price, or at
  the open when the bar opened beyond it;
- inside one bar, a stop comes before a target.
Ignores the path inside the bar, queue position, the spread.
Source: the order of events is the pessimistic one wherever a bar cannot tell.
"""

from typing import NamedTuple

from qts.domain.order import Side


class BarPrices(NamedTuple):
    """One bar's last prices, quote per base."""

    open: float
    high: float
    low: float


def limit_is_through_at_open(side: Side, limit: float, bar: BarPrices) -> bool:
    """Whether an arriving limit order finds the open better than its limit."""
    return bar.open < limit if side is Side.BUY else bar.open > limit


def limit_is_crossed(side: Side, limit: float, bar: BarPrices) -> bool:
    """Whether the bar traded beyond a resting limit."""
    return bar.low < limit if side is Side.BUY else bar.high > limit


def stop_is_touched(side: Side, trigger: float, bar: BarPrices) -> bool:
    """Whether the bar reached a stop that buys above the market or sells below it."""
    return bar.high >= trigger if side is Side.BUY else bar.low <= trigger


def gapped_over(side: Side, trigger: float, open_price: float) -> bool:
    """Whether the bar opened beyond a stop, so that it fills at the open."""
    return open_price > trigger if side is Side.BUY else open_price < trigger
