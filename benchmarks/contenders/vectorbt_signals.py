"""vectorbt on the same bars, given as signals: no callback at all. Compiled on a piece of the bars first."""

import argparse
from typing import Any

import pandas as pd
import vectorbt as vbt

from benchmarks.bars import CAPITAL, FAST, FEE_RATE, SLOW, SeededBars, seeded_bars
from benchmarks.measuring import measured, report

_WARM_UP_BARS = 5_000


def _run(close: pd.Series, open_: pd.Series) -> tuple[Any, float]:
    fast, slow = vbt.MA.run(close, FAST), vbt.MA.run(close, SLOW)
    portfolio = vbt.Portfolio.from_signals(
        close,
        fast.ma_crossed_above(slow).vbt.signals.fshift(1),
        fast.ma_crossed_below(slow).vbt.signals.fshift(1),
        price=open_,
        size=1.0,
        fees=FEE_RATE,
        init_cash=float(CAPITAL),
        freq="1min",
    )
    return portfolio, float(portfolio.final_value())


def _series(bars: SeededBars) -> tuple[pd.Series, pd.Series]:
    index = pd.DatetimeIndex(bars.opened_at.astype("M8[ns]"))
    return pd.Series(bars.close, index=index), pd.Series(bars.open, index=index)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bars", type=int, required=True)
    chosen = parser.parse_args()
    vbt.settings.caching["enabled"] = False
    _run(*_series(seeded_bars(_WARM_UP_BARS)))
    close, open_ = _series(seeded_bars(chosen.bars))
    (portfolio, equity), figures = measured(lambda: _run(close, open_))
    report(**figures, bars=chosen.bars, trades=int(portfolio.trades.closed.count()), equity=equity)


if __name__ == "__main__":
    main()
