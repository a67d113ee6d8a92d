"""An exit that takes several bars to fill takes its strategy's book to zero, and not through it.

Proves: P6-5
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from qts.market.view import View
from qts.simulation.costs import Frictions
from qts.simulation.joint_terms import OnHalt
from qts.simulation.operator_words import Verb
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.simulation.joint_members import NO_LIMITS, synthetic
from tests.simulation.scripted import held, run, script

DATA = synthetic(2, 120)
SYMBOL = DATA.instrument.symbol


@pytest.mark.parametrize("how", ["says so again", "is halted", "sells a part and is halted", "is closed"])
def test_an_exit_that_fills_in_parts_is_not_sent_twice(how: str) -> None:
    """The venue's reduce-only looks at the net, under which a second exit would have turned the strategy's own book."""

    class Leaves(Strategy):
        how: str = ""

        def on_bar(self, view: View) -> Answer:
            if view.bar_number == 3:
                return buy(quantity=10)
            if view.bar_number < 30 or self.how == "is closed":
                return None
            if self.how == "sells a part and is halted" and view.bar_number == 30:
                return sell(quantity=4)
            if self.how.endswith("is halted"):
                raise RuntimeError("planted")
            return close()

    class Stays(Strategy):
        def on_bar(self, view: View) -> Answer:
            return buy(quantity=10) if view.bar_number == 3 else None

    made = type("Made", (Leaves,), {"how": how, "__annotations__": {"how": str}, "__module__": __name__})
    words = script(DATA, (30, Verb.DISABLE, "leaves"), (30, Verb.CLOSE, "leaves")) if how == "is closed" else ()
    thin = replace(NO_LIMITS, frictions=Frictions(participation_max=Decimal("0.003")), on_halt=OnHalt.CLOSE)
    result = run(DATA, [("leaves", made), ("stays", Stays)], words, terms=thin)
    sizes = [held(result, SYMBOL, bar).get("leaves", Decimal(0)) for bar in range(30, 120)]
    assert len({*sizes}) > 5, "it took several bars"
    assert sizes == sorted(sizes, reverse=True)
    assert held(result, SYMBOL, 119) == {"stays": 10}
