"""A place for strategy files whose processes end with the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.hosting import Written


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    made = Written(tmp_path)
    yield made
    for host in made.hosts:
        host.close()
