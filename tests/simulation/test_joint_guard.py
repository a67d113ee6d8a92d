"""No liquidation before the stop, through the front door of a run of several: refused on the way in, given back later.

Proves: QL-14, P6-8
"""

from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qts.domain.money import exact_arithmetic
from qts.domain.refusal import RefusalCode
from qts.domain.virtual_books import PostingKind
from qts.market.brackets import BracketHistory
from qts.market.dataset import Dataset
from qts.market.funding import Funding
from qts.market.view import View
from qts.risk.limit_policy import LimitPolicies, LimitPolicy
from qts.risk.limits import LimitName
from qts.risk.liquidation import liquidation_price
from qts.simulation.costs import FixedSlippage, Frictions
from qts.simulation.joint_result import GateWord, JointResult
from qts.simulation.joint_run import run_together
from qts.simulation.joint_terms import JointTerms, Member
from qts.strategy.intent import Answer, buy, protect, sell
from qts.strategy.strategy import Strategy
from tests.generators import ALL_WAIVERS, INTERVAL, START, SYMBOL, bracket_table, instrument, make_bars

ONE_TIER = bracket_table(("0", "0.01", 100))
WIDE = LimitPolicy(
    order_size_max=Decimal(3),
    symbol_exposure_max=Decimal(3),
    gross_exposure_max=Decimal(3),
    net_exposure_max=Decimal(3),
    heat_max=Decimal("0.99"),
    loss_without_stop=Decimal("0.01"),
    daily_loss_warn=Decimal("0.98"),
    daily_loss_block=Decimal("0.99"),
    drawdown_warn=Decimal("0.98"),
    drawdown_block=Decimal("0.99"),
    liquidation_distance_min=Decimal(0),
)
FRICTIONS = Frictions(
    fee_rate_maker=Decimal(0),
    fee_rate_taker=Decimal(0),
    slippage=FixedSlippage(Decimal(0)),
    participation_max=Decimal(1),
    leverage=5,
)
TERMS = JointTerms(frictions=FRICTIONS, policies=LimitPolicies(account=WIDE), waivers=ALL_WAIVERS)


def market(
    prices: list[float],
    *,
    brackets: BracketHistory | None = None,
    rates: dict[int, str] | None = None,
    volume: float = 1e9,
) -> Dataset:
    """Each bar stays at one price. rates: of funding, by the bar at whose open it falls due."""
    path = np.array(prices)
    bars = make_bars(
        START + INTERVAL * np.arange(len(path)),
        dict.fromkeys(("open", "high", "low", "close"), path),
        np.full(len(path), volume),
    )
    funding = None
    if rates is not None:
        opened = np.array([START + INTERVAL * row for row in rates])
        funding = Funding(symbol=SYMBOL, occurred_at=opened, rate=np.array([float(each) for each in rates.values()]))
    return Dataset(
        instrument=instrument(),
        bars=bars,
        funding=funding,
        brackets=BracketHistory((ONE_TIER,)) if brackets is None else brackets,
        mark=bars,
        synthetic=True,
        source="made",
    )


def saying(**words: Answer) -> type[Strategy]:
    by_bar = MappingProxyType(words)

    class Saying(Strategy):
        def on_bar(self, view: View) -> Answer:
            return by_bar.get(f"b{view.bar_number}")

    return Saying


def run(dataset: Dataset, terms: JointTerms = TERMS, capital: str = "10000", **members: type[Strategy]) -> JointResult:
    return run_together(
        {SYMBOL: dataset},
        [
            Member(strategy_id=name, make=make, symbols=(SYMBOL,), capital=Decimal(capital))
            for name, make in members.items()
        ],
        terms,
    )


def no(result: JointResult) -> list[GateWord]:
    return [word for word in result.gate if RefusalCode.LIQUIDATION_BEFORE_STOP in word.codes]


# At 5x, 20 a unit is behind 100; with 1 % maintenance a long is taken at 80.81 and a short at 118.81. With fee, funding
# and a gap of 1 %, a long's stop must be above 82.033 and a short's below 117.172.
@pytest.mark.parametrize(("side", "clear", "lost"), [(1, "82.04", "82.03"), (-1, "117.17", "117.18")])
def test_a_stop_beyond_liquidation_is_refused_with_both_numbers_and_nothing_is_sent(
    side: int, clear: str, lost: str
) -> None:
    wish = buy if side > 0 else sell
    refused = run(market([100] * 4), one=saying(b1=wish(quantity=10, stop_loss=float(lost))))
    (word,) = no(refused)
    assert word.limits[0].limit is LimitName.STOP_BEFORE_LIQUIDATION
    assert (
        f"stop {lost.rstrip('0')} does not lie before liquidation at {'80.8' if side > 0 else '118.8'}" in word.reason
    )
    assert refused.fills[SYMBOL] == 0
    allowed = run(market([100] * 4), one=saying(b1=wish(quantity=10, stop_loss=float(clear))))
    assert no(allowed) == []
    assert allowed.venue[SYMBOL].position == side * 10


def test_an_addition_that_would_bring_anothers_stop_behind_liquidation_is_refused() -> None:
    """40 at 100 with a stop at 83; 40 more at 130 by another would be taken at 92.9, its own stop at 120 or not."""
    path = [100, 100, 100, 130, 130, 130, 130]
    first = saying(b0=buy(quantity=40, stop_loss=83))
    result = run(market(path), first=first, second=saying(b4=buy(quantity=40, stop_loss=120)))
    (word,) = no(result)
    assert (word.strategy_id, word.symbol) == ("second", SYMBOL)
    assert result.venue[SYMBOL].position == 40
    alone = run(market(path), first=saying(b0=buy(quantity=40, stop_loss=83), b4=buy(quantity=40, stop_loss=120)))
    assert no(alone) == [], "what the order brings is its own strategy's stop from its first fill on"
    assert alone.venue[SYMBOL].position == 80


def test_funding_that_moves_liquidation_before_the_stop_makes_the_strategy_give_back() -> None:
    """60 at 100 and 3x take all of 2,000 as margin; after a payment of 1 % and one of 3 % the stop at 70 is too far."""
    dataset = market([100] * 12, rates={5: "0.01", 7: "0.03", 9: "0.03"})
    terms = replace(TERMS, frictions=replace(FRICTIONS, leverage=3))
    result = run(dataset, terms, capital="2000", one=saying(b0=buy(quantity=60, stop_loss=70)))
    (word,) = no(result)
    assert "its stop no longer comes before liquidation: stop 70 does not lie before liquidation at " in word.reason
    assert word.at == START + 8 * INTERVAL, "at the close of the bar in which the second payment was made"
    kinds = [(row, each.kind, each.quantity) for row, each in result.postings[SYMBOL] if each.quantity]
    assert kinds == [(1, PostingKind.FILL, 60), (8, PostingKind.FILL, -60)]


def test_another_bracket_table_makes_the_strategy_give_back_whose_stop_is_too_far() -> None:
    """Half of what is held must stay as margin from bar 5 on: 10 % maintenance takes a long of 5x at 88.9."""
    tables = BracketHistory((ONE_TIER, bracket_table(("0", "0.1", 100), as_of=START + 5 * INTERVAL)))
    far, near = saying(b0=buy(quantity=10, stop_loss=85)), saying(b0=buy(quantity=10, stop_loss=96))
    result = run(market([100] * 10, brackets=tables), far=far, near=near, none=saying(b0=buy(quantity=10)))
    assert {word.strategy_id for word in no(result)} == {"far"}
    assert {name: result.books[name, SYMBOL].position for name in ("far", "near", "none")} == {
        "far": 0,
        "near": 10,
        "none": 10,
    }


def test_a_stop_that_is_moved_behind_liquidation_is_found_at_the_next_close() -> None:
    result = run(market([100] * 8), one=saying(b0=buy(quantity=10, stop_loss=90), b3=protect(stop_loss=70)))
    (word,) = no(result)
    assert word.at == START + 5 * INTERVAL
    assert result.venue[SYMBOL].position == 0


def test_each_part_of_a_fill_is_looked_at() -> None:
    """5 a bar at prices that climb: what was judged at 100 is held from 100 to 140 on, and its stop is too far then."""
    path = [100, 100, 110, 120, 130, 140, 150, 150, 150, 150, 150, 150, 150, 150]
    terms = replace(TERMS, frictions=replace(FRICTIONS, participation_max=Decimal("0.5")))
    result = run(market(path, volume=10.0), terms, one=saying(b0=buy(quantity=25, stop_loss=90)))
    words = no(result)
    assert words
    assert words[0].at < START + 6 * INTERVAL, "before the whole of it had filled"
    assert result.venue[SYMBOL].position == 0


def test_a_position_without_a_stop_is_asked_for_its_distance_and_for_nothing_else() -> None:
    result = run(market([100] * 4), one=saying(b0=buy(quantity=10)))
    assert result.gate == ()
    near = LimitPolicies(account=replace(WIDE, liquidation_distance_min=Decimal("0.25")))
    stopped = run(market([100] * 4), replace(TERMS, policies=near), one=saying(b0=buy(quantity=10)))
    assert [word.codes for word in stopped.gate] == [(RefusalCode.LIQUIDATION_TOO_NEAR,)]


@pytest.mark.parametrize("how", ["waived", "no buffer", "no limits"])
def test_where_it_cannot_be_known_by_name_or_is_not_wanted_it_is_not_asked(how: str) -> None:
    dataset, terms = market([100] * 4), TERMS
    if how == "waived":
        dataset = replace(dataset, brackets=None)
    elif how == "no buffer":
        terms = replace(TERMS, policies=LimitPolicies(account=replace(WIDE, stop_buffer=Decimal(0))))
    else:
        terms = replace(TERMS, policies=None)
    result = run(dataset, terms, one=saying(b0=buy(quantity=10, stop_loss=60)))
    assert no(result) == []
    assert result.venue[SYMBOL].position == 10


def test_where_brackets_are_waived_on_one_symbol_nobody_gives_anything_back_on_another() -> None:
    """No limit asks where liquidation lies then, so nothing is let in under it, and nothing is held to it."""
    known, other = market([100] * 6), market([100] * 6)
    waived = replace(
        other,
        instrument=replace(other.instrument, symbol="ABCUSDT"),
        bars=replace(other.bars, symbol="ABCUSDT"),
        mark=None,
        brackets=None,
    )
    far = saying(b0=buy(quantity=10, stop_loss=60))
    members = [
        Member(strategy_id=each.lower(), make=far, symbols=(each,), capital=Decimal(10_000))
        for each in (SYMBOL, "ABCUSDT")
    ]
    result = run_together({SYMBOL: known, "ABCUSDT": waived}, members, TERMS)
    assert no(result) == []
    assert [result.venue[each].position for each in (SYMBOL, "ABCUSDT")] == [10, 10]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1, -1]),
    st.integers(1, 60),
    st.sampled_from([1, 2, 3, 5, 10]),
    st.sampled_from(["0.004", "0.02", "0.1"]),
    st.integers(0, 4),
)
def test_who_is_let_in_with_a_stop_is_stopped_out_and_never_liquidated(
    side: int, away: int, leverage: int, maintenance: str, jump: int
) -> None:
    """The market walks a percent a bar from 100 through the stop and far beyond it."""
    wish = buy if side > 0 else sell
    path = [100.0, 100.0, 100.0, *(100.0 - side * step for step in range(jump, 90))]
    tables = BracketHistory((bracket_table(("0", maintenance, 100)),))
    terms = replace(TERMS, frictions=replace(FRICTIONS, leverage=leverage))
    result = run(market(path, brackets=tables), terms, one=saying(b0=wish(quantity=10, stop_loss=100 - side * away)))
    kinds = {each.kind for _, each in result.postings[SYMBOL]}
    assert PostingKind.LIQUIDATION not in kinds
    if not result.fills[SYMBOL]:
        with exact_arithmetic():
            behind = Decimal(1000) / leverage
            at = liquidation_price(Decimal(10 * side), Decimal(1000 * side), behind, tables.at(0))
        assert no(result)
        assert at is not None
        assert (Decimal(100 - side * away) - at) * side < 2, "with its buffer the stop was too far"
