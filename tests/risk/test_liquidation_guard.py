"""No liquidation before the stop: on both sides, whatever mode, brackets and buffer, and as each change leaves it."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import PolicyError
from qts.domain.money import exact_arithmetic
from qts.domain.refusal import RefusalCode
from qts.market.brackets import BracketHistory
from qts.risk.liquidation import Backing, Elsewhere, MarginMode, liquidation_price, margin_excess
from qts.risk.liquidation_guard import (
    Buffer,
    LiquidationFirst,
    StopFacts,
    StopHolds,
    added,
    stop_before_liquidation,
)
from tests.generators import HARSHER_ROWS, USUAL_BRACKETS, bracket_table

# BTCUSDT as tests/golden/liquidation/btcusdt_tiers_2024_10.json has it: 1 BTC at 60,000, 3x, isolated, is taken
# at 40,160.64 when long and at 79,651.74 when short.
TIERS = BracketHistory((bracket_table(("0", "0.004", 125), ("50000", "0.005", 100), ("600000", "0.0065", 75)),))
NO_BUFFER = Buffer(fee=Decimal(0), funding=Decimal(0), gap=Decimal(0))


def one_btc(side: int, stop: str | None, buffer: Buffer = NO_BUFFER, leverage: int = 3) -> StopFacts:
    return StopFacts(
        position=Decimal(side),
        basis=Decimal(side) * 60_000,
        backing=Backing(mode=MarginMode.ISOLATED, wallet=Decimal(60_000) / leverage),
        leverage=leverage,
        stop=None if stop is None else Decimal(stop),
        brackets=TIERS,
        at=0,
        buffer=buffer,
    )


@pytest.mark.parametrize(
    ("side", "stop", "buffer", "holds"),
    [
        (1, "40160.65", NO_BUFFER, True),
        (1, "40160.64", NO_BUFFER, False),
        (-1, "79651.74", NO_BUFFER, True),
        (-1, "79651.75", NO_BUFFER, False),
        # A fill 2 % beyond the stop: 40,980.25 x 0.98 and 78,089.94 x 1.02 are the two prices above.
        (1, "40980.26", replace(NO_BUFFER, gap=Decimal("0.02")), True),
        (1, "40980.24", replace(NO_BUFFER, gap=Decimal("0.02")), False),
        (-1, "78089.94", replace(NO_BUFFER, gap=Decimal("0.02")), True),
        (-1, "78089.97", replace(NO_BUFFER, gap=Decimal("0.02")), False),
        # 1 % of 60,000 is 600 less behind the long: (19400 - 60000) / (0.004 - 1) = 40,763.05.
        (1, "40763.06", replace(NO_BUFFER, fee=Decimal("0.01")), True),
        (1, "40763.05", replace(NO_BUFFER, fee=Decimal("0.01")), False),
        (1, "40763.05", replace(NO_BUFFER, funding=Decimal("0.01")), False),
        # The short pays 1 % of what it buys back: (20000 + 50 + 60000) / (1.005 + 0.01) = 78,866.99.
        (-1, "78866.99", replace(NO_BUFFER, fee=Decimal("0.01")), True),
        (-1, "78867.00", replace(NO_BUFFER, fee=Decimal("0.01")), False),
    ],
)
def test_worked_by_hand(side: int, stop: str, buffer: Buffer, holds: bool) -> None:  # noqa: FBT001
    """Proves: QL-14"""
    verdict = stop_before_liquidation(one_btc(side, stop, buffer))
    assert isinstance(verdict, StopHolds) is holds
    assert verdict.liquidation is not None
    assert round(verdict.liquidation, 2) == Decimal("40160.64" if side > 0 else "79651.74")
    if isinstance(verdict, LiquidationFirst):
        assert verdict.code is RefusalCode.LIQUIDATION_BEFORE_STOP
        assert str(Decimal(stop).normalize()) in verdict.sentence
        assert ("40160.6425" if side > 0 else "79651.7412") in verdict.sentence


def test_without_a_stop_or_a_bracket_table_the_answer_is_no() -> None:
    """Proves: QL-14"""
    without_stop = stop_before_liquidation(one_btc(1, None))
    without_table = stop_before_liquidation(replace(one_btc(1, "59000"), brackets=None))
    assert isinstance(without_stop, LiquidationFirst)
    assert without_stop.code is RefusalCode.SIZE_NEEDS_STOP
    assert isinstance(without_table, LiquidationFirst)


def test_a_short_that_is_lost_at_any_price_is_not_one_that_cannot_be_liquidated() -> None:
    """Proves: QL-14"""
    lost = replace(one_btc(-1, "60001"), backing=Backing(mode=MarginMode.CROSS, wallet=Decimal(-70_000)))
    assert isinstance(stop_before_liquidation(lost), LiquidationFirst)
    paid_up = replace(one_btc(1, "1"), backing=Backing(mode=MarginMode.CROSS, wallet=Decimal(70_000)))
    assert isinstance(stop_before_liquidation(paid_up), StopHolds)


def test_the_brackets_of_the_date_rule() -> None:
    """Proves: QL-14, QL-9"""
    usual, harsher = bracket_table(("0", "0.004", 125)), bracket_table(("0", "0.2", 3), as_of=1000)
    facts = replace(one_btc(1, "45000"), brackets=BracketHistory((usual, harsher)))
    assert isinstance(stop_before_liquidation(replace(facts, at=999)), StopHolds)
    assert isinstance(stop_before_liquidation(replace(facts, at=1000)), LiquidationFirst)


@pytest.mark.parametrize("wrong", [{"fee": Decimal(-1)}, {"funding": Decimal("-0.1")}, {"gap": Decimal(1)}])
def test_a_buffer_is_a_fraction(wrong: dict[str, Decimal]) -> None:
    with pytest.raises(PolicyError):
        Buffer(**wrong)


fractions = st.sampled_from(["0", "0.001", "0.01", "0.05"]).map(Decimal)
HISTORIES = [BracketHistory((USUAL_BRACKETS,)), BracketHistory((USUAL_BRACKETS, bracket_table(*HARSHER_ROWS, as_of=5)))]


@st.composite
def situations(draw: st.DrawFn) -> StopFacts:
    """A position on either side with a stop on its losing side, isolated or cross, between 0.1 and 99 % away."""
    side, quantity = draw(st.sampled_from([1, -1])), Decimal(draw(st.integers(1, 50_000))) / 100
    entry = Decimal(draw(st.integers(10, 100_000))) / 100
    away = Decimal(draw(st.integers(1, 990))) / 1000
    leverage = draw(st.integers(1, 20))
    initial = quantity * entry / leverage
    if draw(st.booleans()):
        backing = Backing(mode=MarginMode.ISOLATED, wallet=initial)
    else:
        other = Elsewhere(
            unrealised=Decimal(draw(st.integers(-3000, 3000))), maintenance=Decimal(draw(st.integers(0, 500)))
        )
        wallet = initial + Decimal(draw(st.integers(0, 5000)))
        backing = Backing(mode=MarginMode.CROSS, wallet=wallet, elsewhere=other)
    return StopFacts(
        position=side * quantity,
        basis=side * quantity * entry,
        backing=backing,
        leverage=leverage,
        stop=entry * (1 - side * away),
        brackets=draw(st.sampled_from(HISTORIES)),
        at=draw(st.sampled_from([0, 5])),
        buffer=Buffer(fee=draw(fractions), funding=draw(fractions), gap=draw(fractions)),
    )


def lives_through(facts: StopFacts, hops: int = 20) -> bool:
    """Walk the mark from entry to the worst fill; funding is paid where it costs most, the fee at the end."""
    assert facts.stop is not None
    assert facts.brackets is not None
    sign = 1 if facts.position > 0 else -1
    entry, table = facts.basis / facts.position, facts.brackets.at(facts.at)
    fill = facts.stop * (1 - sign * facts.buffer.gap)
    margin, size = facts.backing.margin, abs(facts.position)
    margin -= facts.buffer.funding * size * max(entry, fill)
    for hop in range(hops + 1):
        mark = entry + (fill - entry) * hop / hops
        if margin_excess(facts.position, facts.basis, margin, mark, table) <= 0:
            return False
    return margin_excess(facts.position, facts.basis, margin - facts.buffer.fee * size * fill, fill, table) > 0


@given(situations())
def test_a_stop_that_holds_is_filled_and_paid_for_while_the_position_lives(facts: StopFacts) -> None:
    """Proves: QL-14"""
    with exact_arithmetic():
        verdict = stop_before_liquidation(facts)
        if isinstance(verdict, StopHolds):
            assert lives_through(facts)
            if verdict.liquidation is not None:
                assert (verdict.stop - verdict.liquidation) * facts.position > 0


@given(situations())
def test_a_stop_just_inside_the_number_named_holds_and_none_farther_out_does(facts: StopFacts) -> None:
    """Proves: QL-14"""
    verdict = stop_before_liquidation(facts)
    if isinstance(verdict, StopHolds):
        return
    assert verdict.stop is not None
    with exact_arithmetic():
        sign = 1 if facts.position > 0 else -1
        farther = verdict.stop * (1 - sign * Decimal("0.05"))
        assert isinstance(stop_before_liquidation(replace(facts, stop=farther)), LiquidationFirst)
        entry = facts.basis / facts.position
        if verdict.nearest_stop is not None and (entry - verdict.nearest_stop) * sign > 0:
            assert (verdict.nearest_stop - verdict.stop) * sign >= 0
            inside = verdict.nearest_stop * (1 + sign * Decimal("1e-12"))
            assert isinstance(stop_before_liquidation(replace(facts, stop=inside)), StopHolds)


@given(situations(), st.sampled_from(["fee", "funding", "gap"]))
def test_a_larger_buffer_never_lets_more_through(facts: StopFacts, which: str) -> None:
    """Proves: QL-14"""
    larger = replace(facts, buffer=replace(facts.buffer, **{which: Decimal("0.08")}))
    if isinstance(stop_before_liquidation(larger), StopHolds):
        assert isinstance(stop_before_liquidation(facts), StopHolds)


@given(situations(), st.lists(st.integers(1, 1000), min_size=1, max_size=5), st.integers(50, 200))
def test_fills_in_parts_are_judged_as_the_whole(facts: StopFacts, parts: list[int], percent: int) -> None:
    """Proves: QL-14"""
    with exact_arithmetic():
        price = abs(facts.basis / facts.position) * percent / 100
        at_once, in_parts = added(facts, Decimal(sum(parts)) / 100, price), facts
        for part in parts:
            in_parts = added(in_parts, Decimal(part) / 100, price)
        assert (in_parts.position, in_parts.leverage) == (at_once.position, at_once.leverage)
        assert abs(in_parts.backing.wallet - at_once.backing.wallet) < Decimal("1e-30")
        assert type(stop_before_liquidation(in_parts)) is type(stop_before_liquidation(at_once))


def less(facts: StopFacts, paid: Decimal) -> StopFacts:
    """What stands behind the position has paid funding, or a fee; quote, below 0 was received."""
    return replace(facts, backing=replace(facts.backing, wallet=facts.backing.wallet - paid))


def levered(facts: StopFacts, leverage: int) -> StopFacts:
    """Another leverage was set: isolated, the position has the initial margin of that one."""
    if facts.backing.mode is MarginMode.CROSS:
        return replace(facts, leverage=leverage)
    wallet = facts.backing.wallet + abs(facts.basis) / leverage - abs(facts.basis) / facts.leverage
    return replace(facts, leverage=leverage, backing=replace(facts.backing, wallet=wallet))


@given(situations(), st.integers(1, 10_000).map(Decimal))
def test_funding_that_is_paid_never_helps_and_what_is_received_never_hurts(facts: StopFacts, paid: Decimal) -> None:
    """Proves: QL-14"""
    before = isinstance(stop_before_liquidation(facts), StopHolds)
    assert isinstance(stop_before_liquidation(less(facts, paid)), StopHolds) <= before
    assert isinstance(stop_before_liquidation(less(facts, -paid)), StopHolds) >= before


@given(situations(), st.integers(1, 125))
def test_more_leverage_moves_an_isolated_liquidation_nearer_and_a_cross_one_not_at_all(
    facts: StopFacts, leverage: int
) -> None:
    """Proves: QL-14"""
    with exact_arithmetic():
        before = isinstance(stop_before_liquidation(facts), StopHolds)
        after = isinstance(stop_before_liquidation(levered(facts, leverage)), StopHolds)
    if facts.backing.mode is MarginMode.CROSS:
        assert after is before
    else:
        assert after <= before if leverage >= facts.leverage else after >= before


def test_each_change_can_turn_the_verdict() -> None:
    """1 BTC with a stop at 41,000, 3x: clear as it stands.

    Proves: QL-14
    """
    for side, stop, add_at in ((1, "41000", 90_000), (-1, "79000", 30_000)):
        facts = one_btc(side, stop)
        assert isinstance(stop_before_liquidation(facts), StopHolds)
        larger, poorer = added(facts, Decimal(1), Decimal(add_at)), less(facts, Decimal(1000))
        for after in (larger, poorer, levered(facts, 4)):
            assert isinstance(stop_before_liquidation(after), LiquidationFirst), after
        cross = replace(facts, backing=Backing(mode=MarginMode.CROSS, wallet=Decimal(20_000)))
        after_a_fee = less(added(cross, Decimal("0.001"), Decimal(60_000)), Decimal(1000))
        assert isinstance(stop_before_liquidation(after_a_fee), LiquidationFirst)


def test_what_is_added_isolated_brings_its_own_margin_and_cross_none() -> None:
    """Proves: QL-14"""
    after = added(one_btc(-1, "79000"), Decimal(2), Decimal(45_000))
    assert (after.position, after.basis, after.backing.wallet) == (-3, -150_000, 50_000)
    assert liquidation_price(after.position, after.basis, after.backing.margin, TIERS.at(0)) is not None
    cross = replace(one_btc(1, "41000"), backing=Backing(mode=MarginMode.CROSS, wallet=Decimal(20_000)))
    after = added(cross, Decimal(2), Decimal(45_000))
    assert (after.position, after.basis, after.backing.wallet) == (3, 150_000, 20_000)
