"""The engine that skips what cannot matter tells the same story as the one that visits everything."""

from hypothesis import given, settings
from hypothesis import strategies as st

from qts.simulation.backtest import Engine, Terms, run_backtest
from qts.simulation.result import RunResult
from qts.strategy.catalogue import CATALOGUE
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy
from tests.generators import Improviser, Knobs, Late, improvisers, knobs, market, terms


def assert_same(plain: RunResult, skipping: RunResult) -> None:
    assert skipping.orders == plain.orders
    assert skipping.fills == plain.fills
    assert skipping.funding_payments == plain.funding_payments
    assert skipping.refusals == plain.refusals
    assert skipping.trades == plain.trades
    assert skipping.equity.tobytes() == plain.equity.tobytes()
    assert skipping.position.tobytes() == plain.position.tobytes()
    assert skipping.gate == plain.gate
    assert skipping.distances == plain.distances
    assert skipping.digest == plain.digest


def both(given: Knobs, strategy: Strategy, run_terms: Terms) -> None:
    dataset = market(given)
    plain = run_backtest(dataset, strategy, run_terms, Engine.PLAIN)
    assert_same(plain, run_backtest(dataset, strategy, run_terms, Engine.SKIPPING))


@settings(max_examples=400)
@given(knobs(), improvisers, terms)
def test_any_strategy_fill_for_fill(given: Knobs, strategy: Strategy, run_terms: Terms) -> None:
    """Proves: QL-9, QL-10"""
    both(given, strategy, run_terms)


@settings(max_examples=60)
@given(knobs(), st.integers(0, 1000), st.sampled_from([0.05, 0.5]), terms)
def test_strategies_that_warm_up(given: Knobs, seed: int, talk: float, run_terms: Terms) -> None:
    strategy = Late(seed=seed, talk=talk)
    if given.rows > 5:
        both(given, strategy, run_terms)


@settings(max_examples=60)
@given(knobs(rows_max=400), st.integers(0, 1000), terms)
def test_long_silences(given: Knobs, seed: int, run_terms: Terms) -> None:
    """Speaks every hundredth bar or so: the look-ahead of the skipping engine has to grow and to start over."""
    both(given, Improviser(seed=seed, talk=0.01), run_terms)


@settings(max_examples=150)
@given(knobs(), terms, st.data())
def test_signal_strategies_jump_from_change_to_change(given: Knobs, run_terms: Terms, data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.tuples(st.integers(1, 12), st.sampled_from([-1, 0, 1])), min_size=1, max_size=12))
    signals = [side for length, side in lengths for _ in range(length)]
    signals = (signals * (given.rows // len(signals) + 1))[: given.rows + data.draw(st.integers(0, 3))]
    strategy = SignalStrategy(
        signals=signals,
        weight=data.draw(st.sampled_from([0.0, 0.5, 1.0, 2.9])),
        stop_fraction=data.draw(st.sampled_from([0.0, 0.005, 0.03])),
        target_fraction=data.draw(st.sampled_from([0.0, 0.01, 0.05])),
    )
    both(given, strategy, run_terms)


@settings(max_examples=12)
@given(knobs(rows_max=400), st.sampled_from(sorted(CATALOGUE)), terms)
def test_the_catalogue(given: Knobs, name: str, run_terms: Terms) -> None:
    if given.rows > 60:
        both(given, CATALOGUE[name](), run_terms)
