"""What a limit may say of an order, and what many of them say together.

PASS, WARN, REDUCE to a quantity, BLOCK with a code. The worst one wins, all
reasons are kept, and of several REDUCEs the smallest quantity holds. What is
said together does not depend on who spoke first, or twice: ``worst`` is
commutative, associative and idempotent.

A reduced quantity is what flows on. It lies on the lot grid, and where that
leaves less than a lot, or less than the instrument's minimum, the order is blocked.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeAlias

from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, plain
from qts.domain.plain_enum import plain_members
from qts.domain.refusal import RefusalCode
from qts.domain.value import value
from qts.risk.limits import Measured


@plain_members
class StageWord(StrEnum):
    """In order of severity, the worst first."""

    BLOCK = "block"
    REDUCE = "reduce"
    WARN = "warn"
    PASS = "pass"  # noqa: S105 - a word, no secret


@value
class Pass:
    """Nothing to say."""


@value
class Warn:
    reason: str


@value
class Reduce:
    """quantity: the most that may flow on, base units, 0 or more, not yet on the lot grid."""

    quantity: Decimal
    reason: str


@value
class Block:
    code: RefusalCode
    reason: str


Stage: TypeAlias = Pass | Warn | Reduce | Block


@value
class LimitSays:
    """What one limit said of an order."""

    limit: Measured
    stage: Stage


_PRECEDENCE: Final = {code: rank for rank, code in enumerate(RefusalCode)}


@value(kw_only=True)
class Verdict:
    """What may flow on, and everything that was said of it.

    quantity: base units; ``asked``, or less on the lot grid, or 0 when blocked.
    stages: every stage that is not a PASS, worst first. measured: each limit, with the order counted in.
    said: which limit said which of the stages, as the order was asked and then as it was reduced.
    """

    asked: Decimal
    quantity: Decimal
    stages: tuple[Stage, ...]
    measured: tuple[Measured, ...] = ()
    said: tuple[LimitSays, ...] = ()

    @property
    def word(self) -> StageWord:
        return word_of(self.stages[0]) if self.stages else StageWord.PASS

    @property
    def codes(self) -> tuple[RefusalCode, ...]:
        """Of the blocks, worst first, each once."""
        return tuple(dict.fromkeys(stage.code for stage in self.stages if isinstance(stage, Block)))

    @property
    def objection(self) -> str:
        """Why it is blocked; empty when it is not."""
        return "; ".join(stage.reason for stage in self.stages if isinstance(stage, Block))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Of all stages, worst first."""
        return tuple(stage.reason for stage in self.stages if not isinstance(stage, Pass))


def word_of(stage: Stage) -> StageWord:
    match stage:
        case Pass():
            return StageWord.PASS
        case Warn():
            return StageWord.WARN
        case Reduce():
            return StageWord.REDUCE
        case Block():
            return StageWord.BLOCK


def worst(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """All that was said, worst first and each once; empty when everything passes."""
    said = {stage for stage in stages if not isinstance(stage, Pass)}
    return tuple(sorted(said, key=_severity))


def together(asked: Decimal, stages: Iterable[Stage], instrument: Instrument, price: Decimal | None) -> Verdict:
    """The verdict on an order for ``asked`` base units. price: what its notional is taken at; None blocks."""
    said = worst(stages)
    if price is None:
        said = worst((*said, Block(RefusalCode.DATA_STALE, "there is no price")))
    if any(isinstance(stage, Block) for stage in said):
        return Verdict(asked=asked, quantity=ZERO, stages=said)
    quantities = [stage.quantity for stage in said if isinstance(stage, Reduce)]
    if price is None or not quantities:
        return Verdict(asked=asked, quantity=asked, stages=said)
    quantity = instrument.quantity_down(min(asked, *quantities))
    too_small = _too_small(quantity, price, instrument)
    if too_small is not None:
        return Verdict(asked=asked, quantity=ZERO, stages=worst((*said, too_small)))
    return Verdict(asked=asked, quantity=quantity, stages=said)


def only_warned(asked: Decimal, stages: Iterable[Stage]) -> Verdict:
    """The verdict on an order that reduces: it passes as it is, and whatever was said becomes a warning."""
    said = worst(Warn(stage.reason) for stage in stages if not isinstance(stage, Pass))
    return Verdict(asked=asked, quantity=asked, stages=said)


def _too_small(quantity: Decimal, price: Decimal, instrument: Instrument) -> Block | None:
    if not quantity > ZERO:
        return Block(RefusalCode.QUANTITY_BELOW_LOT, f"what is left is less than one lot of {plain(instrument.lot)}")
    if quantity * price < instrument.notional_min:
        return Block(
            RefusalCode.NOTIONAL_BELOW_MINIMUM,
            f"what is left, {plain(quantity)} at {plain(price)}, is worth less than {plain(instrument.notional_min)}",
        )
    return None


def _severity(stage: Stage) -> tuple[int, int, Decimal, str]:
    match stage:
        case Block(code=code, reason=reason):
            return 0, _PRECEDENCE[code], ZERO, reason
        case Reduce(quantity=quantity, reason=reason):
            return 1, 0, quantity, reason
        case Warn(reason=reason):
            return 2, 0, ZERO, reason
        case Pass():
            return 3, 0, ZERO, ""
