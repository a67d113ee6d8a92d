"""QTS: a run of the simulation over seeded bars, from columns in memory to the result.

work ``cross``: moving averages 20/50, long or flat, market orders, fixed size 1.
work ``glance``: a callback that reads one price and never trades.
"""

import argparse
from dataclasses import dataclass
from decimal import Decimal

from benchmarks.bars import CAPITAL, FAST, FEE_RATE, INTERVAL_MS, SLOW, seeded_bars
from benchmarks.measuring import measured, report
from qts import Strategy, View, buy, close
from qts.domain.instrument import Instrument
from qts.domain.waiver import Waiver
from qts.market.bars import Bars
from qts.market.dataset import Dataset
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.costs import FixedSlippage, Frictions
from qts.simulation.result import RunResult
from qts.strategy.features import sma
from qts.strategy.intent import Answer

SYMBOL = "SEEDED"
_LIQUIDITY_IS_NO_LIMIT = 1000  # the peers fill any size; so that QTS does too, volume is made ample


class Cross(Strategy):
    fast: int = FAST
    slow: int = SLOW

    def on_bar(self, view: View) -> Answer:
        fast, slow = sma(view, self.fast), sma(view, self.slow)
        if view.is_flat:
            if fast > slow and sma(view, self.fast, ago=1) <= sma(view, self.slow, ago=1):
                return buy(quantity=1)
        elif fast < slow and sma(view, self.fast, ago=1) >= sma(view, self.slow, ago=1):
            return close()
        return None


class Glance(Strategy):
    def on_bar(self, view: View) -> Answer:
        view.close  # noqa: B018 - reading it is the work
        return None


WORKS: dict[str, type[Strategy]] = {"cross": Cross, "glance": Glance}


def market(rows: int) -> Dataset:
    seeded = seeded_bars(rows)
    tick, lot = Decimal("0.01"), Decimal("0.001")
    return Dataset(
        instrument=Instrument(symbol=SYMBOL, base="S", quote="USDT", tick=tick, lot=lot, notional_min=Decimal(5)),
        bars=Bars(
            symbol=SYMBOL,
            interval_ms=INTERVAL_MS,
            opened_at=seeded.opened_at,
            open=seeded.open,
            high=seeded.high,
            low=seeded.low,
            close=seeded.close,
            volume=seeded.volume * _LIQUIDITY_IS_NO_LIMIT,
        ),
        funding=None,
        brackets=None,
        mark=None,
        synthetic=True,
        source="seeded random walk",
    )


def terms() -> Terms:
    """The peers' rules: one fee rate, no slippage, nothing they do not know (by waiver)."""
    fee = Decimal(str(FEE_RATE))
    frictions = Frictions(
        fee_rate_maker=fee,
        fee_rate_taker=fee,
        slippage=FixedSlippage(Decimal(0)),
        participation_max=Decimal(1),
    )
    return Terms(capital=Decimal(CAPITAL), frictions=frictions, waivers=tuple(Waiver))


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A result and the digest that certifies it: both are the work."""

    result: RunResult
    digest: str


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", choices=WORKS, required=True)
    parser.add_argument("--bars", type=int, required=True)
    parser.add_argument("--digest", action="store_true", help="certify the result inside the measured work")
    chosen = parser.parse_args()
    dataset, strategy, under = market(chosen.bars), WORKS[chosen.work](), terms()
    dataset.fingerprint  # noqa: B018 - kept with the data, not made by a run

    def work() -> Certified:
        result = run_backtest(dataset, strategy, under)
        return Certified(result=result, digest=result.digest if chosen.digest else "")

    certified, figures = measured(work)
    result = certified.result
    report(
        **figures,
        bars=chosen.bars,
        orders=len(result.orders),
        trades=len(result.closed_trades),
        equity=float(result.final_equity),
    )


if __name__ == "__main__":
    main()
