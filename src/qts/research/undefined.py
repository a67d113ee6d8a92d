"""A number that does not exist, with the reason.

A strategy that never lost has no profit factor, not a large one. Whoever asks
for such a number gets ``Undefined``; no function in this layer answers with
NaN, infinity, zero or a cap in its place.
"""

from qts.domain.errors import CheckFailed


class Undefined(CheckFailed):
    """``cause`` is a sentence a reader of the report understands."""
