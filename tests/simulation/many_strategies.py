"""Many strategies on one account, some of which fail: python -m tests.simulation.many_strategies [--bars N]

200 strategies on one symbol, then 20 on 20 symbols, a tenth of them failing at a
bar and in a way drawn from a seed. Said at the end: whether what the others
wanted is, to the last word, what they want in a run without the failing ones;
whether the books added up at every posting (each is checked as it is made, so a
run that ends has added up) and at the end; and what a strategy-bar took.

Every bar carries an order of all of them at once, and every wallet all they order.
Who shares an account shares its market and its margin: what a bar too thin for
the account's order fills is shared among those who want it. What a strategy
holds then depends on who else trades, and these look at what they hold. Bars that
are too thin are in thin_crowd.py.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from qts.domain.virtual_books import PostingKind
from qts.market.dataset import Dataset
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import Member
from qts.strategy.strategy import Strategy
from tests.simulation.joint_members import CAPITAL, NO_LIMITS, adds_up, averaging, failing, synthetic

AMPLE = 100 * CAPITAL
"""Each strategy's capital on a symbol. One account has one margin: where it runs short, all who share it notice."""

ORDERED_MAX = 2
"""Base units that a strategy of the crowd orders of a symbol in one bar, at most."""


@dataclass(frozen=True)
class Crowd:
    """datasets: by symbol. sound, faulty: members that must not notice each other."""

    datasets: dict[str, Dataset]
    sound: list[Member]
    faulty: list[Member]

    def run(self, members: list[Member]) -> tuple[JointResult, float]:
        began = time.process_time()
        result = run_together(self.datasets, members, NO_LIMITS)
        return result, time.process_time() - began


class Silent(Strategy):
    def on_bar(self, view):
        return None


def crowd(symbols: int, strategies: int, bars: int, seed: int = 11) -> Crowd:
    """Each strategy on all of the symbols, a tenth of them faulty."""
    names = tuple(f"S{number:02}USDT" for number in range(symbols))
    datasets = {
        name: deep(synthetic(seed + number, bars, name), ORDERED_MAX * strategies) for number, name in enumerate(names)
    }
    faulty = max(1, strategies // 10)
    sound = [
        Member(strategy_id=f"ok-{n}", make=averaging(2 + n % 40), symbols=names, capital=AMPLE * symbols)
        for n in range(strategies - faulty)
    ]
    broken = [
        Member(strategy_id=f"bad-{n}", make=failing(seed * 1000 + n, bars), symbols=names, capital=AMPLE * symbols)
        for n in range(faulty)
    ]
    return Crowd(datasets, sound, broken)


def deep(dataset: Dataset, quantity: int) -> Dataset:
    """The market with volume in every bar for an order of so many base units."""
    more = quantity / float(NO_LIMITS.frictions.participation_max)
    return replace(dataset, bars=replace(dataset.bars, volume=dataset.bars.volume + more))


def judged(these: Crowd) -> str:
    """Raises AssertionError when somebody noticed somebody."""
    without, _ = these.run(these.sound)
    result, took = these.run([*these.sound, *these.faulty])
    adds_up(result)
    nothing_waited(these.datasets, result)
    for member in these.sound:
        assert result.said[member.strategy_id] == without.said[member.strategy_id], member.strategy_id
    assert {each.strategy_id for each in result.halted} == {each.strategy_id for each in these.faulty}
    strategies, bars = len(these.sound) + len(these.faulty), sum(len(each.bars) for each in these.datasets.values())
    postings = sum(len(each) for each in result.postings.values())
    return (
        f"{strategies} strategies, {len(these.datasets)} symbols, {bars} bars in all: {len(these.faulty)} failed, "
        f"{len(these.sound)} others said the same; {postings} postings added up, {result.crossed} of them crossed; "
        f"{took:.1f} s, {took / (strategies * bars) * 1e6:.2f} us a strategy-bar"
    )


def nothing_waited(datasets: dict[str, Dataset], result: JointResult) -> None:
    """Raises AssertionError when a bar filled all that it could carry: what is left would have waited."""
    for symbol, dataset in datasets.items():
        taken = np.zeros(len(dataset.bars))
        for row, each in result.postings[symbol]:
            if each.kind is PostingKind.FILL:
                taken[row] += abs(float(each.quantity))
        assert (taken < dataset.bars.volume * float(NO_LIMITS.frictions.participation_max)).all(), symbol


def silence(strategies: int, bars: int) -> str:
    dataset = synthetic(5, bars)
    symbol = dataset.instrument.symbol
    members = [
        Member(strategy_id=f"s-{n}", make=Silent, symbols=(symbol,), capital=Decimal(1000)) for n in range(strategies)
    ]
    _, took = Crowd({symbol: dataset}, members, []).run(members)
    each = took / (strategies * bars) * 1e6
    return f"{strategies} silent strategies, {bars} bars: {took:.1f} s, {each:.2f} us a strategy-bar (PF-10: at most 3)"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bars", type=int, default=10_000)
    bars = parser.parse_args().bars
    for words in (silence(200, bars), judged(crowd(1, 200, bars)), judged(crowd(20, 20, bars))):
        sys.stdout.write(words + "\n")


if __name__ == "__main__":
    main()
