"""Numbers as people read them: units, signs, a true minus, thousands separated by commas. Always UTC."""

import math
from decimal import Decimal

from qts.domain.instant import DAY_MS, HOUR_MS, MINUTE_MS, Duration
from qts.research.definition import Unit
from qts.research.definitions import DEFINITIONS
from qts.research.metrics import MetricValue

UNDEFINED = "undefined"
_MINUS = "\N{MINUS SIGN}"
_THIN = "\N{NARROW NO-BREAK SPACE}"


def number(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}"
    return text.replace("-", _MINUS) if float(text.replace(",", "")) != 0 else text.lstrip("-")


def percent(fraction: float, digits: int = 2) -> str:
    return f"{number(fraction * 100, digits)}{_THIN}%"


def signed_percent(fraction: float, digits: int = 2) -> str:
    text = percent(fraction, digits)
    return text if text.startswith(_MINUS) or fraction == 0 else f"+{text}"


def money(amount: Decimal | float, unit: str, digits: int = 2) -> str:
    text = number(float(amount), digits)
    return f"{text}{_THIN}{unit}" if unit else text


def price(value: float) -> str:
    """Enough digits to tell neighbouring prices apart."""
    return number(value, 2 if value >= 100 else min(8, 4 - math.floor(math.log10(value))) if value > 0 else 2)


def days(value: float) -> str:
    return f"{number(value, 0 if value >= 10 else 1)}{_THIN}{'day' if value == 1 else 'days'}"


def span(duration: Duration) -> str:
    """The one or two largest units of a duration: '3 d 4 h', '40 min'."""
    day, rest = divmod(duration, DAY_MS)
    hour, rest = divmod(rest, HOUR_MS)
    if day:
        return f"{day}{_THIN}d {hour}{_THIN}h" if hour and day < 10 else f"{day}{_THIN}d"
    return f"{hour}{_THIN}h" if hour else f"{rest // MINUTE_MS}{_THIN}min"


def in_unit(value: float, unit: Unit) -> str:
    match unit:
        case Unit.FRACTION | Unit.FRACTION_ANNUAL:
            return percent(value)
        case Unit.RATIO | Unit.RATIO_ANNUAL:
            return number(value, 2)
        case Unit.PROBABILITY:
            return number(value, 3)
        case Unit.DAYS:
            return days(value)
        case Unit.COUNT:
            return number(value, 0)
        case Unit.TIMES_PER_YEAR:
            return f"{number(value, 1)}{_THIN}\N{MULTIPLICATION SIGN} a year"


def metric_number(metric: str | None, value: float | None) -> str:
    """A value in the unit of the metric it belongs to, or as a plain number when there is no such metric."""
    if value is None:
        return UNDEFINED
    definition = DEFINITIONS.get(metric or "")
    if definition is None:
        return number(value, 0 if value == int(value) else 4)
    return in_unit(value, definition.unit)


def metric(found: MetricValue) -> str:
    return metric_number(found.name, found.value)
