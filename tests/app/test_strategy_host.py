"""A strategy in a real process of its own: it answers as in this one, and nothing it does reaches its parent."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from qts.app import strategy_host
from qts.app.strategy_host import ENVIRONMENT_KEPT, HostedStrategy, HostLimits, StrategyHost
from qts.domain.errors import DataError, PolicyError, StrategyError, UsageError
from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.order import Side
from qts.market.bars import Bars
from qts.market.view import Cursor, View
from qts.strategy.catalogue import CATALOGUE
from qts.strategy.features.columns import FeatureColumns
from qts.strategy.multiplexer import HaltCause, Multiplexer, Round
from qts.strategy.registry import StrategyRegistry
from tests.app.hosting import (
    BARS,
    FLAT,
    PATIENT,
    WARM,
    Written,
    ask,
    halted,
    holding_at,
    hosted,
    is_gone_soon,
    pid_of,
    reason,
    started,
)
from tests.generators import SYMBOL

# -- as in this process ------------------------------------------------------------


def in_process(name: str, parameters: dict[str, object], first: int) -> list[Round]:
    registry = StrategyRegistry()
    registry.register("mine", lambda: CATALOGUE[name](**parameters), [SYMBOL])
    multiplexer, cursor = Multiplexer(registry), Cursor()
    view = View(BARS, FeatureColumns(BARS, 0.01), cursor, FLAT)
    multiplexer.started(0)
    heard = []
    for cursor.row in range(first, len(BARS)):
        view.holding = holding_at(cursor.row)
        heard.append(multiplexer.ask({("mine", SYMBOL): view}, BARS.closed_at(cursor.row)))
    return heard


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("MovingAverageCross", {"fast": 3, "slow": 9, "stop_atr": 1.7}),
        ("RsiReversion", {"length": 5, "low": 35.0, "high": 60.0}),
        ("DonchianBreakout", {"entry": 8, "exit": 4}),
        ("CoinFlip", {"every": 2}),
        ("BuyAndHold", {}),
    ],
)
@pytest.mark.parametrize("first", [0, WARM])
def test_a_child_answers_as_a_run_in_this_process_does(name: str, parameters: dict[str, object], first: int) -> None:
    """Proves: P6-3"""
    with StrategyHost(hosted(name, parameters), PATIENT) as host:
        assert started(host, first).halted == ()
        heard = [ask(host, row) for row in range(first, len(BARS))]
    assert heard == in_process(name, parameters, first)
    assert sum(len(each.answers) for each in heard) > (5 if name != "BuyAndHold" else 0)


def test_a_fresh_child_takes_the_place_warmed_up_with_the_history(written: Written) -> None:
    """Proves: P6-3"""
    first = 100
    with StrategyHost(hosted("RsiReversion"), PATIENT) as host:
        started(host)
        before = pid_of(host)
        ask(host, WARM)
        assert host.replaced({SYMBOL: BARS.rows(0, first)}, 0) == Round(0)
        assert host.pid != before
        assert is_gone_soon(before)
        heard = [ask(host, row) for row in range(first, len(BARS))]
    assert heard == in_process("RsiReversion", {}, first)


def test_parameters_arrive_as_they_were_given(tmp_path: Path) -> None:
    path = tmp_path / "tuned.py"
    path.write_text(
        "from decimal import Decimal\nfrom qts import Strategy\nfrom qts.strategy.intent import buy\n"
        "class Tuned(Strategy):\n    a: Decimal\n    b: tuple = ()\n    c: bool = False\n    d: float = 0.0\n"
        "    def on_bar(self, view):\n        return buy(quantity=1, reason=repr(self.parameters()))\n"
    )
    given = {"a": Decimal("0.10"), "b": (1, "x", (2.5, None)), "c": True, "d": 0.1}
    with StrategyHost(hosted(f"{path}:Tuned", given), PATIENT) as host:
        assert not started(host).halted
        assert reason(ask(host, WARM)) == repr(given)
    with pytest.raises(StrategyError, match="parameter a is a object and cannot be sent"):
        started(StrategyHost(hosted("CoinFlip", {"a": object()})))


def test_fills_are_told_before_the_next_bar(written: Written) -> None:
    host = written.host("return buy(quantity=1, reason=repr(getattr(self, 'heard', None)))")
    fill = Fill(
        fill_id="f",
        order_id="o",
        symbol=SYMBOL,
        side=Side.SELL,
        quantity=Decimal("0.010"),
        price=Decimal(100),
        reference_price=Decimal(100),
        fee=Decimal("0.1"),
        liquidity=Liquidity.MAKER,
        cause=Cause.STOP_LOSS,
        realized_pnl=Decimal(-1),
        occurred_at=7,
    )
    spec = Path(host._strategy.spec)
    spec.write_text(f"{spec.read_text()}\n    def on_fill(self, fill):\n        self.heard = fill\n")
    started(host)
    assert host.told(fill) == Round(7)
    assert reason(ask(host, WARM)) == repr(fill)
    host.close()
    assert host.told(fill) == Round(7)


# -- what it may know and have -------------------------------------------------------


def test_no_key_of_the_parents_reaches_the_child(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: P6-3"""
    monkeypatch.setenv("BINANCE_API_SECRET", "planted")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    host = written.host("return buy(quantity=1, reason=repr(dict(os.environ)))")
    started(host)
    said = reason(ask(host, WARM))
    assert "planted" not in said
    assert "'LC_ALL': 'C.UTF-8'" in said
    names = set(eval(said))  # noqa: S307 - the text is this test's own strategy's
    ours = {"PYTHONPATH", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "PYTHONNOUSERSITE", "OMP_NUM_THREADS"}
    ours |= {
        "OPENBLAS_NUM_THREADS",
        "POLARS_MAX_THREADS",
        "MALLOC_ARENA_MAX",
        "_RJEM_MALLOC_CONF",
    }  # polars sets the last
    assert names <= ours | set(ENVIRONMENT_KEPT)


def test_no_descriptor_of_the_parents_reaches_the_child(written: Written, tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)  # noqa: FBT003 - os's own signature
        host = written.host(
            "return buy(quantity=1, reason=' '.join(map(os.readlink, (f'/proc/self/fd/{n}' for n in range(5)))))"
        )
        started(host)
        assert "secret" not in reason(ask(host, WARM))


def test_the_child_is_bounded_and_in_a_session_of_its_own(written: Written) -> None:
    """Proves: P6-3"""
    body = """
        import resource as r
        bounds = [r.getrlimit(each) for each in (r.RLIMIT_AS, r.RLIMIT_NOFILE, r.RLIMIT_CORE)]
        return buy(quantity=1, reason=repr((bounds, os.getsid(0) == os.getpid())))
    """
    host = written.host(body, HostLimits(answer_ms_max=20_000, memory_bytes_max=1 << 29, open_files_max=32))
    started(host)
    assert reason(ask(host, WARM)) == repr(([(1 << 29, 1 << 29), (32, 32), (0, 0)], True))


def test_too_many_open_files_are_the_childs_own_trouble(written: Written) -> None:
    host = written.host("kept = [os.open('/', os.O_RDONLY) for _ in range(100)]")
    started(host)
    cause, detail = halted(ask(host, WARM))
    assert cause is HaltCause.EXCEPTION
    assert "Too many open files" in detail


PARENT = """
import os, sys
from qts.app.strategy_host import HostLimits, StrategyHost
from tests.app.hosting import WARM, ask, hosted, started
host = StrategyHost(hosted(sys.argv[1]), HostLimits(answer_ms_max=1_000))
started(host)
print(host.pid, flush=True)
if sys.argv[2] == "asking":
    import threading
    threading.Timer(0.3, os._exit, [0]).start()
    ask(host, WARM)
os._exit(0)
"""


@pytest.mark.parametrize("parent_dies", ["idle", "asking"])
def test_a_child_does_not_outlive_its_parent(written: Written, tmp_path: Path, parent_dies: str) -> None:
    """At once when it listens, and soon when it is caught in a call that nobody waits for any more."""
    spec = written.host("time.sleep(1000)")._strategy.spec
    run = subprocess.run(
        [sys.executable, "-c", PARENT, spec, parent_dies],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert run.returncode == 0, run.stderr
    assert is_gone_soon(int(run.stdout), within_s=15)


# -- what the parent asks of itself --------------------------------------------------


def test_bars_that_do_not_follow_are_refused() -> None:
    with StrategyHost(hosted("CoinFlip"), PATIENT) as host:
        started(host)
        ask(host, WARM)
        for rows in (BARS.rows(WARM, WARM + 1), BARS.rows(3, 4), BARS.rows(WARM + 1, WARM + 3), BARS.rows(0, 0)):
            with pytest.raises(DataError, match="not the one next bar"):
                host.ask({SYMBOL: rows}, {SYMBOL: FLAT}, 0)
        with pytest.raises(DataError, match="does not trade BTCUSDT"):
            host.ask({"BTCUSDT": BARS.rows(WARM + 1, WARM + 2)}, {"BTCUSDT": FLAT}, 0)
        assert not ask(host, WARM + 1).halted


def test_a_history_of_other_symbols_or_too_long_is_refused() -> None:
    host = StrategyHost(hosted("CoinFlip"), HostLimits(history_bytes_max=1_000))
    with pytest.raises(DataError, match="the history is of"):
        host.start({"BTCUSDT": BARS}, 0)
    with pytest.raises(DataError, match="bytes, more than 1000"):
        started(host)
    assert host.pid is None


def test_it_is_started_once() -> None:
    with StrategyHost(hosted("CoinFlip"), PATIENT) as host:
        started(host)
        with pytest.raises(UsageError, match="mine is running"):
            started(host)
    assert host.pid is None
    host.close()


def test_elsewhere_than_on_linux_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: P6-3"""
    monkeypatch.setattr(strategy_host.sys, "platform", "darwin")
    with pytest.raises(UsageError, match="on Linux only, and this is darwin"):
        started(StrategyHost(hosted("CoinFlip")))


def test_meaningless_limits_are_refused() -> None:
    with pytest.raises(PolicyError, match="answer_ms_max must be above 0, not 0"):
        HostLimits(answer_ms_max=0)
    with pytest.raises(StrategyError, match="one symbol or more"):
        StrategyHost(HostedStrategy(strategy_id="mine", spec="CoinFlip", ticks={}))


def test_two_symbols_have_an_instance_each(written: Written) -> None:
    """Proves: P6-2"""
    host = written.host("self.n = getattr(self, 'n', 0) + 1\nreturn buy(quantity=1, reason=f'{view.symbol} {self.n}')")
    both = HostedStrategy(strategy_id="mine", spec=host._strategy.spec, ticks={"AAA": Decimal(1), "BBB": Decimal(1)})
    bars = {name: named(name) for name in both.ticks}
    with StrategyHost(both, PATIENT) as two:
        two.start({name: each.rows(0, 1) for name, each in bars.items()}, 0)
        first = two.ask({name: each.rows(1, 2) for name, each in bars.items()}, dict.fromkeys(bars, FLAT), 1)
        second = two.ask({"BBB": bars["BBB"].rows(2, 3)}, {"BBB": FLAT}, 2)
    said = [each.answer[0].reason for each in (*first.answers, *second.answers) if isinstance(each.answer, tuple)]
    assert said == ["AAA 1", "BBB 1", "BBB 2"]


def named(symbol: str) -> Bars:
    columns = {name: getattr(BARS, name) for name in ("opened_at", "open", "high", "low", "close", "volume")}
    return Bars(symbol=symbol, interval_ms=BARS.interval_ms, **columns)
