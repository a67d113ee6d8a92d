"""Strategies from files, and the digest of the code they are made of.

A spec is ``path/to/file.py``, ``path/to/file.py:Class``, or the name of a
catalogue strategy. The file runs once, in a module under a name of its own; it
may import modules that lie beside it. The digest covers the file and every
module it uses that is neither installed nor part of QTS or Python.
"""

import hashlib
import importlib.util
import inspect
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from qts.domain.errors import StrategyError, did_you_mean
from qts.domain.ids import digest
from qts.strategy.strategy import Strategy


@dataclass(frozen=True, slots=True)
class LoadedStrategy:
    """code_digest: of the file the class was defined in and its helpers; '' where there is no source to read."""

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
    return LoadedStrategy(kind, _digest_of(module, source))


def absolute_spec(spec: str) -> str:
    """The same spec with the file's whole path, so that it is found from any folder; a catalogue name stays."""
    path_text, colon, wanted = spec.partition(":")
    return f"{Path(path_text).resolve()}{colon}{wanted}" if path_text.endswith(".py") else spec


def code_digest(kind: type[Strategy]) -> str:
    """Digest of the file that defines a class and its helpers, else of the class's own text (a notebook), else ''."""
    module = sys.modules.get(kind.__module__)
    source = None if module is None else _source_of(module)
    if module is not None and source is not None:
        return _digest_of(module, source)
    try:
        return hashlib.sha256(inspect.getsource(kind).encode()).hexdigest()
    except (OSError, TypeError):
        return ""


def _digest_of(module: ModuleType, source: bytes) -> str:
    """SHA-256 of a module without helpers; with helpers, of its digest and theirs by name."""
    own = hashlib.sha256(source).hexdigest()
    helpers = sorted(_helpers_of(module, {module.__name__}).items())
    return own if not helpers else digest([own, helpers])


def _helpers_of(module: ModuleType, seen: set[str]) -> dict[str, str]:
    """Name and SHA-256 of every module reached from ``module`` that somebody wrote for it."""
    found: dict[str, str] = {}
    for value in list(vars(module).values()):
        helper = value if isinstance(value, ModuleType) else sys.modules.get(getattr(value, "__module__", None) or "")
        if helper is None or helper.__name__ in seen or not _is_own(helper):
            continue
        seen.add(helper.__name__)
        source = _source_of(helper)
        if source is not None:
            found[helper.__name__] = hashlib.sha256(source).hexdigest()
            found |= _helpers_of(helper, seen)
    return found


def _is_own(module: ModuleType) -> bool:
    """Whether a module is neither Python's, nor installed, nor part of QTS."""
    origin = getattr(module, "__file__", None)
    if origin is None or module.__name__.partition(".")[0] == "qts":
        return False
    installed = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return not any(Path(origin).resolve().is_relative_to(Path(folder).resolve()) for folder in installed)


def _source_of(module: ModuleType) -> bytes | None:
    origin = getattr(module, "__file__", None)
    return Path(origin).read_bytes() if origin is not None and Path(origin).is_file() else None


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
    beside = str(path.resolve().parent)
    if beside not in sys.path:
        sys.path.append(beside)
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - running the user's file is the purpose
    except SyntaxError as error:
        raise StrategyError(
            f"{path} is not valid Python: {error.msg}", place=f"{path}:{error.lineno}", next_step="fix the syntax"
        ) from error
    except (Exception, SystemExit) as error:
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
