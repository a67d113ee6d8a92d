"""The synthetic market is the same everywhere, complete, and says what it is."""

import os
import subprocess
import sys

import numpy as np

from qts.domain.instant import HOUR_MS, parse_instant
from qts.simulation.inputs import require_inputs
from qts.simulation.synthetic import synthetic_market

START = parse_instant("2021-01-01")


def test_a_seed_names_one_market_in_every_process() -> None:
    here = synthetic_market(seed=3, start=START, bars=300).fingerprint
    code = (
        "from qts.simulation.synthetic import synthetic_market;"
        f"print(synthetic_market(seed=3, start={START}, bars=300).fingerprint)"
    )
    for seed in ("0", "99"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        there = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert there.stdout.strip() == here
    assert synthetic_market(seed=4, start=START, bars=300).fingerprint != here


def test_nothing_a_run_needs_is_missing() -> None:
    market = synthetic_market(seed=3, start=START, bars=2000)
    assert market.synthetic
    assert "synthetic" in market.source
    assert require_inputs(market, ()) == ()
    assert np.all(np.diff(market.bars.opened_at) == 4 * HOUR_MS)
    assert np.array_equal(market.bars.close[:-1], market.bars.open[1:])


def test_prices_lie_on_the_tick_and_mark_stays_near_last() -> None:
    market = synthetic_market(seed=5, start=START, bars=2000)
    ticks = market.bars.close / float(market.instrument.tick)
    assert np.allclose(ticks, np.rint(ticks), atol=1e-6)
    assert market.mark is not None
    assert np.max(np.abs(market.mark.close / market.bars.close - 1)) < 0.001
