"""What has to be right before QTS can be trusted on a machine; each check says what it found and what to do."""

import importlib.metadata
import platform
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qts.adapters.stores.catalogue import Catalogue
from qts.adapters.stores.manifest import SeriesKind
from qts.app import assembly
from qts.app.settings import Settings
from qts.domain.errors import QtsError, StorageError
from qts.domain.instant import parse_duration
from qts.domain.waiver import Waiver
from qts.simulation.inputs import require_inputs

_DISK_FREE_MIN = 1 << 30
_SQLITE_MIN = (3, 35, 0)
_LIBRARIES = ("numpy", "polars", "TA-Lib", "pydantic", "sqlalchemy", "typer", "plotly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    check: str
    ok: bool
    detail: str
    next_step: str = ""


def examine(settings: Settings) -> tuple[Examined, ...]:
    """Every check, in a fixed order; none of them changes anything that exists."""
    return (
        _python(),
        *_libraries(),
        _sqlite(),
        _home(settings.home),
        _disk(settings.home),
        *_data(settings),
        _worlds(settings),
    )


def _python() -> Examined:
    ok = (3, 11) <= sys.version_info[:2] < (3, 15)
    return Examined(
        check="Python", ok=ok, detail=platform.python_version(), next_step="" if ok else "use Python 3.11 to 3.14"
    )


def _libraries() -> Iterator[Examined]:
    for name in _LIBRARIES:
        try:
            yield Examined(check=name, ok=True, detail=importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Examined(check=name, ok=False, detail="not installed", next_step="run: make setup")


def _sqlite() -> Examined:
    ok = sqlite3.sqlite_version_info >= _SQLITE_MIN
    wanted = ".".join(map(str, _SQLITE_MIN))
    return Examined(
        check="SQLite", ok=ok, detail=sqlite3.sqlite_version, next_step="" if ok else f"needs {wanted} or newer"
    )


def _home(home: Path) -> Examined:
    folder = home if home.exists() else home.absolute().parent
    probe = folder / ".qts-doctor"
    try:
        probe.touch(exist_ok=True)
        probe.unlink()
    except OSError as error:
        return Examined(
            check="QTS_HOME",
            ok=False,
            detail=f"{home}: {error.strerror}",
            next_step="set QTS_HOME to a writable folder",
        )
    return Examined(check="QTS_HOME", ok=True, detail=str(home))


def _disk(home: Path) -> Examined:
    free = shutil.disk_usage(home if home.exists() else home.absolute().parent).free
    ok = free >= _DISK_FREE_MIN
    return Examined(
        check="disk", ok=ok, detail=f"{free / (1 << 30):.1f} GiB free", next_step="" if ok else "free at least 1 GiB"
    )


def _data(settings: Settings) -> Iterator[Examined]:
    from qts.app import data_commands

    catalogue = assembly.catalogue(settings)
    try:
        stored = data_commands.list_data(catalogue).series
    except QtsError as error:
        yield Examined(check="data", ok=False, detail=error.cause, next_step=error.next_step)
        return
    bars = sorted({(line.symbol, line.interval) for line in stored if line.kind is SeriesKind.BARS})
    if not bars:
        yield Examined(check="data", ok=True, detail="none yet", next_step="run: qts demo, or qts data import FILE")
    for symbol, interval in bars:
        yield _loadable(catalogue, symbol, interval)


def _loadable(catalogue: Catalogue, symbol: str, interval: str) -> Examined:
    """Reads the whole series, every checksum included, and asks what a run would ask."""
    check = f"data {symbol} {interval}"
    try:
        dataset = catalogue.load_dataset(symbol, parse_duration(interval))
        waivers = require_inputs(dataset, tuple(Waiver))
    except QtsError as error:
        return Examined(check=check, ok=False, detail=error.cause, next_step=error.next_step)
    if waivers:
        needed = ", ".join(waivers)
        return Examined(check=check, ok=True, detail=f"readable; a run needs the waivers {needed}")
    return Examined(check=check, ok=True, detail="complete")


def _worlds(settings: Settings) -> Examined:
    if not settings.database.exists():
        return Examined(check="worlds", ok=True, detail="none yet", next_step="run: qts world create NAME --preset P")
    connection = sqlite3.connect(f"file:{settings.database}?mode=ro", uri=True)
    try:
        verdict = str(connection.execute("PRAGMA quick_check").fetchone()[0])
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    finally:
        connection.close()
    if verdict != "ok":
        return Examined(check="worlds", ok=False, detail=f"database {verdict}", next_step="restore the last backup")
    try:
        broken = assembly.world_service(settings).verify()
    except StorageError as error:
        broken = (error.cause,)
    detail = "database ok, every chain of its records holds" if not broken else "; ".join(broken)
    return Examined(
        check="worlds", ok=not broken, detail=detail, next_step="" if not broken else "restore the last backup"
    )
