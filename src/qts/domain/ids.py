"""Identity from facts: the same facts give the same id in every process, for ever.

``digest`` is SHA-256 over ``canonical_json``: keys sorted, decimals and
numbers as text, no NaN. Nothing here depends on memory addresses, hash seeds,
clocks or dice.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum, StrEnum
from numbers import Integral
from types import NoneType

from qts.domain.money import plain


def canonical_json(value: object) -> str:
    """One text for one value. Raises ValueError for NaN, infinities and types without a fixed text."""
    return _ENCODER.encode(_plain_value(value))


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_PLAIN_ALREADY = frozenset({str, int, bool, NoneType})


def _plain_value(value: object) -> object:  # noqa: PLR0911 - one case, one answer
    match value:
        case Decimal():
            return plain(value)
        case None | bool() | int() | str() if isinstance(value, StrEnum) or not isinstance(value, Enum):
            return value  # a StrEnum is written as the text it is
        case Integral():
            return int(value)  # numpy's whole numbers
        case Enum():
            return _plain_value(value.value)
        case float():
            if not math.isfinite(value):
                raise ValueError(f"{value} has no canonical text")
            return repr(float(value))  # a subclass, such as numpy's, may call itself something else
        case Mapping():
            return {str(key): _plain_value(item) for key, item in value.items()}
        case list() | tuple():
            # The digest of a run asks this a hundred thousand times, and most items are plain already.
            return [item if type(item) in _PLAIN_ALREADY else _plain_value(item) for item in value]
    raise ValueError(f"{type(value).__name__} has no canonical text")


def digest(value: object) -> str:
    """SHA-256 of the canonical text, 64 hex digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def short_id(prefix: str, *facts: object) -> str:
    """``prefix-`` and the first 16 hex digits of the facts' digest (64 bits)."""
    return f"{prefix}-{digest(list(facts))[:16]}"
