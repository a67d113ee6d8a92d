"""Puts the parts together: which store, which catalogue, which metrics. A plain function each."""

from collections.abc import Mapping
from pathlib import Path

from qts.adapters.stores.catalogue import Catalogue
from qts.app.settings import Settings
from qts.research.metrics import DEFINITIONS
from qts.worlds.policy import WorldPolicy
from qts.worlds.policy_parsing import parse_policy
from qts.worlds.service import WorldService

METRICS: frozenset[str] = frozenset(DEFINITIONS)


def catalogue(settings: Settings) -> Catalogue:
    return Catalogue(settings.data)


def world_service(settings: Settings) -> WorldService:
    """The embedded world service on this home's database, created and migrated when it is first used."""
    from qts.adapters.stores.sql_engine import open_world_store

    definitions = {name: definition.digest for name, definition in DEFINITIONS.items()}
    return WorldService(open_world_store(settings.database), metrics=METRICS, definitions=definitions)


def read_policy(path: Path) -> WorldPolicy:
    """Raises PolicyError naming line and key of whatever is wrong with the file."""
    from qts.adapters.stores.policy_files import load_policy

    return load_policy(path, metrics=METRICS)


def parsed_policy(document: Mapping[str, object], *, source: str) -> WorldPolicy:
    """A policy made by a program. source: what an error calls it."""
    return parse_policy(document, source=source, metrics=METRICS)
