"""What in a value can be changed: constants told from everything else, and what an instance holds.

Constant are numbers, text, enum members, functions, classes, modules, read-only
arrays, and tuples, frozensets, MappingProxyTypes and frozen dataclasses of
constants. Every other object is taken to be mutable. Nothing is run and
nothing is changed; walks are bounded by depth and by ``OBJECTS_MAX``.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from re import Pattern
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    EllipsisType,
    FunctionType,
    GenericAlias,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    NoneType,
    NotImplementedType,
    UnionType,
    WrapperDescriptorType,
)
from typing import Any, Final

import numpy as np

OBJECTS_MAX: Final = 200
_DEPTH_MAX: Final = 12


_PLAIN: Final = (
    *(NoneType, bool, int, float, complex, str, bytes, Decimal, Fraction, range, EllipsisType, NotImplementedType),
    *(date, time, timedelta, tzinfo, Pattern, Enum, np.generic, np.dtype, np.ufunc),
    *(FunctionType, type, ModuleType, GenericAlias, UnionType, CodeType),
    *(MemberDescriptorType, GetSetDescriptorType, WrapperDescriptorType, MethodDescriptorType),
    ClassMethodDescriptorType,
)


def first_mutable(value: object, depth: int = 0) -> object | None:
    """The value itself, or the part of it, that can be changed; None for a constant."""
    if isinstance(value, _PLAIN) or type(value) is object or type(value).__module__ in ("typing", "dataclasses"):
        return None
    if is_compiled(value):
        return None
    if depth > _DEPTH_MAX:
        return value
    parts = _parts_of_constant(value)
    if parts is None:
        return value
    for part in parts:
        mutable = first_mutable(part, depth + 1)
        if mutable is not None:
            return mutable
    return None


def _parts_of_constant(value: object) -> Iterable[object] | None:  # noqa: PLR0911 - one kind, one answer
    """What a constant is made of; None when it is none."""
    match value:
        case tuple() | frozenset():
            return value
        case MappingProxyType():
            return [*value.keys(), *value.values()]
        case np.ndarray():
            return None if value.flags.writeable or value.dtype.hasobject else ()
        case staticmethod() | classmethod():
            return (value.__func__,)
        case partial():
            return (value.func, *value.args, *value.keywords.values())
        case MethodType() | BuiltinFunctionType():
            return (value.__self__,)
    return _fields_of_frozen(value)


def _fields_of_frozen(value: object) -> Iterable[object] | None:
    """What a frozen dataclass is made of; None for anything else, and for one that holds more than its fields."""
    parameters = getattr(type(value), "__dataclass_params__", None)
    if parameters is None or not parameters.frozen or not is_dataclass(value):
        return None
    own = {field.name for field in fields(value)}
    if not getattr(value, "__dict__", {}).keys() <= own:
        return None
    return [getattr(value, name, None) for name in sorted(own)]


def mutables_of(instance: object) -> list[tuple[str, object]]:
    """(path, object) of the mutable objects an instance reaches, nearest first, at most OBJECTS_MAX."""
    found: list[tuple[str, object]] = []
    waiting = deque(attributes_of(instance))
    while waiting and len(found) < OBJECTS_MAX:
        path, value = waiting.popleft()
        if isinstance(value, _PLAIN) or first_mutable(value) is None or any(value is each for _, each in found):
            continue
        if not isinstance(value, tuple | frozenset | MethodType | BuiltinFunctionType | partial):
            found.append((path, _root(value)))
        waiting.extend((path, part) for part in _contents(value) if not isinstance(part, _PLAIN))
    return found


def _root(value: object) -> object:
    """An array's memory belongs to the array it was cut from."""
    while isinstance(value, np.ndarray) and isinstance(value.base, np.ndarray):
        value = value.base
    return value


def _contents(value: object) -> Iterator[object]:
    match value:
        case dict() | MappingProxyType():
            yield from (*value.keys(), *value.values())
        case list() | tuple() | set() | frozenset() | deque():
            yield from value
        case partial() | MethodType() | BuiltinFunctionType():
            yield from _parts_of_constant(value) or ()
        case _:
            yield from (part for _, part in attributes_of(value))


def attributes_of(value: object) -> list[tuple[str, object]]:
    """Names and values of an object's own attributes, those in slots included."""
    found = list(getattr(value, "__dict__", {}).items()) if not isinstance(value, type | ModuleType) else []
    for owner in type(value).__mro__:
        for name, member in vars(owner).items():
            if isinstance(member, MemberDescriptorType) and not is_dunder(name):
                try:
                    found.append((name, member.__get__(value)))
                except AttributeError:
                    continue
    return found


def is_compiled(value: Any) -> bool:
    """Whether it is a function of numba's; the globals it reads were made constants when it was compiled."""
    return type(value).__module__.partition(".")[0] == "numba" and isinstance(
        getattr(value, "py_func", None), FunctionType
    )


def is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
