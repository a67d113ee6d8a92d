"""Words for a run of several strategies in a test, and what its postings say of the books afterwards."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from qts.domain.virtual_books import PostingKind
from qts.market.dataset import Dataset
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_terms import JointTerms
from qts.simulation.operator_words import Outcome, Verb, Word, WordTold
from qts.strategy.strategy import Strategy
from tests.simulation.joint_members import CAPITAL, NO_LIMITS, adds_up, together

AMPLE = 20 * CAPITAL


def word(number: int, at: int, verb: Verb, subject: str, **more: Any) -> Word:
    who = "" if verb is Verb.FOREIGN_TRADE else "ann"
    return Word(at=at, number=number, verb=verb, subject=subject, who=who, **more)


def script(dataset: Dataset, *words: tuple[Any, ...]) -> tuple[Word, ...]:
    """words: the bar whose close they are said at, verb, subject, and a mapping of what else there is."""
    made = []
    for number, (bar, verb, subject, *more) in enumerate(words):
        made.append(word(number, dataset.bars.closed_at(bar), verb, subject, **(more[0] if more else {})))
    return tuple(made)


def run(
    dataset: Dataset,
    kinds: Iterable[tuple[str, type[Strategy]]],
    words: tuple[Word, ...],
    *,
    terms: JointTerms = NO_LIMITS,
) -> JointResult:
    result = together(dataset, *kinds, terms=replace(terms, operator=words), capital=AMPLE)
    adds_up(result)
    assert [each.word for each in result.operator] == sorted(words, key=lambda each: each.number)
    return result


def outcomes(result: JointResult) -> list[Outcome]:
    return [each.outcome for each in result.operator]


def bar_of(dataset: Dataset, told: WordTold) -> tuple[int, int]:
    """Bars at whose close it was said and was done."""
    assert told.said_at is not None
    assert told.ended_at is not None
    first, interval = int(dataset.bars.opened_at[0]), dataset.bars.interval_ms
    return (told.said_at - first) // interval - 1, (told.ended_at - first) // interval - 1


def held(result: JointResult, symbol: str, bar: int) -> dict[str, Decimal]:
    """What each book holds at the close of a bar, without those that hold nothing."""
    books: dict[str, Decimal] = {}
    for row, posting in result.postings[symbol]:
        if row <= bar:
            books[posting.strategy_id] = books.get(posting.strategy_id, Decimal(0)) + posting.quantity
    return {whose: size for whose, size in books.items() if size}


def prices(result: JointResult, symbol: str, kind: PostingKind, bar: int) -> set[Decimal]:
    return {each.price for row, each in result.postings[symbol] if row == bar and each.kind is kind}
