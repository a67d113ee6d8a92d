"""Strategies that come with QTS: four old ideas to start from, and a coin to compare them with."""

from collections.abc import Mapping

from qts.strategy.catalogue.buy_and_hold import BuyAndHold
from qts.strategy.catalogue.coin_flip import CoinFlip
from qts.strategy.catalogue.donchian_breakout import DonchianBreakout
from qts.strategy.catalogue.moving_average_cross import MovingAverageCross
from qts.strategy.catalogue.rsi_reversion import RsiReversion
from qts.strategy.strategy import Strategy

CATALOGUE: Mapping[str, type[Strategy]] = {
    strategy.__name__: strategy
    for strategy in (MovingAverageCross, DonchianBreakout, RsiReversion, BuyAndHold, CoinFlip)
}

__all__ = ["CATALOGUE", "BuyAndHold", "CoinFlip", "DonchianBreakout", "MovingAverageCross", "RsiReversion"]
