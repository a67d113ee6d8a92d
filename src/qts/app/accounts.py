"""Several strategies on one account, from an account file to a record and a page.

Nobody judges such a run: ``qts submit`` does that for each strategy. But each is
counted as tried on each of its symbols before the result is known, and is then
asked again with later bars in reach, which counts nothing more. A leak is part of
the record and ends nothing: the run itself was made without those bars.
"""

from collections.abc import Callable
from pathlib import Path

from qts.adapters import clock
from qts.adapters.stores.account_files import AccountRecord, read_account, write_account
from qts.adapters.stores.policy_files import load_account
from qts.app import assembly
from qts.app.account_answer import AccountRan
from qts.app.account_setup import AccountSetup, set_up
from qts.app.settings import Settings
from qts.domain.errors import DataError, UsageError
from qts.domain.ids import short_id
from qts.research.account_leakage import StrategyCheck
from qts.research.account_tables import account_tables
from qts.simulation.joint_result import JointResult
from qts.simulation.result import ENGINE
from qts.simulation.slow_calls import SlowCalls
from qts.worlds.policy import WorldPolicy
from qts.worlds.policy_parsing import place_of


def backtest_account(
    settings: Settings, path: Path, *, world: str | None, progress: Callable[[str], None]
) -> AccountRan:
    """Run an account file, keep its record, write its page. Raises QtsError for bad input; then nothing is kept."""
    plan, line_of = load_account(path)
    worlds = assembly.world_service(settings)
    policy = None if world is None else worlds.policy(world)
    setup = set_up(settings, plan, policy, place=lambda key: place_of(path.name, key, line_of), progress=progress)
    for hypothesis in setup.hypotheses:
        worlds.open_trial(hypothesis, now=clock.now())
    progress(f"running {len(setup.members)} strategies on {len(setup.datasets)} symbols")
    slow = SlowCalls(clock.stopwatch)
    result = setup.run(slow=slow)
    progress("asking every strategy again, with later bars in reach")
    record = _record(setup, policy, result, setup.checks(result))
    progress("keeping the record")
    record_path = record_file(settings, record.run_id)
    digest = write_account(record_path, record)
    progress("writing the report")
    return AccountRan(
        record=record,
        tables=account_tables(record.result),
        digest=digest,
        report=_write_page(settings, record, digest),
        record_path=record_path,
        slow_calls=slow.slowest,
        slow_count=slow.count,
    )


def stored_account(settings: Settings, run_id: str) -> AccountRecord:
    """Raises UsageError for what is no run id, StorageError for a record that is absent or damaged."""
    if not run_id.startswith("account-") or not run_id.removeprefix("account-").isalnum():
        raise UsageError(
            f"{run_id!r} is no run of an account: those are called account-...",
            next_step="qts account backtest FILE prints the name of its run",
        )
    return read_account(record_file(settings, run_id))


def record_file(settings: Settings, run_id: str) -> Path:
    """Where everything such a run did is kept."""
    return settings.accounts / f"{run_id}.json.gz"


def _record(
    setup: AccountSetup, policy: WorldPolicy | None, result: JointResult, checks: tuple[StrategyCheck, ...]
) -> AccountRecord:
    plan, terms = setup.plan, setup.terms
    world, version = ("", 0) if policy is None else (policy.world, policy.version)
    frictions, sizing = terms.frictions.facts(), terms.limits.facts()
    data = setup.data_facts
    members = [
        [each.strategy_id, each.name, each.code_digest, dict(each.parameters), member.symbols, member.capital]
        for each, member in zip(setup.member_facts, plan.strategies, strict=True)
    ]
    said = plan.model_copy(
        update={"strategies": tuple(each.model_copy(update={"strategy": ""}) for each in plan.strategies)}
    ).facts()
    used = [[each.symbol, each.fingerprint, each.waivers] for each in data]
    return AccountRecord(
        run_id=short_id("account", said, world, version, members, used, frictions, sizing, ENGINE),
        plan=plan,
        world=world,
        policy_version=version,
        interval_ms=next(iter(setup.datasets.values())).bars.interval_ms,
        frictions=frictions,
        sizing=sizing,
        members=setup.member_facts,
        data=data,
        result=result,
        checks=checks,
    )


def set_up_again(settings: Settings, record: AccountRecord, progress: Callable[[str], None]) -> AccountSetup:
    """What a stored run was made from. Raises DataError for code or data that are no longer what it used."""
    policy = None
    if record.world:
        policy = assembly.world_service(settings).policy(record.world, record.policy_version)
    setup = set_up(settings, record.plan, policy, place=lambda _key: f"run {record.run_id}", progress=progress)
    for then, now in zip(record.members, setup.member_facts, strict=True):
        if then.code_digest != now.code_digest:
            raise _changed(f"the code of {then.strategy_id}", record)
    for data_then, data_now in zip(record.data, setup.data_facts, strict=True):
        if data_then.fingerprint != data_now.fingerprint:
            raise _changed(f"the data of {data_then.symbol}", record)
    return setup


def _changed(what: str, record: AccountRecord) -> DataError:
    return DataError(
        f"{what} is not what run {record.run_id} used",
        place=f"run {record.run_id}",
        next_step="bring back the file and the data the run was made from, or run the account file again",
    )


def _write_page(settings: Settings, record: AccountRecord, digest: str) -> Path:
    from qts.adapters.reports.account_page import render_account_page
    from qts.adapters.reports.page_shell import write_page

    return write_page(settings.reports / f"{record.run_id}.html", render_account_page(record, digest))
