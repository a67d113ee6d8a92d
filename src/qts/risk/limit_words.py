"""What the limits did to an order, kept: the words of a run's record, its report and ``qts risk``."""

from dataclasses import dataclass
from decimal import Decimal

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.refusal import RefusalCode
from qts.risk.limits import LimitName
from qts.risk.stages import Block, LimitSays, Reduce, StageWord, Verdict, word_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitWord:
    """What one limit did. whose: the book it is of, a strategy's id or 'account'. allowed: base units."""

    limit: LimitName
    whose: str
    stage: StageWord
    allowed: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWord:
    """What limits did to an order. strategy_id: whose; 'account' for the account's. stage: WARN, REDUCE or BLOCK.

    limits: which of them said what; none where the order never came before them.
    """

    at: Instant
    strategy_id: str
    symbol: str
    stage: StageWord
    codes: tuple[RefusalCode, ...]
    asked: Decimal
    allowed: Decimal
    reason: str
    limits: tuple[LimitWord, ...] = ()

    @classmethod
    def no(cls, at: Instant, whose: str, symbol: str, codes: tuple[RefusalCode, ...], reason: str) -> "GateWord":
        """Nothing of a wish became an order."""
        return cls(
            at=at,
            strategy_id=whose,
            symbol=symbol,
            stage=StageWord.BLOCK,
            codes=codes,
            asked=ZERO,
            allowed=ZERO,
            reason=reason,
        )

    @classmethod
    def of(cls, verdict: Verdict, at: Instant, whose: str, symbol: str) -> "GateWord":
        """What was said of an order."""
        return cls(
            at=at,
            strategy_id=whose,
            symbol=symbol,
            stage=verdict.word,
            codes=verdict.codes,
            asked=verdict.asked,
            allowed=verdict.quantity,
            reason="; ".join(verdict.reasons),
            limits=tuple(dict.fromkeys(_word(each, verdict.asked) for each in verdict.said)),
        )


def _word(said: LimitSays, asked: Decimal) -> LimitWord:
    match said.stage:
        case Block():
            allowed = ZERO
        case Reduce(quantity=quantity):
            allowed = quantity
        case _:
            allowed = asked
    return LimitWord(limit=said.limit.limit.name, whose=said.limit.whose, stage=word_of(said.stage), allowed=allowed)
