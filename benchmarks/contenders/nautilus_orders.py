"""nautilus_trader 2: what one market order costs: the cross, less the cross that says nothing."""

import argparse
import statistics
import time

from nautilus_trader.model import StrategyId
from nautilus_trader.trading import StrategyConfig

from benchmarks.bars import SeededBars, seeded_bars
from benchmarks.contenders.nautilus import Cross, Mute, engine_for
from benchmarks.measuring import report

_TURNS = 5


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bars", type=int, required=True)
    bars = seeded_bars(parser.parse_args().bars)
    spoken, silent, orders = [], [], 0
    for _ in range(_TURNS):
        seconds, orders = _timed(bars, Cross)
        spoken.append(seconds)
        silent.append(_timed(bars, Mute)[0])
    each = (statistics.median(spoken) - statistics.median(silent)) / orders
    report(orders=orders, us_per_order=each * 1e6)


def _timed(bars: SeededBars, kind: type[Cross]) -> tuple[float, int]:
    """Seconds of the engine's own run; making its objects is no order's cost."""
    settings = StrategyConfig(strategy_id=StrategyId("BENCH-1"), log_events=False, log_commands=False)
    engine = engine_for(kind(settings), bars)
    start = time.process_time()
    engine.run()
    return time.process_time() - start, len(engine.cache.orders())


if __name__ == "__main__":
    main()
