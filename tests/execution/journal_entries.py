"""Entries and rows for whoever tests a journal: any value of the contracts, and a plausible run of rows."""

from dataclasses import fields
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from qts.domain.fill import Fill
from qts.domain.order import Order, OrderType
from qts.domain.order_lifecycle import OrderState
from qts.execution.commands import CancelOrder, Command
from qts.execution.contracts import OrderDecision, Role, SplitOrder
from qts.execution.events import (
    CancelAck,
    CancelOutcome,
    Event,
    NetProtection,
    OperatorSaid,
    OrderEnded,
    ProtectionWanted,
    Quote,
    VenueOrder,
)
from qts.execution.journal import Journal, JournalRow

START = 1_704_067_200_000  # 2024-01-01T00:00:00Z

decimals = st.decimals(allow_nan=False, allow_infinity=False)
positive = decimals.filter(lambda number: number > 0)
not_negative = positive | st.just(Decimal(0))
instants = st.integers(0, 2**50)
# Half a character ("\ud800") cannot be encoded; what a venue says may hold one.
texts = st.text(st.characters(exclude_categories=()), max_size=12)
PAIRS = (ProtectionWanted, NetProtection)
RULED: dict[tuple[type, str], st.SearchStrategy[Any]] = {
    (Order, "quantity"): positive,
    (SplitOrder, "quantity"): positive,
    (Fill, "quantity"): positive,
    (Fill, "price"): positive,
    (VenueOrder, "quantity"): positive,
    (VenueOrder, "price"): st.none() | positive,
    (VenueOrder, "filled"): not_negative,
    (CancelAck, "filled"): st.none() | not_negative,
    (OrderEnded, "filled"): st.none() | not_negative,
    (Quote, "bid"): not_negative,
    (Quote, "ask"): not_negative,
    (Quote, "mark"): positive,
    **{(kind, name): st.none() | positive for kind in PAIRS for name in ("stop_loss", "take_profit")},
    (OrderDecision, "arrival_price"): positive,
    (OrderDecision, "horizon_ms"): instants,
    (OperatorSaid, "who"): texts.filter(bool),
    (OrderEnded, "state"): st.sampled_from([OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED]),
}


@cache  # a property asks in every example
def values(kind: type) -> st.SearchStrategy[Any]:
    """Any valid value of a contract, made from its fields' types."""
    hints = get_type_hints(kind)
    made = {}
    for field in fields(kind):
        ruled = (kind, field.name)
        made[field.name] = RULED[ruled] if ruled in RULED else _of(hints[field.name])
    return st.fixed_dictionaries(made).map(lambda given: kind(**_agreeing(kind, given)))


def _agreeing(kind: type, given: dict[str, Any]) -> dict[str, Any]:
    """What the contracts want of two fields at once."""
    if kind in (Order, SplitOrder):
        given["price"] = None if given["type"] is OrderType.MARKET else given["price"] or Decimal("1.50")
    if kind is SplitOrder and given["role"] is not Role.ENTRY:
        given["reduce_only"] = True
    return given


def _of(hint: Any) -> st.SearchStrategy[Any]:
    plain = {Decimal: decimals, int: instants, str: texts, bool: st.booleans()}
    if hint in plain:
        return plain[hint]
    if get_origin(hint) in (Union, UnionType):
        return st.one_of(*(st.none() if part is NoneType else _of(part) for part in get_args(hint)))
    if get_origin(hint) is tuple:
        return st.lists(_of(get_args(hint)[0]), max_size=3).map(tuple)
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    return values(hint)


KINDS: tuple[type, ...] = (*get_args(Event), *get_args(Command))


def rows(count: int, journal: Journal | None = None) -> tuple[JournalRow, ...]:
    """A journal's next rows: quotes, a command with each third and its answer."""
    journal = Journal() if journal is None else journal
    end = journal.number + count
    while journal.number < end:
        number = journal.number + 1
        at = START + 250 * number
        if number % 3 == 0:
            journal.add(CancelOrder(f"o-{number}", "XYZUSDT", conditional=False), at)
        elif number % 3 == 1 and number > 1:
            journal.add(CancelAck(f"o-{number - 1}", CancelOutcome.CANCELED, Decimal("0.10")), at)
        else:
            price = Decimal(100) + Decimal(number) / 100
            journal.add(Quote("XYZUSDT", price, price + 1, price, at), at)
    return journal.taken()
