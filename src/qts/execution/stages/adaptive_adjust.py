"""Stage five: what to do with an order that does not fill, one round at a time.

Slippage is what the order costs more than at its arrival price, all rounds
together: what filled, at the prices it filled at, and what is left, at the price
it could be had for now (the far touch; without a quote the order's own limit),
per arrival notional and signed by side. Better than arrival is negative and is
never held against the order.

A round is one answer other than STOP; the caller counts them, lets ``round_ms``
pass between two, and comes again with one more in ``rounds``. So there are never
more than ``rounds_max`` rounds, and the call after the last one answers STOP.

In this order: slippage above ``stop_at``, or no round left, stops (FS094).
Slippage above ``hold_at`` holds the price (GR063). What the balance does not
carry is taken off. An urgent order goes to market. On bars nothing else is
possible, since a bar has no touch to move to: the order waits. Otherwise its
price is improved by ``step``, never beyond the far touch.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from qts.domain.instrument import Instrument
from qts.domain.money import ZERO
from qts.domain.order import Side
from qts.domain.safety_code import SafetyCode
from qts.execution.contracts import AdjustAction, Adjustment, ExecutionAlert, SlippageConfig, Urgency

STAGE: Final = "adjusting"

_WAIT: Final = AdjustAction(Adjustment.WAIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustFacts:
    """What a round looks at.

    limit_price: of the order that does not fill, None at market. filled, notional:
    base and quote of all that filled of the decision. left: base units, above 0.
    bid, ask: None without a quote. rounds: done so far. on_bars: time comes in
    bars, so there is no touch. available: quote the rest may take up, what the
    order at work has set aside included; None when nothing is to be checked, as
    for what only reduces. leverage: what one of ``available`` carries.
    """

    decision_id: str
    instrument: Instrument
    side: Side
    arrival_price: Decimal
    limit_price: Decimal | None
    filled: Decimal
    notional: Decimal
    left: Decimal
    bid: Decimal | None
    ask: Decimal | None
    rounds: int
    urgency: Urgency
    on_bars: bool
    available: Decimal | None
    leverage: int = 1

    @property
    def far_touch(self) -> Decimal | None:
        return self.ask if self.side is Side.BUY else self.bid

    @property
    def price_in_prospect(self) -> Decimal | None:
        """What the rest would be had for now; None when nothing tells."""
        touch = self.far_touch
        return self.limit_price if touch is None else touch


def adjust(  # noqa: PLR0911 - one situation, one answer
    facts: AdjustFacts, config: SlippageConfig
) -> AdjustAction:
    """The next step for what is left."""
    slipped = slippage(facts)
    if slipped > config.stop_at:
        return _stop(facts, f"slippage {slipped:.4%} is above {config.stop_at:.4%}")
    if facts.rounds >= config.rounds_max:
        return _stop(facts, f"{facts.rounds} rounds of adjustment are used up")
    if slipped > config.hold_at:
        detail = f"slippage {slipped:.4%} is above {config.hold_at:.4%}: the price is held"
        alert = ExecutionAlert(SafetyCode.GR063, facts.decision_id, STAGE, detail)
        return AdjustAction(Adjustment.WAIT, alerts=(alert,))
    carried = _carried(facts)
    if carried < facts.left:
        return _reduced(facts, carried)
    if facts.limit_price is None:
        return _WAIT
    if facts.urgency is Urgency.URGENT:
        return AdjustAction(Adjustment.CONVERT_MARKET)
    price = None if facts.on_bars else _improved(facts, facts.limit_price, config.step)
    return _WAIT if price is None else AdjustAction(Adjustment.PRICE_IMPROVE, price=price)


def slippage(facts: AdjustFacts) -> Decimal:
    """Fraction of the arrival notional, positive is worse for us; 0 while nothing has filled and no price is known."""
    prospect = facts.price_in_prospect
    quantity, paid = facts.filled, facts.notional
    if prospect is not None:
        quantity += facts.left
        paid += facts.left * prospect
    if quantity == 0:
        return ZERO
    arrival = quantity * facts.arrival_price
    return facts.side.sign * (paid - arrival) / arrival


def _stop(facts: AdjustFacts, detail: str) -> AdjustAction:
    return AdjustAction(Adjustment.STOP, alerts=(ExecutionAlert(SafetyCode.FS094, facts.decision_id, STAGE, detail),))


def _carried(facts: AdjustFacts) -> Decimal:
    """Base units of the rest that the balance carries, at the dearer of its limit and the far touch."""
    if facts.available is None:
        return facts.left
    return max(ZERO, facts.available * facts.leverage / max(_prices(facts)))


def _prices(facts: AdjustFacts) -> list[Decimal]:
    """At which the rest may come to be filled."""
    known = [price for price in (facts.limit_price, facts.far_touch) if price is not None]
    return known or [facts.arrival_price]


def _reduced(facts: AdjustFacts, carried: Decimal) -> AdjustAction:
    """The rest shrinks to what is carried; what the venue would not take as an order is given up without a code."""
    if facts.on_bars:
        return _WAIT
    quantity = facts.instrument.quantity_down(carried)
    if quantity == 0 or quantity * min(_prices(facts)) < facts.instrument.notional_min:
        return AdjustAction(Adjustment.STOP)
    return AdjustAction(Adjustment.REDUCE_QUANTITY, quantity=quantity)


def _improved(facts: AdjustFacts, limit_price: Decimal, step: Decimal) -> Decimal | None:
    """The limit one step nearer the far touch and not beyond it; None when it is there, or nobody knows where it is.

    The tick is the one on our side of the step, so that a round gives up no more
    than the step; where a step is less than a tick, it is a tick.
    """
    touch, instrument = facts.far_touch, facts.instrument
    if touch is None:
        return None
    if facts.side is Side.BUY:
        stepped = instrument.price_down(limit_price * (1 + step))
        price = min(max(stepped, limit_price + instrument.tick), touch)
        return price if price > limit_price else None
    stepped = instrument.price_up(limit_price * (1 - step))
    price = max(min(stepped, limit_price - instrument.tick), touch)
    return price if price < limit_price else None
