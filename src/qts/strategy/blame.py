"""Whose line it was: the place in a strategy's own code that an error came through, or where it answers."""

from inspect import unwrap
from types import TracebackType

from qts.domain.errors import QtsError

_WORDS_MAX = 300


def own_line(error: BaseException, module: str) -> str:
    """'file.py:12' of the innermost frame that belongs to ``module``, '' when there is none."""
    found = ""
    frame: TracebackType | None = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_globals.get("__name__") == module:
            found = f"{frame.tb_frame.f_code.co_filename.rpartition('/')[2]}:{frame.tb_lineno}"
        frame = frame.tb_next
    return found


def answering_line(kind: type) -> str:
    """'file.py:12' where a strategy's ``on_bar`` begins, '' for one that is not written in Python."""
    code = getattr(unwrap(kind.on_bar), "__code__", None)  # type: ignore[attr-defined]
    return "" if code is None else f"{code.co_filename.rpartition('/')[2]}:{code.co_firstlineno}"


def told_briefly(error: BaseException) -> str:
    """'ValueError: its words', cut short; the kind alone when it cannot say any, the cause alone when it is ours."""
    kind = type(error).__name__
    if isinstance(error, QtsError):
        return error.cause[:_WORDS_MAX]
    try:
        words = str(error)
    except Exception:
        return kind
    if len(words) > _WORDS_MAX:
        words = f"{words[:_WORDS_MAX]}..."
    return f"{kind}: {words}" if words else kind
