"""Seven trades that were worked out on paper, to the last digit."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from qts.simulation.backtest import run_backtest
from tests.scenarios.story import Story, stories
from tests.scenarios.test_stories import told_fills, told_trades

PAPER = Path(__file__).parents[1] / "golden" / "hand_worked" / "trades.md"
TEXT = PAPER.read_text(encoding="utf-8")
STORIES = [story for block in re.findall(r"```story\n(.*?)```", TEXT, re.DOTALL) for story in stories(block)]
NETS = [Decimal(net) for net in re.findall(r"^\| net .*\| (-?[0-9.]+) \|$", TEXT, re.MULTILINE)]


@pytest.mark.parametrize(("story", "net"), list(zip(STORIES, NETS, strict=True)), ids=[s.title for s in STORIES])
def test_to_the_last_digit(story: Story, net: Decimal) -> None:
    """Proves: QL-9, QL-10"""
    result = run_backtest(story.dataset(), story.strategy(), story.run_terms())
    assert told_fills(story, result) == story.fills
    assert told_trades(result) == story.trades
    assert result.trades[0].net_pnl == net == result.final_equity - result.capital
