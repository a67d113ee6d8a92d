"""Take figures and tell them: ``python benchmarks/run.py [FIGURE ...] [--rounds 3] [--publish DATE]``.

Prints a table a figure. ``--publish`` also writes benchmarks/results/latest.json
and the generated part of docs/performance.md; the date is given, never read
from a clock. Exits 1 when a contender's money differs from the reference for
no known cause; a missed target is told, not an error.
"""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.figure import Figure
from benchmarks.figures import FIGURES
from benchmarks.taking import PROJECT, Taken, take
from benchmarks.telling import disagreements, markdown

RESULTS = PROJECT / "benchmarks" / "results" / "latest.json"
PAGE = PROJECT / "docs" / "performance.md"
COMMAND = ".venv-bench/bin/python benchmarks/run.py"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def main() -> int:
    names = [figure.name for figure in FIGURES]
    parser = argparse.ArgumentParser(description="QTS measured beside its peers")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of: {', '.join(names)}; all when none is named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--publish", metavar="DATE", default="", help="write the results, taken on DATE")
    chosen = parser.parse_args()
    if unknown := set(chosen.figures) - set(names):
        parser.error(f"there is no figure {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    wanted = [figure for figure in FIGURES if not chosen.figures or figure.name in chosen.figures]
    found: list[tuple[Figure, list[Taken]]] = []
    for figure in wanted:
        taken = take(figure, chosen.rounds)
        found.append((figure, taken))
        print(markdown(figure, taken), flush=True)
        if chosen.publish:
            _publish(figure, taken, chosen.publish)
    print(_conditions([ms for _, taken in found for one in taken for ms in one.calibration_ms]))
    wrong = [f"{figure.name}: {name}" for figure, taken in found for name in disagreements(figure, taken)]
    for line in wrong:
        print(f"money differs from the reference for no known cause: {line}", file=sys.stderr)
    return 1 if wrong else 0


def _conditions(calibrations: Sequence[float]) -> str:
    """How even the machine was: the fixed loop every contender ran after its work."""
    loops = sorted(calibrations)
    if not loops:
        return "No contender ran the calibration loop."
    return (
        f"Calibration loop: {statistics.median(loops):.1f} ms median, {loops[0]:.1f} to {loops[-1]:.1f} ms "
        f"over {len(loops)} runs; differences smaller than this spread are noise."
    )


def _machine() -> Mapping[str, object]:
    cpus = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in _lines(cpus) if line.startswith("model name")]
    memory = next((line.split()[1] for line in _lines(Path("/proc/meminfo")) if line.startswith("MemTotal")), "0")
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory) / 2**20),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _publish(figure: Figure, taken: Sequence[Taken], date: str) -> None:
    """Put this figure in place of its earlier self; the others stay as they are."""
    machine = _machine()
    known = json.loads(RESULTS.read_text())["figures"] if RESULTS.exists() else {}
    known[figure.name] = {
        "taken_on": date,
        "rounds": max(one.rounds for one in taken),
        "unit": figure.quantity.value,
        "told": markdown(figure, taken),
        "contenders": [asdict(one) for one in taken],
    }
    figures = {each.name: known[each.name] for each in FIGURES if each.name in known}
    contenders = [one for each in figures.values() for one in each["contenders"]]
    conditions = _conditions([ms for one in contenders for ms in one["calibration_ms"]])
    facts = {"machine": machine, "conditions": conditions, "figures": figures}
    RESULTS.write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n")
    computer = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}"
    body = [f"Machine: {computer}, Python {machine['python']}. {conditions}", ""]
    for name, one in figures.items():
        taken_how = f"Taken on {one['taken_on']} in {one['rounds']} rounds: `{COMMAND} {name}`."
        body += [str(one["told"]), taken_how, ""]
    page = PAGE.read_text()
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n\n" + "\n".join(body) + f"{END}{tail}")


if __name__ == "__main__":
    sys.exit(main())
