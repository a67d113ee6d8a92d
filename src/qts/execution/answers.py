"""The intents that an answer stands for, in order, less those that come to nothing.

Target weights become the trades that lead to them. What is said at market before
a last ``close()`` at market comes to nothing: that ends flat, whatever else would
have been bought or sold, and nobody pays for the way there and back.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from qts.domain.errors import StrategyError
from qts.domain.instrument import Instrument
from qts.domain.money import ZERO, exact
from qts.strategy.intent import Action, Answer, Intent, Targets

_RETURN = "return buy(...), sell(...), close(), protect(...), Targets({...}), a list of intents, or None"


def intents_of(
    answer: Answer, instrument: Instrument, *, equity: Decimal, coming: Decimal, price: Decimal
) -> Sequence[Intent]:
    """Raises StrategyError for an answer nobody may give, and for one that speaks of another symbol.

    coming: the position with all that fills at the next opens, signed base units. price: the last, quote per base.
    """
    match answer:
        case Intent():
            said: tuple[Intent, ...] = (answer,)
        case None:
            return ()
        case Targets():
            said = tuple(_rebalancing(answer, instrument, equity, coming, price))
        case list() | tuple() if all(isinstance(item, Intent) for item in answer):
            said = tuple(answer)
        case _:
            raise StrategyError(f"on_bar returned {type(answer).__name__} {answer!r}", next_step=_RETURN)
    for intent in said:
        if intent.symbol is not None and intent.symbol != instrument.symbol:
            raise StrategyError(
                f"the strategy speaks of {intent.symbol!r}, the run trades {instrument.symbol}",
                next_step="leave the symbol out, or run the strategy on that symbol's data",
            )
    return said if len(said) < 2 else _standing(said)


def _rebalancing(
    targets: Targets, instrument: Instrument, equity: Decimal, coming: Decimal, price: Decimal
) -> Iterator[Intent]:
    """The orders that take the position to its weight; changes below the instrument's minimum are skipped."""
    for symbol, weight in targets.weights.items():
        if symbol != instrument.symbol:
            yield Intent(action=Action.CLOSE, symbol=symbol)  # refused by name, whatever the weight
            continue
        if weight == 0:
            yield Intent(action=Action.CLOSE, reason="target 0")
            continue
        change = exact(float(weight)) * equity / price - coming
        quantity = instrument.quantity_down(abs(change))
        if quantity * price >= instrument.notional_min and quantity > ZERO:
            action = Action.BUY if change > 0 else Action.SELL
            yield Intent(action=action, symbol=symbol, quantity=quantity, reason=f"target {weight}")


def _standing(said: tuple[Intent, ...]) -> tuple[Intent, ...]:
    closes = [place for place, each in enumerate(said) if _closes_at_once(each)]
    last = closes[-1] if closes else 0
    return tuple(each for place, each in enumerate(said) if place >= last or not _is_at_market(each))


def _closes_at_once(intent: Intent) -> bool:
    return intent.action is Action.CLOSE and _is_at_market(intent) and not intent.over_bars


def _is_at_market(intent: Intent) -> bool:
    return intent.action is not Action.PROTECT and intent.limit is None and intent.trigger is None
