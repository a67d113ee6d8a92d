"""From an account file to what a run of several strategies takes: data, strategies, terms.

The same steps for a first run and for making a stored one again; only where a
fault is reported to stand differs.
"""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from qts.adapters.stores.account_files import DataFacts, MemberFacts
from qts.adapters.strategy_files import absolute_spec
from qts.app import assembly
from qts.app.account_words import words_of
from qts.app.settings import Settings
from qts.app.trial import ReadyStrategy, refuse_unrecordable, stdout_kept_clean, strategy_from
from qts.domain.errors import PolicyError, StrategyError
from qts.domain.instant import Instant, parse_duration, parse_instant
from qts.domain.money import on_money_grid
from qts.market.dataset import Dataset
from qts.research.account_leakage import StrategyCheck, account_checks
from qts.risk.limit_policy import LimitPolicies
from qts.risk.policy import RiskLimits
from qts.simulation.backtest import Terms, provenance_of
from qts.simulation.inputs import require_inputs
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member
from qts.simulation.slow_calls import SlowCalls
from qts.strategy.strategy import Strategy
from qts.worlds.account_plan import AccountPlan, MemberBlock
from qts.worlds.evidence import Hypothesis
from qts.worlds.policy import WorldPolicy
from qts.worlds.policy_parsing import KeyPath

Place = Callable[[KeyPath], str]
"""Where a key of the account file stands, for messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSetup:
    """Everything a run is a function of. plan: strategy files by absolute path, so that it can be run from anywhere."""

    plan: AccountPlan
    terms: JointTerms
    datasets: dict[str, Dataset]
    members: tuple[Member, ...]
    member_facts: tuple[MemberFacts, ...]
    hypotheses: tuple[Hypothesis, ...]

    @property
    def data_facts(self) -> tuple[DataFacts, ...]:
        return tuple(
            DataFacts(
                symbol=symbol,
                fingerprint=each.fingerprint,
                source=each.source,
                synthetic=each.synthetic,
                rows=len(each.bars),
                start=each.start,
                end=each.end,
                waivers=require_inputs(each, self.terms.waivers),
            )
            for symbol, each in sorted(self.datasets.items())
        )

    def run(self, *, with_limits: bool = True, slow: SlowCalls | None = None) -> JointResult:
        """The run; without limits it is the same but for the staged limits, of which there are then none.

        slow: hears which calls were slow.
        """
        terms = self.terms if with_limits else replace(self.terms, policies=None)
        with stdout_kept_clean():
            return run_together(self.datasets, self.members, terms, slow)

    def checks(self, result: JointResult) -> tuple[StrategyCheck, ...]:
        """What asking again with later bars in reach says of every strategy. result: of a run of this."""
        with stdout_kept_clean():
            return account_checks(self.datasets, self.members, result)


def set_up(
    settings: Settings,
    plan: AccountPlan,
    policy: WorldPolicy | None,
    *,
    place: Place,
    progress: Callable[[str], None],
) -> AccountSetup:
    """Raises QtsError that names the key of the file for whatever is wrong. policy: the world's, None without one."""
    interval_ms, start, end = _window(plan, policy, place)
    terms = _terms(plan, policy, place)
    ready = [_ready(member, place, number) for number, member in enumerate(plan.strategies)]
    interval = plan.interval if policy is None else policy.dataset.interval
    for number, each in enumerate(ready):
        _refuse_other_interval(each.strategy, interval or "", place(("strategies", number, "strategy")))
    catalogue = assembly.catalogue(settings)
    datasets = {}
    for symbol in plan.symbols:
        progress(f"loading {symbol}")
        datasets[symbol] = catalogue.load_dataset(symbol, interval_ms, start=start, end=end)
    _refuse_several_quotes(datasets, place(("strategies",)))
    terms = replace(terms, operator=words_of(plan, datasets, place))
    return AccountSetup(
        plan=plan.model_copy(update={"strategies": tuple(_anywhere(member) for member in plan.strategies)}),
        terms=terms,
        datasets=datasets,
        members=tuple(_member(member, each) for member, each in zip(plan.strategies, ready, strict=True)),
        member_facts=tuple(
            MemberFacts(
                strategy_id=member.id,
                name=type(each.strategy).__qualname__,
                code_digest=each.code_digest,
                parameters=each.strategy.parameters(),
            )
            for member, each in zip(plan.strategies, ready, strict=True)
        ),
        hypotheses=tuple(
            _hypothesis(datasets[symbol], member, each, terms)
            for member, each in zip(plan.strategies, ready, strict=True)
            for symbol in member.symbols
        ),
    )


def _window(plan: AccountPlan, policy: WorldPolicy | None, place: Place) -> tuple[int, Instant | None, Instant | None]:
    if policy is not None:
        if plan.said_of_a_world:
            keys = ", ".join(plan.said_of_a_world)
            raise PolicyError(
                f"the account stands under world {policy.world!r}, which has its own {keys}",
                place=place((plan.said_of_a_world[0],)),
                next_step=f"remove {keys} from the file, or leave --world out",
            )
        return policy.dataset.interval_ms, policy.dataset.start_instant, policy.dataset.end_instant
    if plan.interval is None:
        raise PolicyError(
            "the key 'interval' is missing: without a world the file says which bars are meant",
            place=place(()),
            next_step="write interval: 4h, or name a world that has it: --world NAME",
        )
    start = None if plan.start is None else parse_instant(plan.start)
    end = None if plan.end is None else parse_instant(plan.end)
    if start is not None and end is not None and end <= start:
        raise PolicyError(
            f"end {plan.end} is not after start {plan.start}",
            place=place(("end",)),
            next_step="swap them, or leave one out",
        )
    return parse_duration(plan.interval), start, end


def _terms(plan: AccountPlan, policy: WorldPolicy | None, place: Place) -> JointTerms:
    try:
        policies = plan.policies(None if policy is None else policy.risk.limits.to_policy())
    except PolicyError as error:
        raise PolicyError(error.cause, place=place(_key_at(error.place)), next_step=error.next_step) from None
    if policy is None:
        return JointTerms(
            rule=plan.rule,
            on_halt=plan.on_halt,
            frictions=plan.frictions.to_frictions(),
            limits=RiskLimits(),
            policies=policies,
            waivers=plan.waivers,
        )
    return JointTerms(
        rule=plan.rule,
        on_halt=plan.on_halt,
        frictions=policy.frictions.to_frictions(),
        limits=policy.risk.to_limits(),
        policies=policies,
        waivers=tuple(policy.waivers),
        world=policy.world,
    )


def _key_at(text: str) -> KeyPath:
    """'strategies[2].limits.heat_max' as a path."""
    return tuple(int(part) if part.isdecimal() else part for part in re.findall(r"\w+", text))


def _ready(member: MemberBlock, place: Place, number: int) -> ReadyStrategy:
    try:
        ready = strategy_from(member.strategy, dict(member.parameters))
        refuse_unrecordable(ready.strategy)
    except StrategyError as error:
        key: KeyPath = ("strategies", number, "parameters" if "parameter" in error.cause else "strategy")
        where = place(key)
        raise StrategyError(
            f"{member.id}: {error.cause}",
            place=f"{error.place}; {where}" if error.place else where,
            next_step=_in_the_file(error.next_step) or "mend the strategy, or take it off the account",
        ) from None
    return ready


def _in_the_file(step: str) -> str:
    """What was said to somebody at the command line, to somebody with a file."""
    return re.sub(r"give it as --param (\w+)=VALUE", r"write it under parameters as \1: VALUE,", step)


def _refuse_other_interval(strategy: Strategy, interval: str, where: str) -> None:
    if strategy.interval not in ("", interval):
        raise StrategyError(
            f"{type(strategy).__name__} is made for {strategy.interval} bars, the account is asked on {interval}",
            place=where,
            next_step=f"use {strategy.interval} bars, or change interval in the class",
        )


def _refuse_several_quotes(datasets: Mapping[str, Dataset], where: str) -> None:
    quotes = {each.instrument.quote for each in datasets.values()}
    if len(quotes) > 1:
        raise PolicyError(
            f"an account has one settlement asset, and its symbols have {', '.join(sorted(quotes))}",
            place=where,
            next_step="make an account of each: amounts of different assets cannot be added",
        )


def _anywhere(member: MemberBlock) -> MemberBlock:
    return member.model_copy(update={"strategy": absolute_spec(member.strategy)})


def _member(member: MemberBlock, ready: ReadyStrategy) -> Member:
    pristine = ready.strategy
    return Member(
        strategy_id=member.id,
        make=lambda: copy.deepcopy(pristine),
        symbols=member.symbols,
        capital=member.capital,
        priority=member.priority,
        pool=member.pool,
    )


def _hypothesis(dataset: Dataset, member: MemberBlock, ready: ReadyStrategy, terms: JointTerms) -> Hypothesis:
    """What the strategy tries on one of its symbols, as if it traded there alone with its share of the capital."""
    capital: Decimal = on_money_grid(member.capital / len(member.symbols))
    alone = Terms(
        capital=capital,
        frictions=terms.frictions,
        limits=terms.limits,
        policies=None if terms.policies is None else LimitPolicies(account=terms.policies.of(member.id)),
        waivers=terms.waivers,
        code_digest=ready.code_digest,
    )
    provenance = provenance_of(dataset, ready.strategy, alone)
    return Hypothesis.from_provenance(provenance, family=provenance.strategy)
