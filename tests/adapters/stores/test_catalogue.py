"""The Parquet catalogue: what goes in comes out, raw rows never change, and no failure leaves half a series."""

import json
import multiprocessing
import os
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qts.adapters.stores.catalogue import Catalogue
from qts.adapters.stores.manifest import Layer, SeriesKind, Source
from qts.domain.errors import DataError, StorageError
from qts.domain.instant import HOUR_MS, parse_instant
from qts.market.raw import RawBars

START = parse_instant("2024-01-20")
BARS = SeriesKind.BARS


def hourly(first: int, last: int, *, symbol: str = "TESTUSDT", interval_ms: int = HOUR_MS) -> RawBars:
    """Valid bars at places first to last - 1 after START; values tell the place."""
    where = np.arange(first, last, dtype=np.int64)
    price = 100.0 + (where % 977) * 0.1
    return RawBars(
        symbol=symbol,
        interval_ms=interval_ms,
        opened_at=START + where * interval_ms,
        open=price,
        high=price + 1,
        low=price - 1,
        close=price + 0.5,
        volume=10.0 + where,
    )


def source(name: str, rows: int = 1) -> Source:
    return Source(file=name, sha256=name, rows=rows)


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(root)): p.read_bytes()
        for p in sorted(root.rglob("*"))
        if p.is_file() and ".locks" not in p.parts
    }


def store(catalogue: Catalogue, raw: RawBars, name: str) -> int:
    return catalogue.store_bars(raw, source(name), kind=BARS).rows_new


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "data")


def test_rows_come_back_as_they_went_in_month_by_month(catalogue: Catalogue) -> None:
    """Proves: QL-1"""
    raw = hourly(0, 24 * 30)
    stored = catalogue.store_bars(raw, source("a.csv"), kind=BARS)
    assert stored.rows_new == 720
    folder = catalogue.root / "raw/bars/TESTUSDT/1h"
    assert sorted(p.name for p in folder.iterdir()) == ["2024-01.parquet", "2024-02.parquet", "manifest.json"]
    assert catalogue.raw_bars("TESTUSDT", HOUR_MS, kind=BARS).digest() == raw.digest() == stored.manifest.fingerprint


def test_the_manifest_says_where_rows_came_from(catalogue: Catalogue) -> None:
    """Proves: QL-1"""
    store(catalogue, hourly(0, 24 * 30), "a.csv")
    manifest = json.loads((catalogue.root / "raw/bars/TESTUSDT/1h/manifest.json").read_text())
    assert (manifest["rows"], manifest["first"], manifest["last"]) == (
        720,
        "2024-01-20T00:00:00Z",
        "2024-02-18T23:00:00Z",
    )
    assert [(s["file"], s["rows_new"]) for s in manifest["sources"]] == [("a.csv", 720)]
    assert [p["rows"] for p in manifest["partitions"]] == [288, 432]
    assert all(len(p["sha256"]) == 64 for p in manifest["partitions"])


def test_the_same_file_again_changes_nothing(catalogue: Catalogue) -> None:
    """Proves: QL-1"""
    store(catalogue, hourly(0, 100), "a.csv")
    before = tree(catalogue.root)
    assert store(catalogue, hourly(0, 100), "a.csv") == 0
    assert store(catalogue, hourly(10, 90), "part-of-it.csv") == 0
    assert tree(catalogue.root) == before


def test_more_rows_extend_a_series_on_either_side(catalogue: Catalogue) -> None:
    assert store(catalogue, hourly(100, 200), "a.csv") == 100
    assert store(catalogue, hourly(150, 400), "b.csv") == 200
    assert store(catalogue, hourly(0, 120), "c.csv") == 100
    assert catalogue.raw_bars("TESTUSDT", HOUR_MS, kind=BARS).digest() == hourly(0, 400).digest()
    parquet = {p.name for p in (catalogue.root / "raw/bars/TESTUSDT/1h").glob("*.parquet")}
    assert parquet == {"2024-01-3.parquet", "2024-02.parquet"}


def test_a_file_that_disagrees_is_refused_and_nothing_changes(catalogue: Catalogue) -> None:
    """Proves: QL-1"""
    store(catalogue, hourly(0, 100), "a.csv")
    before = tree(catalogue.root)
    other = hourly(0, 500)
    close = other.close.copy()
    close[[42, 60]] += 0.25
    with pytest.raises(
        DataError, match=r"b\.csv disagrees .* 2024-01-21T18:00:00Z its close is 104\.95, stored is 104\.7"
    ) as e:
        store(catalogue, replace(other, close=close), "b.csv")
    assert e.value.place == "row 42 of b.csv"
    assert tree(catalogue.root) == before


def test_broken_rows_are_kept_in_their_order_for_the_audit(catalogue: Catalogue) -> None:
    raw = hourly(0, 50).rows(np.array([3, 1, 1, 0, 7, 6]))
    close = raw.close.copy()
    close[4] = np.nan
    raw = replace(raw, close=close)
    store(catalogue, raw, "a.csv")
    assert catalogue.raw_bars("TESTUSDT", HOUR_MS, kind=BARS).digest() == raw.digest()
    assert store(catalogue, raw, "same-rows-other-name.csv") == 0
    with pytest.raises(DataError, match="disagrees"):
        store(catalogue, hourly(7, 8), "b.csv")
    with pytest.raises(DataError) as refused:
        catalogue.load_dataset("TESTUSDT", HOUR_MS)
    assert "qts data clean" in refused.value.next_step


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 800)), min_size=1, max_size=5))
def test_any_pieces_in_any_order_make_their_union(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[int, int]]
) -> None:
    """Proves: QL-1"""
    catalogue = Catalogue(tmp_path_factory.mktemp("data"))
    expected: set[int] = set()
    for number, (first, length) in enumerate(pieces):
        expected |= set(range(first, first + length))
        store(catalogue, hourly(first, first + length), f"{number}.csv")
    whole = hourly(0, 2400).rows(np.array(sorted(expected)))
    stored = catalogue.raw_bars("TESTUSDT", HOUR_MS, kind=BARS)
    assert stored.digest() == whole.digest()
    manifest = catalogue.manifest(Layer.RAW, BARS, "TESTUSDT", HOUR_MS)
    assert manifest is not None
    assert manifest.fingerprint == whole.digest()


# failures


def test_a_truncated_or_changed_partition_is_named(catalogue: Catalogue) -> None:
    """Proves: QL-1"""
    store(catalogue, hourly(0, 720), "a.csv")
    path = catalogue.root / "raw/bars/TESTUSDT/1h/2024-02.parquet"
    content = path.read_bytes()
    for damaged in (content[:-100], content[:50] + b"\x00" + content[51:], b""):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"2024-02\.parquet is damaged or was changed"):
            catalogue.raw_bars("TESTUSDT", HOUR_MS, kind=BARS)
        with pytest.raises(DataError, match="damaged"):
            store(catalogue, hourly(700, 800), "b.csv")
    path.unlink()
    with pytest.raises(DataError, match=r"2024-02\.parquet is missing"):
        catalogue.raw_bars("TESTUSDT", HOUR_MS, kind=BARS)


@pytest.mark.parametrize("content", ["", "{", '{"schema": 1}', '{"schema": 9}', "[]"])
def test_a_damaged_manifest_is_named(catalogue: Catalogue, content: str) -> None:
    store(catalogue, hourly(0, 10), "a.csv")
    (catalogue.root / "raw/bars/TESTUSDT/1h/manifest.json").write_text(content)
    with pytest.raises(DataError, match=r"manifest\.json is"):
        catalogue.raw_bars("TESTUSDT", HOUR_MS, kind=BARS)


def _store_with_file_size_limit(
    root: Path, raw: RawBars, limit: int, answer: "multiprocessing.SimpleQueue[str]"
) -> None:
    """A file system that takes small files only: the kernel refuses the write (EFBIG), as a full one does (ENOSPC)."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        store(Catalogue(root), raw, "b.csv")
    except StorageError as error:
        answer.put(str(error))
    else:
        answer.put("stored")


THREE_MONTHS = hourly(0, 24 * 60)
MANY_MONTHS = hourly(0, 24 * 30 * 60).rows(np.arange(0, 24 * 30 * 60, 24 * 30))


@pytest.mark.parametrize(
    ("raw", "refused"),
    [(THREE_MONTHS, "2024-01-2.parquet"), (THREE_MONTHS, "2024-02.parquet"), (MANY_MONTHS, "manifest.json")],
    ids=["first month", "a later month", "manifest"],
)
def test_a_full_disk_leaves_everything_as_it_was(
    catalogue: Catalogue, tmp_path: Path, raw: RawBars, refused: str
) -> None:
    """Proves: QL-1"""
    store(catalogue, hourly(0, 1), "a.csv")
    before = tree(catalogue.root)
    roomy = Catalogue(tmp_path / "roomy")
    store(roomy, hourly(0, 1), "a.csv")
    store(roomy, raw, "b.csv")
    limit = (roomy.root / "raw/bars/TESTUSDT/1h" / refused).stat().st_size - 1
    _in_child(catalogue.root, raw, limit, expect=f"cannot write {refused}: File too large")
    assert tree(catalogue.root) == before
    store(catalogue, raw, "b.csv")
    assert tree(catalogue.root) == tree(roomy.root)


def test_a_full_disk_at_the_first_import_leaves_no_trace(catalogue: Catalogue) -> None:
    _in_child(catalogue.root, THREE_MONTHS, 6_000, expect="File too large")
    assert [path for path in catalogue.root.rglob("*") if ".locks" not in path.parts] == []


def _in_child(root: Path, raw: RawBars, limit: int, *, expect: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    answer = spawn.SimpleQueue()
    child = spawn.Process(target=_store_with_file_size_limit, args=(root, raw, limit, answer))
    child.start()
    child.join(60)
    assert expect in answer.get()
    answer.close()


def _import(root: Path, name: str, first: int, last: int) -> None:
    store(Catalogue(root), hourly(first, last), name)


def test_two_processes_importing_at_once_leave_one_valid_series(catalogue: Catalogue) -> None:
    """Proves: QL-1"""
    spawn = multiprocessing.get_context("spawn")
    pieces = [("a.csv", 0, 2000), ("b.csv", 1000, 3000), ("a.csv", 0, 2000)]
    children = [spawn.Process(target=_import, args=(catalogue.root, *piece)) for piece in pieces]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert catalogue.raw_bars("TESTUSDT", HOUR_MS, kind=BARS).digest() == hourly(0, 3000).digest()
    manifest = catalogue.manifest(Layer.RAW, BARS, "TESTUSDT", HOUR_MS)
    assert manifest is not None
    assert sum(s.rows_new for s in manifest.sources) == 3000
    named = {partition.file for partition in manifest.partitions}
    assert {p.name for p in (catalogue.root / "raw/bars/TESTUSDT/1h").iterdir()} == named | {"manifest.json"}


@pytest.mark.parametrize("after_seconds", [0.0, 0.02, 0.05, 0.1])
def test_a_killed_import_leaves_the_old_series_or_the_new_one(catalogue: Catalogue, after_seconds: float) -> None:
    """Proves: QL-1"""
    store(catalogue, hourly(0, 24), "a.csv")
    child = multiprocessing.get_context("fork").Process(target=_import, args=(catalogue.root, "b.csv", 0, 20_000))
    child.start()
    time.sleep(after_seconds)
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join(10)
    found = catalogue.raw_bars("TESTUSDT", HOUR_MS, kind=BARS).digest()
    assert found in {hourly(0, 24).digest(), hourly(0, 20_000).digest()}
    store(catalogue, hourly(0, 20_000), "b.csv")
    assert catalogue.raw_bars("TESTUSDT", HOUR_MS, kind=BARS).digest() == hourly(0, 20_000).digest()
    assert not list(catalogue.root.rglob(".tmp-*"))
