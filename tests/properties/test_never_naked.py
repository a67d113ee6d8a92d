"""A position whose entries carry stops never outlives a bar that reached the stop in force."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.fill import Cause
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.costs import FixedSlippage, Frictions
from tests.generators import ALL_WAIVERS, Improviser, Knobs, knobs, make_bars, market

ENTRIES = ("market", "limit", "trigger", "pair")


class Careful(Improviser):
    """Every entry of this one has a stop."""

    def on_bar(self, view):
        said = super().on_bar(view) or []
        return [wish for wish in said if wish.stop_loss is not None or wish.reason not in ENTRIES]


@settings(max_examples=150)
@given(knobs(), st.integers(0, 10**6), st.sampled_from([0.3, 1.0]))
def test_a_stop_that_was_touched_took_the_position_out(given: Knobs, seed: int, talk: float) -> None:
    """Replayed from orders and fills: at the end of each bar, nothing is held beyond its stop.

    Proves: QL-16, QL-10
    """
    quiet = replace(given, silent_bars=False, mark="none", brackets="none", funding=False)
    drawn = market(quiet)
    prices = {name: getattr(drawn.bars, name) for name in ("open", "high", "low", "close")}
    dataset = replace(drawn, bars=make_bars(drawn.bars.opened_at, prices, np.full(len(drawn.bars), 1e9)))
    frictions = Frictions(slippage=FixedSlippage(Decimal(0)), participation_max=Decimal(1))
    strategy = Careful(seed=seed, talk=talk, words="market limit trigger pair close")
    result = run_backtest(dataset, strategy, Terms(capital=Decimal(50), frictions=frictions, waivers=ALL_WAIVERS))
    orders = {order.order_id: order for order in result.orders}
    fills, position, stop = list(result.fills), Decimal(0), None
    for row, opened_at in enumerate(dataset.bars.opened_at.tolist()):
        while fills and fills[0].occurred_at == opened_at:
            fill = fills.pop(0)
            before, position = position, position + fill.side.sign * fill.quantity
            order = orders.get(fill.order_id)
            opens = position * fill.side.sign > 0
            if order is not None and opens and order.stop_loss is not None:
                stop = order.stop_loss
            if position == 0 or (before * position < 0 and not opens):
                stop = None
            if fill.cause is Cause.STOP_LOSS:
                assert position == 0  # all of it: there was volume enough
        if position > 0:
            assert stop is not None
            assert dataset.bars.low[row] > float(stop)
        elif position < 0:
            assert stop is not None
            assert dataset.bars.high[row] < float(stop)
