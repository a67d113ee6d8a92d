"""How much to trade so that a stopped-out trade costs what was planned: the two-percent rule.

    (held + quantity) x (|entry - stop| + costs of both ways, per unit) <= capital x risk_per_trade

Capital is the smaller of what is allocated to the strategy and its equity. What
is allocated is what its pool holds: what it was given and what has been realised
since. So a gain that is only on paper is not risked, and what has been lost on
paper is not risked either.

The rule is about the position, not the order: what is already held or asked for
on the same side counts, since one stop takes all of it. The quantity is clipped
by the leverage limit, which takes the same capital and counts what is held
elsewhere, so that strategies which keep to theirs keep the account to its own; by
free margin; and rounded down to the lot. What is less than a lot, or worth less
than the instrument's minimum, is refused where orders are made of it
(execution/cycle.py), never rounded up. Costs are estimated with the entry for the
way in and the stop for the way out; where there is slippage, the price of either may
be rounded by a tick.
"""

from decimal import Decimal

from qts.domain.instrument import Instrument
from qts.domain.money import ZERO
from qts.domain.value import value


@value(kw_only=True)
class SizingFacts:
    """What sizing may look at.

    allocated: what the strategy's pool holds; equity: of its whole book; available:
    free of margin; elsewhere: notional held and asked for on other symbols, 0 or
    more; all quote. held: what is held and asked for on the same side, base units,
    0 or more. cost_rate: fee and slippage of one way, fraction of notional.
    rounding: what a taker's price is rounded against us by at most, quote per base.
    leverage: the account's setting for the symbol.
    """

    allocated: Decimal
    equity: Decimal
    available: Decimal
    held: Decimal
    elsewhere: Decimal
    cost_rate: Decimal
    leverage: int
    leverage_max: Decimal
    risk_per_trade: Decimal
    rounding: Decimal = ZERO

    @property
    def capital(self) -> Decimal:
        """What the two percent and the leverage limit are of."""
        return min(self.allocated, self.equity)


def quantity_for_stop(entry: Decimal, stop: Decimal, instrument: Instrument, facts: SizingFacts) -> Decimal:
    """Base units, on the lot grid, 0 when even one lot is too much. entry, stop: quote per base, not equal."""
    loss_per_unit = abs(entry - stop) + (entry + stop) * facts.cost_rate + 2 * facts.rounding
    wanted = max(ZERO, facts.capital * facts.risk_per_trade / loss_per_unit - facts.held)
    return instrument.quantity_down(min(wanted, quantity_allowed(entry, facts)))


def quantity_allowed(entry: Decimal, facts: SizingFacts) -> Decimal:
    """The most that leverage limit and free margin allow, base units, not yet on the lot grid.

    The worse price a taker pays is counted in, so that an order sized to the
    limit still fits when it fills at the price it was decided at.
    """
    price = entry * (1 + facts.cost_rate)
    by_leverage = (facts.leverage_max * facts.capital - facts.held * entry - facts.elsewhere) / price
    by_margin = facts.available * facts.leverage / (price * (1 + facts.leverage * facts.cost_rate))
    return max(ZERO, min(by_leverage, by_margin))


def cost_to_open(quantity: Decimal, entry: Decimal, leverage: int, cost_rate: Decimal) -> Decimal:
    """What opening takes of the free money, quote: margin and costs, at the worse price a taker pays."""
    return quantity * entry * (1 + cost_rate) * (1 + leverage * cost_rate) / leverage
