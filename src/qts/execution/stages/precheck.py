"""Stage one: may this decision be executed now, and how much of it.

What reduces is asked only whether the venue takes orders: the limits guard what
increases, and the way out must stay open. For what increases, in this order:
safety state, an order with an unknown outcome, the position's limit, the day's
number of executions, the age of the data, capital.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from qts.domain.instant import Duration, Instant
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, plain
from qts.domain.order import Effect, Side
from qts.domain.safety_code import SafetyCode
from qts.domain.value import maker
from qts.execution.contracts import ExecutionAlert, OrderDecision, PreCheckResult

STAGE: Final = "precheck"
_REDUCE: Final = Effect.REDUCE
_answer: Final = maker(PreCheckResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreCheckLimits:
    """None: no limit.

    position_max: base units, absolute. data_age_ms_max: oldest quote an increase
    may be sent on. leverage: whole, what a unit of free balance carries.
    """

    position_max: Decimal | None = None
    executions_per_day_max: int | None = None
    data_age_ms_max: Duration | None = None
    leverage: int = 1


class PreCheckDesk(Protocol):
    """What the check may ask, and asks only when a limit needs it."""

    available: Decimal | None
    """Quote free of margin, None where nobody said."""

    def market_open(self, symbol: str) -> bool: ...

    def why_no_increase(self, symbol: str, strategy_id: str) -> str | None: ...

    def unknown_on(self, symbol: str) -> bool:
        """Whether an order on the symbol has an unknown outcome."""
        ...

    def exposure(self, symbol: str, side: Side) -> Decimal:
        """Base units toward this side if all that lives on it filled."""
        ...

    def opposing(self, symbol: str, side: Side) -> Decimal:
        """Base units held the other way, which an order on this side would close first."""
        ...

    def executed(self, now: Instant) -> int:
        """Executions begun on this UTC day."""
        ...

    def quote_age(self, symbol: str, now: Instant) -> Duration | None:
        """None without a quote."""
        ...


def precheck(  # noqa: PLR0911 - one check, one answer
    decision: OrderDecision, desk: PreCheckDesk, limits: PreCheckLimits, instrument: Instrument, now: Instant
) -> PreCheckResult:
    """The quantity that may be executed, on the lot grid; 0 with the reason when none may."""
    order, symbol = decision.order, decision.order.symbol
    if not desk.market_open(symbol):
        return _refused("the venue takes no orders on the symbol")
    if order.effect is _REDUCE:
        return _answer(order.quantity)
    forbidden = desk.why_no_increase(symbol, decision.strategy_id)
    if forbidden is not None:
        return _refused(forbidden)
    if desk.unknown_on(symbol):
        return _refused("an order on the symbol has an unknown outcome")
    if limits.position_max is not None and desk.exposure(symbol, order.side) + order.quantity > limits.position_max:
        after = desk.exposure(symbol, order.side) + order.quantity
        return _refused(f"the position would be {plain(after)}, {plain(limits.position_max)} is allowed")
    if limits.executions_per_day_max is not None and desk.executed(now) >= limits.executions_per_day_max:
        detail = f"{desk.executed(now)} executions today, {limits.executions_per_day_max} are allowed"
        return _refused(detail, ExecutionAlert(SafetyCode.GR062, order.order_id, STAGE, detail))
    if limits.data_age_ms_max is not None:
        age = desk.quote_age(symbol, now)
        if age is None or age > limits.data_age_ms_max:
            return _refused("there is no quote fresh enough to trade on")
    if desk.available is None:
        return _answer(order.quantity)
    return _within_capital(decision, desk.available, desk, limits, instrument)


def _within_capital(
    decision: OrderDecision, available: Decimal, desk: PreCheckDesk, limits: PreCheckLimits, instrument: Instrument
) -> PreCheckResult:
    order = decision.order
    price = order.price if order.price is not None else decision.arrival_price
    carried = available * limits.leverage / price + desk.opposing(order.symbol, order.side)
    if order.quantity <= carried:
        return _answer(order.quantity)
    fitting = instrument.quantity_down(max(ZERO, carried))
    detail = f"{plain(order.quantity)} wanted, the free balance carries {plain(fitting)}"
    alert = ExecutionAlert(SafetyCode.GR061, order.order_id, STAGE, detail)
    if fitting == 0 or fitting * price < instrument.notional_min:
        return _refused(detail, alert)
    return _answer(fitting, (alert,), detail)


def _refused(reason: str, *alerts: ExecutionAlert) -> PreCheckResult:
    return _answer(ZERO, alerts, reason)
