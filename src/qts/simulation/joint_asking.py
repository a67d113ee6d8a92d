"""The strategies of a shared account as they are asked: what each is shown and told, and what it says.

A run asks with later bars hidden. What a strategy was told besides the market,
and what came of it, is kept (``transcript.py``): with that alone the same
questions can be put once more, over the data as they are, without venue or
orders (``asked_again``). Then each strategy is asked as if the others had said
what they said the first time, so what one of them knows too much of changes no
other's answers.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import localcontext

import numpy as np

from qts.domain.book import Holding
from qts.domain.errors import StrategyError
from qts.domain.fill import Fill
from qts.domain.instant import Instant
from qts.market.blindfold import Blindfold, WholeHistory
from qts.market.dataset import Dataset
from qts.market.view import Cursor, View
from qts.simulation.collector import rarely_collected
from qts.simulation.joint_terms import Member
from qts.simulation.operator_words import Outcome, Verb, WordTold
from qts.simulation.slow_calls import SlowCalls
from qts.simulation.transcript import Asked, Transcript
from qts.strategy.features.columns import FeatureColumns
from qts.strategy.multiplexer import Halted, Multiplexer, Round
from qts.strategy.registry import Key, Seat, StrategyRegistry


class Asking:
    """registry: the strategies; whoever enables or disables one does so there.

    sight: what views are made of. holdings: of each strategy on each of its symbols, before the first round.
    """

    def __init__(
        self,
        datasets: Mapping[str, Dataset],
        holdings: Mapping[Key, Holding],
        sight: type[Blindfold | WholeHistory],
        slow: SlowCalls | None = None,
    ) -> None:
        self.registry = StrategyRegistry()
        self._slow = slow
        self._multiplexer = (
            Multiplexer(self.registry)
            if slow is None
            else Multiplexer(self.registry, pace=slow.pace, stopwatch=slow.stopwatch)
        )
        self._sights = {
            symbol: sight(each.bars, FeatureColumns(each.bars, float(each.instrument.tick)))
            for symbol, each in datasets.items()
        }
        self._cursors = {symbol: Cursor() for symbol in datasets}
        self._first = dict(holdings)
        self._views = {
            key: View(self._sights[key[1]].bars, self._sights[key[1]].features, self._cursors[key[1]], holding)
            for key, holding in holdings.items()
        }
        self._rounds: list[Asked] = []
        self._held: list[tuple[Key, Holding]] = []
        self._fills: list[tuple[str, Fill]] = []
        self._halted: list[Halted] = []
        self._seats: dict[Seat, None] = {}
        self._seen_version = -1

    def admit(self, members: Iterable[Member]) -> None:
        """Before the start. Raises StrategyError for one that cannot be registered."""
        for member in members:
            self.registry.register(member.strategy_id, member.make, member.symbols)

    def start(self, now: Instant) -> tuple[Halted, ...]:
        """A run begins. Who is halted by it, as with whatever is told or asked below."""
        self._look_at_seats()
        return self._hear(self._multiplexer.started(now))

    def move(self, symbol: str, row: int) -> None:
        """The bar ``row`` of the symbol is the present one."""
        self._cursors[symbol].row = row
        self._sights[symbol].show(row)

    def hold(self, key: Key, holding: Holding) -> None:
        """What a book holds from now on; a book that is no strategy's has no view."""
        view = self._views.get(key)
        if view is not None:
            view.holding = holding
            self._held.append((key, holding))

    def tell(self, strategy_id: str, fill: Fill) -> tuple[Halted, ...]:
        self._fills.append((strategy_id, fill))
        return self._hear(self._multiplexer.told(strategy_id, fill))

    def ask(self, present: Collection[str], now: Instant) -> Round:
        """One round at a close. present: the symbols that have a bar there. Its ``halted`` are those of this call."""
        self._look_at_seats()
        whole = len(present) == len(self._cursors)
        views = self._views if whole else {key: view for key, view in self._views.items() if key[1] in present}
        heard = self._multiplexer.ask(views, now)
        self._hear(heard)
        if heard.answers or self._held or self._fills or self._halted:
            told = (tuple(self._held), tuple(self._fills))
            self._rounds.append(Asked(now, *told, heard.answers, tuple(self._halted)))
            self._held, self._fills, self._halted = [], [], []
        return heard

    def _hear(self, heard: Round) -> tuple[Halted, ...]:
        self._halted += heard.halted
        if self._slow is not None:
            self._slow.hear(heard)
        return heard.halted

    def _look_at_seats(self) -> None:
        if self.registry.version != self._seen_version:
            self._seats |= dict.fromkeys(self.registry.seats)
            self._seen_version = self.registry.version

    def transcript(self) -> Transcript:
        """Of all rounds so far."""
        asked = dict.fromkeys(self.registry.ids, 0)
        for seat in self._seats:
            asked[seat.key[0]] += seat.asked
        kinds = {seat.key[0]: type(seat.strategy) for seat in self._seats}
        return Transcript(first=self._first, rounds=tuple(self._rounds), asked=asked, kinds=kinds)


def asked_again(
    datasets: Mapping[str, Dataset],
    members: Sequence[Member],
    transcript: Transcript,
    operator: Iterable[WordTold],
) -> Transcript:
    """The same questions over the data as they are, nothing hidden: what the strategies say to them.

    datasets, members: of the run that ``transcript`` is of. operator: what became of the words of its script.
    A strategy that cannot be registered once more, or not be enabled, is silent, which then tells.
    """
    datasets = {symbol: datasets[symbol] for symbol in traded(members)}
    rounds, words = deque(transcript.rounds), deque(_of_strategies(operator))
    with rarely_collected(), localcontext(), np.errstate():
        asking = Asking(datasets, transcript.first, WholeHistory)
        for member in members:
            with suppress(StrategyError):
                asking.admit([member])
        asking.start(next(bars_of(datasets))[0])
        for _, now, rows in bars_of(datasets):
            for symbol, row in rows.items():
                asking.move(symbol, row)
            while words and words[0][0] == now:
                with suppress(StrategyError):
                    _obey(asking.registry, *words.popleft()[1:])
            if rounds and rounds[0].now == now:
                known = rounds.popleft()
                for key, holding in known.held:
                    asking.hold(key, holding)
                for strategy_id, fill in known.fills:
                    asking.tell(strategy_id, fill)
            asking.ask(rows, now)
        return asking.transcript()


def bars_of(datasets: Mapping[str, Dataset]) -> Iterator[tuple[Instant, Instant, dict[str, int]]]:
    """Open and close of every bar of an account, ms UTC, and the row of each symbol that has one there."""
    opened = {symbol: each.bars.opened_at for symbol, each in datasets.items()}
    interval_ms = next(iter(datasets.values())).bars.interval_ms
    rows = dict.fromkeys(datasets, 0)
    for at in np.unique(np.concatenate(list(opened.values()))).tolist():
        present = {}
        for symbol, column in opened.items():
            row = rows[symbol]
            if row < len(column) and column[row] == at:
                rows[symbol] = row + 1
                present[symbol] = row
        yield at, at + interval_ms, present


def traded(members: Iterable[Member]) -> list[str]:
    """Every symbol of the members, sorted."""
    return sorted({symbol for member in members for symbol in member.symbols})


def _of_strategies(operator: Iterable[WordTold]) -> list[tuple[Instant, Verb, str]]:
    """When which strategy was enabled or disabled, in the order in which it was said."""
    done = [each for each in operator if each.outcome is Outcome.DONE and each.word.verb in (Verb.ENABLE, Verb.DISABLE)]
    done.sort(key=lambda each: (each.word.at, each.word.number))
    return [(each.said_at, each.word.verb, each.word.subject) for each in done if each.said_at is not None]


def _obey(registry: StrategyRegistry, verb: Verb, strategy_id: str) -> None:
    if verb is Verb.DISABLE:
        registry.disable(strategy_id)
    else:
        registry.enable(strategy_id)
