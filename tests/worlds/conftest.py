"""A world on the real store, ready to be submitted to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qts.adapters.stores.sql_engine import open_world_store
from qts.worlds.ports import WorldStore
from qts.worlds.service import WorldService
from tests.worlds.world_cases import METRICS, NOW, SEATS, policy


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WorldStore]:
    with open_world_store(tmp_path / "worlds.db") as opened:
        yield opened


@pytest.fixture
def service(store: WorldStore) -> WorldService:
    made = WorldService(store, metrics=METRICS)
    made.create_world(policy(selection=SEATS), actor="ann", now=NOW)
    return made
