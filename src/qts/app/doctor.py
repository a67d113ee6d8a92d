"""What has to be right before QTS can be trusted on a machine; each check says what it found and what to do."""

import importlib.metadata
import platform
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qts.app import assembly
from qts.app.settings import Settings
from qts.domain.errors import StorageError

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
    from qts.adapters.stores.catalogue import Catalogue
    from qts.adapters.stores.manifest import SeriesKind

    catalogue = Catalogue(settings.data)
    series = catalogue.list_series()
    symbols = sorted({item.key.symbol for item in series if item.key.kind is SeriesKind.BARS})
    if not symbols:
        yield Examined(check="data", ok=True, detail="none yet", next_step="run: qts demo, or qts data import FILE")
    with_funding = {item.key.symbol for item in series if item.key.kind is SeriesKind.FUNDING}
    with_brackets = set(catalogue.bracket_symbols())
    for symbol in symbols:
        missing = [
            what for what, have in (("funding", with_funding), ("brackets", with_brackets)) if symbol not in have
        ]
        yield Examined(
            check=f"data {symbol}",
            ok=not missing,
            detail="complete" if not missing else f"no {' and no '.join(missing)}",
            next_step="" if not missing else f"qts data import FILE --kind {missing[0]} --symbol {symbol}",
        )


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
