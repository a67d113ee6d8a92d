"""The two-percent rule is about the position: however often a strategy buys, one stop costs what was planned."""

from dataclasses import replace
from decimal import Decimal

import numpy as np

from qts.domain.instant import HOUR_MS
from qts.domain.instrument import Instrument
from qts.domain.waiver import Waiver
from qts.market.bars import Bars
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.simulation.backtest import Terms, run_backtest
from qts.strategy.intent import Answer, buy
from qts.strategy.strategy import Strategy

STOP = 95.0


class Eager(Strategy):
    """Buys on each of the first bars with the same stop, at market or by limit."""

    limit: bool = False

    def on_bar(self, view: View) -> Answer:
        if view.bar_number >= 10:
            return None
        return buy(stop_loss=STOP, limit=view.close + 1, good_for_bars=3) if self.limit else buy(stop_loss=STOP)


def market() -> Dataset:
    """Twelve quiet bars at 100, then a fall through the stop."""
    close = np.array([100.0] * 14 + [94.0] * 3)
    opened = np.concatenate(([100.0], close[:-1]))
    bars = Bars(
        symbol="XYZUSDT",
        interval_ms=HOUR_MS,
        opened_at=np.arange(len(close), dtype=np.int64) * HOUR_MS,
        open=opened,
        high=np.maximum(opened, close) + 0.1,
        low=np.minimum(opened, close) - 0.1,
        close=close,
        volume=np.full(len(close), 1e9),
    )
    rules = {"tick": Decimal("0.01"), "lot": Decimal("0.001"), "notional_min": Decimal(5)}
    instrument = Instrument(symbol="XYZUSDT", base="XYZ", quote="USDT", **rules)
    return Dataset(
        instrument=instrument, bars=bars, funding=None, brackets=None, mark=None, synthetic=True, source="by hand"
    )


def lost(strategy: Strategy) -> Decimal:
    terms = Terms(waivers=tuple(Waiver))
    result = run_backtest(market(), strategy, replace(terms, capital=Decimal(100_000)))
    assert result.trades
    return (result.capital - result.final_equity) / result.capital


def test_ten_purchases_lose_what_one_would() -> None:
    """Proves: QL-13"""
    assert Decimal("0.015") < lost(Eager()) < Decimal("0.0201")


def test_orders_still_waiting_count_as_held() -> None:
    """Proves: QL-13"""
    assert Decimal("0.015") < lost(Eager(limit=True)) < Decimal("0.0201")
