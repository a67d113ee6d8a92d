"""A strategy in a process of its own, where it can hang, eat memory, die or lie and take nobody with it.

The child (``strategy_child.py``) gets an environment cut down to an allow-list,
a session of its own, bounds on memory and open files, and no core dumps. It is
spoken to over its standard input and output in bounded frames of JSON, never
pickle, and waited for at most ``answer_ms_max``. A child that overruns, dies or
talks nonsense is killed with its whole process group, and the strategy is
halted with its cause; so is one that halted itself. Whatever a child says is
built anew here by the constructors that check it, and counted against the same
flood limit, since a child may have been made to say anything.

A fresh child can take its place, warmed up with the history (``replaced``).

What it does not do: the child runs as the same user, so it can read that user's
files (the parent's environment under /proc among them) and reach the network,
and a grandchild that leaves the process group outlives it. Keys must therefore
stand neither in such files nor in the environment of the process that hosts.
One host talks to one child and blocks while it waits; several are asked at once
from a thread each.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final

from qts.app.child_process import ChildLost, ChildProcess
from qts.app.strategy_wire import (
    WireError,
    bars_as_fields,
    fill_as_fields,
    framed,
    holding_as_fields,
    message_of,
    parameters_as_fields,
    round_of,
)
from qts.domain.book import Holding
from qts.domain.errors import DataError, PolicyError, StrategyError, UsageError
from qts.domain.fill import Fill
from qts.domain.instant import Instant, format_instant
from qts.market.bars import Bars
from qts.strategy.flood import FloodLimit, TokenBucket
from qts.strategy.multiplexer import HaltCause, Halted, Round

ENVIRONMENT_KEPT: Final = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
"""What a child may know of its parent's environment."""

_ENVIRONMENT_SET: Final = MappingProxyType(
    {
        "PYTHONHASHSEED": "0",  # a strategy that goes through a set says the same in every child
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "OMP_NUM_THREADS": "1",  # each thread of a library reserves memory that counts against the bound
        "OPENBLAS_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLimits:
    """What a child may take. Milliseconds, bytes of address space, counts; all above 0."""

    answer_ms_max: int = 1_000
    start_ms_max: int = 30_000
    memory_bytes_max: int = 1 << 30
    open_files_max: int = 64
    answer_bytes_max: int = 1 << 20
    history_bytes_max: int = 64 << 20

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise PolicyError(f"{name} must be above 0, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedStrategy:
    """spec: file, ``file:Class`` or a catalogue name. ticks: price step of each symbol it trades, quote per base."""

    strategy_id: str
    spec: str
    ticks: Mapping[str, Decimal]
    parameters: Mapping[str, object] = field(default_factory=dict)


class StrategyHost:
    """One strategy's process, from ``start`` to ``close``; use it in a ``with`` statement."""

    def __init__(
        self, strategy: HostedStrategy, limits: HostLimits | None = None, flood: FloodLimit | None = None
    ) -> None:
        if not strategy.ticks:
            raise StrategyError(f"{strategy.strategy_id}: a strategy trades one symbol or more")
        self._strategy = strategy
        self._limits = HostLimits() if limits is None else limits
        self._flood = FloodLimit() if flood is None else flood
        self._symbols = frozenset(strategy.ticks)
        self._child: ChildProcess | None = None
        self._number = 0
        self._asked = 0
        self._bucket = TokenBucket(self._flood, len(self._symbols))
        self._known: dict[str, tuple[int, Instant]] = {}
        self.halted: Halted | None = None

    def __enter__(self) -> "StrategyHost":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id; None when there is none."""
        return None if self._child is None else self._child.pid

    def start(self, history: Mapping[str, Bars], now: Instant) -> Round:
        """Start the child and the strategy in it. history: the bars closed so far of every symbol, perhaps none.

        Raises UsageError where such a process cannot be bounded (not on Linux),
        DataError for a history of other symbols or too long to send.
        """
        _refuse_other_systems()
        if self._child is not None:
            raise UsageError(f"{self._strategy.strategy_id} is running", next_step="replaced() starts it anew")
        frame = self._start_frame(history, now)
        self.halted, self._number, self._asked = None, 0, 0
        self._bucket = TokenBucket(self._flood, len(self._symbols))
        limits = self._limits
        patience = (2 * each // 1_000 + 1 for each in (limits.start_ms_max, limits.answer_ms_max))
        arguments = [str(each) for each in (limits.memory_bytes_max, limits.open_files_max, *patience)]
        self._child = ChildProcess("qts.app.strategy_child", arguments, _environment(), limits.answer_bytes_max)
        return self._heard(frame, limits.start_ms_max, now)

    def replaced(self, history: Mapping[str, Bars], now: Instant) -> Round:
        """End the child, if there still is one, and start a fresh one; as ``start``."""
        self.close()
        return self.start(history, now)

    def ask(self, closed: Mapping[str, Bars], holdings: Mapping[str, Holding], now: Instant) -> Round:
        """What the strategy says, now that a bar has closed on some of its symbols.

        closed: the one bar of each; holdings: of the same symbols. A strategy that
        is halted is not asked. Raises DataError for a bar that does not follow.
        """
        if self._child is None:
            return Round(now)
        for symbol, bar in closed.items():
            self._refuse_bar(symbol, bar)
        message = {
            "kind": "bar",
            "now": now,
            "bars": {symbol: bars_as_fields(bar) for symbol, bar in closed.items()},
            "holdings": {symbol: holding_as_fields(holdings[symbol]) for symbol in closed},
        }
        for symbol, bar in closed.items():
            self._known[symbol] = (bar.interval_ms, int(bar.opened_at[0]))
        self._asked += len(closed)
        return self._heard(self._framed(message), self._limits.answer_ms_max, now, frozenset(closed))

    def told(self, fill: Fill) -> Round:
        """A fill of its own, before it is next asked."""
        if self._child is None or fill.symbol not in self._symbols:
            return Round(fill.occurred_at)
        message = {"kind": "fill", "fill": fill_as_fields(fill)}
        return self._heard(self._framed(message), self._limits.answer_ms_max, fill.occurred_at, frozenset())

    def close(self) -> None:
        """End the child and all it started; a second time does nothing."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _framed(self, message: Mapping[str, object]) -> bytes:
        self._number += 1
        return framed({"n": self._number, **message})

    def _start_frame(self, history: Mapping[str, Bars], now: Instant) -> bytes:
        strategy = self._strategy
        if set(history) != self._symbols:
            raise DataError(
                f"{strategy.strategy_id} trades {sorted(self._symbols)}, the history is of {sorted(history)}"
            )
        path, colon, kind = strategy.spec.partition(":")
        message = {
            "n": 0,
            "kind": "start",
            "now": now,
            "strategy_id": strategy.strategy_id,
            "spec": f"{Path(path).resolve()}{colon}{kind}" if path.endswith(".py") else strategy.spec,
            "parameters": parameters_as_fields(strategy.parameters),
            "ticks": {symbol: float(tick) for symbol, tick in strategy.ticks.items()},
            "history": {symbol: bars_as_fields(bars) for symbol, bars in history.items()},
            "burst": self._flood.burst,
            "refill": self._flood.refill,
        }
        frame = framed(message)
        if len(frame) > self._limits.history_bytes_max:
            raise DataError(
                f"the history of {strategy.strategy_id} is {len(frame)} bytes, "
                f"more than {self._limits.history_bytes_max}",
                next_step="give fewer bars: what its features and warm-up need",
            )
        self._known = {
            symbol: (bars.interval_ms, int(bars.opened_at[-1]) if len(bars) else -1) for symbol, bars in history.items()
        }
        return frame

    def _refuse_bar(self, symbol: str, bar: Bars) -> None:
        known = self._known.get(symbol)
        if known is None or bar.symbol != symbol:
            raise DataError(f"{self._strategy.strategy_id} does not trade {symbol}, or the bar is of {bar.symbol}")
        if len(bar) != 1 or bar.interval_ms != known[0] or int(bar.opened_at[0]) <= known[1]:
            raise DataError(
                f"{symbol}: not the one next bar of {known[0]} ms",
                place=f"after {format_instant(known[1])}" if known[1] >= 0 else "",
                next_step="give each closed bar once, in order",
            )

    def _heard(self, frame: bytes, wait_ms: int, now: Instant, about: frozenset[str] | None = None) -> Round:
        """The child's answer to a frame; about: the symbols it may speak of."""
        assert self._child is not None
        try:
            said = self._checked(message_of(self._child.exchange(frame, wait_ms)), now, about or frozenset())
        except ChildLost as lost:
            return self._halt(lost.cause, str(lost), now)
        except WireError as error:
            return self._halt(error.cause, f"its process talks nonsense: what it sent {error}", now)
        if said.halted:
            return self._end(said.halted[0], now)
        intents = sum(1 if not isinstance(each.answer, tuple) else len(each.answer) for each in said.answers)
        if intents and not self._bucket.takes(intents, self._asked):
            return self._halt(HaltCause.FLOOD, f"{intents} intents at once, after what it said before", now)
        return said

    def _checked(self, reply: Mapping[str, object], now: Instant, about: frozenset[str]) -> Round:
        """Raises WireError."""
        if type(reply.get("n")) is not int or reply["n"] != self._number:
            raise WireError("answers another question than was asked")
        said = round_of(reply, self._strategy.strategy_id, self._symbols, now)
        if any(each.symbol not in about for each in said.answers):
            raise WireError("speaks of a symbol it was not asked about")
        return said

    def _halt(self, cause: HaltCause, detail: str, now: Instant) -> Round:
        return self._end(Halted(self._strategy.strategy_id, min(self._symbols), cause, detail), now)

    def _end(self, halted: Halted, now: Instant) -> Round:
        self.halted = halted
        self.close()
        return Round(now, halted=(halted,))


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ENVIRONMENT_KEPT if name in os.environ}
    paths = [str(Path(each).resolve()) for each in sys.path if each]
    return {**kept, **_ENVIRONMENT_SET, "PYTHONPATH": os.pathsep.join(paths)}


def _refuse_other_systems() -> None:
    if sys.platform != "linux":
        raise UsageError(
            f"a strategy's own process is bounded in memory and files on Linux only, and this is {sys.platform}",
            next_step="trade on a Linux machine; backtests run anywhere",
        )
