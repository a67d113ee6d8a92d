"""Stories a trader can read, and the run each of them is.

A story is a title, its terms, one line a bar, and what should have come of it:

    story: a stop and a target in one bar
    terms: leverage=3 slippage=0
    bars:  hour  open high low close volume   says
           0     100  101  99  100   1000     buy quantity=1 stop_loss=95 take_profit=105
           1     100  106  94  104   1000
    fills: 1 buy 1 @ 100 taker order
           1 sell 1 @ 95 taker stop-loss

The hour of a bar is its opening, counted from midnight; a missing hour is a
gap. What a bar says is said at its close; ``;`` separates wishes. ``mark:``
lists hour, open, high, low, close of the mark price where it is not the last
price. ``funding:`` lists hour:minute and rate. Anything after ``#`` is a remark.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from qts.domain.fill import Fill
from qts.domain.instant import HOUR_MS, MINUTE_MS
from qts.domain.waiver import Waiver
from qts.market.brackets import BracketHistory
from qts.market.dataset import Dataset
from qts.market.funding import Funding
from qts.market.view import View
from qts.simulation.backtest import Terms
from qts.simulation.costs import FixedSlippage, Frictions
from qts.strategy.intent import Answer, Intent, Targets, buy, close, protect, sell
from qts.strategy.strategy import Strategy
from tests.generators import START, SYMBOL, USUAL_BRACKETS, instrument, make_bars

_SECTION = re.compile(r"^(story|terms|bars|mark|funding|fills|refused|trades|ends):\s*(.*)$")
_VERBS = {"buy": buy, "sell": sell, "close": close, "protect": protect}
_READ: dict[str, Callable[[str], object]] = {
    "weight": float,
    "good_for_bars": int,
    "over_bars": int,
    "algorithm": str,
    "urgent": {"yes": True, "no": False}.__getitem__,
}
"""How a wish is read; prices and quantities are exact."""


@dataclass
class Story:
    title: str
    terms: dict[str, str] = field(default_factory=dict)
    bars: list[tuple[list[str], str]] = field(default_factory=list)
    mark: dict[int, list[float]] = field(default_factory=dict)
    funding: list[tuple[int, float]] = field(default_factory=list)
    fills: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    trades: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    def dataset(self) -> Dataset:
        opened_at = np.array([START + int(row[0]) * HOUR_MS for row, _ in self.bars])
        columns = _columns([[float(x) for x in row[1:5]] for row, _ in self.bars])
        volume = np.array([float(row[5]) for row, _ in self.bars])
        mark = None
        if self.mark:
            marks = [self.mark.get(int(row[0]), [float(x) for x in row[1:5]]) for row, _ in self.bars]
            mark = make_bars(opened_at, _columns(marks), volume)
        instants = np.array([START + minute * MINUTE_MS for minute, _ in self.funding], dtype=np.int64)
        rates = np.array([rate for _, rate in self.funding])
        return Dataset(
            instrument=instrument(self.terms.get("tick", "0.01")),
            bars=make_bars(opened_at, columns, volume),
            funding=Funding(symbol=SYMBOL, occurred_at=instants, rate=rates) if self.funding else None,
            brackets=BracketHistory((USUAL_BRACKETS,)) if self.terms.get("brackets") == "usual" else None,
            mark=mark,
            synthetic=True,
            source=self.title,
        )

    def run_terms(self) -> Terms:
        return Terms(
            capital=Decimal(self.terms.get("capital", "10000")),
            frictions=Frictions(
                fee_rate_maker=Decimal(self.terms.get("maker", "0")),
                fee_rate_taker=Decimal(self.terms.get("taker", "0")),
                slippage=FixedSlippage(Decimal(self.terms.get("slippage", "0"))),
                participation_max=Decimal(self.terms.get("participation", "1")),
                leverage=int(self.terms.get("leverage", "3")),
                liquidation_fee_rate=Decimal(self.terms.get("liquidation_fee", "0")),
            ),
            waivers=tuple(Waiver),
        )

    def strategy(self) -> Strategy:
        return Reader(script=tuple(said for _, said in self.bars))

    def hour_of(self, fill: Fill) -> int:
        return (fill.occurred_at - START) // HOUR_MS


def _columns(rows: list[list[float]]) -> dict[str, np.ndarray]:
    return dict(zip(("open", "high", "low", "close"), np.array(rows).T.copy(), strict=True))


class Reader(Strategy):
    """Says what is written for each bar, and nothing else."""

    script: tuple[str, ...]

    def on_bar(self, view: View) -> Answer:
        said = [_wish(text) for text in self.script[view.bar_number].split(";") if text.strip()]
        if len(said) == 1:
            return said[0]
        return [wish for wish in said if isinstance(wish, Intent)]


def _wish(text: str) -> Intent | Targets:
    verb, *given = text.split()
    if verb == "target":
        return Targets({SYMBOL: float(given[0])})
    wishes = dict(each.split("=") for each in given)
    return _VERBS[verb](**{name: _READ.get(name, Decimal)(value) for name, value in wishes.items()})


def stories(text: str) -> Iterator[Story]:
    """Every story of a text, in order."""
    story, section = Story(""), ""
    for line in text.splitlines():
        bare = line.split("#")[0].rstrip()
        if not bare.strip():
            continue
        heading = _SECTION.match(bare.strip())
        rest = bare.strip()
        if heading:
            section, rest = heading[1], heading[2].strip()
            if section == "story":
                if story.title:
                    yield story
                story = Story(rest)
                continue
        if rest:
            _read(story, section, rest)
    if story.title:
        yield story


def _read(story: Story, section: str, line: str) -> None:
    match section:
        case "terms":
            story.terms.update(each.split("=") for each in line.split())
        case "bars" if line.split(maxsplit=1)[0].isdigit():
            parts = line.split(None, 6)
            story.bars.append((parts[:6], parts[6] if len(parts) > 6 else ""))
        case "mark":
            hour, *prices = line.split()
            story.mark[int(hour)] = [float(price) for price in prices]
        case "funding":
            moment, rate = line.split()
            hour, _, minute = moment.partition(":")
            story.funding.append((int(hour) * 60 + int(minute or 0), float(rate)))
        case "fills" | "refused" | "trades" | "ends":
            getattr(story, section).append(" ".join(line.split()))
