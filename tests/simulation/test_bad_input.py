"""What is wrong with a run is said in one sentence, with the place and the next step, before anything is kept."""

import sys
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from qts.domain.errors import PolicyError, StrategyError
from qts.market.view import View
from qts.simulation.backtest import Engine, Terms, run_backtest
from qts.simulation.costs import AtrSlippage, FixedSlippage, Frictions
from qts.strategy.features import sma
from qts.strategy.intent import Answer, Intent, Targets, buy
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy
from tests.generators import (
    ALL_WAIVERS,
    COMPLETE,
    INTERVAL,
    START,
    SYMBOL,
    make_bars,
)

TERMS = Terms(waivers=ALL_WAIVERS)


# -- what the strategy does ---------------------------------------------------------


class Raises(Strategy):
    def on_bar(self, view: View) -> Answer:
        if view.bar_number == 7:
            raise KeyError("rates")
        return None


class RaisesAtStart(Strategy):
    def on_start(self) -> None:
        raise OSError("no such model")

    def on_bar(self, view: View) -> Answer:
        return None


class RaisesOnFill(Strategy):
    def on_bar(self, view: View) -> Answer:
        return buy(quantity=1) if view.bar_number == 3 else None

    def on_fill(self, fill) -> None:
        raise ZeroDivisionError("fees")


class Leaves(Strategy):
    """Wants to end the process, at one of the places where it is called."""

    place: str

    def on_start(self) -> None:
        self._leave("on_start")

    def on_bar(self, view: View) -> Answer:
        self._leave("on_bar")
        return buy(quantity=1) if view.bar_number == 3 else None

    def on_fill(self, fill) -> None:
        self._leave("on_fill")

    def _leave(self, place: str) -> None:
        if place == self.place:
            sys.exit(0)


class Interrupted(Strategy):
    def on_bar(self, view: View) -> Answer:
        raise KeyboardInterrupt


class Answers(Strategy):
    answer: object

    def on_bar(self, view: View) -> Answer:
        return self.answer() if callable(self.answer) else self.answer


class LooksAhead(Strategy):
    how: str

    def on_bar(self, view: View) -> Answer:
        match self.how:
            case "ago":
                sma(view, 3, ago=-1)
            case "closes":
                view.closes(0)
            case "volumes":
                view.volumes(-2)
        return None


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (Raises(), "Raises raised KeyError: 'rates'"),
        (RaisesAtStart(), "RaisesAtStart raised OSError: no such model"),
        (RaisesOnFill(), "RaisesOnFill raised ZeroDivisionError: fees"),
        (Leaves(place="on_start"), "Leaves raised SystemExit: 0"),
        (Leaves(place="on_bar"), "Leaves raised SystemExit: 0"),
        (Leaves(place="on_fill"), "Leaves raised SystemExit: 0"),
        (Answers(answer="buy"), "on_bar returned str 'buy'"),
        (Answers(answer=True), "on_bar returned bool True"),
        (Answers(answer=[buy(quantity=1), None]), "on_bar returned list"),
        (Answers(answer=0.5), "on_bar returned float 0.5"),
        (Answers(answer=lambda: buy(quantity=float("nan"))), "quantity is nan"),
        (Answers(answer=lambda: buy(weight=float("nan"))), "weight must be a number above 0, not nan"),
        (Answers(answer=lambda: buy(stop_loss=float("inf"))), "stop_loss is inf"),
        (Answers(answer=lambda: buy(quantity="5")), "quantity must be a number, not '5'"),
        (Answers(answer=lambda: buy(quantity=True)), "quantity must be a number, not True"),
        (Answers(answer=lambda: buy(weight=True)), "weight must be a number above 0, not True"),
        (Answers(answer=lambda: buy(weight="1")), "weight must be a number above 0, not '1'"),
        (Answers(answer=lambda: buy(quantity=-1)), "quantity must be above 0, not -1"),
        (Answers(answer=lambda: buy(quantity=0)), "quantity must be above 0, not 0"),
        (Answers(answer=lambda: buy(quantity=1e60)), "quantity must be above 0"),
        (Answers(answer=lambda: buy(quantity=1, weight=1)), "give a quantity or a weight, not both"),
        (Answers(answer=lambda: buy(limit=1, trigger=2)), "a limit or a trigger, not both"),
        (Answers(answer=lambda: buy(quantity=1, good_for_bars=0)), "good_for_bars must be 1 or more"),
        (Answers(answer=lambda: buy(quantity=1, good_for_bars=1.5)), "good_for_bars must be a whole number"),
        (Answers(answer=lambda: buy(quantity=1, reason=5)), "reason must be text"),
        (Answers(answer=lambda: buy(quantity=1, stoploss=9)), "does not know 'stoploss'. Did you mean 'stop_loss'?"),
        (Answers(answer=lambda: Intent(action="buy", quantity=1.5)), "quantity must be a Decimal, not 1.5"),
        (Answers(answer=lambda: Intent(action="buy", quantity=Decimal("NaN"))), "quantity must be above 0, not NaN"),
        (Answers(answer=lambda: Targets({SYMBOL: float("nan")})), "target weight of XYZUSDT must be a finite number"),
        (Answers(answer=lambda: Targets({SYMBOL: "1"})), "target weight of XYZUSDT must be a finite number"),
        (Answers(answer=lambda: Targets({SYMBOL: 1e300})), "target weight of XYZUSDT must be a finite number"),
        (Answers(answer=buy("ETHUSDT", quantity=1)), "the strategy speaks of 'ETHUSDT', the run trades XYZUSDT"),
        (Answers(answer=Targets({"ETHUSDT": 1.0})), "the strategy speaks of 'ETHUSDT', the run trades XYZUSDT"),
        (Answers(answer=Targets({"ETHUSDT": 0})), "the strategy speaks of 'ETHUSDT', the run trades XYZUSDT"),
        (LooksAhead(how="ago"), "the strategy looks beyond the view: it asked for sma 1 bars ahead"),
        (LooksAhead(how="closes"), "the strategy looks beyond the view: it asked for the last 0 bars"),
        (LooksAhead(how="volumes"), "the strategy looks beyond the view: it asked for the last -2 bars"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_failing_strategy_is_blamed_with_the_bar(strategy: Strategy, said: str, engine: Engine) -> None:
    """Proves: P6-1"""
    with pytest.raises(StrategyError) as caught:
        run_backtest(COMPLETE, strategy, TERMS, engine)
    assert said in caught.value.cause
    assert "bar" in caught.value.place


@pytest.mark.parametrize("engine", Engine)
def test_an_interrupt_is_the_users_and_passes_through(engine: Engine) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_backtest(COMPLETE, Interrupted(), TERMS, engine)


def test_the_line_of_the_strategys_file_is_named() -> None:
    """Proves: P6-1"""
    with pytest.raises(StrategyError) as caught:
        run_backtest(COMPLETE, Raises(), TERMS)
    assert caught.value.place.startswith("test_bad_input.py:")
    assert "bar 7 closing 2024-01-01T08:00:00Z" in caught.value.place
    assert caught.value.next_step == "fix the strategy and run it again"


class AsksFor(Strategy):
    name: str
    length: object = 5

    def on_bar(self, view: View) -> Answer:
        view.feature(self.name, self.length)
        return None


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (AsksFor(name="smaa"), "there is no feature 'smaa'. Did you mean 'sma'?"),
        (AsksFor(name="zzz"), "there is no feature 'zzz'."),
        (AsksFor(name="sma", length=1), "sma takes one length, a whole number from 2 to 100000"),
        (AsksFor(name="sma", length=2.5), "sma takes one length"),
        (AsksFor(name="sma", length=100_001), "sma takes one length"),
    ],
)
def test_an_unknown_feature_or_length_is_named(strategy: Strategy, said: str) -> None:
    """Proves: P6-1"""
    with pytest.raises(StrategyError) as caught:
        run_backtest(COMPLETE, strategy, TERMS)
    assert said in caught.value.cause


class Patient(Strategy):
    warmup = 40

    def on_bar(self, view: View) -> Answer:
        return None


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize(
    ("strategy", "needed"),
    [
        (AsksFor(name="sma", length=60), "needs 60 bars"),
        (AsksFor(name="rsi", length=60), "needs 61 bars"),
        (Patient(), "needs 41 bars"),
    ],
)
def test_a_strategy_that_never_had_enough_history_is_no_silent_zero(
    strategy: Strategy, needed: str, engine: Engine
) -> None:
    """Proves: P6-1"""
    with pytest.raises(StrategyError, match="never had enough history") as caught:
        run_backtest(COMPLETE, strategy, TERMS, engine)
    assert needed in caught.value.cause
    assert "the data have 40" in caught.value.cause


@pytest.mark.parametrize("engine", Engine)
def test_signals_must_cover_the_run_and_be_signals(engine: Engine) -> None:
    with pytest.raises(StrategyError, match="has 39 signals, the data have 40 bars"):
        run_backtest(COMPLETE, SignalStrategy(signals=[0] * 39), TERMS, engine)
    with pytest.raises(StrategyError, match="-1, 0 and \\+1"):
        run_backtest(COMPLETE, SignalStrategy(signals=[2] * 40), TERMS, engine)


class OwnMind(SignalStrategy):
    """Signals, and words of its own between them."""

    def on_bar(self, view: View) -> Answer:
        return buy(quantity=1) if view.bar_number == 5 else super().on_bar(view)


def test_a_signal_strategy_with_a_mind_of_its_own_is_asked_on_every_bar() -> None:
    results = [run_backtest(COMPLETE, OwnMind(signals=[0] * 40), TERMS, engine) for engine in Engine]
    assert len(results[0].fills) == 1
    assert results[0].digest == results[1].digest


class PatientSignals(SignalStrategy):
    warmup = 40


@pytest.mark.parametrize("engine", Engine)
def test_signals_that_are_never_asked_for_are_no_silent_zero(engine: Engine) -> None:
    with pytest.raises(StrategyError, match="never had enough history"):
        run_backtest(COMPLETE, PatientSignals(signals=[1] * 40), TERMS, engine)


class ForOthers(Strategy):
    symbols = ("ETHUSDT",)

    def on_bar(self, view: View) -> Answer:
        return None


class ForFourHours(Strategy):
    interval = "4h"

    def on_bar(self, view: View) -> Answer:
        return None


class ForThis(Strategy):
    symbols = ("ETHUSDT", SYMBOL)
    interval = "1h"

    def on_bar(self, view: View) -> Answer:
        return None


def test_a_strategy_made_for_other_data_is_refused() -> None:
    """Proves: P6-1"""
    with pytest.raises(StrategyError, match="ForOthers is made for ETHUSDT, the data are XYZUSDT") as caught:
        run_backtest(COMPLETE, ForOthers(), TERMS)
    assert "run it on ETHUSDT data" in caught.value.next_step
    with pytest.raises(StrategyError, match="made for 4h bars, the data have 1h bars"):
        run_backtest(COMPLETE, ForFourHours(), TERMS)
    assert run_backtest(COMPLETE, ForThis(), TERMS).fills == ()


# -- what the terms say -------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Frictions(participation_max=Decimal(0)), "participation_max must be above 0"),
        (lambda: Frictions(participation_max=Decimal("1.01")), "participation_max must be above 0 and at most 1"),
        (lambda: Frictions(leverage=0), "leverage must be 1 or more"),
        (lambda: Frictions(fee_rate_taker=Decimal("-0.0001")), "0 or more"),
        (lambda: Frictions(liquidation_fee_rate=Decimal(-1)), "0 or more"),
        (lambda: Frictions(slippage=FixedSlippage(Decimal(-1))), "slippage never helps"),
        (lambda: Frictions(slippage=AtrSlippage(Decimal("-0.1"))), "slippage never helps"),
        (lambda: Terms(capital=Decimal(0)), "capital must be above 0"),
        (lambda: Terms(capital=Decimal("NaN")), "capital must be above 0"),
    ],
)
def test_terms_that_make_no_sense_are_refused(make, said: str) -> None:
    """Proves: QL-9"""
    with pytest.raises(PolicyError, match=said):
        make()


def test_numpy_numbers_are_numbers() -> None:
    class Numpy(Strategy):
        def on_bar(self, view: View) -> Answer:
            if view.bar_number == 3:
                return Targets({SYMBOL: np.float64(0.5)})
            return buy(quantity=np.float32(1), weight=None) if view.bar_number == 6 else None

    assert [str(order.side) for order in run_backtest(COMPLETE, Numpy(), TERMS).orders] == ["buy", "buy"]


def test_an_account_that_lost_everything_opens_nothing_and_says_so() -> None:
    """Proves: P4-1, QL-9"""
    prices = np.array([100.0, 100.0, 100.0, 40.0, 40.0, 40.0])
    columns = {name: prices.copy() for name in ("open", "high", "low", "close")}
    bars = make_bars(START + INTERVAL * np.arange(6), columns, np.full(6, 1e9))
    dataset = replace(COMPLETE, bars=bars, funding=None, brackets=None, mark=None)

    class AllIn(Strategy):
        def on_bar(self, view: View) -> Answer:
            if view.bar_number == 0:
                return buy(weight=2.9)
            return buy(quantity=1) if view.bar_number == 4 else None

    result = run_backtest(dataset, AllIn(), TERMS)
    assert result.final_equity < 0
    assert result.halted == "the account lost everything"
    assert "account-halted" in result.refusal_counts
