"""Many runs on one page: verdict first, the numbers that ranked them, a glance at each curve, a link to each report."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from qts.adapters.reports import page_shell, wording
from qts.adapters.reports.chart_data import spark
from qts.adapters.reports.page_verdict import RunPageVerdict
from qts.market.bars import Floats
from qts.research.metrics import MetricSheet

COLUMNS = ("total_return", "sharpe", "max_drawdown", "profit_factor", "n_trades", "dsr")
SPARK_WIDTH, SPARK_HEIGHT = 150.0, 36.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IndexRow:
    """One run. href: the report, relative to the index; '' when there is none.

    points: float64, shape (n,), n >= 1, equity in order of time. facts: what
    the run is about, such as symbol and bars, shown below the name.
    """

    strategy: str
    facts: str
    href: str
    verdict: RunPageVerdict | None
    sheet: MetricSheet
    points: Floats

    def __post_init__(self) -> None:
        if urlsplit(self.href).scheme or self.href.startswith(("/", "\\")):
            raise ValueError(f"a report is linked by a path relative to the index, not {self.href!r}")

    @property
    def link(self) -> str:
        return quote(self.href)

    @property
    def curve(self) -> str:
        return spark(self.points, SPARK_WIDTH, SPARK_HEIGHT)

    @property
    def numbers(self) -> list[tuple[str, str]]:
        """Column title and text, in the order of ``COLUMNS``."""
        return [(TITLES[name], wording.metric(self.sheet[name])) for name in COLUMNS]


TITLES = {
    "total_return": "Return",
    "sharpe": "Sharpe",
    "max_drawdown": "Max drawdown",
    "profit_factor": "Profit factor",
    "n_trades": "Trades",
    "dsr": "Deflated Sharpe",
}


def render_index_page(title: str, rows: Sequence[IndexRow], *, synthetic: str = "", note: str = "") -> str:
    """The page's text, rows in the order given.

    synthetic: the sentence of the SYNTHETIC DATA banner, '' when the data are
    real. note: one sentence below the title.
    """
    return page_shell.render(
        "index_page.html.j2",
        scripts=(),
        data={},
        title=title,
        rows=rows,
        titles=[TITLES[name] for name in COLUMNS],
        synthetic=synthetic,
        note=note,
        box=f"0 0 {SPARK_WIDTH:.0f} {SPARK_HEIGHT:.0f}",
    )
