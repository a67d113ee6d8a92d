"""One run as one HTML file: the verdict, what the money did, every trade, every cost, and how to find it again.

The page is a function of its arguments: the same run gives the same bytes, so
it has no "generated at". It is self-contained (see ``page_shell``), shows times
in UTC, and prints what would be easier to leave out: waivers, synthetic data,
undefined metrics with their reasons, thinned curves, the trial count.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qts.adapters.reports import page_shell, wording
from qts.adapters.reports.chart_data import chart_data, cost_steps
from qts.adapters.reports.months import MONTHS, by_year
from qts.adapters.reports.page_verdict import Outcome, RuleLine, RunPageVerdict
from qts.adapters.reports.thinning import POINTS_MAX
from qts.domain.ids import canonical_json
from qts.domain.instant import format_date, format_duration, format_instant
from qts.domain.money import plain
from qts.research.benchmark import buy_and_hold
from qts.research.definitions import DEFINITIONS
from qts.research.drawdown import Episode, episodes
from qts.research.limit_tally import refused_before, tallies
from qts.research.metrics import MetricSheet, definitions_digest, measure_equity
from qts.research.returns import MarkedEquity
from qts.simulation.result import RunResult

__all__ = ["Outcome", "RuleLine", "RunPageVerdict", "render_run_page", "write_run_page"]

QUOTES_KNOWN = ("USDT", "USDC", "BUSD", "FDUSD", "USD", "BTC", "ETH")
HEADLINE = ("total_return", "cagr", "sharpe", "max_drawdown", "calmar", "profit_factor", "win_rate", "dsr")
DRAWDOWNS_SHOWN = 5
REFUSALS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One headline number. tone: 'gain', 'loss' or ''. note: what stands below it."""

    title: str
    value: str
    note: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    title: str
    value: str
    held: str
    why: str
    formula: str
    convention: str


def render_run_page(
    result: RunResult,
    sheet: MetricSheet,
    *,
    verdict: RunPageVerdict | None,
    run_id: str = "",
    quote: str | None = None,
    facts: Mapping[str, str] | None = None,
) -> str:
    """The page's text.

    verdict: None when no world has judged the run. run_id: as the store knows
    it. quote: settlement asset for display, by default read off the symbol.
    facts: more lines for the provenance table, label to text.
    """
    unit = _quote_of(result.provenance.symbol) if quote is None else quote
    curve = MarkedEquity.over(result, result.equity)
    held = MarkedEquity.over(result, buy_and_hold(result))
    held_sheet = measure_equity(held)
    scripts = [page_shell.plotly_script(), page_shell.resource("run_page.js")]
    data = chart_data(result, curve, held, unit)
    return page_shell.render(
        "run_page.html.j2",
        scripts=scripts,
        data=data,
        result=result,
        provenance=result.provenance,
        verdict=verdict,
        unit=unit,
        wording=wording,
        interval=format_duration(result.provenance.interval_ms),
        first_day=format_date(result.provenance.start),
        last_day=format_date(result.provenance.end),
        tiles=_tiles(sheet, held_sheet),
        years=by_year(curve),
        month_names=MONTHS,
        month_scale=_month_scale(curve),
        falls=_worst(curve),
        costs=cost_steps(result)[1:-1],
        cost_basis=float(result.capital),
        metrics=_metric_rows(sheet, held_sheet),
        refusals=result.refusals[:REFUSALS_SHOWN],
        limits=tallies(result.gate),
        refused=refused_before(result.gate),
        distances=result.distances,
        run_id=run_id,
        plain=plain,
        lines=_provenance_lines(result, sheet, run_id, facts or {}),
        instant=format_instant,
        date=format_date,
        points=len(curve.points),
        points_max=POINTS_MAX,
    )


def write_run_page(path: Path, text: str) -> Path:
    """Writes the page whole or not at all. Raises StorageError and leaves an older page as it was."""
    return page_shell.write_page(path, text)


def _quote_of(symbol: str) -> str:
    return next((quote for quote in QUOTES_KNOWN if symbol.endswith(quote) and symbol != quote), "")


def _tiles(sheet: MetricSheet, held: MetricSheet) -> list[Tile]:
    return [_tile(name, sheet, held) for name in HEADLINE]


def _tile(name: str, sheet: MetricSheet, held: MetricSheet) -> Tile:
    found = sheet[name]
    if found.value is None:
        return Tile(title=DEFINITIONS[name].title, value="undefined", note=found.undefined_because, tone="")
    value, tone = wording.metric(found), ""
    if name in ("total_return", "cagr"):
        value, tone = wording.signed_percent(found.value), "gain" if found.value >= 0 else "loss"
    if name == "cagr":
        value = f"{value} a year"
    return Tile(title=DEFINITIONS[name].title, value=value, note=_tile_note(name, sheet, held), tone=tone)


def _tile_note(name: str, sheet: MetricSheet, held: MetricSheet) -> str:
    match name:
        case "max_drawdown":
            longest = wording.metric(sheet["max_drawdown_days"])
            return f"longest {longest}; buy and hold {wording.metric(held[name])}"
        case "win_rate":
            return f"{wording.metric(sheet['n_trades'])} closed trades, payoff {wording.metric(sheet['payoff'])}"
        case "profit_factor":
            return f"expectancy {wording.metric(sheet['expectancy'])} of capital a trade"
        case "dsr":
            trials = "1 trial" if sheet.trials == 1 else f"{sheet.trials:,} trials"
            return f"probability of an edge after {trials}"
    if held[name].value is None:
        return f"buy and hold: {wording.UNDEFINED}"
    return f"buy and hold {wording.metric(held[name])}"


def _month_scale(curve: MarkedEquity) -> float:
    """The move that gets the full colour: the largest month, or 1 % when all are smaller."""
    moves = [abs(month) for row in by_year(curve) for month in row.months if month is not None]
    return max([0.01, *moves])


def _worst(curve: MarkedEquity) -> list[Episode]:
    found = sorted(episodes(curve.points, curve.instants), key=lambda fall: -fall.depth)
    return found[:DRAWDOWNS_SHOWN]


def _metric_rows(sheet: MetricSheet, held: MetricSheet) -> list[MetricRow]:
    return [
        MetricRow(
            title=definition.title,
            value=wording.metric(sheet[name]),
            held="" if held[name].value is None else wording.metric(held[name]),
            why=sheet[name].undefined_because,
            formula=definition.formula,
            convention=definition.convention,
        )
        for name, definition in DEFINITIONS.items()
        if name in sheet
    ]


def _provenance_lines(
    result: RunResult, sheet: MetricSheet, run_id: str, facts: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Label and text of everything needed to find the result again; empty ones are left out."""
    provenance = result.provenance
    lines = [
        ("Run", run_id),
        ("Result digest", result.digest),
        ("Trial key", provenance.trial_key),
        ("Trials counted for the deflated Sharpe", "not counted" if sheet.trials is None else f"{sheet.trials:,}"),
        ("Variance of the trials' daily Sharpe ratios", _variance(sheet)),
        ("Strategy", provenance.strategy),
        ("Parameters", canonical_json(provenance.parameters)),
        ("Code digest", provenance.code_digest),
        ("Data source", provenance.data_source),
        ("Data fingerprint", provenance.data_fingerprint),
        ("Symbol and bars", f"{provenance.symbol}, {format_duration(provenance.interval_ms)}"),
        ("Window", f"{format_instant(provenance.start)} to {format_instant(provenance.end)}"),
        ("Capital", wording.money(result.capital, _quote_of(provenance.symbol))),
        ("Frictions", canonical_json(provenance.frictions)),
        ("Risk limits", canonical_json(provenance.risk_limits)),
        ("Waivers", ", ".join(provenance.waivers) or "none"),
        ("Data are", "synthetic" if provenance.synthetic else "market data"),
        ("Metric definitions", definitions_digest()),
        *facts.items(),
    ]
    return [(label, text) for label, text in lines if text]


def _variance(sheet: MetricSheet) -> str:
    return (
        "not kept; the estimator's own is used"
        if sheet.variance_of_trials is None
        else f"{sheet.variance_of_trials:.3g}"
    )
