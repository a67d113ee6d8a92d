"""House style as checks over the syntax tree: names, sizes, docstrings, state, dead files.

Sizes ratchet: ``Exceptions`` holds what is too long today, with its exact
length, a date and a reason. An entry that could be lower, or is not needed
any more, is a finding too, so the list only shrinks.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.finding import Finding, Module, python_modules

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

VAGUE_NAMES = {
    "utils": "the noun it is about",
    "util": "the noun it is about",
    "helpers": "the noun it is about",
    "helper": "the noun it is about",
    "common": "the layer that owns it",
    "misc": "several files, one noun each",
    "base": "the protocol's own name",
    "core": "the layer that owns it",
}
VAGUE_SUFFIXES = ("Manager", "Handler", "Processor", "Helper", "Impl", "Util", "Utils")

_MUTABLE_CALLS = {"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict"}
_MUTATORS = {
    *("append", "extend", "insert", "remove", "pop", "popitem", "clear", "sort", "reverse", "appendleft"),
    *("add", "discard", "update", "setdefault", "difference_update", "intersection_update"),
}
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceptions:
    """What is allowed to be longer, for now: place -> (lines, since, reason). A function's place is path::name."""

    files: Mapping[str, tuple[int, str, str]]
    functions: Mapping[str, tuple[int, str, str]]


NO_EXCEPTIONS = Exceptions(files={}, functions={})


def names(modules: Iterable[Module]) -> Iterator[Finding]:
    """Vague module, folder and class names."""
    for module in modules:
        for part in Path(module.path).with_suffix("").parts:
            if part in VAGUE_NAMES:
                yield module.finding(None, "vague-name", f"'{part}' says nothing: name it after {VAGUE_NAMES[part]}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE_SUFFIXES):
                yield module.finding(node, "vague-name", f"class {node.name}: say what it is, not that it does things")


def docstrings(modules: Iterable[Module]) -> Iterator[Finding]:
    for module in modules:
        if ast.get_docstring(module.tree) is None:
            yield module.finding(None, "no-docstring", "a module opens with what it is and what always holds")


def sizes(modules: Iterable[Module], exceptions: Exceptions = NO_EXCEPTIONS) -> Iterator[Finding]:
    """Files of more than 400 lines, functions of more than 60 (their docstring not counted)."""
    seen: set[str] = set()
    for module in modules:
        lines = len(module.text.splitlines())
        yield from _size(module.path, lines, FILE_LINES_MAX, exceptions.files)
        seen.add(module.path)
        for name, function in _functions(module.tree, ""):
            place = f"{module.path}::{name}"
            seen.add(place)
            yield from _size(place, _function_lines(function), FUNCTION_LINES_MAX, exceptions.functions)
    for place in [*exceptions.files, *exceptions.functions]:
        if place not in seen:
            yield Finding(path=place, line=0, rule="size", words="is gone: take it off the list of exceptions")


def _size(place: str, lines: int, lines_max: int, allowed: Mapping[str, tuple[int, str, str]]) -> Iterator[Finding]:
    def finding(words: str) -> Finding:
        return Finding(path=place, line=0, rule="size", words=words)

    if place not in allowed:
        if lines > lines_max:
            yield finding(f"has {lines} lines, more than {lines_max}: split it")
        return
    granted = allowed[place][0]
    if lines > granted:
        yield finding(f"grew from {granted} to {lines} lines: split it instead")
    elif lines <= lines_max:
        yield finding(f"has only {lines} lines now: take it off the list of exceptions")
    elif lines < granted:
        yield finding(f"shrank from {granted} to {lines} lines: write the new number down")


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _FUNCTION):
            yield prefix + child.name, child
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def _function_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def flags(modules: Iterable[Module]) -> Iterator[Finding]:
    """Boolean parameters that a caller may give by position. cli is left out: there they are options."""
    for module in modules:
        if module.path.startswith("src/qts/cli/"):
            continue
        for name, function in _functions(module.tree, ""):
            arguments = function.args
            for argument in [*arguments.posonlyargs, *arguments.args]:
                if argument.annotation is not None and ast.unparse(argument.annotation).strip("'\"") == "bool":
                    yield module.finding(
                        argument,
                        "flag",
                        f"{name}({argument.arg}): a bare True tells the reader nothing; two cases are an Enum",
                    )


def state(modules: Iterable[Module]) -> Iterator[Finding]:
    """Module-level state: a mutable value under a name that is no constant, or a constant that something changes."""
    for module in modules:
        constants: set[str] = set()
        for node in module.tree.body:
            for name, value in _bindings(node):
                if not _is_mutable(value):
                    continue
                if name.strip("_").isupper() or (name.startswith("__") and name.endswith("__")):
                    constants.add(name)
                else:
                    yield module.finding(node, "state", f"{name} is mutable and lives as long as the process")
        yield from _changes(module, constants)


def _bindings(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        yield node.target.id, node.value


def _is_mutable(value: ast.expr) -> bool:
    match value:
        case ast.List() | ast.Dict() | ast.Set() | ast.ListComp() | ast.DictComp() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name in _MUTABLE_CALLS
    return False


def _changes(module: Module, constants: set[str]) -> Iterator[Finding]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Global(names=changed):
                yield module.finding(node, "state", f"global {', '.join(changed)}: hand the value on instead")
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()) if name in constants:
                yield module.finding(node, "state", f"{name} is a constant, and this changes it")
            case ast.AugAssign(target=ast.Name(id=name)) if name in constants:
                yield module.finding(node, "state", f"{name} is a constant, and this changes it")
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if (
                name in constants and attr in _MUTATORS
            ):
                yield module.finding(node, "state", f"{name} is a constant, and .{attr}() changes it")


def packages(root: Path) -> Iterator[Finding]:
    """Folders with modules but no __init__.py: the import linter would not see into them."""
    for folder in sorted({file.parent for file in (root / "src").rglob("*.py")}):
        if not (folder / "__init__.py").exists() and folder.name not in _LOADED_BY_PATH:
            path = folder.relative_to(root).as_posix()
            yield Finding(path=path, line=0, rule="package", words="has no __init__.py, so no contract covers it")


# Alembic finds its scripts by path, in folders of these names.
_LOADED_BY_PATH = ("migrations", "versions")
_ENTRY_POINTS = ("qts.cli.main", "qts.__main__")


def dead_files(modules: Iterable[Module], allowed: Mapping[str, tuple[str, str]] | None = None) -> Iterator[Finding]:
    """Modules of src that no other module of src imports or names in a string.

    allowed: module name -> (since, reason), for a room that is built before its first caller.
    """
    allowed = {} if allowed is None else allowed
    by_name = {_dotted(module.path): module for module in modules if module.path.startswith("src/")}
    wanted = Counter[str]()
    for name, module in by_name.items():
        wanted.update(_mentioned(module, name) - {name})
    for name, module in by_name.items():
        exempt = module.path.endswith("__init__.py") or name in _ENTRY_POINTS or _by_path(module.path)
        if exempt or name in allowed:
            if name in allowed and (exempt or name in wanted):
                yield module.finding(None, "dead-file", f"{name} is in use now: take it off the list of exceptions")
        elif name not in wanted:
            yield module.finding(None, "dead-file", f"nothing imports {name}: delete it, or use it")
    for name in allowed:
        if name not in by_name:
            yield Finding(path=name, line=0, rule="dead-file", words="is gone: take it off the list of exceptions")


def _by_path(path: str) -> bool:
    return any(part in _LOADED_BY_PATH for part in Path(path).parts)


def _dotted(path: str) -> str:
    name = Path(path).with_suffix("").as_posix().removeprefix("src/").replace("/", ".")
    return name.removesuffix(".__init__")


def _mentioned(module: Module, name: str) -> set[str]:
    """Modules that a module imports, wherever the import stands, or names in a string."""
    here = name if module.path.endswith("__init__.py") else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=aliases):
                found.update(alias.name for alias in aliases)
            case ast.ImportFrom(module=source, names=aliases, level=level):
                start = ".".join(here.split(".")[: len(here.split(".")) - level + 1]) if level else ""
                origin = ".".join(part for part in (start, source or "") if part)
                found.add(origin)
                found.update(f"{origin}.{alias.name}" for alias in aliases)
            case ast.Constant(value=str(text)) if text.startswith("qts."):
                found.add(text)
                found.add(text.partition(":")[0])
    return found


def everything(
    root: Path, exceptions: Exceptions = NO_EXCEPTIONS, unused: Mapping[str, tuple[str, str]] | None = None
) -> list[Finding]:
    """Every finding of this file. Names and sizes bind tests too; docstrings, flags and state what runs or ships."""
    shipped = list(python_modules(root, "src", "tools", "benchmarks"))
    written = [*shipped, *python_modules(root, "tests")]
    return [
        *names(written),
        *sizes(written, exceptions),
        *docstrings(shipped),
        *flags(shipped),
        *state(shipped),
        *packages(root),
        *dead_files(shipped, unused),
    ]
