"""What a strategy's child process and its parent say to each other: frames of JSON, made of plain fields.

A frame is the length of its body in four bytes, high byte first, and the body.
Decimals travel as text, floats as their shortest text, so every value arrives
as it left. What arrives is built anew by the constructors that check it; a
frame that cannot be read raises ``WireError``. Nothing is ever unpickled.

Parent to child, each with its number ``n``: start (strategy file and class,
parameters, symbols, history), bar (one closed bar per symbol and the holding),
fill. Child to parent, with the same ``n``: what was said per symbol, or the halt.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

import numpy as np

from qts.domain.book import Holding
from qts.domain.errors import StrategyError
from qts.domain.fill import Cause, Fill, Liquidity
from qts.domain.instant import Instant
from qts.domain.order import Side
from qts.market.bars import PRICE_COLUMNS, Bars
from qts.strategy.intent import Action, Intent, NotANumber, Targets
from qts.strategy.multiplexer import HaltCause, Halted, Round, Said

HEADER: Final = struct.Struct(">I")
_COLUMNS: Final = (*PRICE_COLUMNS, "volume")
_AMOUNTS: Final = ("quantity", "limit", "trigger", "stop_loss", "take_profit")
_INTENT: Final = frozenset(field.name for field in fields(Intent))
_DETAIL_MAX: Final = 1_000


class WireError(Exception):
    """What arrived is not a message. cause: NONSENSE, or NOT_A_NUMBER when a wish had one in it."""

    def __init__(self, words: str, cause: HaltCause = HaltCause.NONSENSE) -> None:
        super().__init__(words)
        self.cause = cause


def framed(message: Mapping[str, object]) -> bytes:
    body = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
    return HEADER.pack(len(body)) + body


def message_of(body: bytes | bytearray) -> dict[str, Any]:
    """The message of a frame's body. Raises WireError."""
    try:
        message = json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise WireError(f"is no JSON: {type(error).__name__}") from None
    if not isinstance(message, dict):
        raise WireError(f"is a {type(message).__name__}, not an object")
    return message


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


# -- parent to child ----------------------------------------------------------------


def parameters_as_fields(parameters: Mapping[str, object]) -> dict[str, object]:
    """Raises StrategyError for a parameter that is no number, text, truth value, None or tuple of them."""
    return {name: _parameter_as_field(name, given) for name, given in parameters.items()}


def _parameter_as_field(name: str, given: object) -> object:
    match given:
        case None | bool() | int() | str():
            return given
        case float() if math.isfinite(given):
            return float(given)
        case Decimal():
            return {"decimal": str(given)}
        case tuple() | list():
            return {"tuple": [_parameter_as_field(name, each) for each in given]}
    raise StrategyError(
        f"parameter {name} is a {type(given).__name__} and cannot be sent to the strategy's own process",
        next_step="give numbers, text or tuples of them; let the strategy's file load the rest",
    )


def parameters_of(sent: Mapping[str, Any]) -> dict[str, object]:
    return {name: _parameter_of(each) for name, each in sent.items()}


def _parameter_of(sent: Any) -> object:
    if not isinstance(sent, dict):
        return sent
    return Decimal(sent["decimal"]) if "decimal" in sent else tuple(_parameter_of(each) for each in sent["tuple"])


def bars_as_fields(bars: Bars) -> dict[str, object]:
    columns = {name: getattr(bars, name).tolist() for name in _COLUMNS}
    return {"interval_ms": bars.interval_ms, "opened_at": bars.opened_at.tolist(), **columns}


def bars_of(symbol: str, sent: Mapping[str, Any]) -> Bars:
    return Bars(
        symbol=symbol,
        interval_ms=sent["interval_ms"],
        opened_at=np.array(sent["opened_at"], dtype=np.int64),
        **{name: np.array(sent[name], dtype=np.float64) for name in _COLUMNS},
    )


def holding_as_fields(holding: Holding) -> list[object]:
    return [str(holding.position), holding.entry_price, holding.wallet, holding.size, holding.basis]


def holding_of(sent: list[Any]) -> Holding:
    return Holding(Decimal(sent[0]), *sent[1:])


def fill_as_fields(fill: Fill) -> dict[str, object]:
    return {
        field.name: str(held) if isinstance(held := getattr(fill, field.name), Decimal) else held
        for field in fields(Fill)
    }


def fill_of(sent: Mapping[str, Any]) -> Fill:
    given: dict[str, Any] = dict(sent)
    for name in ("quantity", "price", "reference_price", "fee", "realized_pnl"):
        given[name] = Decimal(given[name])
    given["side"], given["cause"] = Side(given["side"]), Cause(given["cause"])
    given["liquidity"] = Liquidity(given["liquidity"])
    return Fill(**given)


# -- child to parent ----------------------------------------------------------------


def round_as_fields(said: Round) -> dict[str, object]:
    halted = [[each.symbol, str(each.cause), each.detail[:_DETAIL_MAX]] for each in said.halted[:1]]
    return {"said": [[each.symbol, _answer_as_fields(each.answer)] for each in said.answers], "halted": halted}


def _answer_as_fields(answer: tuple[Intent, ...] | Targets) -> dict[str, object]:
    if isinstance(answer, Targets):
        return {"targets": {symbol: _plain_number(weight) for symbol, weight in answer.weights.items()}}
    return {"intents": [_intent_as_fields(each) for each in answer]}


def _plain_number(number: float) -> float:
    return number if type(number) in (int, float) else float(number)


def _intent_as_fields(intent: Intent) -> dict[str, object]:
    sent = {name: getattr(intent, name) for name in _INTENT}
    for name in _AMOUNTS:
        if sent[name] is not None:
            sent[name] = str(sent[name])
    if intent.weight is not None:
        sent["weight"] = _plain_number(intent.weight)
    return sent


def round_of(sent: Mapping[str, Any], strategy_id: str, symbols: frozenset[str], now: Instant) -> Round:
    """What a child said, checked like a stranger's word: by symbol, every value built anew. Raises WireError."""
    try:
        halted = [Halted(strategy_id, _symbol(s, symbols), HaltCause(c), _text(d)) for s, c, d in sent["halted"]]
        if len(halted) > 1:
            raise WireError("says twice that it was halted")
        said = [_said_of(strategy_id, symbols, *each) for each in sent["said"]]
    except NotANumber as error:
        raise WireError(error.cause, HaltCause.NOT_A_NUMBER) from None
    except (StrategyError, KeyError, TypeError, ValueError, InvalidOperation, AttributeError) as error:
        raise WireError(f"does not read as an answer: {type(error).__name__} {str(error)[:200]}") from None
    if len({each.symbol for each in said}) < len(said):
        raise WireError("answers twice for one symbol")
    answers = () if halted else tuple(sorted(said, key=lambda each: each.symbol))
    return Round(now, answers, tuple(halted))


def _symbol(sent: object, symbols: frozenset[str]) -> str:
    if not isinstance(sent, str) or sent not in symbols:
        raise WireError("speaks of a symbol it was not asked about")
    return sent


def _text(sent: object) -> str:
    if not isinstance(sent, str):
        raise WireError("says no text where text belongs")
    return sent[:_DETAIL_MAX]


def _said_of(strategy_id: str, symbols: frozenset[str], symbol: object, answer: Mapping[str, Any]) -> Said:
    about = _symbol(symbol, symbols)
    if set(answer) == {"targets"}:
        weights = {_symbol(each, frozenset({about})): weight for each, weight in answer["targets"].items()}
        return Said(strategy_id, about, Targets(weights))
    if set(answer) != {"intents"} or not answer["intents"]:
        raise WireError("says neither intents nor targets")
    return Said(strategy_id, about, tuple(_intent_of(each, about) for each in answer["intents"]))


def _intent_of(sent: Mapping[str, Any], about: str) -> Intent:
    if set(sent) != _INTENT:
        raise WireError("says an intent of other fields")
    given = dict(sent)
    given["action"] = Action(sent["action"])
    if sent["symbol"] is not None:
        given["symbol"] = _symbol(sent["symbol"], frozenset({about}))
    for name in _AMOUNTS:
        if sent[name] is not None:
            given[name] = Decimal(_text(sent[name]))
    if isinstance(sent["weight"], bool):
        raise WireError("says a truth value where a number belongs")
    return Intent(**given)
