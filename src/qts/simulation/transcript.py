"""What the strategies of a shared account were told, besides the market, and what they said to it, round by round."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from qts.domain.book import Holding
from qts.domain.fill import Fill
from qts.domain.instant import Instant
from qts.domain.value import value
from qts.strategy.multiplexer import Halted, Said
from qts.strategy.registry import Key
from qts.strategy.strategy import Strategy


@value
class Asked:
    """One round, at the close ``now``. held: what books hold that held something else at the round before.

    fills: own fills told since then, with whose they are. answers, halted: what came of all that, by strategy and
    then symbol; who was silent is absent.
    """

    now: Instant
    held: tuple[tuple[Key, Holding], ...]
    fills: tuple[tuple[str, Fill], ...]
    answers: tuple[Said, ...]
    halted: tuple[Halted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """first: what each book held before the first round. rounds: those in which there was anything to tell or to hear.

    asked: how often each strategy was asked, on all its symbols together. kinds: the class of each.
    """

    first: Mapping[Key, Holding]
    rounds: tuple[Asked, ...]
    asked: Mapping[str, int]
    kinds: Mapping[str, type[Strategy]]

    def said(self) -> dict[str, tuple[tuple[Instant, str, object], ...]]:
        """Every answer, with its close and its symbol, by strategy."""
        words: dict[str, list[tuple[Instant, str, object]]] = {each: [] for each in self.asked}
        for each in self.rounds:
            for said in each.answers:
                words[said.strategy_id].append((each.now, said.symbol, said.answer))
        return {strategy_id: tuple(answers) for strategy_id, answers in words.items()}


NOT_KEPT: Final = Transcript(first={}, rounds=(), asked={}, kinds={})
"""Of a run that was read back from its record."""
