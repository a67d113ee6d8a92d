"""The life of one order at the venue. This file is the whole of it: what is not in the table cannot happen.

A quantity is not a state: an order half filled is ACCEPTED with something filled.
A request is not the order: one whose cancellation was asked for is ACCEPTED until
the venue says otherwise. Silence is a state: when the venue does not say what
became of a request, the order is UNKNOWN, and only evidence moves it on.

Final means that no more commands follow. A fill is a fact and is always applied,
whenever it arrives: one that comes after the end turns CANCELED, EXPIRED or
NOT_PLACED into FILLED once nothing is left of the quantity. The venue may also
correct what was concluded from its silence: NOT_PLACED yields to its word.
"""

from enum import StrEnum
from typing import Final

from qts.domain.plain_enum import plain_members

_MAY_BE_LIVE: Final = frozenset({"submitted", "unknown", "accepted"})


@plain_members
class OrderState(StrEnum):
    """may_be_live: whether the venue may be working it: sent, and not ended. is_final: whether it ended."""

    CREATED = "created"  # written down, not on its way
    SUBMITTED = "submitted"  # on its way
    UNKNOWN = "unknown"  # sent, and nobody said what became of it
    ACCEPTED = "accepted"  # alive at the venue
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    NOT_PLACED = "not-placed"  # proved, by evidence, never to have reached the matching engine

    may_be_live: bool
    is_final: bool

    def __init__(self, word: str) -> None:
        self.may_be_live = word in _MAY_BE_LIVE
        self.is_final = not self.may_be_live and word != "created"


@plain_members
class OrderEvent(StrEnum):
    SUBMIT = "submit"
    ACCEPT = "accept"
    REJECT = "reject"
    LOSE = "lose"  # the outcome of the request is unknown
    FILL_PART = "fill-part"
    FILL_LAST = "fill-last"
    CANCEL = "cancel"
    EXPIRE = "expire"
    PROVE_ABSENT = "prove-absent"


_S, _E = OrderState, OrderEvent

TRANSITIONS: Final[dict[tuple[OrderState, OrderEvent], OrderState]] = {
    (_S.CREATED, _E.SUBMIT): _S.SUBMITTED,
    # On its way: the stream may be faster than the answer, so anything may be the first news.
    (_S.SUBMITTED, _E.ACCEPT): _S.ACCEPTED,
    (_S.SUBMITTED, _E.REJECT): _S.REJECTED,
    (_S.SUBMITTED, _E.LOSE): _S.UNKNOWN,
    (_S.SUBMITTED, _E.FILL_PART): _S.ACCEPTED,
    (_S.SUBMITTED, _E.FILL_LAST): _S.FILLED,
    (_S.SUBMITTED, _E.CANCEL): _S.CANCELED,
    (_S.SUBMITTED, _E.EXPIRE): _S.EXPIRED,
    (_S.SUBMITTED, _E.PROVE_ABSENT): _S.NOT_PLACED,
    # Unknown: only evidence ends it.
    (_S.UNKNOWN, _E.ACCEPT): _S.ACCEPTED,
    (_S.UNKNOWN, _E.REJECT): _S.REJECTED,
    (_S.UNKNOWN, _E.LOSE): _S.UNKNOWN,
    (_S.UNKNOWN, _E.FILL_PART): _S.ACCEPTED,
    (_S.UNKNOWN, _E.FILL_LAST): _S.FILLED,
    (_S.UNKNOWN, _E.CANCEL): _S.CANCELED,
    (_S.UNKNOWN, _E.EXPIRE): _S.EXPIRED,
    (_S.UNKNOWN, _E.PROVE_ABSENT): _S.NOT_PLACED,
    # Alive. A late answer to the request, or a lost one, tells nothing new.
    (_S.ACCEPTED, _E.ACCEPT): _S.ACCEPTED,
    (_S.ACCEPTED, _E.LOSE): _S.ACCEPTED,
    (_S.ACCEPTED, _E.FILL_PART): _S.ACCEPTED,
    (_S.ACCEPTED, _E.FILL_LAST): _S.FILLED,
    (_S.ACCEPTED, _E.CANCEL): _S.CANCELED,
    (_S.ACCEPTED, _E.EXPIRE): _S.EXPIRED,
    (_S.ACCEPTED, _E.REJECT): _S.REJECTED,  # a conditional order refused when it triggered
    # Ended. Fills are facts; news that only repeat or come late change nothing.
    (_S.FILLED, _E.ACCEPT): _S.FILLED,
    (_S.FILLED, _E.LOSE): _S.FILLED,
    (_S.FILLED, _E.FILL_LAST): _S.FILLED,  # more than was asked for: applied, and flagged
    (_S.FILLED, _E.CANCEL): _S.FILLED,
    (_S.FILLED, _E.EXPIRE): _S.FILLED,
    (_S.CANCELED, _E.ACCEPT): _S.CANCELED,
    (_S.CANCELED, _E.LOSE): _S.CANCELED,
    (_S.CANCELED, _E.FILL_PART): _S.CANCELED,
    (_S.CANCELED, _E.FILL_LAST): _S.FILLED,
    (_S.CANCELED, _E.CANCEL): _S.CANCELED,
    (_S.CANCELED, _E.EXPIRE): _S.CANCELED,
    (_S.EXPIRED, _E.ACCEPT): _S.EXPIRED,
    (_S.EXPIRED, _E.LOSE): _S.EXPIRED,
    (_S.EXPIRED, _E.FILL_PART): _S.EXPIRED,
    (_S.EXPIRED, _E.FILL_LAST): _S.FILLED,
    (_S.EXPIRED, _E.CANCEL): _S.EXPIRED,
    (_S.EXPIRED, _E.EXPIRE): _S.EXPIRED,
    (_S.REJECTED, _E.REJECT): _S.REJECTED,
    (_S.REJECTED, _E.LOSE): _S.REJECTED,
    (_S.NOT_PLACED, _E.LOSE): _S.NOT_PLACED,
    (_S.NOT_PLACED, _E.ACCEPT): _S.NOT_PLACED,  # a zombie: it is swept as an order that should not be there
    (_S.NOT_PLACED, _E.REJECT): _S.REJECTED,
    (_S.NOT_PLACED, _E.FILL_PART): _S.NOT_PLACED,
    (_S.NOT_PLACED, _E.FILL_LAST): _S.FILLED,
    (_S.NOT_PLACED, _E.CANCEL): _S.CANCELED,
    (_S.NOT_PLACED, _E.EXPIRE): _S.EXPIRED,
    (_S.NOT_PLACED, _E.PROVE_ABSENT): _S.NOT_PLACED,
}


class IllegalTransition(Exception):  # noqa: N818 - news, not a mistake of the caller
    """News that cannot be about an order in this state. The account stops trading on it and asks."""

    def __init__(self, state: OrderState, event: OrderEvent) -> None:
        super().__init__(f"an order that is {state} cannot {event}")
        self.state = state
        self.event = event


def after(state: OrderState, event: OrderEvent) -> OrderState:
    """Raises IllegalTransition for a pair that is not in the table."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(state, event) from None
