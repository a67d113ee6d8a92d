"""Distances to limits as JSON values and back; both kinds of record hold them."""

from decimal import Decimal
from typing import Any, Final

from qts.adapters.stores.record_text import json_value
from qts.risk.limits import LimitName, Measured, measured

_NUMBERS: Final = ("value", "bound", "base", "warn", "fits")


def distance_text(each: Measured) -> list[object]:
    """What a distance is made of; the limit's own words are the program's and are not repeated."""
    return [each.limit.name.value, each.whose, each.symbol, *(json_value(getattr(each, name)) for name in _NUMBERS)]


def distance_of(row: list[Any]) -> Measured:
    """The distance a row was made of. Inside ``exact_arithmetic()``. Raises ValueError for a row of another length."""
    name, whose, symbol, *numbers = row
    known: dict[str, Any] = {
        what: None if number is None else Decimal(number) for what, number in zip(_NUMBERS, numbers, strict=True)
    }
    return measured(LimitName(name), whose, symbol=symbol, **known)
