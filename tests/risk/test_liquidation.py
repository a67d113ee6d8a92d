"""Liquidation prices: as the venue publishes them, and solved back to zero excess margin on any table."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.money import exact_arithmetic
from qts.market.brackets import Bracket, BracketTable
from qts.risk.liquidation import (
    Backing,
    Elsewhere,
    MarginMode,
    Marked,
    elsewhere,
    liquidation_price,
    maintenance_margin,
    margin_excess,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "liquidation"


def golden_table(rows: list[list[str]]) -> BracketTable:
    caps = [*(row[0] for row in rows[1:]), "1000000000000"]
    return BracketTable(
        symbol="X",
        as_of=0,
        brackets=tuple(
            Bracket(
                notional_floor=Decimal(floor),
                notional_cap=Decimal(cap),
                maintenance_rate=Decimal(rate),
                deduction=Decimal(deduction),
                leverage_max=1,
            )
            for (floor, rate, deduction), cap in zip(rows, caps, strict=True)
        ),
    )


GOLDEN_FILES = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(GOLDEN.glob("*.json"))}
CASES = [
    pytest.param(golden["tables"][case["table"]], case, id=f"{name}: {case['name']}")
    for name, golden in GOLDEN_FILES.items()
    for case in golden["cases"]
]


@pytest.mark.parametrize(("rows", "case"), CASES)
def test_the_venues_published_examples(rows: list[list[str]], case: dict[str, str]) -> None:
    """Proves: QL-14, QL-9"""
    table, position = golden_table(rows), Decimal(case["position"])
    margin = Decimal(case["wallet"]) - Decimal(case["other_maintenance"]) + Decimal(case["other_pnl"])
    price = liquidation_price(position, position * Decimal(case["entry"]), margin, table)
    assert price is not None
    assert round(price, 2) == Decimal(case["price"])
    assert table.of(abs(position) * price).maintenance_rate == Decimal(case["tier"])


PAGE = GOLDEN_FILES["binance_support_page"]


@pytest.mark.parametrize("other", PAGE["elsewhere"], ids=lambda other: other["table"])
def test_the_other_contracts_margins_as_the_venue_works_them_out(other: dict[str, str]) -> None:
    """Maintenance margin and profit of the other contract at its mark, and the cross price that follows from them.

    Proves: QL-14, QL-9
    """
    position, mark = Decimal(other["position"]), Decimal(other["mark"])
    marked = Marked(
        position=position,
        basis=position * Decimal(other["entry"]),
        mark=mark,
        table=golden_table(PAGE["tables"][other["table"]]),
    )
    found = elsewhere([marked])
    assert round(position * mark, 3) == Decimal(other["notional"])
    assert round(found.maintenance, 2) == Decimal(other["maintenance"])
    assert round(found.unrealised, 2) == Decimal(other["pnl"])
    case = next(case for case in PAGE["cases"] if case["name"] == other["seen_from"])
    backing = Backing(mode=MarginMode.CROSS, wallet=Decimal(case["wallet"]), elsewhere=found)
    own = Decimal(case["position"])
    table = golden_table(PAGE["tables"][case["table"]])
    price = liquidation_price(own, own * Decimal(case["entry"]), backing.margin, table)
    assert price is not None
    assert round(price, 2) == Decimal(case["price"])


@pytest.mark.parametrize("level", PAGE["levels"], ids=lambda level: level["notional"])
def test_the_venues_own_examples_of_a_level(level: dict[str, str]) -> None:
    """Proves: QL-14"""
    bracket = golden_table(PAGE["tables"][level["table"]]).of(Decimal(level["notional"]))
    assert (bracket.maintenance_rate, bracket.deduction) == (Decimal(level["rate"]), Decimal(level["deduction"]))


def test_isolated_margin_does_not_look_elsewhere() -> None:
    """Proves: QL-14"""
    bad = Elsewhere(unrealised=Decimal(-500), maintenance=Decimal(100))
    assert Backing(mode=MarginMode.ISOLATED, wallet=Decimal(1000), elsewhere=bad).margin == 1000
    assert Backing(mode=MarginMode.CROSS, wallet=Decimal(1000), elsewhere=bad).margin == 400


@st.composite
def tables(draw: st.DrawFn) -> BracketTable:
    steps = draw(st.lists(st.integers(1, 5000), min_size=1, max_size=6))
    rates = sorted(draw(st.lists(st.integers(1, 500), min_size=len(steps), max_size=len(steps), unique=True)))
    rows, floor, deduction, before = [], 0, Decimal(0), Decimal(0)
    for step, rate in zip(steps, rates, strict=True):
        at = Decimal(rate) / 1000
        deduction += floor * (at - before) if rows else 0
        rows.append([str(floor), str(at), str(deduction)])
        floor, before = floor + step, at
    return golden_table(rows)


@given(tables(), st.integers(-10_000, 10_000).filter(bool), st.integers(1, 10_000), st.integers(1, 125))
def test_solved_back_nothing_is_left_above_maintenance(
    table: BracketTable, lots: int, cents: int, leverage: int
) -> None:
    """At the price: margin + unrealised P&L = maintenance margin of the notional there. One cent nearer: more is left.

    Proves: QL-14
    """
    with exact_arithmetic():
        position, entry = Decimal(lots) / 10, Decimal(cents) / 10
        basis, margin = position * entry, abs(position * entry) / leverage
        price = liquidation_price(position, basis, margin, table)

        def excess(mark: Decimal) -> Decimal:
            return margin + position * mark - basis - maintenance_margin(abs(position) * mark, table)

        if price is None:
            assert position > 0
            assert excess(Decimal("0.0000001")) >= 0
            return
        assert abs(excess(price)) < Decimal("1e-30")
        inward = 1 if position > 0 else -1
        assert excess(price + inward * Decimal("0.01")) > 0
        assert excess(max(Decimal(0), price - inward * Decimal("0.01"))) < 0


@given(
    tables(),
    tables(),
    st.lists(st.tuples(st.integers(-500, 500), st.integers(1, 1000), st.integers(1, 1000)), max_size=4),
    st.integers(-10_000, 10_000).filter(bool),
    st.integers(1, 10_000),
    st.integers(0, 10**7),
)
def test_a_cross_account_has_nothing_above_all_its_maintenance_at_the_price(  # noqa: PLR0917
    table: BracketTable,
    others_table: BracketTable,
    others: list[tuple[int, int, int]],
    lots: int,
    cents: int,
    wallet: int,
) -> None:
    """Counted for the whole account: wallet and every unrealised P&L, less every maintenance margin, is 0 there.

    Proves: QL-14
    """
    with exact_arithmetic():
        position, entry = Decimal(lots) / 10, Decimal(cents) / 10
        basis = position * entry
        marked = [
            Marked(position=Decimal(q), basis=Decimal(q * at), mark=Decimal(mark), table=others_table)
            for q, at, mark in others
        ]
        backing = Backing(mode=MarginMode.CROSS, wallet=Decimal(wallet), elsewhere=elsewhere(marked))
        price = liquidation_price(position, basis, backing.margin, table)

        def account(mark: Decimal) -> Decimal:
            equity = Decimal(wallet) + position * mark - basis
            equity += sum(
                (m.position * (m.mark - Decimal(at)) for m, (_, at, _) in zip(marked, others, strict=True)), Decimal(0)
            )
            due = maintenance_margin(abs(position) * mark, table)
            due += sum((maintenance_margin(abs(m.position) * m.mark, others_table) for m in marked), Decimal(0))
            return equity - due

        assert account(entry) == margin_excess(position, basis, backing.margin, entry, table)
        if price is None:  # either no price takes it, or every one does
            assert (account(Decimal("1e-30")) > 0) is (position > 0)
            return
        assert abs(account(price)) < Decimal("1e-30")
        inward = 1 if position > 0 else -1
        assert account(price + inward * Decimal("0.01")) > 0


@given(tables(), st.integers(0, 40_000))
def test_maintenance_margin_has_no_jumps(table: BracketTable, notional: int) -> None:
    """Proves: QL-14"""
    here, next_to_it = Decimal(notional), Decimal(notional) + Decimal("0.000001")
    step = maintenance_margin(next_to_it, table) - maintenance_margin(here, table)
    assert 0 <= step < Decimal("0.000001")


def test_more_margin_moves_the_price_away() -> None:
    table = golden_table([["0", "0.004", "0"], ["50000", "0.005", "50"]])
    near = liquidation_price(Decimal(1), Decimal(60_000), Decimal(2_000), table)
    far = liquidation_price(Decimal(1), Decimal(60_000), Decimal(20_000), table)
    assert near is not None
    assert far is not None
    assert far < near < 60_000


def test_a_long_that_put_up_everything_cannot_be_liquidated() -> None:
    table = golden_table([["0", "0.004", "0"], ["50000", "0.005", "50"]])
    assert liquidation_price(Decimal(1), Decimal(60_000), Decimal(60_000), table) is None


def test_above_the_last_cap_the_last_bracket_rules() -> None:
    only = Bracket(
        notional_floor=Decimal(0),
        notional_cap=Decimal(100),
        maintenance_rate=Decimal("0.01"),
        deduction=Decimal(0),
        leverage_max=1,
    )
    table = BracketTable(symbol="X", as_of=0, brackets=(only,))
    with exact_arithmetic():
        price = liquidation_price(Decimal(10), Decimal(1000), Decimal(100), table)
        assert price == Decimal(-900) / (10 * Decimal("0.01") - 10)
