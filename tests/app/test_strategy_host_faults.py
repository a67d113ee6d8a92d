"""A strategy that hangs, eats, dies, lies or floods loses its process, and its parent goes on."""

import os
import time
from pathlib import Path

import pytest

from qts.app.strategy_host import HostLimits
from qts.strategy.flood import FloodLimit
from qts.strategy.multiplexer import HaltCause, Round
from tests.app.hosting import (
    BARS,
    BRIEF,
    HEAD,
    WARM,
    Written,
    ask,
    halted,
    is_alive,
    is_gone_soon,
    pid_of,
    reason,
    started,
)

# -- what it may not do ------------------------------------------------------------


def test_a_child_that_hangs_is_killed_in_time(written: Written) -> None:
    """Proves: P6-3"""
    host = written.host("while True: time.sleep(1000)", BRIEF)
    started(host)
    pid, began = pid_of(host), time.monotonic()
    assert halted(ask(host, WARM)) == (HaltCause.SLOW, "gave no answer within 700 ms")
    assert time.monotonic() - began < 5
    assert is_gone_soon(pid)
    assert ask(host, WARM + 1) == Round(BARS.closed_at(WARM + 1)), "one that is halted is not asked"
    assert host.halted is not None


def test_a_child_that_spins_and_catches_everything_is_killed_too(written: Written) -> None:
    """Proves: P6-3"""
    body = """
        import signal
        for number in range(1, 32):
            try:
                signal.signal(number, signal.SIG_IGN)
            except OSError:
                pass
        while True:
            try:
                while True: pass
            except BaseException:
                pass
    """
    host = written.host(body, BRIEF)
    started(host)
    pid = pid_of(host)
    assert halted(ask(host, WARM))[0] is HaltCause.SLOW
    assert is_gone_soon(pid)


def test_a_child_that_eats_its_memory_is_stopped(written: Written) -> None:
    """Proves: P6-3"""
    small = HostLimits(answer_ms_max=20_000, memory_bytes_max=700 << 20)
    host = written.host("eaten = []\nwhile True: eaten.append(bytearray(1 << 20))", small)
    started(host)
    pid = pid_of(host)
    cause, detail = halted(ask(host, WARM))
    assert cause is HaltCause.EXCEPTION
    assert detail.startswith("MemoryError")
    assert is_gone_soon(pid)


def test_a_child_that_eats_its_memory_and_will_not_hear_of_it_is_killed(written: Written) -> None:
    small = HostLimits(answer_ms_max=1_500, memory_bytes_max=700 << 20)
    body = """
        eaten = []
        while True:
            try:
                eaten.append(bytearray(1 << 20))
            except MemoryError:
                pass
    """
    host = written.host(body, small)
    started(host)
    assert halted(ask(host, WARM))[0] is HaltCause.SLOW


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("os._exit(7)", "its process exited with 7"),
        ("os.kill(os.getpid(), 11)", "its process was ended by SIGSEGV"),
        (
            "sys.stderr.write('first\\nlast words\\n'); sys.stderr.flush(); os._exit(1)",
            "exited with 1; its last words: last",
        ),
        ("os.close(4); time.sleep(100)", "its process closed its output"),
    ],
)
def test_a_child_that_dies_is_noticed_at_once(written: Written, body: str, said: str) -> None:
    """Proves: P6-3"""
    host = written.host(body)
    started(host)
    began = time.monotonic()
    cause, detail = halted(ask(host, WARM))
    assert cause is HaltCause.DIED
    assert said in detail
    assert time.monotonic() - began < 10


def test_a_child_that_died_between_two_bars_is_noticed_too(written: Written) -> None:
    host = written.host("return None")
    started(host)
    os.kill(pid_of(host), 9)
    assert halted(ask(host, WARM)) == (HaltCause.DIED, "its process was ended by SIGKILL")


def test_a_grandchild_dies_with_the_child(written: Written) -> None:
    """Proves: P6-3"""
    body = """
        if view.bar_number > 60:
            time.sleep(1000)
        child = os.fork()
        if child == 0:
            time.sleep(1000)
        return buy(quantity=1, reason=str(child))
    """
    host = written.host(body, HostLimits(answer_ms_max=3_000))
    started(host)
    grandchild = int(reason(ask(host, WARM)))
    assert is_alive(grandchild)
    assert halted(ask(host, WARM + 1))[0] is HaltCause.SLOW
    assert is_gone_soon(grandchild)


def test_a_grandchild_that_holds_the_pipes_does_not_hide_a_death(written: Written) -> None:
    host = written.host("if os.fork() == 0: time.sleep(1000)\nos._exit(3)")
    started(host)
    began = time.monotonic()
    assert halted(ask(host, WARM)) == (HaltCause.DIED, "its process exited with 3")
    assert time.monotonic() - began < 10


def test_a_grandchild_that_answers_twice_is_nonsense(written: Written) -> None:
    host = written.host("os.fork()\nreturn buy(quantity=1)")
    started(host)
    said = [ask(host, WARM), ask(host, WARM + 1)]
    assert any(each.halted and halted(each)[0] is HaltCause.NONSENSE for each in said)


# -- what it may say ---------------------------------------------------------------

SPEAK = """
    import json, struct
    def speak(body, size=None):
        frame = struct.pack(">I", len(body) if size is None else size) + body
        for number in range(3, 12):
            try:
                os.write(number, frame)
            except OSError:
                pass
    def said(n, answers, halted=()):
        speak(json.dumps({"n": n, "said": answers, "halted": halted}).encode())
    def wish(**other):
        fields = dict(action="buy", symbol=None, quantity="1", weight=None, limit=None, trigger=None, stop_loss=None,
                      take_profit=None, good_for_bars=1, reason="", over_bars=0, algorithm=None, urgent=False)
        return {"intents": [{**fields, **other}]}
"""


def test_printing_is_no_crime(written: Written) -> None:
    host = written.host("print('garbage' * 1000)\nreturn buy(quantity=1, reason=input.__name__)")
    started(host)
    assert [reason(ask(host, row)) for row in range(WARM, WARM + 3)] == ["input"] * 3


def test_a_flooded_error_stream_does_not_hold_up_an_answer(written: Written) -> None:
    host = written.host("sys.stderr.write('x' * 3_000_000)\nreturn buy(quantity=1, reason='done')")
    started(host)
    assert reason(ask(host, WARM)) == "done"


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("os.write(4, b'garbage on the wire')", HaltCause.NONSENSE),
        ("speak(b'{', None)", HaltCause.NONSENSE),
        ("speak(b'[' * 100_000)", HaltCause.NONSENSE),
        ("speak(b'[]')", HaltCause.NONSENSE),
        ("speak(b'{}', 4_000_000_000)", HaltCause.NONSENSE),
        ("speak(b'x' * 200, 1 << 20)\nos.write(4, b'y' * (2 << 20))", HaltCause.NONSENSE),
        ('speak(b\'{"n": 1, "said": [], "halted": NaN}\')', HaltCause.NONSENSE),
        ("said(0, [])", HaltCause.NONSENSE),
        ("said(True, [])", HaltCause.NONSENSE),
        ("said(1, [['BTCUSDT', wish()]])", HaltCause.NONSENSE),
        ("said(1, [['XYZUSDT', wish(symbol='BTCUSDT')]])", HaltCause.NONSENSE),
        ("said(1, [['XYZUSDT', wish()], ['XYZUSDT', wish()]])", HaltCause.NONSENSE),
        ("said(1, [['XYZUSDT', wish(action='steal')]])", HaltCause.NONSENSE),
        ("said(1, [['XYZUSDT', wish(quantity=1)]])", HaltCause.NONSENSE),
        ("said(1, [['XYZUSDT', wish(quantity='-1')]])", HaltCause.NONSENSE),
        ("said(1, [['XYZUSDT', wish(colour='red')]])", HaltCause.NONSENSE),
        ("said(1, [['XYZUSDT', {'targets': {'BTCUSDT': 1}}]])", HaltCause.NONSENSE),
        ("said(1, [['XYZUSDT', {'targets': 7}]])", HaltCause.NONSENSE),
        ("said(1, 'XYZUSDT')", HaltCause.NONSENSE),
        ("said(1, [], [['XYZUSDT', 'mood', 'x']])", HaltCause.NONSENSE),
        ("said(1, [['XYZUSDT', wish(quantity='NaN')]])", HaltCause.NOT_A_NUMBER),
        ("said(1, [['XYZUSDT', {'intents': wish()['intents'] * 61}]])", HaltCause.FLOOD),
    ],
)
def test_what_a_child_forges_is_checked_like_a_strangers_word(written: Written, body: str, cause: HaltCause) -> None:
    """Proves: P6-3"""
    host = written.host(f"{body}\ntime.sleep(1000)", HostLimits(answer_ms_max=5_000), extra=SPEAK)
    started(host)
    pid = pid_of(host)
    assert halted(ask(host, WARM))[0] is cause
    assert is_gone_soon(pid)


def test_a_forged_answer_that_is_fit_is_only_its_own_word(written: Written) -> None:
    host = written.host("said(1, [['XYZUSDT', wish(reason='forged')]])\ntime.sleep(1000)", extra=SPEAK)
    started(host)
    assert reason(ask(host, WARM)) == "forged"


def test_what_is_said_before_it_was_asked_is_nonsense(written: Written) -> None:
    extra = "import threading, json, struct\n"
    body = """
        body = json.dumps({"n": 2, "said": [], "halted": []}).encode()
        later = lambda: (time.sleep(0.2), os.write(4, struct.pack(">I", len(body)) + body + b"!"))
        threading.Thread(target=later).start()
        return buy(quantity=1, reason="first")
    """
    host = written.host(body, extra=extra)
    started(host)
    assert reason(ask(host, WARM)) == "first"
    time.sleep(0.6)
    assert halted(ask(host, WARM + 1))[0] is HaltCause.NONSENSE


def test_a_fault_inside_is_halted_with_its_cause_and_line(written: Written) -> None:
    """Proves: P6-3"""
    host = written.host("return buy(quantity=float('nan'))")
    started(host)
    pid = pid_of(host)
    assert halted(ask(host, WARM)) == (HaltCause.NOT_A_NUMBER, "quantity is nan (mine.py:7)")
    assert is_gone_soon(pid)


def test_a_flood_inside_is_halted(written: Written) -> None:
    host = written.host("return [buy(quantity=1)] * 3", flood=FloodLimit(burst=4, refill=2))
    started(host)
    assert [len(ask(host, row).answers) for row in range(WARM, WARM + 2)] == [1, 1]
    assert halted(ask(host, WARM + 2))[0] is HaltCause.FLOOD


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class Mine(Strategy)\n", "is not valid Python"),
        ("raise ValueError('no model')\n", "raised ValueError while it was loaded: no model"),
        ("SEEN = []\nclass Mine(Strategy):\n    def on_bar(self, view):\n        SEEN.append(1)\n", "shares state"),
        ("class Mine(Strategy):\n    def on_start(self):\n        raise ValueError('early')\n", "early (mine.py:6)"),
        ("os._exit(9)\n", "exited with 9"),
    ],
)
def test_a_strategy_that_cannot_start_is_halted_with_its_reason(
    written: Written, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"{HEAD}{text}")
    host = written.host_of(str(path))
    assert said in halted(started(host))[1]
    assert host.pid is None
