"""What people ask for that changes something, besides submitting."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from qts.adapters import clock
from qts.adapters.stores.manifest import Layer, SeriesKind
from qts.app import assembly
from qts.app.runner import login_name
from qts.app.settings import Settings
from qts.domain.errors import DataError, PolicyError
from qts.domain.instant import DAY_MS, format_date
from qts.worlds.policy import WorldPolicy


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
        policy = assembly.read_policy(Path(policy_path))
        if policy.world != name:
            raise PolicyError(
                f"the policy is for world {policy.world!r}, not {name!r}",
                place=policy_path,
                next_step=f"qts world create {policy.world} --policy {policy_path}",
            )
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
