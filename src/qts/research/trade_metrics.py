"""What closed trades earned, each after its fees and its funding.

A trade is a position's life from flat to flat. The one still open at the end is
not counted: what it will bring is not known (it is in the equity curve, marked).
Sums are exact; only the last division is a float. A trade that ends at exactly 0
is neither won nor lost, but it is a trade.
"""

from collections.abc import Sequence
from decimal import Decimal

from qts.domain.money import ZERO, exact_arithmetic
from qts.research.undefined import Undefined


def win_rate(pnl: Sequence[Decimal]) -> float:
    """Share of closed trades with a net P&L above 0. pnl: quote, net, one per closed trade."""
    return sum(1 for amount in _some(pnl) if amount > 0) / len(pnl)


def profit_factor(pnl: Sequence[Decimal]) -> float:
    """Sum of the gains over the sum of the losses; 0 when nothing was won."""
    gained, lost = _gained_and_lost(_some(pnl))
    if lost == 0:
        raise Undefined(f"none of the {len(pnl)} closed trades lost money")
    return float(gained / lost)


def payoff(pnl: Sequence[Decimal]) -> float:
    """Mean gain of the winners over mean loss of the losers."""
    gained, lost = _gained_and_lost(_some(pnl))
    wins, losses = sum(1 for amount in pnl if amount > 0), sum(1 for amount in pnl if amount < 0)
    if losses == 0:
        raise Undefined(f"none of the {len(pnl)} closed trades lost money")
    if wins == 0:
        raise Undefined(f"none of the {len(pnl)} closed trades made money")
    return float((gained / wins) / (lost / losses))


def expectancy(pnl: Sequence[Decimal], capital: Decimal) -> float:
    """Mean net P&L of a closed trade as a fraction of the starting capital."""
    with exact_arithmetic():
        return float(sum(_some(pnl), ZERO) / len(pnl) / capital)


def _some(pnl: Sequence[Decimal]) -> Sequence[Decimal]:
    if len(pnl) == 0:
        raise Undefined("no trade was closed")
    return pnl


def _gained_and_lost(pnl: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    with exact_arithmetic():
        return (
            sum((amount for amount in pnl if amount > 0), ZERO),
            -sum((amount for amount in pnl if amount < 0), ZERO),
        )
