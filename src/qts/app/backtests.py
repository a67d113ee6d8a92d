"""A backtest without a world: nobody judges it, but it is counted all the same."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from qts.adapters import clock
from qts.adapters.stores.run_files import write_run
from qts.app import assembly
from qts.app.settings import Settings
from qts.app.trial import Outcome, carry_out, noticed, prepare, strategy_from, tried_so_far
from qts.domain.errors import UsageError, did_you_mean
from qts.domain.ids import short_id
from qts.domain.instant import Duration, Instant
from qts.research.limit_tally import tallies
from qts.research.metrics import MetricSheet
from qts.risk.limit_policy import LimitPolicies
from qts.simulation.backtest import Terms
from qts.simulation.result import RunResult
from qts.strategy.strategy import Strategy
from qts.worlds.evidence import Hypothesis
from qts.worlds.policy_limits import limits_of
from qts.worlds.presets import PRESETS


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtested:
    """run_id: what the run is called, the same for the same trial. record: everything it did; report: its HTML page.

    trial_count: distinct trials of the family so far, this one included.

    notes: what this machine noticed about the run.
    """

    run_id: str
    result: RunResult
    sheet: MetricSheet
    report: Path
    record: Path
    trial_count: int
    notes: tuple[str, ...]

    def facts(self) -> dict[str, object]:
        """Plain values for JSON."""
        result = self.result
        return {
            "run_id": self.run_id,
            "strategy": result.provenance.strategy,
            "provenance": result.provenance.facts(),
            "result_digest": result.digest,
            "trial_count": self.trial_count,
            "final_equity": result.final_equity,
            "metrics": {name: metric.value for name, metric in self.sheet.items()},
            "undefined": {name: m.undefined_because for name, m in self.sheet.items() if m.value is None},
            "trades": [{f.name: getattr(trade, f.name) for f in fields(trade)} for trade in result.trades],
            "costs": {
                "fees": result.costs.fees,
                "slippage": result.costs.slippage,
                "funding": result.costs.funding,
                "liquidation_fees": result.costs.liquidation_fees,
            },
            "notes": list(self.notes),
            "refusals": result.refusal_counts,
            "limits": [each.facts() for each in tallies(result.gate)],
            "waivers": list(result.provenance.waivers),
            "assumptions": list(result.assumptions),
            "record": str(self.record),
            "report": str(self.report),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which market, and when; None for start or end takes all there is."""

    symbol: str
    interval_ms: Duration
    start: Instant | None = None
    end: Instant | None = None


def backtest(
    settings: Settings,
    strategy: str | type[Strategy] | Strategy,
    window: Window,
    terms: Terms,
    *,
    parameters: dict[str, object],
    progress: Callable[[str], None],
) -> Backtested:
    """Run a strategy, count the trial, write its page. Raises QtsError for bad input."""
    loaded = strategy_from(strategy, parameters)
    progress("loading data")
    dataset = assembly.catalogue(settings).load_dataset(
        window.symbol, window.interval_ms, start=window.start, end=window.end
    )
    trial = prepare(dataset, loaded, terms)
    worlds = assembly.world_service(settings)
    hypothesis = Hypothesis.from_provenance(trial.provenance, family=trial.family)
    worlds.open_trial(hypothesis, now=clock.now())
    tried = tried_so_far(worlds, trial.family)
    outcome = carry_out(trial, tried, progress=progress)
    sharpe = outcome.sheet["sharpe"].value
    worlds.close_trial(hypothesis, result_digest=outcome.result.digest, sharpe=sharpe, now=clock.now())
    progress("keeping the record")
    name = short_id("backtest", outcome.result.provenance.trial_key)
    record = settings.records / f"{name}.json.gz"
    write_run(record, outcome.result)
    progress("writing the report")
    return Backtested(
        run_id=name,
        result=outcome.result,
        sheet=outcome.sheet,
        report=_write_page(settings, outcome, name),
        record=record,
        trial_count=tried.count,
        notes=noticed(outcome),
    )


def limits_of_preset(name: str) -> LimitPolicies:
    """The staged limits of a preset. Raises UsageError for one there is not."""
    if name not in PRESETS:
        raise UsageError(
            f"there is no preset {name!r}.{did_you_mean(name, PRESETS)}", next_step=f"presets: {', '.join(PRESETS)}"
        )
    return LimitPolicies(account=limits_of(PRESETS[name]))


def _write_page(settings: Settings, outcome: Outcome, name: str) -> Path:
    from qts.adapters.reports.run_page import render_run_page, write_run_page

    text = render_run_page(outcome.result, outcome.sheet, verdict=None, run_id=name)
    return write_run_page(settings.reports / f"{name}.html", text)
