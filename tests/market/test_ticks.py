"""Ticks are exact, ordered and whole, or they are refused.

Proves: QL-11
"""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.errors import DataError
from qts.market.ticks import ASK, BID, Ticks, on_grid
from tests.market.tick_cases import Depth, Top, Trade, asks, bids, column, depth_diffs, ticks_of, top_of_book
from tests.market.tick_cases import trade_ticks as trades_of

STEPS = st.sampled_from(["1", "0.1", "0.5", "0.25", "0.001", "0.00001", "0.00000001", "10"])


@given(STEPS, st.lists(st.integers(0, 10**9), min_size=1))
def test_a_price_written_in_decimals_is_that_many_ticks_whatever_the_step(step: str, counts: list[int]) -> None:
    written = np.array([float(str(count * Decimal(step))) for count in counts])
    assert on_grid(written, Decimal(step), "price").tolist() == counts


@pytest.mark.parametrize("value", [100.05, 100.1000001, float("nan"), float("inf"), 1e300, float(2**53)])
def test_a_price_off_the_grid_is_refused_with_its_row(value: float) -> None:
    with pytest.raises(DataError, match=r"price.*is not a whole number of 0\.1.*row 1"):
        on_grid(np.array([100.1, value, 3.33]), Decimal("0.1"), "price")


TRADES = [Trade(1, 100, 5, BID), Trade(1, 101, 2, ASK), Trade(3, 100, 1, BID)]
TOPS = [Top(1, 10, 99, 4, 100, 6), Top(2, 12, 99, 3, 101, 6)]
DEPTH = [
    Depth(1, 5, 8, 4, bids((99, 1)) + asks((100, 2))),
    Depth(2, 7, 7, 0, bids((99, 3), (98, 1)), snapshot=True),
    Depth(3, 9, 12, 8, asks((101, 2))),
    Depth(3, 13, 13, 12, asks((101, 0))),
]


@pytest.mark.parametrize(
    ("build", "column_name", "values", "words"),
    [
        (lambda: trades_of(TRADES), "known_at", [1, 3, 2], "known_at falls.*row 2"),
        (lambda: trades_of(TRADES), "trade_id", [1, 2, 2], "trade_id does not rise.*row 2"),
        (lambda: trades_of(TRADES), "price", [1, 0, 2], "price is not above 0.*row 1"),
        (lambda: trades_of(TRADES), "quantity", [0, 1, 2], "quantity is not above 0.*row 0"),
        (lambda: trades_of(TRADES), "aggressor", [1, -1, 0], "aggressor.*row 2"),
        (lambda: trades_of(TRADES), "price", [1, 2], "column price has shape"),
        (lambda: trades_of(TRADES), "price", [1.5, 2.5, 3.5], "not whole numbers"),
        (lambda: top_of_book(TOPS), "known_at", [2, 1], "known_at falls.*row 1"),
        (lambda: top_of_book(TOPS), "update_id", [12, 12], "update_id does not rise.*row 1"),
        (lambda: top_of_book(TOPS), "bid", [0, 99], "bid is not above 0.*row 0"),
        (lambda: top_of_book(TOPS), "ask", [99, 101], "bid is not below ask.*row 0"),
        (lambda: top_of_book(TOPS), "ask_quantity", [1, 0], "a quantity is not above 0.*row 1"),
        (lambda: depth_diffs(DEPTH), "known_at", [1, 1, 2, 2, 3, 1], "known_at falls.*row 5"),
        (lambda: depth_diffs(DEPTH), "price", [1, 1, 1, 1, 0, 1], "price is not above 0.*row 4"),
        (lambda: depth_diffs(DEPTH), "quantity", [1, -1, 1, 1, 0, 1], "quantity is negative.*row 1"),
        (lambda: depth_diffs(DEPTH), "side", [1, 1, 2, 1, 1, 1], "side.*row 2"),
        (lambda: depth_diffs(DEPTH), "first_id", [5, 5, 7, 7, 13, 13], "first_id is above final_id.*row 4"),
        (lambda: depth_diffs(DEPTH), "first_id", [5, 5, 7, 7, 8, 13], "first_id is not above prev_final_id.*row 4"),
    ],
)
def test_what_breaks_a_promise_is_refused_by_name_and_row(build, column_name, values, words) -> None:
    given_columns = build()
    with pytest.raises(DataError, match=words):
        replace(given_columns, **{column_name: np.array(values)})


@pytest.mark.parametrize("build", [lambda: trades_of([]), lambda: top_of_book([]), lambda: depth_diffs([])])
def test_no_ticks_are_ticks(build) -> None:
    assert len(build()) == 0


def test_columns_cannot_be_written_through() -> None:
    with pytest.raises(ValueError, match="read-only"):
        trades_of(TRADES).price[0] = 1


def test_the_first_break_of_the_chain_is_named_by_row_and_ids() -> None:
    broken = [
        DEPTH[0],
        DEPTH[1],
        Depth(3, 10, 12, 9, asks((101, 2), (102, 1))),
        Depth(4, 20, 21, 19, asks((101, 2))),
    ]
    with pytest.raises(DataError, match=r"follows update 9, the one before it ended at 8") as refused:
        depth_diffs(broken)
    assert refused.value.place == "row 4"
    assert "snapshot" in refused.value.next_step


def test_a_snapshot_is_no_link_of_the_chain() -> None:
    assert depth_diffs(DEPTH).messages == 4


def test_rows_sent_together_are_one_message() -> None:
    assert depth_diffs(DEPTH).starts.tolist() == [0, 2, 4, 5, 6]


NAMES = ["trade", "top", "depth"]


def told(ticks: Ticks) -> list[tuple[int, str, int]]:
    return [
        (int(at) // 1_000_000, NAMES[kind], int(row))
        for at, kind, row in zip(ticks.known_at, ticks.kind, ticks.row, strict=True)
    ]


def test_ticks_happen_as_they_were_known_and_a_trade_before_the_level_it_changed() -> None:
    assert told(ticks_of(*DEPTH, *TOPS, *TRADES)) == [
        (1, "trade", 0),
        (1, "trade", 1),
        (1, "top", 0),
        (1, "depth", 0),
        (2, "top", 1),
        (2, "depth", 1),
        (3, "trade", 2),
        (3, "depth", 2),
        (3, "depth", 3),
    ]


@given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
def test_merging_loses_nothing_and_keeps_each_kind_in_its_order(trades: list[int], tops: list[int]) -> None:
    merged = ticks_of(
        *(Trade(at, 100, 1, BID) for at in sorted(trades)),
        *(Top(at, number, 99, 1, 100, 1) for number, at in enumerate(sorted(tops))),
    )
    order = told(merged)
    assert order == sorted(order, key=lambda each: (each[0], NAMES.index(each[1]), each[2]))
    assert len(order) == len(trades) + len(tops)
    assert column(merged.known_at).tolist() == sorted(merged.known_at.tolist())
