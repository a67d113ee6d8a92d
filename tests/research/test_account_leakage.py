"""Of several strategies on one account the one that knows the future is named, on its symbol, and no other.

Proves: BX-4
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from qts.domain.fill import Fill
from qts.market.blindfold import WholeHistory
from qts.market.view import View
from qts.research.account_leakage import StrategyCheck, account_checks
from qts.research.leakage import LeakCheck
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.simulation import joint_run
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member, OnHalt
from qts.simulation.operator_words import Verb, Word
from qts.strategy.catalogue import CATALOGUE
from qts.strategy.intent import Answer, Targets, buy, close
from qts.strategy.signals import SignalStrategy
from qts.strategy.strategy import Strategy
from tests.research.leaking import (
    Brittle,
    Broken,
    FeaturePeeker,
    Fragile,
    Peeker,
    ProtectionPeeker,
    Trailer,
    WorksByTheFuture,
    follow,
    whole,
)
from tests.simulation.joint_members import ALL, CAPITAL, NO_LIMITS, Averages, synthetic
from tests.simulation.scripted import script

FIRST, SECOND = "AAAUSDT", "BBBUSDT"
MARKETS = {FIRST: synthetic(3, 400, FIRST), SECOND: synthetic(4, 300, SECOND)}
Make = Callable[[], Strategy]


def member(strategy_id: str, make: Make, *symbols: str) -> Member:
    return Member(strategy_id=strategy_id, make=make, symbols=symbols or (FIRST,), capital=CAPITAL)


def checked(*members: Member, terms: JointTerms = NO_LIMITS) -> tuple[JointResult, dict[str, StrategyCheck]]:
    result = run_together(MARKETS, members, terms)
    checks = account_checks(MARKETS, members, result)
    assert [each.strategy_id for each in checks] == sorted(each.strategy_id for each in members)
    return result, {each.strategy_id: each for each in checks}


def found(checks: dict[str, StrategyCheck]) -> dict[str, LeakCheck]:
    return {name: each.check for name, each in checks.items()}


def in_sight(monkeypatch: pytest.MonkeyPatch, *members: Member, terms: JointTerms = NO_LIMITS) -> JointResult:
    """The run as it would be if nothing were hidden in it."""
    with monkeypatch.context() as patch:
        patch.setattr(joint_run, "Blindfold", WholeHistory)
        return run_together(MARKETS, members, terms)


def bar(symbol: str, check: StrategyCheck) -> int:
    assert check.leak is not None
    bars = MARKETS[symbol].bars
    return (check.leak.decided_at - int(bars.opened_at[0])) // bars.interval_ms - 1


@pytest.mark.parametrize("limits", [None, LimitPolicies()])
def test_the_catalogue_does_not_leak_and_a_blindfold_changes_nothing(
    limits: LimitPolicies | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [member(f"s{number}", CATALOGUE[name], FIRST, SECOND) for number, name in enumerate(sorted(CATALOGUE))]
    terms = JointTerms(waivers=ALL, policies=limits)
    result, checks = checked(*members, terms=terms)
    assert all(result.said.values()), "a strategy that never decides proves nothing"
    assert set(found(checks).values()) == {LeakCheck.PASSED}
    assert {each.asked for each in checks.values()} == {700}
    plain = in_sight(monkeypatch, *members, terms=terms)
    assert (plain.journal_head, plain.postings, plain.said) == (result.journal_head, result.postings, result.said)
    np.testing.assert_array_equal(plain.equity, result.equity)


def first_rise(symbol: str, ahead: int = 1, after: int = 0) -> int:
    """The first bar, from ``after`` on, whose close is below the one ``ahead`` bars later."""
    closes = MARKETS[symbol].bars.close
    return after + int(np.argmax(closes[after + ahead :] > closes[after:-ahead]))


def test_a_one_bar_leak_is_named_with_strategy_symbol_bar_and_line() -> None:
    _, checks = checked(member("peek", Peeker))
    check = checks["peek"]
    assert check.check is LeakCheck.LEAK
    assert bar(FIRST, check) == first_rise(FIRST)
    assert check.place.startswith("leaking.py:")
    assert check.sentence().startswith(f"peek on {FIRST} ({check.place}): on the bar closing ")
    assert "decided to buy (weight 1, reason peeked), but nothing when later bars were hidden" in check.sentence()


@pytest.mark.parametrize("first_row", [0, 200])
def test_a_feature_read_ahead_is_a_leak(first_row: int) -> None:
    _, checks = checked(member("peek", lambda: FeaturePeeker(first_row=first_row)))
    assert checks["peek"].check is LeakCheck.LEAK
    assert bar(FIRST, checks["peek"]) >= first_row


@pytest.mark.parametrize("wish", ["stop", "target"])
def test_a_protection_placed_with_the_future_is_a_leak(wish: str) -> None:
    result, checks = checked(member("peek", lambda: ProtectionPeeker(wish=wish)))
    assert result.postings[FIRST], "it enters by the calendar"
    assert checks["peek"].leak is not None
    assert checks["peek"].leak.with_future.startswith(
        {"stop": "to protect (stop_loss ", "target": "to protect (take_profit "}[wish]
    )
    assert checks["peek"].leak.without_future == "nothing"


def test_a_future_that_only_chooses_how_an_order_is_worked_is_a_leak() -> None:
    result, checks = checked(member("peek", WorksByTheFuture))
    assert result.said["peek"], "it buys with the future and without"
    leak = checks["peek"].leak
    assert leak is not None
    assert (leak.with_future, leak.without_future) == (
        "to buy (quantity 1, over_bars 3, algorithm twap)",
        "to buy (quantity 1)",
    )


class Weighs(Strategy):
    """Says a weight, which is larger before a rise."""

    def on_bar(self, view: View) -> Answer:
        column = whole(view.closes(1))
        return Targets({view.symbol: 0.5 if column[min(view.bar_number + 1, len(column) - 1)] > view.close else 0.25})


def test_target_weights_are_told_as_weights() -> None:
    _, checks = checked(member("peek", Weighs))
    leak = checks["peek"].leak
    assert leak is not None
    assert (leak.with_future, leak.without_future) == (f"to hold 0.5 of {FIRST}", f"to hold 0.25 of {FIRST}")


class PeeksOnTheSecond(Strategy):
    """Honest on one symbol, on the other it knows the next close."""

    slow: int = 20

    def on_bar(self, view: View) -> Answer:
        if view.symbol == SECOND:
            column = whole(view.closes(1))
            return follow(view, column[min(view.bar_number + 1, len(column) - 1)])
        return follow(view, view.feature("sma", self.slow))


def test_a_leak_on_the_second_symbol_alone_is_named_with_it() -> None:
    result, checks = checked(member("half", PeeksOnTheSecond, FIRST, SECOND), member("honest", Averages, FIRST, SECOND))
    assert {symbol for _, symbol, _ in result.said["half"]} == {FIRST}
    assert found(checks) == {"half": LeakCheck.LEAK, "honest": LeakCheck.PASSED}
    assert checks["half"].symbol == SECOND
    assert bar(SECOND, checks["half"]) == first_rise(SECOND)


class Insists(Strategy):
    """Says how much it holds, and so says other things where others leave it less room."""

    def on_bar(self, view: View) -> Answer:
        if view.is_flat:
            return buy(weight=0.9) if view.bar_number % 3 == 0 else None
        return close(reason=f"held {view.position}") if view.bar_number % 7 == 0 else None


def test_whoever_only_suffers_from_a_leak_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the one leaks takes the account's limit away from the other, who then says other things."""
    both = (member("insists", Insists), member("peek", Peeker))
    of_account = LimitPolicy(gross_exposure_max=Decimal("0.5"))
    policies = LimitPolicies(account=of_account, strategies={each.strategy_id: LimitPolicy() for each in both})
    terms = JointTerms(waivers=ALL, policies=policies)
    result, checks = checked(*both, terms=terms)
    seen = in_sight(monkeypatch, *both, terms=terms)
    assert seen.said["insists"] != result.said["insists"], "the leak is felt by the other one"
    assert found(checks) == {"insists": LeakCheck.PASSED, "peek": LeakCheck.LEAK}


def test_every_one_that_leaks_is_named_not_only_the_first() -> None:
    late = member("late", lambda: FeaturePeeker(first_row=250))
    _, checks = checked(member("early", Peeker), late, member("honest", Trailer))
    assert found(checks) == {"early": LeakCheck.LEAK, "honest": LeakCheck.PASSED, "late": LeakCheck.LEAK}
    assert bar(FIRST, checks["early"]) < 250 <= bar(FIRST, checks["late"])


@pytest.mark.parametrize("on_halt", OnHalt)
def test_a_strategy_that_fails_either_way_failed_and_did_not_leak(on_halt: OnHalt) -> None:
    members = (member("broken", Broken, FIRST, SECOND), member("honest", Averages), member("peek", Peeker))
    result, checks = checked(*members, terms=replace(NO_LIMITS, on_halt=on_halt))
    assert [each.strategy_id for each in result.halted] == ["broken"]
    assert found(checks) == {"broken": LeakCheck.PASSED, "honest": LeakCheck.PASSED, "peek": LeakCheck.LEAK}
    assert checks["broken"].asked == 31 + 30


class FailsOnlyWithTheFuture(Strategy):
    def on_bar(self, view: View) -> Answer:
        column = whole(view.closes(1))
        if np.isfinite(column[min(view.bar_number + 1, len(column) - 1)]):
            raise LookupError("there is more")
        return buy(weight=0.1) if view.is_flat else None


@pytest.mark.parametrize(
    ("kind", "seen", "hidden"),
    [
        (Fragile, "to buy (weight 1, stop_loss ", "nothing, since it failed (stop_loss is nan"),
        (Brittle, "nothing", "nothing, since it failed (LookupError: no data (leaking.py:"),
        (FailsOnlyWithTheFuture, "nothing, since it failed (LookupError: there is more", "to buy (weight 0.1)"),
    ],
)
def test_failing_only_with_or_only_without_the_future_is_a_leak(kind: Make, seen: str, hidden: str) -> None:
    _, checks = checked(member("fails", kind, FIRST, SECOND), member("honest", Averages))
    leak = checks["fails"].leak
    assert leak is not None
    assert leak.with_future.startswith(seen)
    assert leak.without_future.startswith(hidden)
    assert bar(FIRST, checks["fails"]) == 0
    assert found(checks)["honest"] is LeakCheck.PASSED


class Counts(Strategy):
    """Honest, and full of memory: of how long it has been there, and of what filled."""

    def on_start(self) -> None:
        self._bars = 0
        self._filled = Decimal(0)

    def on_bar(self, view: View) -> Answer:
        self._bars += 1
        if self._bars % 9 == 0:
            return (
                buy(quantity=1, reason=f"bar {self._bars}, {self._filled} filled so far") if view.is_flat else close()
            )
        return None

    def on_fill(self, fill: Fill) -> None:
        self._filled += fill.quantity
        if self._filled == 4:
            raise ValueError("four are enough")


def test_what_an_operator_and_the_market_told_it_is_told_again() -> None:
    """Disabled and enabled, halted by a fill and enabled, each time as new instances; the script is in no order."""
    words: tuple[Word, ...] = script(
        MARKETS[FIRST],
        (200, Verb.ENABLE, "counts"),
        (20, Verb.DISABLE, "counts"),
        (31, Verb.ENABLE, "counts"),
        (31, Verb.DISABLE, "counts"),
        (31, Verb.ENABLE, "counts"),
        (260, Verb.PAUSE, "account"),
    )
    result, checks = checked(member("counts", Counts, FIRST, SECOND), terms=replace(NO_LIMITS, operator=words))
    assert [each.strategy_id for each in result.halted] == ["counts", "counts"]
    reasons = {intents[0].reason for _, _, intents in result.said["counts"]}  # type: ignore[index]
    assert reasons == {"", "bar 9, 0 filled so far", "bar 27, 2.000 filled so far"}
    assert found(checks) == {"counts": LeakCheck.PASSED}


class Tells(Strategy):
    """Says what its book is worth, whenever that may have changed."""

    def on_bar(self, view: View) -> Answer:
        reason = f"worth {view.equity}"
        if view.bar_number % 10:
            return None
        return buy(weight=0.1, reason=reason) if view.is_flat else close(reason=reason)


def test_capital_that_an_operator_moves_is_known_when_it_is_asked_again() -> None:
    amount = Decimal(5000)
    words = script(MARKETS[FIRST], (34, Verb.TRANSFER, "gives", {"target": "gets", "amount": amount}))
    members = (member("gets", Tells), member("gives", Tells, FIRST, SECOND))
    result, checks = checked(*members, terms=replace(NO_LIMITS, operator=words))
    assert [each.amount for each in result.transfers] == [amount]
    assert found(checks) == {"gets": LeakCheck.PASSED, "gives": LeakCheck.PASSED}


def test_one_that_leaks_after_it_was_enabled_again_is_named_there() -> None:
    class Reforms(Strategy):
        """Honest until the bar 100."""

        def on_bar(self, view: View) -> Answer:
            column = whole(view.closes(1))
            return follow(view, column[view.bar_number + 1]) if 99 < view.bar_number < 200 else None

    words = script(MARKETS[FIRST], (50, Verb.DISABLE, "peek"), (120, Verb.ENABLE, "peek"))
    _, checks = checked(member("peek", Reforms), terms=replace(NO_LIMITS, operator=words))
    assert bar(FIRST, checks["peek"]) == first_rise(FIRST, after=120)


def test_of_one_that_was_never_asked_nothing_is_known() -> None:
    words = script(MARKETS[FIRST], (0, Verb.DISABLE, "never"))
    _, checks = checked(member("never", Peeker), member("honest", Averages), terms=replace(NO_LIMITS, operator=words))
    assert found(checks) == {"honest": LeakCheck.PASSED, "never": LeakCheck.NOT_ASKED}
    assert checks["never"].sentence() == "never: it was never asked, so nothing is known of leaks"


def test_signals_cannot_be_checked_and_nobody_says_they_were() -> None:
    closes = MARKETS[FIRST].bars.close
    ahead = np.sign(np.diff(closes, append=closes[-1])).astype(int)
    ahead.flags.writeable = False
    result, checks = checked(member("given", lambda: SignalStrategy(signals=ahead)))
    assert result.said["given"]
    assert found(checks) == {"given": LeakCheck.NOT_POSSIBLE}


class Hoards(Strategy):
    """Keeps, where nobody looks, what it once saw: a copy of a whole column, or the memory it lies in."""

    keeps: str = "copy"

    def on_bar(self, view: View) -> Answer:
        column = whole(view.closes(1))
        kept = globals().setdefault("HOARD", column.copy() if self.keeps == "copy" else column)
        return follow(view, kept[min(view.bar_number + 12, len(kept) - 1)])


@pytest.mark.parametrize(("keeps", "check"), [("copy", LeakCheck.PASSED), ("memory", LeakCheck.LEAK)])
def test_what_is_left_behind_by_asking_again_is_not_there_for_the_run(keeps: str, check: LeakCheck) -> None:
    """A copy of what the run shows is of no use, in it or later."""
    globals().pop("HOARD", None)
    result, checks = checked(member("hoards", lambda: Hoards(keeps=keeps)))
    assert not result.said["hoards"], "the run knows nothing of what comes"
    assert found(checks) == {"hoards": check}


def test_one_that_cannot_repeat_itself_is_named_too() -> None:
    class Moody(Strategy):
        def on_bar(self, view: View) -> Answer:
            globals()["MOOD"] = globals().get("MOOD", 0) + 1
            return buy(weight=0.1) if globals()["MOOD"] == 12 else None

    globals().pop("MOOD", None)
    _, checks = checked(member("moody", Moody), member("honest", Averages))
    assert found(checks) == {"honest": LeakCheck.PASSED, "moody": LeakCheck.LEAK}
    assert "or it is not reproducible" in checks["moody"].sentence()


def test_the_same_run_gives_the_same_answer_twice() -> None:
    members = (member("half", PeeksOnTheSecond, FIRST, SECOND), member("honest", Averages))
    (one, checks), (other, again) = checked(*members), checked(*members)
    assert (one.journal_head, checks) == (other.journal_head, again)


MEMORY: tuple[int, ...] = ()


class Hides(Strategy):
    """Looks harmless until it has run: then its module holds what no strategy may share."""

    says: str = ""

    def on_bar(self, view: View) -> Answer:
        globals()["MEMORY"] = [*MEMORY, view.bar_number]
        return buy(weight=0.1, reason=self.says) if self.says and len(MEMORY) == 5 else None


@pytest.mark.parametrize(("says", "check"), [("aloud", LeakCheck.LEAK), ("", LeakCheck.NOT_ASKED)])
def test_one_that_cannot_be_registered_again_breaks_nothing(says: str, check: LeakCheck) -> None:
    globals()["MEMORY"] = ()
    words = script(MARKETS[FIRST], (50, Verb.DISABLE, "hides"))
    members = (member("hides", lambda: Hides(says=says)), member("peek", Peeker))
    _, checks = checked(*members, terms=replace(NO_LIMITS, operator=words))
    assert found(checks) == {"hides": check, "peek": LeakCheck.LEAK}
