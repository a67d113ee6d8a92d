"""Enumerations whose members are read as fast as any other attribute of a class."""

from enum import Enum
from typing import TypeVar

_E = TypeVar("_E", bound=type[Enum])


def plain_members(kind: _E) -> _E:
    """Put the members into the class itself.

    Python 3.11 looks a member up through the metaclass, at seven times the cost of
    an attribute, and an order's way reads some hundred of them. Later versions do
    this by themselves.
    """
    for member in kind:
        type.__setattr__(kind, member.name, member)
    return kind
