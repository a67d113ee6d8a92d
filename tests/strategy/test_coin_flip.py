"""The coin has no edge, in a market full of trends, with every toss and every seed counted."""

from decimal import Decimal

import numpy as np

from qts.domain.instant import parse_instant
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.costs import FixedSlippage, Frictions
from qts.simulation.synthetic import synthetic_market
from qts.strategy.catalogue import CoinFlip

SEEDS = 60


def test_without_costs_the_mean_toss_is_worth_nothing() -> None:
    """Sixty coins, each toss held for sixty bars of a trending market: the mean is zero within noise. Proves: BX-5"""
    market = synthetic_market(seed=8, start=parse_instant("2021-01-01"), bars=3000)
    free = Frictions(
        fee_rate_maker=Decimal(0), fee_rate_taker=Decimal(0), slippage=FixedSlippage(Decimal(0)), leverage=1
    )
    profits = np.array(
        [
            float(trade.gross_pnl / (trade.quantity * trade.entry_price))
            for seed in range(SEEDS)
            for trade in run_backtest(market, CoinFlip(every=60, seed=seed), Terms(frictions=free)).closed_trades
        ]
    )
    assert len(profits) > 2000
    noise = profits.std() / np.sqrt(len(profits))
    assert abs(profits.mean()) < 3 * noise
    assert noise < 0.005, "too noisy to prove anything"
