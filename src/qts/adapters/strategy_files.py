"""Strategies from files, and the digest of the code they are made of.

A spec is ``path/to/file.py``, ``path/to/file.py:Class``, or the name of a
catalogue strategy. The file runs once, in a module of its own; nothing of it
stays behind in ``sys.modules`` under a name it could collide with.
"""

import hashlib
import importlib.util
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from qts.domain.errors import StrategyError, did_you_mean
from qts.strategy.strategy import Strategy


@dataclass(frozen=True, slots=True)
class LoadedStrategy:
    """code_digest: SHA-256 of the file the class was defined in; '' where there is no source to read."""

    kind: type[Strategy]
    code_digest: str


def load_strategy(spec: str) -> LoadedStrategy:
    """Raises StrategyError naming file and line for whatever is wrong with the file."""
    path_text, _, wanted = spec.partition(":")
    if not path_text.endswith(".py"):
        return _from_catalogue(spec)
    path = Path(path_text)
    try:
        source = path.read_bytes()
    except OSError as error:
        raise StrategyError(
            f"cannot read {path}: {error.strerror}", next_step="give the path of a Python file with a Strategy in it"
        ) from error
    module = _executed(path, source)
    kind = _chosen(path, module, wanted)
    return LoadedStrategy(kind, hashlib.sha256(source).hexdigest())


def code_digest(kind: type[Strategy]) -> str:
    """SHA-256 of the file that defines a class, else of the class's own text (a notebook), else the empty text."""
    module = sys.modules.get(kind.__module__)
    origin = getattr(module, "__file__", None)
    if origin is not None and Path(origin).is_file():
        return hashlib.sha256(Path(origin).read_bytes()).hexdigest()
    try:
        return hashlib.sha256(inspect.getsource(kind).encode()).hexdigest()
    except (OSError, TypeError):
        return ""


def _from_catalogue(name: str) -> LoadedStrategy:
    from qts.strategy.catalogue import CATALOGUE

    if name not in CATALOGUE:
        raise StrategyError(
            f"there is no strategy {name!r}.{did_you_mean(name, CATALOGUE)}",
            next_step=f"give a file such as my_strategy.py, or one of: {', '.join(CATALOGUE)}",
        )
    return LoadedStrategy(CATALOGUE[name], code_digest(CATALOGUE[name]))


def _executed(path: Path, source: bytes) -> ModuleType:
    name = f"qts_strategy_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(path))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - running the user's file is the purpose
    except SyntaxError as error:
        raise StrategyError(
            f"{path} is not valid Python: {error.msg}", place=f"{path}:{error.lineno}", next_step="fix the syntax"
        ) from error
    except Exception as error:
        line = _last_line_in(error, str(path))
        raise StrategyError(
            f"{path} raised {type(error).__name__} while it was loaded: {error}",
            place=f"{path}:{line}",
            next_step="fix the file; it must import without side effects",
        ) from error
    return module


def _last_line_in(error: BaseException, path: str) -> int:
    line, frame = 0, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == path:
            line = frame.tb_lineno
        frame = frame.tb_next
    return line


def _chosen(path: Path, module: ModuleType, wanted: str) -> type[Strategy]:
    own = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == module.__name__
    }
    if wanted:
        if wanted not in own:
            raise StrategyError(
                f"{path} has no strategy {wanted!r}.{did_you_mean(wanted, own)}",
                next_step=f"it defines: {', '.join(own) or 'none'}",
            )
        return own[wanted]
    if len(own) != 1:
        found = "no class derived from Strategy" if not own else f"{len(own)} strategies: {', '.join(own)}"
        example = f"{path}:{next(iter(own))}" if own else "class MyStrategy(Strategy): ..."
        raise StrategyError(f"{path} defines {found}", next_step=f"name exactly one, such as {example}")
    return next(iter(own.values()))
