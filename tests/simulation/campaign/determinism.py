"""The same seeds in two processes with different hash seeds must leave the same transcripts.

    python -m tests.simulation.campaign.determinism --seeds 20
    python -m tests.simulation.campaign.determinism --other .venv-compiled/bin/python

A transcript covers every request with its instant and every row of the journal.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.simulation.campaign.subject import run

ROOT = Path(__file__).resolve().parents[3]
HASH_SEEDS = ("1", "271828")


def transcripts(first: int, seeds: int) -> list[str]:
    return [f"{seed} {run(seed).transcript}" for seed in range(first, first + seeds)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Whether a seed is the same scenario in every process.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--here", action="store_true", help="run them in this process and write their transcripts")
    parser.add_argument("--other", default=sys.executable, help="the interpreter of the second process")
    asked = parser.parse_args()
    if asked.here:
        sys.stdout.write("\n".join(transcripts(asked.first, asked.seeds)) + "\n")
        return 0
    words = ["-m", "tests.simulation.campaign.determinism", "--here"]
    words += ["--seeds", str(asked.seeds), "--first", str(asked.first)]
    running = [
        subprocess.Popen(
            [python, *words], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": each}, stdout=subprocess.PIPE, text=True
        )
        for python, each in zip((sys.executable, asked.other), HASH_SEEDS, strict=True)
    ]
    one, other = (each.communicate()[0].split("\n") for each in running)
    if any(each.returncode for each in running):
        return 1
    differing = [line.split()[0] for line, again in zip(one, other, strict=True) if line != again]
    distinct = len({line.split()[1] for line in one if line})
    if differing or distinct != asked.seeds:
        sys.stdout.write(f"seeds {differing} differ between processes; {distinct} of {asked.seeds} are distinct\n")
        return 1
    where = "" if asked.other == sys.executable else f", the second in {asked.other}"
    sys.stdout.write(
        f"{asked.seeds} seeds leave the same transcripts under PYTHONHASHSEED {' and '.join(HASH_SEEDS)}{where}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
