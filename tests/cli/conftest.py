"""A home to break things in."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qts.market.dataset import Dataset
from tests.cli.front_door import POLICY, qts, strategy_file


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the synthetic market stored and a world on it."""
    from qts.adapters.stores.catalogue import Catalogue
    from qts.app.synthetic_data import store_synthetic
    from qts.domain.instant import parse_instant
    from qts.simulation.synthetic import synthetic_market

    folder = tmp_path_factory.mktemp("prepared")
    market = synthetic_market(seed=3, start=parse_instant("2021-01-01"), bars=2190)
    store_synthetic(Catalogue(folder / "data"), market, progress=lambda _step: None)
    (folder / "w.yaml").write_text(POLICY.format(world="w"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QTS_HOME", str(folder))
        made = qts("world", "create", "w", "--policy", str(folder / "w.yaml"))
        assert made.exit_code == 0, made.output
    return folder


@pytest.fixture
def home(prepared: Path, qts_home: Path) -> Path:
    """A copy of the prepared home, so that what a test breaks stays broken for it alone."""
    shutil.copytree(prepared, qts_home)
    return qts_home


@pytest.fixture
def slow_strategy(tmp_path: Path) -> str:
    return strategy_file(
        tmp_path,
        "    def on_bar(self, view):\n"
        "        import pathlib, time\n"
        f"        pathlib.Path({str(tmp_path / 'started')!r}).touch()\n"
        "        time.sleep(0.05)\n",
    )


def _of_symbol(made: Dataset, symbol: str) -> Dataset:
    assert made.mark is not None
    assert made.funding is not None
    return replace(
        made,
        instrument=replace(made.instrument, symbol=symbol),
        bars=replace(made.bars, symbol=symbol),
        mark=replace(made.mark, symbol=symbol),
        funding=replace(made.funding, symbol=symbol),
        brackets=None,
    )


@pytest.fixture(scope="session")
def after_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as ``qts demo`` leaves it, with what it answered in demo.json; to be copied, since a test may write."""
    folder = tmp_path_factory.mktemp("after-demo") / ".qts"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QTS_HOME", str(folder))
        made = qts("demo", "--output", "json")
    assert made.exit_code == 0, made.output
    (folder / "demo.json").write_text(made.stdout)
    return folder


@pytest.fixture(scope="session")
def stored_markets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two synthetic markets and a world on the first."""
    from qts.adapters.stores.catalogue import Catalogue
    from qts.app.synthetic_data import store_synthetic
    from qts.domain.instant import parse_instant
    from qts.simulation.synthetic import synthetic_market

    folder = tmp_path_factory.mktemp("stored")
    for seed, symbol in enumerate(("SYNUSDT", "OTHERUSDT"), start=3):
        made = synthetic_market(seed=seed, start=parse_instant("2021-01-01"), bars=2190)
        market = made if symbol == "SYNUSDT" else _of_symbol(made, symbol)
        store_synthetic(Catalogue(folder / "data"), market, progress=lambda _step: None)
    (folder / "w.yaml").write_text(POLICY.format(world="w") + "waivers: [no-brackets]\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QTS_HOME", str(folder))
        made_world = qts("world", "create", "w", "--policy", str(folder / "w.yaml"))
        assert made_world.exit_code == 0, made_world.output
    return folder


@pytest.fixture(scope="session")
def told_of_three(stored_markets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ``qts account backtest`` answers of the account that most tests begin with."""
    from tests.cli.test_account import GOOD, account_file, answered

    folder = tmp_path_factory.mktemp("three")
    shutil.copytree(stored_markets, folder / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QTS_HOME", str(folder / "home"))
        return answered("account", "backtest", account_file(folder, GOOD))


@pytest.fixture
def markets(stored_markets: Path, qts_home: Path) -> Path:
    shutil.copytree(stored_markets, qts_home)
    return qts_home
