"""QTS: what one order costs, from the answer of the strategy to the booked, certified fill.

The cross of 20/50 is run as it is and with its answers dropped, in turns, in
one process. The difference, divided by the orders, is the cost of an order:
decision, sizing, gate, staged limits, the execution machine with all its checks, its events
and commands as hash-chained rows of the journal, venue and matching, exact
book, trade list, equity after it, and the digest that certifies it.
"""

import argparse
import statistics
import time
from dataclasses import replace

from benchmarks.contenders.qts_run import Cross, market, terms
from benchmarks.measuring import report
from qts import Strategy, View
from qts.market.dataset import Dataset
from qts.risk.limit_policy import LimitPolicies
from qts.simulation.backtest import Terms, run_backtest
from qts.strategy.intent import Answer
from qts.worlds.policy_limits import limits_of
from qts.worlds.presets import PRESETS

_TURNS = 5
_LIMITS = LimitPolicies(account=limits_of(PRESETS["moderate"]))
_UNDER = terms()
UNDER_LIMITS = replace(_UNDER, policies=_LIMITS)


class Mute(Cross):
    def on_bar(self, view: View) -> Answer:
        super().on_bar(view)
        return None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bars", type=int, required=True)
    parser.add_argument("--gate-alone", action="store_true", help="without the staged limits")
    chosen = parser.parse_args()
    under = _UNDER if chosen.gate_alone else UNDER_LIMITS
    dataset = market(chosen.bars)
    spoken, silent, orders = [], [], 0
    for _ in range(_TURNS):
        seconds, orders = _timed(dataset, Cross(), under)
        spoken.append(seconds)
        silent.append(_timed(dataset, Mute(), under)[0])
    each = (statistics.median(spoken) - statistics.median(silent)) / orders
    report(orders=orders, us_per_order=each * 1e6)


def _timed(dataset: Dataset, strategy: Strategy, under: Terms) -> tuple[float, int]:
    start = time.process_time()
    result = run_backtest(dataset, strategy, under)
    result.digest  # noqa: B018 - certifying the orders is part of their cost
    return time.process_time() - start, len(result.orders)


if __name__ == "__main__":
    main()
