"""The same strategy on the same bars gives what other people's engines give; where it differs, exactly why."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bars import CAPITAL, FAST, FEE_RATE, INTERVAL_MS, SLOW, SeededBars, seeded_bars
from qts.domain.fill import Cause
from qts.market.bars import Bars
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.costs import FixedSlippage, Frictions
from qts.simulation.result import RunResult
from qts.strategy.features import sma
from qts.strategy.intent import Answer, buy, close
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, SYMBOL, instrument

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "peers" / "strategy_a_100k.json").read_text("utf-8"))
ROWS = 100_000
STOP, TARGET = 0.01, 0.02


class Cross(Strategy):
    bracket: bool = False

    def on_bar(self, view: View) -> Answer:
        fast, slow = sma(view, FAST), sma(view, SLOW)
        fast_before, slow_before = sma(view, FAST, ago=1), sma(view, SLOW, ago=1)
        if view.is_flat:
            if fast > slow and fast_before <= slow_before:
                if not self.bracket:
                    return buy(quantity=1)
                return buy(quantity=1, stop_loss=view.close * (1 - STOP), take_profit=view.close * (1 + TARGET))
        elif fast < slow and fast_before >= slow_before:
            return close()
        return None


@pytest.fixture(scope="module")
def seeded() -> SeededBars:
    return seeded_bars(ROWS)


def run(seeded: SeededBars, strategy: Strategy) -> RunResult:
    bars = Bars(
        symbol=SYMBOL,
        interval_ms=INTERVAL_MS,
        opened_at=seeded.opened_at,
        open=seeded.open,
        high=seeded.high,
        low=seeded.low,
        close=seeded.close,
        volume=seeded.volume * 1000,  # the peers know no participation limit
    )
    dataset = Dataset(
        instrument=instrument(), bars=bars, funding=None, brackets=None, mark=None, synthetic=True, source="seeded"
    )
    fee = Decimal(str(FEE_RATE))
    frictions = Frictions(
        fee_rate_maker=fee, fee_rate_taker=fee, slippage=FixedSlippage(Decimal(0)), participation_max=Decimal(1)
    )
    return run_backtest(dataset, strategy, Terms(capital=Decimal(CAPITAL), frictions=frictions, waivers=ALL_WAIVERS))


def test_strategy_a_to_the_cent(seeded: SeededBars) -> None:
    """Proves: QL-10"""
    result = run(seeded, Cross())
    assert round(result.final_equity, 4) == Decimal(GOLDEN["a"]["equity"])
    assert len(result.closed_trades) == GOLDEN["a"]["closed_trades"]


def plain_loop(seeded: SeededBars, *, on_ticks: bool, target_crossed: bool) -> tuple[float, int, int]:  # noqa: C901 - one loop
    """Strategy B in thirty lines that share nothing with QTS: equity, closed trades, exits by stop or target.

    on_ticks: stop and target rounded toward the entry to 0.01. target_crossed: a target must be traded through.
    A target that the bar opens beyond fills at the open without ``target_crossed``, at its price with it.
    """
    cents = np.rint(seeded.close * 100).astype(np.int64)
    total = np.concatenate(([0], np.cumsum(cents)))
    spread = np.zeros(ROWS, dtype=np.int64)
    rows = np.arange(SLOW - 1, ROWS)
    fast, slow = total[rows + 1] - total[rows + 1 - FAST], total[rows + 1] - total[rows + 1 - SLOW]
    spread[rows] = fast * SLOW - slow * FAST
    cash, held, order, stop, target, trades, exits = float(CAPITAL), False, "", 0.0, 0.0, 0, 0
    o, h, low, c, d = (x.tolist() for x in (seeded.open, seeded.high, seeded.low, seeded.close, spread))
    for row in range(ROWS):
        if order == "buy":
            cash, held = cash - o[row] * (1 + FEE_RATE), True
        elif order == "sell" and held:
            cash, held, trades = cash + o[row] * (1 - FEE_RATE), False, trades + 1
        order = ""
        if held:
            price = None
            if low[row] <= stop:
                price = min(o[row], stop)
            elif target_crossed and h[row] > target:
                price = target
            elif not target_crossed and h[row] >= target:
                price = max(o[row], target)
            if price is not None:
                cash, held, trades, exits = cash + price * (1 - FEE_RATE), False, trades + 1, exits + 1
        if row >= SLOW:
            if not held and d[row] > 0 and d[row - 1] <= 0:
                order, stop, target = "buy", c[row] * (1 - STOP), c[row] * (1 + TARGET)
                if on_ticks:
                    stop, target = -(-stop * 100 // 1) / 100, target * 100 // 1 / 100
            elif held and d[row] < 0 and d[row - 1] >= 0:
                order = "sell"
    return cash + held * c[-1], trades, exits


def test_strategy_b_differs_from_the_peers_by_its_tick_grid_and_the_crossed_target_alone(seeded: SeededBars) -> None:
    """Peers keep stop and target off the grid, fill a touched target, and give a gapped one the better open.

    QTS rounds both to the tick, toward the entry, and wants a target crossed. A plain loop that shares no code with
    QTS gives the peers' number without these rules, and the number of QTS with them: nothing else is different.

    Proves: QL-10
    """
    equity, trades, exits = plain_loop(seeded, on_ticks=False, target_crossed=False)
    assert round(equity, 4) == float(GOLDEN["b"]["equity"])
    assert (trades, exits) == (GOLDEN["b"]["closed_trades"], GOLDEN["b"]["bracket_exits"])

    equity, trades, exits = plain_loop(seeded, on_ticks=True, target_crossed=True)
    result = run(seeded, Cross(bracket=True))
    assert round(float(result.final_equity), 4) == round(equity, 4)
    assert len(result.closed_trades) == trades
    protective = [fill for fill in result.fills if fill.cause in (Cause.STOP_LOSS, Cause.TAKE_PROFIT)]
    assert len(protective) == exits
    assert round(result.final_equity, 4) == Decimal("99108.5246")  # 2.6664 less than the peers
