"""Gates and scores: arithmetic and comparisons over metrics, and nothing else.

    gate  = "sharpe >= 0.8 and (n_trades > 60 or sample_days > 365)"
    score = "sharpe + 0.1 * win_rate - 0.2 * ulcer_index"

A text is cut into the words this grammar knows before Python's parser sees it,
and the tree it returns is walked against a whitelist, so there is no way from a
policy file to a name, an attribute, a call or a subscript. Everything wrong
with a text is a ``PolicyError`` when it is parsed. When it is evaluated, a
missing metric, NaN, a division by zero or an overflow makes the whole answer
``Unanswerable``, whatever the rest of the expression says.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from qts.domain.errors import PolicyError, did_you_mean

LENGTH_MAX = 500
DEPTH_MAX = 32

_WORD = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign><=|>=|==|!=|<|>|\+|-|\*(?!\*)|/(?!/)|\(|\)))",
    re.ASCII,
)
_GRAMMAR = "use metric names, numbers, + - * /, comparisons, and, or, not, and parentheses"


class Kind(StrEnum):
    NUMBER = "number"
    TRUTH = "truth"


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """An expression that has no value on this evidence."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A checked expression. metrics: the names it reads, in order of appearance."""

    text: str
    kind: Kind
    metrics: tuple[str, ...]
    tree: ast.expr = field(repr=False, compare=False)

    def evaluate(
        self, values: Mapping[str, float | None], undefined: Mapping[str, str] | None = None
    ) -> float | bool | Unanswerable:
        """The value on these metrics. undefined: why a metric without a value has none, for the reader."""
        reasons = undefined or {}
        for name in self.metrics:
            value = values.get(name)
            if value is None or not math.isfinite(value):
                why = reasons.get(name) or ("it was not measured" if value is None else f"it is {value}")
                return Unanswerable(f"undefined because {name} is undefined: {why}")
        try:
            return _value(self.tree, values)
        except ZeroDivisionError:
            return Unanswerable("undefined because it divides by zero")
        except OverflowError:
            return Unanswerable("undefined because a result is too large for a number")


def parse_gate(text: str, metrics: frozenset[str]) -> Expression:
    """An expression that is true or false. Raises PolicyError."""
    return _parse(text, metrics, Kind.TRUTH)


def parse_score(text: str, metrics: frozenset[str]) -> Expression:
    """An expression that is a number. Raises PolicyError."""
    return _parse(text, metrics, Kind.NUMBER)


def _parse(text: str, metrics: frozenset[str], wanted: Kind) -> Expression:
    if len(text) > LENGTH_MAX:
        raise PolicyError(f"the expression has {len(text)} characters; at most {LENGTH_MAX} are allowed")
    words = _words(text)
    try:
        tree = ast.parse(" ".join(words), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise PolicyError(f"{text!r} is not an expression", next_step=_GRAMMAR) from None
    names: dict[str, None] = {}
    kind = _kind(tree, text, metrics, names, 1)
    if kind is not wanted:
        example = "a comparison, such as sharpe >= 0.8" if wanted is Kind.TRUTH else "a number, such as sharpe"
        raise PolicyError(f"{text!r} is a {kind}; here it must be {example}")
    return Expression(text=text, kind=kind, metrics=tuple(names), tree=tree)


def _words(text: str) -> list[str]:
    """The words of the grammar, in order; anything between them is refused."""
    words: list[str] = []
    rest = text.rstrip()
    at = depth = unary = 0
    while at < len(rest):
        match = _WORD.match(rest, at)
        if match is None:
            stray = rest[at:].lstrip()[:12]
            raise PolicyError(f"cannot read {stray!r} in {text!r}", next_step=_GRAMMAR)
        word = match[match.lastgroup or 0]
        depth += {"(": 1, ")": -1}.get(word, 0)
        unary = unary + 1 if word in {"-", "+", "not"} else 0
        if max(depth, unary) > DEPTH_MAX:
            raise PolicyError(f"{text!r} is nested deeper than {DEPTH_MAX} levels")
        words.append(word)
        at = match.end()
    if not words:
        raise PolicyError("the expression is empty", next_step=_GRAMMAR)
    return words


_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISON: Final[Mapping[type[ast.cmpop], Callable[[float, float], bool]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_SIGN: Final[Mapping[type[ast.unaryop], Callable[[float], float]]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}


@dataclass(frozen=True, slots=True)
class _Shape:
    """What one node of the tree yields, and what each of its parts has to be."""

    yields: Kind
    takes: Kind
    parts: tuple[ast.expr, ...] = ()


def _shape(tree: ast.expr) -> _Shape | None:
    """The whitelist: a node that is not listed here has no shape."""
    shape = None
    match tree:
        case ast.Constant(value=int() | float()) | ast.Name():
            shape = _Shape(Kind.NUMBER, Kind.NUMBER)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            shape = _Shape(Kind.TRUTH, Kind.TRUTH, (part,))
        case ast.UnaryOp(op=sign, operand=part) if type(sign) in _SIGN:
            shape = _Shape(Kind.NUMBER, Kind.NUMBER, (part,))
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _ARITHMETIC:
            shape = _Shape(Kind.NUMBER, Kind.NUMBER, (left, right))
        case ast.BoolOp(values=parts):
            shape = _Shape(Kind.TRUTH, Kind.TRUTH, tuple(parts))
        case ast.Compare(left=left, ops=ops, comparators=rest) if all(type(op) in _COMPARISON for op in ops):
            shape = _Shape(Kind.TRUTH, Kind.NUMBER, (left, *rest))
    return shape


def _kind(tree: ast.expr, text: str, metrics: frozenset[str], names: dict[str, None], depth: int) -> Kind:
    """What ``tree`` yields. Collects the metrics it reads; raises PolicyError for what may not stand there."""
    shape = _shape(tree)
    if shape is None or depth > 4 * DEPTH_MAX:
        reason = "nested too deeply" if shape is not None else "not allowed here"
        raise PolicyError(f"{text!r} is {reason}", next_step=_GRAMMAR)
    match tree:
        case ast.Name(id=name):
            _refuse_unknown(name, metrics)
            names[name] = None
        case ast.Constant(value=number) if not _is_finite(number):
            raise PolicyError(f"a number in {text!r} is too large")
    for part in shape.parts:
        if _kind(part, text, metrics, names, depth + 1) is not shape.takes:
            have, need = ("a comparison", "a number") if shape.takes is Kind.NUMBER else ("a number", "a comparison")
            raise PolicyError(f"{have} stands where {need} is needed in {text!r}", next_step=_GRAMMAR)
    return shape.yields


def _refuse_unknown(name: str, metrics: frozenset[str]) -> None:
    if name not in metrics:
        raise PolicyError(
            f"there is no metric {name!r}.{did_you_mean(name, sorted(metrics))}",
            next_step=f"known metrics: {', '.join(sorted(metrics))}",
        )


def _is_finite(number: object) -> bool:
    try:
        return math.isfinite(float(str(number)))
    except (ValueError, OverflowError):
        return False


def _value(tree: ast.expr, values: Mapping[str, float | None]) -> float | bool:
    """The value of a tree that ``_kind`` has passed. Raises ZeroDivisionError and OverflowError."""
    parts = [_value(part, values) for part in _parts(tree)]
    answer: float | bool = False
    match tree:
        case ast.Constant(value=int() | float() as number):
            answer = float(number)
        case ast.Name(id=name):
            answer = float(values[name] or 0.0)
        case ast.UnaryOp(op=op):
            answer = not parts[0] if isinstance(op, ast.Not) else _SIGN[type(op)](parts[0])
        case ast.BinOp(op=op):
            answer = _ARITHMETIC[type(op)](*parts)
            if not math.isfinite(answer):
                raise OverflowError
        case ast.BoolOp(op=op):
            answer = all(parts) if isinstance(op, ast.And) else any(parts)
        case ast.Compare(ops=ops):
            pairs = zip(ops, parts[:-1], parts[1:], strict=True)
            answer = all(_COMPARISON[type(op)](left, right) for op, left, right in pairs)
    return answer


def _parts(tree: ast.expr) -> tuple[ast.expr, ...]:
    shape = _shape(tree)
    assert shape is not None, f"{type(tree).__name__} passed the whitelist and cannot be evaluated"
    return shape.parts
