"""The market of bars against the exchange that knew the pair: the same strategies, fill for fill.

Proves: QL-10, QL-9
"""

from operator import attrgetter
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qts.simulation import backtest
from qts.simulation.backtest import Engine, run_backtest
from tests.generators import Improviser, knobs, market, terms
from tests.simulation.bar_driver import VenueExchange

_FACTS = attrgetter(
    "side",
    "quantity",
    "price",
    "reference_price",
    "fee",
    "liquidity",
    "cause",
    "realized_pnl",
    "occurred_at",
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(knobs(), terms, st.integers(0, 2**16), st.sampled_from([0.2, 0.5, 0.9]))
def test_a_venue_of_bars_fills_what_the_exchange_filled(given_market, given_terms, seed, talk):
    dataset = market(given_market)
    strategy = Improviser(seed=seed, talk=talk)
    expected = run_backtest(dataset, strategy, given_terms, Engine.PLAIN)
    for engine in Engine:
        with patch.object(backtest, "Exchange", VenueExchange):
            found = run_backtest(dataset, Improviser(seed=seed, talk=talk), given_terms, engine)
        assert [_FACTS(fill) for fill in found.fills] == [_FACTS(fill) for fill in expected.fills]
        assert found.funding_payments == expected.funding_payments
        assert found.refusals == expected.refusals
        assert found.trades == expected.trades
        assert (found.equity == expected.equity).all()
        assert found.wallet == expected.wallet
