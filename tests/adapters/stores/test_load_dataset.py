"""What a run reads from the catalogue: bars, mark, funding, brackets, instrument, and the words for what is missing."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from qts.adapters.stores.catalogue import Catalogue
from qts.adapters.stores.manifest import Layer, SeriesKind, Source
from qts.domain.errors import DataError, UsageError
from qts.domain.instant import DAY_MS, HOUR_MS, MINUTE_MS, parse_instant
from qts.domain.instrument import Instrument
from qts.market.brackets import Bracket, BracketTable
from qts.market.clean import clean_bars
from qts.market.raw import RawBars, RawFunding

START = parse_instant("2024-01-20")
BARS = SeriesKind.BARS


def valid(first: int, last: int, *, interval_ms: int = HOUR_MS) -> RawBars:
    """Valid bars at places first to last - 1 after START; values tell the place."""
    where = np.arange(first, last, dtype=np.int64)
    price = 100.0 + (where % 977) * 0.1
    return RawBars(
        symbol="TESTUSDT",
        interval_ms=interval_ms,
        opened_at=START + where * interval_ms,
        open=price,
        high=price + 1,
        low=price - 1,
        close=price + 0.5,
        volume=10.0 + where,
    )


def source(name: str) -> Source:
    return Source(file=name, sha256=name, rows=1)


def store(catalogue: Catalogue, raw: RawBars, name: str) -> int:
    return catalogue.store_bars(raw, source(name), kind=BARS).rows_new


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "data")


def whole_market(catalogue: Catalogue, raw: RawBars) -> None:
    store(catalogue, raw, "a.csv")
    catalogue.store_instrument(instrument())


def instrument(tick: str = "0.1") -> Instrument:
    return Instrument(
        symbol="TESTUSDT",
        base="TEST",
        quote="USDT",
        tick=Decimal(tick),
        lot=Decimal("0.001"),
        notional_min=Decimal(5),
    )


def test_a_dataset_has_what_was_imported_and_none_for_the_rest(catalogue: Catalogue) -> None:
    whole_market(catalogue, valid(0, 200))
    dataset = catalogue.load_dataset("TESTUSDT", HOUR_MS)
    assert (dataset.funding, dataset.mark, dataset.brackets, dataset.synthetic) == (None, None, None, False)
    assert RawBars.of(dataset.bars).digest() == valid(0, 200).digest()
    assert dataset.source == "TESTUSDT bars 1h from a.csv, as imported"


def test_a_window_is_cut_to_the_bar_and_reads_only_its_months(catalogue: Catalogue) -> None:
    whole_market(catalogue, valid(0, 24 * 60))
    (catalogue.root / "raw/bars/TESTUSDT/1h/2024-03.parquet").write_bytes(b"never read")
    start, end = parse_instant("2024-01-31T12:00:00"), parse_instant("2024-02-10T00:00:00")
    dataset = catalogue.load_dataset("TESTUSDT", HOUR_MS, start=start, end=end)
    assert (dataset.start, dataset.end) == (start, end)
    with pytest.raises(DataError, match=r"2024-03\.parquet is damaged"):
        catalogue.load_dataset("TESTUSDT", HOUR_MS)
    with pytest.raises(DataError, match="in the window") as caught:
        catalogue.load_dataset("TESTUSDT", HOUR_MS, start=parse_instant("2023-01-01"), end=parse_instant("2023-02-01"))
    assert caught.value.place == "the data run from 2024-01-20T00:00:00Z to 2024-03-20T00:00:00Z"


def test_cleaned_bars_are_preferred_and_refused_once_stale(catalogue: Catalogue) -> None:
    """Proves: QL-3"""
    raw = valid(0, 50).rows(np.array([0, 2, 1, 1, 4, *range(5, 50)]))
    whole_market(catalogue, raw)
    result = clean_bars(raw)
    manifest = catalogue.store_cleaned(result, kind=BARS, raw_fingerprint=raw.digest(), audit_digest="d" * 64)
    assert manifest.cleaning is not None
    assert (manifest.cleaning.raw_fingerprint, manifest.cleaning.rows_filled) == (raw.digest(), 1)
    assert [rule["rule"] for rule in manifest.cleaning.rules] == [a.rule.value for a in result.log]
    assert catalogue.manifest(Layer.PROCESSED, BARS, "TESTUSDT", HOUR_MS) == manifest
    dataset = catalogue.load_dataset("TESTUSDT", HOUR_MS)
    assert dataset.source.endswith("cleaned")
    assert RawBars.of(dataset.bars).digest() == RawBars.of(result.bars).digest() == manifest.fingerprint
    store(catalogue, valid(50, 60), "b.csv")
    with pytest.raises(DataError, match="before rows were added") as caught:
        catalogue.load_dataset("TESTUSDT", HOUR_MS)
    assert caught.value.next_step == "clean again: qts data clean --kind bars --symbol TESTUSDT --interval 1h"
    with pytest.raises(DataError, match="changed while they were being cleaned"):
        catalogue.store_cleaned(result, kind=BARS, raw_fingerprint=raw.digest(), audit_digest="d" * 64)


def test_mark_bars_are_those_of_the_same_interval_or_a_finer_one(catalogue: Catalogue) -> None:
    whole_market(catalogue, valid(0, 48))
    coarse = replace(valid(0, 2, interval_ms=DAY_MS), volume=None)
    catalogue.store_bars(coarse, source("day.csv"), kind=SeriesKind.MARK)
    assert catalogue.load_dataset("TESTUSDT", HOUR_MS).mark is None
    fine = replace(valid(0, 96, interval_ms=30 * MINUTE_MS), volume=None)
    catalogue.store_bars(fine, source("half.csv"), kind=SeriesKind.MARK)
    mark = catalogue.load_dataset("TESTUSDT", HOUR_MS).mark
    assert mark is not None
    assert (mark.interval, len(mark), mark.volume.max()) == ("30m", 96, 0.0)


def test_funding_is_rounded_to_its_minute_and_kept_raw_as_published(catalogue: Catalogue) -> None:
    whole_market(catalogue, valid(0, 48))
    raw = RawFunding(
        symbol="TESTUSDT",
        published_at=START + np.array([0, 8 * HOUR_MS + 47, 16 * HOUR_MS + 3]),
        rate=np.array([1e-4, -2e-4, 3e-4]),
    )
    catalogue.store_funding(raw, source("f.csv"))
    assert catalogue.raw_funding("TESTUSDT").digest() == raw.digest()
    funding = catalogue.load_dataset("TESTUSDT", HOUR_MS).funding
    assert funding is not None
    assert ((funding.occurred_at - START) / HOUR_MS).tolist() == [0, 8, 16]


def test_what_is_missing_is_named_with_what_there_is(catalogue: Catalogue) -> None:
    with pytest.raises(DataError, match="no BTCUSDT bars 4h") as caught:
        catalogue.load_dataset("BTCUSDT", 4 * HOUR_MS)
    assert caught.value.place.endswith("nothing of this kind was imported yet")
    store(catalogue, valid(0, 5), "a.csv")
    with pytest.raises(DataError, match="Did you mean 'TESTUSDT'"):
        catalogue.load_dataset("TESTUSD", HOUR_MS)
    with pytest.raises(DataError) as caught:
        catalogue.load_dataset("TESTUSDT", 4 * HOUR_MS)
    assert caught.value.place.endswith("of TESTUSDT there are 1h")
    assert caught.value.next_step == "import them: qts data import FILE --kind bars --symbol TESTUSDT --interval 4h"
    with pytest.raises(DataError, match="instrument TESTUSDT is not known") as caught:
        catalogue.load_dataset("TESTUSDT", HOUR_MS)
    assert "--kind instrument --symbol TESTUSDT" in caught.value.next_step


@pytest.mark.parametrize("symbol", ["../../etc", "", "a/b", ".hidden", "x" * 50, "BTCUSDT\n"])
def test_a_symbol_is_never_a_path(catalogue: Catalogue, symbol: str) -> None:
    with pytest.raises(UsageError, match="cannot be a symbol"):
        catalogue.load_dataset(symbol, HOUR_MS)


def test_an_instrument_is_not_replaced_by_accident(catalogue: Catalogue) -> None:
    assert catalogue.store_instrument(instrument())
    assert not catalogue.store_instrument(instrument())
    with pytest.raises(DataError, match=r"tick 0\.1, now 0\.01"):
        catalogue.store_instrument(instrument(tick="0.01"))
    assert catalogue.instrument("TESTUSDT") == instrument()
    assert catalogue.store_instrument(instrument(tick="0.01"), replace_existing=True)
    assert catalogue.instrument("TESTUSDT") == instrument(tick="0.01")


def table(as_of: str, rate: str = "0.004") -> BracketTable:
    bracket = Bracket(
        notional_floor=Decimal(0),
        notional_cap=Decimal(50000),
        maintenance_rate=Decimal(rate),
        deduction=Decimal(0),
        leverage_max=125,
    )
    return BracketTable(symbol="TESTUSDT", as_of=parse_instant(as_of), brackets=(bracket,))


def test_bracket_tables_are_dated_and_immutable(catalogue: Catalogue) -> None:
    assert catalogue.store_brackets(table("2024-10-01"))
    assert catalogue.store_brackets(table("2023-01-01", rate="0.005"))
    assert not catalogue.store_brackets(table("2024-10-01"))
    with pytest.raises(DataError, match="other brackets as of 2024-10-01"):
        catalogue.store_brackets(table("2024-10-01", rate="0.01"))
    history = catalogue.brackets("TESTUSDT")
    assert history is not None
    assert history.tables == (table("2023-01-01", rate="0.005"), table("2024-10-01"))


@pytest.mark.parametrize("folder", ["instruments/TESTUSDT.json", "brackets/TESTUSDT/2024-10-01.json"])
@pytest.mark.parametrize("content", ["", "[]", '{"symbol": 3}'])
def test_a_damaged_small_file_is_named(catalogue: Catalogue, folder: str, content: str) -> None:
    catalogue.store_instrument(instrument())
    catalogue.store_brackets(table("2024-10-01"))
    (catalogue.root / folder).write_text(content)
    with pytest.raises(DataError, match="is damaged"):
        catalogue.instrument("TESTUSDT") if "instr" in folder else catalogue.brackets("TESTUSDT")


def test_synthetic_and_recorded_rows_do_not_mix(catalogue: Catalogue) -> None:
    catalogue.store_bars(valid(0, 5), source("made"), kind=BARS, synthetic=True)
    with pytest.raises(DataError, match="mix synthetic and recorded"):
        store(catalogue, valid(5, 9), "real.csv")
    catalogue.store_instrument(instrument())
    assert catalogue.load_dataset("TESTUSDT", HOUR_MS).synthetic
