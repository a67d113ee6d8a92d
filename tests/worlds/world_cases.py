"""A world, a hypothesis and evidence for tests to bend: everything passes unless a test says otherwise."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from qts.domain.ids import digest
from qts.domain.instant import DAY_MS, parse_instant
from qts.domain.waiver import Waiver
from qts.research.definitions import DEFINITIONS
from qts.worlds.evaluation_run import Stage
from qts.worlds.evidence import DayReturns, Evidence, Hypothesis, run_terms
from qts.worlds.policy import WorldPolicy
from qts.worlds.policy_parsing import parse_policy
from qts.worlds.validation import Case

METRICS = frozenset(DEFINITIONS)
START, END = parse_instant("2022-01-01"), parse_instant("2023-01-01")
NOW = END + DAY_MS // 2
DATASET = {"symbol": "BTCUSDT", "interval": "4h", "start": "2022-01-01", "end": "2023-01-01"}

GOOD: Mapping[str, float] = {
    "sharpe": 1.4, "max_drawdown": 0.12, "profit_factor": 1.8, "es_p01": 0.03, "dsr": 0.97, "n_trades": 130.0,
    "sample_days": 365.0, "sharpe_first_half": 1.5, "sharpe_second_half": 1.3, "win_rate": 0.56, "total_return": 0.4,
}  # fmt: skip


def policy(**extra: object) -> WorldPolicy:
    data = {"world": "w", "capital": 10000, "dataset": DATASET, "data_currency": {"max_lag": "1d"}, **extra}
    return parse_policy(data, source="test", metrics=METRICS)


def terms_of(of: WorldPolicy) -> dict[str, object]:
    return run_terms(of.capital, of.frictions.to_frictions().facts(), of.risk.facts())


def hypothesis(strategy: str = "cross", **changes: Any) -> Hypothesis:
    made = Hypothesis(
        strategy=strategy,
        family=strategy.split("-", maxsplit=1)[0],
        parameters={"fast": 10, "slow": 40.5},
        code_digest="c0de",
        data_fingerprint="f1f2",
        trial_key=digest([strategy]),
        symbol="BTCUSDT",
        interval_ms=DAY_MS // 6,
        start=START,
        end=END,
        terms=terms_of(policy()),
        waivers=(),
        synthetic=False,
    )
    return replace(made, **changes)


def day_returns(seed: int = 1, days: int = 365) -> DayReturns:
    return DayReturns(START // DAY_MS, np.random.default_rng(seed).normal(0.001, 0.01, days))


def evidence(
    tried: Hypothesis | None = None, *, metrics: Mapping[str, float | None] | None = None, **changes: Any
) -> Evidence:
    made = Evidence(
        trial_key=(tried or hypothesis()).trial_key,
        result_digest=digest([(tried or hypothesis()).trial_key, "result"]),
        metrics={**GOOD, **(metrics or {})},
        undefined={},
        trial_count=1,
        day_returns=day_returns(),
        data_start=START,
        data_end=END,
        waivers=(),
        synthetic=False,
    )
    return replace(made, **changes)


def case(**changes: Any) -> Case:
    made = Case(
        policy=policy(),
        stage=Stage.BACKTEST,
        hypothesis=hypothesis(),
        evidence=evidence(),
        ledger_count=1,
        metrics=METRICS,
        now=NOW,
    )
    return replace(made, **changes)


ALL_WAIVERS = tuple(Waiver)

SEATS = {"topk": {"total": 2}, "constraints": {"correlation": {"max_pairwise": 0.5}}}
