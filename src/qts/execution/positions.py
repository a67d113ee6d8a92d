"""What the account holds, as the sum of every fill it ever heard, ours and foreign.

A position has an epoch: it begins when something is held and ends when nothing
is, or when the sign turns. What protects a position belongs to its epoch and
never to the next one.
"""

from qts.domain.fill import Fill
from qts.domain.instant import Instant
from qts.domain.money import ZERO


class Position:
    """quantity: signed base units. epoch: counts positions of the symbol, from 1; 0 before the first.

    since: when the epoch began. cost: signed notional paid for what is held, quote.
    filled_at: the latest instant of a fill by the venue's clock; what the venue saw before it says nothing of now.
    """

    __slots__ = ("cost", "epoch", "filled_at", "quantity", "since", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.quantity = ZERO
        self.epoch = 0
        self.since: Instant = 0
        self.cost = ZERO
        self.filled_at: Instant = 0

    @property
    def epoch_id(self) -> str:
        return f"{self.symbol}-e{self.epoch}"

    def apply(self, fill: Fill, now: Instant) -> None:
        before = self.quantity
        signed = fill.quantity if fill.side.sign > 0 else -fill.quantity
        after = before + signed
        self.quantity = after
        self.filled_at = max(self.filled_at, fill.occurred_at)
        if not before or (after and (after > ZERO) is not (before > ZERO)):
            self.epoch += 1
            self.since = now
            self.cost = after * fill.price
        elif not after:
            self.cost = ZERO
        elif (signed > ZERO) is (before > ZERO):
            self.cost += signed * fill.price
        else:
            self.cost = self.cost * after / before

    def facts(self) -> tuple[object, ...]:
        return (self.symbol, self.quantity, self.epoch, self.since)


class Positions:
    def __init__(self) -> None:
        self._of: dict[str, Position] = {}

    def of(self, symbol: str) -> Position:
        found = self._of.get(symbol)
        if found is None:
            found = self._of[symbol] = Position(symbol)
        return found

    def all(self) -> tuple[Position, ...]:
        """Every symbol that ever held something; who only asked for one leaves no trace."""
        return tuple(each for each in self._of.values() if each.epoch)
