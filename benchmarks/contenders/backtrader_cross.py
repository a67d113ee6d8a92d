"""backtrader on the same bars: indicators made by the engine, no observers."""

import argparse

import backtrader as bt
import pandas as pd

from benchmarks.bars import CAPITAL, FAST, FEE_RATE, SLOW, seeded_bars
from benchmarks.measuring import measured, report


class Cross(bt.Strategy):
    def __init__(self) -> None:
        averages = [bt.ind.SMA(self.data.close, period=length) for length in (FAST, SLOW)]
        self.cross = bt.ind.CrossOver(*averages)
        self.closed_trades = 0

    def notify_trade(self, trade: bt.Trade) -> None:
        self.closed_trades += trade.isclosed

    def next(self) -> None:
        if self.position.size == 0:
            if self.cross[0] > 0:
                self.buy(size=1)
        elif self.cross[0] < 0:
            self.close(size=1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bars", type=int, required=True)
    chosen = parser.parse_args()
    bars = seeded_bars(chosen.bars)
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame(
        {name: getattr(bars, name) for name in names}, index=pd.DatetimeIndex(bars.opened_at.astype("M8[ms]"))
    )

    def work() -> tuple[int, float]:
        engine = bt.Cerebro(stdstats=False)
        engine.adddata(bt.feeds.PandasData(dataname=frame))
        engine.addstrategy(Cross)
        engine.broker.setcash(float(CAPITAL))
        engine.broker.setcommission(commission=FEE_RATE)
        ran = engine.run()[0]
        return ran.closed_trades, engine.broker.getvalue()

    (trades, equity), figures = measured(work)
    report(**figures, bars=chosen.bars, trades=trades, equity=equity)


if __name__ == "__main__":
    main()
