"""An input with holes is a missing input; waived, what is there still counts. What lies outside the window does not."""

from dataclasses import replace

import pytest

from qts.domain.errors import DataError
from qts.domain.instant import DAY_MS, parse_instant
from qts.domain.waiver import Waiver
from qts.market.brackets import BracketHistory
from qts.market.dataset import Dataset
from qts.market.funding import Funding
from qts.simulation.backtest import Terms, provenance_of, run_backtest
from qts.simulation.synthetic import synthetic_market
from qts.strategy.catalogue import BuyAndHold

START = parse_instant("2021-01-01")


@pytest.fixture
def market() -> Dataset:
    return synthetic_market(seed=4, start=START, bars=600)


def thinned(market: Dataset) -> Dataset:
    """Every third event is there: one a day, as a venue that settles every eight hours never has it."""
    assert market.funding is not None
    kept = Funding(
        symbol=market.funding.symbol, occurred_at=market.funding.occurred_at[::3], rate=market.funding.rate[::3]
    )
    return replace(market, funding=kept)


def test_two_of_three_funding_events_may_not_be_missing_in_silence(market: Dataset) -> None:
    """Proves: QL-9"""
    with pytest.raises(DataError, match="no event for 1d from 2021-01-01T00:00:00Z"):
        run_backtest(thinned(market), BuyAndHold(), Terms())


def test_waived_holes_leave_the_events_there_are(market: Dataset) -> None:
    """Proves: QL-9"""
    whole = run_backtest(market, BuyAndHold(), Terms())
    holed = run_backtest(thinned(market), BuyAndHold(), Terms(waivers=(Waiver.NO_FUNDING,)))
    assert 0 < len(holed.funding_payments) < len(whole.funding_payments)
    assert {payment.occurred_at for payment in holed.funding_payments} <= {
        payment.occurred_at for payment in whole.funding_payments
    }
    assert any("in whole or in part" in sentence for sentence in holed.assumptions)


def test_a_bracket_table_of_later_days_changes_nothing_about_earlier_ones(market: Dataset) -> None:
    """Proves: QL-9, WS-7"""
    assert market.brackets is not None
    later = replace(market.brackets.tables[0], as_of=market.end + DAY_MS)
    grown = replace(market, brackets=BracketHistory((*market.brackets.tables, later)))
    assert grown.between(market.start, market.end).fingerprint == market.between(market.start, market.end).fingerprint
    during = replace(market.brackets.tables[0], as_of=market.start + DAY_MS)
    changed = replace(market, brackets=BracketHistory((*market.brackets.tables, during)))
    assert changed.between(market.start, market.end).fingerprint != market.between(market.start, market.end).fingerprint


def test_what_data_are_called_is_not_another_trial(market: Dataset) -> None:
    """Proves: BX-3"""
    renamed = replace(market, source="the same rows from another file")
    first, second = (provenance_of(data, BuyAndHold(), Terms()) for data in (market, renamed))
    assert first.data_source != second.data_source
    assert first.trial_key == second.trial_key


def test_filled_bars_are_told(market: Dataset) -> None:
    """Proves: QL-3"""
    result = run_backtest(replace(market, rows_filled=3), BuyAndHold(), Terms())
    assert any(sentence.startswith("3 bars were missing and filled") for sentence in result.assumptions)
    assert result.provenance.rows_filled == 3
