"""What has not happened yet changes nothing that was decided, filled, refused or marked before it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.instrument import Instrument
from qts.market.dataset import Dataset
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.result import RunResult
from qts.strategy.catalogue import CATALOGUE
from qts.strategy.features.columns import FeatureColumns
from qts.strategy.features.registry import FEATURES
from qts.strategy.strategy import Strategy
from tests.generators import Knobs, improvisers, knobs, market, terms, with_other_future


def past(result: RunResult, dataset: Dataset, cut: int) -> list[object]:
    """Everything a run did up to the close of bar ``cut``."""
    known = dataset.bars.closed_at(cut)
    return [
        [order for order in result.orders if order.created_at <= known],
        [fill for fill in result.fills if fill.occurred_at < known],
        [payment for payment in result.funding_payments if payment.occurred_at < known],
        [refusal for refusal in result.refusals if refusal.occurred_at < known],
        [change for change in result.protections if change.occurred_at <= known],
        result.equity[: cut + 1].tobytes(),
        result.position[: cut + 1].tobytes(),
    ]


@settings(max_examples=150)
@given(knobs(), improvisers, terms, st.data())
def test_no_future_can_change_a_decision(
    given: Knobs, strategy: Strategy, run_terms: Terms, data: st.DataObject
) -> None:
    """Proves: P6-1, QL-10"""
    dataset = market(given)
    cut = data.draw(st.integers(0, given.rows - 2))
    other = with_other_future(dataset, cut, data.draw(st.integers(0, 1000)))
    told = run_backtest(dataset, strategy, run_terms)
    retold = run_backtest(other, strategy, run_terms)
    assert past(told, dataset, cut) == past(retold, dataset, cut)


@settings(max_examples=10)
@given(knobs(rows_max=300), terms, st.sampled_from(sorted(CATALOGUE)), st.data())
def test_no_future_can_change_a_catalogue_strategy(
    given: Knobs, run_terms: Terms, name: str, data: st.DataObject
) -> None:
    """Proves: P6-1"""
    if given.rows < 80:
        return
    dataset = market(given)
    cut = data.draw(st.integers(60, given.rows - 2))
    other = with_other_future(dataset, cut, 1)
    told, retold = (run_backtest(each, CATALOGUE[name](), run_terms) for each in (dataset, other))
    assert past(told, dataset, cut) == past(retold, dataset, cut)


@pytest.mark.parametrize("name", sorted(FEATURES))
@settings(max_examples=25)
@given(given=knobs(rows_max=120), length=st.integers(2, 40), data=st.data())
def test_a_feature_on_the_past_alone_is_the_feature_on_everything(
    name: str, given: Knobs, length: int, data: st.DataObject
) -> None:
    """Values up to any row, the NaN before the feature is warm included, do not depend on later rows.

    Proves: P6-1
    """
    bars, traded = market(given).bars, market(given).instrument
    stop = data.draw(st.integers(1, len(bars)))
    whole = _column(bars, traded, name, length)
    part = _column(bars.rows(0, stop), traded, name, length)
    assert part.tobytes() == whole[:stop].tobytes()
    warmup = FEATURES[name].warmup(length)
    assert np.isnan(whole[: warmup - 1]).all()
    assert np.isfinite(whole[warmup - 1 :]).all()


def _column(bars, traded: Instrument, name: str, length: int):
    return FeatureColumns(bars, float(traded.tick)).column(name, length)
