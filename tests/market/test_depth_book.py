"""A book rebuilt from its changes is the venue's book, or it says that it cannot be.

Proves: QL-11
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.adapters.stores.tick_files import read_ticks
from qts.domain.errors import DataError
from qts.market.depth_book import DepthBook, DepthMessages
from qts.market.ticks import ASK, BID
from tests.market.tick_cases import BTC, Depth, asks, bids, depth_diffs

FOLDER = "ticks/binance-um-BTCUSDT-20240808"
SNAPSHOT = Depth(0, 100, 100, 0, bids((99, 5), (98, 7), (90, 1)) + asks((101, 4), (103, 2)), snapshot=True)


def book_of(*messages: Depth) -> DepthBook:
    book, laid_out = DepthBook(), DepthMessages(depth_diffs(list(messages)))
    book.replay(laid_out, 0, len(laid_out))
    return book


def test_a_change_sets_a_level_and_zero_takes_it_away() -> None:
    book = book_of(SNAPSHOT, Depth(1, 99, 102, 98, bids((99, 0), (97, 3)) + asks((100, 9), (101, 6))))
    assert book.best_bid == (98, 7)
    assert book.best_ask == (100, 9)
    assert list(book.levels(BID)) == [(98, 7), (97, 3), (90, 1)]
    assert list(book.levels(ASK)) == [(100, 9), (101, 6), (103, 2)]
    assert (book.quantity(BID, 99), book.quantity(ASK, 101), book.last_id) == (0, 6, 102)


def test_before_a_snapshot_nothing_is_known() -> None:
    book = book_of(Depth(1, 99, 102, 98, bids((99, 4))))
    assert not book.is_synced
    assert (book.best_bid, book.best_ask, list(book.levels(BID))) == (None, None, [])


def test_changes_known_before_the_snapshot_wait_for_it_and_older_ones_are_dropped() -> None:
    book = book_of(
        Depth(1, 90, 95, 89, bids((99, 1000))),
        Depth(2, 96, 99, 95, bids((98, 1000))),
        Depth(3, 100, 104, 99, bids((97, 6))),
        Depth(4, 105, 106, 104, asks((101, 0))),
        Depth(5, 100, 100, 0, SNAPSHOT.levels, snapshot=True),
        Depth(6, 107, 107, 106, asks((102, 8))),
    )
    assert list(book.levels(BID)) == [(99, 5), (98, 7), (97, 6), (90, 1)]
    assert list(book.levels(ASK)) == [(102, 8), (103, 2)]


@pytest.mark.parametrize(
    "first",
    [
        Depth(1, 98, 100, 97, bids((97, 6))),
        Depth(1, 102, 102, 100, bids((97, 6))),
        Depth(1, 96, 105, 90, bids((97, 6))),
    ],
)
def test_the_first_change_reaches_back_to_the_snapshot_or_follows_it(first: Depth) -> None:
    book = book_of(SNAPSHOT, first, Depth(2, first.final + 1, first.final + 2, first.final, bids((99, 8))))
    assert book.best_bid == (99, 8)
    assert book.quantity(BID, 97) == 6


def test_a_snapshot_too_old_for_the_first_change_is_refused() -> None:
    with pytest.raises(DataError, match="snapshot ends at update 100, the first change after it begins at 103"):
        book_of(SNAPSHOT, Depth(1, 103, 104, 102, bids((99, 8))))


def test_after_a_gap_the_book_is_unknown_until_the_next_snapshot() -> None:
    book = DepthBook()
    known = DepthMessages(depth_diffs([SNAPSHOT, Depth(1, 99, 102, 98, bids((99, 3)))]))
    after = DepthMessages(
        depth_diffs(
            [
                Depth(2, 105, 106, 104, bids((99, 2))),
                Depth(3, 107, 109, 106, bids((96, 2))),
                Depth(4, 108, 108, 0, bids((95, 1)) + asks((96, 1)), snapshot=True),
                Depth(5, 110, 110, 109, asks((97, 4))),
            ]
        )
    )
    book.replay(known, 0, 2)
    with pytest.raises(DataError, match="follows update 104, the book ended at 102"):
        book.apply(after, 0)
    assert (book.is_synced, book.best_bid) == (False, None)
    book.replay(after, 1, 4)
    assert book.is_synced
    assert list(book.levels(BID)) == [(96, 2), (95, 1)]
    assert list(book.levels(ASK)) == [(96, 1), (97, 4)]


def test_a_snapshot_older_than_the_book_changes_nothing() -> None:
    book = book_of(SNAPSHOT, Depth(1, 99, 102, 98, bids((99, 3))), Depth(2, 101, 101, 0, bids((50, 1)), snapshot=True))
    assert (book.best_bid, book.last_id) == ((99, 3), 102)


def test_a_newer_snapshot_replaces_everything() -> None:
    newer = Depth(2, 110, 110, 0, bids((50, 1)), snapshot=True)
    book = book_of(SNAPSHOT, Depth(1, 99, 102, 98, bids((99, 3))), newer)
    assert (list(book.levels(BID)), list(book.levels(ASK))) == ([(50, 1)], [])


def test_a_crossed_book_says_so_and_an_empty_one_does_not() -> None:
    assert book_of(SNAPSHOT, Depth(1, 99, 102, 98, bids((101, 1)))).is_crossed
    assert not book_of(SNAPSHOT, Depth(1, 99, 102, 98, bids((100, 1)))).is_crossed
    assert not DepthBook().is_crossed


def test_levels_far_apart_are_found() -> None:
    far = Depth(0, 1, 1, 0, bids((1_000_000, 5), (10, 7)) + asks((1_000_001, 4), (5_000_000, 2)), snapshot=True)
    book = book_of(far, Depth(1, 2, 2, 1, bids((1_000_000, 0)) + asks((1_000_001, 0))))
    assert (book.best_bid, book.best_ask) == ((10, 7), (5_000_000, 2))
    assert list(book_of(far).levels(ASK)) == [(1_000_001, 4), (5_000_000, 2)]
    assert list(book_of(far).levels(BID)) == [(1_000_000, 5), (10, 7)]


LEVEL = st.tuples(
    st.sampled_from([BID, ASK]), st.one_of(st.integers(1, 12), st.sampled_from([400, 2000])), st.integers(0, 3)
)


@given(st.lists(st.lists(LEVEL, min_size=1, max_size=6), min_size=1, max_size=25))
def test_any_sequence_of_changes_gives_the_book_a_dict_gives(changes: list[list[tuple[int, int, int]]]) -> None:
    messages = [Depth(0, 1, 1, 0, tuple(changes[0]), snapshot=True)]
    messages += [Depth(n, n + 1, n + 1, n, tuple(levels)) for n, levels in enumerate(changes[1:], start=1)]
    book, laid_out = DepthBook(), DepthMessages(depth_diffs(messages))
    naive: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
    for which, message in enumerate(messages):
        book.apply(laid_out, which)
        for side, price, quantity in message.levels:
            naive[side][price] = quantity
        held = {side: {p: q for p, q in naive[side].items() if q} for side in (BID, ASK)}
        assert list(book.levels(BID)) == sorted(held[BID].items(), reverse=True)
        assert list(book.levels(ASK)) == sorted(held[ASK].items())
        assert book.best_bid == max(held[BID].items(), default=None)
        assert book.best_ask == min(held[ASK].items(), default=None)
        crossed = bool(held[BID]) and bool(held[ASK]) and max(held[BID]) >= min(held[ASK])
        assert book.is_crossed == crossed


@pytest.mark.real_data
def test_real_depth_equals_the_top_of_book_at_every_update_id_they_share(real_data: Path) -> None:
    """Proves: QL-11"""
    ticks = read_ticks(real_data / FOLDER, BTC)
    tops = ticks.tops
    top_at = {int(update): row for row, update in enumerate(tops.update_id)}
    book, laid_out = DepthBook(), DepthMessages(ticks.depth)
    shared = 0
    for which in range(len(laid_out)):
        book.apply(laid_out, which)
        row = top_at.get(book.last_id)
        if laid_out.is_snapshot[which] or row is None:
            continue
        shared += 1
        assert book.best_bid == (tops.bid[row], tops.bid_quantity[row])
        assert book.best_ask == (tops.ask[row], tops.ask_quantity[row])
        assert not book.is_crossed
    assert shared == 629
