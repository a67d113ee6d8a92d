"""What a person says to an account while it runs, and what came of it.

Words about the account and its symbols go to the machine by the same door as on
paper and live (``OperatorSaid``). Words about strategies are of whoever asks the
strategies, which the machine is not. A trade by somebody else is nobody's word:
it stands in a script so that a run shows what follows from one.
"""

from decimal import Decimal
from enum import StrEnum

from qts.domain.instant import Instant
from qts.domain.money import plain
from qts.domain.order import Side
from qts.domain.plain_enum import plain_members
from qts.domain.value import value


@plain_members
class Verb(StrEnum):
    """What may be said; of a strategy, of a symbol, or of the account."""

    DISABLE = "disable"  # of a strategy: it is asked no more, and what it holds keeps its stop and target
    ENABLE = "enable"  # of a strategy, disabled or halted: it is asked again, as a new instance
    CLOSE = "close"  # of a strategy that is asked no more: what it holds is given back at market
    FLATTEN = "flatten"  # of a symbol: the net is taken to zero and every book is closed at that price
    FLATTEN_QUARANTINE = "flatten_quarantine"  # of a symbol: what no strategy asked for is given back at market
    ACKNOWLEDGE = "acknowledge"  # of a symbol somebody else traded: it may be traded again
    PAUSE = "pause"  # of the account: nothing is opened
    RESUME = "resume"  # of the account
    KILL = "kill"  # of the account: everything is flattened, and it is locked down
    TRANSFER = "transfer"  # of a strategy: capital goes from its pool to another strategy's
    FOREIGN_TRADE = "foreign_trade"  # of a symbol: somebody else trades it on this account, at market


@value
class Word:
    """at: when it is said, at the first close from then on. number: its place in the script, from 0.

    subject: the strategy, the symbol, or 'account'. side and quantity (base units): of a foreign trade alone. target
    (the strategy that gets it) and amount (quote): of a transfer alone.
    """

    at: Instant
    number: int
    verb: Verb
    subject: str
    who: str = ""
    why: str = ""
    side: Side | None = None
    quantity: Decimal | None = None
    target: str = ""
    amount: Decimal | None = None

    @property
    def about(self) -> str:
        """What it is about, in words: 'account', 'SYNUSDT, buy 0.5', 'trend to breakout, 1000'."""
        if self.side is not None and self.quantity is not None:
            return f"{self.subject}, {self.side.value} {plain(self.quantity)}"
        return self.subject if self.amount is None else f"{self.subject} to {self.target}, {plain(self.amount)}"


@plain_members
class Outcome(StrEnum):
    """What became of a word."""

    DONE = "done"
    NOTHING = "nothing"  # what it asks for was so already
    REFUSED = "refused"
    OPEN = "open"  # the run ended first


@value
class WordTold:
    """said_at: the close it was said at. ended_at: the close by which it was done. Both None for what never came.

    detail: what it did, in words.
    """

    word: Word
    said_at: Instant | None
    ended_at: Instant | None
    outcome: Outcome
    detail: str
