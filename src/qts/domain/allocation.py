"""Who has which part: one quantity or amount shared among several, exact to the last step of its grid.

Three rules, for three questions:

``pro_rata``: how is this shared, once? In proportion, rounded down, and what
rounding left over goes one step each to the largest remainders.

``due``: how is it shared while it grows? Largest remainders alone would take
back what was given: of shares of 6, 6 and 2 lots the third would have one of the
first three lots and none of the first four. Here the k-th lot of a share of w lots is due when
(k - 1/2) / w of the whole has come, and lots go out as they fall due. A part
never shrinks, does not depend on how the growth was cut into steps, and is the
share exactly once the whole has come. For two shares it is the largest remainder.

``nearest``: everybody's amount is known but lies off the grid, and the sum is
given. Each is rounded to the nearest step; what is then missing (or too much)
goes one step each to those whose rounding took (or gave) most.

Ties go to whoever stands first, so callers sort by id; then nothing depends on
the order in which anybody was named. Signs mirror: sharing -x gives the negated
parts of x. Runs inside ``exact_arithmetic()``, like the book.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from qts.domain.errors import UsageError
from qts.domain.money import ZERO
from qts.domain.value import value

_WHOLE = Decimal(1)


@value
class Share:
    """One strategy's part of an order. quantity: base units, above 0. closes: it takes the strategy's own book down."""

    strategy_id: str
    order_id: str
    quantity: Decimal
    closes: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.strategy_id, self.order_id


@value
class Cross:
    """What two shares give each other inside the house: no order is sent. The quantities are equal."""

    buyer: Share
    seller: Share

    def __post_init__(self) -> None:
        if self.buyer.quantity != self.seller.quantity:
            raise UsageError(f"a cross has one quantity, not {self.buyer.quantity} and {self.seller.quantity}")

    @property
    def quantity(self) -> Decimal:
        return self.buyer.quantity


def steps(amount: Decimal, step: Decimal) -> int:
    """``amount`` as a whole number of steps. Raises UsageError when it is none."""
    count, rest = divmod(amount, step)
    if rest:
        raise UsageError(f"{amount} is no whole number of steps of {step}")
    return int(count)


def pro_rata(total: Decimal, weights: Sequence[Decimal], step: Decimal) -> list[Decimal]:
    """``total`` in parts proportional to the weights (0 or more, not all 0 unless total is), by largest remainder."""
    units = abs(steps(total, step))
    if not units:
        return [ZERO] * len(weights)
    whole = sum(weights, start=ZERO)
    if not whole > ZERO:
        raise UsageError(f"{total} cannot be shared among nobody")
    floors = [divmod(units * weight, whole) for weight in weights]
    parts = [int(part) for part, _ in floors]
    left = units - sum(parts)
    for place in sorted(range(len(floors)), key=lambda place: -floors[place][1])[:left]:
        parts[place] += 1
    signed = step if total > ZERO else -step
    return [part * signed for part in parts]


def due(come: Decimal, shares: Sequence[Decimal], lot: Decimal) -> list[Decimal]:
    """Each share's part of the first ``come`` of an order. come: 0 up to the sum of the shares, all in whole lots."""
    sizes = [steps(share, lot) for share in shares]
    whole, lots = sum(sizes), steps(come, lot)
    if not 0 <= lots <= whole:
        raise UsageError(f"{come} has come of an order of {whole * lot}")
    if not whole:
        return [ZERO] * len(sizes)
    # All that fell due at lots/whole; fewer or more than wanted by half the number of shares at most.
    parts = [(2 * lots * size + whole) // (2 * whole) for size in sizes]
    places = [place for place, size in enumerate(sizes) if size]
    while sum(parts) < lots:
        parts[min(places, key=lambda place: (Fraction(2 * parts[place] + 1, sizes[place]), place))] += 1
    while sum(parts) > lots:
        parts[max(places, key=lambda place: (Fraction(2 * parts[place] - 1, sizes[place]), place))] -= 1
    return [part * lot for part in parts]


def nearest(total: Decimal, claims: Sequence[Decimal], step: Decimal) -> list[Decimal]:
    """The claims on the grid, adding up to ``total``. Raises UsageError when that takes more than a step from anybody.

    claims: exact amounts of either sign whose sum is within a step of total.
    """
    rounded = [(claim / step).quantize(_WHOLE, ROUND_HALF_EVEN) * step for claim in claims]
    left = steps(total - sum(rounded, start=ZERO), step)
    if abs(left) > len(claims):
        raise UsageError(f"claims of {sum(claims, start=ZERO)} do not make {total}")
    sign = 1 if left > 0 else -1
    for place in sorted(range(len(claims)), key=lambda place: sign * (rounded[place] - claims[place]))[: abs(left)]:
        rounded[place] += sign * step
    return rounded


def pairs(buyers: Sequence[Share], sellers: Sequence[Share]) -> tuple[Cross, ...]:
    """Who gives to whom, the first to the first, until one side is served. At most one cross fewer than shares."""
    crosses: list[Cross] = []
    bought = sold = ZERO
    buying, selling = iter(buyers), iter(sellers)
    buyer, seller = next(buying, None), next(selling, None)
    while buyer is not None and seller is not None:
        quantity = min(buyer.quantity - bought, seller.quantity - sold)
        crosses.append(
            Cross(
                Share(buyer.strategy_id, buyer.order_id, quantity, buyer.closes),
                Share(seller.strategy_id, seller.order_id, quantity, seller.closes),
            )
        )
        bought, sold = bought + quantity, sold + quantity
        if bought == buyer.quantity:
            buyer, bought = next(buying, None), ZERO
        if sold == seller.quantity:
            seller, sold = next(selling, None), ZERO
    return tuple(crosses)
