"""The protocol a strategy follows: a small class with plain fields and one method.

    class Cross(Strategy):
        interval = "4h"
        fast: int = 20          # annotated fields are parameters
        slow: int = 50

        def on_bar(self, view): ...

A strategy is asked once a bar, at its close, with everything known by then. It
does not know other strategies, the stage, the broker or the wall clock. State
of its own goes into attributes set in ``on_start``.
"""

import dataclasses
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, dataclass_transform

from qts.domain.errors import StrategyError, did_you_mean
from qts.domain.fill import Fill
from qts.market.view import View
from qts.strategy.intent import Answer


@dataclass_transform(kw_only_default=True, eq_default=False)
class Strategy:
    """Base of all strategies. Subclasses become keyword-only dataclasses by themselves.

    symbols: what it trades; empty means whatever the run names.
    interval: the bars it is made for, such as '4h'; empty means any.
    warmup: bars to pass before it is first asked.
    """

    symbols: ClassVar[tuple[str, ...]] = ()
    interval: ClassVar[str] = ""
    warmup: ClassVar[int] = 0

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclasses.dataclass(kw_only=True, eq=False)(cls)

    def on_start(self) -> None:
        """Called once before the first bar of a run. State of a former run must be reset here."""

    def on_bar(self, view: View) -> Answer:  # noqa: ARG002
        """What to do now that this bar has closed; None is silence."""
        raise StrategyError(f"{type(self).__name__} has no on_bar")

    def on_fill(self, fill: Fill) -> None:
        """Called for each of the strategy's own fills, before the ``on_bar`` of the same bar."""

    def parameters(self) -> dict[str, Any]:
        """Field names and values, in order of declaration."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.init}  # type: ignore[arg-type]

    @classmethod
    def with_parameters(cls, given: Mapping[str, object]) -> "Strategy":
        """An instance with the given parameters; text is read as the field's declared type.

        Raises StrategyError for a name the strategy does not have or a value of another kind.
        """
        kinds = {field.name: field.type for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]
        for name in given:
            if name not in kinds:
                raise StrategyError(
                    f"{cls.__name__} has no parameter {name!r}.{did_you_mean(name, kinds)}",
                    next_step=f"its parameters are: {', '.join(kinds) or 'none'}",
                )
        fields = [field for field in dataclasses.fields(cls) if field.init]  # type: ignore[arg-type]
        without = {f.name for f in fields if f.default is f.default_factory is dataclasses.MISSING}
        for name in kinds:
            if name in without and name not in given:
                raise StrategyError(
                    f"{cls.__name__} needs a value for its parameter {name!r}",
                    next_step=f"give it as --param {name}=VALUE, or give the field a default in the class",
                )
        return cls(**{name: _as_declared(cls, name, kinds[name], value) for name, value in given.items()})


_READERS: Mapping[str, Any] = {"int": int, "float": float, "str": str, "Decimal": Decimal}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _as_declared(owner: type[Strategy], name: str, declared: object, value: object) -> object:
    kind = declared if isinstance(declared, str) else getattr(declared, "__name__", str(declared))
    try:
        if kind == "bool":
            return value if isinstance(value, bool) else _TRUTH[str(value).lower()]
        if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if kind in _READERS and isinstance(value, str):
            value = _READERS[kind](value)
        known = not isinstance(value, float | Decimal) or math.isfinite(value)
        if known and (kind not in _READERS or type(value).__name__ == kind):
            return value
    except (ValueError, KeyError, ArithmeticError):
        pass
    raise StrategyError(
        f"{owner.__name__}: parameter {name} must be {kind}, not {value!r}",
        next_step=f"give it as --param {name}=VALUE with a value of kind {kind}",
    )
