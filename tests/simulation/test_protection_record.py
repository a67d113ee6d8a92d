"""What protect() did is on record: each change with its instant and prices, and under the digest."""

from dataclasses import replace
from decimal import Decimal

import pytest

from qts.market.view import View
from qts.simulation.backtest import Engine, run_backtest
from qts.simulation.result import ProtectionChange, RunResult
from qts.strategy.intent import Answer, buy, protect
from qts.strategy.strategy import Strategy
from tests.generators import INTERVAL, START
from tests.scenarios.story import stories

MARKET = """
story: nothing ever comes near the pair
bars:  0  100  101  99  100  1000
       1  100  101  99  100  1000
       2  100  101  99  100  1000
       3  100  101  99  100  1000
"""


class Trailing(Strategy):
    """Buys once, places a stop at the next close, and moves nothing but the target at the one after."""

    stop: float = 90.004

    def on_bar(self, view: View) -> Answer:
        says: list[Answer] = [
            buy(quantity=1),
            protect(stop_loss=self.stop),
            [protect(take_profit=120), protect(take_profit=130)],
            None,
        ]
        return says[view.bar_number]


def run(strategy: Strategy, engine: Engine) -> RunResult:
    (story,) = stories(MARKET)
    return run_backtest(story.dataset(), strategy, story.run_terms(), engine)


@pytest.mark.parametrize("engine", Engine)
def test_every_change_is_recorded_on_the_grid_with_its_instant(engine: Engine) -> None:
    """Proves: QL-9"""
    assert run(Trailing(), engine).protections == (
        ProtectionChange(occurred_at=START + 2 * INTERVAL, stop_loss=Decimal("90.01"), take_profit=None),
        ProtectionChange(occurred_at=START + 3 * INTERVAL, stop_loss=None, take_profit=Decimal(130)),
    )


def test_a_change_that_moved_no_money_is_still_under_the_digest() -> None:
    """Two runs with the same fills that protected otherwise are not the same run. Proves: QL-9"""
    told = run(Trailing(), Engine.PLAIN)
    moved = replace(told.protections[0], stop_loss=Decimal("90.02"))
    other = replace(told, protections=(moved, *told.protections[1:]))
    assert other.fills == told.fills
    assert other.digest != told.digest
    assert run(Trailing(), Engine.SKIPPING).digest == told.digest
