"""A run's record comes back as the run it was, and a record that was touched does not come back at all."""

import gzip
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from qts.adapters.stores.run_files import read_run, write_run
from qts.domain.errors import StorageError
from qts.domain.instant import parse_instant
from qts.market.view import View
from qts.research.metrics import measure
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.result import RunResult
from qts.simulation.synthetic import synthetic_market
from qts.strategy.catalogue import CATALOGUE
from qts.strategy.features import atr
from qts.strategy.intent import Answer, buy, close, protect
from qts.strategy.strategy import Strategy

MARKET = synthetic_market(seed=2, start=parse_instant("2021-01-01"), bars=1200)


class Everything(Strategy):
    """Orders of every kind, refusals, changes of protection; ends with a position open."""

    def on_bar(self, view: View) -> Answer:
        number, price, risk = view.bar_number, view.close, 2 * atr(view, 14)
        if number % 90 == 20:
            return [close(), buy(stop_loss=price - risk, take_profit=price + 2 * risk, reason="ent\u00e9r")]
        if number % 90 == 30 and view.is_long:
            return protect(stop_loss=price - risk / 2)
        if number % 90 == 50:
            return buy(limit=price * 0.99, weight=0.2, good_for_bars=5)
        if number == 1198:
            return buy(weight=0.1)
        return buy(quantity=10_000) if number == 700 else None


@pytest.fixture(scope="module")
def result() -> RunResult:
    run = run_backtest(MARKET, Everything(), Terms())
    assert run.protections
    assert run.refusals
    assert run.funding_payments
    assert any(trade.is_open for trade in run.trades)
    return run


def same(left: RunResult, right: RunResult) -> bool:
    return all(
        np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b
        for a, b in ((getattr(left, f.name), getattr(right, f.name)) for f in fields(RunResult))
    )


def test_a_run_comes_back_to_the_last_bit(result: RunResult, tmp_path: Path) -> None:
    """Proves: WS-7, QL-12"""
    write_run(tmp_path / "r.json.gz", result)
    again = read_run(tmp_path / "r.json.gz")
    assert same(again, result)
    assert again.digest == result.digest
    assert measure(again, 1).facts() == measure(result, 1).facts()
    write_run(tmp_path / "s.json.gz", again)
    assert (tmp_path / "s.json.gz").read_bytes() == (tmp_path / "r.json.gz").read_bytes()


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_catalogue_run_comes_back(name: str, tmp_path: Path) -> None:
    run = run_backtest(MARKET, CATALOGUE[name](), Terms())
    write_run(tmp_path / "r.json.gz", run)
    assert same(read_run(tmp_path / "r.json.gz"), run)


@pytest.mark.parametrize("field", ["fills", "orders", "funding_payments", "refusals", "protections"])
def test_an_event_that_was_changed_or_removed_is_noticed(result: RunResult, tmp_path: Path, field: str) -> None:
    """Proves: WS-13"""
    path = tmp_path / "r.json.gz"
    write_run(path, result)
    document = json.loads(gzip.decompress(path.read_bytes()))
    document[field] = document[field][1:]
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    with pytest.raises(StorageError, match="does not have the digest"):
        read_run(path)


def test_a_missing_or_cut_record_is_told(result: RunResult, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is not there"):
        read_run(tmp_path / "absent.json.gz")
    path = tmp_path / "r.json.gz"
    write_run(path, result)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(StorageError, match="is not as it was written"):
        read_run(path)
