"""A stopped-out trade costs what was planned, however the market is quoted."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.fill import Cause
from qts.domain.money import exact_arithmetic
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.risk.sizing import SizingFacts, quantity_allowed, quantity_for_stop
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.costs import FixedSlippage, Frictions
from qts.strategy.intent import Answer, buy, sell
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, INTERVAL, START, instrument, make_bars


class OneTrade(Strategy):
    side: int
    stop: float

    def on_bar(self, view: View) -> Answer:
        if view.bar_number > 0:
            return None
        return buy(stop_loss=self.stop) if self.side > 0 else sell(stop_loss=self.stop)


def stopped_out_market(price: float, stop: float, tick: str) -> Dataset:
    """Opens where it closed, and reaches the stop one bar later without a gap."""
    import numpy as np

    low, high = min(price, stop), max(price, stop)
    columns = {
        "open": np.array([price, price, price]),
        "high": np.array([price, price, high]),
        "low": np.array([price, price, low]),
        "close": np.array([price, price, stop]),
    }
    bars = make_bars(START + INTERVAL * np.arange(3), columns, np.full(3, 1e12))
    return Dataset(
        instrument=instrument(tick), bars=bars, funding=None, brackets=None, mark=None, synthetic=True, source="made"
    )


@settings(max_examples=150)
@given(
    side=st.sampled_from([1, -1]),
    ticks=st.integers(1_000, 10_000_000),
    distance=st.integers(1, 990),
    tick=st.sampled_from(["0.01", "0.5", "1"]),
    fee=st.sampled_from(["0", "0.0005", "0.003"]),
    bps=st.sampled_from(["0", "1", "50"]),
    capital=st.integers(50, 10_000_000),
    risk=st.sampled_from(["0.02", "0.005"]),
)
def test_a_stopped_out_trade_loses_the_planned_share_of_equity_and_no_more(  # noqa: PLR0917
    side: int, ticks: int, distance: int, tick: str, fee: str, bps: str, capital: int, risk: str
) -> None:
    """Costs of both ways included, and the rounding of slipped prices to the tick. What may come on top is a fee on the
    slippage; what may be missing is less than one lot, unless leverage clipped it.

    Proves: QL-13
    """
    from qts.risk.policy import RiskLimits

    step = float(tick)
    price = round(ticks * step, 2)
    stop = round((ticks - side * distance) * step, 2)
    frictions = Frictions(
        fee_rate_maker=Decimal(fee),
        fee_rate_taker=Decimal(fee),
        slippage=FixedSlippage(Decimal(bps)),
        participation_max=Decimal(1),
    )
    run_terms = Terms(
        capital=Decimal(capital),
        frictions=frictions,
        limits=RiskLimits(risk_per_trade=Decimal(risk)),
        waivers=ALL_WAIVERS,
    )
    result = run_backtest(stopped_out_market(price, stop, tick), OneTrade(side=side, stop=stop), run_terms)
    if not result.trades:
        assert result.refusals
        return
    trade = result.trades[0]
    assert trade.exit_cause is Cause.STOP_LOSS
    planned = Decimal(capital) * Decimal(risk)
    rounding = 2 * Decimal(tick) if Decimal(bps) else Decimal(0)
    slack = trade.quantity * Decimal(str(price + stop)) * Decimal(fee) * Decimal(bps) * Decimal("0.0001")
    slack += trade.quantity * rounding * Decimal(fee)
    assert -trade.net_pnl <= planned + slack
    one_lot = Decimal("0.001")
    entry, exit_ = Decimal(str(price)), Decimal(str(stop))
    cost_rate = Decimal(fee) + Decimal(bps) * Decimal("0.0001")
    with_a_lot_more = (trade.quantity + one_lot) * (abs(entry - exit_) + (entry + exit_) * cost_rate + rounding)
    clipped = (trade.quantity + one_lot) * entry * (1 + cost_rate * 3) > 3 * Decimal(capital) * Decimal("0.99")
    assert with_a_lot_more > planned or clipped


@settings(max_examples=100)
@given(
    st.integers(-1000, 10**7),
    st.integers(-1000, 10**7),
    st.integers(0, 10**7),
    st.integers(1, 10**6),
    st.integers(1, 10**6),
    st.integers(1, 20),
)
def test_quantities_never_pass_leverage_or_margin(  # noqa: PLR0917
    equity: int, available: int, held: int, entry: int, stop: int, leverage: int
) -> None:
    """Proves: QL-13"""
    if entry == stop:
        return
    facts = SizingFacts(
        allocated=Decimal(equity),
        equity=Decimal(equity),
        available=Decimal(available),
        held=Decimal(held) / 1000,
        elsewhere=Decimal(0),
        cost_rate=Decimal("0.0006"),
        leverage=leverage,
        leverage_max=Decimal(3),
        risk_per_trade=Decimal("0.02"),
    )
    with exact_arithmetic():
        price = Decimal(entry) / 10
        quantity = quantity_for_stop(price, Decimal(stop) / 10, instrument(), facts)
        assert quantity % Decimal("0.001") == 0
        allowed = quantity_allowed(price, facts)
        assert 0 <= max(quantity, Decimal(0)) <= allowed or allowed == 0
        assert (facts.held + allowed) * price <= max(Decimal(3) * equity, facts.held * price)
        assert quantity == 0 or facts.held + quantity <= Decimal(equity) * facts.risk_per_trade / abs(
            price - Decimal(stop) / 10
        )
        assert allowed * price / leverage <= max(available, 0)
