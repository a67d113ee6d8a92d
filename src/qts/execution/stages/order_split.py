"""Stage two: the orders a decision is sent as.

    SINGLE    one order, now
    TWAP      equal slices at equal distances over the horizon
    VWAP      slices over the horizon by the instrument's volume profile, each at most a share of what
              is expected to trade until the next; the last one takes the rest
    ICEBERG   chunks of a visible share; all are due now, and the pipeline sends one when the one before is filled

A decision that names an algorithm is obeyed. Otherwise: a schedule needs a
horizon, so without one the order is one order, whatever its size. With one,
up to ``min_split_lots`` is SINGLE; more than ``iceberg_lots`` and not urgent
is ICEBERG; then VWAP where there is a profile, else TWAP. A stop order waits
for its trigger as one order, always.

VWAP needs a profile that is known by now and expects some trading in the
window; without one the order is worked as TWAP, and the answer says so. URGENT
halves the horizon.

Always true of the slices: each is on the lot grid and at least the minimum
notional (unless the whole is smaller, or only reduces), none is scheduled
before the one before it or at the horizon's end, there are at most ``slices_max``
of them, and they sum to exactly the quantity.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from qts.domain.errors import StrategyError
from qts.domain.instant import Duration, Instant
from qts.domain.instrument import Instrument
from qts.domain.order import Effect, OrderType
from qts.domain.safety_code import SafetyCode
from qts.domain.value import maker, value
from qts.execution.client_ids import slice_id
from qts.execution.contracts import (
    ExecutionAlert,
    OrderDecision,
    Role,
    SplitAlgorithm,
    SplitConfig,
    SplitOrder,
    SplitResult,
    Urgency,
)
from qts.market.volume_profile import VolumeProfile

STAGE: Final = "splitting"

_REDUCE, _EXIT, _ENTRY = Effect.REDUCE, Role.EXIT, Role.ENTRY
_slice: Final = maker(SplitOrder)


@value
class SplitFacts:
    """price: what the minimum notional is judged at, quote per base; an order's own price where that is lower."""

    instrument: Instrument
    price: Decimal
    profile: VolumeProfile | None = None


def whole(decision: OrderDecision, quantity: Decimal, now: Instant) -> tuple[SplitOrder, ...]:
    """The one order that SINGLE is."""
    return (_order(decision, quantity, 0, now),)


def capped(slices: Sequence[SplitOrder], quantity_max: Decimal, instrument: Instrument) -> tuple[SplitOrder, ...]:
    """The same, with every order at market cut into equal parts that the venue takes, each due when the whole was.

    quantity_max: the venue's largest market order, base units, a lot at least.
    """
    parts: list[SplitOrder] = []
    lots_max = int(quantity_max // instrument.lot)
    for each in slices:
        lots = int(each.quantity // instrument.lot)
        count = -(-lots // lots_max) if each.type is OrderType.MARKET else 1
        for part in _equal(lots, count):
            number = len(parts)
            client_id = slice_id(each.parent_id, number, 1)
            parts.append(replace(each, client_id=client_id, quantity=part * instrument.lot, sequence=number))
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be cut up, in lots of ``lot``. lots_min: the fewest the venue takes as one order."""

    lots: int
    lots_min: int
    lot: Decimal
    now: Instant
    horizon: Duration

    def starts(self, count: int) -> list[Instant]:
        """``count`` instants at equal distances over the horizon, the first of them now."""
        return [self.now + number * self.horizon // count for number in range(count)]


@dataclass(frozen=True, slots=True)
class _Plan:
    """lots, starts: of each slice, and its instant. wanted: how many slices there would have been without a limit."""

    lots: Sequence[int]
    starts: Sequence[Instant]
    wanted: int


def split(
    decision: OrderDecision, quantity: Decimal, facts: SplitFacts, config: SplitConfig, now: Instant
) -> SplitResult:
    """The slices of ``quantity``, which is on the lot grid and above 0. Raises StrategyError when it is not."""
    lot = facts.instrument.lot
    if quantity % lot:
        raise StrategyError(f"order {decision.order.order_id}: {quantity} is not a whole number of lots of {lot}")
    algorithm = decision.algorithm
    if decision.horizon_ms == 0 and algorithm is None:
        return _single(decision, quantity, now)
    horizon = decision.horizon_ms // 2 if decision.urgency is Urgency.URGENT else decision.horizon_ms
    task = _Task(int(quantity // lot), _lots_min(decision, facts), lot, now, horizon)
    profile = _usable(facts.profile, now, now + horizon)
    if decision.order.type is OrderType.STOP:
        algorithm = SplitAlgorithm.SINGLE
    elif algorithm is None:
        algorithm = _by_rule(decision, task.lots, profile, config)
    match algorithm:
        case SplitAlgorithm.SINGLE:
            return _single(decision, quantity, now)
        case SplitAlgorithm.ICEBERG:
            plan = _iceberg(task, config)
        case SplitAlgorithm.VWAP if profile is not None:
            plan = _vwap(task, profile, config)
        case SplitAlgorithm.VWAP | SplitAlgorithm.TWAP:
            algorithm = SplitAlgorithm.TWAP
            plan = _twap(task, config)
    slices = tuple(
        _order(decision, lots * lot, number, start)
        for number, (lots, start) in enumerate(zip(plan.lots, plan.starts, strict=True))
    )
    return SplitResult(algorithm, slices, _alerts(decision, plan.wanted, config))


# -- which way ----------------------------------------------------------------------


def _by_rule(decision: OrderDecision, lots: int, profile: VolumeProfile | None, config: SplitConfig) -> SplitAlgorithm:
    if lots <= config.min_split_lots:
        return SplitAlgorithm.SINGLE
    if lots > config.iceberg_lots and decision.urgency is not Urgency.URGENT:
        return SplitAlgorithm.ICEBERG
    return SplitAlgorithm.TWAP if profile is None else SplitAlgorithm.VWAP


def _usable(profile: VolumeProfile | None, start: Instant, end: Instant) -> VolumeProfile | None:
    if profile is None or profile.known_at > start or profile.volume(start, end) == 0:
        return None
    return profile


# -- how much, when -----------------------------------------------------------------


def _lots_min(decision: OrderDecision, facts: SplitFacts) -> int:
    """The fewest lots the venue takes as one order."""
    if decision.order.effect is Effect.REDUCE:
        return 1
    limit = decision.order.price
    price = facts.price if limit is None else min(facts.price, limit)
    whole, rest = divmod(facts.instrument.notional_min, facts.instrument.lot * price)
    return max(1, int(whole) + (rest > 0))


def _equal(lots: int, count: int) -> list[int]:
    """``count`` parts that differ by at most one lot, the larger ones first."""
    each, over = divmod(lots, count)
    return [each + 1] * over + [each] * (count - over)


def _twap(task: _Task, config: SplitConfig) -> _Plan:
    wanted = max(1, min(config.twap_slices, task.lots // task.lots_min))
    count = min(wanted, config.slices_max)
    return _Plan(_equal(task.lots, count), task.starts(count), wanted)


def _iceberg(task: _Task, config: SplitConfig) -> _Plan:
    chunk = max(task.lots_min, int(task.lots * config.iceberg_visible))
    count, tail = divmod(task.lots, chunk)
    wanted = max(1, count + (tail >= task.lots_min))
    if wanted > config.slices_max:
        parts = _equal(task.lots, config.slices_max)
    else:
        parts = [chunk] * wanted
        parts[-1] += task.lots - chunk * wanted
    return _Plan(parts, [task.now] * len(parts), wanted)


def _vwap(task: _Task, profile: VolumeProfile, config: SplitConfig) -> _Plan:
    """One slot per bucket of the profile, and at least as many as TWAP would have.

    A part too small to be an order waits for the next slot; only the first goes
    out now even so, as the smallest order there is. What is too small at the end
    joins the last slice. ``earned`` is how much may be sent: the participation cap
    over the slots since the last slice.
    """
    wanted = max(1, min(max(config.twap_slices, task.horizon // profile.bucket_ms), task.lots // task.lots_min))
    count = min(wanted, config.slices_max)
    end = task.now + task.horizon
    traded = Fraction(profile.day_volume) * profile.volume(task.now, end) / Fraction(task.lot)
    cap = Fraction(config.participation_max) * traded
    parts: list[int] = []
    starts: list[Instant] = []
    done, earned, share_so_far = 0, Fraction(0), Fraction(0)
    slots = zip(task.starts(count), profile.shares(task.now, end, count), strict=True)
    for number, (start, share) in enumerate(slots, start=1):
        share_so_far += share
        earned += cap * share
        lots = min(int(task.lots * share_so_far) - done, int(earned))
        if number == count:
            lots = task.lots - done
        elif number == 1:
            lots = max(lots, task.lots_min)
        if lots >= task.lots_min or not parts:
            parts.append(lots)
            starts.append(start)
            done, earned = done + lots, Fraction(0)
    parts[-1] += task.lots - done
    return _Plan(parts, starts, wanted)


def _alerts(decision: OrderDecision, wanted: int, config: SplitConfig) -> tuple[ExecutionAlert, ...]:
    if wanted <= config.slices_max:
        return ()
    detail = f"{wanted} slices, consolidated to {config.slices_max}"
    return (ExecutionAlert(SafetyCode.GR060, decision.order.order_id, STAGE, detail),)


def _single(decision: OrderDecision, quantity: Decimal, now: Instant) -> SplitResult:
    return SplitResult(SplitAlgorithm.SINGLE, whole(decision, quantity, now))


def _order(decision: OrderDecision, quantity: Decimal, sequence: int, send_at: Instant) -> SplitOrder:
    order = decision.order
    reduces = order.effect is _REDUCE
    return _slice(
        slice_id(order.order_id, sequence, 1),
        order.order_id,
        order.symbol,
        order.side,
        order.type,
        quantity,
        order.price,
        reduces,
        _EXIT if reduces else _ENTRY,
        sequence,
        1,
        send_at,
    )
