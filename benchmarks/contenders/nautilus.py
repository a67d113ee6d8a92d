"""nautilus_trader 2 on the same bars, from columns to final equity; its own objects are part of the work.

On bars its market orders fill at the close that decided, not at the next open.
Runs in an environment of its own: it needs a newer Python than QTS does.
"""

import argparse
from decimal import Decimal

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model import (
    AccountType,
    Bar,
    BarType,
    CryptoPerpetual,
    Currency,
    InstrumentId,
    Money,
    OmsType,
    OrderSide,
    Price,
    Quantity,
    StrategyId,
    Symbol,
    TraderId,
    Venue,
)
from nautilus_trader.risk import RiskEngineConfig
from nautilus_trader.trading import Strategy, StrategyConfig

from benchmarks.bars import CAPITAL, FAST, FEE_RATE, SLOW, SeededBars, seeded_bars
from benchmarks.measuring import measured, report

VENUE = Venue("SIM")
INSTRUMENT_ID = InstrumentId(Symbol("SEEDED-PERP"), VENUE)
BAR_TYPE = BarType.from_str("SEEDED-PERP.SIM-1-MINUTE-LAST-EXTERNAL")
BASE, QUOTE = Currency.from_str("BTC"), Currency.from_str("USDT")
_LIQUIDITY_IS_NO_LIMIT = 1000.0


class Glance(Strategy):
    """An empty callback: less work than a callback that reads a price."""

    def on_start(self) -> None:
        self.subscribe_bars(BAR_TYPE)

    def on_bar(self, bar: Bar) -> None:
        pass


class Cross(Strategy):
    speaks = True

    def on_start(self) -> None:
        self.fast, self.slow = SimpleMovingAverage(FAST), SimpleMovingAverage(SLOW)
        for average in (self.fast, self.slow):
            self.register_indicator_for_bars(BAR_TYPE, average)
        self.distance_before: float | None = None
        self.subscribe_bars(BAR_TYPE)

    def on_bar(self, bar: Bar) -> None:  # noqa: ARG002
        if not self.slow.initialized:
            return
        before, now = self.distance_before, self.fast.value - self.slow.value
        self.distance_before = now
        if before is None or not self.speaks:
            return
        if before <= 0.0 < now:
            if not self.portfolio.is_net_long(INSTRUMENT_ID):
                self.submit_order(self.order_factory.market(INSTRUMENT_ID, OrderSide.BUY, Quantity(1.0, 3)))
        elif before >= 0.0 > now and self.portfolio.is_net_long(INSTRUMENT_ID):
            self.close_all_positions(INSTRUMENT_ID)


class Mute(Cross):
    speaks = False


STRATEGIES = {"cross": Cross, "mute": Mute, "glance": Glance}


def engine_for(strategy: Strategy, bars: SeededBars) -> BacktestEngine:
    engine = BacktestEngine(
        BacktestEngineConfig(
            trader_id=TraderId("BENCH-1"),
            bypass_logging=True,
            logging=LoggerConfig(bypass_logging=True),
            run_analysis=False,
            risk_engine=RiskEngineConfig(bypass=False),
        )
    )
    fee = Decimal(str(FEE_RATE))
    money = [Money(float(CAPITAL), QUOTE)]
    fees = MakerTakerFeeModel(fee, fee)
    engine.add_venue(VENUE, OmsType.NETTING, AccountType.MARGIN, money, fee_model=fees)
    tick, lot, margin = Price.from_str("0.01"), Quantity.from_str("0.001"), Decimal("0.01")
    instrument = CryptoPerpetual(  # its arguments are positional, "is inverse: no" among them
        INSTRUMENT_ID, Symbol("SEEDED"), BASE, QUOTE, QUOTE, False, 2, 3, tick, lot, 0, 0,  # noqa: FBT003
        margin_init=margin, margin_maint=margin / 2,
    )  # fmt: skip
    engine.add_instrument(instrument)
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume * _LIQUIDITY_IS_NO_LIMIT)
    lists = [column.tolist() for column in columns] + [(bars.opened_at * 1_000_000).tolist()]
    engine.add_data(
        [
            Bar(BAR_TYPE, Price(o, 2), Price(h, 2), Price(lo, 2), Price(c, 2), Quantity(v, 3), at, at)
            for o, h, lo, c, v, at in zip(*lists, strict=True)
        ]
    )
    engine.add_strategy(strategy)
    return engine


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", choices=STRATEGIES, required=True)
    parser.add_argument("--bars", type=int, required=True)
    chosen = parser.parse_args()
    bars = seeded_bars(chosen.bars)

    def work() -> tuple[BacktestEngine, float]:
        settings = StrategyConfig(strategy_id=StrategyId("BENCH-1"), log_events=False, log_commands=False)
        engine = engine_for(STRATEGIES[chosen.work](settings), bars)
        engine.run()
        equity = engine.cache.account_for_venue(VENUE).balance_total(QUOTE).as_double()
        unrealized = engine.portfolio.unrealized_pnl(INSTRUMENT_ID)
        return engine, equity + (unrealized.as_double() if unrealized is not None else 0.0)

    (engine, equity), figures = measured(work)
    orders = engine.cache.orders()
    sold = [order for order in orders if order.side == OrderSide.SELL and order.filled_qty > Quantity(0.0, 3)]
    report(**figures, bars=chosen.bars, orders=len(orders), trades=len(sold), equity=equity)


if __name__ == "__main__":
    main()
