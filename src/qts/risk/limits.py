"""Every limit in words, and what it measures in numbers.

A limit is data: what it measures and from which base, what it stops, how it
resets. A ``Measured`` is one limit of one book at one moment: the value, the
bound, and the distance between them, so that it can always be seen how far away
a limit is. Measuring is the calculators' (``calculators``), deciding is
``staging``'s; this file does neither.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from qts.domain.instant import format_duration
from qts.domain.money import ZERO, plain
from qts.domain.plain_enum import plain_members
from qts.domain.refusal import RefusalCode
from qts.domain.value import maker, value


@plain_members
class LimitName(StrEnum):
    DATA_AGE = "data-age"
    PRICE_COLLAR = "price-collar"
    ORDER_SIZE = "order-size"
    ORDER_NOTIONAL = "order-notional"
    SYMBOL_EXPOSURE = "symbol-exposure"
    GROSS_EXPOSURE = "gross-exposure"
    NET_EXPOSURE = "net-exposure"
    LEVERAGE = "leverage"
    DAILY_LOSS = "daily-loss"
    DRAWDOWN = "drawdown"
    HEAT = "heat"
    ORDERS_PER_SECOND = "orders-per-second"
    ORDERS_PER_MINUTE = "orders-per-minute"
    REVERSALS_PER_HOUR = "reversals-per-hour"
    OPEN_ORDERS = "open-orders"
    LIQUIDATION_DISTANCE = "liquidation-distance"
    STOP_BEFORE_LIQUIDATION = "stop-before-liquidation"


@plain_members
class BaseOf(StrEnum):
    """What a value is a share of."""

    CAPITAL = "capital"  # what was allotted, with what was realised since; of the account, its equity
    DAY = "day"  # equity when the UTC day began
    PEAK = "peak"  # the highest equity so far
    NOW = "now"  # equity at this moment
    PRICE = "price"  # the last price
    NONE = "none"  # a count, a duration, an amount


@plain_members
class Unit(StrEnum):
    FRACTION = "fraction"
    QUOTE = "quote"
    COUNT = "count"
    DURATION = "duration"


@plain_members
class Border(StrEnum):
    """Where a limit begins to stop."""

    ABOVE = "above"  # the bound itself is allowed
    AT = "at"  # the bound itself stops
    BELOW = "below"  # a least, not a most: the bound itself is allowed


@value(kw_only=True)
class Limit:
    """One limit, in words."""

    name: LimitName
    code: RefusalCode
    base: BaseOf
    unit: Unit
    border: Border
    measures: str
    stops: str
    resets: str


@value(kw_only=True)
class Measured:
    """One limit of one book, now or with an order counted in.

    whose: 'account' or a strategy's id. symbol: '' where it is of no one symbol.
    value: in the limit's unit, None when it is not known: then nothing increases.
    distance: from the value to the bound, below 0 (or 0, where the bound itself
    stops) when it is reached; None when the value is. warn: where warning
    begins, None for never. base: what the value is a share of, quote, None when
    it is of nothing. fits: the largest quantity of the order that stays within
    the bound, base units, None when a smaller order would not help. note: what
    there is to say besides the numbers.
    """

    limit: Limit
    whose: str
    value: Decimal | None
    bound: Decimal
    distance: Decimal | None
    base: Decimal | None
    warn: Decimal | None = None
    fits: Decimal | None = None
    symbol: str = ""
    note: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether the limit stops what increases; a value that is not known does."""
        if self.distance is None:
            return True
        return self.distance <= ZERO if self.limit.border is Border.AT else self.distance < ZERO

    @property
    def warns(self) -> bool:
        return self.warn is not None and self.value is not None and self.value >= self.warn

    @property
    def sentence(self) -> str:
        """The value and the bound in words."""
        whose = f"{self.whose} {self.symbol}" if self.symbol else self.whose
        said = _sentence(self.limit, whose, self.value, self.bound)
        return f"{said}: {self.note}" if self.note else said

    @property
    def away(self) -> str:
        """The distance in words."""
        if self.distance is None:
            return "the distance is not known: nothing may increase"
        if self.is_reached:
            return f"reached, {_shown(-self.distance, self.limit.unit)} beyond"
        return f"{_shown(self.distance, self.limit.unit)} away"

    def facts(self) -> dict[str, object]:
        """As plain text, for whoever shows it."""
        shown = (("value", self.value), ("bound", self.bound), ("distance", self.distance), ("base", self.base))
        return {
            "limit": self.limit.name.value,
            "whose": self.whose,
            "symbol": self.symbol,
            **{name: None if number is None else plain(number) for name, number in shown},
            "unit": self.limit.unit.value,
            "measures": self.limit.measures,
            "stops": self.limit.stops,
            "resets": self.limit.resets,
            "sentence": self.sentence,
            "away": self.away,
            "reached": self.is_reached,
            "warns": self.warns,
        }


_measured: Final = maker(Measured)


def measured(
    name: LimitName,
    whose: str,
    *,
    value: Decimal | None,
    bound: Decimal,
    base: Decimal | None = None,
    warn: Decimal | None = None,
    fits: Decimal | None = None,
    symbol: str = "",
) -> Measured:
    """A limit with its numbers."""
    limit = LIMITS[name]
    distance = None
    if value is not None:
        distance = value - bound if limit.border is Border.BELOW else bound - value
    return _measured(
        limit=limit,
        whose=whose,
        value=value,
        bound=bound,
        distance=distance,
        base=base,
        warn=warn,
        fits=fits,
        symbol=symbol,
    )


def share(amount: Decimal | None, base: Decimal | None) -> Decimal | None:
    """``amount`` as a share of ``base``; None when either is not known or the base is 0 or less."""
    return None if amount is None or base is None or not base > ZERO else amount / base


def _sentence(limit: Limit, whose: str, value: Decimal | None, bound: Decimal) -> str:
    allowed = {
        Border.ABOVE: f"{_shown(bound, limit.unit)} is allowed",
        Border.AT: f"{_shown(bound, limit.unit)} stops",
        Border.BELOW: f"at least {_shown(bound, limit.unit)} is asked for",
    }[limit.border]
    is_ = "is not known" if value is None else f"is {_shown(value, limit.unit)}"
    return f"{limit.name.value} of {whose} {is_}, {allowed}"


def _shown(number: Decimal, unit: Unit) -> str:
    match unit:
        case Unit.FRACTION:
            return f"{number:.2%}"
        case Unit.QUOTE:
            return f"{number:.2f}"
        case Unit.COUNT:
            return plain(number)
        case Unit.DURATION:
            return format_duration(int(number)) if number >= ZERO else f"-{format_duration(int(-number))}"


_AGAIN = "with the next order: it is measured anew each time"
_SLIDES = "by itself, as time passes"


_Shape: TypeAlias = tuple[LimitName, RefusalCode, BaseOf, Unit, Border]


def _limit(shape: _Shape, measures: str, resets: str = _AGAIN) -> Limit:
    name, code, base, unit, border = shape
    match border:
        case Border.ABOVE:
            stops = "orders that would take it above the bound"
        case Border.AT:
            stops = "every order that increases, from the bound on"
        case Border.BELOW:
            stops = "orders that would take it below the bound"
    return Limit(
        name=name, code=code, base=base, unit=unit, border=border, measures=measures, stops=stops, resets=resets
    )


_N, _C, _B, _U, _D = LimitName, RefusalCode, BaseOf, Unit, Border
_ALL = (
    _limit(
        (_N.DATA_AGE, _C.DATA_STALE, _B.NONE, _U.DURATION, _D.ABOVE),
        "the age of the newest price of the symbol",
    ),
    _limit(
        (_N.PRICE_COLLAR, _C.PRICE_OUTSIDE_COLLAR, _B.PRICE, _U.FRACTION, _D.ABOVE),
        "how far the order's price is from the last price, as a share of it",
    ),
    _limit(
        (_N.ORDER_SIZE, _C.ORDER_NOTIONAL_ABOVE_LIMIT, _B.CAPITAL, _U.FRACTION, _D.ABOVE),
        "the order's notional as a share of the strategy's capital",
    ),
    _limit(
        (_N.ORDER_NOTIONAL, _C.ORDER_NOTIONAL_ABOVE_LIMIT, _B.NONE, _U.QUOTE, _D.ABOVE),
        "the order's notional",
    ),
    _limit(
        (_N.SYMBOL_EXPOSURE, _C.SYMBOL_EXPOSURE_ABOVE_LIMIT, _B.NOW, _U.FRACTION, _D.ABOVE),
        "the notional of the position on the order's symbol, working orders filled, as a share of equity",
    ),
    _limit(
        (_N.GROSS_EXPOSURE, _C.GROSS_EXPOSURE_ABOVE_LIMIT, _B.NOW, _U.FRACTION, _D.ABOVE),
        "the notional of all positions, longs and shorts added, working orders filled, as a share of equity",
    ),
    _limit(
        (_N.NET_EXPOSURE, _C.NET_EXPOSURE_ABOVE_LIMIT, _B.NOW, _U.FRACTION, _D.ABOVE),
        "the notional of longs less that of shorts, toward the order's side, as a share of equity",
    ),
    _limit(
        (_N.LEVERAGE, _C.LEVERAGE_ABOVE_CAP, _B.CAPITAL, _U.FRACTION, _D.ABOVE),
        "the notional of all positions, working orders filled, over the capital behind them",
    ),
    _limit(
        (_N.DAILY_LOSS, _C.DAILY_LOSS_REACHED, _B.DAY, _U.FRACTION, _D.AT),
        "what was lost since the UTC day began, open positions included, as a share of equity then",
        "at 00:00 UTC",
    ),
    _limit(
        (_N.DRAWDOWN, _C.DRAWDOWN_REACHED, _B.PEAK, _U.FRACTION, _D.AT),
        "how far equity has fallen from its peak, as a share of the peak",
        "with a new peak, or when a named operator sets the peak anew for a reason",
    ),
    _limit(
        (_N.HEAT, _C.HEAT_ABOVE_LIMIT, _B.NOW, _U.FRACTION, _D.ABOVE),
        "what would be lost if every open stop were hit now, as a share of equity",
    ),
    _limit(
        (_N.ORDERS_PER_SECOND, _C.ORDER_RATE_ABOVE_LIMIT, _B.NONE, _U.COUNT, _D.ABOVE),
        "orders sent within the last second on the order's symbol, this one included",
        _SLIDES,
    ),
    _limit(
        (_N.ORDERS_PER_MINUTE, _C.ORDER_RATE_ABOVE_LIMIT, _B.NONE, _U.COUNT, _D.ABOVE),
        "orders sent within the last minute on the order's symbol, this one included",
        _SLIDES,
    ),
    _limit(
        (_N.REVERSALS_PER_HOUR, _C.REVERSALS_ABOVE_LIMIT, _B.NONE, _U.COUNT, _D.ABOVE),
        "changes from long to short or back within the last hour on the order's symbol, this order's included",
        _SLIDES,
    ),
    _limit(
        (_N.OPEN_ORDERS, _C.OPEN_ORDERS_ABOVE_LIMIT, _B.NONE, _U.COUNT, _D.ABOVE),
        "orders that are open on the order's symbol, this one included",
        "when orders end",
    ),
    _limit(
        (_N.LIQUIDATION_DISTANCE, _C.LIQUIDATION_TOO_NEAR, _B.PRICE, _U.FRACTION, _D.BELOW),
        "how far the liquidation price of the position on the order's symbol is from the last price, as a share of it",
    ),
    _limit(
        (_N.STOP_BEFORE_LIQUIDATION, _C.LIQUIDATION_BEFORE_STOP, _B.PRICE, _U.FRACTION, _D.AT),
        "how far the farthest stop of the position on the order's symbol lies beyond the last price at which it would "
        "be filled before liquidation, fee, funding and gap counted in, as a share of the last price; below 0: before",
        "with the next order: it is measured anew each time; what is held and no longer clears it is given back",
    ),
)

LIMITS: Final[Mapping[LimitName, Limit]] = MappingProxyType({limit.name: limit for limit in _ALL})
"""Every limit there is."""
