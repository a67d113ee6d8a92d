"""The two-percent rule on what a strategy was given: its allocated capital, never the whole account's equity.

    (held + quantity) x (|entry - stop| + costs of both ways, per unit) <= allocated x risk_per_trade

The base is the smaller of the two, allocated capital and equity: an account
that has lost what it had allotted does not risk what is gone. The leverage limit
takes the same base, so that strategies which keep to theirs keep the account to
its own. Rounded down to the lot; what is worth less than the instrument's
minimum is refused, never rounded up.
"""

from dataclasses import replace
from decimal import Decimal

from qts.domain.instrument import Instrument
from qts.domain.money import exact_arithmetic, plain
from qts.domain.refusal import RefusalCode
from qts.domain.value import value
from qts.risk.sizing import SizingFacts, quantity_for_stop


@value(kw_only=True)
class Sized:
    """quantity: base units, on the lot grid, above 0. loss_at_stop: what is held included. Money in quote."""

    quantity: Decimal
    loss_at_stop: Decimal
    loss_allowed: Decimal


@value(kw_only=True)
class NotSized:
    code: RefusalCode
    sentence: str


def sized_by_allocation(
    entry: Decimal, stop: Decimal, instrument: Instrument, *, allocated: Decimal, facts: SizingFacts
) -> Sized | NotSized:
    """How much to open. entry, stop: quote per base, not equal. allocated: the strategy's capital, quote.

    facts.held: what the strategy holds and has asked for on this side; facts.equity: the account's.
    """
    with exact_arithmetic():
        own = replace(facts, equity=min(allocated, facts.equity))
        quantity = quantity_for_stop(entry, stop, instrument, own)
        if not quantity > 0:
            return NotSized(
                code=RefusalCode.QUANTITY_BELOW_LOT,
                sentence=f"capital of {own.equity:.2f} with {plain(facts.held)} held allows less than one lot of "
                f"{plain(instrument.lot)}",
            )
        if quantity * entry < instrument.notional_min:
            return NotSized(
                code=RefusalCode.NOTIONAL_BELOW_MINIMUM,
                sentence=f"{plain(quantity)} at {plain(entry)} is worth less than {plain(instrument.notional_min)}",
            )
        loss_per_unit = abs(entry - stop) + (entry + stop) * facts.cost_rate
        return Sized(
            quantity=quantity,
            loss_at_stop=(facts.held + quantity) * loss_per_unit,
            loss_allowed=own.equity * facts.risk_per_trade,
        )
