"""What every test gets: a home of its own, one Hypothesis profile, real data if there is any, no quiet skip in CI.

Coverage is measured of the tests that lie in the folders of the layers that have a floor. Those that go over the
whole, or try a thousand examples, take 2.5 times as long under measurement, and the floors are reached without them.
"""

import os
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

IN_CI = os.environ.get("CI", "").lower() == "true"

# "ci" draws the same examples every time, so a red build is red again on the next machine.
# Neither profile has a deadline: a slow machine is not a wrong answer (pytest-timeout bounds every test).
settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("dev", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if IN_CI else "dev"))


@pytest.fixture(autouse=True)
def qts_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's own QTS_HOME (not created yet), so that no test reads or writes anybody's worlds."""
    home = tmp_path / "qts-home"
    monkeypatch.setenv("QTS_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real market data: QTS_TEST_DATA, else ../shared/data beside the checkout."""
    named = os.environ.get("QTS_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real market data absent: {folder} is no folder; set QTS_TEST_DATA")
    return folder


MEASURED = frozenset({"domain", "golden", "risk", "execution", "scenarios", "simulation", "worlds"})
"""Folders whose tests have to reach the floors. A test in them that need not, and takes long, is marked unmeasured."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "unmeasured: no coverage is measured of the test")
    config.addinivalue_line("markers", "interpreted: it replaces a method to look on, which compiled code forbids")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] not in MEASURED:
            item.add_marker(pytest.mark.unmeasured)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """An unmeasured test and what it needs run untraced (pytest-cov's ``no_cover`` is without effect under xdist)."""
    if item.get_closest_marker("unmeasured") is None:
        return (yield)
    tracing, in_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    try:
        return (yield)
    finally:
        threading.settrace(in_threads)  # type: ignore[arg-type]
        sys.settrace(tracing)


Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def _refuse_skip(report: Report) -> Report:
    """In CI a test that did not run did not pass."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"with CI=true a skipped test is a failure. {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _refuse_skip((yield))
