"""Several strategies on one account: alone they are what they always were, together they add up, and faults stay home.

Proves: P6-2, P6-3, P6-4, P6-5, P6-6
"""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.errors import PolicyError
from qts.domain.virtual_books import QUARANTINE, PostingKind
from qts.market.view import View
from qts.risk.limit_policy import LimitPolicies
from qts.risk.stages import StageWord
from qts.simulation.backtest import Terms, run_backtest
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member, OnHalt
from qts.strategy.arbitration import Rule
from qts.strategy.catalogue.donchian_breakout import DonchianBreakout
from qts.strategy.catalogue.moving_average_cross import MovingAverageCross
from qts.strategy.catalogue.rsi_reversion import RsiReversion
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.simulation.joint_members import ALL, CAPITAL, NO_LIMITS, adds_up, averaging, failing, synthetic, together
from tests.simulation.many_strategies import crowd, judged


class Alternating(Strategy):
    """In and out by the bar's number, without a look at anything: what it wants never depends on what became of it."""

    every: int = 5
    side: int = 1

    def on_bar(self, view: View) -> Answer:
        if view.bar_number % self.every == 0:
            return (buy if self.side > 0 else sell)(quantity=1)
        return close() if view.bar_number % self.every == self.every // 2 else None


class Stopped(Strategy):
    def on_bar(self, view: View) -> Answer:
        if view.is_flat and view.bar_number % 3 == 0:
            return buy(stop_loss=view.close * 0.98, take_profit=view.close * 1.03)
        return None


class Spread(Strategy):
    """Says how its orders are to be worked."""

    def on_bar(self, view: View) -> Answer:
        if view.is_flat and view.bar_number % 12 == 0:
            return buy(quantity=2, stop_loss=view.close * 0.97, over_bars=3, algorithm="twap")
        return close(over_bars=2, urgent=True) if view.is_long and view.bar_number % 12 == 6 else None


def merged(trades: list[tuple[int, Decimal, Decimal, Decimal, Decimal]]) -> list[tuple[object, ...]]:
    """What was traded at one instant, on one side, at one price: quantity, fee and P&L added up."""
    found: dict[tuple[int, Decimal, bool], tuple[Decimal, Decimal, Decimal]] = {}
    for at, quantity, price, fee, pnl in trades:
        before = found.get((at, price, quantity > 0), (Decimal(0), Decimal(0), Decimal(0)))
        found[at, price, quantity > 0] = (before[0] + quantity, before[1] + fee, before[2] + pnl)
    return [(*where, *sums) for where, sums in found.items()]


@pytest.mark.parametrize("kind", [MovingAverageCross, DonchianBreakout, RsiReversion, Alternating, Stopped, Spread])
def test_a_strategy_alone_on_the_account_is_what_it_is_in_a_backtest(kind: type[Strategy]) -> None:
    dataset = synthetic(7, 900)
    alone = run_backtest(dataset, kind(), Terms(capital=CAPITAL, waivers=ALL))
    result = together(dataset, ("only", kind))
    symbol = dataset.instrument.symbol
    opened = dataset.bars.opened_at
    got = [
        (int(opened[row]), each.quantity, each.price, each.fee, each.realized_pnl)
        for row, each in result.postings[symbol]
        if each.quantity
    ]
    wanted = [
        (fill.occurred_at, fill.side.sign * fill.quantity, fill.price, fill.fee, fill.realized_pnl)
        for fill in alone.fills
    ]
    assert len(wanted) > 4
    assert merged(got) == merged(wanted)
    if kind is not Spread:  # whose parts due at one open are one order of the account
        assert got == wanted
    np.testing.assert_array_equal(result.by_strategy["only"], alone.equity)
    adds_up(result)


def test_long_and_short_meet_inside_and_only_the_difference_is_sent() -> None:
    class Three(Strategy):
        def on_bar(self, view: View) -> Answer:
            return sell(quantity=3) if view.bar_number == 4 else None

    class Five(Strategy):
        def on_bar(self, view: View) -> Answer:
            return buy(quantity=5) if view.bar_number == 4 else None

    dataset = synthetic(1, 120)
    result = together(dataset, ("five", Five), ("three", Three), capital=10 * CAPITAL)
    (symbol,) = result.venue
    adds_up(result)
    kinds = {(each.strategy_id, each.kind): each.quantity for _, each in result.postings[symbol] if each.quantity}
    assert kinds == {
        ("five", PostingKind.CROSS): Decimal(3),
        ("three", PostingKind.CROSS): Decimal(-3),
        ("five", PostingKind.FILL): Decimal(2),
    }
    assert result.venue[symbol].position == 2
    assert result.books["three", symbol].position == -3
    (crossed,) = {each.price for _, each in result.postings[symbol] if each.kind is PostingKind.CROSS}
    assert float(crossed) == pytest.approx(dataset.bars.open[5], abs=0.01), (
        "crossed at the next open, never at the close that decided"
    )


@pytest.mark.parametrize("rule", [Rule.HOLD, Rule.PRIORITY])
def test_under_the_other_rules_opposite_entries_are_withheld_with_a_reason(rule: Rule) -> None:
    class Buys(Strategy):
        def on_bar(self, view: View) -> Answer:
            return buy(quantity=1) if view.bar_number == 3 else None

    class Sells(Strategy):
        def on_bar(self, view: View) -> Answer:
            return sell(quantity=1) if view.bar_number == 3 else None

    dataset = synthetic(2, 120)
    symbol = dataset.instrument.symbol
    members = [
        Member(strategy_id="buys", make=Buys, symbols=(symbol,), capital=CAPITAL, priority=2),
        Member(strategy_id="sells", make=Sells, symbols=(symbol,), capital=CAPITAL),
    ]
    result = run_together({symbol: dataset}, members, replace(NO_LIMITS, rule=rule))
    whom = {each.strategy_id for each in result.withheld}
    assert whom == ({"buys", "sells"} if rule is Rule.HOLD else {"sells"})
    assert all(each.reason for each in result.withheld)
    assert result.venue[symbol].position == (0 if rule is Rule.HOLD else 1)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=6, unique=True), st.integers(0, 500))
def test_what_goes_wrong_in_some_is_not_noticed_by_the_others(faults: list[int], seed: int) -> None:
    dataset = synthetic(seed, 120)
    survivors = [(f"ok{number}", averaging(2 + number)) for number in range(4)]
    without = together(dataset, *survivors)
    broken = [(f"bad{seed}", failing(seed)) for seed in faults]
    result = together(dataset, *survivors, *broken)
    adds_up(result)
    for strategy_id, _ in survivors:
        assert result.said[strategy_id] == without.said[strategy_id]
    assert {each.strategy_id for each in result.halted} == {name for name, _ in broken}
    assert all(each.detail for each in result.halted)


def test_several_symbols_with_bars_of_their_own_times() -> None:
    first, second = synthetic(3, 200, "AAAUSDT"), synthetic(4, 150, "BBBUSDT")
    members = [
        Member(strategy_id="both", make=Alternating, symbols=("AAAUSDT", "BBBUSDT"), capital=CAPITAL),
        Member(strategy_id="one", make=RsiReversion, symbols=("BBBUSDT",), capital=CAPITAL),
    ]
    result = run_together({"AAAUSDT": first, "BBBUSDT": second}, members, NO_LIMITS)
    adds_up(result)
    assert len(result.closed_at) == 200
    alone = run_backtest(first, Alternating(), Terms(capital=CAPITAL / 2, waivers=ALL))
    assert len(alone.fills) > 10
    assert result.books["both", "AAAUSDT"].equity == alone.wallet + alone.unrealized_pnl


class Sized(Strategy):
    """One purchase of so much, on a symbol whose name says so."""

    wanted: float = 1.0
    only: str = ""

    def on_bar(self, view: View) -> Answer:
        return buy(quantity=self.wanted) if view.bar_number == 3 and view.symbol.startswith(self.only) else None


def bought(wanted: float, only: str) -> type[Strategy]:
    said = {"wanted": wanted, "only": only, "__annotations__": {"wanted": float, "only": str}, "__module__": __name__}
    return type("Bought", (Sized,), said)


def test_what_a_strategy_does_not_use_on_one_symbol_it_may_use_on_another() -> None:
    """Half its capital and more as margin on one of three symbols; the three ledgers begin with exactly its capital."""
    symbols = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
    datasets = {each: synthetic(3, 60, each) for each in symbols}
    price = float(datasets["AAAUSDT"].bars.close[3])
    capital = Decimal(100_000)
    member = Member(
        strategy_id="one", make=bought(round(3 * 60_000 / price, 3), "AAA"), symbols=symbols, capital=capital
    )
    result = run_together(datasets, [member], NO_LIMITS)
    adds_up(result)
    assert result.venue["AAAUSDT"].position > 0
    assert result.of_strategy("one").capital == result.account.capital == capital


def test_one_account_has_one_margin_and_where_it_runs_short_nothing_more_is_opened() -> None:
    """Two of the three fit; the third is refused by the venue, which knows no strategies."""
    symbols = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
    datasets = {each: synthetic(3, 60, each) for each in symbols}
    price = float(datasets["AAAUSDT"].bars.close[3])
    member = Member(
        strategy_id="one", make=bought(round(3 * 40_000 / price, 3), ""), symbols=symbols, capital=Decimal(100_000)
    )
    result = run_together(datasets, [member], NO_LIMITS)
    adds_up(result)
    assert [result.fills[each] for each in symbols] == [1, 1, 0]


def test_at_one_close_every_symbol_of_many_is_entered_and_left() -> None:
    """Two strategies on 24 symbols under the usual limits, which count orders and changes of sides by symbol.

    Proves: P6-8
    """
    names = [f"S{number:02}USDT" for number in range(24)]
    market = {name: synthetic(7, 12, name) for name in names}

    class InAndOut(Strategy):
        def on_bar(self, view: View) -> Answer:
            turn: dict[int, Answer] = {
                2: buy(weight=0.01, stop_loss=view.close * 0.9),
                5: [close(), sell(weight=0.01, stop_loss=view.close * 1.1)],
                8: close(),
            }
            return turn.get(view.bar_number)

    members = [Member(strategy_id=each, make=InAndOut, symbols=tuple(names), capital=CAPITAL) for each in ("a", "b")]
    result = run_together(market, members, JointTerms(waivers=ALL, policies=LimitPolicies()))
    assert [word for word in result.gate if word.stage is StageWord.BLOCK] == []
    turns = {name: [posting.quantity > 0 for _, posting in result.postings[name] if posting.quantity] for name in names}
    in_long, round_to_short, out = [True] * 2, [False] * 4, [True] * 2
    assert all(each == in_long + round_to_short + out for each in turns.values()), turns["S23USDT"]


def test_limits_reduce_and_block_entries_and_no_exit() -> None:
    dataset = synthetic(5, 400)
    terms = JointTerms(waivers=ALL, policies=LimitPolicies())
    result = together(dataset, Alternating, MovingAverageCross, terms=terms)
    adds_up(result)
    assert {each.stage for each in result.gate} >= {"reduce"}
    assert all(each.reason for each in result.gate)
    assert all(each.allowed < each.asked or each.stage == "warn" for each in result.gate if each.asked)
    (symbol,) = result.venue
    assert result.venue[symbol].position == sum(
        each.position for (whose, _), each in result.books.items() if whose != QUARANTINE
    )


def test_the_result_is_the_same_whatever_order_the_members_are_named_in() -> None:
    dataset = synthetic(6, 300)
    symbol = dataset.instrument.symbol
    kinds = [("a", MovingAverageCross), ("b", RsiReversion), ("c", DonchianBreakout)]
    members = [Member(strategy_id=each, make=kind, symbols=(symbol,), capital=CAPITAL) for each, kind in kinds]
    heads = {run_together({symbol: dataset}, order, NO_LIMITS).journal_head for order in (members, members[::-1])}
    assert len(heads) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [({"capital": Decimal(0)}, "capital must be above 0"), ({"symbols": ("NOSUCH",)}, "no data of NOSUCH")],
)
def test_what_cannot_be_run_is_refused_in_words(change: dict[str, object], words: str) -> None:
    dataset = synthetic(1, 30)
    given_words = {"strategy_id": "x", "make": Alternating, "symbols": (dataset.instrument.symbol,), "capital": CAPITAL}
    with pytest.raises(PolicyError, match=words):
        run_together({dataset.instrument.symbol: dataset}, [Member(**given_words | change)], NO_LIMITS)


def test_a_crowd_on_one_symbol_and_a_crowd_on_many() -> None:
    """The size the account is made for is run by hand: python -m tests.simulation.many_strategies."""
    assert "others said the same" in judged(crowd(1, 40, 240))
    assert "others said the same" in judged(crowd(6, 10, 120))


def test_what_a_bar_too_thin_for_all_fills_is_shared_among_them() -> None:
    class Ten(Strategy):
        def on_bar(self, view: View) -> Answer:
            return buy(quantity=10) if view.bar_number == 4 else None

    dataset = synthetic(1, 120)
    bars = replace(dataset.bars, volume=np.full(len(dataset.bars), 100.0))  # of which a tenth may be taken

    def filled_first(*names: str) -> dict[str, Decimal]:
        result = together(replace(dataset, bars=bars), *((name, Ten) for name in names), capital=10 * CAPITAL)
        (postings,) = result.postings.values()
        return {each.strategy_id: each.quantity for row, each in postings if row == 5 and each.quantity}

    assert filled_first("a") == {"a": Decimal(10)}
    assert filled_first("a", "b") == {"a": Decimal(5), "b": Decimal(5)}


class HeldThenBroken(Strategy):
    def on_bar(self, view: View) -> Answer:
        if view.bar_number == 3:
            return buy(quantity=1, stop_loss=view.close * 0.5)
        if view.bar_number == 10:
            raise RuntimeError("planted")
        return None


@pytest.mark.parametrize(("on_halt", "left"), [(OnHalt.KEEP, 1), (OnHalt.CLOSE, 0)])
def test_what_a_halted_strategy_left_is_kept_under_its_stop_or_closed(on_halt: OnHalt, left: int) -> None:
    dataset = synthetic(2, 120)
    result = together(
        dataset, ("broken", HeldThenBroken), ("other", Alternating), terms=replace(NO_LIMITS, on_halt=on_halt)
    )
    adds_up(result)
    (symbol,) = result.venue
    assert [each.strategy_id for each in result.halted] == ["broken"]
    assert result.books["broken", symbol].position == left


def test_two_limits_of_the_account_do_not_trade_with_each_other() -> None:
    class Bids(Strategy):
        def on_bar(self, view: View) -> Answer:
            return buy(quantity=1, limit=view.close * 0.97, good_for_bars=30) if view.bar_number == 3 else None

    class Asks(Strategy):
        def on_bar(self, view: View) -> Answer:
            return sell(quantity=1, limit=view.close * 0.95, good_for_bars=30) if view.bar_number == 4 else None

    result = together(synthetic(2, 120), ("asks", Asks), ("bids", Bids))
    assert [each.strategy_id for each in result.withheld] == ["asks"]
    assert "limit" in result.withheld[0].reason


def test_working_orders_count_when_the_next_one_is_sized() -> None:
    class Pyramid(Strategy):
        def on_bar(self, view: View) -> Answer:
            if view.bar_number not in (3, 4):
                return None
            return buy(limit=view.close * 0.99, stop_loss=view.close * 0.90, good_for_bars=50)

    dataset = synthetic(2, 120)
    alone = run_backtest(dataset, Pyramid(), Terms(capital=CAPITAL, waivers=ALL))
    result = together(dataset, ("only", Pyramid))
    (symbol,) = result.venue
    got = [(each.quantity, each.price) for _, each in result.postings[symbol] if each.quantity]
    assert got == [(fill.side.sign * fill.quantity, fill.price) for fill in alone.fills] != []
