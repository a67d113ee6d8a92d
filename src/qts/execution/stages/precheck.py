"""Stage one: may this decision be executed now, and how much of it.

What reduces is asked only whether the venue takes orders: the limits guard what
increases, and the way out must stay open. For what increases, in this order:
safety state, an order with an unknown outcome, the position's limit, the day's
number of executions, the age of the data, capital.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from qts.domain.instant import Duration
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, plain
from qts.domain.safety_code import SafetyCode
from qts.execution.contracts import ExecutionAlert, OrderDecision, PreCheckResult, only_reduces

STAGE: Final = "precheck"


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


@dataclass(frozen=True, slots=True)
class PreCheckFacts:
    """What the check looks at.

    exposure: base units toward this side if all that lives on it filled. opposing:
    base units held the other way, which this order would close first. available:
    quote free of margin, None where nobody said. quote_age: None without a quote.
    """

    instrument: Instrument
    why_no_increase: str | None
    has_unknown: bool
    market_open: bool
    exposure: Decimal
    opposing: Decimal
    available: Decimal | None
    executed_today: int
    quote_age: Duration | None


def precheck(  # noqa: PLR0911 - one check, one answer
    decision: OrderDecision, facts: PreCheckFacts, limits: PreCheckLimits
) -> PreCheckResult:
    """The quantity that may be executed, on the lot grid; 0 with the reason when none may."""
    order = decision.order
    if not facts.market_open:
        return _refused("the venue takes no orders on the symbol")
    if only_reduces(order):
        return PreCheckResult(order.quantity)
    if facts.why_no_increase is not None:
        return _refused(facts.why_no_increase)
    if facts.has_unknown:
        return _refused("an order on the symbol has an unknown outcome")
    after = facts.exposure + order.quantity
    if limits.position_max is not None and after > limits.position_max:
        return _refused(f"the position would be {plain(after)}, {plain(limits.position_max)} is allowed")
    if limits.executions_per_day_max is not None and facts.executed_today >= limits.executions_per_day_max:
        detail = f"{facts.executed_today} executions today, {limits.executions_per_day_max} are allowed"
        return _refused(detail, ExecutionAlert(SafetyCode.GR062, order.order_id, STAGE, detail))
    if limits.data_age_ms_max is not None and (facts.quote_age is None or facts.quote_age > limits.data_age_ms_max):
        return _refused("there is no quote fresh enough to trade on")
    return _within_capital(decision, facts, limits)


def _within_capital(decision: OrderDecision, facts: PreCheckFacts, limits: PreCheckLimits) -> PreCheckResult:
    order = decision.order
    if facts.available is None:
        return PreCheckResult(order.quantity)
    price = order.price if order.price is not None else decision.arrival_price
    carried = facts.available * limits.leverage / price + facts.opposing
    if order.quantity <= carried:
        return PreCheckResult(order.quantity)
    fitting = facts.instrument.quantity_down(max(ZERO, carried))
    detail = f"{plain(order.quantity)} wanted, the free balance carries {plain(fitting)}"
    alert = ExecutionAlert(SafetyCode.GR061, order.order_id, STAGE, detail)
    if fitting == 0 or fitting * price < facts.instrument.notional_min:
        return _refused(detail, alert)
    return PreCheckResult(fitting, (alert,), detail)


def _refused(reason: str, *alerts: ExecutionAlert) -> PreCheckResult:
    return PreCheckResult(ZERO, alerts, reason)
