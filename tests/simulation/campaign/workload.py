"""The strategies and the operator of a scenario: what the plan wants, at the prices and positions of the moment."""

from collections.abc import Sequence
from decimal import Decimal

from qts.domain.instrument import Instrument
from qts.domain.money import ZERO
from qts.domain.order import Effect, Order, OrderType, Side
from qts.execution.contracts import OrderDecision, SplitAlgorithm
from qts.execution.events import (
    Decided,
    Event,
    NetProtection,
    OperatorSaid,
    OperatorVerb,
    ProtectionWanted,
    Quote,
    Withdrawn,
)
from tests.simulation.campaign.swarm import Work

_OPERATOR = {
    "escape": OperatorVerb.ESCAPE,
    "kill": OperatorVerb.KILL,
    "resume": OperatorVerb.RESUME,
    "acknowledge": OperatorVerb.ACKNOWLEDGE,
    "pause": OperatorVerb.PAUSE,
}
_BP = Decimal("0.0001")
GAVE_UP = "its strategy gave it up"


def said(  # noqa: PLR0911, PLR0917 - one kind of work, one answer
    work: Work,
    number: int,
    now: int,
    instrument: Instrument | None,
    quote: Quote | None,
    position: Decimal,
    decided: Sequence[str] = (),
    *,
    shared: bool = False,
) -> Event | None:
    """The event, or None when there is nothing to say it about.

    position: as the machine's journal has it. decided: ids of what was decided on the symbol so far, in order.
    shared: several strategies trade the account.
    """
    if (verb := _OPERATOR.get(work.kind)) is not None:
        return OperatorSaid(verb, "operator", "campaign", work.symbol)
    if instrument is None or quote is None:
        return None
    if work.kind == "withdraw":
        return Withdrawn((decided[-work.back],), GAVE_UP) if len(decided) >= work.back else None
    if work.kind == "protect":
        wanted = _protect(work, instrument, quote, position)
        if wanted is None or not shared:
            return wanted
        return NetProtection(wanted.symbol, wanted.stop_loss, wanted.take_profit)
    name = f"q{number}"
    if work.kind == "exit":
        closing = _exit(work, name, now, instrument, quote, position)
        return None if closing is None else Decided((closing,))
    entry = _entry(work, name, now, instrument, quote)
    if position * work.sign >= 0:
        return Decided((entry,))
    turn = Work(work.at, "exit", work.symbol)
    closing = _exit(turn, f"{name}x", now, instrument, quote, position)
    return Decided((entry,)) if closing is None else Decided((closing, entry))


def _away(instrument: Instrument, mark: Decimal, bp: int, sign: int) -> Decimal:
    return instrument.price_down(mark * (1 + sign * bp * _BP))


def _entry(work: Work, name: str, now: int, instrument: Instrument, quote: Quote) -> OrderDecision:
    side = Side.BUY if work.sign > 0 else Side.SELL
    near = quote.bid if side is Side.BUY else quote.ask
    price = None if work.type == "market" else _away(instrument, near, work.offset_bp, -work.sign)
    base = quote.mark if price is None else price
    order = Order(
        order_id=name,
        symbol=work.symbol,
        side=side,
        type=OrderType(work.type),
        quantity=work.lots * instrument.lot,
        effect=Effect.INCREASE,
        price=price,
        stop_loss=_away(instrument, base, work.stop_bp, -work.sign),
        take_profit=_away(instrument, base, work.target_bp, work.sign) if work.target_bp else None,
        created_at=now,
        good_until=now + work.good_ms if work.good_ms else None,
        reason="campaign",
    )
    return OrderDecision(
        order=order,
        arrival_price=quote.mark,
        strategy_id=f"s{work.lots % 3}",
        algorithm=SplitAlgorithm(work.algorithm) if work.algorithm else None,
        horizon_ms=work.horizon_ms,
        loss_limit=base * work.lots * instrument.lot / 100 if work.lots > 1_000 else None,
    )


def _exit(  # noqa: PLR0917
    work: Work, name: str, now: int, instrument: Instrument, quote: Quote, position: Decimal
) -> OrderDecision | None:
    quantity = instrument.quantity_down(abs(position) * work.share / 100)
    if quantity == 0:
        return None
    side = Side.SELL if position > 0 else Side.BUY
    far = quote.ask if side is Side.SELL else quote.bid
    order = Order(
        order_id=name,
        symbol=work.symbol,
        side=side,
        type=OrderType(work.type),
        quantity=quantity,
        effect=Effect.REDUCE,
        price=None if work.type == "market" else _away(instrument, far, work.offset_bp, -side.sign),
        stop_loss=None,
        take_profit=None,
        created_at=now,
        good_until=now + work.good_ms if work.good_ms else None,
        reason="campaign",
    )
    return OrderDecision(order=order, arrival_price=quote.mark)


def _protect(work: Work, instrument: Instrument, quote: Quote, position: Decimal) -> ProtectionWanted | None:
    if position == ZERO:
        return None
    sign = 1 if position > 0 else -1
    target = _away(instrument, quote.mark, work.target_bp, sign) if work.target_bp else None
    return ProtectionWanted(work.symbol, _away(instrument, quote.mark, work.stop_bp, -sign), target)
