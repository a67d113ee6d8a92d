"""The same input gives the same result: in another process, after arithmetic was tampered with, and in the mirror."""

import decimal
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qts.market.bars import Bars
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.risk.policy import RiskLimits
from qts.simulation.backtest import Engine, Terms, run_backtest
from qts.simulation.costs import FixedSlippage, Frictions
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, Improviser, Knobs, instrument, knobs, market, terms

ROOT = Path(__file__).parents[2]
PROGRAM = """
from decimal import Decimal
from qts.simulation.backtest import Terms, run_backtest
from qts.strategy.catalogue import CATALOGUE
from tests.generators import ALL_WAIVERS, Improviser, Knobs, market
given = Knobs(seed=11, rows=400, tick="0.01", wildness=0.01, gaps=True, silent_bars=True, funding=True,
              mark="finer", brackets="two")
strategies = [kind() for kind in CATALOGUE.values()] + [Improviser(seed=5)]
for strategy in strategies:
    print(run_backtest(market(given), strategy, Terms(waivers=ALL_WAIVERS)).digest)
"""


def test_two_processes_with_other_hash_seeds_agree_to_the_bit() -> None:
    """Proves: QL-9"""
    told = []
    for seed in ("0", "4242"):
        surroundings = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=surroundings, cwd=ROOT, capture_output=True, text=True, check=True
        )
        told.append(run.stdout)
    assert told[0] == told[1]
    assert len(set(told[0].split())) == 6


class Vandal(Improviser):
    """An Improviser that ruins the arithmetic of its thread first."""

    def on_bar(self, view: View) -> Answer:
        answer = super().on_bar(view)
        decimal.getcontext().prec = 3
        decimal.getcontext().rounding = decimal.ROUND_UP
        np.seterr(all="ignore")
        return answer


@settings(max_examples=40)
@given(knobs(), st.integers(0, 1000), terms)
def test_a_strategy_that_ruins_decimal_and_numpy_changes_nothing_and_leaves_no_trace(
    given: Knobs, seed: int, run_terms: Terms
) -> None:
    before = decimal.getcontext().copy(), np.geterr()
    honest = run_backtest(market(given), Improviser(seed=seed), run_terms)
    ruined = run_backtest(market(given), Vandal(seed=seed), run_terms)
    assert ruined.fills == honest.fills
    assert ruined.orders == honest.orders
    assert ruined.equity.tobytes() == honest.equity.tobytes()
    assert ruined.final_equity == honest.final_equity
    assert (decimal.getcontext().prec, decimal.getcontext().rounding) == (before[0].prec, before[0].rounding)
    assert np.geterr() == before[1]


FLOAT_NOISE = Knobs(
    seed=60,
    rows=60,
    tick="0.01",
    wildness=0.01,
    gaps=False,
    silent_bars=False,
    funding=False,
    mark="none",
    brackets="none",
)
"""A market in which a stop at 126.77 + 2.0 + 3.0 decides: as a float, just below 131.77."""


class Sided(Strategy):
    """Enters and leaves by a script of hours, with a pair at a fixed distance. mirrored: the other way round."""

    script: str
    mirrored: bool = False

    def on_bar(self, view: View) -> Answer:
        word = self.script[view.bar_number % len(self.script)]
        if word == ".":
            return None
        if word == "x":
            return close()
        side = (1 if word in "bl" else -1) * (-1 if self.mirrored else 1)
        near = view.close - side * 2.0 if word in "lk" else None  # l, k: with a limit two below, or above
        base = view.close if near is None else near
        return (buy if side > 0 else sell)(
            quantity=1, limit=near, stop_loss=base - side * 3.0, take_profit=base + side * 4.0, good_for_bars=3
        )


def reflected(dataset: Dataset, around: float) -> Dataset:
    """Every price p becomes 2 x around - p: a long there is a short here, to the cent."""
    bars = dataset.bars
    other = Bars(
        symbol=bars.symbol,
        interval_ms=bars.interval_ms,
        opened_at=bars.opened_at,
        open=np.round(2 * around - bars.open, 8),
        high=np.round(2 * around - bars.low, 8),
        low=np.round(2 * around - bars.high, 8),
        close=np.round(2 * around - bars.close, 8),
        volume=bars.volume,
    )
    return replace(dataset, bars=other)


@settings(max_examples=100)
@example(FLOAT_NOISE, "bbbbbb....kkb...b", Decimal("0.01"))
@given(knobs(), st.text("..bslkx", min_size=3, max_size=30), st.sampled_from([Decimal("0.01"), Decimal(1)]))
def test_a_short_in_the_mirrored_market_is_the_long_in_the_market(
    given: Knobs, script: str, participation: Decimal
) -> None:
    """With prices reflected and every side turned round, each fill is the reflected fill and each P&L the same.

    Reflection keeps distances, not ratios: so costs, smallest notional and collar, which go by price, are left out.
    Proves: QL-10
    """
    calm = replace(given, wildness=0.002 if given.wildness > 0.03 else given.wildness, mark="none", funding=False)
    dataset = market(replace(calm, brackets="none"))
    dataset = replace(dataset, instrument=instrument(calm.tick, notional_min="0"))
    frictions = Frictions(
        fee_rate_maker=Decimal(0),
        fee_rate_taker=Decimal(0),
        slippage=FixedSlippage(Decimal(0)),
        participation_max=participation,
    )
    limits = RiskLimits(price_collar=Decimal(1))
    run_terms = Terms(capital=Decimal(100_000), frictions=frictions, limits=limits, waivers=ALL_WAIVERS)
    around = 200.0
    long = run_backtest(dataset, Sided(script=script), run_terms)
    short = run_backtest(reflected(dataset, around), Sided(script=script, mirrored=True), run_terms, Engine.PLAIN)
    assert [(f.occurred_at, f.side.sign, f.quantity, f.price, f.cause) for f in long.fills] == [
        (f.occurred_at, -f.side.sign, f.quantity, 2 * Decimal(around) - f.price, f.cause) for f in short.fills
    ]
    assert [t.net_pnl for t in long.trades] == [t.net_pnl for t in short.trades]
    assert long.refusal_counts == short.refusal_counts
