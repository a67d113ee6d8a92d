"""How tests use qts: in this process or in one of its own, on a home with a market and a world."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from typer.testing import CliRunner, Result

from qts.cli.main import app

POLICY = """
world: {world}
version: 1
extends: moderate
simulated: true
dataset: {{symbol: SYNUSDT, interval: 4h, start: 2021-01-01, end: 2022-01-01}}
data_currency: {{max_lag: 5200w, min_history: 30d}}
"""
HEAD = "from qts import Strategy, buy, close\nfrom qts.strategy.features import sma, atr\n\nclass Mine(Strategy):\n"


def qts(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def refused(*words: str, code: int) -> str:
    """The whole message of a command that must fail; it says what to do next and shows no traceback."""
    result = qts(*words)
    assert result.exit_code == code, result.output
    text = re.sub(r"\s+", " ", result.output)
    assert text.strip().startswith("error: "), text
    assert "next: " in text, text
    assert "Traceback" not in text
    return text


def policy_file(folder: Path, text: str) -> str:
    path = folder / "policy.yaml"
    path.write_text(text)
    return str(path)


def strategy_file(folder: Path, body: str) -> str:
    path = folder / "mine.py"
    path.write_text(HEAD + body)
    return str(path)


def runs(home: Path, world: str = "w") -> list[tuple[str, str]]:
    """(status, reason) of every run of a world, oldest first, from the record."""
    from qts.app import assembly
    from qts.app.settings import Settings

    history = assembly.world_service(Settings(home)).history(world)
    return [(run.status.value, run.reason) for run in history]


def submitting(spec: str, home: Path, *more: str) -> "subprocess.Popen[str]":
    code = "from qts.cli.main import main; main()"
    environment = {**os.environ, "QTS_HOME": str(home)}
    words = [sys.executable, "-c", code, "submit", spec, "--world", "w", *more]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def wait_for(path: Path, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)
