"""Does a strategy of a shared account know the future? Each is asked again with it, and must say the same.

The run itself hides later bars from everybody (``simulation/joint_asking.py``), so
its figures are those without the future whatever a strategy tries. Then every
strategy is asked the same questions over the data as they are: told of the fills
and holdings of the run, not of what would come of other answers. So what it says
is compared by itself, as it said it, before sizing, arbitration and limits; one
that leaks is named and no other, and one that was halted is compared up to there.

The run comes first, so that nothing a strategy could have remembered from being
asked again is the future. What ``leakage.py`` says is beyond it is beyond this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

from qts.market.dataset import Dataset
from qts.research.leakage import Leak, LeakCheck
from qts.simulation.joint_asking import asked_again
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_terms import Member
from qts.simulation.transcript import Asked, Transcript
from qts.strategy.blame import answering_line
from qts.strategy.intent import Intent, Targets
from qts.strategy.multiplexer import Halted, Said
from qts.strategy.registry import Key
from qts.strategy.strategy import Strategy

_Word: TypeAlias = Said | Halted


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyCheck:
    """What came of the search in one strategy. asked: how often it was, again, on all its symbols together.

    leak, symbol: the first decision that changed, and where; None and '' for none. place: file and line of the code
    that answers, '' where there is none to read.
    """

    strategy_id: str
    check: LeakCheck
    asked: int
    place: str
    symbol: str = ""
    leak: Leak | None = None

    def sentence(self) -> str:
        """Whose leak it is and where, or why there is none to tell of."""
        if self.leak is None:
            return f"{self.strategy_id}: {self.check.sentence}"
        place = f" ({self.place})" if self.place else ""
        return f"{self.strategy_id} on {self.symbol}{place}: {self.leak.sentence()}"


def account_checks(
    datasets: Mapping[str, Dataset], members: Sequence[Member], result: JointResult
) -> tuple[StrategyCheck, ...]:
    """Every strategy of a run, by id. datasets, members: of that run."""
    hidden = result.transcript
    seen = asked_again(datasets, members, hidden, result.operator)
    found = _first_differences(seen, hidden)
    return tuple(
        _checked(strategy_id, kind, seen.asked.get(strategy_id, 0), *found.get(strategy_id, ("", None)))
        for strategy_id, kind in sorted(hidden.kinds.items())
    )


def _checked(strategy_id: str, kind: type[Strategy], asked: int, symbol: str, leak: Leak | None) -> StrategyCheck:
    check = LeakCheck.of(kind, leak)
    return StrategyCheck(
        strategy_id=strategy_id,
        check=LeakCheck.NOT_ASKED if check is LeakCheck.PASSED and not asked else check,
        asked=asked,
        place=answering_line(kind),
        symbol=symbol,
        leak=leak,
    )


def _first_differences(seen: Transcript, hidden: Transcript) -> dict[str, tuple[str, Leak]]:
    """Symbol and leak of each strategy that once said something else, by its id."""
    with_future = {each.now: each for each in seen.rounds}
    without = {each.now: each for each in hidden.rounds}
    found: dict[str, tuple[str, Leak]] = {}
    for now in sorted(with_future.keys() | without.keys()):
        for (strategy_id, symbol), one, other in _differing(with_future.get(now), without.get(now)):
            leak = Leak(decided_at=now, with_future=_told(one), without_future=_told(other))
            found.setdefault(strategy_id, (symbol, leak))
    return found


def _differing(seen: Asked | None, hidden: Asked | None) -> list[tuple[Key, _Word | None, _Word | None]]:
    """By strategy; of its symbols first the one it was halted on, since what it said elsewhere was dropped for that."""
    if seen is not None and hidden is not None and seen.answers == hidden.answers and seen.halted == hidden.halted:
        return []
    one, other = _words(seen), _words(hidden)
    pairs = [(key, one.get(key), other.get(key)) for key in one.keys() | other.keys()]
    pairs = [pair for pair in pairs if _meaning(pair[1]) != _meaning(pair[2])]
    return sorted(pairs, key=lambda pair: (pair[0][0], not any(isinstance(word, Halted) for word in pair[1:]), pair[0]))


def _words(asked: Asked | None) -> dict[Key, _Word]:
    """What was said by whom on which symbol; of whom was halted, that alone."""
    if asked is None:
        return {}
    words: tuple[_Word, ...] = (*asked.halted, *asked.answers)
    return {(each.strategy_id, each.symbol): each for each in words}


def _meaning(word: _Word | None) -> object:
    """What is compared: an answer whole, of a failure its cause, since its words may tell of this process alone."""
    return word.cause if isinstance(word, Halted) else word


def _told(word: _Word | None) -> str:
    if word is None:
        return "nothing"
    if isinstance(word, Halted):
        return f"nothing, since it failed ({word.detail}),"
    if isinstance(word.answer, Targets):
        return "to hold " + ", ".join(f"{weight:g} of {symbol}" for symbol, weight in word.answer.weights.items())
    return ", ".join(_intent_told(each) for each in word.answer)


def _intent_told(intent: Intent) -> str:
    """'to buy (weight 1, stop_loss 95)': every wish that is not as when left out."""
    wishes = [
        f"{each.name} {getattr(intent, each.name)}"
        for each in fields(intent)[1:]
        if getattr(intent, each.name) != each.default
    ]
    return f"to {intent.action}" + (f" ({', '.join(wishes)})" if wishes else "")
