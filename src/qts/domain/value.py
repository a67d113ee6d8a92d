"""Frozen values that are made as fast as open ones.

``@value`` is ``@dataclass(frozen=True, slots=True)`` with another ``__init__``. The
dataclass's own asks ``object.__setattr__`` for every field, since its class
forbids assignment, and that is five sixths of what making it costs; an order's
way through the house makes some twenty values of some hundred fields. Here the
new object belongs to an open class while its fields are set, by plain
assignment, and to the frozen class before anybody else sees it,
``__post_init__`` included. The slots are the open class's and the frozen class
adds none, so that Python need not compare them at each change of class.
Everything else is the dataclass's: equality, hashing, ``replace``, ``fields``,
pickling.

Use it where values are made per order or per event; elsewhere the dataclass is plainer.
``maker`` gives the constructor once more as a plain function, for the places
that every order passes: calling a class costs Python more than calling a function.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Final, ParamSpec, TypeVar, cast, dataclass_transform, overload

_T = TypeVar("_T")
_P = ParamSpec("_P")

_BECOME: Final = object.__dict__["__class__"].__set__
_OPENED: Final = "__opened__"
_OF_A_CLASS_WITHOUT_SLOTS: Final = {"__dict__", "__weakref__"}


@overload
def value(kind: type[_T], /) -> type[_T]: ...
@overload
def value(*, kw_only: bool) -> Callable[[type[_T]], type[_T]]: ...
@dataclass_transform(frozen_default=True)
def value(kind: type[_T] | None = None, /, *, kw_only: bool = False) -> type[_T] | Callable[[type[_T]], type[_T]]:
    """A frozen, slotted value class; kw_only as of ``dataclass``."""

    def made(kind: type[_T]) -> type[_T]:
        opened = type(kind.__name__, (), {"__slots__": tuple(kind.__annotations__), "__module__": __name__})
        body = {name: each for name, each in vars(kind).items() if name not in _OF_A_CLASS_WITHOUT_SLOTS}
        closed = type(kind.__name__, (opened,), body | {"__qualname__": kind.__qualname__})
        frozen: type = dataclass(frozen=True, slots=True, kw_only=kw_only)(closed)
        type.__setattr__(frozen, "__init__", _init_of(frozen, opened))
        return frozen

    return made if kind is None else made(kind)


def maker(kind: Callable[_P, _T]) -> Callable[_P, _T]:
    """A function that makes values of a ``@value`` class as the class does, defaults and checks included."""
    frozen = cast("type", kind)
    made: Callable[_P, _T] = _compiled(frozen, "make", "", "self = opened()", "return self")
    made.__doc__ = frozen.__doc__
    return made


def _init_of(frozen: type, opened: type) -> Callable[..., None]:
    """What ``dataclass`` would write, with assignments."""
    type.__setattr__(frozen, _OPENED, opened)
    init: Callable[..., None] = _compiled(frozen, "__init__", "self", "become(self, opened)")
    init.__annotations__ = {each.name: each.type for each in fields(frozen)} | {"return": None}
    return init


def _compiled(frozen: type, name: str, first: str, opening: str, closing: str = "pass") -> Callable[..., Any]:
    """A function of the class's fields that fills ``self``. opening: how it comes by one that is open."""
    members = fields(frozen)
    scope: dict[str, Any] = {"become": _BECOME, "opened": getattr(frozen, _OPENED), "frozen": frozen}
    positional = [first] if first else []
    by_name: list[str] = []
    for each in members:
        (by_name if each.kw_only else positional).append(_parameter(each, scope))
    head = ", ".join([*positional, *(["*", *by_name] if by_name else [])])
    lines = [f"def {name}({head}):", f" {opening}"]
    lines += [f" self.{each.name} = {_given(each)}" for each in members]
    lines.append(" self.__class__ = frozen")
    if hasattr(frozen, "__post_init__"):
        lines.append(" self.__post_init__()")
    lines.append(f" {closing}")
    exec("\n".join(lines), scope)  # noqa: S102 - as dataclasses does it
    function: Callable[..., Any] = scope[name]
    function.__qualname__ = f"{frozen.__qualname__}.{name}"
    return function


def _parameter(field: "Field[Any]", scope: dict[str, Any]) -> str:
    if field.default is not MISSING:
        scope[f"default_{field.name}"] = field.default
        return f"{field.name}=default_{field.name}"
    if field.default_factory is not MISSING:
        scope[f"make_{field.name}"] = field.default_factory
        scope["MISSING"] = MISSING
        return f"{field.name}=MISSING"
    return field.name


def _given(field: "Field[Any]") -> str:
    if field.default_factory is MISSING:
        return field.name
    return f"make_{field.name}() if {field.name} is MISSING else {field.name}"
