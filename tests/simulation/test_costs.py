"""What a taker pays: each slippage model by hand, and that it knows nothing of the bar it fills in."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.fill import Liquidity
from qts.domain.order import Side
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.costs import AtrSlippage, BarLiquidity, FixedSlippage, Frictions, ImpactSlippage, taker_price
from qts.strategy.intent import Answer, buy
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, INTERVAL, START, instrument, make_bars

BAR = BarLiquidity(volume=Decimal(400), atr=Decimal("2.5"))


@pytest.mark.parametrize(
    ("model", "bought", "sold"),
    [
        (FixedSlippage(Decimal(10)), "100.10", "99.90"),  # 100 x 0.001
        (AtrSlippage(Decimal("0.1")), "100.25", "99.75"),  # 2.5 x 0.1
        (ImpactSlippage(Decimal("0.5")), "100.63", "99.37"),  # 0.5 x 2.5 x sqrt(100 / 400) = 0.625, against the taker
    ],
)
def test_each_model_by_hand(model, bought: str, sold: str) -> None:
    """Proves: QL-9"""
    for side, price in ((Side.BUY, bought), (Side.SELL, sold)):
        paid = taker_price(instrument(), model, lambda: BAR, side=side, reference=Decimal(100), quantity=Decimal(100))
        assert paid == Decimal(price)
    assert model.sentence()
    assert model.facts()["model"]


@given(st.integers(1, 10**6), st.sampled_from(Side), st.integers(0, 20_000))
def test_slippage_never_helps_and_never_reaches_zero(ticks: int, side: Side, bps: int) -> None:
    """Proves: QL-9"""
    reference = Decimal(ticks) / 100
    paid = taker_price(
        instrument(),
        FixedSlippage(Decimal(bps)),
        lambda: BAR,
        side=side,
        reference=reference,
        quantity=Decimal(1),
    )
    assert paid >= reference if side is Side.BUY else 0 < paid <= reference


def test_fees_follow_liquidity_and_lie_on_the_money_grid() -> None:
    """Proves: QL-9"""
    rates = Frictions(fee_rate_maker=Decimal("0.0002"), fee_rate_taker=Decimal("0.0005"))
    quantity, price = Decimal("0.333"), Decimal("12345.67")
    assert rates.fee(quantity, price, Liquidity.MAKER) == Decimal("0.82222162")  # 4111.10811 x 0.0002 = 0.822221622
    assert rates.fee(quantity, price, Liquidity.TAKER) == Decimal("2.05555406")  # 4111.10811 x 0.0005 = 2.055554055
    assert rates.expected_cost_rate() == Decimal("0.0006")
    assert Frictions(slippage=AtrSlippage(Decimal(1))).expected_cost_rate() == Decimal("0.0005")


class BuyAt(Strategy):
    row: int

    def on_bar(self, view: View) -> Answer:
        return buy(quantity=1) if view.bar_number == self.row else None


def wavy(rows: int, wild_from: int) -> Dataset:
    """Ranges of 2 up to ``wild_from``, of 60 from there on; every bar opens and closes at 100."""
    flat = np.full(rows, 100.0)
    reach = np.where(np.arange(rows) < wild_from, 1.0, 30.0)
    columns = {"open": flat, "high": flat + reach, "low": flat - reach, "close": flat}
    bars = make_bars(START + INTERVAL * np.arange(rows), columns, np.full(rows, 1000.0))
    return Dataset(
        instrument=instrument(), bars=bars, funding=None, brackets=None, mark=None, synthetic=True, source="made"
    )


@pytest.mark.parametrize("model", [AtrSlippage(Decimal("0.1")), ImpactSlippage(Decimal("0.1"))])
def test_a_fill_at_the_open_knows_nothing_of_its_own_bar(model) -> None:
    """The range of the bar in which it fills would not have been known. Proves: QL-9"""
    run_terms = Terms(frictions=Frictions(slippage=model), waivers=ALL_WAIVERS)
    calm = run_backtest(wavy(40, 40), BuyAt(row=20), run_terms).fills[0].price
    wild_from_its_bar = run_backtest(wavy(40, 21), BuyAt(row=20), run_terms).fills[0].price
    wild_before = run_backtest(wavy(40, 20), BuyAt(row=20), run_terms).fills[0].price
    assert calm == wild_from_its_bar < wild_before


def test_before_there_is_an_atr_the_whole_price_stands_in_for_it() -> None:
    """Trading before the model can judge is expensive, not free. Proves: QL-9"""
    run_terms = Terms(frictions=Frictions(slippage=AtrSlippage(Decimal("0.1"))), waivers=ALL_WAIVERS)
    assert run_backtest(wavy(40, 40), BuyAt(row=3), run_terms).fills[0].price == Decimal(110)
    assert run_backtest(wavy(40, 40), BuyAt(row=0), run_terms).fills[0].price == Decimal(110)
