"""Hosts of strategies written for a test, a market they are asked about, and a look at their processes."""

import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

from qts.app.strategy_host import HostedStrategy, HostLimits, StrategyHost
from qts.domain.book import Holding
from qts.strategy.flood import FloodLimit
from qts.strategy.multiplexer import HaltCause, Round
from tests.generators import SYMBOL, Knobs, market

BARS = market(
    Knobs(
        seed=5,
        rows=260,
        tick="0.01",
        wildness=0.02,
        gaps=True,
        silent_bars=True,
        funding=False,
        mark="none",
        brackets="none",
    )
).bars
WARM = 60
FLAT = Holding(Decimal(0), None, 10_000.0, 0.0, 0.0)
LONG = Holding(Decimal("1.5"), 101.3, 9_999.25, 1.5, 151.95)
SHORT = Holding(Decimal("-0.1"), 99.1, 10_000.1, -0.1, -9.91)
BRIEF = HostLimits(answer_ms_max=700)
PATIENT = HostLimits(answer_ms_max=20_000)
HEAD = "import os, sys, time\nfrom qts import Strategy\nfrom qts.strategy.intent import buy\n"


def holding_at(row: int) -> Holding:
    return (FLAT, FLAT, LONG, SHORT)[row // 7 % 4]


def ask(host: StrategyHost, row: int) -> Round:
    return host.ask({SYMBOL: BARS.rows(row, row + 1)}, {SYMBOL: holding_at(row)}, BARS.closed_at(row))


def started(host: StrategyHost, rows: int = WARM) -> Round:
    return host.start({SYMBOL: BARS.rows(0, rows)}, BARS.closed_at(max(0, rows - 1)))


class Written:
    """A strategy file in a folder of its own, and hosts of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.hosts: list[StrategyHost] = []

    def host(
        self, body: str, limits: HostLimits = PATIENT, flood: FloodLimit | None = None, extra: str = ""
    ) -> StrategyHost:
        """body: of on_bar."""
        path = self._folder / "mine.py"
        lines = "\n".join(f"        {line}" for line in dedent(body).strip().splitlines())
        path.write_text(f"{HEAD}{dedent(extra)}\nclass Mine(Strategy):\n    def on_bar(self, view):\n{lines}\n")
        return self.host_of(str(path), limits, flood)

    def host_of(self, spec: str, limits: HostLimits = PATIENT, flood: FloodLimit | None = None) -> StrategyHost:
        self.hosts.append(StrategyHost(hosted(spec), limits, flood))
        return self.hosts[-1]


def hosted(spec: str, parameters: Mapping[str, object] | None = None) -> HostedStrategy:
    return HostedStrategy(
        strategy_id="mine",
        spec=spec,
        ticks={SYMBOL: Decimal("0.01")},
        parameters={} if parameters is None else parameters,
    )


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def is_gone_soon(pid: int, within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


def pid_of(host: StrategyHost) -> int:
    assert host.pid is not None
    return host.pid


def reason(said: Round) -> str:
    assert not said.halted, said
    (answer,) = said.answers
    assert isinstance(answer.answer, tuple)
    return answer.answer[0].reason


def halted(said: Round) -> tuple[HaltCause, str]:
    assert said.answers == ()
    (only,) = said.halted
    assert (only.strategy_id, only.symbol) == ("mine", SYMBOL)
    return only.cause, only.detail
