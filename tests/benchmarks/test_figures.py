"""What a benchmark says of its own numbers: who ran, what was reached, and that every stage was timed at all.

Proves: SX-10
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.contenders import qts_stages
from benchmarks.figure import Contender, Figure, Quantity, Target
from benchmarks.figures import FIGURES
from benchmarks.taking import PROJECT, take
from benchmarks.telling import markdown, standing

STAGES = ("precheck", "split", "send", "append", "adjust", "escape")
COUNTS_ITS_RUNS = "import sys; open(sys.argv[1], 'a').write('x'); print('{\"first\": 1.5, \"second\": 2.5}')"


def figure(quantity: Quantity = Quantity.MILLISECONDS, *contenders: Contender, target: Target | None = None) -> Figure:
    targets = () if target is None else (target,)
    return Figure(name="f", title="F", quantity=quantity, contenders=contenders, targets=targets)


@pytest.mark.parametrize("where", [(), ("--folder", "{folder}")], ids=["in process", "stored"])
def test_every_stage_of_an_execution_is_timed(tmp_path: Path, where: tuple[str, ...]) -> None:
    words = [word.replace("{folder}", str(tmp_path)) for word in where]
    done = subprocess.run(
        [sys.executable, "-m", qts_stages.__name__, "--turns", "4", *words],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    for stage in STAGES:
        assert 0 < told[f"{stage}_p50"] <= told[f"{stage}_p99"], stage
    assert told["send_p50"] > max(told["precheck_p50"], told["split_p50"]), "a send holds both"


def test_contenders_of_one_command_share_its_process_and_read_their_own_numbers(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = ("-c", COUNTS_ITS_RUNS, str(runs))
    first, second = take(
        figure(
            Quantity.MILLISECONDS,
            Contender(name="a", command=command, reading="first"),
            Contender(name="b", command=command, reading="second"),
        ),
        rounds=2,
    )
    assert (first.value, second.value) == (1.5, 2.5)
    assert runs.read_text() == "xx", "once a round"


@pytest.mark.parametrize(
    ("quantity", "measured", "said"),
    [
        (Quantity.SCENARIOS_PER_SECOND, 0.9, "aim reached"),
        (Quantity.SCENARIOS_PER_SECOND, 0.7, "**aim missed**"),
        (Quantity.SECONDS_PER_DAY, 0.7, "aim reached"),
        (Quantity.SECONDS_PER_DAY, 0.9, "**aim missed**"),
    ],
)
def test_whether_more_is_better_follows_from_the_quantity(quantity: Quantity, measured: float, said: str) -> None:
    target = Target(requirement="PF", subject="a", aim=0.8)
    assert standing(figure(quantity, target=target), target, measured) == said


def test_a_contender_that_fails_is_told_with_its_reason() -> None:
    broken = figure(
        Quantity.MILLISECONDS,
        Contender(name="a", command=("-c", "raise SystemExit('seed 7: INV-1')")),
        target=Target(requirement="PF", subject="a", aim=1),
    )
    page = markdown(broken, take(broken, rounds=1))
    assert "| a | not taken: seed 7: INV-1 | |" in page
    assert "| PF: a | not taken | 1 ms |  | not taken |" in page


def test_every_target_names_contenders_of_its_figure() -> None:
    for each in FIGURES:
        names = [contender.name for contender in each.contenders]
        assert len(set(names)) == len(names), each.name
        for target in each.targets:
            assert {target.subject, target.against or target.subject} <= set(names), each.name
