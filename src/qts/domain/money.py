"""Exact money, prices and quantities.

From intent to book every amount is a ``Decimal``. Money lies on a grid of
1e-8 of the settlement asset (``MONEY_GRID``): whatever is posted to an account
is put on that grid once, by ``on_money_grid``, so sums are exact and
conservation is tested with ``==``. Floats live in columns and statistics; the
named doors between the worlds are ``exact`` for what was written down,
``computed`` for what a strategy reckoned, and ``Instrument.price`` for market
prices.

Arithmetic that touches a book runs inside ``exact_arithmetic()``: the thread's
decimal context is not trusted, since any code in the process can change it.
"""

from contextlib import AbstractContextManager
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)

from qts.domain.errors import UsageError

MONEY_GRID = Decimal("0.00000001")
ZERO = Decimal(0)

_EXACT = Context(prec=50, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])


def exact_arithmetic() -> AbstractContextManager[Context]:
    """A decimal context of 50 digits, rounding half to even, that no one else has touched."""
    return localcontext(_EXACT)


def exact(value: Decimal | int | str | float) -> Decimal:
    """The decimal a person means by ``value``.

    A float becomes the shortest decimal that reads back as the same float, so
    0.1 is one tenth and not 0.1000000000000000055. Raises UsageError for NaN,
    infinities and text that is no number.
    """
    try:
        number = Decimal(repr(float(value))) if isinstance(value, float) else Decimal(value)
    except InvalidOperation:
        raise UsageError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise UsageError(f"{value!r} is not a finite number")
    return number


def computed(value: float) -> Decimal:
    """The decimal a finite float stands for after arithmetic: its 14 significant digits.

    126.77 + 2.0 + 3.0 is 131.76999999999998 as a float. Put on a tick or lot
    grid as that, it would lose a whole step to the noise of the last bits. A
    float has nearly 16 digits; what is left out is twenty of its last bits at least.
    """
    return Decimal(format(value, ".14g"))


def is_above_zero(number: Decimal) -> bool:
    """Finite and above 0; a NaN is neither, and is not compared."""
    return number.is_finite() and number > ZERO


def is_zero_or_more(number: Decimal) -> bool:
    return number.is_finite() and number >= ZERO


def on_money_grid(amount: Decimal) -> Decimal:
    """``amount`` rounded half to even to 1e-8 of the settlement asset."""
    return amount.quantize(MONEY_GRID, ROUND_HALF_EVEN)


def plain(number: Decimal) -> str:
    """``number`` without exponent and without trailing zeros: '0.001', '100', '0'."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
