"""Client order ids: pure functions of what the order is for, so a restarted process computes the same ones.

At most 36 characters of ``[.A-Z:/a-z0-9_-]``, which is what Binance USD-M takes
for newClientOrderId. An id is never used twice: not by the next attempt at the
same slice, not by the next position's stop.
"""

from typing import Final

from qts.domain.ids import short_id

LENGTH_MAX: Final = 36


def slice_id(decision_id: str, sequence: int, attempt: int) -> str:
    """The first try at the first slice bears the decision's own id: most orders are one slice, sent once."""
    if sequence == 0 and attempt == 1:
        return fitting(decision_id)
    return fitting(f"{decision_id}.s{sequence}a{attempt}")


def rest_id(decision_id: str) -> str:
    """Of the decision that executes another one's rest: 'd.r1', then 'd.r2'."""
    first = first_id(decision_id)
    times = decision_id[len(first) + 2 :]
    return f"{first}.r{int(times or 0) + 1}"


def first_id(decision_id: str) -> str:
    """Of the decision whose rest it is, or a rest's rest; its own where it is nobody's."""
    first, _, times = decision_id.rpartition(".r")
    return first if times.isdecimal() and first else decision_id


def leg_id(epoch_id: str, leg: str, number: int) -> str:
    """epoch_id: symbol and number of the position. leg: 'sl', 'tp' or 'esc'. number: counts placements, from 1."""
    return fitting(f"{epoch_id}.{leg}{number}")


def fitting(text: str) -> str:
    return text if len(text) <= LENGTH_MAX else short_id("x", text)
