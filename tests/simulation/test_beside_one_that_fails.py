"""A strategy that fails costs the others nothing, in bars too thin for everybody's orders too.

Proves: P6-3, P6-5
"""

from decimal import Decimal

import pytest

from qts.market.view import View
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_withdrawing import STOPPED
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.generators import SYMBOL
from tests.simulation.test_shared_account_attacked import script, thin, together


def failing(words: dict[int, Answer], at: int) -> type[Strategy]:
    says = script(words)

    class Fails(says):  # type: ignore[misc, valid-type]
        def on_bar(self, view: View) -> Answer:
            if view.bar_number >= at:
                raise ValueError("no more")
            return super().on_bar(view)  # type: ignore[no-any-return]

    return Fails


def held(result: JointResult, who: str) -> Decimal:
    return result.books[who, SYMBOL].position


@pytest.mark.parametrize("last", [close(), close(over_bars=2, algorithm="twap")])
def test_an_exit_does_not_meet_the_entry_of_one_that_was_halted(last: Answer) -> None:
    """Their order is offered again without the part of the other: what that may not open is told, and not crossed."""
    sound, dataset = script({6: sell(quantity=2), 9: last}), thin([100] * 20, {7: 0, 8: 1, 9: 0})
    result = together(dataset, sound=sound, bad=failing({6: sell(quantity=1)}, 7))
    assert held(result, "sound") == 0
    told = [(each.strategy_id, each.quantity, each.reason) for each in result.withheld]
    assert told == [("bad", 1 + held(result, "bad"), STOPPED)]


def test_an_entry_does_not_meet_the_entry_of_one_that_was_halted() -> None:
    sound, dataset = script({6: sell(quantity=2), 9: buy(quantity=5)}), thin([100] * 20, {7: 0, 8: 1, 9: 0})
    result = together(dataset, sound=sound, bad=failing({6: sell(quantity=1)}, 7))
    assert held(result, "sound") == Decimal("4.333"), "what it was short, and 5 less that"
    assert [each.strategy_id for each in result.withheld] == ["bad"]
