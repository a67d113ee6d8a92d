"""Capital transferred between strategies while they trade: what moves with it, what stays, and what is refused.

Proves: P4-3
"""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from qts.market.dataset import Dataset
from qts.market.view import View
from qts.research.account_tables import AccountRow, account_tables
from qts.risk.capital_changes import PoolKey, PoolState, Transfer
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.risk.limits import LimitName
from qts.risk.stages import StageWord
from qts.simulation.joint_result import JointResult
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member
from qts.simulation.operator_words import Outcome, Verb, Word
from qts.strategy.intent import Answer, buy, close
from qts.strategy.strategy import Strategy
from tests.generators import SYMBOL
from tests.simulation.scripted import outcomes, script
from tests.simulation.test_joint_guard import WIDE
from tests.simulation.test_joint_money import OTHER, TERMS, flat_at, member, saying

QUIET = saying()


def transfer(dataset: Dataset, *said: tuple[int, str, str, str]) -> tuple[Word, ...]:
    """Each: the bar whose close it is said at, from, to, how much."""
    return script(
        dataset,
        *[(bar, Verb.TRANSFER, source, {"target": to, "amount": Decimal(much)}) for bar, source, to, much in said],
    )


def run(
    prices: list[float], *members: Member, said: list[tuple[int, str, str, str]], terms: JointTerms = TERMS
) -> JointResult:
    dataset = flat_at(prices)
    return run_together({SYMBOL: dataset}, members, replace(terms, operator=transfer(dataset, *said)))


def rows(result: JointResult) -> dict[str, AccountRow]:
    tables = account_tables(result)
    assert tables.differences == ()
    return {row.name: row for row in (*tables.strategies, tables.account)}


def test_what_is_available_goes_and_what_is_invested_stays() -> None:
    """2 bought at 100 at leverage 2: 100 of margin, 0.2 of fee. The other 899.8 go; 2 are sold at 110, for 0.22.

    Until the transfer 1,000 became 999.8, and from then on 100 became 119.78: of 1,000 that is 999.8 x 1.1978.
    """
    one = member("one", saying(b0=buy(quantity=2), b3=close()))
    result = run([100, 100, 100, 110, 110], one, member("two", QUIET), said=[(1, "one", "two", "899.8")])
    assert outcomes(result) == [Outcome.DONE]
    assert result.operator[0].detail == "one has 100 now, two has 1899.8"
    key, other = PoolKey("drill", "one"), PoolKey("drill", "two")
    assert [each for _, each in result.changes if isinstance(each, Transfer)] == [
        Transfer(key, other, Decimal("899.8"))
    ]
    assert result.capital.pools[key].total == Decimal("119.78")
    assert result.capital.account == Decimal("2019.58")
    found = rows(result)
    assert [
        (found[each].capital, found[each].transferred, found[each].equity) for each in ("one", "two", "account")
    ] == [
        (Decimal("100.2"), Decimal("-899.8"), Decimal("119.78")),
        (Decimal("1899.8"), Decimal("899.8"), Decimal("1899.8")),
        (2000, 0, Decimal("2019.58")),
    ]
    assert found["one"].total_return == pytest.approx(float(Fraction("0.9998") * Fraction("1.1978") - 1), rel=1e-12)
    assert found["two"].total_return == 0
    np.testing.assert_allclose(result.by_strategy["one"], [1000, 100, 100, 120, 119.78])
    np.testing.assert_allclose(result.by_strategy["two"], [1000, *[1899.8] * 4])
    assert result.of_symbol(SYMBOL).capital == result.account.capital == 2000, "no symbol's ledger has a part in it"


def test_a_loss_after_most_was_taken_is_a_share_of_what_was_left() -> None:
    """Half of 100 is lost, less a fee of 0.1 each way: that is a drawdown of half, whatever went before."""
    loses = member("one", saying(b1=buy(quantity=1), b3=close()))
    result = run([100, 100, 100, 50, 50, 50], loses, member("two", QUIET), said=[(0, "one", "two", "900")])
    found = rows(result)["one"]
    assert found.equity == Decimal("49.85")
    assert found.total_return == pytest.approx(-0.5015)
    assert found.max_drawdown == pytest.approx(0.5015)


def test_there_and_back_leaves_no_trace_in_a_return() -> None:
    words = saying(b0=buy(quantity=2), b2=close(), b4=buy(quantity=2), b6=close())
    members = member("one", words), member("two", QUIET)
    prices = [100, 100, 110, 110, 110, 110, 120, 120]
    there = [(3, "one", "two", "500"), (3, "two", "one", "200"), (3, "two", "one", "300")]
    result, plain = run(prices, *members, said=there), run(prices, *members, said=[])
    assert [each.amount for each in result.transfers] == [500, 200, 300]
    got, wanted = rows(result)["one"], rows(plain)["one"]
    assert (got.capital, got.equity) == (wanted.capital, wanted.equity)
    assert got.total_return == pytest.approx(wanted.total_return)
    assert got.max_drawdown == pytest.approx(wanted.max_drawdown)
    assert result.books == plain.books


@pytest.mark.parametrize(
    ("answer", "amount", "sentence"),
    [
        (buy(quantity=2), "899.80000001", "899.80000001 is wanted, 899.8 of drill/one is available"),
        (buy(quantity=2, limit=95, good_for_bars=9), "905", "905 is wanted, 904.71481 of drill/one is available"),
        (None, "1000.5", "1000.5 is wanted, 1000 of drill/one is available"),
        (None, "1000", "1000 is wanted, one is worth 1000: something of it must stay"),
    ],
    ids=["invested", "reserved", "not there", "all there is"],
)
def test_what_is_not_available_is_refused_with_both_numbers(answer: Answer, amount: str, sentence: str) -> None:
    one = member("one", saying(b0=answer))
    result = run([100] * 4, one, member("two", QUIET), said=[(1, "one", "two", amount)])
    assert (outcomes(result), result.operator[0].detail) == ([Outcome.REFUSED], sentence)
    assert result.transfers == ()
    assert not [each for _, each in result.changes if isinstance(each, Transfer)]
    assert rows(result)["two"].capital == 1000


def test_who_lost_everything_is_given_nothing() -> None:
    """20 bought at 100 with 1,000 at leverage 2 are worth nothing at 50, and less than nothing with the fees."""
    ruined = member("one", saying(b0=buy(quantity=19)))
    result = run([100, 100, 40], ruined, member("two", QUIET), said=[(2, "two", "one", "500")])
    assert outcomes(result) == [Outcome.REFUSED]
    assert result.operator[0].detail == "500 is wanted for one, which is worth -141.9: all of it is lost"


def test_what_an_order_held_that_has_ended_is_available() -> None:
    """The bid ends with bar 2, and is only heard of as ended at its close."""
    bids = member("one", saying(b0=buy(quantity=19, limit=95, good_for_bars=2)))
    for bar, outcome in ((1, Outcome.REFUSED), (2, Outcome.DONE)):
        result = run([100] * 5, bids, member("two", QUIET), said=[(bar, "one", "two", "500")])
        assert outcomes(result) == [outcome], bar


@pytest.mark.parametrize("state", [PoolState.PAUSED, PoolState.LOCKED])
@pytest.mark.parametrize("whose", ["one", "two"])
def test_a_locked_pool_neither_gives_nor_gets_and_a_paused_one_does(state: PoolState, whose: str) -> None:
    members = [member(each, QUIET, **({"pool": state} if each == whose else {})) for each in ("one", "two")]
    result = run([100] * 3, *members, said=[(1, "one", "two", "10")])
    locked = state is PoolState.LOCKED
    assert outcomes(result) == [Outcome.REFUSED if locked else Outcome.DONE]
    assert (f"drill/{whose} is locked" in result.operator[0].detail) is locked


def test_what_a_strategy_sees_and_how_it_is_sized_are_of_what_it_has_now() -> None:
    """With fees of both ways 5.195 a unit are at risk, of 2 % of 1,000; of 3,000, or 600, after it."""

    class Sized(Strategy):
        def on_bar(self, view: View) -> Answer:
            if view.symbol == OTHER:
                return buy(quantity=view.equity)  # far too much: only said, to be read
            return buy(stop_loss=95) if view.bar_number == 2 else None

    datasets = {OTHER: flat_at([100] * 5, OTHER), SYMBOL: flat_at([100] * 5)}
    one = Member(strategy_id="one", make=Sized, symbols=(OTHER, SYMBOL), capital=Decimal(1000))
    two = Member(strategy_id="two", make=QUIET, symbols=(SYMBOL,), capital=Decimal(5000))
    bought = {}
    for source, target, came in (("one", "two", 0), ("two", "one", 2000), ("one", "two", -400)):
        words = transfer(datasets[SYMBOL], (2, source, target, str(abs(came)))) if came else ()
        result = run_together(datasets, [one, two], replace(TERMS, operator=words))
        bought[came] = result.venue[SYMBOL].position
        seen = [answer[0].quantity for _, symbol, answer in result.said["one"] if symbol == OTHER]
        assert seen == [500, 500, *[500 + came / 2] * 3], "its even share on each symbol, at that close"
    assert bought == {0: Decimal("3.849"), 2000: Decimal("11.549"), -400: Decimal("2.309")}


def test_it_counts_at_the_close_it_is_said_at_on_symbols_that_have_no_bar_there() -> None:
    """One of the symbols begins at bar 3 and ends at bar 4; capital that is on no ledger waits for no bar."""
    whole, late = flat_at([100] * 6), flat_at([100] * 6, OTHER)
    cut = {name: getattr(late.bars, name)[3:5] for name in ("opened_at", "open", "high", "low", "close", "volume")}
    datasets = {SYMBOL: whole, OTHER: replace(late, bars=replace(late.bars, **cut))}
    one = Member(strategy_id="one", make=QUIET, symbols=(OTHER,), capital=Decimal(1000))
    two = Member(strategy_id="two", make=QUIET, symbols=(SYMBOL,), capital=Decimal(1000))
    words = transfer(whole, (1, "one", "two", "100"), (5, "two", "one", "300"))
    result = run_together(datasets, [one, two], replace(TERMS, operator=words))
    assert outcomes(result) == [Outcome.DONE] * 2
    np.testing.assert_array_equal(result.by_strategy["one"], [1000, 900, 900, 900, 900, 1200])
    np.testing.assert_array_equal(result.by_strategy["two"], [1000, 1100, 1100, 1100, 1100, 800])
    np.testing.assert_array_equal(result.equity, [2000] * 6)


# -- limits ----------------------------------------------------------------------------------

DRAWDOWN = replace(WIDE, drawdown_warn=Decimal("0.05"), drawdown_block=Decimal("0.2"), stop_buffer=Decimal(0))
DAY = replace(WIDE, daily_loss_warn=Decimal("0.05"), daily_loss_block=Decimal("0.2"), stop_buffer=Decimal(0))
LOSSES = [(LimitName.DRAWDOWN, DRAWDOWN), (LimitName.DAILY_LOSS, DAY)]


def judged(
    policy: LimitPolicy, limit: LimitName, falls_to: float, said: list[tuple[int, str, str, str]]
) -> tuple[StageWord | None, list[Decimal]]:
    """One holds 10 at 100 of 1,000 while the price falls; at its bottom it wants one more. What its limit says of it.

    And how much each of the books, the strategies' and then the account's, had lost as the run ended.
    """
    one = member("one", saying(b0=buy(quantity=10), b4=buy(quantity=1)))
    terms = replace(TERMS, policies=LimitPolicies(account=policy))
    result = run(
        [100, 100, 100, falls_to, falls_to, falls_to], one, member("two", QUIET, "9000"), said=said, terms=terms
    )
    assert outcomes(result) == [Outcome.DONE] * len(said)
    words = [each for word in result.gate for each in word.limits if each.whose == "one" and each.limit is limit]
    lost = {each.whose: each.value for each in result.distances if each.limit.name is limit}
    assert all(each is not None for each in lost.values())
    return (words[0].stage if words else None), [each for _, each in sorted(lost.items()) if each is not None]


@pytest.mark.parametrize(("limit", "policy"), LOSSES)
@pytest.mark.parametrize(
    ("falls_to", "stage"), [(70, StageWord.BLOCK), (90, StageWord.WARN), (99, None)], ids=["30 %", "10 %", "1 %"]
)
@pytest.mark.parametrize("said", [[(3, "two", "one", "8000")], [(3, "one", "two", "150")], [(4, "one", "two", "150")]])
def test_a_transfer_neither_sets_off_nor_lifts_a_limit_of_losses(
    limit: LimitName,
    policy: LimitPolicy,
    falls_to: float,
    stage: StageWord | None,
    said: list[tuple[int, str, str, str]],
) -> None:
    plain, lost = judged(policy, limit, falls_to, [])
    after, lost_after = judged(policy, limit, falls_to, said)
    assert (plain, after) == (stage, stage)
    assert lost_after[0] == lost[0], "the account's sums are what they were"
    if stage is StageWord.BLOCK:
        assert [float(each) for each in lost_after] == pytest.approx([float(each) for each in lost], abs=1e-12)


def test_a_loss_on_a_transferred_day_is_measured_from_what_was_left() -> None:
    """Said at the close of bar 1, before the fall: 10 bought with 1,000 of which 400 go, and 600 lose 200."""
    policy = replace(DRAWDOWN, drawdown_block=Decimal("0.3"))
    _, lost = judged(policy, LimitName.DRAWDOWN, 80, [(1, "one", "two", "400")])
    _, plain = judged(policy, LimitName.DRAWDOWN, 80, [])
    assert float(plain[1]) == pytest.approx(0.201, abs=1e-3)
    assert float(lost[1]) == pytest.approx(201 / 600, abs=1e-3)
