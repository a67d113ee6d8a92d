"""State that several strategies would share, found by looking at a strategy's code and instances, never by running it.

Two strategies in one process must not be able to influence each other. A
strategy's state belongs into its instance; refused is what outlives or joins
instances:

- a mutable global of its module that its methods read, a global that they write,
  also in functions and classes of the same module that they reach;
- a mutable class attribute, an attribute of a class, module or function that they write;
- a mutable object in a closure, a closed-over variable that they write;
- a mutable default argument, or attribute of a function;
- one instance, or one mutable object, in two instances.

What is constant says ``mutable_values.py``; what is unknown is mutable, and refused.

A module counts as the strategy's own when it is the strategy's, or is neither
installed nor part of Python or QTS (a file beside it).

What it cannot see: names reached through ``globals()``, ``getattr``, ``setattr``,
``sys.modules``, ``exec`` or an import inside a function; what a method does with
an object that it was handed; state inside installed libraries (but their global
dice, ``random.random``, are found); a MappingProxyType's or frozen dataclass's innards changed by force; the
file system. Of one instance the first 200 mutable objects are compared, nearest
first. A strategy that means harm is not kept out by this; the child process of
paper and live (``app/strategy_host.py``) is the wall for that.
"""

import dis
import sys
from collections import deque
from collections.abc import Sequence
from enum import Enum
from functools import cached_property, partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from qts.domain.errors import StrategyError
from qts.strategy.mutable_values import attributes_of, first_mutable, is_compiled, is_dunder, mutables_of
from qts.strategy.strategy import Strategy

FUNCTIONS_MAX: Final = 2_000
_IN_INSTANCE: Final = "keep it in the instance: set it in on_start, from parameters"
_AS_CONSTANT: Final = (
    "make it a constant (a tuple, frozenset or MappingProxyType), or set it in on_start of each instance"
)
_QUIET: Final = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "PRECALL", "PUSH_NULL", "RESUME", "NOT_TAKEN"})
_ATTRIBUTE: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_WRITES: Final = frozenset({"STORE_ATTR", "DELETE_ATTR"})
_NAMESPACE: Final = (type, ModuleType, FunctionType)


def refuse_shared_code(kind: type[Strategy], handed: Sequence[Strategy] = ()) -> None:
    """Look through a strategy's class and the code it reaches.

    handed: its instances; functions they were given are looked through too.
    Raises StrategyError naming what is shared, the file and line, and what to do.
    """
    inspection = _Inspection(kind)
    for owner in kind.__mro__:
        if owner not in (object, Strategy) and not _is_python(owner.__module__):
            inspection.add_class(owner)
    for instance in handed:
        for path, value in attributes_of(instance):
            inspection.add_value(value, f"{kind.__name__}.{path}")
    inspection.run()


def refuse_shared_objects(strategy_id: str, instances: Sequence[Strategy]) -> None:
    """Raises StrategyError when one instance, or one mutable object, is in two of them."""
    seen: list[tuple[str, object]] = []
    for number, instance in enumerate(instances):
        if any(instance is earlier for earlier in instances[:number]):
            raise StrategyError(
                f"{strategy_id}: make handed out one instance of {type(instance).__name__} twice",
                place=_place_of_class(type(instance)),
                next_step="give a function that makes a new strategy each time, such as the class itself",
            )
        held = mutables_of(instance)
        for path, value in held:
            for earlier_path, earlier in seen:
                if value is earlier:
                    where = path if path == earlier_path else f"{earlier_path} and {path}"
                    raise StrategyError(
                        f"{strategy_id}: two instances of {type(instance).__name__} hold one {_kind(value)} in {where}",
                        place=_place_of_class(type(instance)),
                        next_step="make a new one for each instance, or give a constant (a tuple, a read-only array)",
                    )
        seen.extend(held)


class _Inspection:
    """A walk over the functions and classes of one strategy, each visited once."""

    def __init__(self, kind: type[Strategy]) -> None:
        self._kind = kind
        self._modules = {owner.__module__ for owner in kind.__mro__ if owner not in (object, Strategy)}
        self._seen: set[FunctionType | type] = set()
        self._waiting: deque[tuple[FunctionType, str | None]] = deque()

    def run(self) -> None:
        while self._waiting:
            self._look_through(*self._waiting.popleft())

    def add_class(self, owner: type) -> None:
        """Its attributes now, its methods in their turn."""
        if owner in self._seen or issubclass(owner, Enum):
            return
        self._seen.add(owner)
        of_record = (*getattr(owner, "_fields", ()), "_field_defaults") if issubclass(owner, tuple) else ()
        for name, value in list(vars(owner).items()):
            function = _function_of(value)
            if function is not None:
                if self._is_own(function.__globals__.get("__name__", ""), function.__globals__.get("__file__")):
                    self._add_function(function, _first_argument(function) if isinstance(value, classmethod) else None)
            elif isinstance(value, property):
                for part in (value.fget, value.fset, value.fdel):
                    self.add_value(part, f"{owner.__name__}.{name}")
            elif not is_dunder(name) and name != "_abc_impl" and name not in of_record:
                self._judge(value, f"{owner.__name__}.{name}, a class attribute", _place_of_class(owner))

    def add_value(self, value: object, path: str) -> None:
        """Whatever code a value carries."""
        if isinstance(value, FunctionType):
            if self._is_own(value.__globals__.get("__name__", ""), value.__globals__.get("__file__")):
                self._add_function(value)
        elif isinstance(value, MethodType):
            self.add_value(value.__func__, path)
        elif isinstance(value, partial):
            self.add_value(value.func, path)
        elif is_compiled(value):
            self.add_value(getattr(value, "py_func", None), path)
        elif isinstance(value, type) and value is not self._kind and not _is_python(value.__module__):
            module = sys.modules.get(value.__module__)
            if self._is_own(value.__module__, getattr(module, "__file__", None)):
                self.add_class(value)

    def _add_function(self, function: FunctionType, owner: str | None = None) -> None:
        """owner: the argument that holds the class itself (of a class method)."""
        if function in self._seen:
            return
        if len(self._seen) >= FUNCTIONS_MAX:
            raise StrategyError(
                f"{self._kind.__name__} reaches more than {FUNCTIONS_MAX} functions and classes of its own",
                place=_place_of_class(self._kind),
                next_step="use fewer: state between strategies is looked for in all of them",
            )
        self._seen.add(function)
        self._waiting.append((function, owner))

    def _is_own(self, module: str, file: str | None) -> bool:
        if module in self._modules:
            return True
        installed = file is None or "site-packages" in file or "dist-packages" in file
        return not installed and not _is_python(module) and module.partition(".")[0] != "qts"

    def _judge(self, value: object, what: str, place: str, next_step: str = _AS_CONSTANT) -> None:
        mutable = first_mutable(value)
        if mutable is not None:
            raise StrategyError(
                f"{self._kind.__name__} shares state with every strategy that uses it: {what} holds a {_kind(mutable)}",
                place=place,
                next_step=next_step,
            )
        self.add_value(value, what)

    def _look_through(self, function: FunctionType, owner: str | None) -> None:
        name, place = function.__qualname__, _place(function.__code__)
        given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        for value in given:
            self._judge(value, f"a default argument of {name}", place, "use None as default and make it inside")
        for attribute, value in list(function.__dict__.items()):
            self._judge(value, f"{name}.{attribute}, an attribute of a function", place)
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        for variable, cell in cells.items():
            content = _content(cell)
            self._judge(content, f"{variable}, which {name} closes over,", place)
        self._look_through_code(function.__code__, function.__globals__, cells, owner)

    def _look_through_code(
        self, code: CodeType, names: dict[str, Any], cells: dict[str, CellType], owner: str | None
    ) -> None:
        steps = [step for step in dis.get_instructions(code) if step.opname not in _QUIET]
        for place, step in enumerate(steps):
            following = steps[place + 1 : place + 9]
            if step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
                self._refuse_write(f"the global {step.argval}", code, step)
            if step.opname in ("STORE_DEREF", "DELETE_DEREF") and step.argval in cells:
                self._refuse_write(f"{step.argval}, which it closes over", code, step)
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval in names:
                self._reached(names[step.argval], step.argval, following, code, step)
            if step.opname in ("LOAD_DEREF", "LOAD_CLASSDEREF") and step.argval in cells:
                self._reached(_content(cells[step.argval]), step.argval, following, code, step)
            self._refuse_if_written("its own class", _after_own_class(step, following, owner), code, step)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                inner = {name: cell for name, cell in cells.items() if name in constant.co_freevars}
                self._look_through_code(constant, names, inner, None)

    def _reached(
        self, value: object, path: str, following: list[dis.Instruction], code: CodeType, step: dis.Instruction
    ) -> None:
        """A name was read; follow the attributes read of it as long as they lead through modules."""
        is_own = True
        for after, reads in enumerate(following):
            if isinstance(value, _NAMESPACE):
                self._refuse_if_written(path, following[after:], code, step)
            if reads.opname not in _ATTRIBUTE or not isinstance(value, ModuleType):
                break
            if reads.argval not in vars(value):
                return
            is_own = self._is_own(value.__name__, getattr(value, "__file__", None))
            value, path = vars(value)[reads.argval], f"{path}.{reads.argval}"
        is_bound = isinstance(value, MethodType | BuiltinFunctionType)  # random.random is one of a hidden object
        if is_bound or (is_own and not self._is_of_library(value)):
            self._judge(value, f"{path}, which {code.co_name} uses,", _place(code, step))

    def _is_of_library(self, value: object) -> bool:
        """Whether an installed library has this callable under a name of its own, as numpy has ``mean``."""
        if not callable(value) or isinstance(value, FunctionType | type):
            return False
        for name in (getattr(value, "__module__", None), type(value).__module__):
            module = sys.modules.get(name) if isinstance(name, str) else None
            if module is None or self._is_own(module.__name__, getattr(module, "__file__", None)):
                continue
            if any(held is value for held in list(vars(module).values())):
                return True
        return False

    def _refuse_if_written(
        self, what: str, following: Sequence[dis.Instruction], code: CodeType, step: dis.Instruction
    ) -> None:
        """Assigned to (``X.a = 1``), or read and assigned back (``X.a += 1``)."""
        kinds = [each.opname for each in following[:2]]
        if kinds and kinds[0] in _WRITES:
            self._refuse_write(f"{what}.{following[0].argval}", code, step)
        if len(kinds) == 2 and kinds[0] in ("COPY", "DUP_TOP") and kinds[1] in _ATTRIBUTE:
            self._refuse_write(f"{what}.{following[1].argval}", code, step)

    def _refuse_write(self, what: str, code: CodeType, step: dis.Instruction) -> None:
        raise StrategyError(
            f"{self._kind.__name__} shares state with every strategy that uses it: {code.co_name} writes {what}",
            place=_place(code, step),
            next_step=_IN_INSTANCE,
        )


def _function_of(value: object) -> FunctionType | None:
    match value:
        case FunctionType():
            return value
        case staticmethod() | classmethod() if isinstance(value.__func__, FunctionType):
            return value.__func__
        case cached_property() if isinstance(value.func, FunctionType):
            return value.func
    return None


def _after_own_class(
    step: dis.Instruction, following: list[dis.Instruction], owner: str | None
) -> list[dis.Instruction]:
    """What follows where ``type(self)``, ``self.__class__`` or a class method's ``cls`` was read, else nothing."""
    if step.opname == "LOAD_GLOBAL" and step.argval == "type" and len(following) > 2 and following[1].opname == "CALL":
        return following[2:]
    if step.opname in _ATTRIBUTE and step.argval == "__class__":
        return following
    if owner is not None and "LOAD_FAST" in step.opname and _last(step.argval) == owner:
        return following
    return []


def _first_argument(function: FunctionType) -> str | None:
    return function.__code__.co_varnames[0] if function.__code__.co_argcount else None


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _last(name: object) -> object:
    """The later of the two variables that one instruction may load."""
    return name[-1] if isinstance(name, tuple) else name


def _is_python(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names and module != "__main__"


def _kind(value: object) -> str:
    return type(value).__name__


def _place(code: CodeType, step: dis.Instruction | None = None) -> str:
    line = step.positions.lineno if step is not None and step.positions is not None else None
    return f"{code.co_filename.rpartition('/')[2]}:{line or code.co_firstlineno}"


def _place_of_class(kind: type) -> str:
    """The line of its first method, or its module's name: a class does not remember its line before Python 3.13."""
    functions = [each for each in map(_function_of, vars(kind).values()) if each is not None]
    own = [each.__code__ for each in functions if each.__globals__.get("__name__") == kind.__module__]
    written = [code for code in own if not code.co_filename.startswith("<")]  # a dataclass writes some itself
    return _place(min(written, key=lambda code: code.co_firstlineno)) if written else kind.__module__
