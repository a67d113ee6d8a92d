"""How much to trade so that a stopped-out trade costs what was planned: the two-percent rule.

    quantity = equity x risk_per_trade / (|entry - stop| + costs of both ways, per unit) - held

The rule is about the position, not the order: what is already held or asked for
on the same side counts, since one stop takes all of it. The quantity is clipped
by the leverage limit and by free margin and rounded down to the lot.
Costs are estimated with the entry for the way in and the stop for the way out.
"""

from decimal import Decimal

from qts.domain.instrument import Instrument
from qts.domain.money import ZERO
from qts.domain.value import value


@value(kw_only=True)
class SizingFacts:
    """What sizing may look at.

    equity, available (free of margin): quote. held: what is held and asked for
    on the same side, base units, 0 or more. cost_rate: fee and slippage of one
    way, fraction of notional. leverage: the account's setting for the symbol.
    """

    equity: Decimal
    available: Decimal
    held: Decimal
    cost_rate: Decimal
    leverage: int
    leverage_max: Decimal
    risk_per_trade: Decimal


def quantity_for_stop(entry: Decimal, stop: Decimal, instrument: Instrument, facts: SizingFacts) -> Decimal:
    """Base units, on the lot grid, 0 when even one lot is too much. entry, stop: quote per base, not equal."""
    loss_per_unit = abs(entry - stop) + (entry + stop) * facts.cost_rate
    wanted = max(ZERO, facts.equity * facts.risk_per_trade / loss_per_unit - facts.held)
    return instrument.quantity_down(min(wanted, quantity_allowed(entry, facts)))


def quantity_allowed(entry: Decimal, facts: SizingFacts) -> Decimal:
    """The most that leverage limit and free margin allow, base units, not yet on the lot grid.

    The worse price a taker pays is counted in, so that an order sized to the
    limit still fits when it fills at the price it was decided at.
    """
    price = entry * (1 + facts.cost_rate)
    by_leverage = (facts.leverage_max * facts.equity - facts.held * entry) / price
    by_margin = facts.available / (price / facts.leverage + price * facts.cost_rate)
    return max(ZERO, min(by_leverage, by_margin))
