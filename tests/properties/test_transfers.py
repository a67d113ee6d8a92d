"""Whatever is transferred, whenever, while several strategies trade: the account's sums are what they were.

The run itself checks at every posting and every transfer that a pool is its
strategy's wallet; here the end is counted once more, from the record.

Proves: P4-3
"""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.money import exact_arithmetic
from qts.market.dataset import Dataset
from qts.research.account_tables import account_tables
from qts.research.own_return import growth_of
from qts.risk.capital import folded
from qts.risk.capital_changes import PoolKey, Transfer
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member
from qts.simulation.operator_words import Outcome, Verb, Word
from tests.properties.test_joint_money import WORLD, accounts
from tests.simulation.joint_members import books_add_up

amounts = st.one_of(
    st.sampled_from(["0.00000001", "7", "49.99999999", "50", "4000", "123456.78901234"]).map(Decimal),
    st.integers(1, 10**13).map(lambda grains: Decimal(grains).scaleb(-8)),
)


@st.composite
def stories(draw: st.DrawFn) -> tuple[dict[str, Dataset], list[Member], JointTerms]:
    datasets, members, terms = draw(accounts())
    names = [each.strategy_id for each in members]
    closes = sorted({int(at) for each in datasets.values() for at in each.bars.opened_at + each.bars.interval_ms})
    words = []
    for number in range(draw(st.integers(0, 8)) if len(names) > 1 else 0):
        source, target = draw(st.permutations(names))[:2]
        at, amount = draw(st.sampled_from(closes)), draw(amounts)
        words.append(
            Word(at=at, number=number, verb=Verb.TRANSFER, subject=source, who="ann", target=target, amount=amount)
        )
    return datasets, members, replace(terms, operator=tuple(words))


@settings(max_examples=100, deadline=None)
@given(stories())
def test_transfers_conserve_every_sum_and_are_neither_gain_nor_loss(
    story: tuple[dict[str, Dataset], list[Member], JointTerms],
) -> None:
    datasets, members, terms = story
    result = run_together(datasets, members, terms)
    books_add_up(result)
    tables = account_tables(result)
    assert tables.differences == ()
    with exact_arithmetic():
        given = sum((each.capital for each in members), start=Decimal(0))
        assert tables.account.capital == given
        assert sum(row.capital for row in tables.strategies) == given
        assert sum(row.transferred for row in tables.strategies) == 0
        assert folded(change for _, change in result.changes) == result.capital
        for each in members:
            own = result.of_strategy(each.strategy_id)
            assert result.capital.pools[PoolKey(WORLD.world, each.strategy_id)].total == own.wallet
            assert own.capital == each.capital + result.moved(each.strategy_id)
    _what_was_done_is_what_moved(result)
    np.testing.assert_allclose(sum(result.by_strategy.values()), result.equity, rtol=1e-9, atol=1e-6)
    for each in members:
        _a_return_is_the_product_of_its_stretches(result, each.strategy_id)


def _what_was_done_is_what_moved(result: JointResult) -> None:
    done = [told for told in result.operator if told.outcome is Outcome.DONE]
    done.sort(key=lambda told: (told.word.at, told.word.number))
    made = [(each.at, each.source, each.target, each.amount) for each in result.transfers]
    assert made == [(told.said_at, told.word.subject, told.word.target, told.word.amount) for told in done]
    written = [(at, each) for at, each in result.changes if isinstance(each, Transfer)]
    assert [(at, each.source.strategy, each.target.strategy, each.amount) for at, each in written] == made
    for told in result.operator:
        assert told.outcome in (Outcome.DONE, Outcome.REFUSED)
        if told.outcome is Outcome.REFUSED:
            assert "is wanted" in told.detail


def _a_return_is_the_product_of_its_stretches(result: JointResult, strategy_id: str) -> None:
    """Worked out again, stretch by stretch, from what the strategy was worth before and after each transfer."""
    growth, product, worth = growth_of(result, strategy_id), 1.0, float(growth_of(result, strategy_id).began)
    for each in result.transfers:
        before, came = each.of(strategy_id)
        if came:
            product *= float(before) / worth
            worth = float(before + came)
            assert before > 0
            assert worth > 0
    product *= float(result.of_strategy(strategy_id).equity) / worth
    assert growth.total_return == pytest.approx(product - 1, rel=1e-9, abs=1e-9)
