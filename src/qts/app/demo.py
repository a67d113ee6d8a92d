"""The whole journey on a made-up market: data in, a world, five strategies, five verdicts.

Four strategies from the catalogue and a coin that has no edge by construction.
What happens is what happens with real data; only the market is synthetic, and
everything says so.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from qts.adapters import clock
from qts.adapters.stores.manifest import SeriesKind
from qts.app import assembly, data_commands
from qts.app.index import write_index
from qts.app.runner import Runner
from qts.app.submit_result import SubmitResult
from qts.app.synthetic_data import store_synthetic
from qts.domain.instant import format_date, parse_instant
from qts.market.dataset import Dataset
from qts.simulation.synthetic import synthetic_market
from qts.strategy.catalogue import BuyAndHold, CoinFlip, DonchianBreakout, MovingAverageCross, RsiReversion
from qts.strategy.strategy import Strategy
from qts.worlds.policy import WorldPolicy, ruleset_hash

WORLD = "demo"
SEED = 8
START = "2021-01-01"
BARS = 4 * 365 * 6
STRATEGIES: tuple[type[Strategy], ...] = (
    DonchianBreakout,
    MovingAverageCross,
    RsiReversion,
    BuyAndHold,
    CoinFlip,
)


def prepare_demo(runner: Runner, *, progress: Callable[[str], None]) -> Dataset:
    """Stores, audits and cleans the market, and makes the world; doing it again changes nothing."""
    progress("making a synthetic market")
    market = synthetic_market(seed=SEED, start=parse_instant(START), bars=BARS)
    catalogue = assembly.catalogue(runner.settings)
    store_synthetic(catalogue, market, progress=progress)
    for kind in (SeriesKind.BARS, SeriesKind.MARK):
        data_commands.clean(
            catalogue,
            symbol=market.instrument.symbol,
            kind=kind,
            interval_ms=market.bars.interval_ms,
            progress=progress,
        )
    policy = demo_policy(market)
    if all(world.name != WORLD for world in runner.worlds.worlds()):
        runner.worlds.create_world(policy, actor=runner.actor, now=clock.now())
    current = runner.worlds.policy(WORLD)
    if ruleset_hash(current) != ruleset_hash(policy):
        newer = policy.model_copy(update={"version": current.version + 1})
        runner.worlds.add_policy_version(newer, actor=runner.actor, now=clock.now())
    return market


def demo_policy(market: Dataset) -> WorldPolicy:
    """The moderate preset on the synthetic market, with data of any age and a wider drawdown, also to trade on in."""
    document: dict[str, object] = {
        "world": WORLD,
        "version": 1,
        "extends": "moderate",
        "simulated": True,
        "capital": 100_000,
        "dataset": {
            "symbol": market.instrument.symbol,
            "interval": market.bars.interval,
            "start": format_date(market.start),
            "end": format_date(market.end),
        },
        "data_currency": {"max_lag": "5200w"},
        "risk": {"limits": {"drawdown_warn": 0.20, "drawdown_block": 0.30}},
        "validation": {"backtest": {"performance": {"max_drawdown_max": 0.30}}},
    }
    return assembly.parsed_policy(document, source="the demo's policy")


def submit_demo(runner: Runner, *, progress: Callable[[str], None]) -> Iterator[SubmitResult]:
    """One verdict after the other, in the order the strategies are submitted."""
    for strategy in STRATEGIES:
        yield runner.submit(strategy, world=WORLD, progress=progress)


def demo_index(runner: Runner, results: Sequence[SubmitResult]) -> Path:
    """One page that links to all reports."""
    return write_index(
        runner,
        [result.run_id for result in results],
        name=WORLD,
        title="QTS demo: five strategies, one world",
        note="Four strategies from the catalogue and a coin flip, judged by the same policy.",
    )
