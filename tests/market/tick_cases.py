"""Ticks written by hand: one value an event, put together as the recording they would have been."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from qts.domain.instrument import Instrument
from qts.market.ticks import ASK, BID, DepthDiffs, Ticks, TopOfBook, TradeTicks

BTC = Instrument(
    symbol="BTCUSDT", base="BTC", quote="USDT", tick=Decimal("0.1"), lot=Decimal("0.001"), notional_min=Decimal(0)
)
MS = 1_000_000


@dataclass(frozen=True)
class Trade:
    """at: ms at which it was known. occurred: ms of the venue, the same when left None."""

    at: int
    price: int
    quantity: int
    aggressor: int
    occurred: int | None = None


@dataclass(frozen=True)
class Top:
    at: int
    update: int
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int
    occurred: int | None = None


@dataclass(frozen=True)
class Depth:
    """levels: (side, price, quantity). before: the final id of the message before."""

    at: int
    first: int
    final: int
    before: int
    levels: tuple[tuple[int, int, int], ...]
    snapshot: bool = False
    occurred: int | None = None


def bids(*levels: tuple[int, int]) -> tuple[tuple[int, int, int], ...]:
    return tuple((BID, price, quantity) for price, quantity in levels)


def asks(*levels: tuple[int, int]) -> tuple[tuple[int, int, int], ...]:
    return tuple((ASK, price, quantity) for price, quantity in levels)


def column(values, kind=np.int64):
    return np.array(list(values), dtype=kind)


def times(events):
    return {
        "known_at": column(each.at * MS for each in events),
        "occurred_at": column(each.at if each.occurred is None else each.occurred for each in events),
    }


def trade_ticks(events: list[Trade]) -> TradeTicks:
    return TradeTicks(
        **times(events),
        trade_id=column(range(len(events))),
        price=column(each.price for each in events),
        quantity=column(each.quantity for each in events),
        aggressor=column((each.aggressor for each in events), np.int8),
    )


def top_of_book(events: list[Top]) -> TopOfBook:
    return TopOfBook(
        **times(events),
        update_id=column(each.update for each in events),
        bid=column(each.bid for each in events),
        bid_quantity=column(each.bid_quantity for each in events),
        ask=column(each.ask for each in events),
        ask_quantity=column(each.ask_quantity for each in events),
    )


def depth_diffs(events: list[Depth]) -> DepthDiffs:
    rows = [(each, level) for each in events for level in each.levels]
    return DepthDiffs(
        **times([each for each, _ in rows]),
        first_id=column(each.first for each, _ in rows),
        final_id=column(each.final for each, _ in rows),
        prev_final_id=column(each.before for each, _ in rows),
        side=column((level[0] for _, level in rows), np.int8),
        price=column(level[1] for _, level in rows),
        quantity=column(level[2] for _, level in rows),
        is_snapshot=column((each.snapshot for each, _ in rows), np.bool_),
    )


def ticks_of(*events: Trade | Top | Depth) -> Ticks:
    return Ticks(
        trades=trade_ticks([each for each in events if isinstance(each, Trade)]),
        tops=top_of_book([each for each in events if isinstance(each, Top)]),
        depth=depth_diffs([each for each in events if isinstance(each, Depth)]),
    )
