"""No liquidation before the stop in a run of one strategy: what is held is asked again, and given back if need be.

Each story is run by both engines, which must agree to the last bit.

Proves: QL-14, P6-9
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from qts.domain.book import Book
from qts.domain.instant import MINUTE_MS
from qts.market.brackets import BracketHistory
from qts.market.dataset import Dataset
from qts.research.limit_tally import refused_before, tallies
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limit_state import ACCOUNT
from qts.risk.limit_words import GateWord
from qts.risk.limits import LimitName
from qts.risk.liquidation_guard import LiquidationFirst
from qts.simulation.backtest import Engine, Terms, run_backtest
from qts.simulation.result import RunResult
from qts.simulation.run_limits import OWN
from qts.simulation.stop_recheck import WHY, StopRecheck
from qts.strategy.intent import Answer, buy, close, protect, sell
from tests.generators import ALL_WAIVERS, INTERVAL, START, bracket_table
from tests.properties.test_engines_agree import assert_same
from tests.simulation.test_joint_guard import FRICTIONS, ONE_TIER, WIDE, market, saying

POLICIES = LimitPolicies(account=WIDE)
TERMS = Terms(capital=Decimal(10_000), frictions=FRICTIONS, policies=POLICIES, waivers=ALL_WAIVERS)


def run(dataset: Dataset, terms: Terms = TERMS, **words: Answer) -> RunResult:
    """words: what is said at the close of which bar, b0=buy(...)."""
    plain = run_backtest(dataset, saying(**words)(), terms, Engine.PLAIN)
    assert_same(plain, run_backtest(dataset, saying(**words)(), terms, Engine.SKIPPING))
    return plain


def given_back(result: RunResult) -> list[GateWord]:
    return [word for word in result.gate if word.reason.startswith(WHY)]


def filled(result: RunResult) -> list[tuple[int, Decimal]]:
    """Bars in which something filled, and how much, signed."""
    return [((each.occurred_at - START) // INTERVAL, each.side.sign * each.quantity) for each in result.fills]


# 60 at 100 and 3x take all of 2,000 as margin. Funding comes out of it: at 2,000 a long is taken at 67.34, and its stop
# at 70 clears that with fee, funding and gap; at 1,940 it still does, and not after a second payment of three percent.
FUNDED = replace(TERMS, capital=Decimal(2000), frictions=replace(FRICTIONS, leverage=3))


@pytest.mark.parametrize(("stop", "kept"), [(70, False), (80, True)], ids=["falls behind", "stays in front"])
def test_a_stop_that_falls_behind_liquidation_by_funding_makes_the_position_go(stop: int, kept: bool) -> None:  # noqa: FBT001
    dataset = market([100] * 12, rates={5: "0.01", 7: "0.03", 9: "0.03"})
    result = run(dataset, FUNDED, b0=buy(quantity=60, stop_loss=stop))
    if kept:
        assert result.gate == ()
        assert filled(result) == [(1, 60)]
        return
    (word,) = given_back(result)
    assert word.at == START + 8 * INTERVAL, "at the close of the bar in which the second payment was made"
    assert f"stop {stop} does not lie before liquidation at " in word.reason
    assert word.strategy_id == OWN
    assert filled(result) == [(1, 60), (8, -60)]
    assert result.orders[-1].reason == WHY
    (tally,) = tallies(result.gate)
    assert tally.sentence == "stop-before-liquidation of account: 1 block; 2024-01-01T08:00:00Z"
    assert refused_before(result.gate) == {}, "it was no order, and nothing refused it"


def test_a_short_that_is_paid_funding_keeps_its_place_and_one_that_pays_loses_it() -> None:
    rates = {5: "-0.01", 7: "-0.03", 9: "-0.03"}
    pays = run(market([100] * 12, rates=rates), FUNDED, b0=sell(quantity=60, stop_loss=128))
    assert filled(pays) == [(1, -60), (8, 60)]
    rates = {row: rate.removeprefix("-") for row, rate in rates.items()}
    assert filled(run(market([100] * 12, rates=rates), FUNDED, b0=sell(quantity=60, stop_loss=128))) == [(1, -60)]


@pytest.mark.parametrize("late_ms", [0, 1, 30 * MINUTE_MS, INTERVAL - 1], ids=["open", "after", "middle", "close"])
@pytest.mark.parametrize("stop", [85, 96])
def test_another_bracket_table_is_looked_at_by_the_first_close_it_rules(late_ms: int, stop: int) -> None:
    """10 % maintenance takes a long of 5x at 88.9. From the open of bar 5 on: that is the close of bar 4."""
    tables = BracketHistory((ONE_TIER, bracket_table(("0", "0.1", 100), as_of=START + 5 * INTERVAL + late_ms)))
    result = run(market([100] * 10, brackets=tables), b0=buy(quantity=10, stop_loss=stop))
    if stop == 96:
        assert (result.gate, filled(result)) == ((), [(1, 10)])
        return
    (word,) = given_back(result)
    closes = 5 if late_ms == 0 else 6
    assert word.at == START + closes * INTERVAL
    assert filled(result) == [(1, 10), (closes, -10)]


def test_a_stop_that_is_moved_behind_liquidation_is_found_at_the_next_close() -> None:
    result = run(market([100] * 8), b0=buy(quantity=10, stop_loss=90), b3=protect(stop_loss=70))
    (word,) = given_back(result)
    assert word.at == START + 5 * INTERVAL
    assert filled(result) == [(1, 10), (5, -10)]
    moved = run(
        market([100] * 8), b0=buy(quantity=10, stop_loss=90), b3=protect(stop_loss=85), b5=protect(stop_loss=95)
    )
    assert (moved.gate, filled(moved)) == ((), [(1, 10)])


def test_each_part_of_a_fill_is_looked_at_and_what_is_leaving_is_not_sent_again() -> None:
    """5 a bar at prices that climb: what was judged at 100 is held from 100 to 140 on, and its stop is too far then."""
    path = [100, 100, 110, 120, 130, 140, *[150] * 8]
    terms = replace(TERMS, frictions=replace(FRICTIONS, participation_max=Decimal("0.5")))
    result = run(market(path, volume=10.0), terms, b0=buy(quantity=25, stop_loss=90))
    words = given_back(result)
    assert words[0].at < START + 6 * INTERVAL, "before the whole of it had filled"
    outs = [order for order in result.orders if order.reason == WHY]
    assert sum(order.quantity for order in outs) == sum(size for _, size in filled(result) if size > 0) < 25
    assert sum(size for _, size in filled(result)) == 0


def test_what_the_answer_closes_itself_is_not_closed_twice_and_a_reversal_goes_on() -> None:
    """Said at the close at which the position has to go: close(), or the other side at once."""
    dataset = market([100] * 12, rates={5: "0.01", 7: "0.03", 9: "0.03"})
    entry = buy(quantity=60, stop_loss=70)
    closed = run(dataset, FUNDED, b0=entry, b7=close(reason="enough"))
    assert filled(closed) == [(1, 60), (8, -60)]
    assert [order.reason for order in closed.orders] == ["", "enough"]
    assert len(given_back(closed)) == 1
    turned = run(dataset, FUNDED, b0=entry, b7=[close(), sell(quantity=10, stop_loss=120)])
    assert filled(turned) == [(1, 60), (8, -60), (8, -10)]
    part = run(dataset, FUNDED, b0=entry, b7=sell(quantity=20))
    assert filled(part) == [(1, 60), (8, -40), (8, -20)]
    assert [order.quantity for order in part.orders] == [60, 40, 20]
    assert part.refusals == ()


def test_what_may_not_stay_is_asked_again_until_it_is_gone() -> None:
    """Nothing trades in bars 8 to 10: the exit waits, is told of at each close, and is one order."""
    dataset = market([100] * 14, rates={5: "0.01", 7: "0.03"})
    volume = dataset.bars.volume.copy()
    volume[8:11] = 0.0
    dataset = replace(dataset, bars=replace(dataset.bars, volume=volume))
    result = run(dataset, FUNDED, b0=buy(quantity=60, stop_loss=70))
    assert [(word.at - START) // INTERVAL for word in given_back(result)] == [8, 9, 10, 11]
    assert filled(result) == [(1, 60), (11, -60)]
    assert [order.reason for order in result.orders] == ["", WHY]


@pytest.mark.parametrize("how", ["waived", "no buffer", "no limits", "no stop"])
def test_where_it_cannot_be_known_or_is_not_wanted_it_is_not_asked(how: str) -> None:
    dataset, terms, stop = market([100] * 12, rates={5: "0.01", 7: "0.03", 9: "0.03"}), FUNDED, 70.0
    if how == "waived":
        dataset = replace(dataset, brackets=None)
    elif how == "no buffer":
        terms = replace(FUNDED, policies=LimitPolicies(account=replace(WIDE, stop_buffer=Decimal(0))))
    elif how == "no limits":
        terms = replace(FUNDED, policies=None)
    entry = buy(quantity=60) if how == "no stop" else buy(quantity=60, stop_loss=stop)
    result = run(dataset, terms, b0=entry)
    assert given_back(result) == []
    assert filled(result) == [(1, 60)]


def test_a_position_that_was_given_back_leaves_nothing_behind() -> None:
    """The next one is asked anew, from its own fill on."""
    dataset = market([100] * 20, rates={5: "0.01", 7: "0.03", 15: "0.001"})
    again = run(dataset, FUNDED, b0=buy(quantity=60, stop_loss=70), b11=buy(quantity=30, stop_loss=80))
    assert filled(again) == [(1, 60), (8, -60), (12, 30)]
    assert len(given_back(again)) == 1
    assert again.position[-1] == 30


def test_where_nothing_changed_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fill, a payment, another table and a moved pair, twice: five closes of twenty, by both engines."""
    asked: list[int] = []
    ask = StopRecheck.objection

    def counted(self: StopRecheck, book: Book, stop: Decimal | None, now: int) -> LiquidationFirst | None:
        asked.append((now - START) // INTERVAL - 1)
        return ask(self, book, stop, now)

    monkeypatch.setattr(StopRecheck, "objection", counted)
    tables = BracketHistory((ONE_TIER, bracket_table(("0", "0.011", 100), as_of=START + 9 * INTERVAL + 1)))
    dataset = market([100] * 20, brackets=tables, rates={5: "0.0001"})
    words = {"b0": buy(quantity=10, stop_loss=90), "b12": protect(stop_loss=91), "b16": protect(take_profit=150)}
    run(dataset, **words)
    assert asked == [1, 5, 9, 13, 17] * 2


def test_the_exit_counts_as_an_order_that_went_out() -> None:
    """As the run ends with the close at which it was sent."""
    result = run(market([100] * 8, rates={7: "0.05"}), FUNDED, b0=buy(quantity=60, stop_loss=70))
    assert len(given_back(result)) == 1
    sent = {each.whose: each.value for each in result.distances if each.limit.name is LimitName.ORDERS_PER_MINUTE}
    assert sent == {OWN: 1, ACCOUNT: 1}
