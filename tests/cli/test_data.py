"""``qts data`` as a person or a script uses it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qts.cli.data import app
from qts.domain.errors import CheckFailed, DataError, QtsError, UsageError
from qts.domain.instant import HOUR_MS, parse_instant

START = parse_instant("2024-01-01")


def run(*arguments: object) -> str:
    """Standard output of the command; an expected error propagates as the main command will see it."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, QtsError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def bars_csv(tmp_path: Path, *, skip: tuple[int, ...] = (), low: float = 99.0, name: str = "bars.csv") -> Path:
    rows = [f"{START + k * HOUR_MS},100,101,{low},100.5,{10 + k}" for k in range(48) if k not in skip]
    path = tmp_path / name
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]))
    return path


SERIES = ("--symbol", "TESTUSDT", "--interval", "1h")


def test_import_audit_clean_and_list_in_json(tmp_path: Path) -> None:
    """Proves: QL-1, QL-2, QL-3"""
    path = bars_csv(tmp_path, skip=(5,))
    imported = json.loads(run("import", path, *SERIES, "--output", "json"))
    assert (imported["rows_new"], imported["rows_in_file"]) == (47, 47)
    again = json.loads(run("import", path, *SERIES, "--output", "json"))
    assert again["rows_new"] == 0
    assert again["message"] == "nothing to do: all 47 rows were stored already"
    report = json.loads(run("audit", *SERIES, "--output", "json"))
    assert (report["verdict"], report["counts"]) == ("warnings", {"gap": 1})
    cleaned = json.loads(run("clean", *SERIES, "--output", "json"))
    assert (cleaned["rows"], cleaned["rows_filled"]) == (48, 1)
    assert cleaned["raw_fingerprint"] == report["source_digest"]
    assert cleaned["audit_digest"] == report["digest"]
    (line,) = json.loads(run("list", "--output", "json"))["series"]
    assert (line["state"], line["rows"], line["rows_filled"]) == ("cleaned", 48, 1)


def test_the_same_in_words(tmp_path: Path) -> None:
    path = bars_csv(tmp_path, skip=(5,))
    assert "47 of 47 rows added" in run("import", path, *SERIES)
    assert "verdict warnings" in run("audit", *SERIES)
    assert "48 bars stored" in run("clean", *SERIES)
    assert "TESTUSDT" in run("list")


def test_an_empty_catalogue_says_how_to_begin() -> None:
    assert "qts data import" in run("list")
    assert json.loads(run("list", "-o", "json")) == {"series": [], "instruments": [], "brackets": []}


def test_an_audit_with_blocking_findings_ends_with_exit_code_3(tmp_path: Path) -> None:
    """Proves: QL-2"""
    run("import", bars_csv(tmp_path, low=-1), *SERIES)
    with pytest.raises(CheckFailed, match="low is not above 0") as caught:
        run("audit", *SERIES)
    assert caught.value.exit_code == 3
    result = CliRunner().invoke(app, ["audit", *SERIES, "-o", "json"])
    assert json.loads(result.stdout)["verdict"] == "blocking"
    with pytest.raises(DataError, match="no rule in use may mend this"):
        run("clean", *SERIES)


def test_rows_added_after_cleaning_show_as_stale(tmp_path: Path) -> None:
    run("import", bars_csv(tmp_path, skip=tuple(range(40, 48))), *SERIES)
    run("clean", *SERIES)
    run("import", bars_csv(tmp_path, name="more.csv"), *SERIES)
    (line,) = json.loads(run("list", "-o", "json"))["series"]
    assert (line["state"], line["rows"]) == ("stale", 48)


def test_dropping_impossible_rows_happens_only_when_asked_for(tmp_path: Path) -> None:
    path = bars_csv(tmp_path)
    path.write_text(path.read_text().replace("100,101,99.0,100.5,20", "100,101,0,100.5,20"))
    run("import", path, *SERIES)
    cleaned = json.loads(run("clean", *SERIES, "--drop-impossible", "-o", "json"))
    assert [(rule["rule"], rule["rows_touched"]) for rule in cleaned["rules"]] == [
        ("drop_impossible", 1),
        ("sort_by_time", 0),
        ("drop_exact_duplicates", 0),
        ("fill_short_gaps", 1),
    ]


def test_columns_unit_and_label_are_declared_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(f"when,Erster,h,l,c,v\n{(START + HOUR_MS) // 1000},1.5,3,1,2,10\n")
    options = ("--column", "open=Erster", "--time-column", "when", "--time-unit", "s", "--label", "close")
    run("import", path, *SERIES, *options)
    (line,) = json.loads(run("list", "-o", "json"))["series"]
    assert line["first"] == "2024-01-01T00:00:00Z"


def test_an_instrument_comes_from_three_numbers(tmp_path: Path) -> None:
    given = ("import", "--kind", "instrument", "--symbol", "XRPUSDT", "--lot", "0.1", "--min-notional", "5")
    run(*given, "--tick", "0.0001")
    assert "was there already" in run(*given, "--tick", "0.0001")
    with pytest.raises(DataError, match="other facts"):
        run(*given, "--tick", "0.001")
    run(*given, "--tick", "0.001", "--replace")
    (facts,) = json.loads(run("list", "-o", "json"))["instruments"]
    assert facts == {
        "symbol": "XRPUSDT",
        "base": "XRP",
        "quote": "USDT",
        "tick": "0.001",
        "lot": "0.1",
        "notional_min": "5",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import", "--symbol", "X"), "which file holds the bars"),
        (("import", "f.csv", "--symbol", "X"), "bars have an interval"),
        (("import", "f.csv", "--symbol", "X", "--interval", "4hours"), "'4hours' is not a duration"),
        (("import", "f.json", "--symbol", "X", "--kind", "brackets"), "brackets need the date"),
        (("import", "--symbol", "X", "--kind", "instrument"), "from an exchangeInfo file or from"),
        (("import", "--symbol", "X", "--kind", "instrument", "--tick", "1"), "needs all three"),
        (("import", "f.csv", *SERIES, "--column", "open"), "--column open names no column"),
        (("audit", "--symbol", "X"), "bars have an interval"),
    ],
)
def test_a_command_that_cannot_be_meant_says_what_is_missing(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(*arguments)


def test_funding_is_audited_but_never_cleaned(tmp_path: Path) -> None:
    path = tmp_path / "funding.csv"
    path.write_text("timestamp,funding_rate\n" + "".join(f"{START + 8 * k * HOUR_MS + 3},0.0001\n" for k in range(9)))
    run("import", path, "--kind", "funding", "--symbol", "TESTUSDT")
    assert json.loads(run("audit", "-k", "funding", "-s", "TESTUSDT", "-o", "json"))["verdict"] == "clean"
    with pytest.raises(DataError, match="funding is never cleaned"):
        run("clean", "-k", "funding", "-s", "TESTUSDT")


def test_the_audit_page_is_written_where_asked(tmp_path: Path) -> None:
    run("import", bars_csv(tmp_path, skip=(5,)), *SERIES)
    page = tmp_path / "pages" / "audit.html"
    run("audit", *SERIES, "--html", page)
    assert "1 bar missing between" in page.read_text()


@pytest.mark.real_data
def test_real_bitcoin_futures_from_file_to_dataset(real_data: Path, qts_home: Path) -> None:
    """Proves: QL-1, QL-2, QL-3"""
    import polars as pl

    from qts.adapters.stores.catalogue import Catalogue

    symbol = ("--symbol", "BTCUSDT")
    path = real_data / "bars/binance-um-4h/BTCUSDT.parquet"
    run("import", path, *symbol, "--interval", "4h")
    run("import", real_data / "funding/binance-um/BTCUSDT.parquet", *symbol, "--kind", "funding")
    tiers = real_data / "binance-messages/freqtrade/binance_leverage_tiers.json"
    run("import", tiers, *symbol, "--kind", "brackets", "--as-of", "2024-10-01")
    run("import", *symbol, "--kind", "instrument", "--tick", "0.01", "--lot", "0.001", "--min-notional", "100")
    assert json.loads(run("audit", *symbol, "--interval", "4h", "-o", "json"))["verdict"] == "clean"
    run("clean", *symbol, "--interval", "4h")
    dataset = Catalogue(qts_home / "data").load_dataset("BTCUSDT", 4 * HOUR_MS)
    table = pl.read_parquet(path)
    assert dataset.bars.opened_at.tolist() == table["timestamp"].to_list()
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(dataset.bars, name).tobytes() == table[name].to_numpy().tobytes()
    events = pl.read_parquet(real_data / "funding/binance-um/BTCUSDT.parquet")
    assert dataset.funding is not None
    assert dataset.funding.rate.tobytes() == events["funding_rate"].to_numpy().tobytes()
    assert (dataset.funding.occurred_at % (8 * HOUR_MS) == 0).all()
    assert dataset.brackets is not None
    assert len(dataset.brackets.tables[0].brackets) == len(json.loads(tiers.read_text())["BTC/USDT:USDT"])
    assert dataset.mark is None


@pytest.mark.real_data
def test_real_mark_prices_without_volume(real_data: Path, qts_home: Path) -> None:
    """Proves: QL-1"""
    import polars as pl

    from qts.adapters.stores.catalogue import Catalogue
    from qts.adapters.stores.manifest import SeriesKind

    path = real_data / "bars/binance-um-mark-8h/XRPUSDT.parquet"
    run("import", path, "--kind", "mark", "--symbol", "XRPUSDT", "--interval", "8h")
    run("import", real_data / "funding/binance-um/XRPUSDT.parquet", "--kind", "funding", "--symbol", "XRPUSDT")
    assert json.loads(run("audit", "-k", "mark", "-s", "XRPUSDT", "-i", "8h", "-o", "json"))["verdict"] == "clean"
    raw = Catalogue(qts_home / "data").raw_bars("XRPUSDT", 8 * HOUR_MS, kind=SeriesKind.MARK)
    assert raw.volume is None
    assert raw.close.tobytes() == pl.read_parquet(path)["close"].to_numpy().tobytes()
    run("clean", "-k", "mark", "-s", "XRPUSDT", "-i", "8h")


@pytest.mark.real_data
@pytest.mark.parametrize("symbol", ["1000PEPEUSDT", "MATICUSDT"])
def test_real_bars_make_the_round_trip_exactly(real_data: Path, qts_home: Path, symbol: str) -> None:
    import polars as pl

    from qts.adapters.stores.catalogue import Catalogue
    from qts.adapters.stores.manifest import SeriesKind

    path = real_data / f"bars/binance-um-4h/{symbol}.parquet"
    run("import", path, "--symbol", symbol, "--interval", "4h")
    raw = Catalogue(qts_home / "data").raw_bars(symbol, 4 * HOUR_MS, kind=SeriesKind.BARS)
    table = pl.read_parquet(path)
    assert raw.opened_at.tolist() == table["timestamp"].to_list()
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(raw, name).tobytes() == table[name].to_numpy().tobytes()
