"""What must hold for any equity curve and any list of trades."""

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qts.domain.instant import DAY_MS
from qts.research import returns as day
from qts.research import significance, trade_metrics
from qts.research.drawdown import drawdowns, episodes
from qts.research.metrics import MarkedEquity, measure_equity
from qts.research.significance import SharpeEstimate
from qts.research.undefined import Undefined

RETURNS = st.lists(st.floats(-0.2, 0.2).map(lambda r: round(r, 6)), min_size=100, max_size=160).map(np.array)
PNL = st.lists(st.decimals("-1e6", "1e6", places=8), min_size=2, max_size=40)
ESTIMATES = st.builds(
    SharpeEstimate,
    sharpe=st.floats(-0.3, 0.3),
    observations=st.integers(30, 3000),
    skew=st.floats(-1, 1),
    kurtosis=st.floats(2.5, 12),
)


def curve(returns: np.ndarray, capital: float = 10_000.0) -> MarkedEquity:
    closed_at = DAY_MS * np.arange(1, len(returns) + 1)
    equity = capital * np.cumprod(1 + returns)
    return MarkedEquity(capital=capital, started_at=0, interval_ms=DAY_MS, closed_at=closed_at, equity=equity)


@given(RETURNS, st.sampled_from([1e-3, 0.37, 8.0, 1e6]))
def test_no_metric_of_a_curve_depends_on_how_much_money_it_was(returns, scale):
    """Proves: BX-6"""
    assume(np.ptp(returns) > 1e-4)
    small, large = measure_equity(curve(returns)), measure_equity(curve(returns, capital=10_000.0 * scale))
    for name in small:
        assert (small[name].value is None) == (large[name].value is None), name
        if small[name].value is not None:
            assert large.value(name) == pytest.approx(small.value(name), rel=1e-6, abs=1e-9), name


@given(RETURNS)
def test_negated_returns_have_the_negated_sharpe_and_skew_and_the_same_volatility(returns):
    assume(np.ptp(returns) > 1e-4)
    assert day.sharpe(-returns) == pytest.approx(-day.sharpe(returns))
    assert day.skew(-returns) == pytest.approx(-day.skew(returns), abs=1e-12)
    assert day.volatility(-returns) == pytest.approx(day.volatility(returns))


@given(RETURNS)
def test_a_drawdown_lies_between_nothing_and_everything_and_episodes_cover_it(returns):
    """Proves: BX-6"""
    marked = curve(returns)
    fall = drawdowns(marked.points)
    assert (fall >= 0).all()
    assert (fall <= 1).all()
    found = episodes(marked.points, marked.instants)
    assert max((episode.depth for episode in found), default=0.0) == fall.max()
    assert all(episode.peak_at < episode.trough_at for episode in found)
    assert sum(episode.recovered_at is None for episode in found) == int(fall[-1] > 0)
    for earlier, later in pairwise(found):
        assert earlier.recovered_at <= later.peak_at


@given(RETURNS)
def test_the_order_of_days_changes_the_drawdown_but_not_the_sharpe(returns):
    assume(np.ptp(returns) > 1e-4)
    down_first, up_first = np.sort(returns), np.sort(returns)[::-1]
    assert day.sharpe(down_first) == pytest.approx(day.sharpe(up_first))
    falls = returns[returns < 0]
    if len(falls):
        assert drawdowns(curve(up_first).points).max() == pytest.approx(1 - np.prod(1 + falls))


@given(RETURNS)
def test_the_tail_is_ordered(returns):
    var, es = day.value_at_risk(returns, 0.01), day.expected_shortfall(returns, 0.01)
    assert -returns.max() - 1e-12 <= var <= es + 1e-12 <= -returns.min() + 2e-12


@given(PNL, st.randoms())
def test_the_order_of_trades_changes_no_trade_metric_in_any_digit(pnl, random):
    shuffled = list(pnl)
    random.shuffle(shuffled)

    def answers(of):
        for function in (trade_metrics.win_rate, trade_metrics.profit_factor, trade_metrics.payoff):
            try:
                yield function(of)
            except Undefined as undefined:
                yield undefined.cause
        yield trade_metrics.expectancy(of, Decimal(10_000))

    assert list(answers(pnl)) == list(answers(shuffled))


@given(PNL)
def test_the_trade_metrics_agree_with_each_other(pnl):
    wins, losses = sum(p > 0 for p in pnl), sum(p < 0 for p in pnl)
    assume(wins and losses)
    rate, factor, payoff = trade_metrics.win_rate(pnl), trade_metrics.profit_factor(pnl), trade_metrics.payoff(pnl)
    assert rate == wins / len(pnl)
    assert factor == pytest.approx(payoff * wins / losses)
    assert (factor > 1) == (trade_metrics.expectancy(pnl, Decimal(1)) > 0) or factor == pytest.approx(1)


@given(ESTIMATES, st.integers(1, 10**6), st.integers(1, 10**6), st.one_of(st.none(), st.floats(1e-6, 0.1)))
def test_the_more_was_tried_the_less_is_believed(found, few, more, variance):
    """Proves: BX-3"""
    few, more = sorted((few, more))
    assume(few < more)
    patient = significance.deflated_sharpe(found, few, variance)
    restless = significance.deflated_sharpe(found, more, variance)
    assert restless <= patient
    assert restless < patient or not 1e-300 < patient < 1 - 1e-12, "but where a float cannot tell the two apart"


@given(ESTIMATES)
def test_one_trial_deflates_nothing(found):
    assert significance.deflated_sharpe(found, 1, None) == significance.probabilistic_sharpe(found, 0.0)


@given(ESTIMATES, st.floats(-0.3, 0.3))
def test_a_higher_bar_is_never_easier(found, benchmark):
    easy = significance.probabilistic_sharpe(found, benchmark)
    hard = significance.probabilistic_sharpe(found, benchmark + 0.01)
    assert 0 <= hard <= easy <= 1


def test_noise_of_the_best_of_many_is_what_the_formula_expects():
    """A simulation: the best Sharpe of N worthless series is on average what ``expected_best_of`` says."""
    random = np.random.default_rng(7)
    for trials in (50, 500):
        ratios = random.normal(0.0, 0.05, size=(2000, trials))
        assert ratios.max(axis=1).mean() == pytest.approx(significance.expected_best_of(trials, 0.05**2), rel=0.02)
