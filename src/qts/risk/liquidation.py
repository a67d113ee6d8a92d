"""When the venue takes an isolated position away.

A position of signed quantity q with entry notional q x E and margin W is
liquidated when what it is worth falls to its maintenance margin:

    W + q x (P - E) = |q| x P x rate - deduction

with rate and deduction of the bracket that the notional |q| x P lies in.
Solved for P, with s the sign of q and Q = |q|:

    P = (W + deduction - s x Q x E) / (Q x rate - s x Q)

The bracket depends on P, so each is tried until the price it gives lies inside
it; maintenance margin is continuous, so one fits. Source: Binance's published
liquidation price formula for USD-M futures, isolated, one-way mode.
"""

from decimal import Decimal

from qts.domain.money import ZERO
from qts.market.brackets import BracketTable


def liquidation_price(position: Decimal, basis: Decimal, margin: Decimal, table: BracketTable) -> Decimal | None:
    """Mark price at which an isolated position is liquidated, quote per base, exact to the context's digits.

    position: signed base units, not 0. basis: signed entry notional, quote.
    margin: isolated wallet of the position, quote. None when no price above 0
    liquidates it (a long that put up all its notional).
    """
    quantity, sign = abs(position), 1 if position > 0 else -1
    fallback: Decimal | None = None
    for bracket in table.brackets:
        price = (margin + bracket.deduction - basis) / (quantity * bracket.maintenance_rate - sign * quantity)
        if price <= 0:
            continue
        notional = quantity * price
        if bracket.notional_floor <= notional < bracket.notional_cap:
            return price
        fallback = price  # above the last cap the last bracket rules
    return fallback if fallback is not None and quantity * fallback >= table.brackets[-1].notional_cap else None


def maintenance_margin(notional: Decimal, table: BracketTable) -> Decimal:
    """Margin a notional (0 or more, quote) must keep, quote."""
    bracket = table.of(notional)
    return max(ZERO, notional * bracket.maintenance_rate - bracket.deduction)
