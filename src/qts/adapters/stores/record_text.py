"""Values as JSON text and back, exactly: decimals as text, columns by their bytes, frozen values by their fields.

What reads a value back takes its type from the declaration, so a record holds no
class names and can make nothing but what its reader asks for.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np


def plain_fields(value: Any) -> dict[str, Any]:
    """A dataclass as JSON values by field name."""
    return {field.name: json_value(getattr(value, field.name)) for field in fields(value)}


def row_of(value: Any) -> list[Any]:
    """A dataclass as JSON values in order of declaration."""
    return list(plain_fields(value).values())


def json_value(value: object) -> object:
    match value:
        case Decimal():
            return str(value)
        case Enum():
            return value.value
        case Mapping():
            return {str(name): json_value(item) for name, item in value.items()}
        case list() | tuple():
            return [json_value(item) for item in value]
    return row_of(value) if is_dataclass(value) else value


def value_of(kind: type, row: list[Any]) -> Any:
    """One value from its fields in order of declaration. Raises ValueError for a row of another length."""
    readers = _readers(kind)
    if len(row) != len(readers):
        raise ValueError(f"a {kind.__name__} has {len(readers)} values, not {len(row)}")
    return kind(**{name: read(value) for (name, read), value in zip(readers.items(), row, strict=True)})


def values_of(kind: type, rows: list[list[Any]]) -> tuple[Any, ...]:
    return tuple(value_of(kind, row) for row in rows)


def packed(column: "np.ndarray[Any, Any]", kind: str) -> str:
    """A column's bytes as text. kind: numpy's name of the type, with its byte order."""
    return base64.b64encode(np.asarray(column).astype(kind, copy=False).tobytes()).decode()


def unpacked(text: str, kind: str) -> "np.ndarray[Any, Any]":
    return np.frombuffer(base64.b64decode(text), dtype=kind)


def content_digest(document: Mapping[str, Any]) -> str:
    """SHA-256 over a document, which tells whether it is as it was written."""
    return hashlib.sha256(json.dumps(document, separators=(",", ":")).encode()).hexdigest()


@cache  # a record has thousands of rows, of a dozen kinds
def _readers(kind: type) -> dict[str, Callable[[Any], Any]]:
    hints = get_type_hints(kind)
    return {field.name: _reader(hints[field.name]) for field in fields(kind)}


def _reader(hint: Any) -> Callable[[Any], Any]:
    """How a stored value becomes one of the declared type; None stays None."""
    wanted = [part for part in getattr(hint, "__args__", (hint,)) if part is not type(None)]
    target = wanted[0] if wanted else hint
    if get_origin(hint) is tuple:
        item = _reader(get_args(hint)[0])
        return lambda value: tuple(item(each) for each in value)
    if isinstance(target, type) and issubclass(target, Decimal | Enum):
        return lambda value: None if value is None else target(value)
    if isinstance(target, type) and is_dataclass(target):
        return lambda value: None if value is None else value_of(target, value)
    return lambda value: value
