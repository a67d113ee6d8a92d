"""Whether the stop of what an account holds still comes before liquidation, asked again whenever that may have changed.

At the close of every bar at which the net position, what stands behind it, its
farthest stop or the bracket table is another than at the last answer: after a
fill or a part of one, after funding, after a stop was moved, with a new table,
after another leverage. Where the stop no longer comes first the position may not
stay so (``risk/liquidation_guard.py``): it is given back as an ordinary exit,
which is told as what the limit ``stop-before-liquidation`` of the account stopped.

It is asked under that limit, and where there are brackets. A position without a
stop is asked nothing here. Who gives back what is not known here: in a run of one
strategy it is the whole position (``run_guard.py``), of several what those hold
whose stop is too far (``joint_guard.py``).
"""

from decimal import Decimal
from typing import Final

from qts.domain.book import Book
from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.market.brackets import BracketHistory
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limit_state import ACCOUNT
from qts.risk.limit_words import GateWord, LimitWord
from qts.risk.limits import LimitName
from qts.risk.liquidation import Backing, MarginMode
from qts.risk.liquidation_guard import Buffer, LiquidationFirst, StopFacts, stop_before_liquidation
from qts.risk.stages import StageWord

WHY: Final = "its stop no longer comes before liquidation"


class StopRecheck:
    """Of one symbol. policies: the account's bounds, None for none. brackets: None where they are waived.

    is_asked: whether there is anything to ask at all.
    """

    __slots__ = ("_brackets", "_buffer", "_clear", "is_asked")

    def __init__(self, policies: LimitPolicies | None, brackets: BracketHistory | None) -> None:
        self._buffer = ZERO if policies is None else policies.account.stop_buffer
        self._brackets = brackets
        self.is_asked = bool(self._buffer) and brackets is not None
        self._clear: tuple[object, ...] | None = None  # as it was when the stop came first

    def objection(self, book: Book, stop: Decimal | None, now: Instant) -> LiquidationFirst | None:
        """Why the position of the account's book may not stay; None where the stop comes first, or there is none.

        stop: the farthest of the position's, quote per base. Call inside ``exact_arithmetic()``.
        """
        if not self.is_asked or self._brackets is None or not book.position or stop is None:
            return None
        asked = (book.position, book.basis, book.margin, stop, self._brackets.at(now))
        if asked == self._clear:
            return None
        verdict = stop_before_liquidation(
            StopFacts(
                position=book.position,
                basis=book.basis,
                backing=Backing(mode=MarginMode.ISOLATED, wallet=book.margin),
                leverage=book.leverage,
                stop=stop,
                brackets=self._brackets,
                at=now,
                buffer=Buffer(gap=self._buffer),
            )
        )
        if isinstance(verdict, LiquidationFirst):
            return verdict
        self._clear = asked
        return None


def given_back(at: Instant, strategy_id: str, symbol: str, verdict: LiquidationFirst) -> GateWord:
    """What is told of a position that has to go, and why."""
    return GateWord(
        at=at,
        strategy_id=strategy_id,
        symbol=symbol,
        stage=StageWord.BLOCK,
        codes=(verdict.code,),
        asked=ZERO,
        allowed=ZERO,
        reason=f"{WHY}: {verdict.sentence}",
        limits=(
            LimitWord(limit=LimitName.STOP_BEFORE_LIQUIDATION, whose=ACCOUNT, stage=StageWord.BLOCK, allowed=ZERO),
        ),
    )
