"""Every story in the folder ends as it says, in both engines."""

from decimal import Decimal
from pathlib import Path

import pytest

from qts.domain.money import plain
from qts.simulation.backtest import Engine, run_backtest
from qts.simulation.result import RunResult
from tests.generators import START
from tests.scenarios.story import Story, stories

STORIES = [
    pytest.param(story, id=f"{file.stem}: {story.title}")
    for file in sorted(Path(__file__).parent.glob("*.txt"))
    for story in stories(file.read_text(encoding="utf-8"))
]
HOUR = 3_600_000


def told_fills(story: Story, result: RunResult) -> list[str]:
    return [
        f"{story.hour_of(f)} {f.side} {plain(f.quantity)} @ {plain(f.price)} {f.liquidity} {f.cause}"
        for f in result.fills
    ]


def told_refusals(story: Story, result: RunResult) -> list[str]:
    """By the hour of the bar: a decision belongs to the bar that closed, a refusal at a fill to the bar that filled."""
    sent = {order.order_id for order in result.orders}
    return [
        f"{(r.occurred_at - START) // HOUR - (r.order_id not in sent)} {' '.join(r.codes)}" for r in result.refusals
    ]


def told_trades(result: RunResult) -> list[str]:
    return [f"gross {plain(t.gross_pnl)} fees {plain(t.fees)} funding {plain(t.funding)}" for t in result.trades]


@pytest.mark.parametrize("story", STORIES)
def test_the_story_ends_as_it_says(story: Story) -> None:
    """Proves: QL-9, QL-10"""
    result = run_backtest(story.dataset(), story.strategy(), story.run_terms(), Engine.PLAIN)
    assert told_fills(story, result) == story.fills
    assert told_refusals(story, result) == story.refused
    if story.trades:
        assert told_trades(result) == story.trades
    for end in story.ends:
        what, value = end.split()
        held = sum((f.side.sign * f.quantity for f in result.fills), Decimal(0))
        assert Decimal(value) == {"position": held, "wallet": result.wallet}[what]
    skipped = run_backtest(story.dataset(), story.strategy(), story.run_terms(), Engine.SKIPPING)
    assert skipped.digest == result.digest
