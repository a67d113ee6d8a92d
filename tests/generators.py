"""Markets, terms and strategies nobody would think of, for tests that must hold whatever comes.

A market is drawn from a seed and a few knobs (gaps, silent bars, wild bars,
mark price of its own, funding at odd minutes, brackets that change), so it is
cheap to make and shrinks by its length and knobs. An ``Improviser`` says a
random but repeatable thing on each bar, from what its view shows and from
nothing else, so it is as causal as any honest strategy.
"""

import random
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st

from qts.domain.fill import Fill
from qts.domain.instant import HOUR_MS, MINUTE_MS
from qts.domain.instrument import Instrument
from qts.domain.waiver import Waiver
from qts.market.bars import Bars
from qts.market.brackets import Bracket, BracketHistory, BracketTable
from qts.market.dataset import Dataset
from qts.market.funding import Funding
from qts.market.view import View
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.risk.policy import RiskLimits
from qts.simulation.backtest import Terms
from qts.simulation.costs import AtrSlippage, FixedSlippage, Frictions, ImpactSlippage
from qts.strategy.intent import Answer, Intent, Targets, buy, close, protect, sell
from qts.strategy.strategy import Strategy

SYMBOL = "XYZUSDT"
START = 1_704_067_200_000  # 2024-01-01T00:00:00Z
INTERVAL = HOUR_MS
ALL_WAIVERS = tuple(Waiver)


def instrument(tick: str = "0.01", lot: str = "0.001", notional_min: str = "5") -> Instrument:
    return Instrument(
        symbol=SYMBOL,
        base="XYZ",
        quote="USDT",
        tick=Decimal(tick),
        lot=Decimal(lot),
        notional_min=Decimal(notional_min),
    )


def bracket_table(*rows: tuple[str, str, int], as_of: int = 0) -> BracketTable:
    """Joined brackets from (notional floor, maintenance rate, highest leverage); the last has no cap to speak of."""
    brackets: list[Bracket] = []
    for number, (floor, rate, leverage_max) in enumerate(rows):
        cap = rows[number + 1][0] if number + 1 < len(rows) else "1000000000000"
        deduction = Decimal(0)
        if brackets:
            deduction = brackets[-1].deduction + Decimal(floor) * (Decimal(rate) - brackets[-1].maintenance_rate)
        brackets.append(
            Bracket(
                notional_floor=Decimal(floor),
                notional_cap=Decimal(cap),
                maintenance_rate=Decimal(rate),
                deduction=deduction,
                leverage_max=leverage_max,
            )
        )
    return BracketTable(symbol=SYMBOL, as_of=as_of, brackets=tuple(brackets))


USUAL_BRACKETS = bracket_table(("0", "0.004", 125), ("5000", "0.01", 50), ("20000", "0.05", 10), ("60000", "0.125", 4))
HARSHER_ROWS = (("0", "0.01", 50), ("4000", "0.04", 20), ("30000", "0.2", 3))


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """How a market is made. wildness: standard deviation of one bar's move, fraction of price."""

    seed: int
    rows: int
    tick: str
    wildness: float
    gaps: bool
    silent_bars: bool
    funding: bool
    mark: str  # "none", "same" or "finer"
    brackets: str  # "none", "one" or "two"


def knobs(rows_max: int = 60) -> st.SearchStrategy[Knobs]:
    return st.builds(
        Knobs,
        seed=st.integers(0, 2**32 - 1),
        rows=st.integers(2, rows_max),
        tick=st.sampled_from(["0.01", "0.5", "1"]),
        wildness=st.sampled_from([0.002, 0.01, 0.04]),
        gaps=st.booleans(),
        silent_bars=st.booleans(),
        funding=st.booleans(),
        mark=st.sampled_from(["none", "same", "finer"]),
        brackets=st.sampled_from(["none", "one", "two"]),
    )


def _columns(rng: np.random.Generator, rows: int, wildness: float, tick: float, start: float) -> dict[str, Any]:
    """Open, high, low, close on the tick grid; some bars open away from the last close."""
    moves = rng.normal(0, wildness, (rows, 4))
    jumps = np.where(rng.random(rows) < 0.15, rng.normal(0, 2 * wildness, rows), 0.0)
    steps = moves.sum(axis=1) + jumps
    levels = start * np.exp(np.clip(np.cumsum(steps), -3, 3))
    opens = levels * np.exp(-moves.sum(axis=1))
    inner = opens[:, None] * np.exp(np.cumsum(moves, axis=1))
    path = np.maximum(np.rint(np.column_stack((opens, inner)) / tick), 1.0) * tick
    path = np.round(path, 8)
    return {"open": path[:, 0], "high": path.max(axis=1), "low": path.min(axis=1), "close": path[:, -1]}


def make_bars(opened_at: Any, prices: dict[str, Any], volume: Any, interval_ms: int = INTERVAL) -> Bars:
    return Bars(symbol=SYMBOL, interval_ms=interval_ms, opened_at=opened_at, volume=volume, **prices)


def market(given: Knobs) -> Dataset:
    """The market these knobs describe; equal knobs, equal market."""
    rng = np.random.default_rng(given.seed)
    tick = float(given.tick)
    steps = np.ones(given.rows, dtype=np.int64)
    if given.gaps:
        steps = np.where(rng.random(given.rows) < 0.15, rng.integers(2, 8, given.rows), 1)
    opened_at = START + INTERVAL * (np.cumsum(steps) - steps[0])
    volume = np.round(rng.lognormal(5.0, 1.2, given.rows), 3)
    if given.silent_bars:
        volume = np.where(rng.random(given.rows) < 0.2, 0.0, volume)
    bars = make_bars(opened_at, _columns(rng, given.rows, given.wildness, tick, 100.0), volume)
    return Dataset(
        instrument=instrument(given.tick),
        bars=bars,
        funding=_funding(rng, bars) if given.funding else None,
        brackets=_brackets(given, bars),
        mark=_mark(rng, given, bars),
        synthetic=True,
        source="generated",
    )


def _funding(rng: np.random.Generator, bars: Bars) -> Funding:
    """Every eight hours, and at odd minutes inside bars and in gaps."""
    start, end = int(bars.opened_at[0]), bars.closed_at(len(bars) - 1)
    odd = start + MINUTE_MS * rng.integers(0, max(1, (end - start) // MINUTE_MS), max(1, len(bars) // 6))
    instants = np.unique(np.concatenate((np.arange(start, end, 8 * HOUR_MS), odd)))
    rates = np.round(rng.normal(0, 0.002, len(instants)), 6)
    return Funding(symbol=SYMBOL, occurred_at=instants, rate=rates)


def _brackets(given: Knobs, bars: Bars) -> BracketHistory | None:
    if given.brackets == "none":
        return None
    if given.brackets == "one":
        return BracketHistory((USUAL_BRACKETS,))
    middle = int(bars.opened_at[len(bars) // 2])
    return BracketHistory((USUAL_BRACKETS, bracket_table(*HARSHER_ROWS, as_of=middle)))


def _mark(rng: np.random.Generator, given: Knobs, bars: Bars) -> Bars | None:
    """A mark price that strays from the last price by up to about one percent."""
    if given.mark == "none":
        return None
    parts = 1 if given.mark == "same" else 4
    opened_at = (bars.opened_at[:, None] + np.arange(parts) * (INTERVAL // parts)).ravel()
    stray = np.exp(rng.normal(0, 0.004, (len(bars), parts)))
    columns = {}
    for name in ("open", "high", "low", "close"):
        columns[name] = (getattr(bars, name)[:, None] * stray).ravel()
    return make_bars(opened_at, columns, np.zeros(len(opened_at)), INTERVAL // parts)


def with_other_future(dataset: Dataset, cut: int, seed: int) -> Dataset:
    """The same market up to and with bar ``cut``; everything after it is different."""
    rng = np.random.default_rng(seed)
    bars, known = dataset.bars, dataset.bars.closed_at(cut)
    later = len(bars) - cut - 1
    fresh = _columns(rng, later, 0.03, float(dataset.instrument.tick), float(rng.uniform(50, 200)))
    prices = {name: np.concatenate((getattr(bars, name)[: cut + 1], column)) for name, column in fresh.items()}
    volume = np.concatenate((bars.volume[: cut + 1], np.round(rng.lognormal(5, 1, later), 3)))
    mark = dataset.mark
    if mark is not None:
        factor = np.where(mark.opened_at >= known, float(rng.uniform(0.5, 2)), 1.0)
        stretched = {name: getattr(mark, name) * factor for name in ("open", "high", "low", "close")}
        mark = make_bars(mark.opened_at, stretched, mark.volume, mark.interval_ms)
    funding = dataset.funding
    if funding is not None:
        rates = np.where(funding.occurred_at >= known, 0.01, funding.rate)
        funding = Funding(symbol=SYMBOL, occurred_at=funding.occurred_at, rate=rates)
    return replace(dataset, bars=make_bars(bars.opened_at, prices, volume), mark=mark, funding=funding)


RATES = [Decimal(0), Decimal("0.0002"), Decimal("0.0005"), Decimal("0.01")]

slippages = st.one_of(
    st.builds(FixedSlippage, st.sampled_from([Decimal(0), Decimal(1), Decimal(30)])),
    st.builds(AtrSlippage, st.sampled_from([Decimal("0.01"), Decimal("0.1")])),
    st.builds(ImpactSlippage, st.sampled_from([Decimal("0.1"), Decimal(1)])),
)

frictions = st.builds(
    Frictions,
    fee_rate_maker=st.sampled_from(RATES),
    fee_rate_taker=st.sampled_from(RATES),
    slippage=slippages,
    participation_max=st.sampled_from([Decimal("0.02"), Decimal("0.3"), Decimal(1)]),
    leverage=st.sampled_from([1, 3, 10, 40]),
    liquidation_fee_rate=st.sampled_from([Decimal(0), Decimal("0.0125"), Decimal("0.2")]),
)

bounds = st.builds(
    LimitPolicy,
    order_size_max=st.sampled_from([Decimal("0.4"), Decimal(1), Decimal(3)]),
    order_notional_max=st.sampled_from([None, Decimal(8000)]),
    symbol_exposure_max=st.sampled_from([Decimal("0.5"), Decimal(3)]),
    gross_exposure_max=st.sampled_from([Decimal(1), Decimal(3)]),
    net_exposure_max=st.sampled_from([Decimal("0.8"), Decimal(3)]),
    leverage_max=st.sampled_from([Decimal("0.9"), Decimal(3)]),
    daily_loss_warn=st.sampled_from([Decimal("0.005"), Decimal("0.03")]),
    daily_loss_block=st.sampled_from([Decimal("0.03"), Decimal("0.9")]),
    drawdown_warn=st.sampled_from([Decimal("0.01"), Decimal("0.05")]),
    drawdown_block=st.sampled_from([Decimal("0.05"), Decimal("0.9")]),
    heat_max=st.sampled_from([Decimal("0.03"), Decimal("0.99")]),
    loss_without_stop=st.sampled_from([Decimal("0.02"), Decimal(1)]),
    orders_per_second_max=st.sampled_from([1, 5]),
    orders_per_minute_max=st.sampled_from([1, 60]),
    reversals_per_hour_max=st.sampled_from([0, 1, 6]),
    open_orders_max=st.sampled_from([1, 3, 20]),
    price_collar=st.sampled_from([Decimal("0.005"), Decimal("0.02"), Decimal("0.5")]),
    liquidation_distance_min=st.sampled_from([Decimal(0), Decimal("0.01"), Decimal("0.1"), Decimal("0.3")]),
    stop_buffer=st.sampled_from([Decimal(0), Decimal("0.01"), Decimal("0.1")]),
)
"""Staged limits, each tight or wide by itself."""

policies = st.one_of(st.none(), st.builds(LimitPolicies, account=bounds))

terms = st.builds(
    Terms,
    policies=policies,
    capital=st.sampled_from([Decimal(50), Decimal(10_000), Decimal("123456.78901234")]),
    frictions=frictions,
    limits=st.builds(RiskLimits, price_collar=st.sampled_from([Decimal("0.1"), Decimal("0.5")])),
    waivers=st.just(ALL_WAIVERS),
)


class Improviser(Strategy):
    """Says something random now and then. talk: chance of speaking on a bar. words: which kinds of wishes it knows."""

    seed: int = 0
    talk: float = 0.5
    words: str = "market limit trigger pair protect targets close"

    def on_start(self) -> None:
        self._heard = 0

    def on_bar(self, view: View) -> Answer:
        dice = random.Random(f"{self.seed}:{view.bar_number}:{self._heard}")  # noqa: S311 - a repeatable script, no secret
        if dice.random() > self.talk:
            return None
        said = [self._wish(view, dice) for _ in range(dice.choice([1, 1, 1, 2, 3]))]
        targets = next((wish for wish in said if isinstance(wish, Targets)), None)
        return targets if targets is not None else [wish for wish in said if isinstance(wish, Intent)]

    def _wish(self, view: View, dice: random.Random) -> Intent | Targets:
        price, word = view.close, dice.choice(self.words.split())
        near = price * (1 + dice.uniform(-0.03, 0.03))
        if word == "close":
            return close(limit=dice.choice([None, near]), reason="enough")
        if word == "protect":
            side = 1 if view.is_long else -1
            return protect(
                stop_loss=dice.choice([None, price * (1 - side * dice.uniform(0.001, 0.05))]),
                take_profit=dice.choice([None, price * (1 + side * dice.uniform(0.001, 0.05))]),
            )
        if word == "targets":
            return Targets({view.symbol: dice.choice([-2.0, -0.5, 0, 0.3, 1.0, 2.5])})
        return self._trade(view, dice, word, near)

    def _trade(self, view: View, dice: random.Random, word: str, near: float) -> Intent:
        side = dice.choice([1, -1])
        wishes: dict[str, Any] = {"good_for_bars": dice.choice([1, 2, 5]), "reason": word}
        if word in ("limit", "trigger"):
            wishes[word] = near
        entry = wishes.get(word, view.close)
        if word == "pair" or dice.random() < 0.5:
            wishes["stop_loss"] = entry * (1 - side * dice.choice([0.002, 0.01, 0.05]))
        if dice.random() < 0.4:
            wishes["take_profit"] = entry * (1 + side * dice.choice([0.001, 0.01, 0.05]))
        size = dice.choice(["quantity", "weight", "stop"])
        if size == "quantity" or "stop_loss" not in wishes:
            wishes["quantity"] = abs(view.equity) * dice.choice([0.001, 0.3, 1.5, 2.8]) / view.close + 0.01
        elif size == "weight":
            wishes["weight"] = dice.choice([0.2, 1.0, 3.0])
        return (buy if side > 0 else sell)(**wishes)


class Listener(Improviser):
    """An Improviser whose words also depend on the fills it heard of."""

    def on_fill(self, fill: Fill) -> None:
        self._heard = (self._heard * 31 + int(fill.quantity * 1000) + len(fill.cause)) % 1_000_003


class Late(Improviser):
    """An Improviser that is not asked on the first bars, and needs history of its own on top."""

    warmup = 3

    def on_bar(self, view: View) -> Answer:
        return super().on_bar(view) if view.feature("sma", 4, ago=1) > 0 else None


WORDS = [
    "market limit trigger pair protect targets close",
    "limit trigger pair close",
    "pair protect",
    "market pair",
    "targets",
]

improvisers = st.builds(
    lambda kind, seed, talk, words: kind(seed=seed, talk=talk, words=words),
    st.sampled_from([Improviser, Listener]),
    st.integers(0, 10**6),
    st.sampled_from([0.05, 0.2, 0.7, 1.0]),
    st.sampled_from(WORDS),
)


COMPLETE = market(
    Knobs(
        seed=3,
        rows=40,
        tick="0.01",
        wildness=0.01,
        gaps=False,
        silent_bars=False,
        funding=True,
        mark="finer",
        brackets="one",
    )
)
"""A small market in which nothing is missing."""


class Silent(Strategy):
    """Never says anything."""

    def on_bar(self, view: View) -> Answer:
        return None
