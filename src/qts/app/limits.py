"""What the staged limits did in a stored run, beside the same run without them, and how far each was at its end.

A run is one of an account (account-...), one of ``qts backtest`` (backtest-...),
or a world's. Each is made again from its own record, and only compared when it
comes out as it was recorded.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Protocol

from qts.adapters.stores.run_files import read_run
from qts.app import assembly
from qts.app.accounts import record_file, set_up_again, stored_account
from qts.app.limits_answer import Explained, LimitStatus
from qts.app.settings import Settings
from qts.app.trial import stdout_kept_clean, strategy_from
from qts.domain.errors import DataError, UsageError
from qts.domain.instant import format_instant
from qts.research.account_tables import account_tables, run_tables
from qts.research.limit_tally import refused_before, tallies
from qts.risk.limit_policy import LimitPolicies
from qts.risk.policy import RiskLimits
from qts.simulation.backtest import Terms, provenance_of, run_backtest
from qts.simulation.costs import Frictions
from qts.simulation.result import Provenance, RunResult
from qts.strategy.catalogue import CATALOGUE


class _Run(Protocol):
    def __call__(self, *, with_limits: bool) -> RunResult: ...


OF_AN_ACCOUNT: Final = "account-"
OF_A_BACKTEST: Final = "backtest-"
"""How the names of runs begin that no world has."""


def explain_limits(
    settings: Settings, run_id: str, *, strategy: str | None = None, progress: Callable[[str], None]
) -> Explained:
    """What each limit did, with the run and the run without them.

    strategy: the file a single strategy's run was made from; None for one of the catalogue. Raises QtsError when code,
    data or result are no longer what they were.
    """
    if run_id.startswith(OF_AN_ACCOUNT):
        return _explain_account(settings, run_id, progress)
    name, result = _stored(settings, run_id)
    if not result.distances:
        raise UsageError(
            f"run {name} was judged by the gate alone: there are no staged limits to explain",
            next_step="make it again with this version: the same command as then",
        )
    run = _made_again(settings, name, result, strategy)
    progress("running again, with the limits")
    if run(with_limits=True).digest != result.digest:
        raise _comes_out_differently(name, str(settings.records))
    progress("running again, without the limits")
    return Explained(
        run_id=name,
        limits=tallies(result.gate),
        refused_before=refused_before(result.gate),
        given=run_tables(result),
        without=run_tables(run(with_limits=False)),
    )


def limit_status(settings: Settings, run_id: str) -> LimitStatus:
    """Every book's distance to every limit as a stored run ended."""
    if run_id.startswith(OF_AN_ACCOUNT):
        joint = stored_account(settings, run_id).result
        return LimitStatus(run_id=run_id, ended_at=format_instant(int(joint.closed_at[-1])), distances=joint.distances)
    name, result = _stored(settings, run_id)
    return LimitStatus(run_id=name, ended_at=format_instant(int(result.closed_at[-1])), distances=result.distances)


def _explain_account(settings: Settings, run_id: str, progress: Callable[[str], None]) -> Explained:
    record = stored_account(settings, run_id)
    setup = set_up_again(settings, record, progress)
    progress("running again, with the limits")
    if setup.run().journal_head != record.result.journal_head:
        raise _comes_out_differently(run_id, str(record_file(settings, run_id)))
    progress("running again, without the limits")
    return Explained(
        run_id=run_id,
        limits=tallies(record.result.gate),
        refused_before=refused_before(record.result.gate),
        given=account_tables(record.result),
        without=account_tables(setup.run(with_limits=False)),
    )


def _comes_out_differently(run_id: str, place: str) -> DataError:
    return DataError(
        f"run {run_id} comes out differently than recorded, so it cannot be compared with anything",
        place=place,
        next_step="it was made by another version of QTS: make it again",
    )


# -- a run of one strategy ------------------------------------------------------------------


def _stored(settings: Settings, run_id: str) -> tuple[str, RunResult]:
    """The run's own name and its record. Raises UsageError for a name no run has, StorageError for a damaged record."""
    name = run_id
    if not run_id.startswith(OF_A_BACKTEST):
        name = assembly.world_service(settings).run(run_id).key.run_id
    elif not run_id.removeprefix(OF_A_BACKTEST).isalnum():
        raise UsageError(f"{run_id!r} is no run of a backtest", next_step="qts backtest prints the name of its run")
    return name, read_run(settings.records / f"{name}.json.gz")


def _made_again(settings: Settings, name: str, result: RunResult, strategy: str | None) -> "_Run":
    """What makes the run again, with or without its staged limits. Raises QtsError for changed code or data."""
    facts = result.provenance
    ready = strategy_from(_source(name, facts, strategy), dict(facts.parameters))
    dataset = assembly.catalogue(settings).load_dataset(
        facts.symbol, facts.interval_ms, start=facts.start, end=facts.end
    )
    terms = replace(_terms(facts), code_digest=ready.code_digest)
    now = provenance_of(dataset, ready.strategy, terms)
    for what, then, found in (
        ("code", facts.code_digest, now.code_digest),
        ("data", facts.data_fingerprint, now.data_fingerprint),
        ("trial", facts.trial_key, now.trial_key),
    ):
        if then != found:
            raise DataError(
                f"the {what} of run {name} is no longer there: recorded {then[:12]}, found {found[:12]}",
                next_step="give the strategy file the run was made from, and the data it was made on",
            )

    def run(*, with_limits: bool) -> RunResult:
        with stdout_kept_clean():
            under = terms if with_limits else replace(terms, policies=None)
            return run_backtest(dataset, copy.deepcopy(ready.strategy), under)

    return run


def _source(name: str, facts: Provenance, strategy: str | None) -> str:
    if strategy is not None:
        return strategy
    if facts.strategy not in CATALOGUE:
        raise UsageError(
            f"run {name} was made from a file, and which one is not on record",
            next_step=f"qts risk explain {name} --strategy FILE.py",
        )
    return facts.strategy


def _terms(facts: Provenance) -> Terms:
    """The terms a record tells."""
    bounds: dict[str, Any] = dict(facts.risk_limits)
    policies = LimitPolicies.from_facts(bounds.pop("limits"))
    return Terms(
        capital=facts.capital,
        frictions=Frictions.from_facts(facts.frictions),
        limits=RiskLimits(**bounds),
        policies=policies,
        waivers=facts.waivers,
    )
