"""What a strategy may say: an intent, or the weights it wants to hold.

Intents carry wishes, not orders: quantities may be left open (the two-percent
rule sizes them from the stop) and prices need not lie on a grid. They are
checked when they are made, so a NaN is caught on the line that returned it.

Build them with ``buy``, ``sell``, ``close`` and ``protect``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from numbers import Real
from typing import Any, TypeAlias, TypedDict, Unpack

from qts.domain.errors import StrategyError, did_you_mean
from qts.domain.money import ZERO, computed, exact
from qts.domain.plain_enum import plain_members
from qts.domain.value import value

Number: TypeAlias = float | int | Decimal

_NUMBER_MAX = 10**18
_AMOUNT_MAX = Decimal(_NUMBER_MAX)
"""Beyond any price, quantity or weight there is; what is larger is a mistake and does not fit exact arithmetic."""


_AMOUNTS = ("quantity", "limit", "trigger", "stop_loss", "take_profit")
_NUMBERS = frozenset({int, float, Decimal})
"""What a number mostly is; whether something else is one is the slower question."""
_BUILD = "build intents with buy(), sell(), close() and protect(): they take any number"


ALGORITHMS = ("single", "twap", "vwap", "iceberg")
"""How an order may be worked; what each of them does: execution/stages/order_split.py."""

_BARS_MAX = 100_000
"""The longest spread of an order; more is a mistake."""


class NotANumber(StrategyError):  # noqa: N818 - says what it is; a computation went wrong upstream of the wish
    """A wish with NaN or an infinity in it."""


@plain_members
class Action(StrEnum):
    BUY = "buy"
    SELL = "sell"
    CLOSE = "close"
    PROTECT = "protect"


@value
class Intent:
    """One wish on one symbol.

    quantity: base units. weight: fraction of the strategy's equity as notional.
    At most one of them; with neither, the quantity follows from the distance to
    ``stop_loss`` by the two-percent rule, and what opposes is closed first.
    limit: highest price to buy, lowest to sell at. trigger: price whose touch
    turns the order into a market order. Neither: at market.
    stop_loss, take_profit: the protective pair to place with the fill.
    good_for_bars: how many bars a limit or trigger order lives, 1 or more; one
    that is spread lives so long after its spread.
    over_bars: how many bars the order is spread over, 0 for at once. algorithm: one
    of ``ALGORITHMS``, None leaves it to the rule. urgent: a spread takes half the time.
    """

    action: Action
    symbol: str | None = None
    quantity: Decimal | None = None
    weight: float | None = None
    limit: Decimal | None = None
    trigger: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    good_for_bars: int = 1
    reason: str = ""
    over_bars: int = 0
    algorithm: str | None = None
    urgent: bool = False

    @property
    def says_how(self) -> bool:
        """Whether it says anything about how its order is worked."""
        return self.over_bars != 0 or self.algorithm is not None or self.urgent is not False

    def __post_init__(self) -> None:
        if not self.quantity is self.limit is self.trigger is self.stop_loss is self.take_profit is None:
            self._refuse_bad_amounts()
        if self.weight is not None:
            self._refuse_bad_weight(self.weight)
        if type(self.good_for_bars) is not int:
            raise StrategyError(f"{self.action}: good_for_bars must be a whole number, not {self.good_for_bars!r}")
        if not (isinstance(self.reason, str) and (self.symbol is None or isinstance(self.symbol, str))):
            what = "symbol" if isinstance(self.reason, str) else "reason"
            raise StrategyError(f"{self.action}: {what} must be text, not {getattr(self, what)!r}")
        if self.quantity is not None and self.weight is not None:
            raise StrategyError(f"{self.action}: give a quantity or a weight, not both")
        if self.limit is not None and self.trigger is not None:
            raise StrategyError(f"{self.action}: an order has a limit or a trigger, not both")
        if self.good_for_bars < 1:
            raise StrategyError(f"{self.action}: good_for_bars must be 1 or more, not {self.good_for_bars}")
        if self.says_how or type(self.over_bars) is not int:
            self._refuse_bad_working()

    def _refuse_bad_weight(self, weight: float) -> None:
        if not (_is_finite(weight) and 0 < weight <= _NUMBER_MAX):
            raise _kind_of(weight)(f"{self.action}: weight must be a number above 0, not {weight!r}")
        if type(weight) not in _NUMBERS:
            object.__setattr__(self, "weight", float(weight))  # a number of some other library

    def _refuse_bad_working(self) -> None:
        bars, algorithm = self.over_bars, self.algorithm
        if type(bars) is not int or not 0 <= bars <= _BARS_MAX:
            raise StrategyError(f"{self.action}: over_bars must be a whole number from 0 to {_BARS_MAX}, not {bars!r}")
        if type(self.urgent) is not bool:
            raise StrategyError(f"{self.action}: urgent must be True or False, not {self.urgent!r}")
        if algorithm is not None and not isinstance(algorithm, str):
            raise StrategyError(f"{self.action}: algorithm must be text, not {algorithm!r}")
        if algorithm is not None and algorithm not in ALGORITHMS:
            raise StrategyError(
                f"{self.action}: there is no algorithm {algorithm!r}.{did_you_mean(algorithm, ALGORITHMS)}",
                next_step=f"it is one of: {', '.join(ALGORITHMS)}",
            )
        if self.trigger is not None and (bars > 0 or algorithm not in (None, "single")):
            raise StrategyError(
                f"{self.action}: a trigger order waits for its trigger as one order and cannot be split",
                next_step="leave out over_bars and algorithm, or the trigger",
            )
        if algorithm in ("twap", "vwap") and bars == 0:
            raise StrategyError(
                f"{self.action}: {algorithm} spreads an order over time and needs over_bars of 1 or more",
                next_step=f'say for example algorithm="{algorithm}", over_bars=5',
            )
        if algorithm in ("single", "iceberg") and bars > 0:
            raise StrategyError(
                f"{self.action}: {algorithm} is not spread over time, and over_bars is {bars}",
                next_step='leave over_bars out, or say algorithm="twap"',
            )

    def _refuse_bad_amounts(self) -> None:
        for name in _AMOUNTS:
            amount = getattr(self, name)
            if amount is None:
                continue
            if not isinstance(amount, Decimal):
                raise StrategyError(f"{self.action}: {name} must be a Decimal, not {amount!r}", next_step=_BUILD)
            if not (amount.is_finite() and ZERO < amount <= _AMOUNT_MAX):
                kind = StrategyError if amount.is_finite() else NotANumber
                raise kind(f"{self.action}: {name} must be above 0, not {amount}")


@dataclass(frozen=True, slots=True)
class Targets:
    """Weights to hold from now on: symbol to signed fraction of equity, 1.0 = long one times equity, -0.5 = short half.

    Symbols left out are left alone; 0 closes. Said again unchanged it still
    rebalances, since prices moved the weights; a change too small for an order is skipped.
    """

    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        for symbol, weight in self.weights.items():
            if not (_is_finite(weight) and abs(weight) <= _NUMBER_MAX):
                raise _kind_of(weight)(f"target weight of {symbol} must be a finite number, not {weight!r}")


Answer: TypeAlias = Intent | Targets | list[Intent] | tuple[Intent, ...] | None


class _Wishes(TypedDict, total=False):
    quantity: Number | None
    weight: float | None
    limit: Number | None
    trigger: Number | None
    stop_loss: Number | None
    take_profit: Number | None
    good_for_bars: int
    reason: str
    over_bars: int
    algorithm: str | None
    urgent: bool


_KNOWN = frozenset(_Wishes.__annotations__)


def buy(symbol: str | None = None, **wishes: Unpack[_Wishes]) -> Intent:
    """Buy: opens or adds to a long; a short is closed first. See ``Intent`` for the wishes."""
    return _trade(Action.BUY, symbol, wishes)


def sell(symbol: str | None = None, **wishes: Unpack[_Wishes]) -> Intent:
    """Sell: opens or adds to a short; a long is closed first. See ``Intent`` for the wishes."""
    return _trade(Action.SELL, symbol, wishes)


def _trade(action: Action, symbol: str | None, wishes: _Wishes) -> Intent:
    if not _KNOWN.issuperset(wishes):
        known = _Wishes.__annotations__
        unknown = sorted(set(wishes) - set(known))
        raise StrategyError(
            f"{action}() does not know {unknown[0]!r}.{did_you_mean(unknown[0], known)}",
            next_step=f"it takes: {', '.join(known)}",
        )
    made: dict[str, Any] = dict(wishes)
    for name in _AMOUNTS:
        if name in made:
            made[name] = _amount(name, made[name])
    return Intent(action, symbol, **made)


def close(
    symbol: str | None = None,
    *,
    limit: Number | None = None,
    reason: str = "",
    over_bars: int = 0,
    algorithm: str | None = None,
    urgent: bool = False,
) -> Intent:
    """Close this strategy's whole position on the symbol; silently nothing when it is flat.

    At market it overtakes what the same answer says at market before it, which is then not traded at all.
    """
    return Intent(
        action=Action.CLOSE,
        symbol=symbol,
        limit=_amount("limit", limit),
        reason=reason,
        over_bars=over_bars,
        algorithm=algorithm,
        urgent=urgent,
    )


def protect(symbol: str | None = None, *, stop_loss: Number | None = None, take_profit: Number | None = None) -> Intent:
    """Move the protective pair of an open position; a price left out stays as it is."""
    return Intent(
        action=Action.PROTECT,
        symbol=symbol,
        stop_loss=_amount("stop_loss", stop_loss),
        take_profit=_amount("take_profit", take_profit),
    )


def _amount(name: str, value: Number | None) -> Decimal | None:
    if value is None:
        return None
    if type(value) not in _NUMBERS and (isinstance(value, bool) or not isinstance(value, Real | Decimal)):
        raise StrategyError(f"{name} must be a number, not {value!r}")
    if not math.isfinite(value):
        raise NotANumber(f"{name} is {value}", next_step="check the feature it was computed from")
    return exact(value) if isinstance(value, int | Decimal) else computed(float(value))


def _is_finite(value: object) -> bool:
    """Whether it is a real number of any library; True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _kind_of(value: object) -> type[StrategyError]:
    """What a value that is no good is refused as: NaN and infinities by their own name."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return NotANumber if is_number and not _is_finite(value) else StrategyError
