"""Whatever an operator says, and whenever: the books are the venue's, and who is not spoken of does not notice.

Proves: P6-2, P6-5
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from qts.domain.order import Side
from qts.domain.virtual_books import QUARANTINE, PostingKind
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.simulation.costs import Frictions
from qts.simulation.operator_words import Outcome, Verb, Word
from qts.strategy.intent import Answer, buy, sell
from qts.strategy.strategy import Strategy
from tests.simulation.joint_members import NO_LIMITS, averaging, synthetic
from tests.simulation.scripted import bar_of, held, run, script, word

BARS = 90


class Stopped(Strategy):
    side: int = 1
    every: int = 3

    def on_bar(self, view: View) -> Answer:
        if not view.is_flat or view.bar_number % self.every:
            return None
        if self.side > 0:
            return buy(quantity=2, stop_loss=view.close * 0.98, take_profit=view.close * 1.03)
        return sell(quantity=1, stop_loss=view.close * 1.02, take_profit=view.close * 0.97)


def stopped(side: int, every: int) -> type[Strategy]:
    body = {"side": side, "every": every, "__annotations__": {"side": int, "every": int}, "__module__": __name__}
    return type("MadeStopped", (Stopped,), body)


KINDS = {"up": stopped(1, 3), "down": stopped(-1, 4), "cross": averaging(3), "other": averaging(5)}
DATA = {seed: synthetic(seed, BARS) for seed in range(4)}
SYMBOL = DATA[0].instrument.symbol
OF: Mapping[Verb, st.SearchStrategy[str]] = {
    **dict.fromkeys((Verb.DISABLE, Verb.ENABLE, Verb.CLOSE), st.sampled_from(sorted(KINDS))),
    **dict.fromkeys((Verb.PAUSE, Verb.RESUME, Verb.KILL), st.just("account")),
}


@st.composite
def entries(draw: st.DrawFn) -> tuple[Any, ...]:
    verb = draw(st.sampled_from(list(Verb)))
    more: dict[str, Any] = {"why": "a reason"} if verb is Verb.RESUME else {}
    if verb is Verb.FOREIGN_TRADE:
        more = {"side": draw(st.sampled_from(list(Side))), "quantity": Decimal(draw(st.integers(1, 8))) / 2}
    if verb is Verb.TRANSFER:
        source, target = draw(st.permutations(sorted(KINDS)))[:2]
        more = {"target": target, "amount": Decimal(draw(st.integers(1, 10**6)))}
        return draw(st.integers(0, BARS - 1)), verb, source, more
    return draw(st.integers(0, BARS - 1)), verb, draw(OF.get(verb, st.just(SYMBOL))), more


scripts = st.lists(entries(), max_size=14)
shares = st.sampled_from([Decimal("0.1"), Decimal("0.001"), Decimal("0.0002")])


def ends(dataset: Dataset, said: list[tuple[Any, ...]], share: Decimal) -> None:
    """share: of a bar's volume that orders may take; of a small one they fill over several bars."""
    words, terms = script(dataset, *said), replace(NO_LIMITS, frictions=Frictions(participation_max=share))
    result = run(dataset, KINDS.items(), words, terms=terms)  # which sees that the books are the venue's, in every sum
    for told in result.operator:
        if told.word.verb in (Verb.FLATTEN, Verb.KILL) and told.outcome is Outcome.DONE:
            _, done = bar_of(dataset, told)
            flattened = [
                row for row, each in result.postings[SYMBOL] if each.kind is PostingKind.FLATTEN and row <= done
            ]
            for bar in set(flattened):
                at = {each.price for row, each in result.postings[SYMBOL] if row == bar and each.kind == "flatten"}
                assert len(at) == 1
            left = held(result, SYMBOL, done)
            late = {each.word.at for each in result.operator if each.word.verb is Verb.FOREIGN_TRADE}
            assert set(left) <= ({QUARANTINE} if late else set()), "every book of the symbol is flat"
        if told.word.verb is Verb.FLATTEN_QUARANTINE and told.outcome is Outcome.DONE:
            assert QUARANTINE not in held(result, SYMBOL, bar_of(dataset, told)[1])
    again = run(dataset, KINDS.items(), words[::-1], terms=terms)
    assert again.journal_head == result.journal_head
    assert again.operator == result.operator, "where a word stands in memory says nothing; its instant and number do"


# A stop takes the net to zero while a thin market flattens, and somebody else takes it away from zero in the same bar.
STOPPED_MEANWHILE = [
    (49, Verb.FLATTEN, SYMBOL, {}),
    (49, Verb.FOREIGN_TRADE, SYMBOL, {"side": Side.BUY, "quantity": Decimal(1)}),
]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(DATA)), scripts, shares)
@example(1, STOPPED_MEANWHILE, Decimal("0.001"))
def test_whatever_is_said_the_books_are_the_venues_and_a_flat_symbol_is_flat_in_every_book(
    seed: int, said: list[tuple[Any, ...]], share: Decimal
) -> None:
    ends(DATA[seed], said, share)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(DATA)),
    st.lists(st.tuples(st.integers(0, BARS - 1), st.sampled_from([Verb.DISABLE, Verb.ENABLE, Verb.CLOSE])), max_size=8),
)
def test_what_is_said_to_one_strategy_is_not_noticed_by_the_others(seed: int, said: list[tuple[int, Verb]]) -> None:
    dataset, spoken_of = DATA[seed], "a"
    kinds = {each: averaging(2 + number) for number, each in enumerate("abcd")}
    without = run(dataset, kinds.items(), ())
    result = run(dataset, kinds.items(), script(dataset, *[(bar, verb, spoken_of) for bar, verb in said]))
    for each in kinds:
        if each != spoken_of:
            assert result.said[each] == without.said[each]
    off = _disabled(said)
    spoke_at = {(at - dataset.bars.closed_at(0)) // dataset.bars.interval_ms for at, _, _ in result.said[spoken_of]}
    assert not spoke_at & off, "asked while it was disabled"


def _disabled(said: list[tuple[int, Verb]]) -> set[int]:
    """The bars at whose close the strategy is not asked, by the script alone."""
    found, is_off = set(), False
    for bar in range(BARS):
        for at, verb in said:
            if at == bar and verb is not Verb.CLOSE:
                is_off = verb is Verb.DISABLE
        if is_off:
            found.add(bar)
    return found


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(DATA)), st.integers(0, BARS - 2), st.integers(0, 4 * 3_600_000 - 1))
def test_a_word_is_said_at_the_first_close_from_its_instant_on(seed: int, bar: int, early_by: int) -> None:
    dataset = DATA[seed]
    at = dataset.bars.closed_at(bar)

    def said(when: int) -> tuple[str, int | None]:
        words: tuple[Word, ...] = (word(0, when, Verb.FLATTEN, SYMBOL),)
        result = run(dataset, KINDS.items(), words)
        return result.journal_head, result.operator[0].said_at

    exactly = said(at)
    assert exactly[1] == at
    assert said(at - early_by) == exactly
