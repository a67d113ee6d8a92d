"""Between what a trial found and what a world keeps of it: measurements to evidence, and evidence back to a sheet."""

from qts.app.trial import Outcome
from qts.research.metrics import DEFINITIONS, MetricSheet, MetricValue
from qts.research.returns import MarkedEquity
from qts.worlds.evidence import DayReturns, Evidence


def evidence_of(outcome: Outcome, links: dict[str, str]) -> Evidence:
    """What a run brings before its world; the trial count is the one its deflated Sharpe ratio was given."""
    result, sheet = outcome.result, outcome.sheet
    curve = MarkedEquity.over(result, result.equity)
    return Evidence(
        trial_key=result.provenance.trial_key,
        result_digest=result.digest,
        metrics={name: metric.value for name, metric in sheet.items()},
        undefined={name: metric.undefined_because for name, metric in sheet.items() if metric.value is None},
        definitions={name: metric.definition for name, metric in sheet.items()},
        trial_count=sheet.trials,
        day_returns=DayReturns.from_bars(int(result.closed_at[0]), curve.day_returns),
        data_start=result.provenance.start,
        data_end=result.provenance.end,
        waivers=result.provenance.waivers,
        synthetic=result.provenance.synthetic,
        links=links,
    )


def sheet_of(evidence: Evidence) -> MetricSheet:
    """The metrics of a record as a sheet; names that are no longer defined are left out.

    Each carries the definition that made it, '' when the record does not say.
    """
    return MetricSheet(
        values_by_name={
            name: MetricValue(
                name=name,
                value=evidence.metrics[name],
                undefined_because=evidence.undefined.get(name, ""),
                definition=evidence.definitions.get(name, ""),
            )
            for name in DEFINITIONS
            if name in evidence.metrics
        },
        trials=evidence.trial_count,
        variance_of_trials=None,
    )
