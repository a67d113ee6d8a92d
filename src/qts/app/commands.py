"""What people ask for that changes something, besides submitting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qts.adapters import clock
from qts.adapters.stores.manifest import Layer, SeriesKind
from qts.app import assembly
from qts.app.runner import login_name
from qts.app.settings import Settings
from qts.domain.errors import DataError, PolicyError
from qts.domain.instant import DAY_MS, format_date
from qts.worlds.policy import WorldPolicy, ruleset_hash
from qts.worlds.service import Impact


def create_world(
    settings: Settings,
    name: str,
    *,
    policy_path: str | None,
    preset: str | None,
    dataset: Mapping[str, str],
    waivers: Sequence[str],
    simulated: bool,
) -> WorldPolicy:
    """A new world from a file or from a preset; the name given must be the one the file says."""
    if policy_path is not None:
        policy = _policy_for(name, policy_path, command="create")
    else:
        document: dict[str, object] = {
            "world": name,
            "version": 1,
            "extends": preset,
            "dataset": {**_only_bars(settings, dataset), **dataset},
        }
        if waivers:
            document["waivers"] = list(waivers)
        if simulated:
            document["simulated"] = True
        policy = assembly.parsed_policy(document, source=f"preset {preset}")
    assembly.world_service(settings).create_world(policy, actor=login_name(), now=clock.now())
    return policy


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPolicy:
    """A policy that may follow a world's newest one, and what it would say to each strategy's latest run."""

    policy: WorldPolicy
    impacts: tuple[Impact, ...]

    def facts(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "world": self.policy.world,
            "version": self.policy.version,
            "ruleset_hash": ruleset_hash(self.policy),
            "impacts": [
                {
                    "strategy": impact.run.key.strategy,
                    "run_id": impact.run.key.run_id,
                    "stage": impact.run.stage.value,
                    "before": impact.before.status.value,
                    "after": impact.after.status.value,
                    "flips": impact.flips,
                    "sentence": impact.after.sentence,
                }
                for impact in self.impacts
            ],
        }


def next_policy(settings: Settings, name: str, policy_path: str) -> NextPolicy:
    """Reads a world's next policy and judges the stored runs by it; adds nothing. Raises PolicyError."""
    policy = _policy_for(name, policy_path, command="update")
    impacts = assembly.world_service(settings).preview_policy(policy, now=clock.now())
    return NextPolicy(policy=policy, impacts=impacts)


def add_policy(settings: Settings, policy: WorldPolicy) -> None:
    """The policy holds from here on: for new runs, and for the ranking of old ones."""
    assembly.world_service(settings).add_policy_version(policy, actor=login_name(), now=clock.now())


def _policy_for(name: str, path: str, *, command: str) -> WorldPolicy:
    policy = assembly.read_policy(Path(path))
    if policy.world != name:
        raise PolicyError(
            f"the policy is for world {policy.world!r}, not {name!r}",
            place=path,
            next_step=f"qts world {command} {policy.world} --policy {path}",
        )
    return policy


def _only_bars(settings: Settings, given: Mapping[str, str]) -> dict[str, str]:
    """Symbol, interval and window of the only bars that fit what was given. Raises DataError when that is not one."""
    if {"symbol", "interval", "start", "end"} <= set(given):
        return {}
    fitting = [
        manifest
        for manifest in assembly.catalogue(settings).list_series()
        if manifest.key.layer is Layer.RAW
        and manifest.key.kind is SeriesKind.BARS
        and given.get("symbol", manifest.key.symbol) == manifest.key.symbol
        and given.get("interval", manifest.key.interval) == manifest.key.interval
    ]
    if len(fitting) != 1:
        found = ", ".join(f"{m.key.symbol} {m.key.interval}" for m in fitting)
        raise DataError(
            f"the world needs one series of bars, and {'there are several: ' + found if found else 'there are none'}",
            next_step="name it: --symbol BTCUSDT --interval 4h" if found else "import some: qts data import FILE",
        )
    manifest = fitting[0]
    end = -(-(manifest.last + 1) // DAY_MS) * DAY_MS
    return {
        "symbol": manifest.key.symbol,
        "interval": manifest.key.interval,
        "start": format_date(manifest.first),
        "end": format_date(end),
    }
