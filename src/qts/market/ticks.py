"""Recorded ticks as read-only columns: trades, the top of the book, and changes of its depth.

Prices are whole ticks and quantities whole lots, so that they compare and add
exactly; ``on_grid`` turns a file's floats into them or refuses. Three clocks
are kept apart: ``known_at`` is when the recorder received a row, ns of its own
clock; ``occurred_at`` is when the venue says it happened, ms UTC; update ids
say what the venue did first. Ticks are replayed in the order they were known.

A chain of depth changes that is broken is refused, not repaired: after a gap
the book is unknown until the next snapshot.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from qts.domain.errors import DataError
from qts.market.bars import read_only

Ints: TypeAlias = npt.NDArray[np.int64]
Signs: TypeAlias = npt.NDArray[np.int8]
Flags: TypeAlias = npt.NDArray[np.bool_]

BID: Final = 1
ASK: Final = -1

_EXACT_BELOW: Final = 2**53
"""Whole numbers below this are exact as floats, and so is one rounding of their quotient."""

_Columns: TypeAlias = tuple[tuple[str, type[np.generic]], ...]
_Rules: TypeAlias = tuple[tuple[str, npt.NDArray[np.bool_]], ...]


def on_grid(values: npt.NDArray[np.float64], step: Decimal, what: str) -> Ints:
    """How many steps each value is, exactly: the float nearest to that many steps is the value itself.

    Raises DataError naming the first row that is no number, is off the grid, or
    is too large for a float to tell.
    """
    over, under = step.as_integer_ratio()
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.rint(values * under / over)
        exact = (np.abs(steps) * max(over, 1) < _EXACT_BELOW) & ((steps * over) / under == values)
    if not exact.all():
        row = int(np.argmin(exact))
        raise DataError(f"{what}: {values[row]} is not a whole number of {step}", place=f"row {row}")
    return steps.astype(np.int64)


def _freeze(owner: object, what: str, columns: _Columns) -> int:
    """Make the columns contiguous, typed and read-only; the number of rows."""
    rows = len(getattr(owner, columns[0][0]))
    for name, kind in columns:
        given = np.asarray(getattr(owner, name))
        if given.dtype.kind not in "biu":
            raise DataError(f"{what}: column {name} holds {given.dtype}, not whole numbers")
        if given.shape != (rows,):
            raise DataError(f"{what}: column {name} has shape {given.shape}, not ({rows},)")
        object.__setattr__(owner, name, read_only(np.ascontiguousarray(given, dtype=kind)))
    return rows


def _refuse_first(what: str, rules: _Rules, next_step: str = "") -> None:
    for words, bad in rules:
        if bad.any():
            raise DataError(f"{what}: {words}", place=f"row {int(np.argmax(bad))}", next_step=next_step)


def _falls(values: Ints) -> Flags:
    return np.diff(values, prepend=values[:1]) < 0


def _does_not_rise(values: Ints) -> Flags:
    return np.diff(values, prepend=values[:1] - 1) <= 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TradeTicks:
    """Single trades, shape (n,) each, n may be 0.

    known_at: ns, does not fall. occurred_at: ms UTC. trade_id: rises. price:
    ticks, above 0. quantity: lots, above 0. aggressor: BID (1) where a buyer took
    what was offered, ASK (-1) where a seller hit what was bid.
    """

    known_at: Ints
    occurred_at: Ints
    trade_id: Ints
    price: Ints
    quantity: Ints
    aggressor: Signs

    def __post_init__(self) -> None:
        whole = ((name, np.int64) for name in ("known_at", "occurred_at", "trade_id", "price", "quantity"))
        _freeze(self, "trades", (*whole, ("aggressor", np.int8)))
        _refuse_first(
            "trades",
            (
                ("known_at falls", _falls(self.known_at)),
                ("trade_id does not rise", _does_not_rise(self.trade_id)),
                ("price is not above 0", self.price <= 0),
                ("quantity is not above 0", self.quantity <= 0),
                ("aggressor is neither 1 nor -1", np.abs(self.aggressor) != 1),
            ),
        )

    def __len__(self) -> int:
        return len(self.known_at)

    def rows(self, chosen: Flags) -> "TradeTicks":
        """The chosen trades, by a mask of shape (n,)."""
        return TradeTicks(
            known_at=self.known_at[chosen],
            occurred_at=self.occurred_at[chosen],
            trade_id=self.trade_id[chosen],
            price=self.price[chosen],
            quantity=self.quantity[chosen],
            aggressor=self.aggressor[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TopOfBook:
    """Best bid and ask with what is shown there, shape (n,) each, n may be 0.

    known_at: ns, does not fall. occurred_at: ms UTC. update_id: rises. bid, ask:
    ticks, 0 < bid < ask. bid_quantity, ask_quantity: lots, above 0.
    """

    known_at: Ints
    occurred_at: Ints
    update_id: Ints
    bid: Ints
    bid_quantity: Ints
    ask: Ints
    ask_quantity: Ints

    def __post_init__(self) -> None:
        names = ("known_at", "occurred_at", "update_id", "bid", "bid_quantity", "ask", "ask_quantity")
        _freeze(self, "top of book", tuple((name, np.int64) for name in names))
        _refuse_first(
            "top of book",
            (
                ("known_at falls", _falls(self.known_at)),
                ("update_id does not rise", _does_not_rise(self.update_id)),
                ("bid is not above 0", self.bid <= 0),
                ("bid is not below ask", self.bid >= self.ask),
                ("a quantity is not above 0", (self.bid_quantity <= 0) | (self.ask_quantity <= 0)),
            ),
        )

    def __len__(self) -> int:
        return len(self.known_at)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepthDiffs:
    """Changes of price levels and snapshots of all of them, one row a level, in the order they were known.

    Rows that were sent together are one message: neighbours with the same
    known_at, final_id and is_snapshot. It takes effect as a whole.

    known_at: ns, does not fall. occurred_at: ms UTC. first_id, final_id: the
    updates a message covers; a snapshot holds all up to its final_id.
    prev_final_id: the final_id of the message before, in changes; of no meaning
    in snapshots. side: BID or ASK. price: ticks, above 0. quantity: lots now at
    that price, 0 for none.
    starts: shape (messages + 1,), the row each message begins at, and the end.

    Raises DataError at the first message whose prev_final_id is not the final_id
    of the one before.
    """

    known_at: Ints
    occurred_at: Ints
    first_id: Ints
    final_id: Ints
    prev_final_id: Ints
    side: Signs
    price: Ints
    quantity: Ints
    is_snapshot: Flags
    starts: Ints = field(init=False)

    def __post_init__(self) -> None:
        names = ("known_at", "occurred_at", "first_id", "final_id", "prev_final_id", "price", "quantity")
        whole = ((name, np.int64) for name in names)
        rows = _freeze(self, "depth", (*whole, ("side", np.int8), ("is_snapshot", np.bool_)))
        _refuse_first(
            "depth",
            (
                ("known_at falls", _falls(self.known_at)),
                ("price is not above 0", self.price <= 0),
                ("quantity is negative", self.quantity < 0),
                ("side is neither 1 nor -1", np.abs(self.side) != 1),
                ("first_id is above final_id", self.first_id > self.final_id),
            ),
        )
        begins = np.ones(rows, dtype=np.bool_)
        begins[1:] = (
            (np.diff(self.known_at) != 0)
            | (np.diff(self.final_id) != 0)
            | (self.is_snapshot[1:] != self.is_snapshot[:-1])
        )
        starts = np.append(np.flatnonzero(begins), rows).astype(np.int64)
        object.__setattr__(self, "starts", read_only(starts))
        self._refuse_first_break()

    def _refuse_first_break(self) -> None:
        first_rows = self.starts[:-1]
        changes = first_rows[~self.is_snapshot[first_rows]]
        final, before = self.final_id[changes], self.prev_final_id[changes]
        broken = before[1:] != final[:-1]
        if broken.any():
            place = int(np.argmax(broken))
            raise DataError(
                f"depth: the chain is broken: a change follows update {before[place + 1]}, "
                f"the one before it ended at {final[place]}",
                place=f"row {int(changes[place + 1])}",
                next_step="the book is unknown from there on: begin again at a later snapshot",
            )
        _refuse_first(
            "depth",
            (("first_id is not above prev_final_id", ~self.is_snapshot & (self.first_id <= self.prev_final_id)),),
        )

    def __len__(self) -> int:
        return len(self.known_at)

    @property
    def messages(self) -> int:
        return len(self.starts) - 1


class TickKind(IntEnum):
    """What a tick is; at one instant a trade comes before the level it changed."""

    TRADE = 0
    TOP = 1
    DEPTH = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ticks:
    """All ticks of one symbol in the order they were known: by known_at, then by kind, then as recorded.

    known_at: ns, shape (n,). kind: TickKind values. row: which trade, which top
    of book, or which depth message.
    """

    trades: TradeTicks
    tops: TopOfBook
    depth: DepthDiffs
    known_at: Ints = field(init=False)
    kind: Signs = field(init=False)
    row: Ints = field(init=False)

    def __post_init__(self) -> None:
        sent_at = self.depth.known_at[self.depth.starts[:-1]]
        known_at = np.concatenate((self.trades.known_at, self.tops.known_at, sent_at))
        counts = (len(self.trades), len(self.tops), self.depth.messages)
        order = np.argsort(known_at, kind="stable")
        kind = np.repeat(np.array(tuple(TickKind), dtype=np.int8), counts)
        row = np.concatenate([np.arange(count, dtype=np.int64) for count in counts])
        for name, values in (("known_at", known_at), ("kind", kind), ("row", row)):
            object.__setattr__(self, name, read_only(values[order]))

    def __len__(self) -> int:
        return len(self.known_at)
