"""The staged limits judge a strategy's orders in a backtest of its own as they judge them on an account it has alone.

The two have the limits, and what makes facts of books, in common and nothing
else: one is the venue's book, the other virtual books, arbitration and a net
order. Limits or none, they differ in four things, none of which is said here:
several wishes of one answer on one side are one order of the account, and
opposite ones meet inside it; a target, and a second entry's own pair, are placed
at another moment of the bar; a stop that volume did not serve is an exit of
the strategy; and an account counts the orders it sends, not the wishes they are made of.

Proves: P6-9, P6-7
"""

import random
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qts.market.dataset import Dataset
from qts.market.view import View
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.risk.limit_words import GateWord
from qts.risk.limits import LimitName
from qts.risk.stages import StageWord
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.costs import Frictions
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member
from qts.simulation.run_limits import OWN
from qts.simulation.stop_recheck import WHY
from qts.strategy.intent import Answer, Intent, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, SYMBOL, Knobs, bounds, frictions, knobs, market


class OneWay(Strategy):
    """In and out, larger and round, with and without a stop; what one answer wants is sent as it is."""

    seed: int = 0
    talk: float = 0.5

    def on_bar(self, view: View) -> Answer:
        dice = random.Random(f"{self.seed}:{view.bar_number}")  # noqa: S311 - a repeatable script, no secret
        if dice.random() > self.talk:
            return None
        if view.is_flat:
            return self._entry(view, dice, dice.choice([1, -1]))
        side = 1 if view.is_long else -1
        more = (buy if side > 0 else sell)(weight=dice.choice([0.2, 0.7]))
        return dice.choice([close(), [close(), self._entry(view, dice, -side)], more])

    def _entry(self, view: View, dice: random.Random, side: int) -> Intent:
        wishes: dict[str, Any] = {"stop_loss": view.close * (1 - side * dice.choice([0.002, 0.01, 0.05]))}
        if dice.random() < 0.4:
            wishes["weight"] = dice.choice([0.2, 0.7, 2.0])
            if dice.random() < 0.5:
                del wishes["stop_loss"]
        return (buy if side > 0 else sell)(**wishes)


ORDER_RATES = {LimitName.ORDERS_PER_SECOND, LimitName.ORDERS_PER_MINUTE}


def ample(dataset: Dataset) -> Dataset:
    return replace(dataset, bars=replace(dataset.bars, volume=dataset.bars.volume * 1e9))


def own_words(words: Iterable[GateWord]) -> list[object]:
    """What was said of the strategy's orders, by its own limits one by one and by all of them together."""
    return [
        (each.at, each.stage, each.codes, each.asked, each.allowed, [one for one in each.limits if one.whose == OWN])
        for each in words
        if each.strategy_id == OWN
    ]


@settings(max_examples=200, deadline=None)
@given(knobs(rows_max=120), st.integers(0, 10**6), st.sampled_from([0.2, 0.8]), frictions, bounds)
def test_a_strategy_alone_on_an_account_is_judged_as_in_its_own_backtest(
    given: Knobs, seed: int, talk: float, costs: Frictions, policy: LimitPolicy
) -> None:
    """Fills, every word of the limits, and the distances at the end."""
    dataset = ample(market(replace(given, silent_bars=False)))
    policies = LimitPolicies(account=policy)
    costs = replace(costs, participation_max=Decimal(1))
    strategy = OneWay(seed=seed, talk=talk)
    alone = run_backtest(dataset, strategy, Terms(frictions=costs, policies=policies, waivers=ALL_WAIVERS))
    made = {"make": lambda: OneWay(seed=seed, talk=talk), "capital": alone.capital}
    member = Member(strategy_id=OWN, symbols=(SYMBOL,), **made)
    terms = JointTerms(frictions=costs, policies=policies, waivers=ALL_WAIVERS)
    result = run_together({SYMBOL: dataset}, [member], terms)
    assume(not result.crossed)  # the first difference: more is wanted at the very close at which the position has to go
    got = [
        (int(dataset.bars.opened_at[row]), each.quantity, each.price, each.fee)
        for row, each in result.postings[SYMBOL]
        if each.quantity
    ]
    assert got == [(fill.occurred_at, fill.side.sign * fill.quantity, fill.price, fill.fee) for fill in alone.fills]
    assert own_words(result.gate) == own_words(alone.gate)
    ends_giving_back = any(word.at == int(result.closed_at[-1]) and word.reason.startswith(WHY) for word in alone.gate)
    for shared, own in zip(result.distances, alone.distances, strict=True):
        if not (ends_giving_back and own.limit.name in ORDER_RATES):  # the fourth difference: that exit was no wish
            assert shared == own
    of_account = [word for word in result.gate if word.strategy_id != OWN]
    assert all(word.stage is StageWord.WARN for word in of_account), "what passed as a want passes as an order"
