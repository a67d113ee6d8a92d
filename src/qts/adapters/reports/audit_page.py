"""One audit as one HTML file: verdict, every listed finding, pictures of the worst places.

The page needs nothing but itself (the chart library is inside), so it opens
offline and can be kept. Charts stand on row numbers, not on time: a row twice
or out of order is then where the file has it, and its time is in the hover.
"""

import json
import math
from importlib.resources import files
from typing import Any, Final

import numpy as np

from qts.domain.instant import format_instant
from qts.market.findings import AuditReport, Finding, Severity
from qts.market.raw import RawBars, RawFunding

PICTURES_MAX: Final = 8
ROWS_AROUND: Final = 40
ROWS_SHOWN_MAX: Final = 240
PICTURE_COLOURS: Final = {Severity.BLOCKING: "#b3261e", Severity.WARNING: "#a15c00", Severity.INFO: "#3a5a8c"}


def audit_page(report: AuditReport, raw: RawBars | RawFunding) -> str:
    """The page's text. raw: the columns the report is about."""
    import jinja2
    from plotly.offline import get_plotlyjs

    pictures = [_picture(finding, raw) for finding in worst_places(report)]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(files("qts.adapters.reports").joinpath("audit_page.html.j2").read_text("utf-8"))
    return template.render(
        report=report,
        period=[None if instant is None else format_instant(instant) for instant in (report.start, report.end)],
        counts={kind.value: number for kind, number in report.counts.items()},
        listed=len(report.findings),
        found=sum(report.counts.values()),
        show=format_instant,
        pictures=pictures,
        digest=report.digest(),
        plotly=get_plotlyjs() if pictures else "",
        # "<" inside data could end the script element early.
        figures=json.dumps([picture["figure"] for picture in pictures], allow_nan=False).replace("<", "\\u003c"),
    )


def worst_places(report: AuditReport) -> list[Finding]:
    """At most 8 findings, severest and weightiest first, no two whose pictures would show the same rows."""
    order = list(Severity)
    chosen: list[Finding] = []
    for finding in sorted(report.findings, key=lambda f: (order.index(f.severity), -f.weight)):
        near = any(abs(finding.row_first - other.row_first) <= ROWS_AROUND for other in chosen)
        if report.rows > 0 and not near and len(chosen) < PICTURES_MAX:
            chosen.append(finding)
    return chosen


def _picture(finding: Finding, raw: RawBars | RawFunding) -> dict[str, Any]:
    first = max(0, finding.row_first - ROWS_AROUND)
    last = min(len(raw), finding.row_last + ROWS_AROUND + 1, first + ROWS_SHOWN_MAX)
    times = raw.opened_at if isinstance(raw, RawBars) else raw.published_at
    rows = list(range(first, last))
    labels = [f"row {row}, {format_instant(int(times[row]))}" for row in rows]
    traces = _bar_traces(raw, rows, labels) if isinstance(raw, RawBars) else _funding_traces(raw, rows, labels)
    with_volume = isinstance(raw, RawBars) and raw.volume is not None
    marked = {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": finding.row_first - 0.5,
        "x1": min(finding.row_last, last - 1) + 0.5,
        "y0": 0,
        "y1": 1,
        "fillcolor": PICTURE_COLOURS[finding.severity],
        "opacity": 0.15,
        "line": {"width": 0},
    }
    layout = {
        "height": 340,
        "margin": {"l": 64, "r": 16, "t": 8, "b": 40},
        "showlegend": False,
        "hovermode": "x",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": {
            "title": {"text": "row"},
            "anchor": "y2" if with_volume else "y",
            "rangeslider": {"visible": False},
            "tickformat": "d",
        },
        "yaxis": {"domain": [0.28 if with_volume else 0.0, 1], "title": {"text": _axis_title(raw)}},
        "yaxis2": {"domain": [0, 0.2], "title": {"text": "volume"}, "visible": with_volume},
        "shapes": [marked],
    }
    return {"finding": finding, "figure": {"data": traces, "layout": layout}}


def _axis_title(raw: RawBars | RawFunding) -> str:
    return "price" if isinstance(raw, RawBars) else "funding rate"


def _bar_traces(raw: RawBars, rows: list[int], labels: list[str]) -> list[dict[str, Any]]:
    candles = {
        "type": "candlestick",
        "x": rows,
        **{name: _numbers(getattr(raw, name), rows) for name in ("open", "high", "low", "close")},
        "text": labels,
        "increasing": {"line": {"color": "#2b7a4b", "width": 1}},
        "decreasing": {"line": {"color": "#b3261e", "width": 1}},
    }
    if raw.volume is None:
        return [candles]
    volume = {
        "type": "bar",
        "x": rows,
        "y": _numbers(raw.volume, rows),
        "yaxis": "y2",
        "marker": {"color": "#8a94a6"},
        "hovertext": labels,
    }
    return [candles, volume]


def _funding_traces(raw: RawFunding, rows: list[int], labels: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": rows,
            "y": _numbers(raw.rate, rows),
            "text": labels,
            "line": {"color": "#3a5a8c", "width": 1},
            "marker": {"size": 4},
        }
    ]


def _numbers(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", rows: list[int]) -> list[float | None]:
    """None (a hole in the chart) where a value is not finite."""
    return [value if math.isfinite(value) else None for value in values[rows].tolist()]
