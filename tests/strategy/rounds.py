"""A market with a view for each strategy of a registry, rounds over it, and strategies that behave."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from qts.domain.book import Holding
from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.order import Side
from qts.market.bars import Bars
from qts.market.view import Cursor, View
from qts.strategy.features.columns import FeatureColumns
from qts.strategy.intent import Answer, Targets, buy, close
from qts.strategy.multiplexer import Multiplexer, Round
from qts.strategy.registry import StrategyRegistry
from qts.strategy.strategy import Strategy
from tests.generators import COMPLETE

HOLDING = Holding(Decimal(0), None, 10_000.0, 0.0, 0.0)
X, Y = "XYZUSDT", "YYYUSDT"
WISH = buy(quantity=1)


class Market:
    """One market under several names, a view for each strategy and symbol, all at one row."""

    def __init__(self, bars: Bars = COMPLETE.bars) -> None:
        self.bars = bars
        self.cursor = Cursor()
        self._features = FeatureColumns(bars, 0.01)

    def views(self, registry: StrategyRegistry) -> dict[tuple[str, str], View]:
        return {
            (each, symbol): View(self.bars, self._features, self.cursor, HOLDING)
            for each in registry.ids
            for symbol in registry.symbols(each)
        }

    def rounds(self, multiplexer: Multiplexer, registry: StrategyRegistry, rows: int) -> list[Round]:
        views, heard = self.views(registry), []
        for self.cursor.row in range(rows):
            heard.append(multiplexer.ask(views, self.bars.closed_at(self.cursor.row)))
        return heard


def registered(strategies: Mapping[str, type[Strategy]], symbols: Iterable[str] = (X,)) -> StrategyRegistry:
    registry = StrategyRegistry()
    for strategy_id, kind in strategies.items():
        registry.register(strategy_id, kind, symbols)
    return registry


def one_round(strategies: Mapping[str, type[Strategy]], symbols: Iterable[str] = (X,), **settings: Any) -> Round:
    registry = registered(strategies, symbols)
    return Market().rounds(Multiplexer(registry, **settings), registry, 1)[0]


class Buyer(Strategy):
    def on_bar(self, view: View) -> Answer:
        return WISH


class TwoWords(Strategy):
    def on_bar(self, view: View) -> Answer:
        return [close(), WISH]


class Weights(Strategy):
    def on_bar(self, view: View) -> Answer:
        return Targets({X: 0.5})


FILL = Fill(
    fill_id="f",
    order_id="o",
    symbol=X,
    side=Side.BUY,
    quantity=Decimal(1),
    price=Decimal(100),
    reference_price=Decimal(100),
    fee=Decimal(0),
    liquidity=Liquidity.TAKER,
    cause=Cause.ORDER,
    realized_pnl=Decimal(0),
    occurred_at=COMPLETE.bars.closed_at(0),
)
