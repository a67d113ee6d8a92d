"""What an operator says to a run of several strategies, and what each word does to books, orders and questions.

Proves: P6-2, P6-3, P6-5
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from qts.domain.order import Side
from qts.domain.virtual_books import QUARANTINE, PostingKind
from qts.market.view import View
from qts.risk.limit_policy import LimitPolicies
from qts.simulation.costs import Frictions
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member
from qts.simulation.operator_words import Outcome, Verb
from qts.strategy.intent import Answer, buy, close, sell
from qts.strategy.strategy import Strategy
from tests.simulation.joint_members import ALL, NO_LIMITS, adds_up, synthetic, together
from tests.simulation.many_strategies import Silent
from tests.simulation.scripted import AMPLE, bar_of, held, outcomes, prices, run, script

DATA = synthetic(2, 120)
SYMBOL = DATA.instrument.symbol
DONE, NOTHING, REFUSED, OPEN = Outcome.DONE, Outcome.NOTHING, Outcome.REFUSED, Outcome.OPEN
A_LOT_BOUGHT = {"side": Side.BUY, "quantity": Decimal("0.5")}


class Long(Strategy):
    def on_bar(self, view: View) -> Answer:
        return buy(quantity=3) if view.is_flat and view.bar_number % 10 == 3 else None


class Short(Strategy):
    def on_bar(self, view: View) -> Answer:
        return sell(quantity=2) if view.is_flat and view.bar_number % 10 == 4 else None


class AsShort(Strategy):
    """As much short as Long is long, at the same bars, so that the net is flat and the books are not."""

    def on_bar(self, view: View) -> Answer:
        return sell(quantity=3) if view.is_flat and view.bar_number % 10 == 3 else None


BOTH = (("long", Long), ("short", Short))


# -- strategies by id ------------------------------------------------------------------------


def test_a_disabled_strategy_is_not_asked_and_an_enabled_one_is_asked_again_as_new() -> None:
    class Counting(Strategy):
        seen: int = 0

        def on_start(self) -> None:
            self.seen = 0

        def on_bar(self, view: View) -> Answer:
            self.seen += 1
            if view.is_flat and view.bar_number in (3, 40):
                return buy(quantity=self.seen)
            return None

    words = script(DATA, (10, Verb.DISABLE, "one"), (30, Verb.ENABLE, "one"))
    result = run(DATA, [("one", Counting)], words)
    assert outcomes(result) == [DONE, DONE]
    assert "it holds 4 SYNUSDT" in result.operator[1].detail
    without = run(DATA, [("one", Counting)], words[:1])
    assert held(without, SYMBOL, 119) == {"one": 4}, "what it held stays in its book"
    flat = run(DATA, [("one", Counting)], script(DATA, *[(10, Verb.DISABLE, "one"), (11, Verb.CLOSE, "one")]))
    assert held(flat, SYMBOL, 119) == {}
    both = script(DATA, (10, Verb.DISABLE, "one"), (11, Verb.CLOSE, "one"), (30, Verb.ENABLE, "one"))
    again = run(DATA, [("one", Counting)], both)
    assert held(again, SYMBOL, 119) == {"one": 11}, "asked from bar 30 on, so on bar 40 for the eleventh time"
    spoken = [(at - DATA.bars.closed_at(0)) // DATA.bars.interval_ms for at, _, _ in again.said["one"]]
    assert spoken == [3, 40]


def test_a_disabled_strategys_position_keeps_its_stop_and_its_target() -> None:
    class Stopped(Strategy):
        def on_bar(self, view: View) -> Answer:
            if view.bar_number == 3:
                return buy(quantity=1, stop_loss=view.close * 0.97, take_profit=view.close * 1.03)
            return None

    alone = run(DATA, [("one", Stopped)], ())
    (came,) = [
        (row, each.kind)
        for row, each in alone.postings[SYMBOL]
        if each.kind in (PostingKind.STOP_LOSS, PostingKind.TAKE_PROFIT)
    ]
    assert came[0] > 6
    result = run(DATA, [("one", Stopped)], script(DATA, (5, Verb.DISABLE, "one")))
    assert result.postings == alone.postings
    assert result.books == alone.books


def test_whose_position_is_in_the_guardians_care_is_told() -> None:
    """Proves: P6-3"""

    class Breaks(Long):
        def on_bar(self, view: View) -> Answer:
            if view.bar_number == 30:
                raise RuntimeError("planted")
            return super().on_bar(view)

    kinds = (*BOTH, ("broken", Breaks), ("idle", Silent))
    off = script(DATA, (20, Verb.DISABLE, "short"), (20, Verb.DISABLE, "idle"))
    assert run(DATA, kinds, off).in_care == (("broken", SYMBOL), ("short", SYMBOL))
    on = script(DATA, (20, Verb.DISABLE, "short"), (40, Verb.ENABLE, "short"), (40, Verb.ENABLE, "broken"))
    assert run(DATA, kinds, on).in_care == ()


def test_a_halted_strategy_is_asked_again_once_it_is_enabled() -> None:
    class Breaks(Strategy):
        def on_bar(self, view: View) -> Answer:
            if view.bar_number == 10:
                raise RuntimeError("planted")
            return buy(quantity=1) if view.is_flat else None

    words = script(DATA, (5, Verb.ENABLE, "one"), (20, Verb.DISABLE, "one"), (20, Verb.CLOSE, "one"))
    words += script(DATA, *[(50, Verb.ENABLE, "one")] * 4)[3:]
    result = run(DATA, [("one", Breaks)], words)
    assert outcomes(result) == [NOTHING, NOTHING, DONE, DONE]
    assert [each.detail for each in result.operator[:2]] == ["it was enabled already", "it was halted already"]
    assert held(result, SYMBOL, 20) == {"one": 1}
    assert held(result, SYMBOL, 49) == {}
    assert held(result, SYMBOL, 51) == {"one": 1}


def test_what_is_enabled_is_not_closed_behind_its_back() -> None:
    result = run(DATA, BOTH, script(DATA, (20, Verb.CLOSE, "long")))
    assert outcomes(result) == [REFUSED]
    assert "disable it first" in result.operator[0].detail
    assert held(result, SYMBOL, 119) == {"long": 3, "short": -2}


def test_words_of_one_close_are_said_in_the_order_of_their_instants_and_then_of_the_script() -> None:
    first = run(DATA, BOTH, script(DATA, (20, Verb.DISABLE, "long"), (20, Verb.CLOSE, "long")))
    assert outcomes(first) == [DONE, DONE]
    other = run(DATA, BOTH, script(DATA, (20, Verb.CLOSE, "long"), (20, Verb.DISABLE, "long")))
    assert outcomes(other) == [REFUSED, DONE]
    close_first, disable = script(DATA, (20, Verb.CLOSE, "long"), (20, Verb.DISABLE, "long"))
    earlier = run(DATA, BOTH, (close_first, replace(disable, at=disable.at - 1)))
    assert outcomes(earlier) == [DONE, DONE]
    assert run(DATA, BOTH, (replace(disable, at=disable.at - 1), close_first)).journal_head == earlier.journal_head


def test_a_word_between_two_closes_is_said_at_the_second() -> None:
    at_close = run(DATA, BOTH, script(DATA, (20, Verb.FLATTEN, SYMBOL)))
    (word,) = script(DATA, (19, Verb.FLATTEN, SYMBOL))
    between = run(DATA, BOTH, (replace(word, at=word.at + 1),))
    assert bar_of(DATA, between.operator[0]) == bar_of(DATA, at_close.operator[0]) == (20, 21)
    assert between.journal_head == at_close.journal_head


# -- flattening ------------------------------------------------------------------------------


@pytest.mark.parametrize("short", [Short, AsShort])
def test_flatten_closes_every_book_at_one_price_whether_the_net_is_flat_or_not(short: type[Strategy]) -> None:
    """Proves: P6-5"""
    kinds = (("long", Long), ("short", short))
    result = run(DATA, kinds, script(DATA, (20, Verb.FLATTEN, SYMBOL), (20, Verb.PAUSE, "account")))
    assert outcomes(result) == [DONE, DONE]
    assert bar_of(DATA, result.operator[0]) == (20, 21)
    assert set(held(result, SYMBOL, 20)) == {"long", "short"}
    assert held(result, SYMBOL, 21) == {}
    (price,) = prices(result, SYMBOL, PostingKind.FLATTEN, 21)
    assert float(price) == pytest.approx(DATA.bars.open[21], rel=0.001)
    assert str(price) in result.operator[0].detail
    if short is AsShort:
        assert result.fills[SYMBOL] == 0, "the venue heard of none of it"


def test_after_a_flatten_strategies_may_enter_again_and_until_then_none_does() -> None:
    class Eager(Strategy):
        def on_bar(self, view: View) -> Answer:
            return buy(quantity=1)

    result = run(DATA, [("one", Eager), ("short", Short)], script(DATA, (20, Verb.FLATTEN, SYMBOL)))
    assert held(result, SYMBOL, 21) == {}
    assert held(result, SYMBOL, 22) == {"one": 1}
    (withheld,) = [each for each in result.withheld if each.strategy_id == "one"]
    assert withheld.at == DATA.bars.closed_at(20)
    assert withheld.reason == "SYNUSDT is being flattened"


def test_in_a_thin_market_every_fill_of_a_flatten_closes_a_part_of_every_book() -> None:
    class Once(Strategy):
        def on_bar(self, view: View) -> Answer:
            return buy(quantity=10) if view.bar_number == 3 else close() if view.bar_number > 33 else None

    thin = replace(NO_LIMITS, frictions=Frictions(participation_max=Decimal("0.003")))
    kinds = [("a", Once), ("b", Once)]
    result = run(DATA, kinds, script(DATA, (30, Verb.FLATTEN, SYMBOL)), terms=thin)
    assert outcomes(result) == [DONE]
    said, done = bar_of(DATA, result.operator[0])
    assert (said, done) == (30, 46)
    for bar in range(31, 47):
        assert len(prices(result, SYMBOL, PostingKind.FLATTEN, bar)) == 1
        left = held(result, SYMBOL, bar)
        assert set(left) == (set() if bar == 46 else {"a", "b"})
        assert not left or abs(left["a"] - left["b"]) < Decimal("0.01")
    traded = [each for row, each in result.postings[SYMBOL] if row > 30 and each.quantity]
    assert all(each.kind is PostingKind.FLATTEN for each in traded), "an exit that was wanted meanwhile is withheld"


def test_what_somebody_else_trades_in_between_does_not_keep_a_flatten_from_its_end() -> None:
    sells = {"side": Side.SELL, "quantity": Decimal(1)}
    before = run(DATA, BOTH, script(DATA, (20, Verb.FOREIGN_TRADE, SYMBOL, sells), (20, Verb.FLATTEN, SYMBOL)))
    assert outcomes(before) == [DONE, DONE]
    assert bar_of(DATA, before.operator[1]) == (20, 22), "the net was flat before the order came, the books were not"
    assert held(before, SYMBOL, 22) == {}
    after = run(DATA, BOTH, script(DATA, (20, Verb.FLATTEN, SYMBOL), (20, Verb.FOREIGN_TRADE, SYMBOL, sells)))
    assert outcomes(after) == [DONE, DONE]
    assert held(after, SYMBOL, 21) == {QUARANTINE: -1}, "it came to a flat account, and is no business of the word"


def test_what_is_said_when_nothing_can_follow_says_so() -> None:
    last = len(DATA.bars) - 1
    result = run(DATA, BOTH, script(DATA, (0, Verb.FLATTEN, SYMBOL), (last, Verb.FLATTEN, SYMBOL)))
    assert outcomes(result) == [NOTHING, OPEN]
    assert result.operator[1].ended_at is None
    (late,) = script(DATA, (last, Verb.PAUSE, "account"))
    never = run(DATA, BOTH, (replace(late, at=late.at + 1),))
    assert outcomes(never) == [OPEN]
    assert never.operator[0].said_at is None


@pytest.mark.parametrize(("verb", "subject"), [(Verb.FLATTEN, "AAAUSDT"), (Verb.KILL, "account")])
def test_a_flatten_leaves_the_other_symbols_alone_and_a_kill_leaves_none(verb: Verb, subject: str) -> None:
    first, second = synthetic(3, 60, "AAAUSDT"), synthetic(4, 50, "BBBUSDT")
    members = [
        Member(strategy_id=each, make=kind, symbols=("AAAUSDT", "BBBUSDT"), capital=AMPLE) for each, kind in BOTH
    ]
    words = script(first, (20, verb, subject), (20, Verb.PAUSE, "account"))
    terms = replace(NO_LIMITS, operator=words)
    result = run_together({"AAAUSDT": first, "BBBUSDT": second}, members, terms)
    adds_up(result)
    assert outcomes(result) == [DONE, DONE]
    assert held(result, "AAAUSDT", 21) == {}
    assert held(result, "BBBUSDT", 21) == ({} if verb is Verb.KILL else {"long": 3, "short": -2})
    assert ("BBBUSDT at" in result.operator[0].detail) is (verb is Verb.KILL)


# -- quarantine -----------------------------------------------------------------------------


def test_a_foreign_trade_goes_to_quarantine_and_nothing_is_opened_until_it_is_acknowledged() -> None:
    """Proves: P6-5"""
    words = (20, Verb.FOREIGN_TRADE, SYMBOL, A_LOT_BOUGHT), (60, Verb.ACKNOWLEDGE, SYMBOL)

    class InAndOut(Strategy):
        def on_bar(self, view: View) -> Answer:
            return buy(quantity=1) if view.bar_number % 10 == 3 else close() if view.bar_number % 10 == 7 else None

    result = run(DATA, [("one", InAndOut)], script(DATA, *words))
    assert outcomes(result) == [DONE, DONE]
    assert held(result, SYMBOL, 21) == {QUARANTINE: Decimal("0.5")}
    assert float(result.operator[0].detail.split()[2].rstrip(",")) == pytest.approx(DATA.bars.open[21], rel=0.001)
    for bar in range(21, 64):
        assert held(result, SYMBOL, bar) == {QUARANTINE: Decimal("0.5")}
    assert held(result, SYMBOL, 64) == {QUARANTINE: Decimal("0.5"), "one": 1}
    assert {each.strategy_id for each in result.withheld} == {"one"}
    assert result.by_strategy[QUARANTINE][20] == 0 != result.by_strategy[QUARANTINE][-1]


def test_quarantine_is_given_back_on_a_word_and_only_what_makes_the_net_smaller_before_it_is_acknowledged() -> None:
    """Proves: P6-5"""
    words = ((20, Verb.FOREIGN_TRADE, SYMBOL, A_LOT_BOUGHT), (30, Verb.FLATTEN_QUARANTINE, SYMBOL))
    longer = run(DATA, [("long", Long)], script(DATA, *words))
    assert outcomes(longer) == [DONE, DONE]
    assert bar_of(DATA, longer.operator[1]) == (30, 31)
    assert held(longer, SYMBOL, 31) == {"long": 3}
    shorter = run(DATA, [("short", Short)], script(DATA, *words, (40, Verb.ACKNOWLEDGE, SYMBOL)))
    assert held(shorter, SYMBOL, 39) == {"short": -2, QUARANTINE: Decimal("0.5")}, "selling it would raise the net"
    assert bar_of(DATA, shorter.operator[1]) == (30, 41)
    assert held(shorter, SYMBOL, 41) == {"short": -2}
    whole = run(DATA, [("short", Short)], script(DATA, *words[:1], (30, Verb.FLATTEN, SYMBOL)))
    assert held(whole, SYMBOL, 31) == {}, "a flatten takes quarantine with it"
    none = run(DATA, BOTH, script(DATA, (30, Verb.FLATTEN_QUARANTINE, SYMBOL)))
    assert outcomes(none) == [NOTHING]


def test_quarantine_is_given_back_once() -> None:
    again = (60, Verb.FOREIGN_TRADE, SYMBOL, A_LOT_BOUGHT)
    words = ((20, Verb.FOREIGN_TRADE, SYMBOL, A_LOT_BOUGHT), (30, Verb.FLATTEN_QUARANTINE, SYMBOL), again)
    result = run(DATA, [("long", Long)], script(DATA, *words))
    assert held(result, SYMBOL, 119) == {"long": 3, QUARANTINE: Decimal("0.5")}


def test_a_trade_the_venue_or_the_margin_does_not_take_moves_nothing() -> None:
    off_grid = {"side": Side.BUY, "quantity": DATA.instrument.lot / 2}
    too_large = {"side": Side.BUY, "quantity": Decimal(100_000)}
    words = script(DATA, (20, Verb.FOREIGN_TRADE, SYMBOL, off_grid), (30, Verb.FOREIGN_TRADE, SYMBOL, too_large))
    result = run(DATA, BOTH, words, terms=replace(NO_LIMITS, frictions=Frictions(participation_max=Decimal(1))))
    assert outcomes(result) == [REFUSED, REFUSED]
    assert "lot grid" in result.operator[0].detail
    assert "the account does not carry it" in result.operator[1].detail
    assert QUARANTINE not in held(result, SYMBOL, 119)
    assert QUARANTINE not in result.by_strategy


def test_what_is_lost_in_quarantine_counts_in_the_accounts_limits() -> None:
    class Late(Strategy):
        def on_bar(self, view: View) -> Answer:
            return buy(quantity=1) if view.bar_number == 110 else close()

    bought = {"side": Side.BUY, "quantity": Decimal(60)}
    words = script(DATA, (20, Verb.FOREIGN_TRADE, SYMBOL, bought), (25, Verb.ACKNOWLEDGE, SYMBOL))
    terms = JointTerms(waivers=ALL, policies=LimitPolicies(), operator=words)
    lost = together(DATA, ("late", Late), terms=terms, capital=AMPLE)
    adds_up(lost)
    assert lost.books[QUARANTINE, SYMBOL].equity < 0
    drawdown = {each.whose: each.value for each in lost.distances if each.limit.name.value == "drawdown"}
    assert drawdown["account"] > Decimal("0.1") > drawdown["late"]


# -- the account -----------------------------------------------------------------------------


class InAndOut(Strategy):
    def on_bar(self, view: View) -> Answer:
        return buy(quantity=1) if view.is_flat else close()


def test_while_paused_exits_pass_and_entries_do_not() -> None:
    words = script(DATA, (20, Verb.PAUSE, "account"), (22, Verb.PAUSE, "account"), (30, Verb.RESUME, "account"))
    result = run(DATA, [("one", InAndOut)], (*words, *script(DATA, *[(31, Verb.RESUME, "account")] * 4)[3:]))
    assert outcomes(result) == [DONE, NOTHING, DONE, NOTHING]
    sizes = [held(result, SYMBOL, bar).get("one", Decimal(0)) for bar in range(18, 34)]
    assert sizes[:3] in ([0, 1, 0], [1, 0, 1])
    assert sizes[3:13] == [0] * 10
    assert 1 in sizes[13:]


def test_a_pause_withdraws_what_waits_to_be_opened() -> None:
    class Bids(Strategy):
        def on_bar(self, view: View) -> Answer:
            return buy(quantity=1, limit=view.close * 0.97, good_for_bars=100) if view.bar_number == 3 else None

    assert held(run(DATA, [("one", Bids)], ()), SYMBOL, 119) == {"one": 1}
    assert held(run(DATA, [("one", Bids)], script(DATA, (4, Verb.PAUSE, "account"))), SYMBOL, 119) == {}


def test_a_kill_flattens_everything_and_only_a_reason_starts_it_again() -> None:
    why = {"why": "the drill is over"}
    words = script(
        DATA,
        (20, Verb.KILL, "account"),
        (40, Verb.RESUME, "account"),
        (50, Verb.RESUME, "account", why),
        (119, Verb.KILL, "account"),
    )
    result = run(DATA, BOTH, words)
    assert outcomes(result) == [DONE, REFUSED, DONE, OPEN]
    assert "say why" in result.operator[1].detail
    assert held(result, SYMBOL, 20) == {"long": 3, "short": -2}
    for bar in range(21, 53):
        assert held(result, SYMBOL, bar) == {}
    assert held(result, SYMBOL, 60) == {"long": 3, "short": -2}
    assert outcomes(run(DATA, BOTH, script(DATA, (0, Verb.KILL, "account")))) == [DONE], "locked down, holding nothing"
