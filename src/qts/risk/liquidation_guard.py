"""No liquidation before the stop: the stop must be reached, filled and paid for while the position still lives.

The stop is triggered at its price, fills a ``gap`` beyond it, and by then the
position has paid its exit ``fee`` and one bad ``funding``. If the venue would
have taken the position before that, it may not be opened, added to, or left as
it is. The bracket is that of the date and of the notional at the price looked at.

Absence means no: without a stop or a bracket table the answer is that the stop does
not lie before liquidation. Who asks it of orders is ``calculators/stop.py``, which
asks only where there is a stop: how near liquidation may be to a position that has
none is another limit's business (``calculators/liquidation.py``). Of what is held
it is asked again after whatever can change the answer, an addition, a partial fill,
funding, another leverage, by whoever keeps the book (simulation's ``stop_recheck.py``).
"""

from dataclasses import replace
from decimal import Decimal
from typing import Final, TypeAlias

from qts.domain.errors import PolicyError
from qts.domain.instant import Instant
from qts.domain.money import ZERO, exact_arithmetic, plain
from qts.domain.refusal import RefusalCode
from qts.domain.value import value
from qts.market.brackets import BracketHistory, BracketTable
from qts.risk.liquidation import Backing, MarginMode, liquidation_price, margin_excess

_ONE: Final = Decimal(1)


@value(kw_only=True)
class Buffer:
    """What may be lost between the stop and its fill; each a fraction, 0 or more, below 1.

    fee: of the exit, of notional. funding: paid before the exit, of notional.
    gap: from the trigger to the price of the fill, of the stop's price.
    """

    fee: Decimal = Decimal("0.001")
    funding: Decimal = Decimal("0.003")
    gap: Decimal = Decimal("0.01")

    def __post_init__(self) -> None:
        for name in ("fee", "funding", "gap"):
            if not ZERO <= getattr(self, name) < _ONE:
                raise PolicyError(f"buffer {name} must be 0 or more and below 1, not {getattr(self, name)}")


@value(kw_only=True)
class StopFacts:
    """A position as it would be, or is, and its stop.

    position: signed base units, not 0. basis: signed entry notional, quote.
    leverage: the account's setting for the symbol, 1 or more. at: the instant the brackets are those of.
    """

    position: Decimal
    basis: Decimal
    backing: Backing
    leverage: int
    stop: Decimal | None
    brackets: BracketHistory | None
    at: Instant
    buffer: Buffer = Buffer()


@value(kw_only=True)
class StopHolds:
    """The stop is filled while the position lives.

    liquidation: as things stand; nearest_stop: the border the stop keeps this side of, at this buffer. Quote per base,
    None when there is no such price.
    """

    stop: Decimal
    liquidation: Decimal | None
    nearest_stop: Decimal | None


@value(kw_only=True)
class LiquidationFirst:
    """The position may not be so.

    liquidation: as things stand, quote per base; None when it is not known or is every price.
    nearest_stop: the border the stop must not reach, at this buffer; None when there is none or it is not known.
    Where it is no loss from the entry any more, no stop at a loss will do: the position is too large for its margin.
    """

    code: RefusalCode
    stop: Decimal | None
    liquidation: Decimal | None
    nearest_stop: Decimal | None
    sentence: str


StopVerdict: TypeAlias = StopHolds | LiquidationFirst


def stop_before_liquidation(facts: StopFacts) -> StopVerdict:
    """Whether the stop is filled before the venue takes the position; both numbers where it is not."""
    if facts.stop is None or facts.brackets is None:
        missing = "stop loss" if facts.stop is None else "bracket table"
        return LiquidationFirst(
            code=RefusalCode.SIZE_NEEDS_STOP if facts.stop is None else RefusalCode.LIQUIDATION_BEFORE_STOP,
            stop=facts.stop,
            liquidation=None,
            nearest_stop=None,
            sentence=f"without a {missing} it cannot be known that the stop comes before liquidation",
        )
    with exact_arithmetic():
        return _judged(facts, facts.stop, facts.brackets.at(facts.at))


def added(facts: StopFacts, quantity: Decimal, price: Decimal) -> StopFacts:
    """The facts with more of the same side, base units, above 0: isolated, it brings its own initial margin."""
    with exact_arithmetic():
        signed = quantity if facts.position > ZERO else -quantity
        backing = facts.backing
        if backing.mode is MarginMode.ISOLATED:
            backing = replace(backing, wallet=backing.wallet + quantity * price / facts.leverage)
        return replace(facts, position=facts.position + signed, basis=facts.basis + signed * price, backing=backing)


def _judged(facts: StopFacts, stop: Decimal, table: BracketTable) -> StopVerdict:
    position, basis, margin, buffer = facts.position, facts.basis, facts.backing.margin, facts.buffer
    worse = _ONE - buffer.gap if position > ZERO else _ONE + buffer.gap
    notional = max(abs(basis), abs(position) * stop * worse)
    left = margin - (buffer.fee + buffer.funding) * notional
    liquidation = liquidation_price(position, basis, margin, table)
    border = liquidation_price(position, basis, left, table)
    nearest = None if border is None else border / worse
    if margin_excess(position, basis, left, stop * worse, table) > ZERO:
        return StopHolds(stop=stop, liquidation=liquidation, nearest_stop=nearest)
    return LiquidationFirst(
        code=RefusalCode.LIQUIDATION_BEFORE_STOP,
        stop=stop,
        liquidation=liquidation,
        nearest_stop=nearest,
        sentence=f"stop {plain(stop)} does not lie before liquidation at {_price(liquidation)}: "
        f"with fee, funding and gap it would have to be nearer than {_price(nearest)}",
    )


def _price(price: Decimal | None) -> str:
    return "any price" if price is None else plain(round(price, 8))
