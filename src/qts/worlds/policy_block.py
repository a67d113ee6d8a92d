"""What every block of a policy file has in common, and the kinds of values its keys may hold.

A block refuses keys it does not know, values of another type (a quoted number
is a text, not a number), NaN and infinities, and cannot change once read.
Durations and dates stay the text somebody wrote, so a policy prints back as it
was, and are checked when read.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from qts.domain.errors import UsageError
from qts.domain.instant import parse_duration, parse_instant
from qts.domain.money import plain


class PolicyBlock(BaseModel):
    """One mapping of the policy file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Severity(StrEnum):
    """What a missed rule does: blocking rejects, soft warns (and a warning never goes live), info is only told."""

    BLOCKING = "blocking"
    SOFT = "soft"
    INFO = "info"


class Owner(StrEnum):
    """Who answers questions about a rule."""

    QUANT = "quant"
    RISK = "risk"
    OPS = "ops"


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except UsageError as error:
        raise ValueError(f"{error.cause}: {error.next_step}") from None
    return text


def _instant(text: str) -> str:
    try:
        parse_instant(text)
    except UsageError as error:
        raise ValueError(f"{error.cause}: {error.next_step}") from None
    return text


DurationText: TypeAlias = Annotated[
    str,
    AfterValidator(_duration),
    Field(max_length=12, json_schema_extra={"pattern": "^[1-9][0-9]*[smhdw]$"}),
]
DateText: TypeAlias = Annotated[str, AfterValidator(_instant), Field(max_length=32)]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Exact: TypeAlias = Annotated[Decimal, AfterValidator(lambda number: Decimal(plain(number)))]
"""A decimal in its shortest form, so that 0.10 and 0.1 are one policy."""
Rate: TypeAlias = Annotated[Exact, Field(ge=0, lt=1)]
