"""Money is neither made nor lost, whatever the market does and whatever a strategy says.

Everything here is recomputed from the fills and payments of the result, never
from the book that kept them.
"""

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
from hypothesis import given, settings

from qts.domain.fill import Cause
from qts.domain.money import exact_arithmetic
from qts.simulation.backtest import Engine, Terms, run_backtest
from qts.simulation.result import RunResult
from qts.strategy.strategy import Strategy
from tests.generators import Knobs, improvisers, knobs, market, terms

GRID = Decimal("0.00000001")


def _cash(result: RunResult) -> Decimal:
    """Money in hand had every fill been paid in full in cash, from fills and payments alone."""
    cash = result.capital
    for fill in result.fills:
        cash -= fill.side.sign * fill.quantity * fill.price + fill.fee
    for payment in result.funding_payments:
        cash -= payment.amount
    return cash - result.costs.liquidation_fees


@settings(max_examples=120)
@given(knobs(), improvisers, terms)
def test_cash_position_fees_and_funding_conserve_exactly(given: Knobs, strategy: Strategy, run_terms: Terms) -> None:
    """Proves: QL-9"""
    dataset = market(given)
    result = run_backtest(dataset, strategy, run_terms, Engine.PLAIN)
    mark = dataset.mark if dataset.mark is not None else dataset.bars
    with exact_arithmetic():
        last = dataset.instrument.price(float(mark.close[-1]))
        position = sum((fill.side.sign * fill.quantity for fill in result.fills), start=Decimal(0))
        assert _cash(result) + position * last == result.final_equity
        assert result.final_equity - result.capital == sum(trade.net_pnl for trade in result.trades)
        assert sum(fill.fee for fill in result.fills) == result.costs.fees
        assert sum(payment.amount for payment in result.funding_payments) == result.costs.funding
        assert sum(trade.funding for trade in result.trades) == result.costs.funding
        assert sum(trade.fees for trade in result.trades) == result.costs.fees + result.costs.liquidation_fees
        slipped = sum((abs(fill.price - fill.reference_price) * fill.quantity for fill in result.fills), Decimal(0))
        assert slipped == result.costs.slippage == sum(trade.slippage for trade in result.trades)
        realized = sum((fill.realized_pnl for fill in result.fills), start=Decimal(0))
        paid = result.costs.fees + result.costs.funding + result.costs.liquidation_fees
        assert result.wallet == result.capital + realized - paid


@settings(max_examples=60)
@given(knobs(), improvisers, terms)
def test_the_equity_curve_is_what_the_fills_so_far_are_worth(
    given: Knobs, strategy: Strategy, run_terms: Terms
) -> None:
    """Proves: QL-9"""
    dataset = market(given)
    result = run_backtest(dataset, strategy, run_terms)
    marks = dataset.bars.close
    if dataset.mark is not None:
        marks = dataset.mark.close[len(dataset.mark) // len(dataset.bars) - 1 :: len(dataset.mark) // len(dataset.bars)]
    liquidated = any(fill.cause is Cause.LIQUIDATION for fill in result.fills)
    for row, opened_at in enumerate(dataset.bars.opened_at.tolist()):
        fills = [fill for fill in result.fills if fill.occurred_at <= opened_at]
        position = sum(fill.side.sign * float(fill.quantity) for fill in fills)
        assert np.isclose(result.position[row], position, atol=1e-9)
        if liquidated:
            continue  # what the insurance fund bore is known per run, not per fill
        paid = sum(float(p.amount) for p in result.funding_payments if _row_of(dataset, p.occurred_at) <= row)
        cash = float(result.capital) - paid
        cash -= sum(fill.side.sign * float(fill.quantity * fill.price) + float(fill.fee) for fill in fills)
        assert np.isclose(result.equity[row], cash + position * marks[row], atol=1e-4, rtol=1e-9)


def _row_of(dataset, occurred_at: int) -> int:
    """The bar a funding event belongs to: the one it happens in, or the next one when it falls into a gap."""
    row = int(np.searchsorted(dataset.bars.opened_at, occurred_at, side="right")) - 1
    return row if occurred_at < dataset.bars.closed_at(row) else row + 1


@settings(max_examples=60)
@given(knobs(), improvisers, terms)
def test_costs_are_what_the_rates_say_and_fills_lie_on_the_grids(
    given: Knobs, strategy: Strategy, run_terms: Terms
) -> None:
    """Fee = quantity x price x rate of its liquidity; prices on ticks, quantities on lots; slippage never helps.

    Proves: QL-9
    """
    dataset, rates = market(given), run_terms.frictions
    result = run_backtest(dataset, strategy, run_terms)
    for fill in result.fills:
        rate = rates.fee_rate_maker if fill.liquidity.value == "maker" else rates.fee_rate_taker
        due = Decimal(0) if fill.cause is Cause.LIQUIDATION else fill.quantity * fill.price * rate
        assert fill.fee == due.quantize(GRID, rounding=ROUND_HALF_EVEN)
        assert fill.price > 0
        assert fill.price % dataset.instrument.tick == 0
        assert fill.quantity % dataset.instrument.lot == 0
        assert (fill.price - fill.reference_price) * fill.side.sign >= 0
        if fill.liquidity.value == "maker":
            assert fill.price == fill.reference_price


@settings(max_examples=60)
@given(knobs(), improvisers, terms)
def test_all_orders_together_take_no_more_than_their_share_of_a_bar(
    given: Knobs, strategy: Strategy, run_terms: Terms
) -> None:
    """Proves: QL-10"""
    dataset = market(given)
    result = run_backtest(dataset, strategy, run_terms)
    volume = dict(zip(dataset.bars.opened_at.tolist(), dataset.bars.volume.tolist(), strict=True))
    taken: dict[int, Decimal] = {}
    for fill in result.fills:
        if fill.cause is not Cause.LIQUIDATION:
            taken[fill.occurred_at] = taken.get(fill.occurred_at, Decimal(0)) + fill.quantity
    for instant, quantity in taken.items():
        assert quantity <= Decimal(repr(volume[instant])) * run_terms.frictions.participation_max


@settings(max_examples=60)
@given(knobs(), improvisers, terms)
def test_an_isolated_position_with_brackets_never_takes_the_account_below_zero_by_liquidation(
    given: Knobs, strategy: Strategy, run_terms: Terms
) -> None:
    """Proves: QL-9"""
    result = run_backtest(market(given), strategy, run_terms)
    for trade in result.trades:
        if trade.exit_cause is Cause.LIQUIDATION:
            assert trade.net_pnl >= -result.capital - sum(max(t.net_pnl, Decimal(0)) for t in result.trades)
