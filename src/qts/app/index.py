"""One page for many judged runs, made from their records alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qts.app.evidence import sheet_of
from qts.app.runner import Runner
from qts.domain.instant import format_date, format_duration
from qts.worlds.evaluation_run import EvaluationRun


def write_index(runner: Runner, run_ids: Sequence[str], *, name: str, title: str, note: str) -> Path:
    """Writes ``reports/index-NAME.html`` with the runs in the order given; runs never judged are left out."""
    from qts.adapters.reports.index_page import IndexRow, render_index_page
    from qts.adapters.reports.page_shell import write_page
    from qts.adapters.reports.page_verdict import RunPageVerdict

    rows = []
    synthetic = ""
    for run in map(runner.worlds.run, run_ids):
        if run.judged is None:
            continue
        evidence = run.judged.evidence
        if evidence.synthetic:
            synthetic = "Every number on this page comes from a made-up market and says nothing about a real one."
        rows.append(
            IndexRow(
                strategy=run.key.strategy,
                facts=_facts(run),
                href=runner.page_path(run.key.run_id).name,
                verdict=RunPageVerdict.of(run.judged.verdict, world=run.key.world),
                sheet=sheet_of(evidence),
                points=np.concatenate(([1.0], np.cumprod(1.0 + evidence.day_returns.values))),
            )
        )
    page = render_index_page(title, rows, synthetic=synthetic, note=note)
    return write_page(runner.settings.reports / f"index-{name}.html", page)


def _facts(run: EvaluationRun) -> str:
    tried = run.hypothesis
    window = f"{format_date(tried.start)} to {format_date(tried.end)}"
    return f"{tried.symbol} {format_duration(tried.interval_ms)}, {window}"
