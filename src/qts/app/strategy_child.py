"""The process a strategy lives in: one strategy, no keys, a bounded memory, and two pipes to its parent.

It confines itself before it loads anything of the strategy's, then answers one
message after the other until its input ends. The pipes are moved out of the way
of ``print``: what the strategy writes to its standard output goes to the error
stream, where it can say what it likes. Inside, the strategy runs under the same
registry and multiplexer as in a backtest, with views of the same classes.

The history it is started with is what its views look back on; it is not asked
about those bars. Every bar since is kept, so that a feature with a long memory
has the value it has in a backtest from the same first bar.
"""

import os
import resource
import signal
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import talib  # noqa: F401 - features import it when first used, and the first bar should not wait for that

from qts.adapters.strategy_files import load_strategy
from qts.app.strategy_wire import (
    HEADER,
    bars_of,
    fill_of,
    framed,
    holding_of,
    message_of,
    parameters_of,
    round_as_fields,
)
from qts.market.bars import PRICE_COLUMNS, Bars
from qts.market.view import Cursor, View
from qts.strategy.blame import told_briefly
from qts.strategy.features.columns import FeatureColumns
from qts.strategy.flood import FloodLimit
from qts.strategy.multiplexer import HaltCause, Halted, Multiplexer, Round
from qts.strategy.registry import StrategyRegistry


def main() -> None:
    memory_bytes_max, open_files_max, start_s_max, answer_s_max = (int(each) for each in sys.argv[1:5])
    for limit, most in (
        (resource.RLIMIT_AS, memory_bytes_max),
        (resource.RLIMIT_NOFILE, open_files_max),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends a call that nobody waits for any more
    hears, speaks = _pipes_apart()
    hosted = _Hosted()
    while (message := _heard(hears)) is not None:
        signal.alarm(start_s_max if message["kind"] == "start" else answer_s_max)
        reply = hosted.answer(message)
        signal.alarm(0)
        _speak(speaks, framed({"n": message["n"], **reply}))


def _pipes_apart() -> tuple[int, int]:
    """Descriptors to the parent, under other numbers than those that ``print`` and ``input`` use."""
    hears, speaks = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return hears, speaks


def _heard(hears: int) -> dict[str, Any] | None:
    """The next message, None at the end of input."""
    header = _read(hears, HEADER.size)
    return None if len(header) < HEADER.size else message_of(_read(hears, HEADER.unpack(header)[0]))


def _read(hears: int, wanted: int) -> bytearray:
    found = bytearray()
    while len(found) < wanted:
        chunk = os.read(hears, min(wanted - len(found), 1 << 20))
        if not chunk:
            break
        found += chunk
    return found


def _speak(speaks: int, frame: bytes) -> None:
    left = memoryview(frame)
    while left:
        left = left[os.write(speaks, left) :]


class _Hosted:
    """The strategy, and what it has seen."""

    def __init__(self) -> None:
        self._strategy_id = ""
        self._ticks: dict[str, float] = {}
        self._bars: dict[str, Bars] = {}
        self._multiplexer = Multiplexer(StrategyRegistry())

    def answer(self, message: Mapping[str, Any]) -> dict[str, object]:
        """Whatever goes wrong, here or in the strategy, is said as a halt; the parent ends this process then."""
        try:
            match message["kind"]:
                case "start":
                    said = self._start(message)
                case "bar":
                    said = self._bar(message)
                case _:
                    said = self._multiplexer.told(self._strategy_id, fill_of(message["fill"]))
        except (Exception, SystemExit) as error:
            said = Round(0, halted=(Halted("", min(self._ticks), HaltCause.EXCEPTION, told_briefly(error)),))
        return round_as_fields(said)

    def _start(self, message: Mapping[str, Any]) -> Round:
        self._strategy_id, self._ticks = message["strategy_id"], message["ticks"]
        self._bars = {symbol: bars_of(symbol, sent) for symbol, sent in message["history"].items()}
        kind = load_strategy(message["spec"]).kind
        parameters = parameters_of(message["parameters"])
        registry = StrategyRegistry()
        registry.register(self._strategy_id, lambda: kind.with_parameters(parameters), self._ticks)
        self._multiplexer = Multiplexer(registry, FloodLimit(burst=message["burst"], refill=message["refill"]))
        return self._multiplexer.started(message["now"])

    def _bar(self, message: Mapping[str, Any]) -> Round:
        views = {}
        for symbol, sent in message["bars"].items():
            bars = self._bars[symbol] = _joined(self._bars[symbol], bars_of(symbol, sent))
            cursor = Cursor()
            cursor.row = len(bars) - 1
            features = FeatureColumns(bars, self._ticks[symbol])
            holding = holding_of(message["holdings"][symbol])
            views[self._strategy_id, symbol] = View(bars, features, cursor, holding)
        return self._multiplexer.ask(views, message["now"])


def _joined(before: Bars, after: Bars) -> Bars:
    """One column after the other, copied: for a year of hourly bars that costs less than one feature."""
    columns = {
        name: np.concatenate((getattr(before, name), getattr(after, name))) for name in (*PRICE_COLUMNS, "volume")
    }
    opened_at = np.concatenate((before.opened_at, after.opened_at))
    return Bars(symbol=before.symbol, interval_ms=before.interval_ms, opened_at=opened_at, **columns)


if __name__ == "__main__":
    main()
