"""backtesting.py on the same bars, from a dataframe to its statistics."""

import argparse
import warnings
from typing import Any

import backtesting
import pandas as pd
from backtesting import Backtest, Strategy

from benchmarks.bars import CAPITAL, FAST, FEE_RATE, SLOW, seeded_bars
from benchmarks.measuring import measured, report


def _mean(closes: Any, length: int) -> pd.Series:
    return pd.Series(closes).rolling(length).mean()


class Cross(Strategy):
    def init(self) -> None:
        self.fast = self.I(_mean, self.data.Close, FAST, plot=False)
        self.slow = self.I(_mean, self.data.Close, SLOW, plot=False)

    def next(self) -> None:
        fast, slow = self.fast, self.slow
        if not self.position:
            if fast[-1] > slow[-1] and fast[-2] <= slow[-2]:
                self.buy(size=1)
        elif fast[-1] < slow[-1] and fast[-2] >= slow[-2]:
            self.position.close()


class Glance(Strategy):
    def init(self) -> None:
        pass

    def next(self) -> None:
        self.data.Close[-1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", choices=("cross", "glance"), required=True)
    parser.add_argument("--bars", type=int, required=True)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    backtesting.backtesting._tqdm = lambda iterable, **_: iterable  # no progress bar: printing is not the work
    bars = seeded_bars(chosen.bars)
    frame = pd.DataFrame(
        {"Open": bars.open, "High": bars.high, "Low": bars.low, "Close": bars.close, "Volume": bars.volume},
        index=pd.DatetimeIndex(bars.opened_at.astype("M8[ms]")),
    )
    strategy = Cross if chosen.work == "cross" else Glance

    def work() -> Any:
        return Backtest(frame, strategy, cash=CAPITAL, commission=FEE_RATE, finalize_trades=False).run()

    told, figures = measured(work)
    report(**figures, bars=chosen.bars, trades=len(told._trades), equity=float(told["Equity Final [$]"]))


if __name__ == "__main__":
    main()
