"""Where our limit order stands in the queue at its price: named guesses, since a book of levels does not tell.

A book of price levels shows how much rests at a price and not whose it is. A
``QueuePlace`` holds what is known of one order, a ``QueueModel`` is the rule by
which trades and shown quantities move it. Everything is whole lots, and the same
news gives the same place.

News of trades and of levels comes over different streams and may overtake each
other, so a place takes in levels by the venue's clock: a level is counted once a
trade later than it has been told, before that trade and after all trades that
are not later than it. What the level lost to trades is thereby never taken for a
cancellation as well. At equal milliseconds the trade is counted first.
"""

from typing import Final, Protocol

_NOTES_MAX: Final = 256


class QueuePlace:
    """One order's place at its price.

    ahead: lots that rested before it. shown: lots shown at the price when last
    counted. traded: lots that traded there since. joined_at: ms UTC of the venue;
    trades not later than it are in ``shown`` already.
    """

    __slots__ = ("_levels", "ahead", "joined_at", "shown", "told", "traded")

    def __init__(self, shown: int, joined_at: int) -> None:
        self.ahead = shown
        self.shown = shown
        self.told = shown
        self.traded = 0
        self.joined_at = joined_at
        self._levels: list[tuple[int, int]] = []

    def note(self, shown: int, occurred_at: int, traded_until: int, model: "QueueModel") -> None:
        """The price now shows this much, since ``occurred_at``. traded_until: when the latest trade told happened."""
        self.told = shown
        self._levels.append((occurred_at, shown))
        if len(self._levels) > _NOTES_MAX:
            self.settle(traded_until, model)

    def settle(self, before: int, model: "QueueModel") -> None:
        """Count the levels that are older than ``before``, ms UTC of the venue."""
        levels = self._levels
        counted = 0
        for occurred_at, shown in levels:
            if occurred_at >= before:
                break
            model.level(self, shown)
            self.shown, self.traded = shown, 0
            counted += 1
        del levels[:counted]

    def trade(self, quantity: int, occurred_at: int, model: "QueueModel") -> int:
        """A trade at the price, against our side: how much of it is beyond what rests ahead."""
        self.settle(occurred_at, model)
        beyond = max(0, quantity - self.ahead)
        self.ahead = max(0, self.ahead - quantity)
        self.traded += quantity
        return beyond

    def passed(self) -> None:
        """A trade went through the price: whatever rested ahead is gone."""
        self.ahead = 0


class QueueModel(Protocol):
    """How a change of what is shown at the price moves a place."""

    @property
    def name(self) -> str: ...

    def level(self, place: QueuePlace, shown: int) -> None:
        """The price shows ``shown`` lots where it showed ``place.shown``, after trades of ``place.traded``."""
        ...

    def sentence(self) -> str:
        """The assumption, for the reader of a result."""
        ...


class RiskAdverseQueue:
    """Nobody ahead of us gives up.

    Assumes: everything shown at the price when the order arrives is ahead of it;
    only trades at the price, against our side, move it forward. What is ahead can
    never be more than what is shown, so a level that shrinks below it takes the
    rest with it: that is no guess.
    Ignores: cancellations ahead, hidden quantity.
    Source: the risk-adverse queue model described in hftbacktest's documentation
    (order fill, queue models); the accounting by the venue's clock is our own.
    """

    __slots__ = ()
    name: Final = "risk-adverse"

    def level(self, place: QueuePlace, shown: int) -> None:
        place.ahead = min(place.ahead, shown)

    def sentence(self) -> str:
        return "a resting order waits for all that was shown at its price when it arrived; nobody ahead cancels"


class ProportionalQueue:
    """Cancellations strike the queue evenly.

    Assumes: what a level lost beyond its trades was cancelled, ahead of us and
    behind us in proportion to what rests there; the part ahead is rounded down to
    whole lots. New quantity joins behind.
    Ignores: that old orders are cancelled less often than new ones; orders that
    joined and orders that left between two levels told are seen only as their
    difference; hidden quantity.
    Source: the probability queue model described in hftbacktest's documentation,
    with the identity function. The rounding is our own.
    """

    __slots__ = ()
    name: Final = "proportional"

    def level(self, place: QueuePlace, shown: int) -> None:
        resting = place.shown - place.traded
        cancelled = resting - shown
        if cancelled > 0:
            place.ahead -= cancelled * min(place.ahead, resting) // resting
        place.ahead = min(place.ahead, shown)

    def sentence(self) -> str:
        return "cancellations at a resting order's price strike ahead of it and behind it in proportion"
