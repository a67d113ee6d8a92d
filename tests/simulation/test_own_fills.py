"""A strategy on a shared account hears of its own part of every fill, and of nobody else's.

Proves: P6-1, P6-5
"""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.fill import Fill
from qts.market.view import View
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.simulation.joint_members import synthetic, together


class Listening(Strategy):
    """In and out by the bar's number, and it writes down what it hears of."""

    number: int
    every: int
    side: int

    def on_start(self) -> None:
        self.heard: list[Fill] = []

    def on_bar(self, view: View) -> Answer:
        if view.bar_number % self.every == 0:
            return (buy if self.side > 0 else sell)(
                quantity=1 + self.number, stop_loss=view.close * (1 - 0.02 * self.side)
            )
        return close() if view.bar_number % self.every == self.every // 2 else None

    def on_fill(self, fill: Fill) -> None:
        self.heard.append(fill)


@settings(max_examples=15)
@given(st.integers(0, 50), st.lists(st.tuples(st.integers(2, 9), st.sampled_from([1, -1])), min_size=1, max_size=3))
def test_each_hears_of_its_own_postings_whole_and_in_order(seed: int, shapes: list[tuple[int, int]]) -> None:
    made: list[Listening] = []

    def make(number: int, every: int, side: int) -> tuple[str, object]:
        def new() -> Listening:
            made.append(Listening(number=number, every=every, side=side))
            return made[-1]

        return f"s{number}", new

    dataset = synthetic(seed, 120)
    result = together(dataset, *(make(number, *shape) for number, shape in enumerate(shapes)))
    postings = [posting for _, posting in result.postings[dataset.instrument.symbol] if posting.quantity]
    for number in range(len(shapes)):
        own = [each for each in postings if each.strategy_id == f"s{number}"]
        (heard,) = [each.heard for each in made if each.number == number and hasattr(each, "heard")]
        last = result.books[f"s{number}", dataset.instrument.symbol].position
        told = [
            (each.order_id, each.side.sign * each.quantity, each.price, each.fee, each.realized_pnl) for each in heard
        ]
        assert told == [
            (each.order_id, each.quantity, each.price, each.fee, each.realized_pnl) for each in own[: len(told)]
        ]
        assert len(own) - len(told) <= 2, "only what the last bar brought is not told any more"
        if len(own) == len(told):
            assert sum((each.side.sign * each.quantity for each in heard), start=Decimal(0)) == last
