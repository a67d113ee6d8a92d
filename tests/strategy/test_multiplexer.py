"""What goes wrong in one strategy stays in that one: its answers do not count, and the others do not notice."""

import decimal
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.fill import Fill
from qts.market.view import View
from qts.strategy.intent import Answer, Targets, buy, close
from qts.strategy.multiplexer import HaltCause, Multiplexer, Round, Said
from qts.strategy.registry import Standing, StrategyRegistry
from qts.strategy.strategy import Strategy
from tests.generators import COMPLETE, Improviser, Late, Listener, Silent, make_bars
from tests.strategy.failing import (
    FAULTS,
    Awaits,
    Raises,
    Recurses,
    SaysMillions,
    SaysNan,
    SetsATrap,
)
from tests.strategy.rounds import FILL, WISH, Buyer, Market, TwoWords, Weights, X, Y, one_round, registered


def test_answers_are_independent_and_in_order() -> None:
    """Proves: P6-3"""
    heard = one_round({"c": TwoWords, "b": Silent, "a": Buyer, "d": Weights})
    assert heard.answers == (
        Said("a", X, (WISH,)),
        Said("c", X, (close(), WISH)),
        Said("d", X, Targets(MappingProxyType({X: 0.5}))),
    )
    assert heard.halted == ()
    assert heard.slow == ()
    assert heard.now == COMPLETE.bars.closed_at(0)


def test_only_what_has_a_view_is_asked() -> None:
    registry = registered({"a": Buyer, "b": Buyer}, [X, Y])
    views = {key: view for key, view in Market().views(registry).items() if key in {("a", Y), ("b", X)}}
    heard = Multiplexer(registry).ask(views, 1)
    assert [(each.strategy_id, each.symbol) for each in heard.answers] == [("a", Y), ("b", X)]


# -- faults ---


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_a_fault_halts_that_strategy_alone(kind: type[Strategy]) -> None:
    """Proves: P6-3"""
    cause, words = FAULTS[kind]
    registry = registered({"a": Buyer, "b": kind, "c": TwoWords})
    multiplexer, market = Multiplexer(registry), Market()
    first, second = market.rounds(multiplexer, registry, 2)
    assert [each.strategy_id for each in first.answers] == ["a", "c"]
    (halted,) = first.halted
    assert (halted.strategy_id, halted.symbol, halted.cause) == ("b", X, cause)
    assert words in halted.detail
    assert registry.standing("b") is Standing.HALTED
    assert words in registry.why_halted("b")
    assert second.halted == ()
    assert second.answers == first.answers


@pytest.mark.parametrize("kind", [Raises, Recurses, SaysNan, SetsATrap])
def test_an_exception_is_blamed_on_a_line_of_the_strategy(kind: type[Strategy]) -> None:
    """Proves: P6-3"""
    (halted,) = one_round({"a": kind}).halted
    assert "(failing.py:" in halted.detail


def test_the_user_may_interrupt() -> None:
    class Interrupted(Raises):
        error = KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one_round({"a": Interrupted})


class RaisesOnY(Strategy):
    """Speaks on the first symbol, fails on the second."""

    def on_start(self) -> None:
        self._asked = 0

    def on_bar(self, view: View) -> Answer:
        if self.fails_here(view):
            raise ValueError
        return WISH

    def fails_here(self, view: View) -> bool:
        return view.symbol == Y


def test_nothing_a_halted_strategy_said_in_the_round_counts() -> None:
    """All its symbols, those before and those after. Proves: P6-3"""
    bars = COMPLETE.bars
    named = {}
    for symbol in (X, Y, "ZZZUSDT"):
        columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close")}
        renamed = make_bars(bars.opened_at, columns, bars.volume)
        object.__setattr__(renamed, "symbol", symbol)
        named[symbol] = Market(renamed)
    registry = registered({"a": Buyer, "b": RaisesOnY, "c": Buyer}, named)
    views = {key: named[key[1]].views(registry)[key] for key in [seat.key for seat in registry.seats]}
    heard = Multiplexer(registry).ask(views, 1)
    assert [(each.strategy_id, each.symbol) for each in heard.answers] == [(s, n) for s in "ac" for n in named]
    assert [(each.strategy_id, each.symbol) for each in heard.halted] == [("b", Y)]


def test_a_halted_strategy_is_asked_again_once_it_is_enabled_by_name() -> None:
    """Proves: P6-2"""
    registry = registered({"a": Raises, "b": Buyer})
    multiplexer, market = Multiplexer(registry), Market()
    views = market.views(registry)
    assert [len(multiplexer.ask(views, now).halted) for now in range(3)] == [1, 0, 0]
    registry.enable("a")
    assert [len(multiplexer.ask(views, now).halted) for now in range(2)] == [1, 0]


# -- what is left behind -------------------------------------------------------------


class Careful(Strategy):
    """Its answer depends on the decimal context, numpy's error state and nothing else."""

    def on_bar(self, view: View) -> Answer:
        third = Decimal(1) / Decimal(3)
        context = decimal.getcontext()
        flags = ",".join(sorted(flag.__name__ for flag, raised in context.flags.items() if raised))
        return buy(quantity=third, reason=f"{context.prec} {context.rounding} {flags} {sorted(np.geterr().items())}")


class LeavesAMess(Strategy):
    """Changes the context in place, replaces it, and numpy's too; then fails, or not."""

    fails: bool = False

    def on_bar(self, view: View) -> Answer:
        decimal.getcontext().prec = 3
        decimal.setcontext(decimal.Context(prec=2, rounding=decimal.ROUND_UP))
        Decimal(1) / Decimal(7)
        np.seterr(all="raise")
        if self.fails:
            raise ValueError
        return None


class MessyAndFailing(LeavesAMess):
    fails: bool = True

    def on_start(self) -> None:
        decimal.getcontext().prec = 1


def test_the_arithmetic_a_strategy_leaves_behind_reaches_nobody() -> None:
    """Proves: P6-3"""
    alone = one_round({"b": Careful})
    before = (decimal.getcontext().prec, np.geterr())
    mixed = one_round({"a": LeavesAMess, "a1": MessyAndFailing, "b": Careful, "c": LeavesAMess})
    assert mixed.answers == alone.answers
    assert (decimal.getcontext().prec, np.geterr()) == before


def test_the_arithmetic_of_the_caller_reaches_nobody() -> None:
    alone = one_round({"b": Careful})
    with decimal.localcontext(decimal.Context(prec=4)), np.errstate(all="ignore"):
        assert one_round({"b": Careful}).answers == alone.answers


# -- survivors -------------------------------------------------------------------------

SURVIVORS = [Improviser, Listener, Late, Buyer, TwoWords, Weights, Careful, Silent]


class FailsLater(Strategy):
    """Talks like an Improviser until its time has come."""

    kind: type[Strategy] = Raises
    row: int = 0
    seed: int = 0

    def on_start(self) -> None:
        self._good, self._bad = Improviser(seed=self.seed, talk=0.9), self.kind()
        self._good.on_start()

    def on_bar(self, view: View) -> Answer:
        return self._bad.on_bar(view) if view.bar_number >= self.row else self._good.on_bar(view)


faults = st.builds(
    lambda kind, row, seed: lambda: FailsLater(kind=kind, row=row, seed=seed),
    st.sampled_from([*(kind for kind in FAULTS if kind is not Awaits), LeavesAMess, MessyAndFailing]),
    st.integers(0, 12),
    st.integers(0, 9),
)
survivors = st.builds(
    lambda kind, seed: (lambda: kind(seed=seed)) if issubclass(kind, Improviser) else kind,
    st.sampled_from(SURVIVORS),
    st.integers(0, 10**6),
)
ids = st.text("ab1-", min_size=1, max_size=3).filter(lambda text: not text.startswith("-"))


@given(
    st.dictionaries(ids, st.one_of(survivors.map(lambda m: (m, 1)), faults.map(lambda m: (m, 0))), max_size=7),
    st.data(),
)
def test_survivors_answer_as_if_the_failing_were_not_there(members: dict[str, Any], data: st.DataObject) -> None:
    """Proves: P6-3"""

    def answers(strategy_ids: list[str]) -> list[list[Said]]:
        registry = StrategyRegistry()
        for strategy_id in strategy_ids:
            registry.register(strategy_id, members[strategy_id][0], [X])
        heard = Market().rounds(Multiplexer(registry), registry, 16)
        return [[said for said in each.answers if members[said.strategy_id][1]] for each in heard]

    surviving = [strategy_id for strategy_id, (_, survives) in members.items() if survives]
    assert answers(data.draw(st.permutations(list(members)))) == answers(surviving)


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_registration_does_not_change_a_round(order: list[str]) -> None:
    """Proves: P6-2"""
    kinds = {"a": Buyer, "b": Raises, "c": TwoWords, "d": SaysMillions}
    assert one_round({each: kinds[each] for each in order}) == one_round(kinds)


# -- silence, warm-up, start, fills ------------------------------------------------------


class NeedsFive(Strategy):
    def on_bar(self, view: View) -> Answer:
        view.closes(5)
        return WISH


class WarmsUp(Strategy):
    warmup = 3

    def on_bar(self, view: View) -> Answer:
        return buy(quantity=view.bar_number)


def test_not_warm_is_silence_and_warmup_is_waited_for() -> None:
    """Proves: P6-1, P6-3"""
    registry = registered({"a": NeedsFive, "b": WarmsUp})
    heard = Market().rounds(Multiplexer(registry), registry, 6)
    assert [[each.strategy_id for each in one.answers] for one in heard] == [[], [], [], ["b"], ["a", "b"], ["a", "b"]]
    assert not any(each.halted for each in heard)


class SaysEmpty(Strategy):
    def on_bar(self, view: View) -> Answer:
        return []


def test_an_empty_list_is_silence() -> None:
    assert one_round({"a": SaysEmpty}).answers == ()


class Remembers(Strategy):
    def on_start(self) -> None:
        self._words = ["start"]

    def on_fill(self, fill: Fill) -> None:
        self._words.append(f"fill {fill.quantity}")

    def on_bar(self, view: View) -> Answer:
        self._words.append("bar")
        return buy(quantity=1, reason=" ".join(self._words))


def reason(heard: Round) -> str:
    (said,) = heard.answers
    assert isinstance(said.answer, tuple)
    return said.answer[0].reason


def test_a_strategy_starts_once_and_hears_its_own_fills() -> None:
    """Proves: P6-1"""
    registry = registered({"a": Remembers, "b": Silent}, [X, Y])
    multiplexer = Multiplexer(registry)
    views = {("a", X): Market().views(registry)["a", X]}
    assert multiplexer.started(1).halted == ()
    multiplexer.told("b", FILL)
    multiplexer.told("nobody", FILL)
    assert reason(multiplexer.ask(views, 1)) == "start bar"
    assert multiplexer.told("a", FILL) == Round(FILL.occurred_at)
    assert reason(multiplexer.ask(views, 2)) == "start bar fill 1 bar"
    multiplexer.started(3)
    assert reason(multiplexer.ask(views, 3)) == "start bar"


def test_who_comes_later_starts_before_its_first_bar_or_fill() -> None:
    registry = registered({"a": Remembers})
    multiplexer, market = Multiplexer(registry), Market()
    assert reason(multiplexer.ask(market.views(registry), 1)) == "start bar"
    registry.disable("a")
    multiplexer.told("a", FILL)
    registry.enable("a")
    multiplexer.told("a", FILL)
    assert reason(multiplexer.ask(market.views(registry), 1)) == "start fill 1 bar"


class FailsToStart(Silent):
    def on_start(self) -> None:
        raise ValueError("no start")


class FailsOnFill(Silent):
    def on_fill(self, fill: Fill) -> None:
        raise SystemExit


def test_faults_at_the_start_and_on_fills_are_contained_too() -> None:
    """Proves: P6-3"""
    registry = registered({"a": FailsToStart, "b": FailsOnFill, "c": Buyer}, [X, Y])
    multiplexer, market = Multiplexer(registry), Market()
    started = multiplexer.started(1)
    assert [(each.strategy_id, each.symbol, each.cause) for each in started.halted] == [("a", X, HaltCause.EXCEPTION)]
    assert "ValueError: no start (test_multiplexer.py:" in started.halted[0].detail
    told = multiplexer.told("b", FILL)
    assert [(each.strategy_id, each.cause) for each in told.halted] == [("b", HaltCause.EXCEPTION)]
    heard = multiplexer.ask(market.views(registry), 1)
    assert [each.strategy_id for each in heard.answers] == ["c", "c"]
    late = registered({"a": FailsToStart, "c": Buyer})
    heard = Multiplexer(late).ask(market.views(late), 1)
    assert ([each.strategy_id for each in heard.halted], [each.strategy_id for each in heard.answers]) == (["a"], ["c"])


class LeavesItsOwnMess(Strategy):
    """Says what it finds, spoils it, and uses up the better part of its bucket."""

    def on_bar(self, view: View) -> Answer:
        said = buy(quantity=1, reason=f"{decimal.getcontext().prec} {np.geterr()['over']}")
        decimal.getcontext().prec = 3
        np.seterr(all="raise")
        return [said] * 35


def test_a_second_run_is_like_the_first() -> None:
    """Nothing of a former run is left, neither in its arithmetic nor in its bucket. Proves: P6-3"""
    registry = registered({"a": LeavesItsOwnMess})
    multiplexer, market = Multiplexer(registry), Market()
    runs = []
    for _ in range(3):
        multiplexer.started(0)
        runs.append(market.rounds(multiplexer, registry, 1))
    assert runs[0][0].answers
    assert runs[0] == runs[1] == runs[2]
