"""Many strategies on one account whose bars are too thin for its orders: python -m tests.simulation.thin_crowd

Some strategies decide on signals alone, some look at what they hold, a tenth fails at a bar and in a way drawn from
a seed. What a bar may fill is a part of what the account wants, so orders wait, meet each other, are withdrawn and
offered again. Said at the end, and raised as AssertionError where it is not so:

- the books add up at every posting (each is checked as it is made) and at the end;
- no bar filled more than the part of its volume that an account may take;
- who decides on signals alone says, to the last word, what it says in a run without those that fail;
- what was asked for is accounted for (``accounted``).

Nobody speaks in the last bars, whose volume is enough for all: nothing is on its way when the run ends.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from qts.domain.instant import Instant
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.virtual_books import Posting, PostingKind
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_terms import Member
from qts.strategy.intent import Action, Answer, Intent, buy, sell
from qts.strategy.strategy import Strategy
from tests.simulation.joint_members import CAPITAL, NO_LIMITS, Averages, adds_up, failing, synthetic
from tests.simulation.many_strategies import AMPLE, Crowd

SILENT_BARS = 20
"""At the end: nobody speaks, and all that waits fills."""

SHARE = NO_LIMITS.frictions.participation_max


class Signals(Strategy):
    """Says something every few bars, of the last close alone. sides: which of the two it ever trades."""

    number: int = 0
    bars: int = 0
    sides: str = "buy sell"
    over: int = 0

    def on_bar(self, view: View) -> Answer:
        if view.bar_number < 2 or view.bar_number >= self.bars - SILENT_BARS:
            return None
        if (view.bar_number * 7 + self.number * 3) % (5 + self.number % 8):
            return None
        before, now = view.closes(2)
        say = buy if now > before else sell
        return say(quantity=1 + self.number % 3, over_bars=self.over) if say.__name__ in self.sides else None


class Looking(Averages):
    """Buys while it holds nothing, as often as it takes."""

    bars: int = 0

    def on_bar(self, view: View) -> Answer:
        return None if view.bar_number >= self.bars - SILENT_BARS else super().on_bar(view)


def made(kind: type[Strategy], **values: object) -> type[Strategy]:
    """The class with other defaults."""
    return type(kind.__name__, (kind,), {**values, "__annotations__": dict.fromkeys(values, object)})


@dataclass(frozen=True)
class ThinCrowd(Crowd):
    """by_signal: of the sound ones, those that do not look at what they hold."""

    by_signal: tuple[str, ...]


def thin_crowd(symbols: int, strategies: int, bars: int, seed: int = 7) -> ThinCrowd:
    """Each strategy on all of the symbols: half by signal, four tenths looking, a tenth faulty."""
    names = tuple(f"S{number:02}USDT" for number in range(symbols))
    datasets = {name: thin(synthetic(seed + n, bars, name), strategies, seed + n) for n, name in enumerate(names)}
    faulty, by_signal = max(1, strategies // 10), strategies // 2

    def member(name: str, make: type[Strategy], capital: Decimal = AMPLE * symbols) -> Member:
        return Member(strategy_id=name, make=make, symbols=names, capital=capital)

    sides = ("buy", "sell", "buy sell", "buy sell")
    signals = [
        member(f"sig-{n}", made(Signals, number=n, bars=bars, sides=sides[n % 4], over=(0, 0, 0, 0, 4)[n % 5]))
        for n in range(by_signal)
    ]
    poor = member("sig-poor", made(Signals, number=by_signal, bars=bars, sides="buy"), CAPITAL * symbols / 100)
    looking = [
        member(f"look-{n}", made(Looking, fast=2 + n % 9, slow=5 + n % 20, bars=bars))
        for n in range(strategies - by_signal - faulty)
    ]
    broken = [member(f"bad-{n}", failing(seed * 1000 + n, bars - SILENT_BARS)) for n in range(faulty)]
    ids = tuple(each.strategy_id for each in (*signals, poor))
    return ThinCrowd(datasets, [*signals, poor, *looking], broken, ids)


def thin(dataset: Dataset, strategies: int, seed: int) -> Dataset:
    """What an account may take of a bar is from nothing to what a twentieth of the strategies want; at the end, all."""
    dice = np.random.default_rng(seed)
    may_take = dice.uniform(0, strategies / 10, len(dataset.bars))
    may_take[-SILENT_BARS + 1 :] = 1e6
    return replace(dataset, bars=replace(dataset.bars, volume=may_take / float(SHARE)))


def judged_thin(these: ThinCrowd) -> str:
    """Raises AssertionError when a law does not hold."""
    without, _ = these.run(these.sound)
    result, took = these.run([*these.sound, *these.faulty])
    lost, full = ZERO, 0
    for each in (without, result):
        adds_up(each)
        full = within_the_bars(these.datasets, each)
        with exact_arithmetic():
            lost = accounted(each, [member.strategy_id for member in these.sound])
    assert {each.strategy_id for each in result.halted} == {each.strategy_id for each in these.faulty}
    for name in these.by_signal:
        assert result.said[name] == without.said[name], name
    assert full > 0, "no bar was too thin"
    bars = sum(len(each.bars) for each in these.datasets.values())
    noticed = sum(result.said[each.strategy_id] != without.said[each.strategy_id] for each in these.sound)
    return (
        f"{len(these.sound) + len(these.faulty)} strategies, {len(these.datasets)} symbols, {bars} bars in all, "
        f"{full} of them filled full: {len(these.faulty)} failed, {len(these.by_signal)} by signal said the same, "
        f"{noticed} that look at what they hold did not; {result.crossed} crosses, {len(result.gate)} refused, "
        f"{len(result.withheld)} withheld of {lost} base units; {took:.1f} s"
    )


def within_the_bars(datasets: dict[str, Dataset], result: JointResult) -> int:
    """How many bars filled all that they could carry. Raises AssertionError when one filled more."""
    full = 0
    for symbol, dataset in datasets.items():
        taken: dict[int, Decimal] = defaultdict(Decimal)
        for row, each in result.postings[symbol]:
            if each.kind is PostingKind.FILL:
                taken[row] += each.quantity.copy_abs()
        for row, quantity in taken.items():
            most = dataset.instrument.quantity_down(Decimal(float(dataset.bars.volume[row])) * SHARE)
            assert quantity <= most, (symbol, row, quantity, most)
            full += quantity == most
    return full


def accounted(result: JointResult, whom: Iterable[str]) -> Decimal:
    """How much was told as withheld, base units. Raises AssertionError where that does not agree with what was asked.

    No order fills more than was asked for, and no more is told as withheld than did not fill. Of who only ever trades
    one side, what did not fill is told, to the last lot, or was refused in words. Who trades both sides takes back
    what waits by its later words, and is told nothing of that.
    """
    return sum((_accounted(result, name, symbol) for name in whom for symbol in result.venue), start=ZERO)


def _accounted(result: JointResult, name: str, symbol: str) -> Decimal:
    filled: dict[int, Decimal] = defaultdict(Decimal)
    for _, posting in result.postings[symbol]:
        if posting.strategy_id == name and posting.quantity:
            filled[_said_at(posting)] += posting.quantity.copy_abs()
    mine = [each for each in result.withheld if (each.strategy_id, each.symbol) == (name, symbol)]
    told = sum((each.quantity for each in mine), start=ZERO)
    refused = {each.at for each in result.gate if each.symbol == symbol and each.strategy_id in (name, "account")}
    said = [(at, each) for at, where, answer in result.said[name] if where == symbol for each in _intents(answer)]
    unfilled = {at: each.quantity - filled[at] for at, each in said if each.quantity is not None}
    assert min(unfilled.values(), default=ZERO) >= 0, f"{name} on {symbol} was filled more than it asked for"
    untold = sum((left for at, left in unfilled.items() if at not in refused), start=ZERO)
    actions = {each.action for _, each in said}
    if Action.CLOSE not in actions:
        assert told <= sum(unfilled.values()), f"{name} on {symbol}: {told} is told, which is more than did not fill"
    if len(actions) == 1:
        assert untold == told, f"{name} on {symbol}: {untold} did not fill, and {told} is told"
    return told


def _said_at(posting: Posting) -> Instant:
    """When a strategy said what the posting is for; its orders are named after that."""
    return int(posting.order_id.split("-")[1])


def _intents(answer: object) -> tuple[Intent, ...]:
    assert isinstance(answer, tuple)
    return answer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bars", type=int, default=1_000)
    parser.add_argument("--strategies", type=int, default=100)
    parser.add_argument("--symbols", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    sys.stdout.write(judged_thin(thin_crowd(given.symbols, given.strategies, given.bars, given.seed)) + "\n")


if __name__ == "__main__":
    main()
