"""Strategies and markets for tests of several strategies on one account."""

import math
import random
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from qts.domain.instant import HOUR_MS
from qts.domain.waiver import Waiver
from qts.market.dataset import Dataset
from qts.market.view import View
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member
from qts.simulation.synthetic import synthetic_market
from qts.strategy.features import sma
from qts.strategy.intent import Answer, buy, close
from qts.strategy.strategy import Strategy

START = 400_000 * 4 * HOUR_MS
ALL = tuple(Waiver)
CAPITAL = Decimal(30_000)
NO_LIMITS = JointTerms(waivers=ALL, policies=None)


def synthetic(seed: int, bars: int, symbol: str = "") -> Dataset:
    made = synthetic_market(seed=seed, start=START, bars=bars)
    if not symbol:
        return made
    funding = None if made.funding is None else replace(made.funding, symbol=symbol)
    return replace(
        made,
        instrument=replace(made.instrument, symbol=symbol),
        bars=replace(made.bars, symbol=symbol),
        mark=None if made.mark is None else replace(made.mark, symbol=symbol),
        funding=funding,
        brackets=None,
    )


def together(
    dataset: Dataset,
    *kinds: type[Strategy] | tuple[str, type[Strategy]],
    terms: JointTerms = NO_LIMITS,
    capital: Decimal = CAPITAL,
) -> JointResult:
    named = [each if isinstance(each, tuple) else (f"s{number}", each) for number, each in enumerate(kinds)]
    symbol = dataset.instrument.symbol
    members = [Member(strategy_id=each, make=kind, symbols=(symbol,), capital=capital) for each, kind in named]
    return run_together({symbol: dataset}, members, terms)


def books_add_up(result: JointResult) -> None:
    """Exactly, whatever the mark prices are."""
    for symbol, venue in result.venue.items():
        books = result.of_symbol(symbol)
        for name in ("capital", "fees", "funding", "liquidation_fees", "equity"):
            assert getattr(books, name) == getattr(venue, name), name
        held = [each.position for (_, where), each in result.books.items() if where == symbol]
        assert sum(held, start=Decimal(0)) == venue.position


def adds_up(result: JointResult) -> None:
    """The lines of equity too, where mark prices lie on the tick grid."""
    books_add_up(result)
    total = sum(result.by_strategy.values())
    np.testing.assert_allclose(total, result.equity, rtol=1e-12)
    np.testing.assert_allclose(sum(result.by_symbol.values()), result.equity, rtol=1e-12)
    assert result.equity[-1] == pytest.approx(float(result.account.equity), rel=1e-12)


def failing(seed: int, bars: int = 60) -> type[Strategy]:
    """A strategy that trades until something of it goes wrong, at a bar, of so many, and in a way the seed says."""

    class Failing(Strategy):
        def on_bar(self, view: View) -> Answer:
            dice = random.Random(seed)  # noqa: S311 - a repeatable script, no secret
            at, how = dice.randrange(3, bars), dice.choice(["raise", "nan", "type", "flood", "exit", "deep"])
            if view.bar_number < at:
                return buy(quantity=1) if view.bar_number % 7 == 1 else close()
            match how:
                case "raise":
                    raise RuntimeError("planted")
                case "nan":
                    return buy(quantity=math.nan)
                case "type":
                    return "buy"  # type: ignore[return-value]
                case "flood":
                    return [close()] * 10_000
                case "exit":
                    raise SystemExit(3)
            return self.on_bar(view)

    return Failing


class Averages(Strategy):
    fast: int = 3
    slow: int = 9

    def on_bar(self, view: View) -> Answer:
        fast, slow = sma(view, self.fast), sma(view, self.slow)
        if view.is_flat and fast > slow:
            return buy(quantity=2)
        return close() if view.is_long and fast < slow else None


def averaging(fast: int) -> type[Strategy]:
    return type("Averaging", (Averages,), {"fast": fast, "__annotations__": {"fast": int}, "__module__": __name__})
