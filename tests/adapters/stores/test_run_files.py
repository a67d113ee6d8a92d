"""A run's record comes back as the run it was, and a record that was touched does not come back at all."""

import gzip
import json
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from qts.adapters.stores.record_text import content_digest
from qts.adapters.stores.run_files import read_run, write_run
from qts.domain.errors import StorageError
from qts.domain.instant import parse_instant
from qts.market.view import View
from qts.research.metrics import measure
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.risk.stages import StageWord
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
    tight = LimitPolicy(
        symbol_exposure_max=Decimal("0.85"),
        drawdown_warn=Decimal("0.0001"),
        daily_loss_warn=Decimal("0.0001"),
        price_collar=Decimal("0.005"),
    )
    run = run_backtest(MARKET, Everything(), Terms(policies=LimitPolicies(account=tight, strategies={"other": tight})))
    assert {word.stage for word in run.gate} == {StageWord.WARN, StageWord.REDUCE, StageWord.BLOCK}
    assert any(not word.limits for word in run.gate)
    assert run.distances
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


def test_a_record_from_before_there_were_limits_is_of_a_run_without(tmp_path: Path) -> None:
    """And a run without them has the digest it had then: nothing of theirs is in it."""
    path = tmp_path / "r.json.gz"
    run = run_backtest(MARKET, Everything(), Terms())
    write_run(path, run)
    document = json.loads(gzip.decompress(path.read_bytes()))
    assert (document.pop("gate"), document.pop("distances")) == ([], [])
    del document["content"]
    document["content"] = content_digest(document)
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    assert same(read_run(path), run)


def test_what_the_limits_said_is_in_the_digest_of_the_run(result: RunResult) -> None:
    assert replace(result, gate=result.gate[1:]).digest != result.digest


@pytest.mark.parametrize(
    "field", ["fills", "orders", "funding_payments", "refusals", "protections", "gate", "distances"]
)
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
