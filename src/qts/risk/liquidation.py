"""When the venue takes a position away, isolated or cross.

A position of signed quantity q with entry notional q x E and margin W behind it
is liquidated when what it is worth falls to its maintenance margin:

    W + q x (P - E) = |q| x P x rate - deduction

with rate and deduction of the bracket that the notional |q| x P lies in.
Solved for P, with s the sign of q and Q = |q|:

    P = (W + deduction - s x Q x E) / (Q x rate - s x Q)

The bracket depends on P, so each is tried until the price it gives lies inside
it; maintenance margin is continuous, so one fits.

What stands behind a position (``Backing.margin``): isolated, its own wallet;
cross, the wallet of the account plus what all other contracts have won or lost
so far, less the maintenance margin they must keep. A cross price is therefore
that of the moment: it moves when the others do. Source: Binance's published
liquidation price formula for USD-M futures, one-way mode.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from qts.domain.money import ZERO
from qts.domain.plain_enum import plain_members
from qts.domain.value import value
from qts.market.brackets import BracketTable


@plain_members
class MarginMode(StrEnum):
    ISOLATED = "isolated"
    CROSS = "cross"


@value(kw_only=True)
class Marked:
    """A position at its mark price. position: signed base units, basis: signed entry notional, mark: quote per base."""

    position: Decimal
    basis: Decimal
    mark: Decimal
    table: BracketTable


@value(kw_only=True)
class Elsewhere:
    """All other contracts of a cross account together, quote. maintenance: 0 or more."""

    unrealised: Decimal = ZERO
    maintenance: Decimal = ZERO


@value(kw_only=True)
class Backing:
    """What stands behind one position. wallet: the position's own, isolated; the account's cross wallet, cross."""

    mode: MarginMode
    wallet: Decimal
    elsewhere: Elsewhere = Elsewhere()

    @property
    def margin(self) -> Decimal:
        """Quote. May be below 0: then only the position's own profit carries it."""
        if self.mode is MarginMode.ISOLATED:
            return self.wallet
        return self.wallet + self.elsewhere.unrealised - self.elsewhere.maintenance


def elsewhere(others: Iterable[Marked]) -> Elsewhere:
    """What the other contracts of a cross account add to, and take from, the margin of the one looked at."""
    unrealised = maintenance = ZERO
    for other in others:
        unrealised += other.position * other.mark - other.basis
        maintenance += maintenance_margin(abs(other.position) * other.mark, other.table)
    return Elsewhere(unrealised=unrealised, maintenance=maintenance)


def liquidation_price(position: Decimal, basis: Decimal, margin: Decimal, table: BracketTable) -> Decimal | None:
    """Mark price at which a position is liquidated, quote per base, exact to the context's digits.

    position: signed base units, not 0. basis: signed entry notional, quote.
    margin: what stands behind it (``Backing.margin``), quote. None when no price
    above 0 is the border: a long that put up all its notional, or a short whose
    debts exceed all it sold for; ``margin_excess`` tells them apart.
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


def margin_excess(position: Decimal, basis: Decimal, margin: Decimal, mark: Decimal, table: BracketTable) -> Decimal:
    """What is left above maintenance margin at a mark price, quote; at 0 and below, the position is taken."""
    return margin + position * mark - basis - maintenance_margin(abs(position) * mark, table)
