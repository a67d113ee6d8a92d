"""A position whose stop falls behind liquidation is given back: by both engines alike, alone as on a shared account.

Everything but the stops is wide here, leverage is high and funding dear, so that
many positions are let in with a stop that comes first and some lose that later:
by funding, by a fill beyond the close, by a stop that is moved, by another table.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from qts.domain.order import Effect, OrderType
from qts.market.dataset import Dataset
from qts.market.funding import Funding
from qts.market.view import View
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limit_words import GateWord
from qts.risk.limits import LimitName
from qts.simulation.backtest import Engine, Terms, run_backtest
from qts.simulation.costs import FixedSlippage, Frictions
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member
from qts.simulation.result import RunResult
from qts.simulation.run_limits import OWN
from qts.simulation.stop_recheck import WHY
from qts.strategy.intent import Answer, buy, close, protect, sell
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, SYMBOL, Knobs, knobs, market
from tests.properties.test_engines_agree import assert_same
from tests.simulation.test_joint_guard import WIDE


class Holds(Strategy):
    """Long or short for a while, its stop somewhere before liquidation, and moved now and then."""

    seed: int = 0
    talk: float = 0.3
    nearest: float = 0.01
    farthest: float = 0.3

    def on_bar(self, view: View) -> Answer:
        dice = random.Random(f"{self.seed}:{view.bar_number}")  # noqa: S311 - a repeatable script, no secret
        if dice.random() > self.talk:
            return None
        side = dice.choice([1, -1]) if view.is_flat else 1 if view.is_long else -1
        stop = view.close * (1 - side * dice.uniform(self.nearest, self.farthest))
        if view.is_flat:
            return (buy if side > 0 else sell)(quantity=dice.choice([1, 5, 20]), stop_loss=stop)
        return dice.choice([None, None, protect(stop_loss=stop), close()])


@dataclass(frozen=True, kw_only=True)
class Case:
    """A market and how it is traded. dearness: of funding, standard deviation of a payment, fraction of notional."""

    given: Knobs
    seed: int
    talk: float
    dearness: float
    leverage: int
    participation: str
    buffer: str

    @property
    def dataset(self) -> Dataset:
        dataset = market(replace(self.given, wildness=0.002, funding=True))
        assert dataset.funding is not None
        dice = np.random.default_rng(self.seed)
        rates = np.round(dice.normal(0, self.dearness, len(dataset.funding.rate)), 6)
        funding = Funding(symbol=SYMBOL, occurred_at=dataset.funding.occurred_at, rate=rates)
        return replace(dataset, funding=funding)

    @property
    def terms(self) -> Terms:
        return Terms(
            capital=Decimal(20_000),
            frictions=Frictions(
                fee_rate_maker=Decimal(0),
                fee_rate_taker=Decimal("0.0005"),
                slippage=FixedSlippage(Decimal(1)),
                participation_max=Decimal(self.participation),
                leverage=self.leverage,
            ),
            policies=LimitPolicies(account=replace(WIDE, stop_buffer=Decimal(self.buffer))),
            waivers=ALL_WAIVERS,
        )

    def holds(self) -> Strategy:
        return Holds(seed=self.seed, talk=self.talk, farthest=1 / self.leverage)

    def signals(self) -> Strategy:
        length = 3 + self.seed % 40
        signals = ([1] * length + [-1] * length) * (self.given.rows // length + 1)
        stop = (0.5 + 0.5 * self.talk) / self.leverage
        return SignalStrategy(signals=signals[: self.given.rows], weight=1.0, stop_fraction=stop)


cases = st.builds(
    Case,
    given=knobs(rows_max=150),
    seed=st.integers(0, 10**6),
    talk=st.sampled_from([0.05, 0.3, 0.9]),
    dearness=st.sampled_from([0.0005, 0.01, 0.04]),
    leverage=st.sampled_from([2, 5, 10]),
    participation=st.sampled_from(["0.0001", "0.3", "1"]),
    buffer=st.sampled_from(["0.001", "0.01", "0.1"]),
)


def words(gate: tuple[GateWord, ...]) -> list[GateWord]:
    return [word for word in gate if word.reason.startswith(WHY)]


@settings(max_examples=200)
@given(cases, st.sampled_from([Case.holds, Case.signals]))
def test_both_engines_give_back_the_same_at_the_same_close(case: Case, strategy: Callable[[Case], Strategy]) -> None:
    """One engine jumps from signal to signal; what happens in between is looked at all the same.

    Proves: QL-14, P6-9
    """
    plain = run_backtest(case.dataset, strategy(case), case.terms, Engine.PLAIN)
    assert_same(plain, run_backtest(case.dataset, strategy(case), case.terms, Engine.SKIPPING))
    event(f"given back: {bool(words(plain.gate))}")
    _is_told_and_leaves(plain)


def _is_told_and_leaves(result: RunResult) -> None:
    """What is told is of a position held then, and by then an exit of it is on its way, for that reason or its own."""
    rows = {int(at): row for row, at in enumerate(result.closed_at)}
    exits = [order for order in result.orders if order.effect is Effect.REDUCE and order.type is OrderType.MARKET]
    told = {word.at: word for word in words(result.gate)}
    for at, word in told.items():
        held = result.position[rows[at]]
        assert held != 0
        assert [each.limit for each in word.limits] == [LimitName.STOP_BEFORE_LIQUIDATION]
        assert any(order.created_at <= at and order.side.sign * held < 0 for order in exits)
    for order in exits:
        if order.reason == WHY:
            held = result.position[rows[order.created_at]]
            assert order.created_at in told
            assert order.side.sign * held < 0
            assert float(order.quantity) <= abs(held)


@settings(max_examples=100, deadline=None)
@given(cases)
def test_alone_on_an_account_it_is_given_back_as_in_its_own_backtest(case: Case) -> None:
    """All orders fill whole: a stop that volume does not serve is another thing there. Proves: QL-14, P6-9"""
    case = replace(case, participation="1", given=replace(case.given, silent_bars=False))
    dataset = replace(case.dataset, bars=replace(case.dataset.bars, volume=case.dataset.bars.volume * 1e9))
    alone = run_backtest(dataset, case.holds(), case.terms)
    member = Member(strategy_id=OWN, make=case.holds, symbols=(SYMBOL,), capital=case.terms.capital)
    shared = JointTerms(frictions=case.terms.frictions, policies=case.terms.policies, waivers=ALL_WAIVERS)
    result = run_together({SYMBOL: dataset}, [member], shared)
    event(f"given back: {bool(words(alone.gate))}")
    got = [
        (int(dataset.bars.opened_at[row]), each.quantity, each.price, each.fee)
        for row, each in result.postings[SYMBOL]
        if each.quantity
    ]
    assert got == [(fill.occurred_at, fill.side.sign * fill.quantity, fill.price, fill.fee) for fill in alone.fills]
    assert words(result.gate) == words(alone.gate)
