"""The lock files: exact, hashed, without an address, and answering to pyproject.toml."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.finding import PROJECT

LOCKS = ("boot.txt", "core.txt", "dev.txt", "bench.txt")
PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z0-9,_-]+\])?==([^\s;\\]+)")
PROJECT_TABLE = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT_TABLE["optional-dependencies"]


def text(lock: str) -> str:
    return (PROJECT / "requirements" / lock).read_text(encoding="utf-8")


def entries(lock: str) -> list[str]:
    """One string per locked package, its hashes included."""
    return [entry for entry in re.split(r"\n(?=\S)", text(lock).strip()) if not entry.startswith("#")]


def pins(lock: str) -> dict[str, set[str]]:
    """Package -> its pinned versions (more than one where they depend on the Python version)."""
    found: dict[str, set[str]] = {}
    for entry in entries(lock):
        name, version = PIN.match(entry).groups()
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address_and_no_option(lock):
    assert "://" not in text(lock)
    assert not re.search(r"^\s*-(?!-hash=)", text(lock), re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_is_pinned_and_hashed(lock):
    assert len(entries(lock)) > 3
    for entry in entries(lock):
        assert PIN.match(entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry


@pytest.mark.parametrize(("lock", "extras"), [("core.txt", []), ("dev.txt", ["dev"]), ("bench.txt", ["bench"])])
def test_a_lock_answers_everything_pyproject_asks(lock, extras):
    asked = [*PROJECT_TABLE["dependencies"], *EXTRAS["build"], *(line for extra in extras for line in EXTRAS[extra])]
    locked = pins(lock)
    for requirement in map(Requirement, asked):
        versions = locked.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement} is not locked: run make lock"
        assert all(requirement.specifier.contains(version) for version in versions), f"{requirement}: run make lock"


@pytest.mark.parametrize("lock", ["dev.txt", "bench.txt"])
def test_tests_and_benchmarks_run_on_the_versions_users_get(lock):
    core, other = pins("core.txt"), pins(lock)
    assert {name: other.get(name) for name in core} == core
