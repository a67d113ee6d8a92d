"""How much a strategy may say: a token bucket filled by bars, not by seconds, so that a replay judges alike."""

from dataclasses import dataclass

from qts.domain.errors import PolicyError


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodLimit:
    """Counted in intents, for each symbol a strategy trades; its symbols share one bucket.

    burst: what a full bucket holds, 1 or more. refill: what comes back each
    time it is asked, 0 or more. The defaults let a strategy say five things on
    every bar for ever, and sixty at once.
    """

    burst: int = 60
    refill: int = 5

    def __post_init__(self) -> None:
        if self.burst < 1 or self.refill < 0:
            raise PolicyError(
                f"a flood limit holds 1 or more and refills by 0 or more, not {self.burst} and {self.refill}"
            )


class TokenBucket:
    """One strategy's bucket. symbols: how many it trades, 1 or more."""

    __slots__ = ("_full", "_left", "_refill", "_seen")

    def __init__(self, limit: FloodLimit, symbols: int) -> None:
        self._full = limit.burst * symbols
        self._refill = limit.refill
        self._left = self._full
        self._seen = 0

    def takes(self, intents: int, asked: int) -> bool:
        """Whether there is room for so many intents now; if so they are taken. asked: how often it was asked so far."""
        left = min(self._full, self._left + self._refill * (asked - self._seen))
        self._seen = asked
        self._left = left if intents > left else left - intents
        return intents <= left
