"""One strategy for each way to fail, with the cause it is halted for and words of what is said."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from qts.market.view import View
from qts.strategy.intent import Action, Answer, Intent, Targets, buy
from qts.strategy.multiplexer import HaltCause
from qts.strategy.strategy import Strategy
from tests.strategy.rounds import WISH, X


class Raises(Strategy):
    """Raises what its ``error`` makes."""

    error: ClassVar[type[BaseException]] = ValueError

    def on_bar(self, view: View) -> Answer:
        raise self.error


class Leaves(Raises):
    error = SystemExit


class EatsMemory(Raises):
    error = MemoryError


class EndsTheGenerator(Raises):
    error = GeneratorExit


class OwnBase(BaseException):
    pass


class RaisesItsOwn(Raises):
    error = OwnBase


class Recurses(Strategy):
    def on_bar(self, view: View) -> Answer:
        return self.on_bar(view)


class MumblingError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class RaisesTheUnsayable(Raises):
    error = MumblingError


class SaysNan(Strategy):
    def on_bar(self, view: View) -> Answer:
        return buy(quantity=float("nan"))


class SaysDecimalNan(Strategy):
    def on_bar(self, view: View) -> Answer:
        return Intent(Action.BUY, quantity=Decimal("NaN"))


class WeighsNan(Strategy):
    def on_bar(self, view: View) -> Answer:
        return buy(weight=float("inf"))


class TargetsNan(Strategy):
    def on_bar(self, view: View) -> Answer:
        return Targets({X: float("nan")})


class TargetsTurnNan(Strategy):
    """The mapping is changed after it was checked."""

    def on_bar(self, view: View) -> Answer:
        weights = {X: 0.5}
        said = Targets(weights)
        weights[X] = float("nan")
        return said


class SaysText(Strategy):
    def on_bar(self, view: View) -> Any:
        return "buy"


class SaysTrue(Strategy):
    def on_bar(self, view: View) -> Any:
        return True


class SaysTextInAList(Strategy):
    def on_bar(self, view: View) -> Any:
        return [buy(quantity=1), "sell"]


class Yields(Strategy):
    def on_bar(self, view: View) -> Any:
        yield buy(quantity=1)


class Awaits(Strategy):
    async def on_bar(self, view: View) -> Any:  # type: ignore[override]
        return buy(quantity=1)


class ActsOddly(Strategy):
    def on_bar(self, view: View) -> Answer:
        return Intent("bogus")  # type: ignore[arg-type]


class OtherSymbol(Strategy):
    def on_bar(self, view: View) -> Answer:
        return buy("BTCUSDT", quantity=1)


class OtherTarget(Strategy):
    def on_bar(self, view: View) -> Answer:
        return Targets({"xyzusdt": 1.0})


class Trap(Mapping[str, float]):
    """Harmless while it is made, not when it is read again."""

    def __init__(self) -> None:
        self.reads = 0

    def __getitem__(self, key: str) -> float:
        self.reads += 1
        if self.reads > 1:
            raise ZeroDivisionError
        return 1.0

    def __iter__(self) -> Iterator[str]:
        return iter([X])

    def __len__(self) -> int:
        return 1


class SetsATrap(Strategy):
    def on_bar(self, view: View) -> Answer:
        return Targets(Trap())


class LazyList(list):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        raise ZeroDivisionError

    def __len__(self) -> int:
        return 0


class SaysMillions(Strategy):
    def on_bar(self, view: View) -> Answer:
        return [WISH] * 1_000_000


class SaysMillionsQuietly(Strategy):
    def on_bar(self, view: View) -> Answer:
        return LazyList([WISH] * 1_000)


class ForgetsTheTime(Strategy):
    """Asks for more than a view shows."""

    def on_bar(self, view: View) -> Answer:
        view.closes(-1)
        return None


FAULTS: dict[type[Strategy], tuple[HaltCause, str]] = {
    Raises: (HaltCause.EXCEPTION, "ValueError"),
    Leaves: (HaltCause.EXCEPTION, "SystemExit"),
    EatsMemory: (HaltCause.EXCEPTION, "MemoryError"),
    EndsTheGenerator: (HaltCause.EXCEPTION, "GeneratorExit"),
    RaisesItsOwn: (HaltCause.EXCEPTION, "OwnBase"),
    Recurses: (HaltCause.EXCEPTION, "RecursionError"),
    RaisesTheUnsayable: (HaltCause.EXCEPTION, "MumblingError"),
    ForgetsTheTime: (HaltCause.EXCEPTION, "looks beyond the view"),
    SetsATrap: (HaltCause.EXCEPTION, "ZeroDivisionError"),
    SaysNan: (HaltCause.NOT_A_NUMBER, "quantity is nan"),
    SaysDecimalNan: (HaltCause.NOT_A_NUMBER, "quantity must be above 0, not NaN"),
    WeighsNan: (HaltCause.NOT_A_NUMBER, "not inf"),
    TargetsNan: (HaltCause.NOT_A_NUMBER, "not nan"),
    TargetsTurnNan: (HaltCause.NOT_A_NUMBER, "not nan"),
    SaysText: (HaltCause.WRONG_TYPE, "returned a str"),
    SaysTrue: (HaltCause.WRONG_TYPE, "returned a bool"),
    SaysTextInAList: (HaltCause.WRONG_TYPE, "a list with a str in it"),
    Yields: (HaltCause.WRONG_TYPE, "returned a generator"),
    Awaits: (HaltCause.WRONG_TYPE, "returned a coroutine"),
    ActsOddly: (HaltCause.WRONG_TYPE, ""),
    OtherSymbol: (HaltCause.WRONG_TYPE, "speaks of 'BTCUSDT'"),
    OtherTarget: (HaltCause.WRONG_TYPE, "target for 'xyzusdt'"),
    SaysMillions: (HaltCause.FLOOD, "1000000 intents"),
    SaysMillionsQuietly: (HaltCause.FLOOD, "1000 intents"),
}
