"""Below ``adapters`` nothing acts: what the import contracts cannot see.

import-linter forbids the modules that act (os, time, random, ...). What needs
no import, or hides in a permitted one, is found here: open() and print(), the
present moment out of datetime, numpy's dice, files through numpy and polars,
and hash() and id(), whose answers change from process to process.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tools.finding import Finding, Module, python_modules

PURE_LAYERS = ("domain", "market", "strategy", "risk", "execution", "simulation", "research", "worlds")

# Third-party libraries a layer may import directly; the standard library is everybody's.
LIBRARIES: Mapping[str, frozenset[str]] = {
    "domain": frozenset(),
    "risk": frozenset(),
    "execution": frozenset(),
    "market": frozenset({"numpy", "polars", "numba", "talib"}),
    "strategy": frozenset({"numpy", "polars", "numba", "talib"}),
    "simulation": frozenset({"numpy", "polars", "numba", "talib"}),
    "research": frozenset({"numpy", "polars", "numba", "talib", "sklearn", "lightgbm"}),
    "worlds": frozenset({"numpy", "pydantic"}),
}

# A generated market needs dice; they are given their seed, and stand in this one file.
SEEDED_DICE = ("src/qts/simulation/synthetic.py",)
# Functions made once, at import, from the fields of our own classes, as dataclasses makes them (docs/decisions/0006).
COMPILED_FROM_FIELDS = ("src/qts/domain/value.py", "src/qts/execution/entry_text.py")
_SEEDABLE = {"default_rng", "PCG64", "Philox", "SeedSequence"}

_ACTING_CALLS = {
    "open": "reads or writes a file",
    "print": "writes to the terminal",
    "input": "waits for a person",
    "breakpoint": "waits for a person",
    "exec": "runs text as code",
    "eval": "runs text as code",
    "hash": "answers differently in the next process",
    "id": "is a memory address",
}
_NUMPY_FILES = {"load", "save", "savez", "savez_compressed", "loadtxt", "savetxt", "genfromtxt", "fromfile", "memmap"}
_FILE_METHODS = {"tofile", "write_text", "write_bytes", "read_text", "read_bytes"}
_STREAMS = {"stdin", "stdout", "stderr", "argv", "exit"}


def pure_modules(root: Path) -> Iterator[Module]:
    return python_modules(root, *(f"src/qts/{layer}" for layer in PURE_LAYERS))


def acts(modules: Iterable[Module]) -> Iterator[Finding]:
    """Everything in the modules that touches the world, the present or chance."""
    for module in modules:
        aliases = _aliases(module.tree)
        inside_hash = _lines_of(module.tree, "__hash__")
        for node in ast.walk(module.tree):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in _ACTING_CALLS and name not in aliases:
                    if name == "exec" and module.path in COMPILED_FROM_FIELDS:
                        continue
                    if not (name == "hash" and node.lineno in inside_hash):
                        yield module.finding(node, "acts", f"{name}() {_ACTING_CALLS[name]}")
                case ast.Attribute() | ast.Name(ctx=ast.Load()):
                    yield from _named(module, node, _full_name(node, aliases))
        yield from _dice(module, aliases)


def _named(module: Module, node: ast.AST, name: str) -> Iterator[Finding]:
    root, _, rest = name.partition(".")
    last = name.rpartition(".")[2]
    if root == "datetime" and last in {"now", "utcnow", "today"}:
        yield module.finding(node, "acts", f"{name}: there is no present here; now is an argument")
    elif root == "sys" and rest in _STREAMS:
        yield module.finding(node, "acts", f"{name} belongs to the process, not to this layer")
    elif root == "numpy" and rest in _NUMPY_FILES:
        yield module.finding(node, "acts", f"{name} reads or writes a file")
    elif root == "polars" and rest.startswith(("read_", "scan_")):
        yield module.finding(node, "acts", f"{name} reads a file")
    elif last.startswith(("write_", "sink_")) and "polars" in module.text:
        yield module.finding(node, "acts", f".{last} writes a file")
    elif last in _FILE_METHODS:
        yield module.finding(node, "acts", f".{last} reads or writes a file")


def _dice(module: Module, aliases: Mapping[str, str]) -> Iterator[Finding]:
    """numpy.random anywhere, but for generators with a given seed in the files that may have dice."""
    allowed: set[int] = set()
    if module.path in SEEDED_DICE:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                name = _full_name(node.func, aliases)
                seeded = bool(node.args or node.keywords) and not _is_none(node.args)
                if name.startswith("numpy.random.") and name.rpartition(".")[2] in _SEEDABLE and seeded:
                    allowed.update(id(part) for part in ast.walk(node.func))
        allowed.update(
            id(part)
            for node in ast.walk(module.tree)
            if _full_name(node, aliases) == "numpy.random.Generator"
            for part in ast.walk(node)
        )
    for node in ast.walk(module.tree):
        name = _full_name(node, aliases)
        if name.startswith("numpy.random.") and id(node) not in allowed:
            yield module.finding(node, "acts", f"{name}: dice are given a seed, and live in {', '.join(SEEDED_DICE)}")


def _is_none(arguments: list[ast.expr]) -> bool:
    return bool(arguments) and isinstance(arguments[0], ast.Constant) and arguments[0].value is None


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Local name -> what it stands for, for every import of the file."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    found[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            case ast.ImportFrom(module=str(source), names=names, level=0):
                for alias in names:
                    found[alias.asname or alias.name] = f"{source}.{alias.name}"
    return found


def _full_name(node: ast.AST, aliases: Mapping[str, str]) -> str:
    """'numpy.random.rand' for np.random.rand; '' for what is no dotted name; '.last' for a method of some value."""
    match node:
        case ast.Name(id=name):
            return aliases.get(name, "")
        case ast.Attribute(value=value, attr=attr):
            return f"{_full_name(value, aliases)}.{attr}"
    return ""


def _lines_of(tree: ast.Module, function: str) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def foreign_libraries(root: Path) -> Iterator[Finding]:
    """Third-party imports a layer's line does not name: the contracts list the known, this refuses the unknown."""
    for layer in PURE_LAYERS:
        for module in python_modules(root, f"src/qts/{layer}"):
            for node in ast.walk(module.tree):
                match node:
                    case ast.Import(names=names):
                        imported = [alias.name for alias in names]
                    case ast.ImportFrom(module=str(source), level=0):
                        imported = [source]
                    case _:
                        continue
                for name in imported:
                    top = name.partition(".")[0]
                    if top != "qts" and top not in sys.stdlib_module_names and top not in LIBRARIES[layer]:
                        yield module.finding(node, "library", f"{layer} may not import {top}")
